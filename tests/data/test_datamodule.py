"""FERDataModule under a real Trainer: what is served, in which order, and what stays sealed."""

import functools
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from fer_plugins.contract import SPLITS, Batch, Fold
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders import ResidentLoader, draw_order
from fer_plugins.data.protocols import official
from fer_plugins.data.seal import TestSplitSealed
from fer_plugins.runtime.errors import InputError

CLASSES = ("anger", "happy", "neutral")
COUNT = 60


class Made:
    """Noise; the first pixel is the row, the second the class."""

    classes = CLASSES
    cache_key = "made"
    notes = ("made up",)

    def __init__(self, count: int = COUNT) -> None:
        self.labels = np.arange(count) % len(CLASSES)
        self.table = {
            "label": self.labels,
            "source": [f"{row}.png" for row in range(count)],
            "split": [("train", "train", "val", "test")[row // 3 % 4] for row in range(count)],
        }

    def __getitem__(self, index: int) -> np.ndarray:
        image = np.random.default_rng(index).integers(0, 256, (4, 4, 1), dtype=np.uint8)
        image[0, :2, 0] = index, self.labels[index]
        return image


class AddNoise:
    """A sample transform; leaves the first row of pixels alone."""

    def __call__(self, *, image: np.ndarray) -> dict[str, np.ndarray]:
        image[1:] = np.random.randint(0, 256, image[1:].shape)
        return {"image": image}


class Invert(nn.Module):
    """A batch transform with a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("one", torch.ones(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.one - image


def make(**options: object) -> FERDataModule:
    settings = {
        "dataset": Made(),
        "name": "made",
        "protocol": functools.partial(official.official, seed=0),
        "augmentation": nn.Identity(),
        "image_size": 4,
        "channels": 1,
        "batch_size": 8,
        "seed": 0,
    } | options
    return FERDataModule(settings.pop("dataset"), **settings)


class Recorder(pl.LightningModule):
    """A linear classifier that keeps what it is given; ``on_train`` is called in every training step."""

    def __init__(self, on_train: Callable[[pl.LightningModule], None] | None = None) -> None:
        super().__init__()
        self.linear = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(len(CLASSES)))
        self.seen: dict[str, list[Batch]] = {"train": [], "val": [], "test": []}
        self.on_train = on_train

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)

    def _step(self, split: str, batch: Batch) -> torch.Tensor:
        assert isinstance(batch, Batch)
        self.seen[split].append(batch)
        return nn.functional.cross_entropy(self(batch.image), batch.label)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        if self.on_train is not None:
            self.on_train(self)
        return self._step("train", batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._step("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._step("test", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def epochs(self) -> list[list[int]]:
        """Rows that were trained on, an epoch a list."""
        per_epoch = len(self.trainer.train_dataloader)
        batches = [batch.index for batch in self.seen["train"]]
        return [torch.cat(batches[i : i + per_epoch]).tolist() for i in range(0, len(batches), per_epoch)]


def make_trainer(epochs: int, folder: Path, **options: object) -> pl.Trainer:
    settings = {
        "max_epochs": epochs,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
    } | options
    return pl.Trainer(**settings)


# What is known after prepare.


def test_prepare_tells_what_there_is() -> None:
    data = make()
    data.prepare()
    assert data.classes == CLASSES
    assert data.notes == ("made up",)
    assert len(data.table) == COUNT
    assert data.sizes == {"train": 30, "val": 15, "test": 15}
    assert data.counts == {
        "train": dict.fromkeys(CLASSES, 10),
        "val": dict.fromkeys(CLASSES, 5),
        "test": dict.fromkeys(CLASSES, 5),
    }
    assert not data.from_cache
    assert data.load_seconds > 0
    images = data._images
    data.prepare()
    data.setup("fit")
    assert data._images is images


def test_hashes_depend_on_the_images_and_the_split_alone() -> None:
    first, same, random_split = (
        make(),
        make(seed=3, batch_size=5),
        make(protocol=functools.partial(official.random, seed=0)),
    )
    limited = make(limit=30)
    for data in (first, same, random_split, limited):
        data.prepare()
    assert first.split_hash == same.split_hash
    assert len({first.split_hash, random_split.split_hash, limited.split_hash}) == 3
    assert first.fingerprint == same.fingerprint == random_split.fingerprint == limited.fingerprint


def test_the_cache_serves_the_second_module(tmp_path: Path) -> None:
    first, second = make(cache=tmp_path), make(cache=tmp_path)
    first.prepare()
    second.prepare()
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.split_hash == second.split_hash
    assert np.array_equal(first.row_images(first.rows("train")), second.row_images(second.rows("train")))


@pytest.mark.parametrize("limit", [30, 0.5])
def test_limit_is_stratified_and_the_same_for_every_seed(limit: float) -> None:
    first, other_seed = make(limit=limit), make(limit=limit, seed=9)
    for data in (first, other_seed):
        data.prepare()
        assert sum(data.sizes.values()) == 30
        assert min(min(counts.values()) for counts in data.counts.values()) >= 2
        assert len(data.table) == COUNT
        assert (data.table.split[data.rows("val")] == "val").all()
    assert first.split_hash == other_seed.split_hash
    with pytest.raises(ValueError, match=r"row \d+ belongs to no split of this fold"):
        first.row_images(np.arange(COUNT)[first.table.split == "train"])


def test_a_class_that_is_missing_from_a_split_is_named() -> None:
    def without(split: str, second_split: str) -> Made:
        dataset = Made()
        dataset.table["split"] = [
            second_split if named == split and label == 1 else named
            for named, label in zip(dataset.table["split"], dataset.labels, strict=True)
        ]
        return dataset

    with pytest.raises(InputError, match="class happy has no sample in split train of dataset made"):
        make(dataset=without("train", "val")).prepare()
    data = make(dataset=without("val", "train"))
    data.prepare()
    assert "no sample of happy in val: their scores are averages over fewer classes" in data.warnings


def test_a_protocol_with_overlapping_parts_is_named() -> None:
    def careless(table: object) -> list[Fold]:
        rows = np.arange(10)
        return [Fold(rows, rows[:3], rows[5:])]

    with pytest.raises(ValueError, match="protocol careless, fold 0: row 0 is both in train and in val"):
        make(protocol=careless).prepare()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"data\.batch_size is 0"),
        ({"workers": -1}, r"data\.workers is -1"),
        ({"fold": 3}, r"run\.fold is 3; protocol official has folds 0 to 0"),
        ({"limit": 3}, r"data\.limit is 3"),
        ({"channels": 2}, r"data\.channels is 2"),
        ({"resident_device": "tpu"}, r"data\.resident_device is tpu"),
    ],
)
def test_a_wrong_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**options).prepare()


def test_a_wrong_sample_transform_is_found_before_training() -> None:
    class Wrong:
        def __call__(self, *, image: np.ndarray) -> dict:
            return {"image": image / 255}

    with pytest.raises(InputError, match=r"augmentation Wrong returns float64 \(4, 4, 1\)"):
        make(augmentation=Wrong()).prepare()


def test_workers_by_default() -> None:
    assert make().workers == 0
    assert 1 <= make(augmentation=AddNoise()).workers <= 4
    assert make(augmentation=AddNoise(), workers=0).workers == 0
    assert isinstance(make().train_dataloader(), ResidentLoader)
    assert make(augmentation=AddNoise(), workers=2).train_dataloader().num_workers == 2


# The splits.


def test_train_and_val_are_served_in_the_order_of_their_rows() -> None:
    data = make()
    for split, loader in (("train", data.train_eval_dataloader()), ("val", data.val_dataloader())):
        rows = data.rows(split)
        assert (np.diff(rows) > 0).all()
        batches = list(loader)
        assert torch.cat([batch.index for batch in batches]).tolist() == rows.tolist()
        images = torch.cat([batch.image for batch in batches])[:, 0].numpy()
        assert np.array_equal(images, data.row_images(data.rows(split))[..., 0])
        assert np.array_equal(images[:, 0, 0], rows)
        assert np.array_equal(images[:, 0, 1], data.labels(split))
        assert data.source_names(rows) == [f"{row}.png" for row in rows]


def test_served_images_are_copies() -> None:
    data = make()
    data.row_images(data.rows("val"))[:] = 0
    assert data.row_images(data.rows("val")).any()


SEALED: dict[str, Callable[[FERDataModule], object]] = {
    "rows": lambda data: data.rows("test"),
    "labels": lambda data: data.labels("test"),
    "images": lambda data: data.row_images(data.fold.test),
    "loader": lambda data: data.test_dataloader(),
    "one image among others": lambda data: data.row_images([*data.rows("val"), data.fold.test[0]]),
}


@pytest.mark.parametrize("ask", SEALED.values(), ids=SEALED.keys())
def test_the_test_split_is_sealed_until_it_is_opened(ask: Callable[[FERDataModule], object]) -> None:
    data = make()
    data.prepare()
    with pytest.raises(TestSplitSealed, match=r"the test split is sealed .* open_test\(reason\)"):
        ask(data)
    data.open_test("the model is selected")
    ask(data)
    assert data.test_openings == ("the model is selected",)


def test_opening_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        make().open_test(" ")


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown split 'valid'; known: train, val, test"):
        make().rows("valid")


def test_nothing_opens_the_test_split_while_fitting(tmp_path: Path) -> None:
    data = make()
    data.open_test("too early")
    refused = []

    def pry(module: pl.LightningModule) -> None:
        for ask in [*SEALED.values(), lambda data: data.open_test("please")]:
            with pytest.raises(TestSplitSealed, match="while a model is being fitted"):
                ask(module.trainer.datamodule)
            refused.append(ask)
        assert len(data.row_images(data.rows("val"))) == 15

    trainer = make_trainer(1, tmp_path)
    trainer.fit(Recorder(pry), datamodule=data)
    assert len(refused) == 6 * 4
    assert len(data.row_images(data.rows("test"))) == 15


def test_a_fit_that_failed_does_not_seal_for_good(tmp_path: Path) -> None:
    def fail(module: pl.LightningModule) -> None:
        raise ArithmeticError

    data = make()
    with pytest.raises(ArithmeticError):
        make_trainer(1, tmp_path).fit(Recorder(fail), datamodule=data)
    data.open_test("to look at what there was")
    assert len(data.rows("test")) == 15


def test_the_trainers_test_needs_the_seal_broken(tmp_path: Path) -> None:
    data, module = make(), Recorder()
    trainer = make_trainer(1, tmp_path)
    trainer.fit(module, datamodule=data)
    with pytest.raises(TestSplitSealed, match="is sealed"):
        trainer.test(module, datamodule=data, verbose=False)
    data.open_test("the model is selected")
    trainer.test(module, datamodule=data, verbose=False)
    assert torch.cat([batch.index for batch in module.seen["test"]]).tolist() == data.rows("test").tolist()


# Under a trainer.


def test_images_are_scaled_and_only_training_is_augmented(tmp_path: Path) -> None:
    data, module = make(augmentation=Invert()), Recorder()
    trainer = make_trainer(1, tmp_path)  # a sanity check precedes training
    trainer.fit(module, datamodule=data)
    trainer.validate(module, datamodule=data, verbose=False)
    data.open_test("the model is selected")
    trainer.test(module, datamodule=data, verbose=False)
    assert len(module.seen["val"]) == 3 * 2
    for split in SPLITS:
        for batch in module.seen[split]:
            assert batch.image.dtype == torch.float32
            raw = torch.from_numpy(data.row_images(batch.index)[..., 0]).unsqueeze(1) / 255
            assert torch.equal(batch.image, 1 - raw if split == "train" else raw)


def test_a_batch_transform_that_changes_the_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"augmentation MaxPool2d returns images \(8, 1, 2, 2\)"):
        make_trainer(1, tmp_path).fit(Recorder(), datamodule=make(augmentation=nn.MaxPool2d(2)))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_step_receives_contiguous_images(channels: int, tmp_path: Path) -> None:
    module = Recorder()
    make_trainer(1, tmp_path).fit(module, datamodule=make(channels=channels))
    for batch in module.seen["train"]:
        assert batch.image.shape[1:] == (channels, 4, 4)
        assert batch.image.is_contiguous()


KINDS = pytest.mark.parametrize(
    ("augmentation", "workers"), [(nn.Identity(), 0), (nn.Identity(), 1), (AddNoise(), 0), (AddNoise(), 2)]
)


@KINDS
def test_every_epoch_has_an_order_of_its_own(augmentation: object, workers: int, tmp_path: Path) -> None:
    data, module = make(augmentation=augmentation, workers=workers), Recorder()
    make_trainer(3, tmp_path).fit(module, datamodule=data)
    expected = [data.rows("train")[draw_order(30, 0, epoch).numpy()].tolist() for epoch in range(3)]
    assert module.epochs() == expected


@KINDS
@pytest.mark.parametrize("when", ["epoch end", "validation end"])
def test_a_resumed_run_draws_what_the_uninterrupted_one_drew(
    augmentation: object, workers: int, when: str, tmp_path: Path
) -> None:
    def checkpoint() -> ModelCheckpoint:
        return ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=when == "epoch end")

    def fit(epochs: int, resume: Path | None = None) -> Recorder:
        module = Recorder()
        trainer = make_trainer(epochs, tmp_path, enable_checkpointing=True, callbacks=[checkpoint()])
        trainer.fit(module, datamodule=make(augmentation=augmentation, workers=workers), ckpt_path=resume)
        return module

    whole = fit(3)
    for last in (0, 1):
        rest = fit(3, tmp_path / f"epoch={last}.ckpt")
        kept = whole.seen["train"][4 * (last + 1) :]
        assert len(rest.seen["train"]) == len(kept)
        for resumed_batch, kept_batch in zip(rest.seen["train"], kept, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(resumed_batch[:3], kept_batch[:3], strict=True))
            assert resumed_batch.target is kept_batch.target is None


def test_two_runs_of_one_seed_agree_bit_for_bit(tmp_path: Path) -> None:
    weights = []
    for seed, workers in ((0, 0), (0, 2), (1, 0)):
        pl.seed_everything(0, verbose=False)
        module = Recorder()
        make_trainer(2, tmp_path).fit(module, datamodule=make(augmentation=AddNoise(), workers=workers, seed=seed))
        weights.append(torch.cat([weight.flatten() for weight in module.parameters()]))
    assert torch.equal(weights[0], weights[1])  # dropout too: workers draw nothing from the run's generators
    assert not torch.equal(weights[0], weights[2])


def test_without_a_trainer_the_epoch_is_the_first() -> None:
    data = make()
    index = torch.cat([batch.index for batch in data.train_dataloader()])
    assert index.tolist() == data.rows("train")[draw_order(30, 0, 0).numpy()].tolist()


@pytest.mark.parametrize("augmentation", [nn.Identity(), AddNoise()])
def test_mapped_images_train_as_resident_ones_do(augmentation: object, tmp_path: Path) -> None:
    seen = []
    for memory_gb in (4.0, 0.0):
        data, module = make(augmentation=augmentation, memory_gb=memory_gb, cache=tmp_path), Recorder()
        make_trainer(1, tmp_path).fit(module, datamodule=data)
        assert isinstance(data._images, np.memmap) == (memory_gb == 0)
        seen.append(module.seen["train"])
    for mapped, resident in zip(*seen, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mapped[:3], resident[:3], strict=True))
