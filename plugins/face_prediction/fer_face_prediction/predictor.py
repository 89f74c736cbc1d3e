"""Predictor: class probabilities of face images from a trained run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax

from fer_face_prediction.checkpoint_file import TrainedFile, find_checkpoint, load_checkpoint
from fer_face_prediction.picture import read_picture
from fer_plugins.analysis.network import Network, as_batch
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.metrics.calibration import HIGHEST, LOWEST, fit_temperature
from fer_plugins.runs.packed_predictions import predictions_path
from fer_plugins.runs.predictions_file import PredictionsFile
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.training.devices import device_of_one

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]
BATCH = 64  # number of images in a forward pass
_AT_THE_END = (
    f"temperature {{:.4g}} is an end of the range that is searched ({LOWEST} to {HIGHEST:g}): on the validation split "
    "the network is never wrong, or no better than a guess; do not trust these probabilities"
)


class Predictor:
    """A trained network with the preprocessing of its training.

    Attributes:
        classes: K class names in label order.
        preprocessing: applied to each image before the network.
        temperature: divisor of the logits; 1.0 without calibration.
        warnings: limitations of the run that its users should know.

    Args:
        network: the network, in evaluation mode on its device.
        preprocessing: preprocessing of the run.
        temperature: divisor of the logits, above 0.
        warnings: warnings about the run.
    """

    def __init__(
        self, network: Network, preprocessing: Preprocessing, temperature: float = 1.0, warnings: Iterable[str] = ()
    ) -> None:
        self.network, self.preprocessing, self.temperature = network, preprocessing, temperature
        self.classes, self.warnings = preprocessing.classes, list(warnings)

    @classmethod
    def load(cls, run: str | Path, *, calibrate: bool = False, device: str | None = None) -> Predictor:
        """Load the selected network of a run.

        Args:
            run: folder of a run, whose best.ckpt is used, or a checkpoint file.
            calibrate: divide the logits by the temperature fitted on the run's validation split (Guo et al. 2017), as
                recorded in predictions.csv.
            device: such as "cpu" or "cuda"; None: a GPU if one is available and the run's ``trainer.accelerator`` is
                not cpu.

        Raises:
            InputError: the run or checkpoint does not exist, is of another package or a later version, or is damaged,
                or its plug-in is not installed; with ``calibrate``, the run has no recorded predictions of the
                validation split.
        """
        trained = find_checkpoint(run)
        temperature = _recorded_temperature(trained) if calibrate else 1.0
        module, preprocessing = load_checkpoint(trained.file)
        trainer = module.config.trainer
        named = device_of_one(module.config) if device is None else device
        try:
            place = torch.device(named)
            torch.zeros(1, device=place).cpu()  # "meta" accepts networks but returns no values
            network = Network(module, place, trainer.precision)
        except (RuntimeError, AssertionError) as error:  # torch's errors for a device that does not exist
            raise InputError(f"device {named}: {one_line(error, 200)}; give cpu") from None
        at_the_end = not 1.01 * LOWEST < temperature < 0.99 * HIGHEST
        notes = [_AT_THE_END.format(temperature)] if at_the_end else []
        return cls(network, preprocessing, temperature, (*trained.warnings, *notes))

    def predict(self, images: Iterable[Images | str | Path]) -> Probabilities:
        """Return the class probabilities (N, K) of N images, each of one face.

        Args:
            images: uint8 (H, W), (H, W, 1) or (H, W, 3) RGB, of any sizes, or names of image files; read one after the
                other, so that a generator of many images needs little memory.

        Raises:
            InputError: an image has another type or shape, or a file cannot be read.
        """
        prepared, rows = map(self._prepare, images), []
        while batch := list(islice(prepared, BATCH)):
            rows.append(self.predict_batch(batch))
        return np.concatenate(rows) if rows else np.empty((0, len(self.classes)))

    def predict_batch(self, prepared: Iterable[Images]) -> Probabilities:
        """Return the probabilities (B, K) of one batch of images prepared by ``preprocessing.fit``."""
        logits = self.network.logits(as_batch(np.stack(list(prepared)))).numpy()
        probabilities: Probabilities = softmax(logits / self.temperature, axis=1)
        return probabilities

    def _prepare(self, image: Any) -> Images:
        if isinstance(image, str | Path):
            return self.preprocessing.fit(read_picture(Path(image)))
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.size == 0:
            got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise InputError(f"images: expected uint8 arrays (H, W), (H, W, 1) or (H, W, 3), or file names; got {got}")
        if image.ndim == 2:
            image = image[:, :, None]
        if image.ndim != 3 or image.shape[2] not in (1, 3):
            raise InputError(f"images: expected uint8 arrays (H, W), (H, W, 1) or (H, W, 3); got {image.shape}")
        return self.preprocessing.fit(image)


def _recorded_temperature(trained: TrainedFile) -> float:
    """Return the temperature fitted to the validation probabilities that a run recorded."""
    record = trained.record
    if record is None or trained.file.name != "best.ckpt":
        raise InputError(
            f"--calibrate: {trained.file} is not the best.ckpt of a run, whose predictions.csv has the validation "
            "split; give the folder of a finished run, or leave --calibrate out"
        )
    if not predictions_path(record.folder).is_file():
        raise InputError(
            f"--calibrate: {record.folder} has no predictions.csv; give the folder of a finished run, or leave "
            "--calibrate out"
        )
    val = PredictionsFile.read(record, [str(name) for name in record.manifest["data"]["classes"]]).of("val")
    if not len(val.true) or not np.isfinite(val.probabilities).all():
        raise InputError(
            f"--calibrate: {record.folder / 'predictions.csv'} has no probabilities of the validation split; leave "
            "--calibrate out"
        )
    # A softmax loses an additive constant of the logits, which affects neither the fit nor the predicted class.
    return fit_temperature(np.log(np.maximum(val.probabilities, np.finfo(np.float64).tiny)), val.true)
