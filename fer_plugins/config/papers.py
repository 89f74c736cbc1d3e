"""What a plug-in declares about its paper: ``paper.yaml`` in its package, with recipes, and other files. No torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from fer_plugins.config.components import Component, PluginError
from fer_plugins.config.nearest import nearest
from fer_plugins.runtime.errors import InputError, one_line


def paper(component: Component) -> dict[str, Any]:
    """Return the package's ``paper.yaml`` (identity, architectures with recipes), read without importing the package.

    Raises:
        PluginError: The file is missing, cannot be parsed, has a duplicate key, or does not follow the contract.
    """
    import yaml

    from fer_plugins.config.yaml_files import explain, load_yaml

    path = package_file(component, "paper.yaml")
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
        described = content["architectures"][component.name]
        if not isinstance(content["paper"], dict) or not isinstance(described.get("recipe", {}), dict):
            raise TypeError("paper and recipe must be mappings")
        if not all(isinstance(needs, dict) for needs in (described.get("datasets") or {}).values()):
            raise TypeError("datasets must map a dataset to a mapping")
    except OSError as error:
        raise PluginError(
            f"{component} has no paper.yaml beside its package ({error.strerror}); tell its author"
        ) from None
    except yaml.YAMLError as error:
        raise PluginError(f"{component}: {path} cannot be read: {explain(error)}; tell its author") from None
    except (UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        text = one_line(error)
        raise PluginError(
            f"{component}: {path} is not as the contract wants it: {type(error).__name__}: {text}"
        ) from None
    return dict(content)


def recipe(component: Component, variant: str | None = None, dataset: str | None = None) -> dict[str, Any]:
    """Return an architecture's recipe as layers named "recipe", "dataset" and "variant"; later layers win.

    Args:
        component: The architecture.
        variant: Name of a recipe variant; None or "default" for the recipe alone.
        dataset: Dataset whose settings (a protocol, an image size) are added if paper.yaml lists any under
            ``datasets``; None for none.

    Raises:
        InputError: The plug-in has no such variant.
    """
    described = paper(component)["architectures"][component.name]
    layers = {"recipe": described.get("recipe") or {}}
    needs = (described.get("datasets") or {}).get(dataset)
    if needs:
        layers["dataset"] = needs
    variants = described.get("variants") or {}
    if variant not in (None, "default"):
        if variant not in variants:
            names = ["default", *variants]
            raise InputError(
                f"--recipe {variant}: {component.name} has no such recipe{nearest(str(variant), names)}; "
                f"known: {', '.join(names)}"
            )
        layers["variant"] = variants[variant] or {}
    return layers


def package_file(component: Component, name: str) -> Path:
    """Return the path of a file in the component's package, without importing it; the file may not exist.

    Raises:
        PluginError: The package is not found.
    """
    spec = importlib.util.find_spec(component.module.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            f"{component}: its package {component.module} is not found; remedy: reinstall {component.distribution}"
        )
    return Path(spec.submodule_search_locations[0], name)
