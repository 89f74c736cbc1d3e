"""``fer data split``: write the folds of a protocol to a file."""

from __future__ import annotations

from pathlib import Path

import click

from fer_data_audit.named_dataset import NamedDataset, dataset_verb
from fer_plugins.commands.usage import refuse
from fer_plugins.runtime.errors import InputError


@dataset_verb("split", "data", "protocol")
@click.option("--out", type=click.Path(), metavar="FILE.json", help="Output file (required).")
def split(named: NamedDataset, *, out: str | None) -> None:
    """Save the split of a protocol to a file, for --protocol.file FILE.json.

    The file names the images of each fold, so that others can train and test on the same ones.
    """
    if named.protocol is None or out is None:
        refuse("--protocol and --out are needed: fer data split NAME [ROOT] --protocol PROTOCOL --out FILE.json")
    from fer_plugins.data.copies.near_groups import add_near_groups
    from fer_plugins.data.images import load_images
    from fer_plugins.data.protocols.official import describe_fold, flaw_of, split_folds
    from fer_plugins.data.protocols.split_file import write_split
    from fer_plugins.training.build import cache_folder

    path = Path(out).expanduser()
    if path.exists() or not path.absolute().parent.is_dir():
        fault = "exists already; remove it" if path.exists() else "its folder does not exist; make it"
        raise InputError(f"{path}: {fault}, or give --out another name")
    protocol = named.build_protocol()
    dataset = named.build()
    size = {"image_size": 48, "channels": 1, **named.options}  # of the images cached for a run
    loaded = load_images(
        dataset,
        name=named.name,
        image_size=size["image_size"],
        channels=size["channels"],
        cache=cache_folder(None),
        memory_gb=1.0,
    )
    table = add_near_groups(loaded.images, loaded.table, protocol, "auto", cache_folder(None))
    folds = split_folds(table, protocol)
    title = getattr(dataset, "title", named.name)
    flaw = flaw_of(protocol)
    write_split(
        path, loaded.table, loaded.classes, folds, dataset=title, protocol={"seed": 0, **named.protocol}, flaw=flaw
    )
    print(f"{title}: {len(loaded.table):,} images, fingerprint {loaded.table.fingerprint(loaded.classes)}")
    for number, fold in enumerate(folds):
        sizes = ", ".join(f"{name} {len(part):,}" for name, part in fold._asdict().items())
        print(f"fold {number}: {sizes}, split {loaded.table.split_hash(fold._asdict(), loaded.classes)}")
    if (left_out := describe_fold(protocol, table)) is not None:
        print(left_out)
    if flaw:
        print(f"flawed: {flaw}")
    print(f"written to {path}; use it with --data {named.name} --protocol.file {path}")
