"""FERG-DB: stylised characters; a character is a subject."""

from __future__ import annotations

import os

from fer_plugins.contract import Release
from fer_plugins.data.datasets.copy_layout import match_files, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS, expression_of
from fer_plugins.errors import InputError

_LAYOUTS = "one folder a character with one folder an expression, such as aia/aia_anger/*.png"
_CLASSES = EXPRESSIONS[:7]


class FERG(FileDataset):
    """55,767 rendered colour images of 256 x 256 pixels: six characters, seven expressions.

    Aneja et al., "Modeling stylized character expressions via deep learning", 2016. ``root`` is a folder or zip that
    holds ``<character>/<character>_<expression>/*.png`` (the character's name before the expression may be missing).
    The character is the subject. There is no official split, and frames of one animation are not told apart: split by
    subject.

    Args:
        root: folder or zip that holds FERG-DB.
        check: what follows when counts differ from the release's: error, warn (a sentence in the notes) or off.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: no such folders, an unknown expression, other counts, or (at first use) a bad image.
    """

    title = "FERG"

    def __init__(
        self, *, root: str | os.PathLike[str] | None, check: Check = "error", on_bad_image: OnBadImage = "error"
    ) -> None:
        super().__init__("ferg", open_root("ferg", root, _LAYOUTS), options={}, check=check, on_bad_image=on_bad_image)
        self._listed()  # names only

    def list_rows(self) -> Listing:
        """Read character and expression from the folders."""
        pattern = r"(?P<character>[^/]+)/(?P<folder>[^/]+)/[^/]+\.(?:png|jpe?g|bmp|tiff?)"
        found = match_files(self.files, pattern, "ferg")
        rows: list[Row] = []
        for name, match in found:
            character = match["character"].lower()
            folder = match["folder"].lower()
            expression = expression_of(folder.removeprefix(f"{character}_"))
            if expression not in _CLASSES:
                if not rows and folder != f"{character}_{folder.rpartition('_')[2]}":
                    raise refuse_layout(self.files, "ferg", _LAYOUTS)
                raise InputError(
                    f"{self.files.where(name)}: the folder {match['folder']!r} names no expression of FERG "
                    f"({', '.join(_CLASSES)}); rename or remove it"
                )
            rows.append(Row(name, _CLASSES.index(expression), subject=character))
        if not rows:
            raise refuse_layout(self.files, "ferg", _LAYOUTS)
        notes = note_unread(self.files, [row.name for row in rows])
        return Listing("folders of characters", _CLASSES, rows, Release(samples=55_767, subjects=6), notes)
