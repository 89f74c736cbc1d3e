"""The result as text: what a reader of a log sees."""

import io

import pytest
import torch
from rich.console import Console

from fer_plugins.metrics.scorer import Scorer
from fer_plugins.runs.result_table import print_result, result_console

CLASSES = ["anger", "disgust", "happy"]
ROWS = [
    {
        "metric": "accuracy", "source": "Table 4", "claimed": 0.8289, "measured": 0.75, "difference": -7.89,
        "interval": {"low": 0.7, "high": 0.8}, "notes": ["claim: split not stated; measured on test"],
        "note": "", "remark": "4693/7178",
    },
    {
        "metric": "f1", "source": "Table 8", "claimed": 0.9487, "measured": 0.5, "difference": -44.87,
        "interval": None, "remark": "averaging (macro/micro/weighted) not stated", "note": "",
        "notes": ["averaging not stated, compared with macro", "claim: split not stated; measured on test"],
        "notices": [
            {"code": "averaging", "text": "averaging not stated, compared with macro", "data": {}},
            {"code": "averaging", "text": "averaging (macro/micro/weighted) not stated", "data": {}},
        ],
    },
    {
        "metric": "far", "source": "Table 10", "claimed": 0.0723, "measured": None, "difference": None,
        "interval": None, "notes": ["FAR: not compared", "claim: split not stated; measured on test"], "note": "",
        "remark": "",
    },
]  # fmt: skip


def scores(hits=7, absent=False, intervals=True):
    """Scores of 10 images: the first `hits` right, the others taken for the next class."""
    label = torch.arange(10) % (2 if absent else 3)
    predicted = torch.where(torch.arange(10) < hits, label, (label + 1) % 3)
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(10), torch.nn.functional.one_hot(predicted, 3).float(), label)
    return scorer.compute(intervals=intervals)


def printed(*, claims=(), header=None, assumed=None, warnings=(), width=100, **splits):
    stream = io.StringIO()
    print_result(Console(file=stream, width=width), splits, claims, header or {}, assumed or {}, warnings)
    return stream.getvalue()


def line_with(text, start):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(start))


def test_a_log_gets_plain_text_of_at_most_100_columns():
    stream = io.StringIO()
    console = result_console(stream)
    long = "a sentence that goes on and on, " * 8
    print_result(
        console,
        {"val": scores(), "test": scores(8), "train": scores(10)},
        [{**ROWS[0], "remark": long}, *ROWS[1:]],
        {"plugin": "net", "split_hash": "0123456789abcdef", "seed": 0, "folder": "runs/" + "x" * 150},
        {"model.hog_mode": long, "model." + "y" * 60: "short"},
        [long],
    )
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text  # nothing was cut off


def test_the_numbers_stand_in_their_rows():
    by_split = scores()
    text = printed(test=by_split, val=scores(9))
    accuracy = line_with(text, "accuracy")
    assert accuracy[1] == "0.7000"
    assert [float(accuracy[2]), float(accuracy[4])] == pytest.approx(
        [by_split["intervals"]["accuracy"]["low"], by_split["intervals"]["accuracy"]["high"]], abs=5e-5
    )
    assert accuracy[5] == "0.9000"
    happy = by_split["per_class"]["happy"]
    assert line_with(text, "happy")[1:5] == [
        f"{happy['precision']:.4f}", f"{happy['recall']:.4f}", f"{happy['f1']:.4f}", str(happy["support"])
    ]  # fmt: skip
    ranges = [by_split["intervals"]["per_class"]["happy"][rate] for rate in ("precision", "recall", "f1")]
    assert " ".join(line_with(text, "happy")[5:]) == " ".join(f"{r['low']:.3f} to {r['high']:.3f}" for r in ranges)
    overall = text[text.index("overall") :]
    printed_rows = [line for line in overall.splitlines()[4:] if line.strip()]
    assert len(printed_rows) == 14
    for line in printed_rows:
        intervals = line.count(" to ") + line.count("too few")
        assert intervals == 2 + ("0 to 2" in line), line  # of test and of val: no score without its interval
    assert text.index("test, per class (10 images)") < text.index("overall")


def test_an_absent_class_has_dashes():
    text = printed(test=scores(absent=True))
    assert line_with(text, "happy")[1:] == ["-", "-", "-", "0", "-", "-", "-"]


def test_scores_without_intervals_and_validation_only():
    text = printed(val=scores(intervals=False))
    assert "val, per class" in text
    assert line_with(text, "accuracy") == ["accuracy", "0.7000"]
    assert "95 %" not in text


def test_a_record_of_an_earlier_version_with_fewer_intervals():
    by_split = scores()
    by_split["intervals"] = {"accuracy": by_split["intervals"]["accuracy"], "per_class": {"anger": {}, "disgust": {}}}
    text = printed(test=by_split)
    assert line_with(text, "happy")[5:] == ["-", "-", "-"]
    assert line_with(text, "loss")[2:] == [f"{by_split['loss']:.4f}", "-"]


def test_claims_stand_beside_the_measured_numbers():
    text = printed(test=scores(), claims=ROWS)
    claims = text[text.index("the paper's claims") :]
    assert line_with(claims, "accuracy") == [
        "accuracy", "0.8289", "0.7500", "0.7000", "to", "0.8000", "-7.89", "Table", "4", "1"
    ]  # fmt: skip
    assert line_with(claims, "F1")[1:5] == ["0.9487", "0.5000", "-", "-44.87"]
    assert line_with(claims, "FAR") == ["FAR", "0.0723", "-", "-", "-", "Table", "10", "3"]
    assert line_with(claims, "all")[1:4] == ["claim:", "split", "not"]  # said once, for all rows
    assert line_with(claims, "1 ")[1:] == ["claim:", "4693/7178"]
    assert line_with(claims, "2 ")[1:4] == ["averaging", "not", "stated,"]
    assert "macro/micro/weighted" not in claims  # would say it again
    earlier = [{key: value for key, value in row.items() if key != "notices"} for row in ROWS]  # recorded as text alone
    assert "claim: averaging (macro/micro/weighted)" in " ".join(printed(test=scores(), claims=earlier).split())


def test_no_claims_no_table():
    assert "claims" not in printed(test=scores())


def test_header_assumptions_and_warnings():
    text = printed(
        test=scores(),
        header={"plugin": "net", "split_hash": "0123456789abcdef", "seed": 0, "fold": None, "parameters": 10816679},
        assumed={"model.angle": "signed", "model.[odd]": "unsigned"},
        warnings=["labels [look] unpaired"],
    )
    head = text.split("test, per class")[0].split()
    assert "plugin net split hash 0123456789abcdef seed 0 parameters 10,816,679" == " ".join(head)
    assert "2 reading(s) assumed" in text
    assert "model.angle, model.[odd]" in text  # brackets are no markup
    assert line_with(text, "warning")[1:] == ["labels", "[look]", "unpaired"]
    assert text.index("assumed") < text.index("warning")


def test_nothing_scored_still_prints_the_header():
    assert "plugin net" in printed(header={"plugin": "net"})


def test_a_narrow_console_is_not_overrun():
    text = printed(test=scores(), val=scores(), claims=ROWS, width=60)
    assert max(len(line) for line in text.splitlines()) <= 60


def test_an_ascii_stream_gets_no_character_that_it_lacks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    print_result(result_console(stream), {"test": scores()}, ROWS, {"paper": "Gesichtsausdrücke"}, {})
    stream.flush()
    assert b"Gesichtsausdr?cke" in raw.getvalue()
    assert b"0.7000" in raw.getvalue()
