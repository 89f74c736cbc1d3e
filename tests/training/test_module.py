import pytest
import torch

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.contract import Batch
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.training.module import FERModule, build_network

CLASSES = list("abcdefg")


def batch(size=4, pixels=24):
    generator = torch.Generator().manual_seed(0)
    return Batch(torch.arange(size), torch.rand(size, 1, pixels, pixels, generator=generator), torch.arange(size) % 7)


def module(**flags):
    settings = config.resolve(flags, plugin="toy").config
    torch.manual_seed(0)
    return FERModule(settings, CLASSES, [1, 2, 3, 4, 5, 6, 7])


def test_the_auxiliary_loss_is_added_and_logged_apart(toy):
    plain, with_penalty = module(), module(model={"penalty": 0.5})
    torch.manual_seed(1)
    base = plain.training_step(batch(), 0)
    torch.manual_seed(1)
    total = with_penalty.training_step(batch(), 0)
    extra = 0.5 * with_penalty.network.head.weight.square().sum()
    assert float((total - base).detach()) == pytest.approx(float(extra.detach()), rel=1e-4)
    means = with_penalty.epoch_means()
    assert means["train/auxiliary_loss"] == pytest.approx(float(extra.detach()), rel=1e-5)
    assert means["train/loss"] == pytest.approx(float(base.detach()), rel=1e-5)


def test_the_criterion_weight_of_the_model_is_taken(toy):
    plain = module()
    torch.manual_seed(1)
    whole = plain.training_step(batch(), 0)
    plain.network.criterion_weight = 0.25
    torch.manual_seed(1)
    assert float(plain.training_step(batch(), 0).detach()) == pytest.approx(0.25 * float(whole), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_epoch_and_step(toy):
    broken = module(model={"explode_at": 2})
    broken.training_step(batch(), 0)
    with pytest.raises(RunError, match="nan at epoch 1, step 2.*last complete epoch, if any, is kept"):
        broken.training_step(batch(), 1)


def test_a_checkpoint_is_loaded_without_further_arguments(toy, tmp_path):
    import lightning

    trained = module(model={"width": 5, "pool": "max_blur"})
    trainer = lightning.Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False, barebones=False)
    trainer.strategy.connect(trained)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    again = FERModule.load_from_checkpoint(tmp_path / "model.ckpt")
    assert again.classes == CLASSES
    trained.eval()
    again.eval()
    image = batch().image
    assert torch.equal(trained(image), again(image))


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint at all"])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "x.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="x.ckpt: not a readable checkpoint"):
        FERModule.load_from_checkpoint(path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save({"state_dict": {}, "hyper_parameters": {"config": Evil(), "classes": []}}, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match=r"evil.ckpt"):
        FERModule.load_from_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "written").exists()


def test_channels_last_changes_the_layout_and_not_the_answer(toy):
    plain, last = module().eval(), module(trainer={"channels_last": True}).eval()
    assert last.network.features[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(plain(batch().image), last(batch().image), atol=1e-5)


def test_every_pooling_of_the_configuration_is_built(toy):
    for component in registry.available("pooling"):
        settings = config.resolve({"model": {"pool": component.name}}, plugin="toy").config
        assert build_network(settings, 7)(torch.zeros(1, 1, 24, 24)).shape == (1, 7)


def test_the_network_s_own_groups_reach_the_optimiser(toy):
    grouped = module(optimizer={"name": "AdamW", "weight_decay": 0.0})
    network = grouped.network
    other_parameters = [parameter for name, parameter in network.named_parameters() if name != "head.weight"]
    network.parameter_groups = lambda: [
        {"params": [network.head.weight], "weight_decay": 0.3},
        {"params": other_parameters},
    ]
    optimizer = grouped.configure_optimizers()
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(network.parameters()))


@pytest.mark.parametrize("fault", ["missing", "twice"])
def test_groups_that_are_not_the_network_are_refused(toy, fault):
    broken = module()
    parameters = list(broken.network.parameters())
    listed = parameters[1:] if fault == "missing" else [*parameters, parameters[0]]
    broken.network.parameter_groups = lambda: [{"params": listed}]
    with pytest.raises(registry.PluginError, match="must hold each of the 4 trainable parameters once"):
        broken.configure_optimizers()


def test_frozen_parameters_do_not_reach_the_optimiser(toy):
    frozen = module()
    frozen.network.features.requires_grad_(False)
    optimizer = frozen.configure_optimizers()
    assert [id(parameter) for parameter in optimizer.param_groups[0]["params"]] == [
        id(frozen.network.head.weight),
        id(frozen.network.head.bias),
    ]
    frozen.network.requires_grad_(False)
    with pytest.raises(InputError, match="no trainable parameter"):
        frozen.configure_optimizers()
