"""The losses of the core against their papers' formulae, and in a run."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.schema import LossConfig
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_loss
from fer_plugins.training import criterion

COUNTS = [10, 30, 60]
LOGITS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 3
SHARES = torch.softmax(torch.randn(20, 3, generator=torch.Generator().manual_seed(1)), 1)


def build(name, counts=COUNTS, **options):
    return criterion.build_criterion(LossConfig(name=name, options=options), 3, counts)


def test_balanced_weights_have_mean_one_over_the_samples():
    weights = build("cross_entropy", label_smoothing=0.0, class_weights="balanced").weight
    assert weights[0] / weights[2] == pytest.approx(6)
    assert float((weights * torch.tensor(COUNTS)).sum()) / sum(COUNTS) == pytest.approx(1)
    plain = build("cross_entropy", label_smoothing=0.1, class_weights="none")
    assert plain.weight is None
    assert plain.label_smoothing == 0.1


@pytest.mark.parametrize("target", [LABELS, SHARES], ids=["labels", "shares"])
def test_cross_entropy_is_torchs_bit_for_bit(target):
    weight = torch.tensor([100 / 30, 100 / 90, 100 / 180])
    theirs = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)(LOGITS, target)
    ours = build("cross_entropy", label_smoothing=0.1, class_weights="balanced")
    assert torch.equal(ours(LOGITS, target), theirs)
    assert list(ours.state_dict()) == ["weight"]  # as checkpoints of version 0.1.0 have it


def test_focal_is_equation_5():
    p = torch.softmax(LOGITS.double(), 1)[torch.arange(20), LABELS]
    assert float(build("focal", gamma=2.0)(LOGITS, LABELS)) == pytest.approx(float((-((1 - p) ** 2) * p.log()).mean()))
    weights = torch.tensor([100 / 30, 100 / 90, 100 / 180])[LABELS]
    weighted = (-weights * (1 - p) ** 0.5 * p.log()).mean()
    assert float(build("focal", gamma=0.5, class_weights="balanced")(LOGITS, LABELS)) == pytest.approx(float(weighted))


@pytest.mark.parametrize("target", [LABELS, SHARES], ids=["labels", "shares"])
def test_focal_of_gamma_0_is_the_cross_entropy(target):
    assert torch.allclose(build("focal", gamma=0.0)(LOGITS, target), F.cross_entropy(LOGITS, target))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_of_focal_are_finite_at_probability_one(gamma):
    logits = torch.tensor([[200.0, 0.0, 0.0], [-200.0, 0.0, 0.0]], requires_grad=True)
    build("focal", gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad.isfinite().all()


def test_class_balanced_weights_are_inverse_to_the_effective_number():
    beta = 0.9
    effective = (1 - beta ** np.array(COUNTS)) / (1 - beta)
    weights = build("class_balanced", beta=beta).weight.numpy()
    np.testing.assert_allclose(weights / weights[0], effective[0] / effective, rtol=1e-5)
    assert weights.sum() == pytest.approx(3)
    np.testing.assert_allclose(build("class_balanced", beta=0.0).weight.numpy(), 1)
    near = build("class_balanced", beta=1 - 1e-9).weight.numpy()
    np.testing.assert_allclose(near * COUNTS, (near * COUNTS)[0], rtol=1e-4)


def test_class_balanced_refuses_what_it_cannot_weigh():
    with pytest.raises(InputError, match=r"beta is 1.*give a number below 1"):
        build("class_balanced", beta=1.0)
    with pytest.raises(InputError, match="without training images"):
        build("class_balanced", counts=[1, 0, 2])


@pytest.mark.parametrize("component", registry.available("loss"), ids=lambda component: component.name)
def test_every_installed_loss_keeps_the_contract(component):
    check_loss(registry.load(component))


def settings(tmp_path, **more):
    return {
        "plugin": "toy", "trainer": {"epochs": 2, "threads": 1, "progress": "none"}, "logger": "csv",
        "data": {"name": "synthetic", "samples": 63, "subjects": 3}, "run": {"output": str(tmp_path / "runs")}, **more,
    }  # fmt: skip


def test_a_run_with_focal_says_so_and_trains_otherwise(toy, tmp_path):
    plain = run(settings(tmp_path))
    focal = run(settings(tmp_path, loss={"name": "focal", "gamma": 3.0}))
    assert plain.config["loss"] == {"name": "cross_entropy", "label_smoothing": 0.0, "class_weights": "none"}
    assert focal.config["loss"] == {"name": "focal", "gamma": 3.0, "class_weights": "none"}
    assert plain.metrics["test"]["loss"] != focal.metrics["test"]["loss"]


@pytest.mark.parametrize(
    ("loss", "data", "says"),
    [
        ({"name": "fokal"}, {}, "unknown loss 'fokal'; did you mean focal?"),
        ({"name": "focal", "gamma": -1}, {}, "loss.gamma: expected float >= 0, got -1"),
        ({"name": "focal", "label_smoothing": 0.1}, {}, "loss.label_smoothing: unknown option of loss focal"),
        ({"name": "class_balanced", "beta": 1.0}, {}, "beta is 1"),
        ({"name": "class_balanced"}, {"balance": "oversample"}, "together they correct twice; leave one out"),
        ({"class_weights": "balanced"}, {"balance": "augment"}, "together they correct twice; leave one out"),
    ],
)
def test_wrong_losses_write_nothing(toy, tmp_path, loss, data, says):
    config = settings(tmp_path, loss=loss)
    config["data"] = {**config["data"], **data}
    with pytest.raises(InputError) as caught:
        run(config)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_another_loss_of_a_layer_above_drops_the_options_of_the_one_below(toy, tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text("loss: {name: cross_entropy, label_smoothing: 0.1, class_weights: balanced}\n")
    assert config.resolve({"loss": "focal"}, plugin="toy", files=[str(file)]).config.as_dict()["loss"] == {
        "name": "focal", "gamma": 2.0, "class_weights": "none",
    }  # fmt: skip


def test_a_loss_with_parameters_of_its_own_is_refused(toy, make_distribution, tmp_path):
    source = """
        from torch import nn
        class Centres(nn.Module):
            def __init__(self, *, num_classes: int):
                super().__init__()
                self.centres = nn.Linear(num_classes, num_classes)
            def forward(self, logits, target):
                return self.centres(logits).square().mean()
    """
    make_distribution("centre_loss", [("losses", "centres", "centre_loss:Centres")], source)
    with pytest.raises(InputError, match=r"centres\.weight would never be trained"):
        run(settings(tmp_path, loss="centres"))
