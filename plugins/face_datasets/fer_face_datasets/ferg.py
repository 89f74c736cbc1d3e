"""FERG-DB: stylised characters; each character is a subject."""

from __future__ import annotations

import os

from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.copy_layout import match_files, note_unread, refuse_layout
from fer_image_files.decoding import OnBadImage, is_image
from fer_image_files.folders.trees import as_flag
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row

from fer_plugins.contract import Release
from fer_plugins.data.expressions import EXPRESSIONS, expression_of
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

_LAYOUTS = "one folder a character with one folder an expression, such as aia/aia_anger/*.png"
_CLASSES = EXPRESSIONS[:7]


def ferg(
    *,
    root: str | os.PathLike[str] | None,
    ignore: list[str] | None = None,
    check: Check = "error",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """FERG-DB: 55,767 rendered colour images of 256 x 256 pixels; six characters, seven expressions.

    Aneja et al., "Modeling stylized character expressions via deep learning", 2016. ``root`` is a folder or zip with
    ``<character>/<character>_<expression>/*.png`` (the character's name before the expression is optional). The
    character is the subject. There is no official split, and frames of one animation cannot be distinguished: split by
    subject.

    Args:
        root: folder, zip or tar with FERG-DB.
        ignore: files and folders to leave out, relative to the root.
        check: what to do if counts differ from the release's: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: unknown layout, an unknown expression, other counts, or (at first use) a bad image.
    """
    files = open_root("ferg", root, _LAYOUTS, ignore=ignore)
    return ListedDataset("ferg", "FERG", files, _list_rows(files), check=check, on_bad_image=on_bad_image)


def _list_rows(files: RootFiles) -> Listing:
    """Read character and expression from the folder names."""
    pattern = r"(?:(?P<split>train\w*|val\w*|test\w*)/)?(?P<character>[^/]+)/(?P<folder>[^/]+)/[^/]+"
    matches = [match for match in match_files(files, pattern, "ferg") if is_image(match[0])]
    rows: list[Row] = []
    for name, match in matches:
        character = match["character"].lower()
        folder = match["folder"].lower()
        expression = expression_of(folder.removeprefix(f"{character}_"))
        if expression not in _CLASSES:
            if not rows and folder != f"{character}_{folder.rpartition('_')[2]}":
                raise refuse_layout(files, "ferg", _LAYOUTS)
            raise InputError(
                f"{files.where(name)}: the folder {match['folder']!r} names no expression of FERG "
                f"({', '.join(_CLASSES)}); leave it out with "
                f"--data.ignore {as_flag([name.rpartition('/')[0]])}"
            )
        rows.append(Row(name, _CLASSES.index(expression), split_of(match["split"] or "") or "", character))
    if not rows:
        raise refuse_layout(files, "ferg", _LAYOUTS)
    notes = note_unread(files, [row.name for row in rows], "they lie in no folder of a character and an expression")
    return Listing("folders of characters", _CLASSES, rows, Release(samples=55_767, subjects=6), notes)
