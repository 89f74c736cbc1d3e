"""What paper.yaml sets for a dataset lies between the recipe and its variant, and every dataset of a paper runs."""

import pytest

from fer_plugins import config
from fer_plugins.config import registry


def resolve(plugin, dataset, recipe=None, **flags):
    return config.resolve({"data": {"name": dataset, "root": "."}, **flags}, plugin=plugin, recipe=recipe)


@pytest.mark.parametrize(
    ("plugin", "dataset", "protocol", "size"),
    [
        ("dcn", "ckplus", "subject_kfold", 48),
        ("aa_dcn", "jaffe", "subject_kfold", 128),
        ("aa_dcn", "rafdb", "official_val", 100),
        ("vgg16", "jaffe", "subject_kfold", 128),
        ("sdl_stn", "ferg", "leave_one_subject_out", 48),
        ("dcnn_bilstm_dam", "rafdb", "official_val", 64),
        ("hcnn_lstm", "ckplus", "subject_kfold", 48),
        ("dcnn_bilstm_dam", "fer2013", "official", 64),
    ],
)
def test_a_dataset_of_the_paper_gets_the_protocol_that_it_needs(plugin, dataset, protocol, size):
    resolved = resolve(plugin, dataset)
    assert (resolved.config.protocol.name, resolved.config.data.image_size) == (protocol, size)
    notes = [note for note in resolved.notes if note.startswith(f"For {dataset} the plug-in {plugin} sets ")]
    assert bool(notes) == (protocol != "official")
    assert not notes or f"protocol {protocol}" in notes[0]


def test_a_csv_names_no_subjects_so_its_own_split_is_taken():
    def protocol(root, **flags):
        data = {"name": "ckplus", "root": root}
        resolved = config.resolve({"data": data, **flags}, plugin="dcn")
        return resolved.config.protocol.name, any("sets protocol official" in note for note in resolved.notes)

    assert protocol("ckextended.csv") == ("official", True)
    assert protocol("CK+") == ("subject_kfold", False)
    assert protocol("ckextended.csv", protocol="subject_kfold")[0] == "subject_kfold"  # as asked, and refused later


def test_a_variant_and_a_flag_go_before_it():
    assert resolve("dcn", "jaffe", "paper_jaffe").config.protocol.name == "paper_aa_dcn"
    assert resolve("dcn", "jaffe", "average_pool").config.data.image_size == 128
    resolved = resolve("dcn", "jaffe", protocol="random")
    assert resolved.config.protocol.name == "random"
    assert resolved.notes == (
        "For jaffe the plug-in dcn sets data.image_size 128, data.channels 1; others with --data.image_size VALUE "
        "--data.channels VALUE.",
    )
    assert not config.resolve(resolved.config.as_dict()).notes  # a saved configuration says all of it itself


def test_every_dataset_that_a_paper_yaml_names_is_installed():
    installed = {component.name for component in registry.available("dataset")}
    for component in registry.available("architecture"):
        named = registry.paper(component)["architectures"][component.name].get("datasets") or {}
        assert set(named) <= installed
        for dataset in named:
            resolve(component.name, dataset)
