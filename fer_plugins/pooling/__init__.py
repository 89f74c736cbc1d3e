"""The window poolings of the core. For plug-ins too: everything that this module names."""

from fer_plugins.pooling.blur_stages import MaxBlurPool
from fer_plugins.pooling.max_blur import FAMILIES, PRESETS, Settings, blur_taps, build_max_blur, max_blur_pool
from fer_plugins.pooling.plain import average_pool, max_pool

__all__ = [
    "FAMILIES",
    "PRESETS",
    "MaxBlurPool",
    "Settings",
    "average_pool",
    "blur_taps",
    "build_max_blur",
    "max_blur_pool",
    "max_pool",
]
