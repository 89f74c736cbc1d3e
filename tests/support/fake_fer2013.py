"""Makes tiny copies of FER2013 in each of its layouts, from noise: no real face.

As a script, ``python tests/support/fake_fer2013.py FOLDER`` writes one of each.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

FOLDERS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # in the order of the csv's codes
USAGES = ("Training", "PublicTest", "PrivateTest")


class Face(NamedTuple):
    code: int
    usage: str
    number: int
    pixels: np.ndarray  # uint8 (48, 48)


def make_faces(each: int = 2, seed: int = 0) -> list[Face]:
    """``each`` images of every class and split, in a mixed order."""
    random = np.random.default_rng(seed)
    cells = [(code, usage) for usage in USAGES for code in range(7) for _ in range(each)]
    order = random.permutation(len(cells))
    return [
        Face(*cells[cell], number, random.integers(0, 256, (48, 48), dtype=np.uint8))
        for number, cell in enumerate(order)
    ]


def encode(pixels: np.ndarray, suffix: str = "png") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, {"png": "PNG", "jpg": "JPEG", "pgm": "PPM"}[suffix])
    return stream.getvalue()


def image_files(
    faces: Iterable[Face],
    *,
    suffix: str = "png",
    folders: Sequence[str] = FOLDERS,
    splits: tuple[str, str] = ("train", "test"),
    prefixes: bool = True,
    top: str = "",
) -> dict[str, bytes]:
    """Name and content of every file of the class-folder copy."""
    files = {}
    for face in faces:
        split = splits[face.usage != "Training"]
        name = f"{face.usage}_{face.number}" if prefixes else f"im{face.number}"
        files[f"{top}{split}/{folders[face.code]}/{name}.{suffix}"] = encode(face.pixels, suffix)
    return files


def csv_text(faces: Iterable[Face], columns: Sequence[str] = ("emotion", "pixels", "Usage"), quote: str = "") -> bytes:
    """The csv with ``columns``, whose names are written as they are given (blanks, case)."""
    lines = [",".join(columns)]
    for face in faces:
        value = {
            "emotion": str(face.code),
            "pixels": quote + " ".join(map(str, face.pixels.ravel().tolist())) + quote,
            "usage": face.usage,
        }
        lines.append(",".join(value[column.strip().lower()] for column in columns))
    return "\n".join(lines).encode() + b"\n"


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder_layout(at: Path, faces: list[Face]) -> Path:
    return write_folder(at / "images", image_files(faces))


def write_nested_folder_layout(at: Path, faces: list[Face]) -> Path:
    return write_folder(at / "nested", image_files(faces, top="FER2013/"))


def write_other_case_layout(at: Path, faces: list[Face]) -> Path:
    names = ("Anger", "DISGUSTED", "Fearful", "happiness", "Sadness", "Surprised", "Neutral")
    return write_folder(at / "cased", image_files(faces, folders=names, splits=("Train", "TEST")))


def write_zip_layout(at: Path, faces: list[Face]) -> Path:
    return write_zip(at / "fer2013.zip", image_files(faces))


def write_nested_deflated_zip_layout(at: Path, faces: list[Face]) -> Path:
    junk = {"__MACOSX/archive/train/angry/._Training_0.png": b"x", "archive/train/.DS_Store": b"x"}
    return write_zip(at / "archive.zip", image_files(faces, top="archive/") | junk, zipfile.ZIP_DEFLATED)


def write_backslash_zip_layout(at: Path, faces: list[Face]) -> Path:
    files = {name.replace("/", "\\"): content for name, content in image_files(faces).items()}
    return write_zip(at / "windows.zip", files)


def write_csv_layout(at: Path, faces: list[Face]) -> Path:
    return write_folder(at, {"fer2013.csv": csv_text(faces)}) / "fer2013.csv"


def write_icml_layout(at: Path, faces: list[Face]) -> Path:
    text = csv_text(faces, ("emotion", " Usage", " pixels"), quote='"').replace(b"\n", b"\r\n")
    return write_folder(at, {"icml_face_data.csv": b"\xef\xbb\xbf" + text}) / "icml_face_data.csv"


def write_zipped_icml_layout(at: Path, faces: list[Face]) -> Path:
    files = {"icml_face_data.csv": csv_text(faces, ("emotion", " Usage", " pixels")), "train.csv": b"not read"}
    return write_zip(at / "icml.zip", files, zipfile.ZIP_DEFLATED)


def write_tar_layout(at: Path, faces: list[Face]) -> Path:
    files = {"fer2013/README": b"read me", "fer2013/fer2013.csv": csv_text(faces), "fer2013/fer2013.bib": b"@"}
    return write_tar(at / "fer2013.tar.gz", files)


LAYOUTS: dict[str, Callable[[Path, list[Face]], Path]] = {
    name.removeprefix("write_").removesuffix("_layout"): function
    for name, function in list(globals().items())
    if name.endswith("_layout")
}


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for write in LAYOUTS.values():
        print(write(out, make_faces()))
