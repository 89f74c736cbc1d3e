"""The sections ``data``, ``protocol`` and ``augmentation`` of the configuration; ``schema`` has the other sections."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fer_plugins.config.section import Doc, Options, Section


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Configuration section ``data``."""

    name: Annotated[str, Doc("name of the dataset; fer list shows those installed")] = "synthetic"
    root: Annotated[str | None, Doc("file or folder of the dataset", shapes_model=False)] = None
    votes: Annotated[
        str | None,
        Doc(
            "file of annotators' votes for the same images (FER+ for FER2013); used in reports, never in training",
            shapes_model=False,
        ),
    ] = None
    image_size: Annotated[int, Doc("side to which images are resized when they are read", "1..2048", "pixels")] = 48
    channels: Annotated[Literal[1, 3], Doc("1: grey, 3: colour")] = 1
    batch_size: Annotated[int, Doc("images per training step", "1..65536", "images")] = 32
    limit: Annotated[
        int | float | None,
        Doc("number of images to use, or a fraction below 1, stratified by split and class", unit="images"),
    ] = None
    leaks: Annotated[
        Literal["warn", "error", "off"],
        Doc("what to do if splits share images, subjects or sequences", shapes_model=False),
    ] = "warn"
    near_copies: Annotated[
        Literal["auto", "on", "off"],
        Doc(
            "search for near copies between splits; auto: if it takes less than about a minute, or is cached",
            shapes_model=False,
        ),
    ] = "auto"
    balance: Annotated[
        Literal["none", "oversample", "augment"],
        Doc("repeat (oversample) or generate (augment) training images until all classes are as large as the largest"),
    ] = "none"
    balance_to: Annotated[
        int | None,
        Doc("images per class with balance augment; null: as many as the largest class", "1..1000000", "images"),
    ] = None
    balance_with: Annotated[
        Any,
        Doc("augmentation that generates the images of balance augment, by name or with its options", form="component"),
    ] = "keras"
    balance_total: Annotated[
        int | None,
        Doc(
            "total number of images with balance augment, spread evenly over classes; instead of balance_to",
            "1..10000000",
            "images",
        ),
    ] = None
    drop_classes: Annotated[tuple[str, ...], Doc("names of classes to leave out, such as [contempt]")] = ()
    face_crop: Annotated[
        Any,
        Doc(
            "face detector; photographs are cropped to the largest face. By name or with its options "
            "(--data.face_crop.KEY); none: no cropping",
            form="component",
        ),
    ] = "none"
    face_align: Annotated[
        Literal["none", "eyes"],
        Doc("eyes: rotate and scale each face so that the eyes are level and at fixed positions"),
    ] = "none"
    face_margin: Annotated[float, Doc("margin added on each side of the face square", "0..2", "of the side")] = 0.0
    on_no_face: Annotated[Literal["full_image", "skip"], Doc("what to do with an image without a detected face")] = (
        "full_image"
    )
    targets: Annotated[
        Any,
        Doc("further test datasets for protocol cross_dataset: NAME: {root: PATH, option: value}", form="mapping"),
    ] = field(default_factory=dict)
    workers: Annotated[
        int | None,
        Doc(
            "loader processes; null: 1 to 4 for sample transforms, none for batch transforms",
            "0..256",
            "processes",
            shapes_model=False,
        ),
    ] = None
    memory_gb: Annotated[
        float,
        Doc("decoded images larger than this are memory-mapped from the cache", "0..1000000", "GB", shapes_model=False),
    ] = 4.0
    cache: Annotated[
        str | None,
        Doc(
            'cache folder of decoded images, or "none"; null: FER_CACHE_DIR or ~/.cache/fer-plugins',
            shapes_model=False,
        ),
    ] = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig(Section):
    """Configuration section ``protocol``."""

    name: Annotated[str, Doc("how samples are split into train, val and test")] = "official"
    seed: Annotated[int, Doc("seed of the split, independent of the run's seed", ">= 0")] = 0
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Section):
    """Configuration section ``augmentation``."""

    name: Annotated[str, Doc("augmentation of the training images (no others)")] = "none"
    options: Options = field(default_factory=dict)
