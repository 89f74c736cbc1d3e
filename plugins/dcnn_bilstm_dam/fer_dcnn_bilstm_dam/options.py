"""Check the options of the network: ranges and options without effect; each error names a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from fer_dcnn_bilstm_dam.attention import legal_windows
from fer_dcnn_bilstm_dam.dcnn import map_side
from fer_plugins.config.idle_options import IdleRule, refuse_idle

IDLE_OPTIONS: list[IdleRule] = [
    ("hog_mode", "grad_stack", {"hog_angle": "unsigned", "hog_draw_from": "normalised"}),
    ("hog_mode", "none", {"hog_angle": "unsigned", "hog_draw_from": "normalised"}),
    ("hog_mode", "cells_up", {"hog_draw_from": "normalised"}),
    ("hog_mode", "descriptor", {"hog_draw_from": "normalised"}),
    ("bilstm_sequence", "none", {"bilstm_merge": "sum"}),
    (
        "attn_layers",
        0,
        {
            "attn_windows": 4,
            "attn_channel_groups": 8,
            "attn_reduction": 4,
            "attn_share_kv": True,
            "attn_cross": True,
            "attn_distill": True,
            "landmark_weighting": None,
        },
    ),
    ("attn_layers", 1, {"attn_cross": True}),
    ("attn_distill", False, {"attn_reduction": 4, "attn_share_kv": True}),
    ("act", "relu", {"pcp_knots": (0.5, 2.5, 1.0), "pcp_leak": 0.0}),
    ("head", "gap_vector", {"gap_weights": True}),
    ("teacher", None, {"kd_alpha": 0.7, "kd_temperature": 4.0}),
    ("kd_alpha", 0.0, {"kd_temperature": 4.0}),
]
LARGEST = 1024  # pixels: upper end of the search for an image size that fits


def check_options(options: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Check everything that needs no module: choices, ranges, options without effect.

    Args:
        options: all options of the network by name.
        hints: types of the options by name; the choices of a ``Literal`` are taken from it.

    Raises:
        ValueError: one line that names the option and the remedy.
    """
    for name, value in options.items():
        if get_origin(hints[name]) is Literal and value not in get_args(hints[name]):
            raise ValueError(f"{name}={value!r}: use one of {', '.join(get_args(hints[name]))}")
    for name, least in (("num_classes", 1), ("image_size", 1), ("attn_layers", 0), ("attn_windows", 1)):
        if options[name] < least:
            raise ValueError(f"{name}={options[name]}: use {least} or more")
    if not 0 <= options["dropout"] < 1:
        raise ValueError(f"dropout={options['dropout']}: use a rate from 0 to below 1")
    if options["fc_step"] is not None and not options["fc_step"] > 0:
        raise ValueError(f"fc_step={options['fc_step']}: use a share above 0")
    if options["landmark_weighting"] is not None and not options["landmark_weighting"] > 0:
        raise ValueError(
            f"landmark_weighting={options['landmark_weighting']}: use a share of the side above 0, or null"
        )
    if not 0 <= options["kd_alpha"] <= 1:
        raise ValueError(f"kd_alpha={options['kd_alpha']}: give a share from 0 to 1")
    if not options["kd_temperature"] > 0:
        raise ValueError(f"kd_temperature={options['kd_temperature']}: give a number above 0")
    refuse_idle(options, IDLE_OPTIONS)


def remedy(options: Mapping[str, Any], side: int, step: int) -> str:
    """Return a hint: the window counts that fit a map of ``side``, and the smallest image size that fits the options.

    Args:
        options: all options of the network by name.
        side: side of the map in positions; 0 if there is no map.
        step: the image size must be a multiple of this.
    """
    layers, windows, distil = options["attn_layers"], options["attn_windows"], options["attn_distill"]
    ways = []
    suitable = legal_windows(side, distil)
    if suitable:
        ways.append("attn_windows=" + " or ".join(map(str, suitable)))
    for size in range(2 * step, LARGEST + 1, step):
        map_size, exact = map_side(size, options["dcnn_padding"], options["dcnn_order"])
        if exact and (not layers or windows in legal_windows(map_size, distil)):
            ways.append(f"image_size={size} (the smallest for these options)")
            break
    return "use " + " or ".join(ways or ["fewer attn_windows"])
