"""Archives as people leave them: compressed tars, and one archive in a folder."""

import errno
import pickle
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fer_image_files.archives import tar_files
from fer_image_files.archives.tar_files import TarFiles
from support import fake_datasets as fake
from support import remedy_cases as cases

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

FILES = cases.tree(("train", "test"), cases.SEVEN)


def build(name, root):
    return registry.build("dataset", name, root=root, **({} if name == "folder" else {"check": "off"}))


def pack(files, path, mode):
    folder = fake.write_folder(files, path.parent / "unpacked")
    with tarfile.open(path, mode) as archive:
        archive.add(folder, ".")
    return path


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("name", ["folder", "fer2013", "rafdb"])
def test_a_compressed_tar_of_images_is_read_as_a_plain_one(name, ending, tmp_path):
    packed = build(name, pack(FILES, tmp_path / f"images.tar.{ending}", f"w:{ending}"))
    plain = build(name, pack(FILES, tmp_path / "images.tar", "w"))
    assert packed.table == plain.table
    for row in (0, 13, 27):
        assert np.array_equal(packed[row], plain[row])
        assert np.array_equal(pickle.loads(pickle.dumps(packed))[row], plain[row])


def test_a_compressed_tar_is_unpacked_once_and_a_changed_one_anew(tmp_path):
    path = pack({"a/1.png": b"one"}, tmp_path / "x.tgz", "w:gz")
    first, second = TarFiles(path), TarFiles(path)
    assert first._plain == second._plain
    path = pack({"a/2.png": b"another one"}, path, "w:gz")
    assert set(TarFiles(path).names) == {"a/1.png", "a/2.png"}


def test_a_disk_without_room_for_it_is_said_and_nothing_stays(tmp_path, monkeypatch):
    path = pack(FILES, tmp_path / "x.tar.gz", "w:gz")
    room = tmp_path / "room"
    room.mkdir()
    real = tempfile.NamedTemporaryFile

    class Full:
        def __init__(self, **options):
            self._file = real(dir=room, **options)
            self.name = self._file.name

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def write(self, chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tar_files.tempfile, "NamedTemporaryFile", Full)
    with pytest.raises(InputError, match=r"cannot be unpacked in .* \(No space left on device\); unpack it where"):
        TarFiles(path)
    assert list(room.iterdir()) == []


def test_a_cut_off_compressed_tar_is_refused(tmp_path):
    path = pack(FILES, tmp_path / "x.tar.gz", "w:gz")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError, match="damaged or incomplete"):
        build("folder", path)


@pytest.mark.parametrize(
    ("name", "files"),
    [("folder", FILES), ("rafdb", fake.rafdb_folders(2)), ("jaffe", fake.jaffe()), ("ckplus", fake.ckplus_folders(2))],
)
@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_the_only_archive_in_a_folder_is_read(name, files, ending, tmp_path):
    folder = tmp_path / "download"
    folder.mkdir()
    (folder / "README.md").write_text("where it is from")
    archive = folder / f"archive.{ending}"
    if ending == "zip":
        fake.write_zip(files, archive)
    else:
        pack(files, tmp_path / "a.tar.gz", "w:gz").rename(archive)
    assert build(name, folder).table == build(name, archive).table


def test_of_two_archives_in_a_folder_none_is_chosen(tmp_path):
    for name in ("a.zip", "b.zip"):
        fake.write_zip(FILES, tmp_path / name)
    with pytest.raises(InputError, match="still packed: unpack a.zip"):
        build("folder", tmp_path)
    assert Path(build("folder", tmp_path / "a.zip").files.path).name == "a.zip"
