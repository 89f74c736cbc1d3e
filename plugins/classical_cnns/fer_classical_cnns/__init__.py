"""The seven architectures with which Elsheikh et al. (Scientific Reports 14, 2024) compare, as built by timm.

There is one factory per architecture; all share ``ClassicalCNN``. The minimum image sizes are those of Keras, which the
paper used: 32 pixels, 75 for Inception-v3, 71 for Xception.
"""

from __future__ import annotations

from fer_classical_cnns.efficientnet import efficientnet_b0
from fer_classical_cnns.inception import inception_v3, xception
from fer_classical_cnns.skip_connections import densenet121, resnet50
from fer_classical_cnns.vgg import vgg16, vgg19

__all__ = ["densenet121", "efficientnet_b0", "inception_v3", "resnet50", "vgg16", "vgg19", "xception"]
