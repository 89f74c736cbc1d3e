"""``fer grid``: the plan, the runs in processes, resuming, what is broken, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fer_parameter_search import workers
from fer_parameter_search.grid import state
from fer_parameter_search.grid.estimate import MEASURED, SCALED, UNKNOWN, estimate
from fer_parameter_search.grid.plan import read_plan
from support import ROOT
from support.verbs import grid

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.experiments.cells import Cell
from fer_plugins.experiments.existing_runs import FAILED, FINISHED, NEW, RESUMABLE
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError

SETTINGS = {
    "data": {"image_size": 24, "samples": 105, "batch_size": 32},
    "trainer": {"epochs": 1, "accelerator": "cpu"},
    "logger": "none",
}
FACES = {"name": "synthetic"}


@pytest.fixture
def place(toy, tmp_path, monkeypatch):
    """Return a function that writes a grid file; the processes of a grid find the toy network too."""
    monkeypatch.setenv("PYTHONPATH", str(toy))
    monkeypatch.chdir(tmp_path)

    def write(axes, *, settings=None, **more):
        content = {"output": "out", "settings": settings or SETTINGS, "axes": axes, **more}
        Path("grid.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return "grid.yaml"

    return write


def call(*words):
    return main.call("fer", grid, list(words))


def run_here(plan, *cells):
    """Run cells as ``fer-run`` does, without a process of their own; return their folders' names."""
    return [
        run(config.Resolved(config.read_config(json.loads(json.dumps(cell.config.as_dict()))))).folder.name
        for cell in cells
    ]


def rows():
    return {row["cell"]: row for row in json.loads(Path("out/grid.json").read_text())["cells"]}


def test_cells_are_the_product_less_what_is_excluded(place):
    axes = {
        "seed": [0, 1],
        "plugin": ["toy"],
        "data": [FACES, {**FACES, "difficulty": 0.1}],
        "model.pool": ["max", {"name": "max_blur", "blur_size": 3}],
        "optimizer.lr": [0.01],
    }
    plan = read_plan(place(axes, exclude=[{"seed": 1, "model.pool": ["max_blur"]}]))
    assert len(plan.cells) == 6
    assert plan.excluded == 2
    assert plan.axes == ("data", "model.pool", "seed")
    assert plan.cells[0].label == "synthetic, max, seed 0"
    assert len({cell.identity for cell in plan.cells}) == len({cell.name for cell in plan.cells}) == 6
    blurred = [cell.config for cell in plan.cells if cell.config.model.pool.name == "max_blur"]
    assert {one.model.pool.options["blur_size"] for one in blurred} == {3}
    assert {one.seed for one in blurred} == {0}
    for cell in plan.cells:
        assert cell.config.optimizer.as_dict() == {"name": "Adam", "lr": 0.01}
        assert cell.config.data.options["samples"] == 105
        assert cell.config.run.output == "out"
        assert config.resolve(cell.config.as_dict()).config == cell.config


def test_labels_tell_cells_apart(place):
    axes = {"plugin": ["toy"], "data": [FACES, {**FACES, "difficulty": 0.7}], "seed": [0]}
    assert [cell.label for cell in read_plan(place(axes)).cells] == ["synthetic", "synthetic (difficulty 0.7)"]


def test_blocks_are_products_of_their_own(place):
    blocks = [
        {"axes": {"protocol": ["official", "random"], "data": [FACES]}},
        {
            "axes": {"protocol": [{"name": "random", "test": 0.3}], "data": [{**FACES, "difficulty": 0.7}]},
            "settings": {"optimizer": {"lr": 0.5}},
        },
    ]
    plan = read_plan(
        place({"plugin": ["toy"], "seed": [0, 1]}, blocks=blocks, exclude=[{"protocol": "official", "seed": 1}])
    )
    found = [(cell.config.protocol.name, cell.config.seed, cell.config.optimizer.lr) for cell in plan.cells]
    assert found == [
        ("official", 0, 0.003),
        ("random", 0, 0.003),
        ("random", 1, 0.003),
        ("random", 0, 0.5),
        ("random", 1, 0.5),
    ]
    assert plan.cells[3].config.protocol.options["test"] == 0.3


def test_a_recipe_is_that_of_the_plug_in(place):
    axes = {"plugin": [{"name": "toy", "recipe": "pupil"}, {"name": "toy", "recipe": "default"}], "data": [FACES]}
    with pytest.raises(InputError, match=r"cell toy\.pupil: model\.teacher: the recipe leaves it to you"):
        read_plan(place(axes))
    axes["plugin"] = ["toy", {"name": "toy", "recipe": "default"}]
    with pytest.raises(InputError, match="gives the same result as toy"):
        read_plan(place(axes))


GOOD = {"plugin": ["toy"], "data": [FACES]}
MISSING = {"name": "fer2013", "root": "gone.zip"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"axis": GOOD}, "axis: unknown key; did you mean axes"),
        ({"axes": {}}, "axes: expected at least one"),
        ({"axes": {**GOOD, "seed": []}}, "axes.seed: expected a list of values that is not empty"),
        ({"axes": {**GOOD, "seed": 3}}, "axes.seed: expected a list"),
        ({"axes": {**GOOD, "seed": [1, 1]}}, "axes.seed: 1 appears in it twice"),
        ({"axes": {**GOOD, "sead": [1]}}, "axes.sead: no key of the configuration; did you mean seed"),
        ({"axes": {**GOOD, "run.output": ["a"]}}, "every run of a grid lies in its one folder"),
        ({"axes": {**GOOD, "optimizer.lrr": [1]}}, "cell toy, synthetic, lrr 1: optimizer"),
        ({"axes": {**GOOD, "optimizer.lr": [-1]}}, "optimizer.lr: expected float > 0"),
        ({"axes": {**GOOD, "plugin": ["tov"]}}, "cell tov, synthetic: unknown architecture 'tov'; did you mean toy"),
        ({"axes": {**GOOD, "plugin": [{"nam": "toy"}]}}, "axes.plugin: expected a plug-in's name"),
        ({"axes": {**GOOD, "trainer.threads": [1, 2]}}, "gives the same result as"),
        ({"axes": {"plugin": ["toy"]}}, "no dataset"),
        ({"axes": {**GOOD, "data": [MISSING]}, "settings": {}}, "data.root: gone.zip does not exist"),
        ({"axes": {**GOOD, "data": [{"name": "fer2013", "root": "PATH/x.zip"}]}}, "give --path FOLDER"),
        ({"axes": GOOD, "settings": {"data": {"name": "synthetic"}}}, "settings.data: data is an axis as well"),
        ({"axes": GOOD, "settings": {"run": {"output": "x"}}}, "every run of a grid lies in its one folder"),
        ({"axes": GOOD, "settings": {"optimizer": {"name": "Adamm"}}}, "Adamm"),
        ({"axes": GOOD, "settings": {"trainer": {"accelerator": "mps"}}}, "no Apple GPU found"),
        ({"axes": GOOD, "exclude": [{"seed": 1}]}, "exclude[0]: 'seed' is not an axis"),
        ({"axes": GOOD, "exclude": [{"plugin": "dcn"}]}, "matches no cell"),
        ({"axes": GOOD, "exclude": [{"plugin": "toy"}]}, "exclude: leaves no cell"),
        ({"axes": GOOD, "blocks": []}, "blocks: expected a list"),
        ({"axes": GOOD, "blocks": [{"axes": {"plugin": ["toy"]}}]}, "stands at the top already"),
        ({"axes": GOOD, "output": 3}, "output: expected a folder"),
        ({"axes": GOOD, "output": ""}, "output: expected a folder"),
        ({"axes": GOOD, "exclude": [{1: 2}]}, "exclude[0]: 1 is not an axis"),
        ({"axes": {**GOOD, "optimizer.lr": [1e-3, float("inf")]}}, "axes.optimizer.lr[1]: inf is not a finite number"),
        ({"axes": GOOD, "settings": {"optimizer": {"lr": float("nan")}}}, "settings.optimizer.lr: nan is not a finite"),
        (
            {"axes": {**GOOD, "seed": list(range(101)), "optimizer.lr": [k / 1000 for k in range(1, 101)]}},
            "10,100 combinations",
        ),
        ({"axes": {**GOOD, "seed": list(range(10_001))}}, "axes.seed: 10,001 values, at most 10,000"),
    ],
)
def test_a_wrong_file_is_one_line_and_exit_2(place, capsys, content, message):
    Path("grid.yaml").write_text(yaml.safe_dump({"settings": SETTINGS, **content}))
    assert call("grid.yaml", "--out", "out") == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected one file"),
        (["a.yaml", "b.yaml"], "expected one file"),
        (["gone.yaml"], "fer grid gone.yaml: No such file"),
        (["grid.yaml", "--job", "2"], "unknown option '--job'; did you mean --jobs"),
        (["grid.yaml", "--jobs"], "--jobs needs a value"),
        (["grid.yaml", "--jobs", "0"], "--jobs 0: expected a whole number from 1"),
        (["grid.yaml", "--executor", "slurm"], "--executor slurm: expected one of local, ray"),
        (["grid.yaml", "--address", "auto"], "add --executor ray"),
        (["grid.yaml", "--path", "gone"], "--path gone: no such folder"),
        (["grid.yaml", "--out", "grid.yaml"], "--out grid.yaml: "),
        (["grid.yaml", "--out", "grid.yaml"], "is a file, not a folder; give another folder"),
        (["grid.yaml", "--out", "o" * 300], "File name too long; give another folder"),
        (["grid.yaml", "--out", "o" * 300, "--dry-run"], "File name too long; give another folder"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(place, capsys, words, message):
    place(GOOD)
    assert call(*words) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1


def test_every_fault_is_said_before_anything_is_run(place, capsys):
    axes = {"plugin": ["toy", "nobody"], "data": [FACES], "model.pool": ["max", "mux"], "seed": [0, 1]}
    assert call(place(axes)) == 2
    said = capsys.readouterr().err
    assert "2 faults, nothing was run" in said
    assert "cell toy, mux, seed 0 and 1 more: unknown pooling 'mux'" in said
    assert "cell nobody, max, seed 0 and 3 more: unknown architecture 'nobody'" in said
    assert not Path("out").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_grids_of_the_papers_can_be_planned(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("fer2013.tar.gz", "ckplus", "jaffe", "rafdb", "ferg"):
        Path("datasets", name).mkdir(parents=True)
    assert call(str(path), "--path", "datasets", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "not run; folder runs/grid-" in said
    assert "time left: unknown" in said
    assert sorted(one.name for one in tmp_path.iterdir()) == ["datasets"]  # nothing is written
    assert f"configs/grids/{path.name} --path DATASETS" in path.read_text()


def test_the_grid_in_the_guide_can_be_planned(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("fer2013.tar.gz", "ckplus"):
        Path("datasets", name).mkdir(parents=True)
    Path("grid.yaml").write_text((ROOT / "docs" / "grids.md").read_text().partition("```yaml\n")[2].partition("```")[0])
    assert call("grid.yaml", "--path", "datasets", "--dry-run") == 0
    assert "40 cells (32 excluded): 40 not run; folder runs/poolings" in capsys.readouterr().out


def test_cells_run_in_processes_and_a_broken_one_does_not_stop_the_rest(place, capsys):
    path = place({**GOOD, "model.explode_at": [2, 0]})
    assert call(path, "--jobs", "2") == 1
    said = capsys.readouterr().out
    first = rows()
    broken, sound = first["explode_at 2"], first["explode_at 0"]
    assert (broken["status"], sound["status"]) == ("failed", "finished")
    assert "nan" in broken["error"]
    assert f"failed: explode_at 2: {broken['error']}"[:60] in said
    assert "1 of 2 cells finished" in said
    record = Record.read(Path("out", sound["run"]))
    assert sound["accuracy"] == record.metrics["test"]["accuracy"]
    assert sound["accuracy_interval"] == record.metrics["test"]["intervals"]["accuracy"]
    assert record.config["trainer"]["threads"] == workers.share_threads(2)
    assert record.manifest["demonstration"] is False
    # The same in this process gives the same numbers: a cell is an ordinary run.
    settings = read_plan(path, output="here").cells[1].config
    settings = replace(settings, trainer=replace(settings.trainer, threads=workers.share_threads(2)))
    assert run(config.Resolved(settings)).predictions() == record.predictions()
    # What is finished stays; what has failed is run anew, and here fails again.
    before = {one.name for one in Path("out").iterdir()}
    assert call(path) == 1
    assert "1 to run" in capsys.readouterr().out
    assert rows()["explode_at 0"] == sound
    assert {one.name for one in Path("out").iterdir()} - before == {rows()["explode_at 2"]["run"]}


def test_a_changed_grid_keeps_what_still_fits(place, capsys):
    axes = {"plugin": ["toy"], "data": [FACES], "seed": [0, 1]}
    first = read_plan(place(axes))
    names = run_here(first, *first.cells)
    settings = {**SETTINGS, "trainer": {**SETTINGS["trainer"], "threads": 1, "progress": "none"}, "logger": "csv"}
    plan = read_plan(place({**axes, "seed": [1, 2]}, settings=settings))
    found = state.survey_runs(plan)
    assert [found.status(cell) for cell in plan.cells] == [FINISHED, NEW]
    assert found.strays == (names[0],)
    plan = read_plan(place({**axes, "optimizer.lr": [0.5]}))
    assert not state.survey_runs(plan).runs
    assert call(place(axes)) == 0
    said = capsys.readouterr().out
    assert "2 cells: 2 finished" in said
    assert "to run" not in said
    assert [(row["status"], row["run"]) for row in rows().values()] == [("finished", name) for name in names]


def test_another_version_of_the_plug_in_is_another_cell(place):
    plan = read_plan(place(GOOD))
    run_here(plan, *plan.cells)
    assert state.survey_runs(plan).status(plan.cells[0]) == FINISHED
    (folder,) = state.survey_runs(plan).runs.values()
    folder.record.write_manifest(plugin={**folder.record.manifest["plugin"], "version": "0.9"})
    assert state.survey_runs(plan).status(plan.cells[0]) == NEW


def test_a_killed_run_is_to_be_resumed_and_a_damaged_one_is_no_cell(place):
    plan = read_plan(place({**GOOD, "seed": [0, 1, 2]}))
    for name, status in zip(run_here(plan, *plan.cells), ("running", "failed", "finished"), strict=True):
        record = Record.read(Path("out", name))
        record.write_manifest(status=status)
    (record.folder / "metrics.json").unlink()
    found = state.survey_runs(plan)
    assert [found.status(cell) for cell in plan.cells] == [RESUMABLE, FAILED, NEW]
    assert found.strays == (record.folder.name,)


def test_folds_are_one_cell_and_a_fold_asked_for_is_another(place):
    axes = {**GOOD, "protocol": [{"name": "kfold", "k": 3}]}
    plan = read_plan(place(axes))
    whole = run_here(plan, *plan.cells)
    assert state.survey_runs(plan).find(plan.cells[0]).record.folder.name == whole[0]
    rows = state.write_summary(plan, {})
    assert rows[0]["accuracy_interval"]["low"] < rows[0]["accuracy"] < rows[0]["accuracy_interval"]["high"]
    plan = read_plan(place({**axes, "run.fold": [0, 1]}))
    assert state.survey_runs(plan).strays == (whole[0],)
    run_here(plan, plan.cells[0])
    assert [state.survey_runs(plan).status(cell) for cell in plan.cells] == [FINISHED, NEW]
    path = workers.cell_file(plan.output / state.HIDDEN, plan.cells[0].name)
    path.parent.mkdir(parents=True)
    path.write_text("as fer grid leaves it")
    plan = read_plan(place({**axes, "run.fold": [None]}))
    assert state.survey_runs(plan).find(plan.cells[0]).record.folder.name == whole[0]
    single = read_plan(place({**GOOD, "run.fold": [None]}))  # writes fold 0 down, where none was asked for
    run_here(single, *single.cells)
    assert state.survey_runs(single).status(single.cells[0]) == FINISHED


def test_what_is_not_a_result_is_listed_as_such(place, capsys):
    axes = {**GOOD, "optimizer.lr": [1e4]}
    plan = read_plan(place(axes))
    run_here(plan, *plan.cells)
    assert call("grid.yaml") == 0
    said = capsys.readouterr().out
    (row,) = rows().values()
    assert row["status"] == "finished"
    assert row["not_a_result"]
    assert f"{row['cell']}: NOT A RESULT: {row['not_a_result'][0]}"[:60] in said


def epochs_of(path):
    return len(path.read_text().splitlines()) - 1


def test_ctrl_c_ends_the_runs_cleanly_and_the_same_command_goes_on(place, capsys, monkeypatch):
    settings = {**SETTINGS, "trainer": {**SETTINGS["trainer"], "epochs": 40, "threads": 1}, "logger": "csv"}
    path = place({**GOOD, "seed": [0]}, settings=settings)

    def press():
        end = time.monotonic() + 400  # however busy the machine
        while time.monotonic() < end and not any(epochs_of(path) > 3 for path in Path("out").glob("*/metrics.csv")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setenv("TOY_PAUSE", "0.05")  # the training has not ended when a busy machine gets to the key
    thread = threading.Thread(target=press)
    thread.start()
    assert call(path) == 1
    thread.join()
    monkeypatch.delenv("TOY_PAUSE")
    said = capsys.readouterr()
    assert said.err == "fer: interrupted, 0 of 1 cells are finished; continue with: fer grid grid.yaml\n"
    (row,) = rows().values()
    assert row["status"] == "interrupted"
    assert Record.read(Path("out", row["run"])).manifest["status"] == "interrupted"
    whole = epochs_of(Path("out", row["run"], "metrics.csv"))
    assert call(path) == 0
    (after,) = rows().values()
    assert after["run"] == row["run"]
    record = Record.read(Path("out", after["run"]))
    assert [one["resumed"] for one in record.manifest["sessions"]] == [False, True]
    # An epoch that was interrupted between its row and its checkpoint is trained again.
    assert whole - 1 <= record.manifest["sessions"][1]["epochs_before"] <= whole
    assert record.manifest["sessions"][1]["epochs_before"] > 2
    (cell,) = read_plan(path, output="here").cells
    assert run(config.Resolved(cell.config)).predictions() == record.predictions()


def test_only_one_grid_works_in_a_folder_and_its_runs_count(tmp_path):
    with state.hold(tmp_path / "out") as lock:
        with pytest.raises(InputError, match="another fer grid"), state.hold(tmp_path / "out"):
            pass
        process = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    with pytest.raises(InputError, match="or a run that it started"), state.hold(tmp_path / "out"):
        pass
    process.kill()
    process.wait()
    with state.hold(tmp_path / "out"):
        pass


def test_the_estimate_comes_from_finished_cells_or_is_unknown(place, capsys):
    wide = {"plugin": ["toy"], "data": [FACES, {**FACES, "difficulty": 0.7}], "model.width": [8, 16]}
    plan = read_plan(place({**wide, "trainer.epochs": [2]}, settings={**SETTINGS, "trainer": {"accelerator": "cpu"}}))
    assert {one.basis for one in estimate(plan, state.survey_runs(plan)).values()} == {UNKNOWN}
    run_here(plan, plan.cells[0])
    record = state.survey_runs(plan).find(plan.cells[0]).record
    record.manifest["sessions"][0]["seconds"] = 8.0
    record.write_manifest()
    axes = {**wide, "trainer.epochs": [2, 6]}
    plan = read_plan(place(axes, settings={**SETTINGS, "trainer": {"accelerator": "cpu"}}))
    found = {cell.label: one for cell in plan.cells if (one := estimate(plan, state.survey_runs(plan)).get(cell.name))}
    assert "synthetic, width 8, epochs 2" not in found  # finished
    same = found["synthetic, width 8, epochs 6"]
    assert (same.seconds, same.basis) == (pytest.approx(24.0), MEASURED)
    other = found["synthetic, width 16, epochs 2"]
    assert other.basis == SCALED
    assert other.seconds == pytest.approx(16.0)  # twice the maps: twice the multiply-adds of both layers
    assert {found[name].seconds for name in found if "difficulty" in name} == {None}
    assert call("grid.yaml", "--dry-run", "--jobs", "2") == 0
    said = capsys.readouterr().out
    assert "if no run stops early; and 4 cells of which nothing is known" in said
    assert "a dry run: nothing was run or written" in said
    assert not Path("out/.grid").exists()
    assert not Path("out/grid.json").exists()


def test_all_folds_and_one_of_them_have_estimates_of_their_own(place):
    axes = {"plugin": ["toy"], "data": [FACES], "protocol": [{"name": "subject_kfold", "k": 3}], "run.fold": [0, None]}
    plan = read_plan(place(axes))
    one, every = plan.cells
    run_here(plan, one)
    assert estimate(plan, state.survey_runs(plan))[every.name].basis == UNKNOWN  # nothing says how many folds there are
    run_here(plan, every)
    axes["seed"] = [5]
    later = read_plan(place(axes))
    found = estimate(later, state.survey_runs(plan))
    times = [found[cell.name].seconds for cell in later.cells]
    counts = []
    for cell in plan.cells:
        record = state.survey_runs(plan).find(cell).record
        parts = [Record.read(record.folder / name) for name in record.manifest["folds"]] if cell is every else [record]
        counts.append(sum(sum(part.manifest["data"]["counts"]["train"].values()) for part in parts))
    assert counts[1] > 1.5 * counts[0]
    assert times[1] / times[0] == pytest.approx(counts[1] / counts[0])


def test_ray_s_pace_is_not_made_up(place, capsys):
    pytest.importorskip("ray")
    plan = read_plan(place({**GOOD, "seed": [0, 1]}))
    run_here(plan, plan.cells[0])
    assert call("grid.yaml", "--dry-run", "--executor", "ray") == 0
    assert "one after the other (Ray runs as many at a time as it has room for)" in capsys.readouterr().out


def test_a_folder_without_a_configuration_is_no_run(place, capsys):
    place(GOOD)
    Path("out/odd").mkdir(parents=True)
    Path("out/odd/manifest.json").write_text("{}")
    assert call("grid.yaml", "--dry-run") == 0
    assert "belong to no cell, and stay: odd" in capsys.readouterr().out


def test_a_folder_that_goes_away_is_one_line_and_exit_1(place, capsys, monkeypatch):
    place({**GOOD, "seed": [0, 1]})
    execute = workers.execute

    def lose(cells, **options):
        for outcome in execute(cells, **options):
            shutil.rmtree("out")
            yield outcome

    monkeypatch.setattr(workers, "execute", lose)
    assert call("grid.yaml") == 1
    said = capsys.readouterr().err
    assert "cannot write out/grid.json: No such file or directory" in said
    assert said.count("\n") == 1
    task = workers.Task("cell", ("--resume", "gone"), Path("out/.grid/logs/cell.log"), Path("end.json"), None)
    with pytest.raises(RunError, match=r"cannot write out/.grid/logs/cell.log: No such file"):
        workers.start(task, {})


def test_more_jobs_than_there_is_memory_for_are_as_many_as_there_are_cells(tmp_path):
    gone = Cell("a", config.Resolved({}), begun=Record(tmp_path / "gone", config={"trainer": {"threads": None}}))
    for folder in ("cells", "logs"):
        (tmp_path / folder).mkdir()
    (outcome,) = workers.execute([gone], folder=tmp_path, jobs=10**15)
    assert outcome.record is None
    assert (
        str(outcome.error) == f"{tmp_path}/gone: not the folder of a run: there is no such folder; give the folder "
        "of a finished run"
    )
    assert f"fer-run: {outcome.error}" in (tmp_path / "logs" / "a.log").read_text()


def test_jobs_and_devices(monkeypatch):
    on_gpu, on_cpu = (config.read_config({"trainer": {"accelerator": name}}) for name in ("auto", "cpu"))
    monkeypatch.setattr(workers, "visible_devices", lambda: ["3", "5"])
    assert workers.choose_jobs(None, [on_gpu, on_cpu]) == (2, ["3", "5"])
    assert workers.choose_jobs(1, [on_gpu]) == (1, ["3", "5"])
    assert workers.choose_jobs(7, [on_cpu]) == (7, [])
    with pytest.raises(InputError, match="--jobs 3: visible GPUs: 2"):
        workers.choose_jobs(3, [on_gpu])
    assert workers.share_threads(1) is None
    assert workers.share_threads(10_000) == 1


def test_the_reason_of_an_end_is_what_the_process_wrote_down(tmp_path):
    cell = Cell("a", config.Resolved({}))
    task = workers.Task("a", ("--resume", "gone"), tmp_path / "log", tmp_path / "end.json", None)

    def reason(code, ending=None):
        task.ending.unlink(missing_ok=True)
        if ending is not None:
            task.ending.write_text(ending)
        outcome = workers.read_outcome(cell, task, code, 1.0)
        assert outcome.record is None
        return str(outcome.error)

    assert reason(1, '{"run": null, "error": "ValueError: x"}') == "ValueError: x"
    assert reason(-9) == "ended by signal SIGKILL"
    assert reason(-9, '{"run": nul') == "ended by signal SIGKILL"
    assert reason(1) == "exit code 1, without a reason"
