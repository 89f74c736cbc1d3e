"""The contract: what a plug-in may offer, as ``typing.Protocol`` classes. Nothing here runs.

A plug-in offers objects through entry points of these groups. Each object is a factory; the core calls it
with keyword arguments: the *offered values* that its signature names, and the user's options. No
``**kwargs``: an option that is not in the signature is refused before anything is built. Options are typed
(``int``, ``float``, ``bool``, ``str``, ``Literal[...]``, ``tuple``/``list`` of those, ``... | None``; bounds as
``Annotated[float, "0..1"]``, ``"> 0"`` or ``">= 0"``) and are described in the docstring's ``Args:`` section, from
where ``fer-run --help`` prints them.

========================== ====================== ==================================================
group                      returns                offered values (taken when the signature names them)
========================== ====================== ==================================================
fer_plugins.architectures  torch.nn.Module        num_classes, in_channels, image_size, pool, teacher
fer_plugins.poolings       torch.nn.Module        kernel_size, stride
fer_plugins.augmentations  sample/batch transform image_size
fer_plugins.datasets       Dataset                root, image_size, channels
fer_plugins.protocols      list of Fold           table, seed
fer_plugins.searches       Search                 dimensions, seed
fer_plugins.losses         torch.nn.Module        num_classes, class_counts
fer_plugins.callbacks      lightning Callback     epochs
fer_plugins.loggers        lightning Logger       folder, config, resume_id
fer_plugins.commands       exit code              argv, or nothing: a click.Command
fer_plugins.metrics        Metric                 (none)
========================== ====================== ==================================================

Contract version: the plug-in distribution's own dependency range on ``fer-plugins``.
Errors: a factory that cannot serve its arguments raises ``ValueError`` (``OSError`` for files) with one line
that names the argument and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import torch
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.loggers import Logger
    from torch import Tensor, nn

KINDS = (
    *("architecture", "pooling", "augmentation", "dataset", "protocol", "search"),
    *("loss", "metric", "callback", "logger", "command"),
)
SPLITS = ("train", "val", "test")
TargetMode = Literal["distribution", "draw", "any"]  # how training uses a table's column ``target``


class ImageSizeError(ValueError):
    """What an architecture or pooling raises where ``image_size`` does not suit it; the text names what does.

    A plain ``ValueError`` serves as well: the core then looks for the smallest size that is taken, and adds it.
    """

    key = "image_size"


class PoolingFactory(Protocol):
    """``fer_plugins.poolings``: a window pooling without learnt parameters.

    The module maps (B, C, H, W) to (B, C, H', W') with H' the floor or ceiling of H / stride (likewise W'), and a
    constant image stays constant away from the border. Without padding, where the window is larger than the stride,
    H' is floor((H - kernel_size) / stride) + 1. ``stride=None`` means ``kernel_size``.
    """

    def __call__(self, kernel_size: int, stride: int | None = None) -> nn.Module:
        """Build the pooling for a window of ``kernel_size`` pixels moved by ``stride`` pixels."""
        ...


class ArchitectureFactory(Protocol):
    """``fer_plugins.architectures``: builds a network; every option is typed and defaults to the paper's value."""

    def __call__(
        self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool: PoolingFactory
    ) -> nn.Module:
        """Build the network for square images of ``image_size`` pixels.

        ``pool`` is called as ``pool(kernel_size, stride)`` wherever the paper pools; sizes of flattened layers are
        found by shape inference, so that every installed pooling works. ``teacher`` (when the signature names
        it) is a frozen network with the same input and output, or None.
        """
        ...


class Architecture(Protocol):
    """The network: (B, C, H, W) float32 in [0, 1] -> (B, num_classes) logits; no softmax.

    Scaling to other ranges, HOG and the like happen inside, so that a checkpoint is self-contained.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, C, H, W) in [0, 1]."""
        ...


class Release(NamedTuple):
    """What a dataset's official release holds; None where that is not known."""

    counts: Mapping[str, Mapping[str, int]] | None = None  # split ("all" where it has none) -> class -> samples
    samples: int | None = None
    subjects: int | None = None
    sequences: int | None = None


@runtime_checkable
class HasAuxiliaryLoss(Protocol):
    """Optional: a term added to the criterion in training (an L2 penalty, a distillation term), logged apart."""

    def auxiliary_loss(self) -> Tensor:
        """Return the scalar belonging to the last forward pass in training mode."""
        ...


class HasCriterionWeight(Protocol):
    """Optional: the share of the criterion in the training loss, 1 where absent (1 - alpha in distillation)."""

    criterion_weight: float


class Health(NamedTuple):
    """What a network says of its own state."""

    figures: dict[str, float]  # logged an epoch as "health/NAME"
    faults: list[str]  # sentences; any fault after the last epoch means that the scores are not a result


@runtime_checkable
class HasHealth(Protocol):
    """Optional: notices that the network has broken down in a way that scores alone do not show."""

    def health(self, x: Tensor) -> Health:
        """Look at the network on one batch of validation images (B, C, H, W), in evaluation mode, without gradients."""
        ...


@runtime_checkable
class HasParameterGroups(Protocol):
    """Optional: groups of parameters with optimiser settings of their own (a weight decay of one layer)."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Every trainable parameter once: ``{"params": [...], "weight_decay": 0.01}``, as torch.optim takes them.

        A setting that a group names wins over the ``optimizer`` section.
        """
        ...


@runtime_checkable
class HasExplain(Protocol):
    """Optional: pictures of what the network does."""

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Named tensors whose first dimension is the batch (attention maps, warped images, feature maps).

        ``docs/figures.md`` says how each shape is drawn; ``spatial_weights...`` (B, windows, queries, keys) lies over
        the image, ``theta...`` (B, 2, 3) is the outline of what a spatial transformer samples.
        """
        ...


class SampleTransform(Protocol):
    """An augmentation of one image, run in loader workers; picklable. albumentations' ``Compose`` is one.

    The core seeds ``random``, ``numpy.random`` and ``torch`` before each batch, and hands one stream to
    ``set_random_state(generator, random)`` where the transform has it (albumentations), else calls
    ``set_random_seed(seed)`` where it has that.
    """

    def __call__(self, *, image: npt.NDArray[np.uint8]) -> Mapping[str, Any]:
        """``t(image=uint8 HxWxC)["image"]`` is the augmented uint8 HxWxC image of the same size."""
        ...


class AugmentationFactory(Protocol):
    """``fer_plugins.augmentations``: a sample transform, or a batch transform.

    A batch transform is an ``nn.Module`` on (B, C, H, W) float in [0, 1], run on the device, seeded by the core. One
    that mixes images has :class:`MixesBatch`'s method beside, or instead of, ``forward``.
    """

    def __call__(self, *, image_size: int) -> SampleTransform | nn.Module:
        """Build the transform for square images of ``image_size`` pixels."""
        ...


@runtime_checkable
class MixesBatch(Protocol):
    """Optional: a batch transform that changes the targets with the images (mixup, CutMix)."""

    def mix(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return new images (B, C, H, W) and their targets: (B, num_classes) shares that sum to 1, as they came in."""
        ...


class Dataset(Protocol):
    """``fer_plugins.datasets``: raw images with labels by name; no randomness after construction.

    A dataset of files may be composed of ``fer_plugins.data.listed_dataset`` and ``fer_plugins.data.formats``.

    Construction is cheap (it recognises the layout and refuses a wrong one); ``table`` and ``__getitem__`` may read
    files. Optional members: ``title`` (the name in papers, such as "CK+"; default the entry point's name),
    ``read_all()`` (every image at once, uint8 (N, H, W, C), where that is faster than one by one),
    ``cache_key`` (a string that changes whenever the content or an option changes: where it is given, the core
    keeps the decoded images on disk), ``notes`` (list of sentences for the manifest, known after ``table`` was read),
    ``release`` (a :class:`Release`, for ``fer data check``), ``deviations`` (sentences on what else than counts differs
    from it, known after ``table`` was read), ``target_mode`` (how training uses the column ``target``:
    "distribution", its cross-entropy; "draw", a label drawn from it each time; "any", the best of its classes).
    """

    classes: Sequence[str]  # names in label order

    @property
    def table(self) -> Mapping[str, Sequence[Any]]:
        """Columns of one length, one row a sample.

        ``label`` (index into ``classes``) and ``source`` (unique name) are required; ``split`` ("train", "val",
        "test" of the release), ``subject``, ``sequence``, ``votes`` (counts per class), ``target`` (shares per class
        that training aims at, with ``target_mode``), ``parent`` (the source that an augmented image was made of; its
        own source otherwise) and ``origin`` (the dataset that a row comes from, where several are joined; "" for the
        one that is trained on) are optional.
        """
        ...

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index`` as uint8 H x W x C (C is 1 or 3), as released, whatever its size."""
        ...


class Fold(NamedTuple):
    """One fold of a protocol: disjoint arrays of row numbers (int64)."""

    train: npt.NDArray[np.int64]
    val: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


class ProtocolFactory(Protocol):
    """``fer_plugins.protocols``: a pure, deterministic function; its result is hashed.

    ``table`` has the columns of ``Dataset.table`` as attributes (numpy arrays, or None where the dataset has none)
    and ``len``. A function attribute ``flaw`` (str, or a function of the options that returns one or None) marks a
    protocol whose numbers must not be trusted, and why. Only such a protocol may use the same rows for ``val`` and
    ``test`` (selection on the test split, as some papers do), or say ``augments_first = True``: then ``data.balance
    augment`` adds its images before the split, and siblings land in different parts.
    """

    def __call__(self, table: Any, seed: int) -> list[Fold]:
        """Split the rows of ``table``."""
        ...


class Search(Protocol):
    """A search for the point of the unit cube with the lowest value, one point at a time."""

    def ask(self) -> list[float] | None:
        """The next point to try, every coordinate in [0, 1]; None when the search is over."""
        ...

    def tell(self, value: float) -> None:
        """Take the value of the point asked for last; lower is better, infinity where the trial failed."""
        ...


class SearchFactory(Protocol):
    """``fer_plugins.searches``: a hyper-parameter search; the core maps the unit cube to ranges and runs the trials.

    Deterministic: the same seed and the same values lead to the same points.
    """

    def __call__(self, *, dimensions: int, seed: int) -> Search:
        """Begin a search over ``dimensions`` coordinates."""
        ...


class Loss(Protocol):
    """The criterion, an ``nn.Module`` without trainable parameters: the network alone is handed to the optimiser."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar that gradients flow through.

        ``logits`` are (B, num_classes); ``target`` is a label an image, (B,) int64, or shares per class that sum to 1,
        (B, num_classes) floats: of several annotators, or of mixed images.
        """
        ...


class LossFactory(Protocol):
    """``fer_plugins.losses``: the criterion of training; validation and test report the plain cross-entropy."""

    def __call__(self, *, num_classes: int, class_counts: Sequence[int]) -> Loss:
        """Build the criterion; ``class_counts`` are the training images of each class, in label order."""
        ...


class CallbackFactory(Protocol):
    """``fer_plugins.callbacks``: a callback of lightning.pytorch, which acts while the network is fitted.

    What an epoch's validation measures must be what the checkpoint of that epoch holds, and what is needed to go on
    must be in its state: a callback that changes weights after validation would select and score other ones. Where the
    selected checkpoint is scored, the callback is gone.
    """

    def __call__(self, *, epochs: int) -> Callback:
        """Build the callback; ``epochs`` is the length of the whole training."""
        ...


class Command(Protocol):
    """``fer_plugins.commands``: the verb ``fer NAME``, as such a function or as a ``click.Command``.

    The first line of the docstring is what ``fer --help`` says of it. Wrong input is a ``ValueError`` (``OSError`` for
    files) with one line that names the thing and the remedy: exit code 2. A click command's callback returns the exit
    code, or None for 0.
    """

    def __call__(self, argv: list[str]) -> int:
        """Run the verb on the words behind its name; return 0 where it is done and 1 where it failed."""
        ...


class LoggerFactory(Protocol):
    """``fer_plugins.loggers``: a logger of lightning.pytorch, or None where its options say that there is none.

    The core calls ``log_hyperparams`` with the configuration, ``log_metrics(row, step)`` after each epoch (counted from
    1) and with the scores at the end, then ``finalize("success")`` or ``finalize("failed")``. A logger that raises on
    the way is dropped with a warning; the run goes on. Optional members: ``title`` (its name in that warning),
    ``run_id`` (str, kept with the run and handed over as ``resume_id`` when it is resumed), ``starts_empty`` (True
    where a resumed run has to log its earlier epochs again), and the methods of :class:`ShowsResult`,
    :class:`ShowsFigures` and :class:`KeepsCheckpoint`. A function attribute ``check(config)`` of the factory raises
    ``ValueError`` where it cannot begin on this machine, before any data are read.
    """

    def __call__(self, *, folder: Path, config: Mapping[str, Any], resume_id: str | None) -> Logger | None:
        """Begin to follow the run in ``folder``, whose whole configuration is ``config``."""
        ...


class Result(NamedTuple):
    """What a run ends with; keys are those of ``docs/dashboards.md``."""

    epochs: int
    values: Mapping[str, Any]  # "test/accuracy", "best_epoch", ...: numbers, texts, or None where undefined
    classes: Sequence[str]
    matrices: Mapping[str, Sequence[Sequence[int]]]  # "val/confusion_matrix": counts, rows are true classes
    tables: Mapping[str, tuple[list[str], list[list[Any]]]]  # "val/per_class": columns and rows
    shown: str  # key of the table of predictions
    predictions: tuple[list[str], list[list[Any]]]  # its columns and rows
    images: Sequence[npt.NDArray[np.uint8] | None]  # of each row (H, W, C)

    def numbers(self) -> dict[str, float]:
        """Return the values that are numbers, under keys that no curve has: "result/test/accuracy"."""
        numbers = {key: value for key, value in self.values.items() if isinstance(value, int | float)}
        return {f"result/{key}": value for key, value in numbers.items() if not isinstance(value, bool)}


@runtime_checkable
class ShowsResult(Protocol):
    """Optional: a logger that takes the result whole; others get its numbers through ``log_metrics``."""

    def log_result(self, result: Result) -> None:
        """Show the scores, confusion matrices, tables and predictions."""
        ...


@runtime_checkable
class ShowsFigures(Protocol):
    """Optional: a logger that shows the figures of the run."""

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Show PNG files: name -> path."""
        ...


@runtime_checkable
class KeepsCheckpoint(Protocol):
    """Optional: a logger that keeps the selected checkpoint."""

    def log_checkpoint(self, path: Path) -> None:
        """Keep the file, where the logger's options ask for it."""
        ...


class Metric(NamedTuple):
    """A metric of a split: what is computed, and all that tables, dashboards and intervals need to know of it."""

    title: str  # in tables of results, such as "top-2 accuracy"
    # labels (N,) int64, probabilities (N, K) float64, finite -> the value; None or NaN where it is undefined
    compute: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], float | None]
    range: tuple[float, float] = (0.0, 1.0)  # least and largest value; infinite where there is none
    better: Literal["higher", "lower"] = "higher"
    # "wilson" where the value is a share of the images; "bootstrap" calls ``compute`` 2,000 times, so it has to be fast
    interval: Literal["wilson", "bootstrap", "none"] = "bootstrap"
    unit: str = ""  # of the value; "" for a share
    formula: str = ""  # for documents, as are the next three
    chance: str = ""  # what a network reaches that knows nothing
    source: str = ""
    undefined: str = ""  # when there is no value


class MetricFactory(Protocol):
    """``fer_plugins.metrics``: a metric that every run computes while its distribution is installed.

    The entry point's name is the metric's name in ``metrics.json`` and W&B. Called without arguments. Where the metric
    fails, a run says so in one line and goes on without it.
    """

    def __call__(self) -> Metric:
        """Offer the metric."""
        ...


class Batch(NamedTuple):
    """What a loader yields and a step receives."""

    index: torch.Tensor  # type: ignore[assignment]  # (B,) int64: rows of the sample table
    image: torch.Tensor  # (B, C, H, W): uint8 from the loader, float32 in [0, 1] in the steps
    label: torch.Tensor  # (B,) int64
    target: torch.Tensor | None = None  # (B, num_classes) float32 shares, where an augmentation has mixed the images
