"""A dataset made of a list of images: decoding, bad images, counts and cache key for every such dataset."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt
import PIL

from fer_image_files.archives.file_set import Opener
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.decoding import OnBadImage, UnreadableError, describe_bad, read_image
from fer_image_files.option_values import check_value
from fer_plugins.contract import Release
from fer_plugins.data.release import differences
from fer_plugins.runtime.errors import InputError

__all__ = ["Check", "ListedDataset", "Listing", "Row", "describe_bad"]
Check = Literal["error", "warn", "off"]
_READER_VERSION = 4  # raise with any change in what is read, so that cached images of older versions are rebuilt


class Row(NamedTuple):
    """One image: its file and metadata; "" means unknown."""

    name: str  # name in the file set
    label: int  # index into the classes
    split: str = ""  # "train", "val" or "test" of the release
    subject: str = ""
    sequence: str = ""


@dataclass
class Listing:
    """The list of images in a copy, made without decoding any."""

    layout: str  # name of the copy's layout, for the notes
    classes: Sequence[str]
    rows: list[Row]
    release: Release = field(default_factory=Release)
    notes: list[str] = field(default_factory=list)
    # Images of the rows, uint8 (H, W, 1 or 3), if they were read with the list from a table; bad ones are handled then.
    images: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8] | None = None
    left_out: list[str] = field(default_factory=list)  # sentences on bad images, shown among the notes
    bad_rows: list[Row] = field(default_factory=list)  # bad images, which count in the comparison with the release
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)  # further columns of the table: votes, target
    deviations: list[str] = field(default_factory=list)  # sentences on deviations from the release other than counts
    explanation: str = ""  # possible reason for counts that differ from the release's; appended to the message


@final
class ListedDataset:
    """Dataset of the images named by a list: decoding, bad images, counts compared with the release, cache key.

    Images are decoded one by one, on access, in their original size and colour.

    Args:
        owner: name of the entry point, for messages.
        title: name of the dataset in papers.
        files: files of the copy.
        listing: the images in the copy, or a picklable function that lists them at the first use; it raises InputError
            if a list is missing or contradicts itself.
        options: the user's options that change what is read; part of the cache key.
        check: what to do if counts differ from the release's: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable image: error (when it is read), or skip (every image is decoded
            first; bad ones are left out and counted in the notes).
        classes: class names in label order, if they are known before the list is read.
        release: contents of the official release, if known in advance; ``listing`` then does the check itself.
        target_mode: how training uses the column ``target``.
        digests: function that returns hashes of the files that are read, if these are not all of ``files``.

    Raises:
        InputError: an option has an unknown value, there is no row, an image is listed twice, or counts differ from the
            release's.
    """

    identify: Callable[[], Any]  # for datasets whose official files are known

    def __init__(
        self,
        owner: str,
        title: str,
        files: RootFiles,
        listing: Listing | Callable[[], Listing],
        *,
        options: Mapping[str, Any] | None = None,
        check: Check = "off",
        on_bad_image: OnBadImage = "error",
        classes: Sequence[str] | None = None,
        release: Release | None = None,
        target_mode: str | None = None,
        digests: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        check_value(owner, "check", check, Check)
        check_value(owner, "on_bad_image", on_bad_image, OnBadImage)
        self.title, self.files = title, files
        self._owner, self._options = owner, dict(options or {})
        self._check, self._on_bad_image = check, on_bad_image
        self._classes, self._release, self._digests = classes, release, digests
        if target_mode is not None:  # an attribute of such datasets only
            self.target_mode = target_mode
        self._find_listing = listing
        self._listing: Listing | None = self._judge(listing) if isinstance(listing, Listing) else None
        self._checked = False  # whether bad images have been left out
        self._reader: tuple[AbstractContextManager[Opener], Opener] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        return tuple(self._listed().classes if self._classes is None else self._classes)

    @property
    def notes(self) -> list[str]:
        """Sentences on what was recognised, mapped and left out."""
        listing = self._listed()
        return [f"Read as {listing.layout}.", *self.files.notes, *listing.notes, *listing.left_out]

    @property
    def left_out(self) -> list[str]:
        """Notes on bad images."""
        return self._listed().left_out

    @property
    def deviations(self) -> list[str]:
        """Sentences on deviations from the release other than counts."""
        return self._listed().deviations

    @property
    def release(self) -> Release:
        """Contents of the official release in this layout."""
        return self._listed().release if self._release is None else self._release

    @property
    def cache_key(self) -> str:
        """Hash of the files, the options and this reader's version: 32 hex digits.

        For a folder, names, sizes and modification times count; for a zip, its bytes.
        """
        digests = self._digests() if self._digests else [self.files.digest(self.files.names)]
        parts = [_READER_VERSION, PIL.__version__, self._owner, self._check, self._on_bad_image]
        parts += [repr(sorted(self._options.items())), *digests]
        text = "\n".join(map(str, parts)).encode("utf-8", "replace")
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    @property
    def table(self) -> dict[str, Any]:
        """Columns ``label``, ``source``, those of the listing and, if known, ``split``, ``subject``, ``sequence``."""
        rows = self._rows()
        # A name with bytes that are not UTF-8 could not be written to a run's records.
        names = [row.name.encode("utf-8", "backslashreplace").decode() for row in rows]
        columns: dict[str, Any] = {"label": [row.label for row in rows], "source": names}
        for name in ("split", "subject", "sequence"):
            column = [getattr(row, name) for row in rows]
            if all(column):
                columns[name] = column
        return {**columns, **self._listed().columns}

    def __len__(self) -> int:
        return len(self._rows())

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index``: uint8 (H, W, 1) or (H, W, 3), as released.

        Raises:
            UnreadableError: the file is missing, truncated or not an image.
        """
        name = self._rows()[index].name
        images = self._listed().images
        return self._decode(name) if images is None else images[index]

    def bad_rows(self) -> list[UnreadableError]:
        """Decode every image and return the errors of the unreadable ones."""
        rows = self._rows() if self._listed().images is None else []
        return [fault for row in rows if (fault := self._fault(row))]

    def _listed(self) -> Listing:
        if self._listing is None:
            assert not isinstance(self._find_listing, Listing)
            self._listing = self._judge(self._find_listing())
        return self._listing

    def _judge(self, listing: Listing) -> Listing:
        if not listing.rows:
            reason = " ".join(listing.notes) or "fetch it again"
            raise InputError(f"{self.files.path}: no image with a label is left of it: {reason}")
        name, times = Counter(row.name for row in listing.rows).most_common(1)[0]
        if times > 1:
            raise InputError(f"{self.files.where(name)}: is listed {times} times; list it once")
        if self._check != "off":
            self._compare(listing)
        return listing

    def _rows(self) -> list[Row]:
        listing = self._listed()
        if self._on_bad_image == "skip" and not self._checked and listing.images is None:
            faults = {place: fault for place, row in enumerate(listing.rows) if (fault := self._fault(row))}
            readable = [place for place in range(len(listing.rows)) if place not in faults]
            listing.rows = [listing.rows[place] for place in readable]
            listing.columns = {key: column[readable] for key, column in listing.columns.items()}
            reasons = [f"{fault.where}: {fault.reason}" for fault in faults.values()]
            if not readable:
                raise InputError(
                    f"{self.files.path}: none of its {len(faults):,} images can be read, the first: {reasons[0]}; give "
                    "another copy as --data.root"
                )
            listing.left_out += describe_bad(reasons)
            self._checked = True
        return listing.rows

    def _fault(self, row: Row) -> UnreadableError | None:
        try:
            self._decode(row.name)
        except UnreadableError as error:
            return error
        return None

    def _decode(self, name: str) -> npt.NDArray[np.uint8]:
        if self._reader is None:
            manager = self.files.opened()
            self._reader = (manager, manager.__enter__())
        return read_image(self.files, name, self._reader[1], grey=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reader": None}  # an open zip is reopened in a copy of the dataset

    def _compare(self, listing: Listing) -> None:
        rows = listing.rows + [row for row in listing.bad_rows if row.label >= 0 and row.split]
        deviations = differences(
            listing.release,
            listing.classes,
            [row.label for row in rows],
            splits=[row.split for row in rows],
            subjects=[row.subject for row in rows if row.subject],
            sequences=[row.sequence for row in rows if row.sequence],
        )
        if not deviations:
            return
        if self._check == "warn":
            listing.notes.append(f"The counts are not the release's: {', '.join(deviations)}{listing.explanation}.")
            return
        shown = ", ".join(deviations[:6]) + (f" and {len(deviations) - 6} more" if len(deviations) > 6 else "")
        remedy = "or continue" if listing.explanation else "give the complete release, or continue"
        text = f"not the complete {self.title}: {shown}{listing.explanation}; {remedy} with --data.check warn|off"
        raise InputError(f"{self.files.path}: {text}")
