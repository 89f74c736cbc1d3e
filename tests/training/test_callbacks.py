"""Callbacks of the configuration: their spellings, averages that are selected and tested, resuming."""

import pytest
import torch
from support.killed_run import ended, flags, killed

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_callback
from fer_plugins.training.checkpoints import read_checkpoint

EPOCHS = 4


def settings(tmp_path, **more):
    data = {"name": "synthetic", "samples": 210, "subjects": 5, "batch_size": 16}
    trainer = {"epochs": EPOCHS, "threads": 1, "progress": "none"}
    return {
        "plugin": "toy", "trainer": trainer, "logger": "csv", "data": data, "run": {"output": str(tmp_path / "runs")},
        **more,
    }  # fmt: skip


def callbacks(*layers):
    return config.resolve(layers[-1], plugin="toy").config.as_dict()["callbacks"]


def test_spellings_mean_the_same(toy):
    whole = [{"name": "ema", "decay": 0.999, "every_n_steps": 1}, {"name": "swa", "start": 0.75}]
    for spelling in ("ema,swa", "ema, swa", ["ema", {"name": "swa"}], {"ema": {}, "swa": {"start": 0.75}}):
        assert callbacks({"callbacks": spelling}) == whole
    assert callbacks({"callbacks": {"name": "ema", "swa": {}}}) == whole  # --callbacks ema --callbacks.swa.start 0.75
    for spelling in ([], "none", None):
        assert callbacks({"callbacks": spelling}) == []


def test_a_flag_changes_an_option_of_a_file_and_a_list_replaces_it(toy, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("callbacks: [{name: ema, decay: 0.9, every_n_steps: 2}]\n")

    def resolve(callbacks):
        return config.resolve({"callbacks": callbacks}, plugin="toy", files=[str(file)]).config.as_dict()["callbacks"]

    assert resolve({"ema": {"decay": 0.5}}) == [{"name": "ema", "decay": 0.5, "every_n_steps": 2}]
    assert resolve("swa") == [{"name": "swa", "start": 0.75}]
    assert resolve("none") == []


@pytest.mark.parametrize(
    ("callbacks", "says"),
    [
        ("emma", "unknown callback 'emma'; did you mean ema?; installed: ema, swa"),
        ({"ema": {"deccay": 1}}, "callbacks.ema.deccay: unknown option of callback ema; did you mean decay?"),
        ({"ema": {"decay": 2}}, "callbacks.ema.decay: expected float 0..1, got 2"),
        ({"ema": 3}, "callbacks.ema: expected names with commas between"),
        (7, "callbacks: expected names with commas between"),
        ([{"decay": 0.5}], "callbacks: expected names with commas between"),
        ("ema,ema", "callbacks: ema is there twice"),
        ({"ema": {}, "swa": {"start": 0.0}}, "callbacks: ema and swa both replace the weights; leave one out"),
        ({"ema": {"decay": 1.0}}, "decay is 1"),
        ({"swa": {"start": 0.9}}, "start 0.9 leaves 1 of 4 epochs to average; lower start, or raise trainer.epochs"),
    ],
)
def test_wrong_callbacks_write_nothing(toy, tmp_path, callbacks, says):
    with pytest.raises(InputError) as caught:
        run(settings(tmp_path, callbacks=callbacks))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_the_remedy_for_too_few_epochs_works(toy, tmp_path):
    short = settings(tmp_path, callbacks={"swa": {"start": 0.5}})
    assert run(short).manifest["status"] == "finished"


@pytest.mark.parametrize("component", registry.available("callback"), ids=lambda component: component.name)
def test_every_installed_callback_keeps_the_contract(component):
    check_callback(registry.load(component))


CASES = {"ema": {"ema": {"decay": 0.9}}, "swa": {"swa": {"start": 0.3}}}


@pytest.mark.parametrize("name", CASES)
def test_the_averaged_weights_are_selected_tested_and_saved(toy, tmp_path, name):
    record = run(settings(tmp_path, callbacks=CASES[name]))
    plain = run(settings(tmp_path))
    best, last = (read_checkpoint(record.checkpoints / f"{which}.ckpt") for which in ("best", "last"))
    unlike = read_checkpoint(plain.checkpoints / "last.ckpt")["state_dict"]
    # Training itself goes on from the plain weights, and the averages are others.
    assert all(torch.equal(value, unlike[key]) for key, value in last["current_model_state"].items())
    assert not all(torch.equal(value, unlike[key]) for key, value in last["state_dict"].items())
    # What selected the checkpoint is what it scores on validation at the end.
    assert best["callbacks"]["BestAndLast"]["score"] == pytest.approx(record.metrics["val"]["accuracy"])
    rows = [line.split(",") for line in (record.folder / "metrics.csv").read_text().splitlines()]
    column = rows[0].index("val/loss")
    assert float(rows[record.manifest["best_epoch"]][column]) == pytest.approx(record.metrics["val"]["loss"], rel=1e-5)
    assert record.metrics["test"]["loss"] != plain.metrics["test"]["loss"]


def test_swa_is_the_mean_of_the_weights_at_the_ends_of_the_last_epochs(toy, tmp_path):
    ends = []
    for epochs in (2, 3, 4):  # the same training, stopped earlier
        config = settings(tmp_path)
        config["trainer"]["epochs"] = epochs
        ends.append(read_checkpoint(run(config).checkpoints / "last.ckpt")["state_dict"])
    averaged = read_checkpoint(run(settings(tmp_path, callbacks=CASES["swa"])).checkpoints / "last.ckpt")["state_dict"]
    for key, value in averaged.items():
        mean = torch.stack([end[key].double() for end in ends]).mean(0)
        torch.testing.assert_close(value.double(), mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_resumed_run_ends_like_a_whole_one(toy, tmp_path, name):
    whole = run(flags(tmp_path / "whole", callbacks=CASES[name])).folder
    folder = killed(tmp_path, callbacks=CASES[name])
    resume(folder)
    assert ended(folder) == ended(whole)
    ours, theirs = (read_checkpoint(place / "checkpoints" / "last.ckpt") for place in (folder, whole))
    for split in ("state_dict", "current_model_state"):
        assert all(torch.equal(value, theirs[split][key]) for key, value in ours[split].items())


def test_a_training_whose_callbacks_depend_on_its_length_is_not_made_longer(toy, tmp_path):
    folder = killed(tmp_path, callbacks=CASES["swa"])
    with pytest.raises(InputError, match=r"swa depends on the 9 epochs of this run.*leave --trainer.epochs out"):
        resume(folder, {"trainer": {"epochs": 12}})
