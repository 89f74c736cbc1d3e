"""The batch transform `flip_affine_erase`, which augments whole batches on the device."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_plugins.data.augmentations.bounds import check_angles, check_filled, check_fractions, check_pair
from fer_plugins.runtime.choices import check_choice

GRID_FILLS = {"nearest": "border", "constant": "zeros", "reflect": "reflection"}  # names of F.grid_sample


class FlipAffineErase(nn.Module):
    """A batch transform on the device: flip, affine map and random erasing, drawn independently for each image.

    Takes images (B, C, image_size, image_size) of floats in [0, 1] and returns new ones of the same shape and dtype;
    the input is not modified. Random numbers come from torch's generator of the input's device, are the same for all
    dtypes, and are used in training and evaluation mode alike. Erasing follows Zhong et al. 2020, "Random erasing data
    augmentation", with the aspect ratio limited to rectangles that fit into the image. assumed: all ranges.

    Args:
        image_size: side of the images in pixels.
        flip: probability of a horizontal flip.
        rotation: maximum rotation in degrees, in either direction.
        shift: maximum shift along each axis, as a fraction of the side.
        zoom: scale factors are drawn from 1 - zoom to 1 + zoom, the same for both axes.
        fill_mode: fill of the borders: the edge pixel (nearest), black (constant), or the mirrored image (reflect).
        erase: probability of erasing a rectangle.
        erase_area: minimum and maximum area of the rectangle, as a fraction of the image.
        erase_aspect: minimum and maximum ratio of its height to its width; the logarithm is drawn uniformly.
        erase_fill: fill of the rectangle: ``zero``, the image's ``mean`` per channel, or uniform ``noise`` in [0, 1].

    Raises:
        ValueError: An option is out of range; in the forward pass, the images have another size or dtype.
    """

    centres: Tensor

    def __init__(
        self,
        *,
        image_size: int,
        flip: float = 0.5,
        rotation: float = 10.0,
        shift: float = 0.1,
        zoom: float = 0.1,
        fill_mode: Literal["nearest", "constant", "reflect"] = "nearest",
        erase: float = 0.25,
        erase_area: tuple[float, float] = (0.02, 0.2),
        erase_aspect: tuple[float, float] = (0.3, 3.3),
        erase_fill: Literal["zero", "mean", "noise"] = "zero",
    ) -> None:
        name = "flip_affine_erase"
        check_fractions(name, flip=flip, shift=shift, zoom=zoom, erase=erase)
        check_angles(name, rotation=rotation)
        check_choice("fill_mode", fill_mode, tuple(GRID_FILLS), owner=name)
        check_choice("erase_fill", erase_fill, ("zero", "mean", "noise"), owner=name)
        check_filled(name, fill_mode, rotation, shift, zoom)
        erase_options = tuple(erase_area), tuple(erase_aspect), erase_fill
        if not erase and erase_options != ((0.02, 0.2), (0.3, 3.3), "zero"):
            names = "erase_area, erase_aspect and erase_fill"
            raise ValueError(f"{name}: {names} have no effect with erase 0; leave them out")
        check_pair(name, "erase_area", erase_area, 1.0)
        check_pair(name, "erase_aspect", erase_aspect, 100.0)
        if not erase_area[1] <= erase_aspect[1] or not erase_aspect[0] <= 1 / erase_area[1]:
            raise ValueError(
                f"{name}: no rectangle of erase_aspect {erase_aspect} has erase_area {erase_area[1]}; widen it"
            )
        super().__init__()
        self.image_size, self.flip, self.erase = image_size, flip, erase
        self.rotation, self.shift, self.zoom, self.fill_mode = rotation, shift, zoom, fill_mode
        self.erase_area, self.erase_aspect, self.erase_fill = erase_area, erase_aspect, erase_fill
        # Pixel centres in [-1, 1], the coordinates of grid_sample without align_corners.
        centres = (2 * torch.arange(image_size, dtype=torch.float32) + 1) / image_size - 1
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Augment (B, C, H, W)."""
        if x.shape[-2:] != (self.image_size, self.image_size) or not x.is_floating_point():
            size = "x".join(map(str, x.shape[-2:]))
            raise ValueError(
                f"flip_affine_erase: got {x.dtype} images of {size} pixels, not floats of {self.image_size}x"
                f"{self.image_size}; set image_size, and scale to [0, 1] before"
            )
        # Draw all random numbers, used or not, so that turning one operation off does not change those of the others.
        draws = torch.rand(10, len(x), device=x.device, dtype=torch.float32)
        y = self._warp(x, draws[:5])
        return self._erase(y, draws[5:]) if self.erase else y

    def _warp(self, x: Tensor, draws: Tensor) -> Tensor:
        """Flip, rotate, zoom and shift in one pass of bilinear interpolation."""
        mirrored = draws[0] < self.flip
        if not (self.rotation or self.shift or self.zoom):
            return torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        spread = 2 * draws[1:] - 1
        angle = spread[0] * math.radians(self.rotation)
        scale = 1 / (1 + spread[1] * self.zoom)
        right, down = spread[2:] * (2 * self.shift)
        cos, sin = angle.cos() * scale, angle.sin() * scale
        # Source of the output pixel (u, v): undo the shift, then the zoom and rotation, then the flip.
        side = 1 - 2 * mirrored.float()
        along_u = torch.stack((side * cos, sin), 1)
        along_v = torch.stack((-side * sin, cos), 1)
        origin = -along_u * right[:, None] - along_v * down[:, None]
        # The sum of a row and a column term is three times as fast as the thin matrix product of F.affine_grid. The
        # coordinates are separate planes, because the sum and grid_sample are not vectorized if they are interleaved.
        columns = self.centres * along_u[:, :, None]
        rows = self.centres * along_v[:, :, None] + origin[:, :, None]
        grid = (rows[:, :, :, None] + columns[:, :, None, :]).permute(0, 2, 3, 1)
        source = x if x.dtype in (torch.float32, torch.float64) else x.float()
        grid = grid.to(source.dtype)
        return F.grid_sample(source, grid, padding_mode=GRID_FILLS[self.fill_mode], align_corners=False).to(x.dtype)

    def _erase(self, x: Tensor, draws: Tensor) -> Tensor:
        """Fill a rectangle in some of the images; may modify ``x``, which `_warp` has created."""
        low, high = self.erase_area
        area = low + (high - low) * draws[1]
        # A rectangle of this area only fits if its aspect ratio is between area and 1 / area.
        shortest = area.clamp(min=self.erase_aspect[0]).log()
        longest = (1 / area).clamp(max=self.erase_aspect[1]).log()
        aspect = (shortest + (longest - shortest) * draws[2]).exp()
        side = self.image_size
        size = torch.stack(((area * aspect).sqrt(), (area / aspect).sqrt())) * side  # (2, B): height, width
        size = size.round().clamp(1, side) * (draws[0] < self.erase)
        start = (draws[3:] * (side - size + 1)).floor().clamp(max=side - size)
        pixel = torch.arange(side, device=x.device, dtype=size.dtype)
        inside = (pixel >= start[..., None]) & (pixel < (start + size)[..., None])  # (2, B, side)
        edges = inside.to(x.dtype)  # products of numbers are vectorized, those of booleans are not
        mask = (edges[0][:, :, None] * edges[1][:, None, :])[:, None]
        if self.erase_fill == "zero":
            return x.addcmul_(x, mask, value=-1)  # x - x in the rectangle
        fill = x.mean((2, 3), keepdim=True) if self.erase_fill == "mean" else torch.rand_like(x)
        return torch.where(mask.bool(), fill, x)


flip_affine_erase = FlipAffineErase
