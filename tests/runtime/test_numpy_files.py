"""A damaged .npy or .npz file is a ValueError of one line, wherever it is damaged."""

import io
import zipfile

import numpy as np
import pytest

from fer_plugins.runtime.numpy_files import read_arrays

VALUES = np.random.default_rng(0).random((20, 7))


def save(write, *arrays, **named):
    stream = io.BytesIO()
    write(stream, *arrays, **named)
    return stream.getvalue()


FILES = {
    "npy": save(np.save, VALUES),
    "npz": save(np.savez, values=VALUES, names=np.array(["a", "b"])),
    "compressed": save(np.savez_compressed, values=VALUES, names=np.array(["a", "b"])),
}


def test_arrays_come_back():
    np.testing.assert_array_equal(read_arrays(io.BytesIO(FILES["npy"]))[""], VALUES)
    for name in ("npz", "compressed"):
        arrays = read_arrays(io.BytesIO(FILES[name]))
        assert list(arrays) == ["values", "names"]
        np.testing.assert_array_equal(arrays["values"], VALUES)


def test_what_is_no_array_is_left_out():
    stream = io.BytesIO(FILES["npz"])
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("README.txt", "made elsewhere")
    stream.seek(0)
    assert list(read_arrays(stream)) == ["values", "names"]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_kind_of_error(name):
    """Bits are turned, bytes lost, and lengths made huge; as of a broken download, and of one who means harm."""
    generator, messages = np.random.default_rng(0), []
    for _ in range(400):
        content = bytearray(FILES[name])
        for place in generator.integers(len(content) - 120, size=generator.integers(1, 5)):
            change = generator.integers(3)
            if change == 0:
                content[place] ^= 1 << generator.integers(8)
            elif change == 1:
                content[place : place + 4] = b"\xff\xff\xff\x7f"
            else:
                del content[place : place + generator.integers(1, 30)]
        try:
            read_arrays(io.BytesIO(bytes(content)))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert not [message for message in messages if "\n" in message]


def test_objects_are_not_opened(tmp_path):
    file = tmp_path / "objects.npy"
    np.save(file, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(file)
    with pytest.raises(OSError, match="No such file"):
        read_arrays(tmp_path / "none.npy")
