"""check_logger: sound loggers pass, and every rule has a logger that breaks it."""

from pathlib import Path

import pytest
from lightning.pytorch.loggers import Logger

from fer_plugins.config import registry
from fer_plugins.testing import ContractError, check_logger


class Sound(Logger):
    """Keeps nothing."""

    name, version = "sound", ""

    def __init__(self, *, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params, *args, **kwargs):
        pass


class Numbers(Sound):
    def log_metrics(self, metrics, step=None):
        assert all(value == value for value in metrics.values()), "nan"


class Elsewhere(Sound):
    def finalize(self, status):
        Path("elsewhere.txt").touch()


class Takes(Sound):
    def log_metrics(self, metrics, step=None):
        metrics.pop("epoch", None)


class Counts(Sound):
    run_id = 7


def test_sound_loggers_pass():
    check_logger(Sound)
    check_logger(lambda *, folder: None)


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_the_loggers_of_the_core_keep_the_contract(name):
    pytest.importorskip("tensorboard")
    check_logger(registry.load(registry.find("logger", name)))


BROKEN = {
    "takes folder": (lambda: None, "add folder"),
    "builds": (lambda *, folder: 1 / 0, "ZeroDivisionError"),
    "returns a logger": (lambda *, folder: object(), "it returns a object"),
    "follows a run": (Numbers, "log_metrics with a key more raises AssertionError: nan"),
    "writes into the run's folder": (Elsewhere, "elsewhere.txt lies in the working folder"),
    "leaves its input alone": (Takes, "the row of an epoch"),
    "run_id is text": (Counts, "it is 7"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_has_a_logger_that_breaks_it(rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    factory, observed = BROKEN[rule]
    with pytest.raises(ContractError, match=rule) as caught:
        check_logger(factory)
    assert observed in str(caught.value)
