"""Makes tiny copies of each dataset's layouts, from noise: no real face.

As a script, ``python tests/support/fake_datasets.py FOLDER`` writes one of each.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

EXPRESSIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
FERPLUS_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
Files = dict[str, bytes]


def picture(seed: int, size: tuple[int, int] = (48, 48), channels: int = 1, suffix: str = "png") -> bytes:
    """The bytes of an image file of noise."""
    shape = size if channels == 1 else (*size, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    stream = io.BytesIO()
    kinds = {"png": "PNG", "jpg": "JPEG", "tiff": "TIFF"}
    Image.fromarray(pixels).save(stream, kinds[suffix])
    return stream.getvalue()


def table(header: str | Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The bytes of a csv."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header.split(",") if isinstance(header, str) else header)
    writer.writerows(rows)
    return stream.getvalue().encode()


def jaffe(suffix: str = "tiff", *, women: Sequence[str] = ("KA", "KL", "KM"), each: int = 1) -> Files:
    files = {}
    for woman in women:
        for code in ("AN", "DI", "FE", "HA", "SA", "SU", "NE"):
            for number in range(1, each + 1):
                files[f"{woman}.{code}{number}.{len(files) + 1}.{suffix}"] = picture(
                    len(files), (64, 64), suffix=suffix
                )
    return files


def ferg(characters: Sequence[str] = ("aia", "bonnie", "jules"), each: int = 2) -> Files:
    files = {}
    for character in characters:
        for expression in ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"):
            for number in range(each):
                name = f"FERG_DB_256/{character}/{character}_{expression}/{character}_{expression}_{number}.png"
                files[name] = picture(len(files), (64, 64), 3)
    return files


def rafdb_official(each: int = 3) -> Files:
    files, lines = {}, []
    for split in ("train", "test"):
        for number, code in enumerate(list(range(1, 8)) * each, start=1):
            stem = f"{split}_{number:05}"
            lines.append(f"{stem}.jpg {code}")
            files[f"basic/Image/aligned/{stem}_aligned.jpg"] = picture(len(files), (100, 100), 3, "jpg")
            files[f"basic/Image/original/{stem}.jpg"] = picture(len(files), (120, 90), 3, "jpg")
    return {**files, "basic/EmoLabel/list_patition_label.txt": "\n".join(lines).encode()}


def rafdb_folders(each: int = 3, *, lists: bool = True) -> Files:
    files: Files = {}
    listed: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for split, rows in listed.items():
        for number, code in enumerate(list(range(1, 8)) * each, start=1):
            name = f"{split}_{number:05}_aligned.jpg"
            files[f"DATASET/{split}/{code}/{name}"] = picture(len(files), (100, 100), 3, "jpg")
            rows.append((name, code))
    if lists:
        files |= {f"{split}_labels.csv": table("image,label", rows) for split, rows in listed.items()}
    return files


def ckplus_folders(subjects: int = 8, *, frames: int = 3) -> Files:
    files = {}
    names = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
    for subject in range(1, subjects + 1):
        for take, name in enumerate(names, start=1):
            for frame in range(10, 10 + frames):
                files[f"CK+48/{name}/S{subject:03}_{take:03}_{frame:08}.png"] = picture(len(files))
    return files


def ckplus_csv(each: int = 4) -> Files:
    rows = []
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for code in list(range(8)) * each:
            pixels = np.random.default_rng(len(rows)).integers(0, 256, 48 * 48)
            rows.append((code, " ".join(map(str, pixels)), usage))
    return {"ckextended.csv": table("emotion,pixels,Usage", rows)}


def ckplus_tree(subjects: int = 4, *, frames: int = 5) -> Files:
    files = {}
    for subject in range(1, subjects + 1):
        for take in range(1, 10):  # take 8 and 9 carry no label, as most of the release's do not
            place = f"S{subject:03}/{take:03}"
            stem = place.replace("/", "_")
            for frame in range(1, frames + 1):
                files[f"cohn-kanade-images/{place}/{stem}_{frame:08}.png"] = picture(len(files), (49, 64))
            if take <= 7:
                name = f"Emotion/{place}/{stem}_{frames:08}_emotion.txt"
                files[name] = f"   {take:.7e}\n".encode()
            else:
                files[f"Emotion/{place}/readme.txt"] = b"no label"
    return files


def affectnet_npy(each: int = 3) -> Files:
    files = {}
    for split in ("train_set", "val_set"):
        for number, code in enumerate(list(range(9)) * each):  # 8: none
            files[f"{split}/images/{number}.jpg"] = picture(len(files), (56, 56), 3, "jpg")
            for kind, value in (("exp", str(code)), ("val", "0.5")):
                stream = io.BytesIO()
                np.save(stream, np.array(value))
                files[f"{split}/annotations/{number}_{kind}.npy"] = stream.getvalue()
    return files


def affectnet_csv(each: int = 3) -> Files:
    files = {}
    for listed in ("training", "validation"):
        rows = []
        for number, code in enumerate(list(range(11)) * each):
            name = f"{number % 4}/{listed}{number}.jpg"
            files[f"Manually_Annotated_Images/{name}"] = picture(len(files), (56, 56), 3, "jpg")
            rows.append((name, 0, 0, 56, 56, "", code, 0.1, 0.2))
        header = (
            "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
        )
        files[f"Manually_annotated_file_lists/{listed}.csv"] = table(header, rows)
    return files


def ferplus_rows(each: int = 3) -> list[tuple[str, str, tuple[int, ...]]]:
    """Usage, image name and ten votes of each row: clear ones of all eight expressions, then unclear ones."""
    rows: list[tuple[str, str, tuple[int, ...]]] = []
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for top in list(range(8)) * each:
            votes = [0] * 10
            votes[top], votes[(top + 1) % 8], votes[8] = 7, 2, 1
            rows.append((usage, f"fer{len(rows):07}.png", tuple(votes)))
        rows.append((usage, f"fer{len(rows):07}.png", (4, 4, 0, 0, 0, 0, 0, 0, 2, 0)))  # no majority
        rows.append((usage, f"fer{len(rows):07}.png", (1, 1, 0, 0, 0, 0, 0, 0, 8, 0)))  # unknown on top
        rows.append((usage, "", (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)))  # no face
    return rows


def ferplus(each: int = 3) -> Files:
    rows = ferplus_rows(each)
    votes = table(FERPLUS_HEADER, [(usage, name, *ballot) for usage, name, ballot in rows])
    faces = []
    for number, (usage, _, _) in enumerate(rows):
        pixels = np.random.default_rng(number).integers(0, 256, 48 * 48)
        faces.append((number % 7, " ".join(map(str, pixels)), usage))
    return {"fer2013.csv": table("emotion,pixels,Usage", faces), "fer2013new.csv": votes}


def class_folders(names: Sequence[str] = ("Angry", "joy", "Sadness"), each: int = 4, *, split: bool = False) -> Files:
    files = {}
    for part in ("train", "valid", "test") if split else ("",):
        for name in names:
            for number in range(each):
                files["/".join(filter(None, [part, name, f"{number}.png"]))] = picture(len(files))
    return files


def listed_images(each: int = 4) -> Files:
    files, rows = {}, []
    for name in ("happiness", "sad", "neutral"):
        for number in range(each):
            file = f"pictures/{name}{number}.png"
            files[file] = picture(len(files))
            rows.append((file, name, ("train", "val", "test")[min(number, 2)], f"p{number}", f"v{number}"))
    return {**files, "list.csv": table("file,emotion,part,person,video", rows)}


LAYOUTS: Mapping[str, tuple[str, Callable[[], Files]]] = {  # name -> dataset, maker
    "jaffe": ("jaffe", jaffe),
    "jaffe_png": ("jaffe", lambda: jaffe("png")),
    "ferg": ("ferg", ferg),
    "rafdb_official": ("rafdb", rafdb_official),
    "rafdb_folders": ("rafdb", rafdb_folders),
    "rafdb_folders_without_lists": ("rafdb", lambda: rafdb_folders(lists=False)),
    "ckplus_folders": ("ckplus", ckplus_folders),
    "ckplus_csv": ("ckplus", ckplus_csv),
    "ckplus_tree": ("ckplus", ckplus_tree),
    "affectnet_npy": ("affectnet", affectnet_npy),
    "affectnet_csv": ("affectnet", affectnet_csv),
    "ferplus": ("ferplus", ferplus),
    "class_folders": ("folder", class_folders),
    "split_class_folders": ("folder", lambda: class_folders(split=True)),
}


def write_folder(files: Files, root: Path) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(files: Files, path: Path, *, top: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{top}{name}", content)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/support/fake_datasets.py FOLDER")
    for name, (dataset, make) in LAYOUTS.items():
        print(dataset, write_folder(make(), Path(sys.argv[1], name)))
