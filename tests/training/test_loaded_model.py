"""A model from a checkpoint predicts what its own run recorded, without a further call."""

import torch

from fer_plugins import config
from fer_plugins.experiments.run import run
from fer_plugins.training.build import build_data
from fer_plugins.training.module import FERModule


def test_a_loaded_model_gives_the_recorded_answers(tmp_path):
    section = {"name": "synthetic", "samples": 63, "subjects": 3, "workers": 0}
    settings = {"plugin": "conv_relu_ann", "data": section, "logger": "none", "run": {"output": str(tmp_path)}}
    record = run({**settings, "trainer": {"epochs": 1, "progress": "none"}})
    module = FERModule.load_from_checkpoint(record.checkpoints / "best.ckpt")
    assert not any(split.training for split in module.modules())
    assert any(isinstance(split, torch.nn.Dropout) and split.p > 0 for split in module.modules())
    data = build_data(config.read_config(record.config))
    data.setup("validate")
    rows = data.rows("val")
    images = torch.from_numpy(data.row_images(rows)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        shares = module(images).softmax(1)
    recorded = {row["source"]: row for row in record.predictions() if row["split"] == "val"}
    wanted = [[float(recorded[name][f"p_{kind}"]) for kind in module.classes] for name in data.source_names(rows)]
    torch.testing.assert_close(shares, torch.tensor(wanted), rtol=0, atol=2e-4)
