"""Batches: complete, paired, reproducible, and independent of how many workers make them."""

import functools
import os
import pickle
import random
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.contract import Batch
from fer_plugins.data.loaders import (
    AugmentedBatches,
    PlannedBatch,
    ResidentLoader,
    apply_transform,
    draw_order,
    draw_oversampled,
    order,
    sample_loader,
    seeded,
)
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.ranks import Rank

CLASSES = 7


def make_data(count: int, size: int = 4, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise whose first pixel is the row (mod 256) and whose second is the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, count)
    images = rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    images[:, 0, 0] = (np.arange(count) % 256)[:, None]
    images[:, 0, 1] = labels[:, None]
    images.flags.writeable = False
    return images, labels


class Noisy:
    """A transform that draws from every generator there is, and writes to what it was given."""

    def __init__(self) -> None:
        self.own = random.Random()

    def set_random_seed(self, seed: int) -> None:
        self.own.seed(seed)

    def __call__(self, *, image: np.ndarray) -> dict[str, np.ndarray]:
        drawn = [random.random(), np.random.rand(), torch.rand(1).item(), self.own.random()]
        image[2, :, 0] = [int(256 * value) for value in drawn]
        return {"image": image}


def resident(count: int, **options: object) -> ResidentLoader:
    images, labels = make_data(count)
    settings = {"rows": np.arange(count), "batch_size": 8, "shuffle": True, "seed": 0, "epoch": lambda: 0} | options
    return ResidentLoader(images, labels, settings.pop("rows"), **settings)


def augmented(workers: int, count: int = 20, **options: object) -> torch.utils.data.DataLoader:
    images, labels = make_data(count)
    settings = {"batch_size": 6, "shuffle": True, "seed": 0, "epoch": lambda: 0} | options
    return sample_loader(images, labels, np.arange(count), Noisy(), workers=workers, **settings)


def collect(loader: object) -> Batch:
    batches = list(loader)
    assert all(batch.target is None for batch in batches)  # what mixes images gives targets, on the device
    return Batch(*(torch.cat(splits) for splits in zip(*(batch[:3] for batch in batches), strict=True)))


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first[:3], second[:3], strict=True))


@settings(deadline=None)
@given(count=st.integers(1, 60), size=st.integers(1, 70), shuffle=st.booleans(), epoch=st.integers(0, 5))
def test_every_row_comes_once_an_epoch(count: int, size: int, shuffle: bool, epoch: int) -> None:
    rows = np.arange(0, 2 * count, 2)
    loader = resident(2 * count, rows=rows, batch_size=size, shuffle=shuffle, epoch=lambda: epoch)
    batches = list(loader)
    joined = shuffle and 1 < size < count and count % size == 1  # a last batch of one sample
    assert len(batches) == len(loader) == -(-count // size) - joined
    assert [len(batch.index) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    index = torch.cat([batch.index for batch in batches])
    assert index.sort().values.tolist() == rows.tolist()
    assert shuffle or index.tolist() == rows.tolist()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_image_label_and_index_belong_together(channels: int, shuffle: bool) -> None:
    images, labels = make_data(50, channels=channels)
    options = {"batch_size": 8, "shuffle": shuffle, "seed": 0, "epoch": lambda: 0}
    rows = np.arange(5, 45)
    for loader in (
        ResidentLoader(images, labels, rows, **options),
        sample_loader(images, labels, rows, None, workers=0, **options),
    ):
        for index, image, label, _ in loader:
            assert image.shape == (len(index), channels, 4, 4)
            assert (image.dtype, index.dtype, label.dtype) == (torch.uint8, torch.int64, torch.int64)
            assert np.array_equal(image.permute(0, 2, 3, 1).numpy(), images[index.numpy()])
            assert np.array_equal(label.numpy(), labels[index.numpy()])


@pytest.mark.parametrize("workers", [None, 0, 1, 2])
@pytest.mark.parametrize("batch_size", [1, 32, 33, 500])
def test_an_oracle_scores_one_through_any_loader(workers: int | None, batch_size: int) -> None:
    confusions = []
    for shuffle in (False, True):
        options = {"batch_size": batch_size, "shuffle": shuffle}
        loader = resident(100, **options) if workers is None else augmented(workers, 100, **options)
        confusion = torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
        for _, image, label, _ in loader:
            confusion.index_put_((label, image[:, 0, 0, 1].long()), torch.tensor(1), accumulate=True)
        confusions.append(confusion)
    assert torch.equal(confusions[0], confusions[1])
    assert torch.equal(confusions[0], torch.diag(torch.bincount(torch.from_numpy(make_data(100)[1]))))


def test_labels_taken_from_elsewhere_would_be_worth_nothing() -> None:
    """The mistake that publications were made with: a loader that shuffles, paired with labels in row order."""
    counts = [491, 55, 528, 879, 594, 416, 626]  # FER2013's PrivateTest: sum of squared shares 0.1726
    labels = np.repeat(np.arange(CLASSES), counts)
    images = np.broadcast_to(labels.astype(np.uint8)[:, None, None, None], (len(labels), 1, 1, 1)).copy()
    loader = ResidentLoader(
        images, labels, np.arange(len(labels)), batch_size=128, shuffle=True, seed=0, epoch=lambda: 0
    )
    seen = collect(loader)
    oracle = seen.image.flatten().long()
    assert (oracle == seen.label).all()
    assert (oracle == torch.from_numpy(labels)).float().mean().item() == pytest.approx(0.1726, abs=0.02)


def test_orders_differ_between_epochs_and_seeds_and_repeat_otherwise() -> None:
    epoch = 0
    loader = resident(50, epoch=lambda: epoch)
    first, again = collect(loader), collect(loader)
    assert equal(first, again)
    epoch = 1
    assert not torch.equal(collect(loader).index, first.index)
    assert not torch.equal(collect(resident(50, seed=1)).index, first.index)
    assert torch.equal(first.index, draw_order(50, 0, 0))
    assert torch.equal(collect(augmented(0, 50)).index, first.index)


def test_the_epoch_is_asked_when_the_first_batch_is_fetched() -> None:
    epoch = 0
    loader = resident(50, epoch=lambda: epoch)
    iterator = iter(loader)
    epoch = 3
    assert torch.equal(next(iterator).index, draw_order(50, 0, 3)[:8])


def test_a_loader_changes_neither_the_images_nor_the_runs_generators() -> None:
    images, _ = make_data(20)
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    expected = torch.rand(1), np.random.rand(), random.random()
    for workers in (None, 0, 1):
        torch.manual_seed(5)
        np.random.seed(5)
        random.seed(5)
        list(resident(20) if workers is None else augmented(workers))
        assert (torch.rand(1), np.random.rand(), random.random()) == expected
    assert np.array_equal(images, make_data(20)[0])


def test_generators_are_put_back_when_a_transform_fails() -> None:
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(1, Noisy()):
        torch.rand(1 // 0)
    assert torch.equal(torch.get_rng_state(), expected)


def test_batches_are_the_same_bit_for_bit_for_any_number_of_workers() -> None:
    epoch = 0
    loaders = [augmented(workers, epoch=lambda: epoch) for workers in (0, 1, 2)]
    epochs = []
    for epoch in range(3):  # noqa: B007 (the loaders look at it)
        batches = [collect(loader) for loader in loaders]
        assert equal(batches[0], batches[1])
        assert equal(batches[0], batches[2])
        epochs.append(batches[0])
    drawn = [{int(index): image[0, 2].tolist() for index, image, _ in zip(*batch[:3], strict=True)} for batch in epochs]
    for row in range(20):  # no image is augmented alike in two epochs
        assert len({tuple(values[row]) for values in drawn}) == 3
    for values in drawn:  # nor two images of one epoch, in one batch or in two, by one worker or by two
        assert len({tuple(value) for value in values.values()}) == 20


def test_a_workers_seed_does_not_come_from_its_number() -> None:
    images, labels = np.zeros((12, 4, 4, 1), np.uint8), np.zeros(12, np.int64)
    loader = sample_loader(
        images, labels, np.arange(12), Noisy(), batch_size=1, shuffle=False, seed=0, epoch=lambda: 0, workers=2
    )
    seen = collect(loader).image[:, 0, 2]
    for generator in range(4):  # random, numpy, torch, the transform's own: each has a stream of its own per batch
        assert len(set(seen[:, generator].tolist())) > 6


def test_other_seeds_augment_otherwise() -> None:
    first, second = collect(augmented(0, shuffle=False)), collect(augmented(0, shuffle=False, seed=1))
    assert not torch.equal(first.image[:, 0, 2], second.image[:, 0, 2])


@pytest.fixture(scope="module")
def albumentations() -> object:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network for a newer version
    return pytest.importorskip("albumentations", reason="albumentations is not installed")


def test_parts_of_an_albumentations_compose_draw_independently(albumentations: object) -> None:
    compose = albumentations.Compose([albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)])
    images = np.tile(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1), (400, 1, 1, 1))
    options = {"shuffle": False, "seed": 0, "epoch": lambda: 0, "workers": 0}
    for size in (1, 40):
        loader = sample_loader(images, np.zeros(400, np.int64), np.arange(400), compose, batch_size=size, **options)
        corners = torch.bincount(collect(loader).image[:, 0, 0, 0].long(), minlength=4)
        assert corners.min() > 60  # 0, 1, 2, 3: neither flip, left-right, upside down, both; 100 of each expected


def test_albumentations_is_the_same_for_any_number_of_workers(albumentations: object) -> None:
    compose = albumentations.Compose([albumentations.HorizontalFlip(), albumentations.Affine(rotate=(-20, 20), p=1)])
    images, labels = make_data(24, size=16)
    epoch = 0
    loaders = [
        sample_loader(
            images, labels, np.arange(24), compose, batch_size=5, shuffle=True, seed=0, epoch=lambda: epoch, workers=n
        )
        for n in (0, 2)
    ]
    epochs = []
    for epoch in range(2):  # noqa: B007 (the loaders look at it)
        first, second = map(collect, loaders)
        assert equal(first, second)
        epochs.append(first.image[first.index.argsort()])
    assert (epochs[0] != epochs[1]).flatten(1).any(1).float().mean() > 0.9


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((4, 4, 1)), r"returns float64 \(4, 4, 1\) for an image uint8 \(4, 4, 1\)"),
        (np.zeros((4, 4), np.uint8), r"returns uint8 \(4, 4\)"),
        (torch.zeros(4, 4, 1), "returns Tensor"),
    ],
)
def test_a_transform_with_a_wrong_answer_is_named(answer: object, message: str) -> None:
    class Wrong:
        def __call__(self, *, image: np.ndarray) -> dict:
            return {"image": answer}

    with pytest.raises(InputError, match="augmentation Wrong " + message):
        apply_transform(Wrong(), np.zeros((4, 4, 1), np.uint8))


@pytest.mark.parametrize("size", [0, -4])
def test_a_wrong_batch_size_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=rf"data\.batch_size is {size}"):
        resident(5, batch_size=size)
    with pytest.raises(InputError, match=rf"data\.batch_size is {size}"):
        augmented(0, batch_size=size)


def test_mapped_images_are_opened_again_by_a_worker_that_is_spawned(tmp_path: Path) -> None:
    images, labels = make_data(500, size=16)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    batches = AugmentedBatches(mapped, labels, None, seed=0)
    pickled = pickle.dumps(batches)
    assert len(pickled) < images.nbytes / 10
    again = pickle.loads(pickled)
    plan = PlannedBatch(0, 0, np.array([3, 499, 0]))
    assert equal(again[plan], batches[plan])
    assert np.array_equal(again[plan].image.permute(0, 2, 3, 1).numpy(), images[plan.rows])


def test_resident_images_are_shared_with_a_worker_that_is_spawned() -> None:
    images, labels = make_data(500, size=16)
    assert len(ForkingPickler.dumps(AugmentedBatches(images, labels, None, seed=0))) < images.nbytes / 10
    options = {"batch_size": 200, "shuffle": True, "seed": 0, "epoch": lambda: 0}
    spawned = sample_loader(images, labels, np.arange(500), None, workers=1, context="spawn", **options)
    assert equal(collect(spawned), collect(ResidentLoader(images, labels, np.arange(500), **options)))


def test_opencv_has_no_threads_left_when_workers_are_forked(albumentations: object) -> None:
    cv2 = pytest.importorskip("cv2")
    cv2.setNumThreads(2)
    images, labels = make_data(4, size=16)
    make = functools.partial(
        sample_loader, images, labels, np.arange(4), None, batch_size=2, shuffle=False, seed=0, epoch=lambda: 0
    )
    make(workers=0)
    assert cv2.getNumThreads() == 2
    make(workers=1)
    assert cv2.getNumThreads() == 1


# Oversampling.


@given(st.lists(st.integers(0, 6), min_size=1, max_size=200), st.integers(0, 5))
@settings(deadline=None)
def test_oversampling_shows_every_class_equally_often_and_every_sample_at_least_once(labels, epoch):
    labels = torch.tensor(labels)
    drawn = draw_oversampled(labels, 0, epoch)
    counts = torch.bincount(labels[drawn])
    assert set(counts[counts > 0].tolist()) == {int(torch.bincount(labels).max())}
    assert set(drawn.tolist()) == set(range(len(labels)))
    assert torch.equal(drawn, draw_oversampled(labels, 0, epoch))


def test_oversampling_draws_anew_in_every_epoch():
    labels = torch.tensor([0] * 50 + [1] * 5)
    first, second = (torch.bincount(draw_oversampled(labels, 0, epoch), minlength=55) for epoch in (0, 1))
    assert torch.equal(first[:50], torch.ones(50, dtype=torch.int64))
    assert not torch.equal(first[50:], second[50:])


@pytest.mark.parametrize("workers", [0, 1])
def test_both_loaders_serve_the_same_oversampled_epochs(workers):
    images, labels = make_data(60)
    rows = np.flatnonzero(labels != 3)
    options = {"batch_size": 8, "shuffle": True, "seed": 0, "epoch": lambda: 2, "oversample": True}
    resident_loader = ResidentLoader(images, labels, rows, **options)
    sampled = sample_loader(images, labels, rows, None, workers=workers, **options)
    for loader in (resident_loader, sampled):
        batches = list(loader)
        index = torch.cat([batch.index for batch in batches])
        assert len(batches) == len(loader)
        assert set(index.tolist()) == set(rows.tolist())
        counts = torch.bincount(torch.cat([batch.label for batch in batches]), minlength=CLASSES)
        largest = int(np.bincount(labels[rows]).max())
        assert counts.tolist() == [0 if k == 3 else largest for k in range(CLASSES)]
        shown = torch.cat([batch.image[:, 0, 0, 0] for batch in batches])
        assert torch.equal(shown.long(), index % 256)
    assert all(torch.equal(a.index, b.index) for a, b in zip(resident_loader, sampled, strict=True))


def test_oversampling_without_shuffling_does_nothing():
    loader = resident(50, shuffle=False, oversample=True)
    assert torch.cat([batch.index for batch in loader]).tolist() == list(range(50))


def batches_of(monkeypatch, processes, labels, **options):
    """Return the positions of each batch, process by process."""
    batches = []
    for number in range(processes):
        monkeypatch.setattr(order, "current_rank", lambda number=number: Rank(number, processes))
        made = order.EpochOrder(seed=0, oversample=False, labels=labels, **options)
        positions = made.draw(0)
        positions = torch.arange(len(labels)) if positions is None else positions
        batches.append([(positions[place].tolist(), made.share(k)) for k, place in enumerate(made.slices())])
    return batches


@pytest.mark.parametrize(
    ("samples", "options", "sizes"),
    [
        (33, {"batch_size": 16, "shuffle": True}, [16, 17]),  # batch normalisation cannot train on one sample
        (34, {"batch_size": 16, "shuffle": True}, [16, 16, 2]),
        (33, {"batch_size": 16, "shuffle": False}, [16, 16, 1]),
        (3, {"batch_size": 1, "shuffle": True}, [1, 1, 1]),
        (1, {"batch_size": 16, "shuffle": True}, [1]),
    ],
)
def test_a_last_training_batch_of_one_sample_joins_the_one_before(monkeypatch, samples, options, sizes):
    (batches,) = batches_of(monkeypatch, 1, labels=torch.zeros(samples, dtype=torch.int64), **options)
    assert [len(rows) for rows, _ in batches] == sizes


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("samples", [30, 31, 33, 37, 40])
def test_processes_share_each_training_batch(monkeypatch, processes, samples):
    labels = torch.zeros(samples, dtype=torch.int64)
    alone = batches_of(monkeypatch, 1, labels=labels, batch_size=10, shuffle=True)[0]
    shared = batches_of(monkeypatch, processes, labels=labels, batch_size=10, shuffle=True)
    assert len({len(of_process) for of_process in shared}) == 1
    for number, shares in enumerate(zip(*shared, strict=True)):
        rows = [row for of_process, _ in shares for row in of_process]
        if number < len(alone) - 2:
            assert sorted(rows) == sorted(alone[number][0])
        assert min(len(of_process) for of_process, _ in shares) >= 2
        for of_process, share in shares:
            assert share == pytest.approx(processes * len(of_process) / len(rows))
    every = [row for of_process in shared for rows, _ in of_process for row in rows]
    assert sorted(every) == list(range(samples))


@pytest.mark.parametrize("samples", [9, 30, 31])
def test_processes_score_whole_batches_and_one_without_scores_the_first_again(monkeypatch, samples):
    labels = torch.zeros(samples, dtype=torch.int64)
    alone = batches_of(monkeypatch, 1, labels=labels, batch_size=10, shuffle=False)[0]
    shared = batches_of(monkeypatch, 3, labels=labels, batch_size=10, shuffle=False)
    own = [[rows for rows, _ in of_process] for of_process in shared]
    whole = [rows for rows, _ in alone]
    assert all(batches and all(rows in whole for rows in batches) for batches in own)
    after_the_first = [rows for batches in own for rows in batches if rows != whole[0]]
    assert sorted(after_the_first) == whole[1:]


def test_too_few_samples_for_the_processes_are_refused(monkeypatch):
    with pytest.raises(InputError, match="give at most 2, or raise data.batch_size"):
        batches_of(monkeypatch, 3, labels=torch.zeros(5, dtype=torch.int64), batch_size=8, shuffle=True)
    assert batches_of(monkeypatch, 2, labels=torch.zeros(5, dtype=torch.int64), batch_size=8, shuffle=True)


def test_no_two_batches_of_an_epoch_are_augmented_from_one_seed(monkeypatch):
    labels = np.zeros(40, dtype=np.int64)
    numbers = []
    for number in range(2):
        monkeypatch.setattr(order, "current_rank", lambda number=number: Rank(number, 2))
        options = {"batch_size": 10, "shuffle": True, "seed": 0, "epoch": lambda: 0, "workers": 0}
        loader = sample_loader(np.zeros((40, 4, 4, 1), np.uint8), labels, np.arange(40), None, **options)
        numbers += [plan.number for plan in loader.sampler]
    assert sorted(numbers) == list(range(8))


INTERRUPTED = """
import multiprocessing.connection as connection, multiprocessing.resource_sharer, sys
import numpy as np
from fer_plugins.data.loaders.workers import sample_loader

def client(address, authkey, real=connection.Client, left=[4]):
    left[0] -= 1
    if left[0] == 0:
        wire = connection.SocketClient(address)
        if sys.argv[2] == "answered":
            connection.answer_challenge(wire, authkey)
            connection.deliver_challenge(wire, authkey)
        wire.close()
        raise KeyboardInterrupt
    return real(address, authkey=authkey)

def main():
    connection.Client = client
    batches = sample_loader(
        np.zeros((64, 8, 8, 1), np.uint8), np.zeros(64, np.int64), np.arange(64), None,
        batch_size=4, shuffle=False, seed=0, epoch=int, workers=2, context=sys.argv[1],
    )
    try:
        list(batches)
    except KeyboardInterrupt:
        print("interrupted")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.parametrize("moment", ["connected", "answered"])
def test_an_interruption_while_a_batch_is_handed_over_prints_nothing(tmp_path, context, moment):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    ended = subprocess.run([sys.executable, script, context, moment], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")
