"""Every protocol's run is read by every verb: a feature that was tested alone may be unusable through the others."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from fer_parameter_search.grid.plan import read_plan
from support import fake_datasets as fake
from support import scatter_net as scatter
from support.verbs import parse

from fer_plugins import config
from fer_plugins.analysis.figures.recorded import read_recorded
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.contract import Fold
from fer_plugins.data.protocols.split_file import write_split
from fer_plugins.experiments.run import run as start
from fer_plugins.runs.record import Record
from fer_plugins.training.build import build_data

SYNTHETIC = "--data synthetic --data.samples 63 --data.subjects 3 --data.frames 3"
SIZE = "--data.image_size 24"
QUICK = "--trainer.progress none --trainer.threads 1 --logger csv --logger.figures off"
TARGETS = "--data.targets.others.name synthetic --data.targets.others.samples 63 --data.targets.others.seed 7"
# Protocol -> what it needs beside the synthetic faces; one that is not named here is run with its defaults.
NEEDS = {
    "kfold": "--protocol.k 3",
    "subject_kfold": "--protocol.k 3",
    "leave_one_subject_out": "--protocol.val_parts 2",
    "sequence_disjoint": "--protocol.val 0.3 --protocol.test 0.3",
    "official_val": "--data rafdb --data.root RAFDB --data.check off",
    "file": "--protocol.file SPLIT",
    "cross_dataset": TARGETS,
    "paper_aa_dcn": "--data.balance augment --data.balance_to 14",
}
CASES = {
    component.name: f"--protocol {component.name} {NEEDS.get(component.name, '')}"
    for component in registry.available("protocol")
}
CASES |= {
    "balanced": "--protocol official --data.balance augment --data.balance_to 10",
    "without a test": "--protocol official --run.test false",
    "cross_dataset without a test": f"--protocol cross_dataset {TARGETS} --run.test false",
    "cross_dataset of a part": f"--protocol cross_dataset {TARGETS} --data.limit 100",
    "file of cross_dataset": f"--protocol file --protocol.file CROSS {TARGETS}",
    "folds of cross_dataset": f"--protocol file --protocol.file FOLDS {TARGETS}",
    "samples tested twice": "--protocol twice",
    "votes": "--protocol official --data ferplus --data.root VOTES --data.check off",
}
# Drawn in full; the others' records are read for it only, since a run's figures take seconds.
DRAWN = ("official", "kfold", "cross_dataset", "samples tested twice")
# Case -> the honest reason that a verb may give instead of doing it; every other case has to succeed.
POOLED_NOTHING = "its folds test some samples twice, so nothing is pooled; give the folders of folds"
REASONS = {
    ("samples tested twice", verb): POOLED_NOTHING for verb in ("table", "compare", "verify", "bars", "figures")
} | {
    ("paper_aa_dcn", "compare"): "only runs on the same samples can be compared",  # another seed makes other images
}
TWICE = '''
import numpy as np

from fer_plugins.contract import Fold


def twice(table, seed):
    """Test every sample in two folds."""
    splits = [np.flatnonzero(table.split == name) for name in ("train", "val", "test")]
    return [Fold(*splits), Fold(*splits)]
'''


def test_a_protocol_that_is_installed_is_a_case():
    assert {"official", "cross_dataset", "file", "paper_aa_dcn"} <= set(CASES)


@pytest.fixture
def call(make_distribution, tmp_path, capsys):
    """Return a function that calls a command in this process and returns its exit code, output and error."""
    files = {"paper.yaml": scatter.PAPER, "claims.yaml": scatter.CLAIMS}
    make_distribution("scatter", [("architectures", "scatter", "scatter:Scatter")], scatter.SOURCE, files=files)
    make_distribution("twice", [("protocols", "twice", "twice:twice")], TWICE)

    def run(command, *words):
        function = main._run if command == "fer-run" else main._verb
        capsys.readouterr()
        code = main.call(command, function, [str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def write_split_file(kind, path):
    """Write the split of the synthetic faces (SPLIT), joined with the targets (CROSS), in two folds (FOLDS)."""
    joined = [] if kind == "SPLIT" else ["--protocol", "cross_dataset", *TARGETS.split()]
    words = [*SYNTHETIC.split(), *SIZE.split(), "--data.cache", "none", *joined]
    data = build_data(config.resolve(parse(words).flags, plugin="scatter").config)
    folds = [data.fold]
    if kind == "FOLDS":  # what the first tests of its own trains the second; both test all of the others
        own = data.table.origin[data.fold.test] == ""
        train, tests_rows = data.fold.train, data.fold.test[~own]
        test = np.sort(np.concatenate([train[: len(train) // 2], tests_rows]))
        rest = np.sort(np.concatenate([train[len(train) // 2 :], data.fold.test[own]]))
        folds.append(Fold(rest, data.fold.val, test))
    protocol = {"name": "official"}
    write_split(path, data.table, data.classes, folds, dataset="synthetic", protocol=protocol, flaw=None)
    return path


@pytest.fixture
def train(call, tmp_path):
    """Return a function that trains a case with a seed and returns its folder."""
    places = {
        "RAFDB": lambda: fake.write_folder(fake.rafdb_folders(12), tmp_path / "raf"),
        "VOTES": lambda: fake.write_folder(fake.ferplus(8), tmp_path / "votes"),
        **{kind: lambda kind=kind: write_split_file(kind, tmp_path / kind) for kind in ("SPLIT", "CROSS", "FOLDS")},
    }
    made = {}

    def words_of(case):
        words = CASES[case].split()
        for name in set(words) & set(places):
            made[name] = made.get(name) or str(places[name]())
            words[words.index(name)] = made[name]
        return words if "--data" in words else [*SYNTHETIC.split(), *words]

    def run(case, seed, output):
        before = set(output.glob("*"))
        quick = [*SIZE.split(), *QUICK.split(), "--seed", seed, "--run.output", output]
        code, _, error = call("fer-run", "--plugin", "scatter", *words_of(case), *quick)
        assert (code, error) == (0, ""), error
        (folder,) = set(output.glob("*")) - before
        return folder

    return run


def ends(case, verb, outcome):
    """Check that a verb did what it was asked for, or gave the reason that is known of this case; return its output."""
    code, shown, error = outcome
    reason = REASONS.get((case, verb))
    if reason is None:
        assert (code, error) == (0, ""), f"{verb}: {error}"
        return shown
    assert code == 2
    assert reason in error
    assert error.count("\n") == 1
    return shown


@pytest.mark.parametrize("case", CASES)
def test_every_verb_reads_it(case, train, call, tmp_path):
    first, second = (train(case, seed, tmp_path / "runs") for seed in (0, 1))
    manifest = Record.read(first).manifest
    for form in ("md", "tex", "csv"):
        ends(case, "table", call("fer", "table", first, second, "--format", form))
    ends(case, "compare", call("fer", "compare", first, second, "--classes"))
    ends(case, "verify", call("fer", "verify", first))
    if case in DRAWN:
        ends(case, "bars", call("fer", "figures", first, second, "--bars", tmp_path / "bars.png"))
        ends(case, "figures", call("fer", "figures", first))
    else:
        read_recorded(first)
    if "folds" in manifest:
        code, _, error = call("fer", "evaluate", first, "--suite", "shift", "--limit", "21")
        assert (code, "each with a network of its own; give one, such as" in error) == (2, True)
        assert "every fold is finished" in call("fer-run", "--resume", first)[2]
        fold = Path(error.strip().rpartition("such as ")[2])  # the remedy
        ends("a fold", "table", call("fer", "table", fold))
    else:
        assert "this run is finished" in call("fer-run", "--resume", first)[2]
        fold = first
    ends("a fold", "evaluate", call("fer", "evaluate", fold, "--suite", "shift", "--limit", "21"))
    evaluation = json.loads((fold / "evaluation.json").read_text())
    assert evaluation["agreement"] == {"images": evaluation["n"], "different": 0}


def test_runs_tested_on_other_datasets_do_not_stop_a_grid_or_the_table_of_its_folder(call, train, tmp_path):
    targets = {"others": {"name": "synthetic", "samples": 63, "seed": 7}}
    settings = {
        "plugin": "scatter",
        "data": {"name": "synthetic", "samples": 63, "subjects": 3, "image_size": 24, "targets": targets},
        "protocol": "cross_dataset",
        "trainer": {"epochs": 1, "threads": 1, "progress": "none", "accelerator": "cpu"},
        "logger": {"name": "csv", "figures": "off"},
    }
    out = tmp_path / "out"
    file = tmp_path / "grid.yaml"
    file.write_text(yaml.safe_dump({"output": str(out), "settings": settings, "axes": {"seed": [0, 1]}}))
    folders = [start(config.Resolved(cell.config)).folder for cell in read_plan(str(file)).cells]
    code, shown, error = call("fer", "grid", file)
    assert (code, error) == (0, "")
    assert "2 of 2 cells finished" in shown
    for folder in folders:
        assert f"{Record.read(folder).metrics['test']['accuracy']:.4f}" in shown
    apart = [train(case, 0, out) for case in ("official", "samples tested twice")]
    code, shown, error = call("fer", "table", *folders, *apart)
    assert code == 0
    assert shown.count("\n| scatter") == 2  # cross_dataset over two seeds, official
    assert f"left out: {apart[1]}: {POOLED_NOTHING}" in error
