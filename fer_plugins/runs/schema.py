"""The types of a run's JSON files: manifest.json, metrics.json and evaluation.json.

Every key is declared here only: mypy checks the code against these types, and ``record_types`` the files that are read.
"""

from __future__ import annotations

from typing import Any, TypedDict


class DataFacts(TypedDict, total=False):
    """The data of a run; for folds only name, title, fingerprint, classes, limit and copies_in_training."""

    name: str
    title: str  # the dataset's name in papers
    fingerprint: str  # hash of the whole dataset
    split_hash: str  # hash of the fold
    names_hash: str
    classes: list[str]  # in label order
    counts: dict[str, dict[str, int]]  # split -> class -> number of images
    target_counts: dict[str, dict[str, int]]
    release_parts: list[str]  # splits that hold the same images as in the dataset's release
    counts_before_balancing: dict[str, dict[str, int]]
    limit: int | float | None
    notes: list[str]
    targets: dict[str, Any]
    leaks: dict[str, Any] | None  # Leaks.as_dict
    copies_in_training: dict[str, dict[str, int | None]]  # split -> {"exact", "near"}: images; None: not searched


class ProtocolFacts(TypedDict, total=False):
    """The protocol, in addition to its own options."""

    name: str
    seed: int
    fold: int | None
    flaw: str | None


class SeedFacts(TypedDict, total=False):
    """The seeds of a run."""

    run: int
    protocol: int
    evaluation: int


class Manifest(TypedDict, total=False):
    """manifest.json: what was run on which data, and how it ended."""

    status: str
    error: str  # why the run failed
    command: list[str]
    plugin: dict[str, str]  # name, distribution, version
    paper: dict[str, Any] | None
    claims_model: str | None
    assumed: dict[str, str]  # option -> reason
    demonstration: bool
    trained_elsewhere: dict[str, Any]  # by fer score: file, sha256, format, values, matched_by, claims_of, seed
    versions: dict[str, str | None]
    git: str | None
    data: DataFacts
    protocol: ProtocolFacts
    selected_on: dict[str, Any]  # split, metric, ...
    reported_on: str
    seeds: SeedFacts
    sessions: list[dict[str, Any]]
    warnings: list[str]
    notices: list[dict[str, Any]]  # code and data of the warnings that have them
    threads: dict[str, Any]
    arithmetic: dict[str, Any]  # choice for auto in trainer.precision or .channels_last, and images/s of each option
    series: dict[str, Any]  # if several seeds are run: id, number, count
    tracking_id: str | dict[str, str] | None
    test_opened: list[str]
    best_epoch: int
    epochs: int
    split_hash: str
    fingerprint: str
    seed: int
    not_a_result: str | list[str]  # a list if there are several folds
    folds: list[str | None]  # folders of the protocol's folds
    failed: dict[str, str]  # fold -> reason
    split_hashes: list[str]  # one per fold
    each_sample_tested_once: bool


class Intervals(TypedDict, total=False):
    """Intervals by metric, and per class."""

    per_class: dict[str, dict[str, Any]]


# Scores of the images with and without a copy in training; see ``metrics.copies.score_copies``.
CopyScores = TypedDict(
    "CopyScores",
    {
        "exact": int,
        "near": int | None,
        "without": "Scores | None",
        "with": "Scores | None",
        "difference": dict[str, Any] | None,
        "too_few": dict[str, dict[str, str]],
    },
    total=False,
)


class MajorityScores(TypedDict, total=False):
    """Predictions and labels compared with the annotators' votes; see ``metrics.votes.score_majority``."""

    n: int
    tied: int
    outside: int
    unvoted: int
    prediction_agreement: float | None
    label_agreement: float | None
    annotator_agreement: float | None
    accuracy: float | None
    difference: dict[str, Any] | None
    errors: dict[str, Any]
    intervals: dict[str, Any]


class Scores(TypedDict, total=False):
    """The scores of one split, in addition to its metrics (floats, by name)."""

    n: int
    per_class: dict[str, dict[str, Any]]
    intervals: Intervals
    classes: list[str]
    absent_classes: list[str]
    confusion_matrix: list[list[int]]
    copies: CopyScores
    vote_majority: MajorityScores


class ClaimRow(TypedDict):
    """A claim compared with the measured number; see ``analysis.claims.claims_beside``."""

    metric: str
    claimed: float | list[Any]
    source: str
    notes: list[str]


class Metrics(TypedDict, total=False):
    """metrics.json."""

    val: Scores
    test: Scores
    train: Scores  # with run.score_train, in evaluation mode and without augmentation
    generalisation_gap: dict[str, dict[str, Any]]  # metric -> train minus the reported split (fraction), with interval
    targets: dict[str, Scores]  # other datasets
    claims: list[ClaimRow]
    not_a_result: list[str]
    trained_elsewhere: bool  # as in manifest.json, for readers of this file only
    per_fold: list[dict[str, Any]]
    between_folds: dict[str, Any]


class CheckpointFacts(TypedDict, total=False):
    """The checkpoint that was evaluated."""

    file: str  # relative to the run's folder
    sha256: str
    epoch: int | None


class Evaluation(TypedDict, total=False):
    """evaluation.json: the measurements of ``fer robustness``."""

    run: str
    written: str
    plugin: dict[str, str]  # name, distribution, version
    checkpoint: CheckpointFacts
    data: DataFacts
    protocol: ProtocolFacts
    part: str
    n: int
    of: int
    limit: int | None
    seeds: SeedFacts
    suites: dict[str, Any]
    tta: dict[str, Any]
    saliency: dict[str, Any]
    warnings: list[str]
    not_a_result: list[str]
