"""Decoding into one array, and the cache on disk: whole or absent, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_plugins.data import cache as store
from fer_plugins.data.images import LoadedImages, digest_of, fit_image, load_images
from fer_plugins.runtime.errors import InputError

ENOUGH, NOTHING = 4.0, 0.0  # gigabytes: held in memory, mapped
BOTH = pytest.mark.parametrize("memory_gb", [ENOUGH, NOTHING], ids=["resident", "mapped"])


class Made:
    """A dataset of noise that counts how often it is read."""

    classes = ("anger", "happy")

    def __init__(self, count: int = 40, shape: tuple[int, int, int] = (6, 6, 1), key: str | None = "made 1") -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
        self.notes = ["two images were left out"]
        self.reads = 0
        if key is not None:
            self.cache_key = key

    @property
    def table(self) -> dict:
        self.reads += 1
        count = len(self.pixels)
        return {
            "label": [i % 2 for i in range(count)],
            "source": [f"façe {i}.jpg" for i in range(count)],
            "split": ["train"] * (count - 2) + ["val", "test"],
            "subject": [f"S{i // 4}" for i in range(count)],
            "votes": [[i, 10 - i] for i in range(count)],
        }

    def __getitem__(self, index: int) -> np.ndarray:
        self.reads += 1
        return self.pixels[index]


def load(dataset: Made, cache: Path | None, memory_gb: float = ENOUGH, **options: object) -> LoadedImages:
    settings = {"name": "made", "image_size": 6, "channels": 1} | options
    return load_images(dataset, cache=cache, memory_gb=memory_gb, **settings)


def entry_of(root: Path) -> Path:
    (folder,) = root.iterdir()
    assert not folder.name.startswith(store.UNFINISHED)
    return folder


def assert_equal(first: LoadedImages, second: LoadedImages) -> None:
    assert np.array_equal(first.images, second.images)
    assert first.classes == second.classes
    assert first.notes == second.notes
    columns, other_columns = dict(first.table.columns()), dict(second.table.columns())
    assert columns.keys() == other_columns.keys()
    for name, column in columns.items():
        assert column.dtype == other_columns[name].dtype
        assert np.array_equal(column, other_columns[name])


# Decoding.


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_luma_equals_pillows(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(fit_image(image, 8, 1)[..., 0], np.asarray(Image.fromarray(image).convert("L")))


def test_luma_weighs_green_most() -> None:
    red, green, blue = (fit_image(np.full((1, 1, 3), color, np.uint8), 1, 1).item() for color in np.eye(3) * 255)
    assert (red, green, blue) == (76, 150, 29)  # 0.299, 0.587 and 0.114 of 255


def test_grey_is_repeated_for_three_channels() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert np.array_equal(fit_image(image, 4, 3), np.repeat(image, 3, axis=2))
    assert fit_image(image, 7, 3).shape == (7, 7, 3)


def test_an_image_that_fits_is_left_alone() -> None:
    image = np.zeros((5, 5, 1), np.uint8)
    assert fit_image(image, 5, 1) is image


def test_shrinking_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))[..., None]
    small = fit_image(stripes, 16, 1)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 2  # picking pixels would give 0 or 255


@settings(deadline=None)
@given(size=st.integers(1, 20), height=st.integers(1, 20), width=st.integers(1, 20), value=st.integers(0, 255))
def test_a_constant_stays_constant_at_every_size(size: int, height: int, width: int, value: int) -> None:
    for colours in (1, 3):
        for channels in (1, 3):
            fitted = fit_image(np.full((height, width, colours), value, np.uint8), size, channels)
            assert fitted.shape == (size, size, channels)
            assert (fitted == value).all()


def test_digest_is_of_native_pixels_and_shape() -> None:
    image = np.arange(12, dtype=np.uint8)
    assert len({digest_of(image.reshape(shape)) for shape in ((3, 4, 1), (4, 3, 1), (2, 2, 3))}) == 3
    dataset = Made()
    for size in (6, 4):
        loaded = load(dataset, None, image_size=size)
        assert loaded.table.digest.tolist() == [digest_of(pixels) for pixels in dataset.pixels]


@BOTH
def test_images_are_contiguous_read_only_and_in_order(memory_gb: float) -> None:
    dataset = Made()
    loaded = load(dataset, None, memory_gb)
    assert np.array_equal(loaded.images, dataset.pixels)
    assert loaded.images.flags.c_contiguous
    assert not loaded.images.flags.writeable
    assert isinstance(loaded.images, np.memmap) == (memory_gb == NOTHING)
    assert loaded.notes == ("two images were left out",)
    assert not loaded.from_cache


def test_read_all_is_asked_instead_of_each_image() -> None:
    class AtOnce(Made):
        def read_all(self) -> np.ndarray:
            return self.pixels

        def __getitem__(self, index: int) -> np.ndarray:
            raise AssertionError("not needed")

    for shape in ((6, 6, 1), (9, 5, 3)):
        assert_equal(load(AtOnce(shape=shape), None), load(Made(shape=shape), None))

    class TooFew(AtOnce):
        def read_all(self) -> np.ndarray:
            return self.pixels[1:]

    with pytest.raises(InputError, match="dataset made: read_all gives 39 images, the table has 40 rows"):
        load(TooFew(), None)


def test_progress_goes_from_the_start_to_the_end() -> None:
    for count in (7, 250):
        seen: list[tuple[int, int]] = []
        load(Made(count), None, progress=lambda done, total: seen.append((done, total)))  # noqa: B023
        done = [done for done, _ in seen]
        assert done == sorted(set(done))
        assert seen[-1] == (count, count)
        assert len(seen) <= 150


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((6, 6), np.uint8), r"image façe 3\.jpg is uint8 \(6, 6\); it must be uint8 H x W x C"),
        (np.zeros((6, 6, 1)), r"is float64 \(6, 6, 1\)"),
        (np.zeros((0, 6, 1), np.uint8), r"is uint8 \(0, 6, 1\)"),
        ([[0]], "is list"),
        (np.zeros((6, 6, 4), np.uint8), "has 4 channels; it must have 1 or 3"),
    ],
)
@BOTH
def test_a_wrong_image_is_named(image: object, message: str, memory_gb: float, tmp_path: Path) -> None:
    class Wrong(Made):
        def __getitem__(self, index: int) -> object:
            return image if index == 3 else super().__getitem__(index)

    with pytest.raises(InputError, match=message):
        load(Wrong(), tmp_path, memory_gb)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "key"), [({"channels": 2}, "channels"), ({"image_size": 0}, "image_size"), ({"memory_gb": -1.0}, "mem")]
)
def test_a_wrong_option_is_named(options: dict, key: str) -> None:
    with pytest.raises(InputError, match=rf"data\.{key}"):
        load(Made(), None, **options)


# The cache.


@BOTH
def test_the_second_start_reads_nothing_of_the_dataset(memory_gb: float, tmp_path: Path) -> None:
    first = load(Made(), tmp_path, memory_gb)
    again = Made()
    second = load(again, tmp_path, memory_gb)
    assert second.from_cache
    assert not first.from_cache
    assert again.reads == 0
    assert_equal(first, second)
    assert not second.images.flags.writeable
    assert isinstance(second.images, np.memmap) == (memory_gb == NOTHING)


def test_an_entry_serves_both_ways_of_reading(tmp_path: Path) -> None:
    first = load(Made(), tmp_path, NOTHING)
    assert_equal(first, load(Made(), tmp_path, ENOUGH))
    entry_of(tmp_path)


@BOTH
def test_a_folder_may_be_given_relative_to_where_one_stands(
    memory_gb: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = load(Made(), Path("cache"), memory_gb)
    monkeypatch.chdir("cache")
    assert_equal(first, load(Made(), Path("."), memory_gb))
    assert load(Made(), Path("../cache"), memory_gb).from_cache
    if isinstance(first.images, np.memmap):
        assert Path(first.images.filename).is_absolute()


@pytest.mark.parametrize(
    "change", [{"image_size": 5}, {"channels": 3}, {"name": "other"}, {"name": "a/../b: c"}, {"key": "made 2"}], ids=str
)
def test_every_field_of_the_key_counts(change: dict, tmp_path: Path) -> None:
    load(Made(), tmp_path)
    options = dict(change)
    loaded = load(Made(key=options.pop("key", "made 1")), tmp_path, **options)
    assert not loaded.from_cache
    assert len(list(tmp_path.iterdir())) == 2
    assert load(Made(), tmp_path).from_cache


def test_without_a_key_or_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    load(Made(key=None), tmp_path)
    load(Made(), None)
    assert list(tmp_path.iterdir()) == []


def edit(name: str, change: Callable[[bytearray], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(bytearray(path.read_bytes())))

    return damage


def flip(content: bytearray, place: int) -> bytes:
    content[place] ^= 1
    return bytes(content)


def drop_key(content: bytearray) -> bytes:
    meta = json.loads(content.split(b"\n", 1)[1])
    del meta["shape"]
    text = json.dumps(meta).encode()
    return f"{zlib.crc32(text):08x}\n".encode() + text


DAMAGES = {
    "truncated images": edit("images.npy", lambda content: content[:-7]),
    "empty images": edit("images.npy", lambda content: b""),
    "flipped pixel": edit("images.npy", lambda content: flip(content, -1)),
    "flipped header": edit("images.npy", lambda content: flip(content, 0)),
    "lengthened images": edit("images.npy", lambda content: content + b"0"),
    "lost images": lambda folder: (folder / "images.npy").unlink(),
    "truncated table": edit("table.npz", lambda content: content[:-7]),
    "flipped table": edit("table.npz", lambda content: flip(content, 200)),
    "lost table": lambda folder: (folder / "table.npz").unlink(),
    "another table": lambda folder: np.savez(folder / "table.npz", label=np.zeros(40, int), source=np.arange(40)),
    "flipped note": edit("meta.json", lambda content: flip(content, content.index(b"two images"))),
    "empty meta": edit("meta.json", lambda content: b""),
    "binary meta": edit("meta.json", lambda content: b"\xff\xfe\x00"),
    "meta without a key": edit("meta.json", drop_key),
    "lost meta": lambda folder: (folder / "meta.json").unlink(),
}


@BOTH
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_entry_is_built_anew(damage: Callable[[Path], None], memory_gb: float, tmp_path: Path) -> None:
    first = load(Made(), tmp_path, ENOUGH)
    damage(entry_of(tmp_path))
    with pytest.warns(UserWarning, match="is damaged .*; it is rebuilt") as caught:
        second = load(Made(), tmp_path, memory_gb)
    assert len(caught) == 1
    assert not second.from_cache
    assert_equal(first, second)
    entry_of(tmp_path)
    assert load(Made(), tmp_path, memory_gb).from_cache


def test_an_entry_under_anothers_name_is_not_believed(tmp_path: Path) -> None:
    load(Made(key="one"), tmp_path)
    wrong = store.CacheKey("made", "two", 6, 1)
    entry_of(tmp_path).rename(tmp_path / wrong.folder)
    with pytest.warns(UserWarning, match="belongs to other data"):
        assert not load(Made(key="two"), tmp_path).from_cache


def test_sampled_blocks_see_both_ends_and_every_block_between() -> None:
    images = np.zeros((1000, 48, 48, 1), np.uint8)
    blocks = store.sample_blocks(images)
    assert len(blocks) == 64
    for place in (0, images.size - 1):
        images.reshape(-1)[place] = 1
        assert store.sample_blocks(images) != blocks
        images.reshape(-1)[place] = 0
    small = np.zeros((2, 3, 3, 1), np.uint8)
    assert store.sample_blocks(small)[0] == zlib.crc32(bytes(18))


@pytest.mark.skipif(sys.platform != "linux", reason="blocks are counted as on Linux")
def test_room_for_mapped_images_is_reserved(tmp_path: Path) -> None:
    store.create_images(tmp_path, (100, 48, 48, 1))
    status = (tmp_path / store.IMAGES).stat()
    assert status.st_blocks * 512 >= status.st_size > 100 * 48 * 48
    assert store.map_images(tmp_path, "r").shape == (100, 48, 48, 1)


@BOTH
def test_an_unwritable_folder_costs_one_warning(memory_gb: float, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="are not kept in .*; the run continues without") as caught:
        loaded = load(Made(), tmp_path / "file" / "cache", memory_gb)
    assert len(caught) == 1
    assert np.array_equal(loaded.images, Made().pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file grow beyond ``room`` bytes, which is what a full disk does to the writer."""
    resource = pytest.importorskip("resource", reason="this platform cannot limit the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 100, 1500, 2500], ids=lambda room: f"{room} bytes")
def test_a_full_disk_costs_one_warning(room: int, tmp_path: Path) -> None:
    root = tmp_path / "cache"  # the images need 1,568 bytes, the table more
    with full_disk(room), pytest.warns(UserWarning, match="are not kept in .*; the run continues without") as caught:
        loaded = load(Made(), root)
    assert len(caught) == 1
    assert np.array_equal(loaded.images, Made().pixels)
    assert list(root.iterdir()) == []


def test_a_full_disk_with_images_that_must_be_mapped_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with (
        full_disk(100),
        pytest.warns(UserWarning, match="are not kept in") as caught,
        pytest.raises(InputError, match=r"data\.memory_gb is 0\.0, .* no folder has room"),
    ):
        load(Made(), tmp_path / "cache", NOTHING)
    assert len(caught) == 1
    assert list(temporary.iterdir()) == list((tmp_path / "cache").iterdir()) == []


def test_mapped_images_whose_table_finds_no_room_are_used_all_the_same(tmp_path: Path) -> None:
    with full_disk(2000), pytest.warns(UserWarning, match="are not kept in") as caught:
        loaded = load(Made(), tmp_path, NOTHING)
    assert len(caught) == 1
    assert np.array_equal(loaded.images, Made().pixels)
    assert isinstance(loaded.images, np.memmap)
    assert all(path.name.startswith(store.UNFINISHED) for path in tmp_path.iterdir())  # removed at exit


@BOTH
def test_the_slower_of_two_builders_leaves_the_fasters_entry(memory_gb: float, tmp_path: Path) -> None:
    class Overtaken(Made):
        def __getitem__(self, index: int) -> np.ndarray:
            if index == len(self.pixels) - 1:
                self.winner = load(Made(), tmp_path, memory_gb)
                self.stamp = (entry_of_finished(tmp_path) / "meta.json").stat().st_mtime_ns
            return super().__getitem__(index)

    dataset = Overtaken()
    loaded = load(dataset, tmp_path, memory_gb)
    assert_equal(loaded, dataset.winner)
    folder = entry_of(tmp_path)
    assert (folder / "meta.json").stat().st_mtime_ns == dataset.stamp
    if isinstance(loaded.images, np.memmap):
        assert Path(loaded.images.filename).parent == folder


def entry_of_finished(root: Path) -> Path:
    (folder,) = (path for path in root.iterdir() if not path.name.startswith(store.UNFINISHED))
    return folder


@BOTH
def test_an_interrupt_while_decoding_leaves_nothing(memory_gb: float, tmp_path: Path) -> None:
    class Interrupted(Made):
        def __getitem__(self, index: int) -> np.ndarray:
            if index == 5:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        load(Interrupted(), tmp_path, memory_gb)
    assert list(tmp_path.iterdir()) == []


PROCESS = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from fer_plugins.data.images import load_images

class Made:
    classes, cache_key = ("a", "b"), "many"
    table = {"label": [i % 2 for i in range(3000)], "source": [str(i) for i in range(3000)]}
    def __getitem__(self, index):
        if sys.argv[3] == "die" and index == 1500:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full((8, 8, 1), index % 251, np.uint8)

root, memory_gb = Path(sys.argv[1]), float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
loaded = load_images(Made(), name="many", image_size=8, channels=1, cache=root, memory_gb=memory_gb)
assert (loaded.images[:, 0, 0, 0] == np.arange(3000) % 251).all()
print(loaded.from_cache)
"""


def start(root: Path, memory_gb: float, mode: str) -> subprocess.Popen:
    command = [sys.executable, "-W", "error", "-c", PROCESS, str(root), str(memory_gb), mode]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@BOTH
def test_processes_that_start_together_end_with_one_entry(memory_gb: float, tmp_path: Path) -> None:
    processes = [start(tmp_path, memory_gb, "live") for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode == 0
    entry_of(tmp_path)
    process = start(tmp_path, memory_gb, "live")
    assert process.communicate("\n", timeout=300)[0].split() == ["ready", "True"]


@BOTH
def test_a_killed_build_is_not_taken_for_whole(memory_gb: float, tmp_path: Path) -> None:
    process = start(tmp_path, memory_gb, "die")
    process.communicate("\n", timeout=300)
    assert process.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert all(path.name.startswith(store.UNFINISHED) for path in left)
    assert len(left) == (memory_gb == NOTHING)

    process = start(tmp_path, memory_gb, "live")
    assert process.communicate("\n", timeout=300)[0].split() == ["ready", "False"]
    entry_of_finished(tmp_path)


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young, growing = (tmp_path / f"{store.UNFINISHED}{name}" for name in ("old", "young", "growing"))
    for folder in (old, young, growing):
        folder.mkdir()
        (folder / "images.npy").write_bytes(b"half")
    long_ago = time.time() - store.DAY - 60
    for path in (old / "images.npy", old, growing):  # in `growing` a file was written a moment ago
        os.utime(path, (long_ago, long_ago))
    load(Made(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(store.UNFINISHED)) == [
        growing.name,
        young.name,
    ]


def test_a_mapped_file_without_a_cache_is_gone_when_the_process_ends(tmp_path: Path) -> None:
    script = PROCESS.replace("cache=root", "cache=None")
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path), "0", "live"]
    subprocess.run(command, input="\n", text=True, check=True, env=os.environ | {"TMPDIR": str(tmp_path)}, timeout=300)
    assert list(tmp_path.iterdir()) == []
