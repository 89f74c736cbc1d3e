"""Scores against scikit-learn, the proof of pairing, and the alarm."""

import csv
import json
import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from support import ROOT
from torch.utils.data import DataLoader, TensorDataset

from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import PairingError, check_pairing, find_collapse, find_wrong_pairing
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.scores import score

CLASSES = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
PRIVATE_TEST = [491, 55, 528, 879, 594, 416, 626]  # images per class of FER2013's PrivateTest


def passed(logits, label, *, index=None, batch=16, classes=CLASSES):
    """One pass of a scorer over given logits."""
    scorer = Scorer(classes)
    index = torch.arange(len(label)) if index is None else index
    for split in torch.arange(len(label)).split(batch):
        scorer.update(index[split], logits[split], label[split])
    return scorer


def scores_of(label, predicted, classes=CLASSES):
    logits = torch.nn.functional.one_hot(torch.as_tensor(predicted), len(classes)).float()
    return passed(logits, torch.as_tensor(label), classes=classes).compute()


def assert_equal_to_scikit_learn(scores, label, predicted, classes):
    k = len(classes)
    present = np.unique(label)
    assert scores["n"] == len(label)
    assert scores["accuracy"] == sk.accuracy_score(label, predicted)
    assert scores["confusion_matrix"] == sk.confusion_matrix(label, predicted, labels=range(k)).tolist()
    p, r, f, _ = sk.precision_recall_fscore_support(label, predicted, labels=present, average="macro", zero_division=0)
    assert scores["precision"] == pytest.approx(p, abs=1e-12)
    assert scores["recall"] == scores["balanced_accuracy"] == pytest.approx(r, abs=1e-12)
    assert scores["f1"] == pytest.approx(f, abs=1e-12)
    by_class = sk.precision_recall_fscore_support(label, predicted, labels=range(k), average=None, zero_division=0)
    specificities = []
    for i, name in enumerate(classes):
        row = scores["per_class"][name]
        assert row["support"] == by_class[3][i]
        if i in present:
            assert [row["precision"], row["recall"], row["f1"]] == pytest.approx(
                [by_class[0][i], by_class[1][i], by_class[2][i]]
            )
            if len(present) > 1:
                specificities.append(sk.recall_score(label == i, predicted == i, pos_label=False))
                assert row["specificity"] == pytest.approx(specificities[-1], abs=1e-12)
        else:
            assert [row["precision"], row["recall"], row["f1"], row["specificity"]] == [None] * 4
    if len(present) > 1:
        assert scores["specificity"] == pytest.approx(np.mean(specificities), abs=1e-12)
    else:
        assert scores["specificity"] is None
    assert scores["absent_classes"] == [classes[i] for i in range(k) if i not in present]


@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(2, 7), st.integers(2, 7))
@settings(deadline=None, max_examples=40)
def test_equal_to_scikit_learn(seed, size, present, predictable):
    random = np.random.default_rng(seed)
    label, predicted = random.integers(0, present, size), random.integers(0, predictable, size)
    assert_equal_to_scikit_learn(scores_of(label, predicted), label, predicted, CLASSES)


@pytest.mark.parametrize(
    ("label", "predicted"),
    [
        ([0, 0, 1, 1], [0, 2, 1, 0]),  # class 2 absent, but predicted
        ([3, 3, 3], [3, 3, 3]),  # one class only, all right
        ([3, 3, 3], [0, 1, 3]),  # one class only
        ([5], [5]),  # one image
        ([5], [0]),
        ([0, 1, 2], [1, 2, 0]),  # nothing right
    ],
)
def test_degenerate_splits(label, predicted):
    assert_equal_to_scikit_learn(scores_of(label, predicted), np.array(label), np.array(predicted), CLASSES)


# --- averages, agreement and probabilities, each against an independent computation


def ordered_share(ours, theirs):
    """The chance that a value of `ours` is above one of `theirs`, ties half: the ROC area, by counting pairs."""
    return np.mean((ours[:, None] > theirs[None]) + 0.5 * (ours[:, None] == theirs[None]))


def step_area(label, value):
    """Average precision by its definition: recall steps times precision, a threshold for each distinct value."""
    area, before = 0.0, 0.0
    for threshold in sorted(set(value.tolist()), reverse=True):
        taken = value >= threshold
        recall = (taken & label).sum() / label.sum()
        area, before = area + (recall - before) * (taken & label).sum() / taken.sum(), recall
    return area


def assert_other_scores(scores, predictions, size):
    """Check what the papers do not print against scikit-learn where it defines it as we do, else by hand."""
    label, predicted, p = predictions.label, predictions.predicted, predictions.probabilities
    present = np.unique(label)
    weighted = sk.precision_recall_fscore_support(label, predicted, average="weighted", zero_division=0)
    micro = sk.precision_recall_fscore_support(label, predicted, average="micro", zero_division=0)
    for place, name in enumerate(("precision", "recall", "f1")):
        assert scores[f"{name}_weighted"] == pytest.approx(weighted[place], abs=1e-12)
        assert scores[f"{name}_micro"] == pytest.approx(micro[place], abs=1e-12)
    specificities = [sk.recall_score(label == k, predicted == k, pos_label=False, zero_division=0) for k in range(size)]
    negatives = sum((label != k).sum() for k in range(size))
    rejected = sum(((label != k) & (predicted != k)).sum() for k in range(size))
    assert scores["specificity_micro"] == pytest.approx(rejected / negatives, abs=1e-12)
    if len(present) > 1:
        support = np.bincount(label, minlength=size)
        assert scores["specificity_weighted"] == pytest.approx((specificities * support).sum() / len(label), abs=1e-12)
    else:
        assert scores["specificity_weighted"] is None
    if len(present) == 1 and set(predicted) == set(present):
        assert scores["kappa"] is None
    else:
        assert scores["kappa"] == pytest.approx(sk.cohen_kappa_score(label, predicted), abs=1e-12)
    if len(present) == 1 or len(np.unique(predicted)) == 1:
        assert scores["mcc"] is None
    else:
        assert scores["mcc"] == pytest.approx(sk.matthews_corrcoef(label, predicted), abs=1e-12)

    second = [
        max((k for k in range(size) if k != c), key=lambda k, row=row: (row[k], -k))
        for row, c in zip(p, predicted, strict=True)
    ]
    assert scores["top2_accuracy"] == np.mean((label == predicted) | (label == second))
    areas = []
    for k in range(size):
        row = scores["per_class"][CLASSES[k]]
        if k not in present or len(present) == 1:
            assert row["auroc"] is row["average_precision"] is None
            continue
        areas.append((ordered_share(p[label == k, k], p[label != k, k]), step_area(label == k, p[:, k])))
        assert row["auroc"] == pytest.approx(areas[-1][0], abs=1e-6)  # torchmetrics divides in single precision
        assert row["average_precision"] == pytest.approx(areas[-1][1], abs=1e-6)
    if areas:
        assert [scores["auroc"], scores["average_precision"]] == pytest.approx(np.mean(areas, axis=0), abs=1e-6)
    else:
        assert scores["auroc"] is scores["average_precision"] is None
    shares = [[n / sum(row) if sum(row) else None for n in row] for row in scores["confusion_matrix"]]
    assert scores["confusion_matrix_shares"] == shares
    brier = np.mean([sum((p[n, k] - (label[n] == k)) ** 2 for k in range(size)) for n in range(len(label))])
    assert scores["brier"] == pytest.approx(brier, abs=1e-12)


def rough_logits(seed, label, size, steps, strength):
    """Logits of a network of some skill; with few `steps` they tie within images and between them."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, steps, (len(label), size)) / steps
    return torch.from_numpy(noise + strength * np.eye(size)[label])


@given(
    st.integers(0, 2**31), st.integers(1, 120), st.integers(2, 7), st.integers(1, 7),
    st.sampled_from([1, 2, 5, 10**6]), st.sampled_from([0.0, 0.3, 2.0]),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_every_other_score_equals_an_independent_computation(seed, size, classes, present, steps, strength):
    label = np.random.default_rng(seed).integers(0, min(present, classes), size)
    scorer = passed(
        rough_logits(seed, label, classes, steps, strength), torch.from_numpy(label), classes=CLASSES[:classes]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of classes without an image
        assert_other_scores(scorer.compute(intervals=False), scorer.predictions(), classes)


@pytest.mark.parametrize(
    ("label", "best"),
    [
        ([0, 0, 1, 1], [0, 2, 1, 0]),  # class 2 absent, but predicted
        ([3, 3, 3], [3, 3, 3]),  # one class only, all right
        ([3, 3, 3], [0, 1, 3]),  # one class only
        ([0, 1, 2, 2], [4, 4, 4, 4]),  # one class predicted, which is absent
        ([5], [0]),
        ([0, 1, 2], [1, 2, 0]),  # nothing right
        (list(range(7)), list(range(7))),  # perfect
    ],
)
def test_every_other_score_of_degenerate_splits(label, best):
    scorer = passed(torch.eye(7)[best] * 3, torch.tensor(label))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_other_scores(scorer.compute(intervals=False), scorer.predictions(), 7)


def test_a_perfect_network_has_the_best_of_every_score():
    scores = passed(torch.eye(7) * 2000, torch.arange(7)).compute()
    ones = [
        "accuracy",
        "kappa",
        "mcc",
        "top2_accuracy",
        "auroc",
        "average_precision",
        "f1_weighted",
        "specificity_micro",
    ]
    assert [scores[name] for name in ones] == [1] * len(ones)
    assert scores["loss"] == scores["brier"] == 0
    assert scores["ece"] < 1e-15


def test_a_network_that_says_the_same_of_every_image_is_at_chance():
    label = np.repeat(np.arange(7), PRIVATE_TEST)
    scores = passed(torch.zeros(len(label), 7), torch.from_numpy(label)).compute(intervals=False)
    assert scores["accuracy"] == PRIVATE_TEST[0] / 3589  # argmax takes the first of equals
    assert scores["top2_accuracy"] == sum(PRIVATE_TEST[:2]) / 3589
    assert scores["auroc"] == 0.5
    assert scores["average_precision"] == pytest.approx(1 / 7, abs=1e-6)  # each class its share: their mean
    assert scores["kappa"] == pytest.approx(0, abs=1e-12)
    assert scores["mcc"] is None
    assert scores["brier"] == pytest.approx(6 / 7)
    assert scores["loss"] == pytest.approx(np.log(7))


def test_the_printed_matrix_of_a_paper():
    """Table III of doi:10.18196/jrc.v6i3.25804: 396 photos; what follows from it, worked out by hand."""
    matrix = [
        [33, 0, 3, 0, 0, 1, 0], [5, 10, 0, 2, 3, 0, 2], [0, 0, 22, 0, 1, 13, 2], [1, 0, 1, 134, 0, 0, 5],
        [0, 0, 2, 1, 20, 0, 7], [0, 0, 1, 2, 0, 39, 1], [1, 0, 2, 2, 1, 0, 79],
    ]  # fmt: skip
    cells = [(true, predicted) for true in range(7) for predicted in range(7) for _ in range(matrix[true][predicted])]
    scores = scores_of(*map(list, zip(*cells, strict=True)))
    assert scores["confusion_matrix"] == matrix
    assert scores["accuracy"] == 337 / 396
    rounded = {
        "precision": 0.8348,
        "recall": 0.7684,
        "f1": 0.7833,
        "f1_weighted": 0.8451,
        "kappa": 0.8098,
        "mcc": 0.8114,
    }
    assert {name: round(scores[name], 4) for name in rounded} == rounded
    assert scores["confusion_matrix_shares"][1] == [5 / 22, 10 / 22, 0, 2 / 22, 3 / 22, 0, 2 / 22]


def test_probabilities_that_are_no_numbers_have_no_scores():
    logits = torch.eye(7)
    logits[2, 3] = float("nan")
    scores = passed(logits, torch.arange(7)).compute()
    assert scores["accuracy"] == 6 / 7
    for name in ("top2_accuracy", "auroc", "average_precision", "brier", "ece"):
        assert scores[name] is None
    assert scores["per_class"]["anger"]["auroc"] is None
    assert set(scores) == set(passed(torch.eye(7), torch.arange(7)).compute())


def test_no_numbers_are_noticed_although_they_have_an_accuracy():
    logits = torch.eye(7)
    logits[:5, 0] = float("nan")
    predictions = passed(logits, torch.zeros(7, dtype=torch.long)).predictions()
    assert find_collapse(predictions, CLASSES) == ["the network gives no finite numbers for 5 of 7 images"]
    logits[:] = float("nan")
    predictions = passed(logits, torch.arange(7)).predictions()
    assert len(find_collapse(predictions, CLASSES)) == 2  # no numbers, and argmax makes them all anger
    assert find_collapse(passed(torch.eye(7), torch.arange(7)).predictions(), CLASSES) == []


def names_written(value, *, skip):
    """Every key of nested mappings, but for the class names."""
    for key, inner in value.items():
        if key not in skip:
            yield key
        yield from names_written(inner, skip=skip) if isinstance(inner, dict) else ()


def test_every_name_that_a_run_writes_is_documented(toy, tmp_path):
    from fer_plugins.experiments.run import run

    record = run(
        {
            "plugin": "toy", "data": {"name": "synthetic", "samples": 210, "subjects": 10}, "logger": "csv",
            "trainer": {"epochs": 1, "threads": 1}, "run": {"output": str(tmp_path)},
        }
    )  # fmt: skip
    documented = set(re.findall(r"`([\w/.]+)`", ROOT.joinpath("docs", "metrics.md").read_text()))
    written = set(names_written(record.metrics, skip=set(record.manifest["data"]["classes"])))
    written |= set().union(*map(set, record.metrics["claims"]))
    with (record.folder / "metrics.csv").open() as file:
        written |= set(next(csv.reader(file)))
    assert {"kappa", "auroc", "val", "low", "support", "val/f1"} <= written  # the walk goes to the leaves
    assert sorted(written - documented) == []
    lost = set(passed(torch.eye(7), torch.arange(7)).compute()) - written
    assert lost == set()


def test_an_absent_class_that_is_predicted_is_left_out_of_the_macro_mean():
    scores = scores_of([0, 0, 1, 1], [0, 2, 1, 0])
    assert scores["recall"] == 0.5
    assert scores["precision"] == 0.75


def test_loss_is_the_plain_negative_log_likelihood():
    random = torch.Generator().manual_seed(0)
    logits, label = torch.randn(50, 7, generator=random), torch.randint(0, 7, (50,), generator=random)
    scorer = passed(logits, label)
    assert scorer.compute()["loss"] == pytest.approx(
        sk.log_loss(label, logits.double().softmax(1), labels=list(range(7))), abs=1e-12
    )
    assert scorer.predictions().probabilities.sum(1) == pytest.approx(np.ones(50), abs=1e-12)


def test_loss_stays_finite_where_the_probability_underflows():
    assert passed(torch.tensor([[0.0, 2000.0] + [0.0] * 5]), torch.tensor([0])).compute()["loss"] == 2000


def test_scores_are_plain_json():
    scores = scores_of([0, 0, 1, 1], [0, 2, 1, 0])
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    values = {name for name, value in scores.items() if isinstance(value, float) or value is None}
    assert set(scores["intervals"]) == values | {"per_class"}
    assert scores["intervals"]["accuracy"]["method"] == "wilson"
    assert "intervals" not in score(passed(torch.eye(7), torch.arange(7)).predictions(), CLASSES, intervals=False)


def test_half_precision_logits():
    logits = torch.randn(20, 7, generator=torch.Generator().manual_seed(1)).bfloat16()
    scorer = passed(logits, logits.argmax(1))
    assert scorer.compute()["accuracy"] == 1


def test_two_classes_at_least():
    with pytest.raises(ValueError, match="two classes"):
        Scorer(["face"])


def test_nothing_taken():
    scorer = passed(torch.eye(7), torch.arange(7))
    scorer.reset()
    with pytest.raises(RuntimeError, match="no batch"):
        scorer.compute()


# --- pairing


def oracle(images):
    """Reads the class that is painted into the image."""
    return torch.nn.functional.one_hot(images[:, 0].long(), 7).float()


def painted(sizes=(5, 4, 7, 3, 6, 2, 8)):
    label = torch.repeat_interleave(torch.arange(7), torch.tensor(sizes))
    return TensorDataset(torch.arange(len(label)), label[:, None].float(), label)


@pytest.mark.parametrize("batch", [1, 4, 16, 35, 64])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_oracle_scores_one_through_any_loader(batch, shuffle):
    data = painted()
    scorer = Scorer(CLASSES)
    for index, image, label in DataLoader(data, batch_size=batch, shuffle=shuffle):
        scorer.update(index, oracle(image), label)
    predictions = scorer.predictions()
    check_pairing(predictions, data.tensors[0].numpy(), data.tensors[2].numpy())
    scores = scorer.compute()
    assert scores["accuracy"] == 1
    assert np.count_nonzero(np.array(scores["confusion_matrix"]) - np.diag([5, 4, 7, 3, 6, 2, 8])) == 0
    assert predictions.index.tolist() == list(range(35))


def test_a_shuffled_loader_with_workers_gives_the_same_scores():
    data = painted()
    net = torch.nn.Linear(1, 7)
    results = []
    for options in ({"shuffle": False}, {"shuffle": True}, {"shuffle": True, "num_workers": 2}):
        scorer = Scorer(CLASSES)
        for index, image, label in DataLoader(data, batch_size=4, **options):
            scorer.update(index, net(image), label)
        results.append(scorer.compute())
    for result in results[1:]:
        assert result["loss"] == pytest.approx(results[0]["loss"], abs=1e-6)  # batches of other sizes may round apart
        assert result["confusion_matrix"] == results[0]["confusion_matrix"]
        assert result["intervals"] == results[0]["intervals"]


def good():
    label = torch.tensor([0, 1, 1, 2, 3])
    predictions = passed(torch.eye(7)[[0, 1, 2, 2, 3]], label, index=torch.tensor([7, 3, 5, 9, 1])).predictions()
    return predictions, np.array([7, 3, 5, 9, 1]), label.numpy()


def altered(predictions, **changes):
    fields = {name: getattr(predictions, name) for name in Predictions.__dataclass_fields__}
    return Predictions(**fields | changes)


def test_pairing_holds():
    check_pairing(*good())


def test_pairing_refuses_what_is_wrong():
    predictions, index, label = good()
    with pytest.raises(PairingError, match="image 3 was scored 2 times"):
        check_pairing(altered(predictions, index=np.array([1, 3, 3, 7, 9])), index, label)
    with pytest.raises(PairingError, match="1 missing, 1 that are not of the split"):
        check_pairing(altered(predictions, index=np.array([1, 3, 5, 7, 8])), index, label)
    split = {n: getattr(predictions, n)[:4] for n in ("index", "label", "predicted", "probabilities", "loss")}
    with pytest.raises(PairingError, match="4 images were scored, the split has 5: 1 missing"):
        check_pairing(altered(predictions, **split), index, label)
    with pytest.raises(PairingError, match="images per class"):
        check_pairing(altered(predictions, label=predictions.label * 0), index, label)
    with pytest.raises(PairingError, match="another image's label, first 1"):
        check_pairing(altered(predictions, label=predictions.label[::-1].copy()), index, label)
    with pytest.raises(PairingError, match="4 hits in the confusion matrix, 5 counted"):
        check_pairing(altered(predictions, correct=5), index, label)


def test_labels_from_the_folder_with_a_shuffled_loader_trip_the_alarm():
    """The published mistake: labels in folder order against predictions in shuffled order, for a perfect network."""
    label = np.repeat(np.arange(7), PRIVATE_TEST)
    order = np.random.default_rng(0).permutation(len(label))
    scores = scores_of(label, label[order])
    shares = np.array(PRIVATE_TEST) / sum(PRIVATE_TEST)
    assert scores["accuracy"] == pytest.approx((shares**2).sum(), abs=0.02)
    assert "look unpaired" in find_wrong_pairing(scores, train_accuracy=0.77)
    predictions = passed(torch.eye(7)[label[order]], torch.from_numpy(label)).predictions()
    with pytest.raises(PairingError):  # the rows say whose image it was
        check_pairing(predictions, np.arange(len(label)), label[order])


def test_the_alarm_keeps_quiet():
    label = np.repeat(np.arange(7), PRIVATE_TEST)
    random = np.random.default_rng(1)
    predicted = np.where(random.random(len(label)) < 0.4, label, random.permutation(label))
    honest = scores_of(label, predicted)
    assert 0.4 < honest["accuracy"] < 0.6
    assert find_wrong_pairing(honest, train_accuracy=0.7) is None
    untrained = scores_of(label, np.full_like(label, 3))  # says happy always, and its training accuracy is no better
    assert find_wrong_pairing(untrained, train_accuracy=0.25) is None
    assert find_wrong_pairing(untrained, train_accuracy=0.9) is not None


def test_what_several_processes_scored_is_one_pass(monkeypatch):
    """The third was left without a batch and has scored the first one, which counts once."""
    rng = np.random.default_rng(0)
    rows, logits = torch.randperm(20), torch.from_numpy(rng.normal(size=(20, 7)))
    labels = torch.from_numpy(rng.integers(0, 7, 20))

    def scored(*batches):
        scorer = Scorer(CLASSES)
        for batch in batches:
            scorer.update(rows[batch], logits[batch], labels[batch])
        return scorer

    first, second = slice(0, 12), slice(12, 20)
    shares = []
    monkeypatch.setattr("fer_plugins.metrics.scorer.gather", lambda value: shares.append(value) or [value])
    for batch in (first, second, first):
        scored(batch).predictions()
    alone = scored(first, second).predictions()
    monkeypatch.setattr("fer_plugins.metrics.scorer.gather", lambda value: shares[:3])
    together = scored(second).predictions()
    assert together.correct == alone.correct
    for name in ("index", "label", "predicted", "probabilities", "loss"):
        assert np.array_equal(getattr(together, name), getattr(alone, name))
