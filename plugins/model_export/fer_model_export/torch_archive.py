"""Writes torch.export archives (``.pt2``) and runs them; torch alone is needed to read one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from fer_model_export.exported_network import quiet

METADATA = "metadata.json"  # among the archive's extra files


def write_archive(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a traced network and its metadata.

    Args:
        program: as ``export_program`` returns it.
        path: of the file; its ending must be .pt2.
        metadata: plain values.
    """
    with quiet():
        torch.export.save(program, path, extra_files={METADATA: json.dumps(metadata)})


class ArchivedNetwork:
    """An archive, loaded without the plug-in that it was made of.

    Attributes:
        metadata: as ``write_archive`` was given it.
    """

    def __init__(self, path: Path) -> None:
        texts = {METADATA: ""}
        with quiet():
            self._network = torch.export.load(path, extra_files=texts).module()
        self.metadata: dict[str, Any] = json.loads(texts[METADATA])

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Return the probabilities (B, K) of images (B, S, S, C)."""
        batch = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        with torch.no_grad():
            answer: npt.NDArray[np.float64] = self._network(batch)[1].double().numpy()
        return answer
