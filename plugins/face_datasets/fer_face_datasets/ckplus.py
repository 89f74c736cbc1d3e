"""CK+, the extended Cohn-Kanade database: from class folders, the csv of 920 images, or the official tree."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from fer_image_files.archives.file_set import split_name
from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.copy_layout import match_files, refuse_layout
from fer_image_files.decoding import OnBadImage, is_image
from fer_image_files.file_kinds import kind_of_file
from fer_image_files.folders.class_folders import ClassTree, find_tree
from fer_image_files.folders.trees import as_flag
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row
from fer_image_files.tables.face_rows import code_labels
from fer_image_files.tables.face_tables import FaceTable, find_tables, table_of_file

from fer_face_datasets.ckplus_images import FRAME, Frames, is_series, list_folders, list_tree, sequence_of
from fer_plugins.contract import Release
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.runtime.errors import InputError

_LAYOUTS = "<class>/S005_001_00000011.png, ckextended.csv, or cohn-kanade-images with Emotion"
# Rows of the csv; the neutral ones are the first image of every sequence, labelled or not.
_ROWS = dict(zip(EXPRESSIONS, (45, 59, 25, 69, 28, 83, 593, 18), strict=True))


def ckplus(
    *,
    root: str | os.PathLike[str] | None,
    last_frames: int = 1,
    first_frame_neutral: bool = False,
    names: str | list[str] | dict[str, str] | None = None,
    ignore: list[str] | None = None,
    check: Check = "error",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """CK+: posed expressions from neutral to peak; 327 labelled sequences of 118 people, seven classes with contempt.

    Lucey et al., "The extended Cohn-Kanade dataset (CK+)", 2010. ``root`` is a folder or zip with one of these layouts:

    - class folders with files named ``S###_###_########.png`` (981 images of 48 x 48 pixels, three per sequence):
      subject and sequence are read from the names. If they hold folders of whole sequences, from neutral to peak, the
      images are selected as for the official tree;
    - ``ckextended.csv`` (920 rows ``emotion,pixels,Usage``, eight classes; 593 of the rows are neutral). It has no
      subjects, so that a subject-disjoint split is impossible;
    - the official tree ``cohn-kanade-images/S###/###/*.png`` with ``Emotion/S###/###/*_emotion.txt``: the last images
      of each labelled sequence, and on request its first image as neutral (which then has no other label, however many
      images at the end are requested).

    There is no official split except that of the csv.

    Args:
        root: folder, zip or tar with CK+, or the csv.
        last_frames: number of images at the end of each labelled sequence, at least 1; for copies with whole sequences.
        first_frame_neutral: use the first image of each labelled sequence as neutral; for copies with whole sequences.
        names: meaning of class folders in another language or with numbers: a mapping from words to expressions, a list
            of names for 0, 1, 2, ..., or a JSON or YAML file with one of these.
        ignore: files and folders to leave out, relative to the root.
        check: what to do if counts differ from the release's: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: unknown layout, several layouts, unknown labels, other counts, or (at first use) a bad image.
    """
    if last_frames < 1:
        raise InputError(f"ckplus: last_frames is {last_frames}; give --data.last_frames at least 1")
    csv, files = _find_csv(root, ignore)
    frames = Frames(last_frames, first_frame_neutral)
    listing = _list_rows(files, csv, ClassNames(names), frames, on_bad_image)
    options = {"last_frames": last_frames, "first_frame_neutral": first_frame_neutral, "names": names}
    return ListedDataset("ckplus", "CK+", files, listing, options=options, check=check, on_bad_image=on_bad_image)


def _list_rows(
    files: RootFiles, csv: FaceTable | None, names: ClassNames, frames: Frames, on_bad_image: OnBadImage
) -> Listing:
    """Detect the layout and list the images."""
    labelled = rf"(?:[^/]+/)*(?P<sequence>S\d{{3}}/\d{{3}})/{FRAME}_emotion\.txt"
    emotions = match_files(files, labelled, "ckplus")
    named = [name for name in files.names if is_image(name) and re.search(FRAME, name, re.IGNORECASE)]
    images = [name for name in named if sequence_of(name)]
    tree = ClassTree() if emotions else find_tree(files, names)
    is_known = any(map(names.expression, tree.words())) and bool(named or is_series(tree))
    sorted_in = is_known or bool(tree.images and named and not images)
    images = [] if sorted_in else images
    kinds = {"class folders": sorted_in, "ckextended.csv": csv, "the official tree": emotions or images}
    present = [kind for kind, content in kinds.items() if content]
    if len(present) > 1:
        raise InputError(
            f"{files.path}: holds {' and '.join(present)}; leave one of them out, such as --data.ignore "
            f"{as_flag([name for name in files.names if split_name(name)[-1].lower().endswith('.csv')])}"
        )
    if not present:
        raise refuse_layout(files, "ckplus", _LAYOUTS)
    if frames != Frames(1, False) and (csv or (sorted_in and not is_series(tree))):
        raise InputError(
            f"{files.path}: --data.last_frames and --data.first_frame_neutral choose images of whole "
            f"sequences, this is {present[0]}; leave them out"
        )
    if csv:
        return _list_csv(csv, on_bad_image)
    listing = list_folders(files, tree, names, frames) if sorted_in else list_tree(files, emotions, images, frames)
    names.refuse_unused(str(files.path), tree.words())
    read = {*images, *(image.name for image in tree.images)}
    names_left = set(files.names)  # without a second copy
    unread = [name for name in named if name in names_left - read]
    if unread:
        listing.notes.append(
            f"{len(unread):,} images of CK+ lie outside of the layout and were not read, the first {unread[0]}."
        )
    return listing


def _find_csv(
    root: str | os.PathLike[str] | None, ignore: Sequence[str] | None = None
) -> tuple[FaceTable | None, RootFiles]:
    """Return the csv of pixels that the root is or holds, or None, and the files; InputError for two."""
    files = open_root("ckplus", root, _LAYOUTS, ignore=ignore, tables=True)
    if files.is_file:
        try:
            table = table_of_file(files)
        except InputError:
            if kind_of_file(files.path) != "tar":
                raise
            table = None  # it may hold the images
        if table is not None and table.kind == "csv":
            return table, files
        return None, open_root("ckplus", root, _LAYOUTS, ignore=ignore)
    tables = find_tables(files)
    csv_files = {**tables.complete, **tables.parts}
    named = [name for name in csv_files if split_name(name)[-1].lower().startswith("ck")] or list(csv_files)
    if len(named) > 1:
        raise InputError(
            f"{files.path}: holds {named[0]} and {named[1]}; leave all but one out with --data.ignore "
            f"{as_flag(named[1:])}"
        )
    return (csv_files[named[0]] if named else None), files


def _list_csv(csv: FaceTable, on_bad_image: OnBadImage) -> Listing:
    table_rows = csv.read(on_bad_image)
    labels, _ = code_labels(table_rows, EXPRESSIONS, remedy="give ckextended.csv, or read it with --data folder")
    rows = [Row(*row) for row in zip(table_rows.source, labels, table_rows.split, strict=True)]
    notes = [
        "The csv names no subject and no sequence: a subject-disjoint split of it is impossible.",
        *table_rows.notes,
    ]
    release = Release({"all": _ROWS}, 920)
    return Listing("ckextended.csv", EXPRESSIONS, rows, release, notes, table_rows.images, table_rows.describe_bad())
