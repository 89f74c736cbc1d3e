"""check_loss: sound losses pass, and every rule has a loss that breaks it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_plugins.testing import ContractError, check_loss


def loss(forward=F.cross_entropy, *, parameter=False, buffer=None):
    """Return a factory of a loss that computes ``forward``."""

    class Loss(nn.Module):
        """A loss."""

        def __init__(self, *, num_classes: int) -> None:
            super().__init__()
            if parameter:
                self.centres = nn.Parameter(torch.zeros(num_classes))

        def forward(self, logits, target):
            return forward(logits, target)

    return Loss


def of_labels(logits, target):
    return F.cross_entropy(logits, target.argmax(1) if target.is_floating_point() else target)


def at_random(logits, target):
    return F.cross_entropy(logits, target) * (1 + torch.rand(()))


def of_the_first(logits, target):
    return F.cross_entropy(logits[:1], target[:1])


def without_log_softmax(logits, target):
    shares = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])
    return -(shares * torch.softmax(logits, 1).log()).sum(1).mean()


def in_float32(logits, target):
    weight = torch.ones(logits.shape[1])
    return F.cross_entropy(logits, target, weight=weight)


def test_a_sound_loss_passes():
    check_loss(loss())


BROKEN = {
    "builds": (lambda *, num_classes: 1 / (num_classes - 3), "ZeroDivisionError"),
    "returns a module": (lambda *, num_classes: F.cross_entropy, "it returns a function"),
    "has no trainable parameters": (loss(parameter=True), "centres would never be trained"),
    "runs": (loss(lambda logits, target: F.nll_loss(logits, target)), "shares"),
    "returns a finite scalar": (loss(lambda logits, target: F.cross_entropy(logits, target, reduction="none")), "6,"),
    "gradients": (loss(lambda logits, target: F.cross_entropy(logits.detach(), target)), "does not require grad"),
    "a better prediction costs less": (loss(lambda logits, target: -F.cross_entropy(logits, target)), "costs -"),
    "deterministic": (loss(at_random), "then"),
    "the order of a batch does not matter": (loss(of_the_first), "reversed"),
    "takes float64": (loss(in_float32), "RuntimeError"),
    "reads the shares": (loss(of_labels), "the largest alone"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_has_a_loss_that_breaks_it(rule):
    factory, observed = BROKEN[rule]
    with pytest.raises(ContractError, match=rule) as caught:
        check_loss(factory)
    assert observed in str(caught.value)


def test_a_probability_of_zero_is_found():
    with pytest.raises(ContractError, match="returns a finite scalar"):
        check_loss(loss(without_log_softmax))
