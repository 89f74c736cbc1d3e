"""The sections ``data``, ``protocol`` and ``augmentation`` of the configuration: see ``schema``."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fer_plugins.config.doc import Doc, Options
from fer_plugins.config.flat_view import FlatView


@dataclass(frozen=True, eq=False, kw_only=True)
class DataConfig(FlatView):
    """Section ``data``."""

    name: Annotated[str, Doc("dataset")] = "synthetic"
    root: Annotated[str | None, Doc("file or folder of the dataset", shapes_model=False)] = None
    image_size: Annotated[int, Doc("pixels a side; images are resized to it when they are read", "1..2048")] = 48
    channels: Annotated[int, Doc("1 grey or 3 colour")] = 1
    batch_size: Annotated[int, Doc("images a step", "1..65536")] = 32
    limit: Annotated[
        int | float | None,
        Doc("number (or share below 1) of images to take, stratified by split and class"),
    ] = None
    leaks: Annotated[
        Literal["warn", "error", "off"],
        Doc("identical images, shared subjects or sequences between the parts", shapes_model=False),
    ] = "warn"
    near_copies: Annotated[
        Literal["auto", "on", "off"],
        Doc("between the parts; auto: where it takes up to a minute once, or is known already", shapes_model=False),
    ] = "auto"
    balance: Annotated[
        Literal["none", "oversample", "augment"],
        Doc("repeat, or make, training images up to the largest class"),
    ] = "none"
    balance_to: Annotated[
        int | None,
        Doc("images of each class under balance augment; null: as many as the largest class", "1..1000000"),
    ] = None
    balance_with: Annotated[
        Any, Doc("augmentation that makes the images of balance augment, by name or with its options")
    ] = "keras"
    face_crop: Annotated[
        Literal["none", "lbp"],
        Doc("lbp: cut photographs to the largest frontal face (scikit-image's cascade)"),
    ] = "none"
    on_no_face: Annotated[Literal["full_image", "skip"], Doc("what becomes of an image in which no face is found")] = (
        "full_image"
    )
    targets: Annotated[
        Any,
        Doc("datasets to test on as well, for protocol cross_dataset: NAME: {root: PATH, option: value}"),
    ] = field(default_factory=dict)
    workers: Annotated[
        int | None,
        Doc("loader processes for sample transforms; null: none for batch transforms", "0..256", shapes_model=False),
    ] = None
    memory_gb: Annotated[
        float,
        Doc("decoded images larger than this are memory-mapped from the cache", "0..1000000", shapes_model=False),
    ] = 4.0
    cache: Annotated[
        str | None,
        Doc(
            'folder of decoded images, "none" for no cache; null: FER_CACHE_DIR or ~/.cache/fer-plugins',
            shapes_model=False,
        ),
    ] = None
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class ProtocolConfig(FlatView):
    """Section ``protocol``."""

    name: Annotated[str, Doc("how samples are split into train, val and test")] = "official"
    seed: Annotated[int, Doc("of the split, apart from the run's seed", ">= 0")] = 0
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class AugmentationConfig(FlatView):
    """Section ``augmentation``."""

    name: Annotated[str, Doc("of the training images only")] = "none"
    options: Options = field(default_factory=dict)
