"""Every precision that help offers trains every installed network, or is refused in one line before data are read."""

import lightning as L
import pytest
import torch

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.annotations import choices
from fer_plugins.experiments.run import quiet
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data, build_module, check_machine

PRECISIONS = choices(config.section_keys("trainer")["precision"].type)
# As few images as there may be: one of each class for each of three people.
FEW = {"name": "synthetic", "samples": 21, "subjects": 3, "frames": 1, "batch_size": 2, "cache": "none"}
# Pixels: the recipes' 128 cost seven times as much and show nothing else. Two networks take no less than 71 and 75;
# DenseNet's last maps would be one pixel.
LARGEST, NEEDED = 48, {"inception_v3": 80, "xception": 80, "densenet121": 80}


def resolve(name, precision):
    size = config.resolve(plugin=name).config.data.image_size
    trainer = {"precision": precision, "epochs": 1, "accelerator": "cpu"}
    scheduler = {"name": "none", "warmup_epochs": 0}
    flags = {
        "data": {**FEW, "image_size": min(size, NEEDED.get(name, LARGEST))},
        "trainer": trainer,
        "scheduler": scheduler,
    }
    return config.resolve(flags, plugin=name).config


@pytest.mark.parametrize(
    "precision",
    [precision_name for precision_name in PRECISIONS if precision_name not in ("32-true", "16-mixed", "auto")],
)
@pytest.mark.parametrize("name", [component.name for component in registry.available("architecture")])
def test_every_network_trains_and_validates(name, precision):
    settings = resolve(name, precision)
    with quiet(settings):
        check_machine(settings)
        data = build_data(settings)
        module = build_module(settings, data)
        before = [parameter.detach().clone() for parameter in module.parameters()]
        trainer = L.Trainer(
            accelerator="cpu",
            precision=precision,
            max_epochs=1,
            limit_train_batches=1,
            limit_val_batches=1,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, datamodule=data)
    assert any(not torch.equal(old, new.to(old.dtype)) for old, new in zip(before, module.parameters(), strict=True))
    assert torch.isfinite(trainer.callback_metrics["val/loss"])


def test_half_precision_is_refused_on_a_cpu_with_precisions_that_work():
    with pytest.raises(InputError, match=r"trainer\.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true"):
        check_machine(resolve("lenet5", "16-mixed"))
