"""The dataset and the protocol given to ``fer data VERB``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from fer_plugins.commands.settings import Installed, SettingsVerb
from fer_plugins.commands.usage import refuse
from fer_plugins.config import registry
from fer_plugins.config.idle_options import refuse_idle_seed
from fer_plugins.runtime.errors import InputError


@dataclass
class NamedDataset:
    """A dataset as given on the command line."""

    name: str
    root: str | None  # None for a dataset that needs no files
    options: dict[str, Any] = field(default_factory=dict)  # its options, image_size, channels and drop_classes
    protocol: dict[str, Any] | None = None  # with its name under "name"

    def build(self, defaults: Mapping[str, Any] | None = None) -> Any:
        """Build the dataset; options are checked as in a run.

        Args:
            defaults: options that are not given; those that the dataset does not have are left out.

        Raises:
            InputError: the dataset or an option does not exist, or the dataset rejects its root.
        """
        own_options = {option.name for option in registry.options(registry.find("dataset", self.name))}
        lenient = {name: value for name, value in (defaults or {}).items() if name in own_options}
        options = {"image_size": 48, "channels": 1, **lenient, **self.options}
        if type(options["image_size"]) is not int or options["image_size"] < 1:
            raise InputError(f"data.image_size is {options['image_size']!r}; give a number of pixels, at least 1")
        if options["channels"] not in (1, 3):
            raise InputError(f"data.channels is {options['channels']!r}; give 1 (grey) or 3 (RGB)")
        left_out = options.pop("drop_classes", [])
        dataset = registry.build("dataset", self.name, root=self.root, **options)
        if not left_out:
            return dataset
        from fer_plugins.data.dataset_views import WithoutClasses

        return WithoutClasses(dataset, [left_out] if isinstance(left_out, str) else list(map(str, left_out)))

    def build_protocol(self) -> Any:
        """Build the protocol, bound to its seed; None if none was given.

        Raises:
            InputError: the protocol or an option does not exist.
        """
        if self.protocol is None:
            return None
        options = {"seed": 0, **self.protocol}
        refuse_idle_seed(str(options["name"]), self.protocol)
        return registry.build("protocol", options.pop("name"), **options)


def dataset_verb(name: str, *sections: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Create a verb from a function of ``named: NamedDataset`` and the verb's own options."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        def callback(name: str, root: str | None, flags: dict[str, Any], **own: Any) -> Any:
            return function(_read(name, root, flags), **own)

        callback.__doc__ = function.__doc__
        callback.__click_params__ = [  # type: ignore[attr-defined]
            *getattr(function, "__click_params__", []),
            click.Argument(["root"], required=False, type=click.Path(), metavar="[ROOT]"),
            click.Argument(["name"], type=Installed("dataset"), metavar="NAME"),
        ]
        return click.command(name, cls=SettingsVerb, sections=sections)(callback)

    return decorate


def _read(name: str, root: str | None, flags: dict[str, Any]) -> NamedDataset:
    options, protocol = flags.get("data", {}), flags.get("protocol")
    if not isinstance(options, dict) or "name" in options:
        refuse("--data takes no value here: the dataset is NAME, and its options are written --data.KEY VALUE")
    if protocol is not None and not isinstance(protocol, dict):
        protocol = {"name": protocol}
    if protocol is not None and "name" not in protocol:
        refuse("--protocol.KEY needs --protocol NAME")
    if root is not None and "root" in options:
        refuse(f"{root} and --data.root are both given; leave one of them out")
    own = {key: value for key, value in options.items() if key != "root"}
    return NamedDataset(name, options.get("root") if root is None else root, own, protocol)
