"""The sections ``data``, ``protocol`` and ``augmentation`` of the configuration: see ``schema``."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fer_plugins.config.section import Doc, Options, Section


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Section ``data``."""

    name: Annotated[str, Doc("the dataset; fer list names those that are installed")] = "synthetic"
    root: Annotated[str | None, Doc("file or folder of the dataset", shapes_model=False)] = None
    votes: Annotated[
        str | None,
        Doc(
            "file of annotators' votes beside the labels (FER+ beside FER2013): reported, never trained on",
            shapes_model=False,
        ),
    ] = None
    image_size: Annotated[int, Doc("side to which images are resized when they are read", "1..2048", "pixels")] = 48
    channels: Annotated[Literal[1, 3], Doc("1: grey, 3: colour")] = 1
    batch_size: Annotated[int, Doc("images of a training step", "1..65536", "images")] = 32
    limit: Annotated[
        int | float | None,
        Doc("number, or share below 1, of the images to take, stratified by split and class", unit="images"),
    ] = None
    leaks: Annotated[
        Literal["warn", "error", "off"],
        Doc("what follows where splits share images, subjects or sequences", shapes_model=False),
    ] = "warn"
    near_copies: Annotated[
        Literal["auto", "on", "off"],
        Doc(
            "search for near copies between the splits; auto: where it takes up to a minute once, or is known already",
            shapes_model=False,
        ),
    ] = "auto"
    balance: Annotated[
        Literal["none", "oversample", "augment"],
        Doc("repeat (oversample) or make (augment) training images up to the largest class"),
    ] = "none"
    balance_to: Annotated[
        int | None,
        Doc("images of each class under balance augment; null: as many as the largest class", "1..1000000", "images"),
    ] = None
    balance_with: Annotated[
        Any, Doc("augmentation that makes the images of balance augment, by name or with its options", form="component")
    ] = "keras"
    balance_total: Annotated[
        int | None,
        Doc(
            "images of all classes together under balance augment, as even as they can be; instead of balance_to",
            "1..10000000",
            "images",
        ),
    ] = None
    drop_classes: Annotated[tuple[str, ...], Doc("classes to leave out, by name, such as [contempt]")] = ()
    face_crop: Annotated[
        Any,
        Doc(
            "detector by whose largest face photographs are cut, by name or with its options (--data.face_crop.KEY); "
            "none: they are not cut",
            form="component",
        ),
    ] = "none"
    face_align: Annotated[
        Literal["none", "eyes"], Doc("eyes: turn and scale a face so that its eyes lie level, at one place of the crop")
    ] = "none"
    face_margin: Annotated[
        float, Doc("added to a face at each side, as a fraction of its square", "0..2", "of the side")
    ] = 0.0
    on_no_face: Annotated[Literal["full_image", "skip"], Doc("what becomes of an image in which no face is found")] = (
        "full_image"
    )
    targets: Annotated[
        Any,
        Doc("more datasets to test on, for protocol cross_dataset: NAME: {root: PATH, option: value}", form="mapping"),
    ] = field(default_factory=dict)
    workers: Annotated[
        int | None,
        Doc(
            "loader processes for sample transforms; null: none for batch transforms",
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
            'folder of decoded images, "none" for no cache; null: FER_CACHE_DIR or ~/.cache/fer-plugins',
            shapes_model=False,
        ),
    ] = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig(Section):
    """Section ``protocol``."""

    name: Annotated[str, Doc("how samples are split into train, val and test")] = "official"
    seed: Annotated[int, Doc("seed of the split, apart from the run's seed", ">= 0")] = 0
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Section):
    """Section ``augmentation``."""

    name: Annotated[str, Doc("augmentation of the training images, and of no others")] = "none"
    options: Options = field(default_factory=dict)
