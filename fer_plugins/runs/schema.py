"""What a run's JSON files hold: manifest.json, metrics.json and evaluation.json as types.

The one declaration of every key: mypy holds the code to it, and ``record_types`` holds the files of others to it.
"""

from __future__ import annotations

from typing import Any, TypedDict


class DataFacts(TypedDict, total=False):
    """The data of a run; of folds only name, title, fingerprint, classes, limit and copies_in_training."""

    name: str
    title: str  # in papers
    fingerprint: str  # of the whole dataset
    split_hash: str  # of the fold
    names_hash: str
    classes: list[str]  # in label order
    counts: dict[str, dict[str, int]]  # split -> class -> images
    target_counts: dict[str, dict[str, int]]
    release_parts: list[str]  # splits that hold the images of the release's own
    counts_before_balancing: dict[str, dict[str, int]]
    limit: int | float | None
    notes: list[str]
    targets: dict[str, Any]
    leaks: dict[str, Any] | None  # Leaks.as_dict
    copies_in_training: dict[str, dict[str, int | None]]  # split -> {"exact", "near"}: images; None: not searched


class ProtocolFacts(TypedDict, total=False):
    """The protocol; its own options stand beside these."""

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
    """manifest.json: what was run on what, and how it ended."""

    status: str
    error: str  # why it failed
    command: list[str]
    plugin: dict[str, str]  # name, distribution, version
    paper: dict[str, Any] | None
    claims_model: str | None
    assumed: dict[str, str]  # option -> reason
    demonstration: bool
    trained_elsewhere: dict[str, Any]  # of fer score: file, sha256, format, values, matched_by, claims_of, seed
    versions: dict[str, str | None]
    git: str | None
    data: DataFacts
    protocol: ProtocolFacts
    selected_on: dict[str, Any]  # split, metric, ...
    reported_on: str
    seeds: SeedFacts
    sessions: list[dict[str, Any]]
    warnings: list[str]
    notices: list[dict[str, Any]]  # code and data of those warnings that have them
    threads: dict[str, Any]
    arithmetic: dict[str, Any]  # chosen for trainer.precision auto or trainer.channels_last auto, and images/s of each
    series: dict[str, Any]  # of several seeds: id, number, count
    tracking_id: str | dict[str, str] | None
    test_opened: list[str]
    best_epoch: int
    epochs: int
    split_hash: str
    fingerprint: str
    seed: int
    not_a_result: str | list[str]  # of folds a list
    folds: list[str | None]  # folders of a protocol's folds
    failed: dict[str, str]  # fold -> why
    split_hashes: list[str]  # one a fold
    each_sample_tested_once: bool


class Intervals(TypedDict, total=False):
    """Intervals by metric, and by class."""

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
    """Predictions and labels against votes beside the labels; see ``metrics.votes.score_majority``."""

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
    """What is scored of one split, beside its metrics (floats, by name)."""

    n: int
    per_class: dict[str, dict[str, Any]]
    intervals: Intervals
    classes: list[str]
    absent_classes: list[str]
    confusion_matrix: list[list[int]]
    copies: CopyScores
    vote_majority: MajorityScores


class ClaimRow(TypedDict):
    """A claim beside the measured number; see ``analysis.claims.claims_beside``."""

    metric: str
    claimed: float | list[Any]
    source: str
    notes: list[str]


class Metrics(TypedDict, total=False):
    """metrics.json."""

    val: Scores
    test: Scores
    train: Scores  # with run.score_train, in evaluation mode and without augmentation
    generalisation_gap: dict[str, dict[str, Any]]  # metric -> train less the reported split, a share, with interval
    targets: dict[str, Scores]  # of other datasets
    claims: list[ClaimRow]
    not_a_result: list[str]
    trained_elsewhere: bool  # as in manifest.json, for readers of this file alone
    per_fold: list[dict[str, Any]]
    between_folds: dict[str, Any]


class CheckpointFacts(TypedDict, total=False):
    """The checkpoint that an evaluation is of."""

    file: str  # relative to the run's folder
    sha256: str
    epoch: int | None


class Evaluation(TypedDict, total=False):
    """evaluation.json: what ``fer robustness`` measured."""

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
