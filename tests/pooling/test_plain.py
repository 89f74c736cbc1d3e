"""Max and average pooling: sizes, and arguments that are refused."""

import pytest
import torch
import torch.nn.functional as F
from support.pooling_checks import noise

from fer_plugins.pooling import average_pool, max_pool


@pytest.mark.parametrize("factory", [max_pool, average_pool])
def test_plain_poolings(factory):
    name = "max" if factory is max_pool else "average"
    x = noise(2, 3, 15, 22)
    reference = F.max_pool2d if factory is max_pool else F.avg_pool2d
    assert torch.equal(factory(2)(x), reference(x, 2, 2))
    assert torch.equal(factory(3, 2)(x), reference(x, 3, 2))
    assert factory(2, 2, ceil_mode=True)(x).shape[-2:] == (8, 11)
    assert factory(3, 2, padding=1)(x).shape[-2:] == (8, 11)
    assert factory(3, 2, padding=1)(torch.ones(1, 1, 7, 7)).unique().tolist() == [1]
    with pytest.raises(ValueError, match=rf"^{name}: a map of 1x5 pixels.*2x2 window.*image_size"):
        factory(2)(torch.zeros(1, 1, 1, 5))
    for bad in ({"kernel_size": 0}, {"kernel_size": 2, "stride": 0}, {"kernel_size": 3, "padding": 2}):
        with pytest.raises(ValueError, match=f"^{name}: "):
            factory(**bad)
