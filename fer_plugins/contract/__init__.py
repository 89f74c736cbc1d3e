"""The contract: what a plug-in can provide, as ``typing.Protocol`` classes. Nothing here is executed.

A plug-in provides components through entry points of the groups below. Each entry point is a factory; the core calls
it with keyword arguments: the *provided values* that its signature names, and the user's options. ``**kwargs`` is not
allowed: an option that is not in the signature is refused before anything is built. Options are typed (``int``,
``float``, ``bool``, ``str``, ``Literal[...]``, ``tuple``/``list`` of those, ``... | None``; bounds as
``Annotated[float, "0..1"]``, ``"> 0"`` or ``">= 0"``) and documented in the ``Args:`` section of the docstring, which
``fer-run --help`` prints.

| group                     | returns                | provided values (if the signature names them)        |
|---------------------------|------------------------|------------------------------------------------------|
| fer_plugins.architectures | torch.nn.Module        | num_classes, in_channels, image_size, pool, teacher  |
| fer_plugins.poolings      | torch.nn.Module        | kernel_size, stride                                  |
| fer_plugins.augmentations | sample/batch transform | image_size                                           |
| fer_plugins.datasets      | Dataset                | root, image_size, channels                           |
| fer_plugins.protocols     | list of Fold           | table, seed                                          |
| fer_plugins.searches      | Search                 | dimensions, seed                                     |
| fer_plugins.losses        | torch.nn.Module        | num_classes, class_counts                            |
| fer_plugins.callbacks     | lightning Callback     | epochs                                               |
| fer_plugins.loggers       | lightning Logger       | folder, config, resume_id                            |
| fer_plugins.commands      | exit code              | argv, or nothing: a click.Command                    |
| fer_plugins.metrics       | Metric                 | (none)                                               |
| fer_plugins.detectors     | Detector               | (none)                                               |

Contract version: the version range of ``fer-plugins`` that the plug-in's distribution depends on.
Errors: a factory that cannot use its arguments raises ``ValueError`` (``OSError`` for files) with one line that names
the argument and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn

from fer_plugins.contract.commands import Command as Command
from fer_plugins.contract.detectors import Detector as Detector
from fer_plugins.contract.detectors import DetectorFactory as DetectorFactory
from fer_plugins.contract.detectors import Face as Face
from fer_plugins.contract.loggers import KeepsCheckpoint as KeepsCheckpoint
from fer_plugins.contract.loggers import LoggerFactory as LoggerFactory
from fer_plugins.contract.loggers import Result as Result
from fer_plugins.contract.loggers import ShowsFigures as ShowsFigures
from fer_plugins.contract.loggers import ShowsResult as ShowsResult
from fer_plugins.contract.metrics import Metric as Metric
from fer_plugins.contract.metrics import MetricFactory as MetricFactory
from fer_plugins.contract.network_members import HasAuxiliaryLoss as HasAuxiliaryLoss
from fer_plugins.contract.network_members import HasCriterionWeight as HasCriterionWeight
from fer_plugins.contract.network_members import HasExplain as HasExplain
from fer_plugins.contract.network_members import HasHealth as HasHealth
from fer_plugins.contract.network_members import HasParameterGroups as HasParameterGroups
from fer_plugins.contract.network_members import Health as Health
from fer_plugins.contract.searches import HasBudget as HasBudget
from fer_plugins.contract.searches import Search as Search
from fer_plugins.contract.searches import SearchFactory as SearchFactory
from fer_plugins.contract.training import CallbackFactory as CallbackFactory
from fer_plugins.contract.training import Loss as Loss
from fer_plugins.contract.training import LossFactory as LossFactory

KINDS = (
    *("architecture", "pooling", "augmentation", "dataset", "protocol", "search"),
    *("loss", "metric", "callback", "logger", "command", "detector"),
)
SPLITS = ("train", "val", "test")
TargetMode = Literal["distribution", "draw", "any"]  # how training uses the column ``target`` of a table


class ImageSizeError(ValueError):
    """Raised by an architecture or pooling that does not support ``image_size``; the message names a size that works.

    A plain ``ValueError`` works as well: the core then searches for the smallest supported size and adds it.
    """

    key = "image_size"


class PoolingFactory(Protocol):
    """``fer_plugins.poolings``: a window pooling without learnable parameters.

    The module maps (B, C, H, W) to (B, C, H', W'), where H' is H / stride rounded down or up (likewise W'), and keeps a
    constant image constant away from the border. Without padding, if the window is larger than the stride, H' is
    floor((H - kernel_size) / stride) + 1. ``stride=None`` means ``kernel_size``.
    """

    def __call__(self, kernel_size: int, stride: int | None = None) -> nn.Module:
        """Build the pooling for windows of ``kernel_size`` pixels, moved by ``stride`` pixels."""
        ...


class ArchitectureFactory(Protocol):
    """``fer_plugins.architectures``: builds a network; every option is typed, with the paper's value as its default."""

    def __call__(
        self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool: PoolingFactory
    ) -> nn.Module:
        """Build the network for square images with a side of ``image_size`` pixels.

        ``pool`` is called as ``pool(kernel_size, stride)`` wherever the paper pools; sizes of flattened layers are
        found by shape inference, so that every installed pooling works. ``teacher`` (if the signature names it) is a
        frozen network with the same input and output shapes, or None.
        """
        ...


class Architecture(Protocol):
    """The network: (B, C, H, W) float32 in [0, 1] -> (B, num_classes) logits, without softmax.

    Scaling to other ranges, HOG and other preprocessing are part of the network, so that a checkpoint is
    self-contained.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, H, W) in [0, 1]."""
        ...


class Release(NamedTuple):
    """Contents of a dataset's official release; None if unknown."""

    counts: Mapping[str, Mapping[str, int]] | None = None  # split ("all" if there are none) -> class -> samples
    samples: int | None = None
    subjects: int | None = None
    sequences: int | None = None


class SampleTransform(Protocol):
    """An augmentation of one image, run in data loader workers; must be picklable. albumentations' ``Compose`` is one.

    The core seeds ``random``, ``numpy.random`` and ``torch`` before each batch. If the transform has
    ``set_random_state(generator, random)`` (albumentations), the core calls it with seeded generators; else, if it has
    ``set_random_seed(seed)``, the core calls that.
    """

    def __call__(self, *, image: npt.NDArray[np.uint8]) -> Mapping[str, Any]:
        """``t(image=uint8 HxWxC)["image"]`` is the augmented uint8 HxWxC image of the same size."""
        ...


class AugmentationFactory(Protocol):
    """``fer_plugins.augmentations``: a sample transform or a batch transform.

    A batch transform is an ``nn.Module`` on (B, C, H, W) floats in [0, 1], run on the device and seeded by the core. If
    it mixes images, it has the method of :class:`MixesBatch` in addition to, or instead of, ``forward``.
    """

    def __call__(self, *, image_size: int) -> SampleTransform | nn.Module:
        """Build the transform for square images with a side of ``image_size`` pixels."""
        ...


@runtime_checkable
class MixesBatch(Protocol):
    """Optional: a batch transform that changes targets along with the images (mixup, CutMix)."""

    def mix(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return new images (B, C, H, W) and targets (B, num_classes); like the input targets, each row sums to 1."""
        ...


class Dataset(Protocol):
    """``fer_plugins.datasets``: raw images with labels by name; not random once constructed.

    The distribution fer-image-files reads folders, archives, lists and tables for datasets made of files.

    Construction is cheap (it recognizes the file layout and refuses a wrong one); ``table`` and ``__getitem__`` may
    read files. Optional members:

    - ``title``: the name used in papers, such as "CK+"; default: the name of the entry point.
    - ``read_all()``: all images at once, uint8 (N, H, W, C), if that is faster than one by one.
    - ``cache_key``: a string that changes whenever the content or an option changes. If present, the core caches the
      decoded images on disk.
    - ``notes``: a list of sentences for the manifest, available after ``table`` has been read.
    - ``release``: a :class:`Release`, for ``fer data check``.
    - ``deviations``: sentences on differences from the release other than counts, available after ``table`` has been
      read.
    - ``identify()``: official files by checksum, and deviations image by image, for ``fer data check``.
    - ``target_mode``: how training uses the column ``target``: "distribution" (cross-entropy with it), "draw" (a label
      drawn from it each time) or "any" (the best of its classes).
    """

    classes: Sequence[str]  # names in label order

    @property
    def table(self) -> Mapping[str, Sequence[Any]]:
        """Columns of equal length, with one row per sample.

        Required columns are ``label`` (index into ``classes``) and ``source`` (unique name). Optional columns:

        - ``split``: "train", "val" or "test", as in the release.
        - ``subject``, ``sequence``.
        - ``votes``: counts per class.
        - ``relabel_votes``: votes on images whose labels come from others: counts of the classes, then of other
          answers; never used in training.
        - ``target``: the training target as probabilities of the classes, with ``target_mode``.
        - ``parent``: the source that an augmented image was generated from; else its own source.
        - ``origin``: of several joined datasets, the one a row comes from; "" for the one used for training.
        """
        ...

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index`` as uint8 (H, W, C), C being 1 or 3, as released, whatever its size."""
        ...


class Fold(NamedTuple):
    """A fold of a protocol: disjoint arrays of row numbers (int64)."""

    train: npt.NDArray[np.int64]
    val: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


class ProtocolFactory(Protocol):
    """``fer_plugins.protocols``: a pure, deterministic function; its result is hashed.

    ``table`` has ``len`` and the columns of ``Dataset.table`` as attributes (numpy arrays, or None for missing ones).

    Optional function attributes:

    - ``flaw`` (str, or a function of the options that returns a str or None): why the protocol's scores must not be
      trusted. Only a protocol with a flaw may use the same rows for ``val`` and ``test`` (selection on the test split,
      as in some papers) or set ``augments_first = True``: ``data.balance augment`` then adds its images before the
      split, so that images generated from the same original can end up in different splits.
    - ``wants_near_copies`` (bool, or a function of the options): requests the column ``near``.
    - ``describe``: a function of table and options that returns a ``Notice`` or None, on what the split leaves out.

    If the seed has no effect, the module lists the function at its top level, ``DRAWS_NOTHING = ("official",)``; a seed
    given by the user is then refused.
    """

    def __call__(self, table: Any, seed: int) -> list[Fold]:
        """Split the rows of ``table`` into folds."""
        ...


class Batch(NamedTuple):
    """A batch, as yielded by a data loader and passed to a training or evaluation step."""

    index: torch.Tensor  # type: ignore[assignment]  # (B,) int64: rows of the sample table
    image: torch.Tensor  # (B, C, H, W): uint8 from the loader, float32 in [0, 1] in the steps
    label: torch.Tensor  # (B,) int64
    target: torch.Tensor | None = None  # (B, num_classes) float32 probabilities, if an augmentation mixes images
