"""Networks commonly cited for FER-2013 without extra data, and one of our own.

VGG, ResNet and Inception of Pramerdorfer and Kampel (arXiv:1612.02903), the VGG of Khaireddin and Chen
(arXiv:2105.03588) and the residual network `fer_compact`.
"""

from fer_fer2013_baselines.compact import FERCompact
from fer_fer2013_baselines.inception import PramerdorferInception
from fer_fer2013_baselines.resnet import PramerdorferResNet
from fer_fer2013_baselines.vgg import KhaireddinVGG, PramerdorferVGG

__all__ = ["FERCompact", "KhaireddinVGG", "PramerdorferInception", "PramerdorferResNet", "PramerdorferVGG"]
