"""What a copy of FER-2013 is: the official file, or in what it differs; on made images, and on altered real ones."""

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from fer_face_datasets import official_files
from fer_face_datasets.official_comparison import compare_with_official
from fer_face_datasets.official_images import OfficialImages, describe_images, is_equalised, read_official_images
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from support import fake_fer2013

from fer_plugins.commands import main
from fer_plugins.config import registry


def jpeg(image, quality=90):
    stream = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))[..., None]


def resize(image, side):
    return np.asarray(Image.fromarray(image[..., 0]).resize((side, side), Image.Resampling.BILINEAR))[..., None]


ALTERATIONS = {
    "re-encoded": jpeg,
    "resized": lambda image: resize(image, 224),
    "equalised": lambda image: np.asarray(ImageOps.equalize(Image.fromarray(image[..., 0])))[..., None],
    "blurred": lambda image: gaussian_filter(image[..., 0], 0.7)[..., None],
    "brightness": lambda image: np.clip(image * 0.8 + 8, 0, 255).astype(np.uint8),
    "sharpened": lambda image: np.clip(2.0 * image - gaussian_filter(image, (1, 1, 0)), 0, 255).astype(np.uint8),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


def smooth(seed):
    """A picture with structure, dark on the whole and nowhere flat."""
    drawn = Image.fromarray(np.random.default_rng(seed).normal(size=(8, 8)).astype(np.float32))
    waves = np.asarray(drawn.resize((48, 48), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(seed + 10_000).normal(scale=4, size=(48, 48))
    return np.clip(90 + 35 * waves + grain, 0, 255).astype(np.uint8)[..., None]


@dataclasses.dataclass
class Copy:
    images: list
    label: np.ndarray
    split: np.ndarray

    def rows(self, index):
        return Copy([self.images[row] for row in index], self.label[index], self.split[index])

    def kinds(self, official=None, ordered=True):
        result = compare_with_official(self.images, self.label, self.split, ordered=ordered, official=official)
        return {deviation.kind: deviation.images for deviation in result}


def altered(copy, kind, step):
    """Alter every ``step``-th image."""
    images = [ALTERATIONS[kind](image) if row % step == 0 else image for row, image in enumerate(copy.images)]
    return Copy(images, copy.label, copy.split)


@pytest.fixture(scope="module")
def made():
    """120 pictures of which the last two are the first two again, under other labels; and what is known of them."""
    pictures = [smooth(seed) for seed in range(118)]
    images = [*pictures, *pictures[:2]]
    label = np.arange(120) % 7
    label[118:] = (label[:2] + 1) % 7
    split = np.repeat(["train", "val", "test"], [90, 15, 15])
    return Copy(images, label, split), OfficialImages(describe_images(images), label.astype(np.uint8), split)


def test_the_official_images_themselves(made):
    copy, official = made
    assert copy.kinds(official) == {}


@pytest.mark.parametrize("kind", ALTERATIONS)
def test_an_alteration_is_named_and_counted(made, kind):
    copy, official = made
    kinds = altered(copy, kind, 2).kinds(official)
    assert max(kinds, key=kinds.get) == kind
    assert kinds[kind] >= 55
    assert set(kinds) <= {kind, "other changes", "brightness", "blurred", "unmatched"}


def test_altered_images_are_counted_in_the_split_of_the_copy(made):
    """A training image that was blurred resembles its own copy in the test split as much as itself."""
    copy, official = made
    images = [ALTERATIONS["blurred"](image) if row < 90 else image for row, image in enumerate(copy.images)]
    images[118:] = copy.images[118:]
    deviations = compare_with_official(images, copy.label, copy.split, ordered=True, official=official)
    (text,) = [deviation.text for deviation in deviations if deviation.kind == "blurred"]
    assert text.partition(": ")[2].split()[0] == "train"
    assert "test" not in text


def test_other_labels_splits_orders_and_numbers(made):
    copy, official = made
    assert dataclasses.replace(copy, label=np.where(np.arange(120) < 5, 6, copy.label)).kinds(official) == {
        "relabelled": 5
    }
    merged = dataclasses.replace(copy, split=np.where(copy.split == "val", "test", copy.split))
    assert merged.kinds(official) == {"merged": 15}
    swapped = copy.split.copy()
    swapped[[89, 90]] = swapped[[90, 89]]
    assert dataclasses.replace(copy, split=swapped).kinds(official) == {"re-split": 2}
    backwards = copy.rows(np.arange(120)[::-1])
    assert list(backwards.kinds(official)) == ["reordered"]
    assert backwards.kinds(official, ordered=False) == {}
    assert copy.rows(np.arange(118)).kinds(official) == {"de-duplicated": 2}
    assert copy.rows(np.arange(5, 118)).kinds(official) == {"incomplete": 7}
    assert copy.rows(np.flatnonzero(copy.split == "train")).kinds(official) == {}  # a file of one split


def test_more_and_other_images(made):
    copy, official = made
    more = Copy([*copy.images, *(image[:, ::-1] for image in copy.images[2:60])], copy.label, copy.split)
    more.label, more.split = (np.concatenate([column, column[2:60]]) for column in (copy.label, copy.split))
    kinds = more.kinds(official)
    assert kinds["augmented"] == kinds["mirrored"] == 58
    others = dataclasses.replace(copy, images=[smooth(seed) for seed in range(500, 620)])
    assert others.kinds(official) == {"unmatched": 120}
    some = dataclasses.replace(copy, images=[*copy.images[:110], *(smooth(seed) for seed in range(500, 510))])
    assert some.kinds(official) == {"unmatched": 10}


def test_an_even_histogram_is_known():
    ramp = np.linspace(0, 255, 48 * 48).astype(np.uint8).reshape(48, 48, 1)
    assert is_equalised(ramp)
    assert not is_equalised(ramp // 2)
    assert not is_equalised(smooth(0))
    assert not is_equalised(np.where(ramp > 127, 255, 0).astype(np.uint8))


def check(*argv):
    return main.call("fer", main._verb, ["data", "check", *map(str, argv)])


def test_an_official_file_is_known_by_its_checksum(tmp_path, capsys, monkeypatch):
    faces = fake_fer2013.make_faces(each=2)
    path = tmp_path / "renamed.csv"
    path.write_bytes(fake_fer2013.csv_text(faces))
    check("fer2013", path)
    printed = capsys.readouterr().out
    assert "unmatched    42 images match no official one" in printed
    assert "official file" not in printed
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(official_files.CHECKSUMS, digest, "fer2013.csv, md5")
    check("fer2013", path)
    assert f"official file fer2013.csv, md5 {digest}" in capsys.readouterr().out
    # Codes that the user reads in another way make other labels of the same file.
    check("fer2013", path, "--data.codes", "[anger,disgust,fear,happy,neutral,sad,surprise]")
    assert "unmatched" in capsys.readouterr().out


def test_what_is_shipped_is_of_the_official_release():
    official = read_official_images()
    assert [int((official.split == name).sum()) for name in ("train", "val", "test")] == [28_709, 3_589, 3_589]
    assert np.bincount(official.label).tolist() == [4953, 547, 5121, 8989, 6077, 4002, 6198]


@pytest.fixture(scope="module")
def real():
    from fer_plugins.testing import find_fer2013

    dataset = registry.build("dataset", "fer2013", root=str(find_fer2013()), image_size=48, channels=1)
    table = dataset.table
    images = [dataset[row] for row in range(len(dataset))]
    return Copy(images, np.array(table["label"]), np.array(table["split"]))


@pytest.mark.real_data
def test_the_official_images_have_what_is_shipped_of_them(real):
    rows = np.arange(0, len(real.images), 20)
    described, official = describe_images([real.images[row] for row in rows]), read_official_images()
    for field in dataclasses.fields(described):
        assert np.array_equal(getattr(described, field.name), getattr(official.images, field.name)[rows]), field.name
    assert np.array_equal(real.label, official.label)
    assert real.kinds() == {}


@pytest.mark.real_data
def test_altered_real_images(real):
    """One image in sixty is altered, in each of the ways by turns: about 85 of each."""
    alterations = list(ALTERATIONS.values())
    images = [
        alterations[row // 60 % len(alterations)](image) if row % 60 == 0 else image
        for row, image in enumerate(real.images)
    ]
    kinds = dataclasses.replace(real, images=images).kinds()
    assert set(ALTERATIONS) <= set(kinds) <= {*ALTERATIONS, "unmatched"}
    for kind in ALTERATIONS:
        assert 0.75 * 85 < kinds[kind] < 1.25 * 86, kind
    assert kinds.get("unmatched", 0) <= 6


@pytest.mark.real_data
def test_a_real_copy_in_another_order_or_number(real):
    size = len(real.images)
    order = np.random.default_rng(0).permutation(size)
    assert list(real.rows(order).kinds()) == ["reordered"]
    assert dataclasses.replace(real, label=(real.label + (np.arange(size) % 50 == 0)) % 7).kinds() == {
        "relabelled": 718
    }
    assert dataclasses.replace(real, split=np.where(real.split == "val", "test", real.split)).kinds() == {
        "merged": 3_589
    }
    assert list(dataclasses.replace(real, split=real.split[order]).kinds()) == ["re-split"]
    first = np.sort(np.unique(read_official_images().images.digest, return_index=True)[1])
    assert real.rows(first).kinds() == {"de-duplicated": 1_853}
    flipped = real.rows(np.concatenate([np.arange(size), np.arange(500)]))
    flipped.images[size:] = [np.ascontiguousarray(image[:, ::-1]) for image in flipped.images[size:]]
    assert flipped.kinds() == {"mirrored": 500, "augmented": 500}
