"""HCNN-LSTM (Mohana, Subashini, Krishnaveni 2023): a shortened VGG-19 with ELU, then two bidirectional LSTMs."""

from __future__ import annotations

from torch import Tensor, nn

from fer_bilstm_baselines.final_states import final_states
from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size


class HCNNLSTM(nn.Module):
    """HCNN-LSTM: (B, C, S, S) in [0, 1] -> (B, num_classes) logits; 5,525,191 parameters for 48x48 grey images.

    The authors' network reads three frames of a video. A still image is read as three identical frames (assumed): with
    one frame the LSTMs have a single time step, and their recurrent weights get no gradient. Weights keep PyTorch's
    default initialisation.

    Args:
        num_classes: number of outputs; 7 with FER2013, 5 in the authors' paper.
        in_channels: number of image channels; 1 in the authors' paper.
        image_size: image side S in pixels, at least 42 with pooling layers that halve the size.
        pool: factory of the four 2x2 pooling layers.
        frames: number of times that the image is repeated, at least 1; with 1 the recurrent weights are frozen.
        dropout: dropout probability after the first and the third pooling, in [0, 1).

    Raises:
        ValueError: the images are too small, or ``dropout`` or ``frames`` is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        pool: PoolingFactory = max_pool,
        frames: int = 3,
        dropout: float = 0.45,
    ) -> None:
        super().__init__()
        if frames < 1:
            raise ValueError(f"frames is {frames}; give at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; give a rate from 0 to below 1")
        self.features = nn.Sequential(
            *_convolutions(in_channels, 64, (1, 0)),
            pool(2, 2),
            nn.Dropout(dropout),
            *_convolutions(64, 128, (0, 0)),
            pool(2, 2),
            nn.BatchNorm2d(128),
            *_convolutions(128, 256, (0, 0)),
            pool(2, 2),
            nn.Dropout(dropout),
            *_convolutions(256, 512, (1, 1)),  # assumed: the only padding that fits on 2x2
            pool(2, 2),
            nn.BatchNorm2d(512),
            nn.Flatten(),
        )
        flattened = flattened_size(self.features, in_channels, image_size)
        self.lstm1 = nn.LSTM(flattened, 128, batch_first=True, bidirectional=True)
        self.lstm2 = nn.LSTM(256, 64, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(128, 128)
        self.output = nn.Linear(128, num_classes)
        self.frames = frames
        if frames == 1:
            for name, parameter in [*self.lstm1.named_parameters(), *self.lstm2.named_parameters()]:
                parameter.requires_grad_(not name.startswith("weight_hh"))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.classify(self.features(x).unsqueeze(1).expand(-1, self.frames, -1))

    def classify(self, sequence: Tensor) -> Tensor:
        """Return logits (B, num_classes) for features of frames (B, T, F); T is 3 in the authors' paper."""
        steps, _ = self.lstm1(sequence)
        steps, _ = self.lstm2(steps)
        return self.output(nn.functional.elu(self.dense(final_states(steps))))


def _convolutions(in_channels: int, maps: int, paddings: tuple[int, int]) -> list[nn.Module]:
    first = nn.Conv2d(in_channels, maps, 3, padding=paddings[0])
    return [first, nn.ELU(), nn.Conv2d(maps, maps, 3, padding=paddings[1]), nn.ELU()]
