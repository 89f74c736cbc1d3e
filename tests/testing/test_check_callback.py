"""check_callback: sound callbacks pass, and every rule has a callback that breaks it."""

import lightning as L
import pytest
import torch

from fer_plugins.testing import ContractError, check_callback


def scale(module, factor):
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(factor)


class Sound(L.Callback):
    """Weakens the weights after each step."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        scale(module, 0.99)


class Fails(L.Callback):
    """Wants a logger."""

    def on_train_start(self, trainer, module):
        trainer.logger.log_metrics({})


class TooLate(L.Callback):
    """Changes weights between validation and the checkpoint."""

    def on_train_epoch_end(self, trainer, module):
        scale(module, 0.5)


class Forgets(L.Callback):
    """Counts steps, and does not keep the count."""

    def __init__(self):
        self.steps = 0

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.steps += 1
        scale(module, 1 - 0.01 * self.steps)


class Unreadable(Sound):
    """Keeps what no checkpoint gives back."""

    def state_dict(self):
        return {"of": 1}

    def load_state_dict(self, state_dict):
        raise KeyError("steps")


def test_a_sound_callback_passes():
    check_callback(Sound)


BROKEN = {
    "builds": (lambda *, epochs: 1 / (epochs - epochs), "ZeroDivisionError"),
    "returns a callback": (lambda: object(), "it returns a object"),
    "runs": (Fails, "AttributeError"),
    "what is validated is saved": (TooLate, "change weights before validation begins"),
    "resumes": (Unreadable, "KeyError"),
    "a resumed run ends like a whole one": (Forgets, "differ after a resumption"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_has_a_callback_that_breaks_it(rule):
    factory, observed = BROKEN[rule]
    with pytest.raises(ContractError, match=rule) as caught:
        check_callback(factory)
    assert observed in str(caught.value)
