"""The window poolings of the core. All names exported here are also for use by plug-ins."""

from fer_plugins.pooling.blur_stages import MaxBlurPool
from fer_plugins.pooling.max_blur import FAMILIES, PRESETS, Settings, blur_taps, build_max_blur, max_blur_pool
from fer_plugins.pooling.plain import average_pool, max_pool
from fer_plugins.pooling.strided import blur_strided_convolutions

__all__ = [
    "FAMILIES",
    "PRESETS",
    "MaxBlurPool",
    "Settings",
    "average_pool",
    "blur_strided_convolutions",
    "blur_taps",
    "build_max_blur",
    "max_blur_pool",
    "max_pool",
]
