"""The configuration of a run: every key with its type, bounds, default, meaning and unit, declared once, here.

Help, checks, the saved YAML and the documents' table of keys are made from these classes. ``options`` of a section are
those of the component that it names: ``fer-run --help --plugin NAME`` lists an architecture's, ``fer-run --help data``
those of the datasets. Data, protocol and augmentation stand in ``data_schema``.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fer_plugins.config.data_schema import AugmentationConfig, DataConfig, ProtocolConfig
from fer_plugins.config.section import Doc, Options, Section

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "64-true", "auto"]


@dataclass(frozen=True)
class ComponentConfig(Section):
    """A component by its name, with its options: a pooling, a callback."""

    name: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """Section ``model``."""

    name: Annotated[str | None, Doc("the architecture")] = None
    pool: Annotated[
        ComponentConfig | None,
        Doc("pooling, by name or with its options; null: the architecture's own", form="component | null"),
    ] = None
    teacher: Annotated[
        str | None, Doc("run folder or checkpoint of the network to learn from, where the architecture distils")
    ] = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LossConfig(Section):
    """Section ``loss``."""

    name: Annotated[str, Doc("the loss; fer list names those that are installed")] = "cross_entropy"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """Section ``optimizer``."""

    name: Annotated[str, Doc("a class of torch.optim; its own arguments beside it (lr, betas, momentum, ...)")] = "Adam"
    lr: Annotated[float, Doc("learning rate", "> 0")] = 0.001
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig(Section):
    """Section ``scheduler``."""

    name: Annotated[
        str, Doc("none, inverse_decay (gamma), or a class of torch.optim.lr_scheduler with its own arguments")
    ] = "none"
    warmup_epochs: Annotated[int, Doc("warm-up: the learning rate rises linearly to lr", "0..1000000", "epochs")] = 0
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SelectionConfig(Section):
    """Section ``selection``."""

    name: Annotated[
        Literal["best", "last"],
        Doc("which epoch's weights are scored: the best one by metric, or the last one whatever its score"),
    ] = "best"
    metric: Annotated[
        str, Doc("what the best checkpoint, early stopping and plateau schedulers look at; never test")
    ] = "val/accuracy"
    mode: Annotated[Literal["max", "min"], Doc("whether more or less of it is better")] = "max"
    stop: Annotated[
        Literal["metric", "metric_and_loss", "both_worsen"], Doc("what must stall (or worsen) for patience epochs")
    ] = "metric"
    patience: Annotated[
        int | None, Doc("epochs without improvement after which training stops; null: never", "> 0", "epochs")
    ] = None
    min_delta: Annotated[float, Doc("a smaller improvement does not count", ">= 0", "that of metric")] = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Section):
    """Section ``trainer``."""

    epochs: Annotated[int, Doc("passes over the training split", "1..1000000", "epochs")] = 30
    accelerator: Annotated[
        Literal["auto", "cpu", "gpu", "cuda", "mps"], Doc("where to compute", shapes_model=False)
    ] = "auto"
    devices: Annotated[
        int | Literal["auto"] | tuple[int, ...],
        Doc(
            "processes of one training on a machine, each on a device of its own: how many, which GPUs, or auto: all "
            "GPUs; they share each batch",
            "1..1024",
            "processes",
            form="int 1..1024 | auto | list[int]",
            shapes_model=False,
        ),
    ] = 1
    num_nodes: Annotated[
        int, Doc("machines of one training; srun or torchrun starts it on each", "1..10000", shapes_model=False)
    ] = 1
    strategy: Annotated[
        Literal["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"],
        Doc("how several devices train together, by Lightning's names; auto: ddp for several", shapes_model=False),
    ] = "auto"
    precision: Annotated[
        Precision,
        Doc("arithmetic; mixed: AMP; auto: bf16-mixed where a measured second shows it clearly faster, else 32-true"),
    ] = "32-true"
    channels_last: Annotated[
        bool | Literal["auto"],
        Doc(
            "memory layout channels_last of images and convolutions; auto: where it is measured clearly faster",
            form="bool | auto",
        ),
    ] = False
    compile: Annotated[
        Literal["off", "default", "reduce-overhead", "max-autotune"],
        Doc("mode of torch.compile while training; a network that cannot be compiled trains uncompiled, said so"),
    ] = "off"
    accumulate_grad_batches: Annotated[int, Doc("batches whose gradients make one step", "1..10000", "batches")] = 1
    deterministic: Annotated[bool, Doc("the same bits from the same seed on the same device")] = True
    gradient_clip_norm: Annotated[float | None, Doc("gradients are scaled down to this norm", "> 0")] = None
    threads: Annotated[
        int | None, Doc("CPU threads of one operation; null: measured", "1..1024", "threads", shapes_model=False)
    ] = None
    max_time: Annotated[
        float | None, Doc("training ends after the epoch in which so much time is over; null: never", "> 0", "minutes")
    ] = None
    profiler: Annotated[
        Literal["none", "simple", "pytorch"],
        Doc("time by hook (simple) or by operator (pytorch, slow), in fit-profile.txt", shapes_model=False),
    ] = "none"
    progress: Annotated[
        Literal["auto", "bar", "plain", "none"],
        Doc("auto: a bar on a terminal, else a line an epoch", shapes_model=False),
    ] = "auto"


@dataclass(frozen=True, kw_only=True)
class LoggerConfig(Section):
    """Section ``logger``."""

    name: Annotated[
        Any, Doc("one or several with commas between; all but none write metrics.csv too", form="str | list[str]")
    ] = "wandb"
    mode: Annotated[Literal["offline", "online", "disabled"], Doc("mode of W&B; offline stays in the run's folder")] = (
        "offline"
    )
    project: Annotated[str, Doc("project of W&B")] = "fer-plugins"
    entity: Annotated[str | None, Doc("user or team of W&B")] = None
    group: Annotated[str | None, Doc("group of W&B; null: plug-in, data, protocol, pooling, changed options")] = None
    tags: Annotated[tuple[str, ...], Doc("tags of W&B")] = ()
    run_name: Annotated[str | None, Doc("name in W&B; null: plug-in, pooling, changed options, seed")] = None
    dir: Annotated[str | None, Doc("folder of W&B's files; null: the run's folder")] = None
    log_model: Annotated[bool, Doc("send the best checkpoint to W&B as an artifact")] = False
    figures: Annotated[
        Literal["auto", "off"], Doc("auto: draw the run at its end where matplotlib is installed; not with name none")
    ] = "auto"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Section):
    """Section ``run``."""

    output: Annotated[str, Doc("folder in which the run's own folder is made")] = "runs"
    fold: Annotated[
        int | None, Doc("which fold of the protocol; null: each of them, in a folder of its own, and a summary", ">= 0")
    ] = None
    score_train: Annotated[
        bool, Doc("score the training split at the end as well, once, in evaluation mode and without augmentation")
    ] = False
    test: Annotated[bool, Doc("score the test split at the end, once, with the checkpoint selected on validation")] = (
        True
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig(Section):
    """The complete configuration of a run."""

    plugin: Annotated[str | None, Doc("the architecture whose recipe is the base (--plugin)")] = None
    recipe: Annotated[str | None, Doc("a variant of that recipe (--recipe)")] = None
    seed: Annotated[int, Doc("of weights, order of samples, dropout and augmentation", ">= 0")] = 0
    model: Annotated[ModelConfig, Doc("architecture, its options and its pooling")] = field(default_factory=ModelConfig)
    data: Annotated[DataConfig, Doc("dataset, size of the images, batches, cache")] = field(default_factory=DataConfig)
    protocol: Annotated[ProtocolConfig, Doc("how samples are split into train, val and test")] = field(
        default_factory=ProtocolConfig
    )
    augmentation: Annotated[AugmentationConfig, Doc("random changes of the training images")] = field(
        default_factory=AugmentationConfig
    )
    loss: Annotated[LossConfig, Doc("criterion")] = field(default_factory=LossConfig)
    optimizer: Annotated[OptimizerConfig, Doc("a class of torch.optim and its arguments")] = field(
        default_factory=OptimizerConfig
    )
    scheduler: Annotated[SchedulerConfig, Doc("learning rate over time, warm-up")] = field(
        default_factory=SchedulerConfig
    )
    selection: Annotated[SelectionConfig, Doc("what selects the checkpoint and stops early")] = field(
        default_factory=SelectionConfig
    )
    trainer: Annotated[TrainerConfig, Doc("epochs, device, precision, clipping")] = field(default_factory=TrainerConfig)
    callbacks: Annotated[
        tuple[ComponentConfig, ...], Doc("Lightning callbacks, by name or with options", form="list of components")
    ] = ()
    logger: Annotated[LoggerConfig, Doc("W&B, TensorBoard, csv or none", shapes_model=False)] = field(
        default_factory=LoggerConfig
    )
    run: Annotated[OutputConfig, Doc("output folder, fold, final test", shapes_model=False)] = field(
        default_factory=OutputConfig
    )
