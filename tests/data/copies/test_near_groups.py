"""Near copies inside a run: when they are looked for, what is kept, and what follows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support import fake_datasets as fake
from support.verbs import parse

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.data.copies import near_groups
from fer_plugins.data.images import load_images
from fer_plugins.data.protocols.official import official
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data


def smooth(seed):
    """A picture of its own with some structure, 48 x 48."""
    noise = np.random.default_rng(seed).normal(size=(8, 8))
    drawn = Image.fromarray(noise.astype(np.float32)).resize((48, 48), Image.Resampling.BICUBIC)
    return np.clip(128 + 60 * np.asarray(drawn), 0, 255).astype(np.uint8)


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def root(tmp_path):
    """Pictures in three splits; one of test is a mirrored copy of one of train, one of val is brighter."""
    files = {}
    for place, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(("happy", "sad")):
            for number in range(6):
                files[f"{split}/{name}/{number}.png"] = png(smooth(100 * place + 10 * label + number))
    files["test/sad/copy.png"] = png(smooth(0)[:, ::-1])
    files["val/sad/copy.png"] = png(np.clip(smooth(1).astype(int) + 15, 0, 255).astype(np.uint8))
    return fake.write_folder(files, tmp_path / "data")


def data_of(root, *words, cache="none"):
    flags = parse(["--data", "folder", "--data.root", str(root), "--data.cache", str(cache), *words]).flags
    return build_data(config.resolve(flags, plugin="lenet5").config)


def test_near_copies_are_counted_between_the_parts_and_said(root):
    data = data_of(root)
    assert data.leaks.near == {("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 0}
    assert not any(data.leaks.copies.values())
    assert any("1 image of test with a near copy, not identical, in train" in warning for warning in data.warnings)
    assert data.leaks.as_dict()["near"] == {"train/val": 1, "train/test": 1, "val/test": 0}
    with pytest.raises(InputError, match="near copy, not identical"):
        data_of(root, "--data.leaks", "error")


def test_off_does_not_look_and_auto_leaves_many_images_alone(root, monkeypatch):
    assert data_of(root, "--data.near_copies", "off").leaks.near is None
    monkeypatch.setattr(near_groups, "QUICK", 10)
    assert data_of(root).leaks.near is None
    assert data_of(root, "--data.near_copies", "on").leaks.near["train", "test"] == 1


def test_auto_searches_many_images_once_where_the_result_is_kept_and_all_are_used(root, tmp_path, monkeypatch):
    monkeypatch.setattr(near_groups, "QUICK", 10)
    assert data_of(root, "--data.limit", "30", cache=tmp_path).leaks.near is None
    assert data_of(root, cache=tmp_path).leaks.near["train", "test"] == 1
    assert data_of(root, "--data.limit", "30", cache=tmp_path).leaks.near is not None  # kept


def test_what_was_found_is_kept_for_any_order_of_the_same_images(root, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = data_of(root, cache=cache)
    kept = list(cache.glob("near-copies-*.npz"))
    assert len(kept) == 1
    monkeypatch.setattr(near_groups, "ONCE", 0)  # now only what is known
    packed = fake.write_zip(
        {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*.png")}, tmp_path / "z.zip"
    )
    assert data_of(packed, cache=cache).leaks == first.leaks
    kept[0].write_bytes(b"damaged")
    assert data_of(packed, cache=cache).leaks.near is None


def test_near_copies_of_training_images_are_left_out_of_another_dataset(root, tmp_path):
    other_folder = fake.write_folder(
        {"sad/new.png": png(smooth(777)), "happy/moved.png": png(np.roll(smooth(3), 2, 1))}, tmp_path / "o"
    )
    words = ("--protocol", "cross_dataset", "--data.targets.folder.root", str(other_folder))
    for extra, expected in (((), ["sad/new.png"]), (("--data.near_copies", "off"), ["happy/moved.png", "sad/new.png"])):
        data = data_of(root, *words, *extra)
        theirs = data.fold.test[data.table.origin[data.fold.test] != ""]
        assert sorted(data.table.source[theirs]) == [f"folder:{name}" for name in expected]


def test_the_drawn_faces_frames_are_near_copies_of_their_sequence():
    loaded = load_images(
        registry.build("dataset", "synthetic", samples=126),
        name="x",
        image_size=48,
        channels=1,
        cache=None,
        memory_gb=1,
    )
    groups = near_groups.add_near_groups(loaded.images, loaded.table, official, "on", None).near
    pairs = {(a, b) for a, b in zip(groups, loaded.table.sequence, strict=True)}
    assert len(pairs) == len(set(groups.tolist()))  # no group has images of two sequences
    assert len(set(groups.tolist())) < 126
