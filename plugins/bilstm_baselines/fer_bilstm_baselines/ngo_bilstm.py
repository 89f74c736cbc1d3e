"""NGO-BiLSTM (Zhong, Chen, Yi 2023). Only the abstract was found: the architecture is assumed."""

from __future__ import annotations

from torch import Tensor, nn

from fer_bilstm_baselines.final_states import final_states
from fer_bilstm_baselines.hog_blocks import CELL, hog_blocks
from fer_plugins.contract import ImageSizeError


class NGOBiLSTM(nn.Module):
    """NGO-BiLSTM: (B, C, S, S) in [0, 1] -> (B, num_classes) logits; 171,783 parameters for any image size.

    assumed: the whole network. The paper tunes a bidirectional LSTM by Northern Goshawk Optimisation (the search
    ``ngo``); the input of the LSTM is not known. Here: the blocks of a histogram of oriented gradients, row by row, 49
    blocks of 36 numbers for 64x64 pixels; the last states of both directions are the input of one dense layer.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels; with several, the strongest gradient is used.
        image_size: image side S in pixels, at least 16.
        hidden: number of LSTM units per direction, at least 1; the search range is 16 to 256.

    Raises:
        ValueError: the images are too small, or an option is out of range.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 64, hidden: int = 128) -> None:
        super().__init__()
        if image_size < 2 * CELL:
            raise ImageSizeError(f"image_size {image_size} is too small: use at least {2 * CELL}, a block of HOG cells")
        if hidden < 1:
            raise ValueError(f"hidden is {hidden}; give at least 1")
        if in_channels < 1:
            raise ValueError(f"in_channels is {in_channels}; give at least 1")
        self.lstm = nn.LSTM(36, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        steps, _ = self.lstm(hog_blocks(x))
        return self.output(final_states(steps))
