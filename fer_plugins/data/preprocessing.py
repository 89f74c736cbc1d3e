"""Preprocessing from a decoded image to the network's input, shared by training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_plugins import __version__
from fer_plugins.config import copy_plain
from fer_plugins.contract import Face
from fer_plugins.data.detectors.crop import crop_face
from fer_plugins.runtime.errors import InputError

Images = npt.NDArray[np.uint8]
if TYPE_CHECKING:
    from torch import Tensor

FACE_KEYS = ("face_crop", "on_no_face", "face_align", "face_margin")  # keys of section ``data``
VERSION = 1  # of the saved values; incremented when a reader of the old version would process images differently


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The steps from a decoded image to the input tensor of a network, stored in a checkpoint as plain values.

    Colour is converted to grey by ITU-R BT.601 luma; grey is repeated if three channels are required. Images are
    resized bilinearly, with antialiasing if they shrink; images that are not square are stretched. Pixel values become
    float32 in [0, 1]. Histogram equalization, other ranges and normalization are part of the network (options of its
    architecture), so they are saved with its weights.

    Args:
        image_size: Side of the square images, in pixels.
        channels: 1 (grey) or 3 (RGB).
        classes: Names of the K classes in label order.
        faces: How photographs are cropped to faces first, as in section ``data`` of the configuration: ``face_crop``,
            ``on_no_face``, ``face_align``, ``face_margin``; if empty, or if face_crop is "none", images are not
            cropped.

    Raises:
        InputError: The size is below 1, or the number of channels is not 1 or 3.
    """

    image_size: int
    channels: int
    classes: tuple[str, ...] = ()
    faces: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise InputError(f"data.channels is {self.channels}; give 1 (grey) or 3 (RGB)")
        if self.image_size < 1:
            raise InputError(f"data.image_size is {self.image_size}; give a number of pixels, at least 1")

    @classmethod
    def of_config(cls, data: Any, classes: Iterable[str]) -> Preprocessing:
        """Return the preprocessing of a run, given its section ``data`` (a ``DataConfig``)."""
        size, channels = data.image_size, data.channels
        return cls(image_size=size, channels=channels, classes=tuple(classes), faces=face_settings(data))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: object) -> Preprocessing:
        """Read the result of ``as_dict``.

        Raises:
            InputError: The values are damaged or of a newer version; the message names ``where``.
        """
        version = values.get("version")
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                f"{where}: a later version of fer-plugins wrote it (preprocessing {version}, known here: {VERSION}); "
                "update: pip install --upgrade fer-plugins"
            )
        try:
            arguments = {field.name: values[field.name] for field in fields(cls)}
            return cls(**{**arguments, "classes": tuple(map(str, arguments["classes"]))})
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: its preprocessing is damaged ({error}); repeat the run") from None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: the fields, and the fixed steps for readers in other languages."""
        options = {**asdict(self), "classes": list(self.classes), "faces": dict(self.faces)}
        steps = {"luma": "ITU-R BT.601", "resize": "bilinear, antialiased", "range": [0.0, 1.0]}
        return {"version": VERSION, "written_by": __version__, **options, **steps}

    def crop(self, image: Images, face: Face) -> Images:
        """Crop a photograph (H, W, C) to a face with the alignment and margin of the run: (h, w, C)."""
        align, margin = self.faces.get("face_align", "none"), self.faces.get("face_margin", 0.0)
        return crop_face(image, face, align=align, margin=margin)

    def fit(self, image: Images) -> Images:
        """Resize and convert an image, uint8 (H, W, 1) or (H, W, 3), to (S, S, C)."""
        return fit_image(image, self.image_size, self.channels)

    def batch(self, images: Iterable[Images]) -> Tensor:
        """Return images, uint8 (H, W, 1 or 3) of any size, as an input batch of the network: (B, C, S, S)."""
        import torch

        return to_float(torch.from_numpy(np.stack([self.fit(image) for image in images])).permute(0, 3, 1, 2))


def face_settings(data: Any) -> dict[str, Any]:
    """Return the keys of section ``data`` that define how photographs are cropped to faces."""
    return {name: copy_plain(getattr(data, name)) for name in FACE_KEYS}


def to_float(image: Tensor) -> Tensor:
    """Return uint8 images (B, C, H, W) as float32 in [0, 1], contiguous."""
    import torch  # imported here, because commands that list datasets import this module

    return image.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def fit_image(image: Images, size: int, channels: int) -> Images:
    """Resize and convert ``image``, uint8 (H, W, 1 or 3), to (``size``, ``size``, ``channels``).

    An image that has this shape is returned unchanged. Luma follows ITU-R BT.601, in Pillow's 16-bit arithmetic.
    """
    if image.shape[2] == 3 and channels == 1:
        red, green, blue = (image[..., i].astype(np.uint32) for i in range(3))
        image = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)[..., None]
    if image.shape[:2] != (size, size):
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        image = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).reshape(size, size, -1)
    return image if image.shape[2] == channels else np.repeat(image, channels, axis=2)
