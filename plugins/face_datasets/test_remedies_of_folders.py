"""Every remedy that the readers of images name: it is taken from the message as printed, followed, and then works."""

from __future__ import annotations

import shlex

import pytest
from support import remedy_cases as cases

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.data.images import load_images
from fer_plugins.data.protocols.fold_splits import count_classes
from fer_plugins.data.protocols.official import split_folds
from fer_plugins.runtime.errors import InputError

fake, renamed, REMEDIES = cases.fake, cases.renamed, cases.REMEDIES


def build(name, root, **options):
    if name not in ("folder", "affectnet"):
        options.setdefault("check", "off")
    return registry.build("dataset", name, root=root, **options)


def read(name, root, **options):
    dataset = build(name, root, **options)
    return [dataset[row] for row in range(len(dataset))]


def refusal(name, root, **options):
    with pytest.raises(InputError) as caught:
        read(name, root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def printed(message, option):
    """Read the option as the message prints it, as a shell and the command line would."""
    assert f"--data.{option} " in message, message
    words = shlex.shlex(message[message.index(f"--data.{option} ") :], posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.get_token()
    return config.parse_value(words.get_token().rstrip(",;"))


def fill(value, filled):
    """Put the user's meanings where the message prints dots."""
    if value == {key: "..." for key in value} if isinstance(value, dict) else False:
        return {key: filled[key] for key in value}
    return list(filled) if value == ["..."] else value


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", REMEDIES)
def test_a_remedy_works_when_it_is_followed(case, packed, tmp_path):
    name, files, options, option, filled, number = REMEDIES[case]
    root = fake.write_zip(files, tmp_path / "x.zip") if packed else fake.write_folder(files, tmp_path / "x")
    message = refusal(name, root, **options)
    value = printed(message, option)
    if isinstance(filled, str):  # a choice or a name
        assert filled in str(value) or value == "NAME"
        value = filled
    elif option == "codes" or filled is not None:
        value = fill(value, filled)
    followed = {**options, option: value}
    images = read(name, followed.pop("root", root), **followed)
    assert images
    assert number is None or len(images) == number


def test_only_validation_is_missing_and_the_remedy_runs(tmp_path):
    """RAF-DB as train and valid: the default protocol's refusal names the protocol that keeps the test split."""
    files = renamed(fake.rafdb_folders(12, lists=False), "/test/", "/valid/")
    dataset = build("rafdb", fake.write_folder(files, tmp_path))
    assert set(dataset.table["split"]) == {"train", "test"}
    table = load_images(dataset, name="rafdb", image_size=24, channels=1, cache=None, memory_gb=1).table
    with pytest.raises(InputError, match="use --protocol official_val") as caught:
        split_folds(table, registry.build("protocol", "official"))
    protocol = registry.build("protocol", str(caught.value).split()[-1])
    (fold,) = split_folds(table, protocol)
    assert count_classes(table, fold, dataset.classes, owner="rafdb")["test"]["happy"] == 12


def test_a_class_that_does_not_exist_is_no_matter_of_more_data(tmp_path):
    root = fake.write_folder(renamed(fake.ckplus_folders(6), "CK+48/contempt", "CK+48/anger"), tmp_path)
    dataset = build("ckplus", root)
    table = load_images(dataset, name="ckplus", image_size=24, channels=1, cache=None, memory_gb=1).table
    (fold,) = split_folds(table, registry.build("protocol", "random"))
    with pytest.raises(InputError, match="class contempt has no sample at all.*--data folder"):
        count_classes(table, fold, dataset.classes, owner="dataset ckplus")
    dataset = build("folder", root)  # the remedy
    assert "contempt" not in dataset.classes
    count_classes(table, fold, dataset.classes, owner="dataset folder")


LOOKS = {
    "ferg": (fake.jaffe(), "jaffe"),
    "jaffe": (fake.ckplus_folders(1), "ckplus"),
    "rafdb": (fake.affectnet_npy(1), "affectnet"),
    "affectnet": (fake.rafdb_official(1), "rafdb"),
    "ckplus": (fake.ferg(), "ferg"),
    "fer2013": ({"images/train/1.png": fake.picture(1), "labels/train/1.txt": b"0 .5 .5 .5 .5"}, "folder"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_copy_of_another_dataset_is_named_and_read_by_it(name, tmp_path):
    files, meant = LOOKS[name]
    root = fake.write_folder(files, tmp_path)
    message = refusal(name, root)
    assert f"give --data {meant};" in message
    options = {"codes": ["happy"]} if meant == "folder" else {}
    assert read(meant, root, **options)


@pytest.mark.parametrize("name", ["fer2013", "rafdb", "affectnet"])
def test_class_folders_without_splits_are_read_as_a_folder(name, tmp_path):
    root = fake.write_folder(cases.tree(("",), cases.SEVEN, form="{name}/{number}.png", each=12), tmp_path)
    assert "read it as --data folder with --protocol random" in refusal(name, root)
    dataset = build("folder", root)
    table = load_images(dataset, name="it", image_size=24, channels=1, cache=None, memory_gb=1).table
    (fold,) = split_folds(table, registry.build("protocol", "random"))
    assert all(map(len, fold))


def test_a_packed_tar_is_read_as_it_is_and_when_it_is_unpacked(tmp_path):
    import tarfile

    folder = fake.write_folder(fake.class_folders(), tmp_path / "x")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(folder, "x")
    assert len(read("folder", tmp_path / "x.tar.gz")) == 12
    (tmp_path / "new").mkdir()
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        archive.extractall(tmp_path / "new", filter="data")
    assert len(read("folder", tmp_path / "new")) == 12
