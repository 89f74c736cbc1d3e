"""Invariants of MaxBlurPool: kernels, constants, shifts, frequencies; and what holds of it as a module."""

from functools import partial

import pytest
import torch
from support import pooling_checks as checks

from fer_plugins.pooling import blur_taps, max_blur_pool, max_pool

PRESETS = ("wide_max", "zhang", "kornia")
KERNELS = [(family, size) for family in ("binomial", "box") for size in range(1, 8)]


@pytest.mark.parametrize(("family", "size"), KERNELS)
def test_kernel_sums_to_one_and_is_symmetric(family, size):
    checks.kernel_sums_to_one_and_is_symmetric(max_blur_pool, family, size)


def test_taps_of_the_families():
    assert blur_taps(6, "binomial") == (1, 5, 10, 10, 5, 1)
    assert blur_taps(7, "binomial") == (1, 6, 15, 20, 15, 6, 1)
    assert [sum(blur_taps(k, "binomial")) for k in range(1, 8)] == [2 ** (k - 1) for k in range(1, 8)]


@pytest.mark.parametrize("order", ["max_blur", "blur_max"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_constant_stays_constant_for_every_setting(order, padding):
    for family, size in KERNELS:
        checks.constant_stays_constant(max_blur_pool, family, size, order, padding)


@pytest.mark.parametrize(
    ("geometries", "size", "family", "n", "corner"),
    [
        (("tf_same",), 2, None, 16, 1.0),
        (("tf_same", "zhang"), 2, None, 15, 0.25),
        (("tf_same", "zhang", "kornia"), 3, "binomial", 15, 0.5625),
        (("tf_same", "zhang", "kornia"), 4, "binomial", 16, 0.7656),
        (("tf_same", "zhang"), 4, "binomial", 15, 0.25),
        (("tf_same", "zhang", "kornia"), 5, "binomial", 15, 0.4727),
    ],
)
def test_zero_fill_darkens_corners_by_the_known_amount(geometries, size, family, n, corner):
    checks.zero_fill_darkens_corners(max_blur_pool, geometries, size, family, n, corner)


@pytest.mark.parametrize(("family", "size"), [(f, k) for f, k in KERNELS if k > 1 and (f != "box" or k % 2 == 0)])
def test_checkerboard_blurs_to_zero(family, size):
    """Every kernel has a zero at the highest frequency, but for the box of odd size, which is no such filter."""
    checks.checkerboard_blurs_to_zero(max_blur_pool, family, size)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["max_blur", "blur_max"])
def test_shift_by_the_stride_is_a_shift_by_one(stride, order):
    """Circular fill; without max, or with one that wraps: here the image is tiled, which makes any max wrap."""
    for family, size in KERNELS:
        checks.shift_by_the_stride_is_a_shift_by_one(max_blur_pool, family, size, stride, order)


@pytest.mark.parametrize("shape", [(16, 16), (42, 22)])
@pytest.mark.parametrize("m", [1, 2, 4])
def test_mean_is_unmoved_by_one_pixel_shifts(shape, m):
    """Max pooling alone, and no blur, do move it."""
    families = {"binomial": range(2, 8), "box": (2, 4, 6)}
    checks.mean_is_unmoved_by_one_pixel_shifts(max_blur_pool, families, shape, m)
    assert checks.spread_of_means(checks.blur(max_blur_pool, blur_size=1), shape, m) > 1e-3
    assert checks.spread_of_means(max_pool(2, 2), shape, m) > 1e-3


def test_shift_error_falls_with_the_blur():
    errors = [checks.shift_error(max_pool(2, 2), 1)]
    for size in (2, 3, 4, 5):
        pool = checks.blur(max_blur_pool, blur_size=size, kernel_family="binomial", pad_fill="circular")
        errors.append(checks.shift_error(pool, 2))
    assert errors == sorted(errors, reverse=True)
    assert errors == pytest.approx([0.876, 0.540, 0.411, 0.328, 0.278], abs=0.02)


@pytest.mark.parametrize(
    ("size", "family", "gain"), [(2, None, 0.707), (3, "binomial", 0.5), (4, "binomial", 0.354), (5, "binomial", 0.25)]
)
def test_frequency_response_at_half_the_highest_frequency(size, family, gain):
    checks.gain_at_half_the_highest_frequency(max_blur_pool, size, family, gain)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("holds", checks.OF_A_PRESET, ids=lambda check: check.__name__)
def test_every_preset(holds, preset):
    holds(partial(max_blur_pool, preset=preset))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    factory = partial(max_blur_pool, blur_size=4, kernel_family="binomial")
    checks.same_number_in_every_dtype(factory, dtype)
