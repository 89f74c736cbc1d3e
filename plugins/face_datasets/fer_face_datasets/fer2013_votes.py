"""FER+'s votes in addition to the labels of FER2013: find, hash and match them with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.tables.face_rows import FaceRows

from fer_face_datasets.fer2013_copies import FaceCopy
from fer_face_datasets.ferplus_votes import match_votes, open_votes
from fer_face_datasets.official_files import find_checksum
from fer_plugins.runtime.errors import InputError

_JUDGED = 1000  # minimum number of rows for which labels are checked against the votes
_LEAST_AGREEING = 0.5  # 64 % of the official labels have most votes; of randomly ordered labels 18 %


@dataclass(frozen=True)
class VotesFile:
    """Location of fer2013new.csv; ``files`` is None without votes."""

    copy: FaceCopy
    files: RootFiles | None = None
    name: str = ""

    @classmethod
    def find(cls, path: str | None, copy: FaceCopy) -> VotesFile:
        """Find the user's file; raises InputError if it is missing, or the copy has lost the order of the rows."""
        if path is None:
            return cls(copy)
        if copy.table is None or copy.table.kind != "csv":
            raise InputError(
                f"fer2013: data.votes: FER2013 lies there as {copy.title}, where the order of rows, which the votes "
                "follow, is lost; give fer2013.csv or icml_face_data.csv as --data.root, or leave --data.votes out"
            )
        return cls(copy, *open_votes(path, "--data.votes"))

    def digests(self) -> list[str]:
        """Return hashes of the copy and the votes."""
        return [*self.copy.digests(), *([self.files.digest([self.name])] if self.files else [])]

    def columns(self, faces: FaceRows, labels: Sequence[int]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the column ``relabel_votes`` of a table: the seven classes, contempt, unknown, no face.

        ``labels`` are those of ``faces``, indices of the seven classes. Raises InputError if votes and rows do not
        match.
        """
        if self.files is None:
            return {}
        votes = match_votes(faces, self.files, self.name).votes
        with self.files.opened() as open_file, open_file(self.name) as stream:
            official = find_checksum(stream)
        faces.notes.append(f"Votes beside the labels: {f'{official} (the official file)' if official else self.name}.")
        agreeing = float((votes.argmax(axis=1) == np.array(labels)).mean()) if labels else 1.0
        if len(labels) >= _JUDGED and agreeing < _LEAST_AGREEING:
            raise InputError(
                f"{self.files.where(self.name)}: only {agreeing:.0%} of the labels have most of the votes: the images "
                "are in another order, or their codes mean others; give the official fer2013.csv, or --data.codes"
            )
        return {"relabel_votes": votes}
