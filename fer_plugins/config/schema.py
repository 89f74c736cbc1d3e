"""The configuration of a run: every key with its type, bounds, default, meaning and unit, declared once, here.

Help, checks, the saved YAML and the documentation's table of keys are generated from these classes. The ``options`` of
a section are those of the component it names: ``fer-run --help --plugin NAME`` lists those of an architecture,
``fer-run --help data`` those of the datasets. Data, protocol and augmentation are in ``data_schema``.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fer_plugins.config.data_schema import AugmentationConfig, DataConfig, ProtocolConfig
from fer_plugins.config.section import Doc, Options, Section

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "64-true", "auto"]


@dataclass(frozen=True)
class ComponentConfig(Section):
    """A component, such as a pooling or a callback, by name and with its options."""

    name: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """Configuration section ``model``."""

    name: Annotated[str | None, Doc("name of the architecture")] = None
    pool: Annotated[
        ComponentConfig | None,
        Doc("pooling layer, by name or with its options; null: the architecture's own", form="component | null"),
    ] = None
    teacher: Annotated[
        str | None, Doc("run folder or checkpoint of the teacher network, for architectures that use distillation")
    ] = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LossConfig(Section):
    """Configuration section ``loss``."""

    name: Annotated[str, Doc("name of the loss; fer list shows those installed")] = "cross_entropy"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """Configuration section ``optimizer``."""

    name: Annotated[
        str, Doc("a class of torch.optim, with its arguments as further keys (lr, betas, momentum, ...)")
    ] = "Adam"
    lr: Annotated[float, Doc("learning rate", "> 0")] = 0.001
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig(Section):
    """Configuration section ``scheduler``."""

    name: Annotated[
        str, Doc("none, inverse_decay (gamma), or a class of torch.optim.lr_scheduler with its arguments")
    ] = "none"
    warmup_epochs: Annotated[
        int, Doc("warm-up, in which the learning rate rises linearly to lr", "0..1000000", "epochs")
    ] = 0
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SelectionConfig(Section):
    """Configuration section ``selection``."""

    name: Annotated[
        Literal["best", "last"],
        Doc("epoch whose weights are scored: the best by metric, or the last"),
    ] = "best"
    metric: Annotated[
        str, Doc("metric that checkpointing, early stopping and plateau schedulers monitor; never on the test split")
    ] = "val/accuracy"
    mode: Annotated[Literal["max", "min"], Doc("whether a higher or a lower metric is better")] = "max"
    stop: Annotated[
        Literal["metric", "metric_and_loss", "both_worsen"],
        Doc("what must stall (or worsen) for patience epochs before training stops"),
    ] = "metric"
    patience: Annotated[int | None, Doc("early stopping: epochs without improvement; null: off", "> 0", "epochs")] = (
        None
    )
    min_delta: Annotated[float, Doc("smallest change that counts as an improvement", ">= 0", "that of metric")] = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Section):
    """Configuration section ``trainer``."""

    epochs: Annotated[int, Doc("passes over the training split", "1..1000000", "epochs")] = 30
    accelerator: Annotated[
        Literal["auto", "cpu", "gpu", "cuda", "mps"], Doc("hardware to train on", shapes_model=False)
    ] = "auto"
    devices: Annotated[
        int | Literal["auto"] | tuple[int, ...],
        Doc(
            "processes that train one network on a machine, each on its own device: their number, a list of GPUs, or "
            "auto (all GPUs); each batch is divided among them",
            "1..1024",
            "processes",
            form="int 1..1024 | auto | list[int]",
            shapes_model=False,
        ),
    ] = 1
    num_nodes: Annotated[
        int,
        Doc(
            "machines that train one network; start the command on each with srun or torchrun",
            "1..10000",
            shapes_model=False,
        ),
    ] = 1
    strategy: Annotated[
        Literal["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"],
        Doc("Lightning's strategy for several devices; auto: ddp", shapes_model=False),
    ] = "auto"
    precision: Annotated[
        Precision,
        Doc("numerical precision; mixed: AMP; auto: bf16-mixed if a short measurement shows it to be clearly faster"),
    ] = "32-true"
    channels_last: Annotated[
        bool | Literal["auto"],
        Doc(
            "channels_last memory format; auto: if a short measurement shows it to be clearly faster",
            form="bool | auto",
        ),
    ] = False
    compile: Annotated[
        Literal["off", "default", "reduce-overhead", "max-autotune"],
        Doc(
            "mode of torch.compile during training; a network that cannot be compiled trains uncompiled, with a warning"
        ),
    ] = "off"
    accumulate_grad_batches: Annotated[
        int, Doc("batches whose gradients are accumulated before a step", "1..10000", "batches")
    ] = 1
    deterministic: Annotated[
        bool, Doc("use deterministic algorithms: the same seed gives the same bits on the same device")
    ] = True
    gradient_clip_norm: Annotated[
        float | None, Doc("clip the norm of the gradients to this value; null: no clipping", "> 0")
    ] = None
    threads: Annotated[
        int | None,
        Doc("CPU threads of an operation; null: the fastest, by measurement", "1..1024", "threads", shapes_model=False),
    ] = None
    max_time: Annotated[
        float | None,
        Doc("time limit; training stops after the epoch that exceeds it; null: no limit", "> 0", "minutes"),
    ] = None
    profiler: Annotated[
        Literal["none", "simple", "pytorch"],
        Doc("write a profile by hook (simple) or by operator (pytorch, slow) to fit-profile.txt", shapes_model=False),
    ] = "none"
    progress: Annotated[
        Literal["auto", "bar", "plain", "none"],
        Doc("progress display; auto: a bar on a terminal, else one line per epoch", shapes_model=False),
    ] = "auto"


@dataclass(frozen=True, kw_only=True)
class LoggerConfig(Section):
    """Configuration section ``logger``."""

    name: Annotated[
        Any,
        Doc(
            "one logger, or several separated by commas; all except none also write metrics.csv", form="str | list[str]"
        ),
    ] = "wandb"
    mode: Annotated[
        Literal["offline", "online", "disabled"], Doc("W&B mode; offline keeps everything in the run folder")
    ] = "offline"
    project: Annotated[str, Doc("W&B project")] = "fer-plugins"
    entity: Annotated[str | None, Doc("W&B user or team")] = None
    group: Annotated[
        str | None, Doc("W&B group; null: made of plug-in, data, protocol, pooling and changed options")
    ] = None
    tags: Annotated[tuple[str, ...], Doc("W&B tags")] = ()
    run_name: Annotated[str | None, Doc("W&B run name; null: made of plug-in, pooling, changed options and seed")] = (
        None
    )
    dir: Annotated[str | None, Doc("folder for W&B files; null: the run folder")] = None
    log_model: Annotated[bool, Doc("upload the best checkpoint to W&B as an artifact")] = False
    figures: Annotated[
        Literal["auto", "off"],
        Doc("auto: draw figures at the end of the run if matplotlib is installed (not with logger none)"),
    ] = "auto"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Section):
    """Configuration section ``run``."""

    output: Annotated[str, Doc("parent folder of run folders")] = "runs"
    fold: Annotated[
        int | None, Doc("fold of the protocol; null: all folds, each in its own folder, with a summary", ">= 0")
    ] = None
    score_train: Annotated[
        bool, Doc("also score the training split, once at the end, in evaluation mode without augmentation")
    ] = False
    test: Annotated[bool, Doc("score the test split, once at the end, with the checkpoint selected on validation")] = (
        True
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig(Section):
    """The complete configuration of a run."""

    plugin: Annotated[str | None, Doc("architecture whose recipe is the base of the configuration (--plugin)")] = None
    recipe: Annotated[str | None, Doc("variant of that recipe (--recipe)")] = None
    seed: Annotated[int, Doc("seed of weights, sample order, dropout and augmentation", ">= 0")] = 0
    model: Annotated[ModelConfig, Doc("architecture, its options and pooling")] = field(default_factory=ModelConfig)
    data: Annotated[DataConfig, Doc("dataset, image size, batch size, cache")] = field(default_factory=DataConfig)
    protocol: Annotated[ProtocolConfig, Doc("how samples are split into train, val and test")] = field(
        default_factory=ProtocolConfig
    )
    augmentation: Annotated[AugmentationConfig, Doc("random transforms of the training images")] = field(
        default_factory=AugmentationConfig
    )
    loss: Annotated[LossConfig, Doc("loss function")] = field(default_factory=LossConfig)
    optimizer: Annotated[OptimizerConfig, Doc("a class of torch.optim and its arguments")] = field(
        default_factory=OptimizerConfig
    )
    scheduler: Annotated[SchedulerConfig, Doc("learning-rate schedule, warm-up")] = field(
        default_factory=SchedulerConfig
    )
    selection: Annotated[SelectionConfig, Doc("checkpoint selection and early stopping")] = field(
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
