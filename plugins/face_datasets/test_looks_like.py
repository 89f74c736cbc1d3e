"""What a copy looks like that the dataset asked for cannot read, and the remedy that is named for it, followed."""

import re
import subprocess

import pytest
from support import fake_datasets as fake
from support import remedy_cases as cases

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError


def refusal(name, root):
    with pytest.raises(InputError) as caught:
        registry.build("dataset", name, root=root).table  # noqa: B018
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("suffix", "ending"), [("png", "png"), ("jpg", "jpg")])
@pytest.mark.parametrize("name", ["folder", "fer2013", "rafdb"])
def test_images_without_an_ending_get_one_by_the_command_that_is_named(name, suffix, ending, tmp_path):
    files = {
        f"{split}/{word}/{number}": fake.picture(number, suffix=suffix)
        for split in ("train", "test")
        for number, word in enumerate(cases.SEVEN)
    }
    root = fake.write_folder(files, tmp_path / "two words")
    message = refusal(name, root)
    command = re.search(r"add it to all with: (find .* ';')", message)[1]
    subprocess.run(command, shell=True, check=True)
    options = {} if name == "folder" else {"check": "off"}
    assert len(registry.build("dataset", name, root=root, **options)) == 14
    assert all(path.suffix == f".{ending}" for path in root.rglob("*") if path.is_file())


def test_of_a_zip_of_images_without_an_ending_the_way_leads_over_a_folder(tmp_path):
    path = fake.write_zip({"happy/1": fake.picture(1), "sad/2": fake.picture(2)}, tmp_path / "a.zip")
    assert "unpack it into FOLDER and add it to all with: find FOLDER" in refusal("folder", path)


def test_class_folders_with_contempt_are_no_ferplus_and_the_dataset_that_reads_them_is_named(tmp_path):
    root = fake.write_folder(cases.tree(("train", "test"), (*cases.SEVEN, "contempt")), tmp_path)
    message = refusal("ferplus", root)
    assert "labels and no votes; read them as --data folder" in message
    assert "FER2013 has no contempt" not in message
    assert len(registry.build("dataset", "folder", root=root).classes) == 8


def script_tree():
    files = {}
    for split in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        lines = []
        for code in range(8):
            files[f"{split}/fer{code}.png"] = fake.picture(len(files))
            votes = ",".join("10" if place == code else "0" for place in range(10))
            lines.append(f'fer{code}.png,"(0, 0, 48, 48)",{votes}')
        files[f"{split}/label.csv"] = "\n".join(lines).encode()
    return files


def test_a_tree_of_ferplus_read_as_folder_names_ferplus(tmp_path):
    root = fake.write_folder(script_tree(), tmp_path)
    assert "FER+ as its own script writes it: give --data ferplus" in refusal("folder", root)
    assert len(registry.build("dataset", "ferplus", root=root)) == 24
