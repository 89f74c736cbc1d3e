"""CK+: the extended Cohn-Kanade database, from class folders, from the csv of 920 images, or from the official tree."""

from __future__ import annotations

import os
import re
from collections import defaultdict

from fer_plugins.contract import Release
from fer_plugins.data.datasets.archives import FileSet, Opener, split_name
from fer_plugins.data.datasets.ckplus_csv import find_csv, list_csv
from fer_plugins.data.datasets.copy_layout import is_image, match_files, note_unread, refuse_layout
from fer_plugins.data.datasets.csv_files import read_text
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS, expression_of
from fer_plugins.errors import InputError

_LAYOUTS = "<class>/S005_001_00000011.png, ckextended.csv, or cohn-kanade-images with Emotion"
_SEVEN = tuple(name for name in EXPRESSIONS if name != "neutral")
_SEQUENCES = dict(zip(_SEVEN, (45, 59, 25, 69, 28, 83, 18), strict=True))  # labelled, of each class
_EMOTION_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # of the Emotion files
_FRAME = r"(?P<subject>S\d{3})_(?P<take>\d{3})_(?P<frame>\d{8})"
_NO_PEAK = "lack the image that was labelled, so that the last one there stands for it"
_NO_START = "do not begin with image 1, so that their first may be no neutral face"


class CKPlus(FileDataset):
    """Posed expressions from neutral to peak: 327 labelled sequences of 118 people, seven classes with contempt.

    Lucey et al., "The extended Cohn-Kanade dataset (CK+)", 2010. ``root`` is a folder or zip that holds one of these:

    - class folders of files named ``S###_###_########.png`` (981 images of 48 x 48 pixels, three of each sequence):
      subject and sequence are read from the names;
    - ``ckextended.csv`` (920 rows ``emotion,pixels,Usage``, eight classes; its 593 neutral rows are most of it). It
      names no subject, so a subject-disjoint split of it is impossible;
    - the official tree ``cohn-kanade-images/S###/###/*.png`` with ``Emotion/S###/###/*_emotion.txt``: the last images
      of each labelled sequence, and its first as neutral where that is asked for (it then shows no expression, however
      many images at the end are asked for).

    There is no official split but the csv's.

    Args:
        root: folder or zip that holds CK+, or the csv.
        last_frames: of the official tree, how many images at the end of each labelled sequence, at least 1.
        first_frame_neutral: of the official tree, whether the first image of each labelled sequence is neutral.
        check: what follows when counts differ from the release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: none of the layouts, several of them, unknown labels, other counts, or (at first use) a bad image.
    """

    title = "CK+"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        last_frames: int = 1,
        first_frame_neutral: bool = False,
        check: Check = "error",
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if last_frames < 1:
            raise InputError(f"ckplus: last_frames is {last_frames}; give --data.last_frames at least 1")
        self._last_frames, self._first_frame_neutral = last_frames, first_frame_neutral
        self._csv, files = find_csv(root, _LAYOUTS)
        options = {"last_frames": last_frames, "first_frame_neutral": first_frame_neutral}
        super().__init__("ckplus", files, options=options, check=check, on_bad_image=on_bad_image)
        self._listed()

    def list_rows(self) -> Listing:
        """Find out which layout it is and list its images."""
        named = rf"(?P<folder>[^/]*[^/\d][^/]*)/{_FRAME}\.(?:png|jpe?g|tiff?|bmp)"  # the tree's folders are numbers
        labelled = rf"(?:[^/]+/)*(?P<sequence>S\d{{3}}/\d{{3}})/{_FRAME}_emotion\.txt"
        folders = match_files(self.files, named, "ckplus")
        emotions = match_files(self.files, labelled, "ckplus")
        images = [name for name in self.files.names if is_image(name) and _sequence_of(name)]
        kinds = {"class folders": folders, "ckextended.csv": self._csv, "the official tree": emotions or images}
        present = [kind for kind, found in kinds.items() if found]
        if len(present) > 1:
            raise InputError(f"{self.files.path}: holds {' and '.join(present)}; give one of them as --data.root")
        if not present:
            raise refuse_layout(self.files, "ckplus", _LAYOUTS)
        given = self._options != {"last_frames": 1, "first_frame_neutral": False}
        if given and present != ["the official tree"]:
            raise InputError(
                f"{self.files.path}: --data.last_frames and --data.first_frame_neutral choose images of the official "
                f"tree, this is {present[0]}; leave them out"
            )
        if self._csv:
            return list_csv(self._csv, self._on_bad_image)
        return self._list_folders(folders) if folders else self._list_tree(emotions, images)

    def _list_folders(self, folders: list[tuple[str, dict[str, str]]]) -> Listing:
        named = []
        for name, match in folders:
            expression = expression_of(match["folder"])
            if expression is None:
                raise InputError(
                    f"{self.files.where(name)}: the class folder {match['folder']!r} is unknown; rename or remove it "
                    f"(known: {', '.join(EXPRESSIONS)})"
                )
            named.append((name, match, expression))
        _refuse_twice(self.files, [name for name, *_ in named])
        present = {expression for *_, expression in named}
        classes = tuple(name for name in EXPRESSIONS if name in present or name != "neutral")
        rows = [
            Row(
                name,
                classes.index(expression),
                subject=match["subject"].upper(),
                sequence=f"{match['subject'].upper()}_{match['take']}",
            )
            for name, match, expression in named
        ]
        counts = {name: 3 * number for name, number in _SEQUENCES.items()}
        release = Release({"all": counts}, 981, subjects=118, sequences=327)
        notes = note_unread(self.files, [row.name for row in rows])
        return Listing("class folders, subject and sequence from the file names", classes, rows, release, notes)

    def _list_tree(self, emotions: list[tuple[str, dict[str, str]]], images: list[str]) -> Listing:
        if not emotions:
            raise InputError(
                f"{self.files.path}: holds cohn-kanade-images but no Emotion/S###/###/*_emotion.txt; put the release's "
                "Emotion folder beside it"
            )
        _refuse_twice(self.files, images)
        _refuse_twice(self.files, [name for name, _ in emotions])
        frames: dict[str, list[str]] = defaultdict(list)
        for name in images:
            frames[_sequence_of(name)].append(name)
        classes = EXPRESSIONS if self._first_frame_neutral else _SEVEN
        rows: list[Row] = []
        odd: dict[str, list[str]] = {_NO_PEAK: [], _NO_START: []}
        with self.files.opened() as opener:
            labels = [_read_emotion(self.files, name, opener) for name, _ in emotions]
        for (name, match), label in zip(emotions, labels, strict=True):
            key = match["sequence"].upper().replace("/", "_")
            if label not in classes:
                raise InputError(
                    f"{self.files.where(name)}: the emotion is {label}, which the release never gives; fetch it again"
                )
            found = sorted(frames.get(key, []), key=lambda one: split_name(one)[-1])
            if not found:
                raise InputError(
                    f"{self.files.where(name)}: sequence {key} has no image in cohn-kanade-images; unpack it again"
                )
            subject = key.partition("_")[0]
            if _frame_of(found[-1]) != int(match["frame"]):
                odd[_NO_PEAK].append(key)
            if self._first_frame_neutral and _frame_of(found[0]) != 1:
                odd[_NO_START].append(key)
            neutral = found[:1] if self._first_frame_neutral and len(found) > 1 else []
            chosen = [(one, "neutral") for one in neutral]
            chosen += [(one, label) for one in found[len(neutral) :][-self._last_frames :]]
            rows += [Row(one, classes.index(expression), "", subject, key) for one, expression in chosen]
        counts = None
        if self._last_frames == 1:  # longer ones may outnumber the images of a short sequence
            counts = {"all": {**_SEQUENCES, **({"neutral": 327} if self._first_frame_neutral else {})}}
        layout = f"the official tree, last {self._last_frames} of each labelled sequence" + (
            ", first as neutral" if self._first_frame_neutral else ""
        )
        notes = [f"{len(keys):,} sequences {what}, the first {keys[0]}." for what, keys in odd.items() if keys]
        return Listing(layout, classes, rows, Release(counts, subjects=118, sequences=327), notes)


def _sequence_of(name: str) -> str:
    """Return "S005_001" of ".../S005/001/S005_001_00000001.png", else ""."""
    parts = split_name(name)
    if len(parts) < 3:
        return ""
    subject, take, file = (part.upper() for part in parts[-3:])
    return f"{subject}_{take}" if file.startswith(f"{subject}_{take}_") else ""


def _frame_of(name: str) -> int:
    """Return 11 of ".../S005_001_00000011.png"."""
    digits = re.match(r"\d+", split_name(name)[-1].rpartition("_")[2])
    return int(digits[0]) if digits else 0


def _refuse_twice(files: FileSet, names: list[str]) -> None:
    """Refuse two files of one name: two copies of the images, or one image under two labels.

    Raises:
        InputError: there are two.
    """
    seen: dict[str, str] = {}
    for name in names:
        stem = split_name(name)[-1].rpartition(".")[0].upper()
        if stem in seen:
            raise InputError(f"{files.path}: holds both {seen[stem]} and {name}; keep one of them")
        seen[stem] = name


def _read_emotion(files: FileSet, name: str, opener: Opener) -> str:
    text = read_text(files, name, opener).strip()  # such as 3.0000000e+00
    codes = {float(code): label for code, label in enumerate(_EMOTION_CODES)}
    try:
        return codes[float(text)]
    except (ValueError, KeyError):
        raise InputError(
            f"{files.where(name)}: holds {text[:40]!r}, a code from 0 to 7 is needed; fetch it again"
        ) from None
