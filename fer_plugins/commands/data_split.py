"""``fer data split``: writes the folds of a protocol to a file that others can use."""

from __future__ import annotations

from pathlib import Path

from fer_plugins.commands import data_words
from fer_plugins.runtime.errors import InputError

USAGE = "fer data split NAME [ROOT] --protocol PROTOCOL --out FILE.json"


def split(words: list[str]) -> int:
    """Split a dataset and write the split file.

    Raises:
        InputError: a wrong word, the dataset or protocol refuses, or the file exists or cannot be written.
    """
    given = data_words.parse(words, USAGE, {"out": 1})
    if given.protocol is None or "out" not in given.flags:
        raise InputError(f"{USAGE}: --protocol and --out are needed")
    from fer_plugins.data.images import load_images
    from fer_plugins.data.protocols.official import flaw_of, split_folds
    from fer_plugins.data.protocols.split_file import write_split
    from fer_plugins.training.build import cache_folder

    path = Path(given.flags["out"]).expanduser()
    if path.exists() or not path.absolute().parent.is_dir():
        what = "exists already; remove it" if path.exists() else "lies in no folder that is there; make it"
        raise InputError(f"{path}: {what}, or give --out another name")
    protocol = data_words.build_protocol(given.protocol)
    dataset = data_words.build_dataset(given.name, given.root, given.options)
    size = {"image_size": 48, "channels": 1, **given.options}  # of the images that are kept for a run
    loaded = load_images(
        dataset,
        name=given.name,
        image_size=size["image_size"],
        channels=size["channels"],
        cache=cache_folder(None),
        memory_gb=1.0,
    )
    folds = split_folds(loaded.table, protocol)
    title = getattr(dataset, "title", given.name)
    flaw = flaw_of(protocol)
    write_split(
        path, loaded.table, loaded.classes, folds, dataset=title, protocol={"seed": 0, **given.protocol}, flaw=flaw
    )
    print(f"{title}: {len(loaded.table):,} images, fingerprint {loaded.table.fingerprint(loaded.classes)}")
    for number, fold in enumerate(folds):
        sizes = ", ".join(f"{name} {len(part):,}" for name, part in fold._asdict().items())
        print(f"fold {number}: {sizes}, split {loaded.table.split_hash(fold._asdict(), loaded.classes)}")
    if flaw:
        print(f"flawed: {flaw}")
    print(f"written to {path}; use it with --data {given.name} --protocol.file {path}")
    return 0
