"""The poolings: sizes, equivalences and invariants of MaxBlurPool (AA-DCN; Zhang 2019)."""

import itertools
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.pooling import average_pool, blur_taps, max_blur_pool, max_pool

PRESETS = (
    "paper_text",
    "paper_kernel4",
    "paper_both4",
    "paper_literal_stride",
    "paper_stacked",
    "paper_step2",
    "zhang",
    "kornia",
)
FAMILIES = {"paper": range(1, 6), "binomial": range(1, 8), "box": range(1, 8)}
KERNELS = [(family, size) for family, sizes in FAMILIES.items() for size in sizes]
GEOMETRIES = ("tf_same", "zhang", "kornia", "none")
FILLS = ("zero", "reflect", "replicate", "circular")


def blur(kernel_size=2, stride=2, **options):
    """A pooling with the max switched off; the families have the same taps, and are refused, below three."""
    if options.get("blur_size", 3) < 3:
        options.pop("kernel_family", None)
    return max_blur_pool(kernel_size, stride, max_size=1, **options)


def noise(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# Sizes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [8, 8, 11, 21, 24, 24, 50, 61]),
        ({"preset": "paper_kernel4"}, [8, 8, 11, 21, 24, 24, 50, 61]),
        ({"preset": "paper_both4"}, [8, 8, 11, 21, 24, 24, 50, 61]),
        ({"preset": "zhang"}, [7, 8, 10, 21, 23, 24, 50, 61]),
        ({"preset": "zhang", "max_size": 4}, [6, 7, 9, 20, 22, 23, 49, 60]),
        ({"preset": "kornia", "blur_size": 2}, [7, 7, 10, 20, 23, 23, 49, 60]),
        ({"preset": "kornia", "blur_size": 4}, [7, 7, 10, 20, 23, 23, 49, 60]),
        ({"preset": "kornia"}, [7, 8, 10, 21, 23, 24, 50, 61]),
        ({"preset": "kornia", "blur_size": 5}, [7, 8, 10, 21, 23, 24, 50, 61]),
    ],
)
def test_output_sizes(options, expected):
    sizes = [15, 16, 21, 42, 47, 48, 100, 122]
    pool = max_blur_pool(2, 2, **options)
    assert [pool(torch.zeros(1, 1, n, n)).shape[-1] for n in sizes] == expected
    by_size = dict(zip(sizes, expected, strict=True)) | {22: pool(torch.zeros(1, 1, 22, 22)).shape[-1]}
    assert pool(torch.zeros(2, 3, 15, 22)).shape == (2, 3, by_size[15], by_size[22])


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(8, 30),
    width=st.integers(8, 30),
    max_size=st.integers(1, 5),
    max_padding=st.sampled_from(["same", "valid"]),
    size=st.integers(1, 7),
    stride=st.integers(1, 4),
    geometry=st.sampled_from(GEOMETRIES),
)
def test_output_size_formulae(height, width, max_size, max_padding, size, stride, geometry):
    pool = max_blur_pool(
        2,
        stride,
        preset="zhang",
        max_size=max_size,
        max_padding=max_padding,
        blur_size=size,
        pad_geometry=geometry,
        pad_fill=None if geometry == "none" else "zero",
    )

    def expected(side):
        n = side if max_padding == "same" else side - max_size + 1
        if geometry in ("tf_same", "zhang"):
            return math.ceil(n / stride)
        return (n + (2 * ((size - 1) // 2) if geometry == "kornia" else 0) - size) // stride + 1

    if min(expected(height), expected(width)) < 1:
        with pytest.raises(ValueError, match=f"{height}x{width}"):
            pool(torch.zeros(1, 1, height, width))
    else:
        assert pool(torch.zeros(1, 1, height, width)).shape[-2:] == (expected(height), expected(width))


def side_lengths(pool, side):
    """Sides after each pooling of AA-DCN: three valid 3x3 convolutions before the first two, two before the last."""
    sides = []
    for convolutions in (3, 3, 2):
        side -= 2 * convolutions
        if side < 1:
            break
        side = pool(torch.zeros(1, 1, side, side)).shape[-1]
        sides.append(side)
    return sides


@pytest.mark.parametrize(
    ("preset", "sides"),
    [
        ("paper_text", [21, 8, 2]),
        ("paper_kernel4", [21, 8, 2]),
        ("paper_both4", [21, 8, 2]),
        ("paper_step2", [21, 7, 1]),
        ("zhang", [21, 7, 1]),
        ("kornia", [21, 7, 1]),
        ("paper_literal_stride", [11, 2]),  # nothing is left for the convolutions before the third pooling
        ("paper_stacked", [11, 2]),
    ],
)
def test_sizes_in_aa_dcn_at_48_pixels(preset, sides):
    assert side_lengths(max_blur_pool(2, 2, preset=preset), 48) == sides


@pytest.mark.parametrize(
    ("options", "size", "reason"),
    [
        ({"preset": "zhang", "blur_size": 4}, "3x3", "reflect padding of 2"),
        ({"preset": "zhang", "blur_size": 5}, "3x3", "reflect padding of 2"),
        ({"preset": "kornia", "blur_size": 2}, "2x2", "2x2 blur"),
        ({"preset": "kornia", "blur_size": 4}, "2x2", "4x4 blur"),
        ({"preset": "zhang", "max_size": 4}, "2x2", "valid 4x4 max"),
    ],
)
def test_third_pooling_of_aa_dcn_at_48_pixels_refuses(options, size, reason):
    with pytest.raises(ValueError, match=f"{size} pixels is too small.*{reason}.*image_size") as caught:
        side_lengths(max_blur_pool(2, 2, **options), 48)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("fill", "refused"), [("reflect", 3), ("circular", 2)])
def test_padding_as_large_as_the_map(fill, refused):
    pool = blur(preset="zhang", blur_size=7, pad_fill=fill)  # pads 3 before and 3 after
    assert pool(torch.ones(1, 1, refused + 1, refused + 1)).allclose(torch.ones(()))
    for shape in ((refused, 20), (20, refused)):
        with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]} pixels.*{fill} padding of 3"):
            pool(torch.ones(1, 1, *shape))


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


# Equivalences


@pytest.mark.parametrize("shape", [(42, 42), (16, 22), (2, 4)])
def test_paper_text_is_spread_max_and_average_on_even_sizes(shape):
    x = noise(2, 3, *shape)
    spread = F.max_pool2d(F.pad(x, (1, 2, 1, 2), value=-math.inf), 4, 1)
    torch.testing.assert_close(max_blur_pool(2, 2)(x), F.avg_pool2d(spread, 2, 2), rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(15, 22), (42, 42)])
def test_zhang_is_max_and_reflected_binomial_filter(size, shape):
    x = noise(2, 3, *shape)
    taps = torch.tensor([math.comb(size - 1, i) for i in range(size)], dtype=x.dtype) / 2 ** (size - 1)
    y = F.max_pool2d(x, 2, 1)
    y = F.pad(y, ((size - 1) // 2, size // 2, (size - 1) // 2, size // 2), mode="reflect")
    rows = y.unfold(2, size, 2) @ taps
    expected = rows.unfold(3, size, 2) @ taps
    result = max_blur_pool(2, 2, preset="zhang", blur_size=size)(x)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_kornia_is_max_and_zero_padded_convolution(size):
    x = noise(2, 1, 15, 22)
    taps = torch.tensor([math.comb(size - 1, i) for i in range(size)], dtype=x.dtype) / 2 ** (size - 1)
    kernel = taps[:, None] @ taps[None, :]
    expected = F.conv2d(F.max_pool2d(x, 2, 1), kernel[None, None], stride=2, padding=(size - 1) // 2)
    result = max_blur_pool(2, 2, preset="kornia", blur_size=size)(x)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("preset", ["zhang", "kornia"])
def test_open_window_and_stride_are_the_architectures(preset):
    x = noise(1, 2, 20, 23)
    torch.testing.assert_close(
        max_blur_pool(3, preset=preset)(x), max_blur_pool(2, 2, preset=preset, max_size=3, blur_stride=3)(x)
    )
    assert max_blur_pool(3, preset=preset)(x).shape[-2:] == (6, 7)  # of 18 x 21
    assert max_blur_pool(2, 1, preset=preset)(x).shape[-2:] == (19, 22)
    assert torch.equal(max_blur_pool(3, 2)(x), max_blur_pool(2, 2)(x))  # paper_text brings its own window


def test_stacked_and_step2_are_their_stages():
    x = noise(1, 2, 24, 32)
    once = max_blur_pool(2, 2, preset="paper_kernel4")(x)
    stacked = max_blur_pool(2, 2, preset="paper_stacked")(x)
    torch.testing.assert_close(stacked, F.avg_pool2d(once, 2, 2))
    step2 = max_blur_pool(2, 2, preset="paper_step2")(x)
    torch.testing.assert_close(step2, F.max_pool2d(blur(stride=1, blur_size=4)(x), 2, 2))
    literal = max_blur_pool(2, 2, preset="paper_literal_stride")(x)
    torch.testing.assert_close(literal, max_blur_pool(2, 4)(x))
    assert literal.shape == stacked.shape == (1, 2, 6, 8)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_max_pads_less_before_than_after(m, stride):
    """With order blur_max and no blur, what is left is a SAME max; compared with a loop over its windows."""
    x = noise(1, 1, 7, 11)
    result = max_blur_pool(m, stride, max_size=m, max_padding="same", blur_size=1, order="blur_max")(x)[0, 0]
    starts = []
    for n in (7, 11):
        out = math.ceil(n / stride)
        before = max((out - 1) * stride + m - n, 0) // 2
        starts.append([range(max(i * stride - before, 0), min(i * stride - before + m, n)) for i in range(out)])
    expected = [[x[0, 0, r.start : r.stop, c.start : c.stop].max() for c in starts[1]] for r in starts[0]]
    assert result.tolist() == [[float(v) for v in row] for row in expected]


# Invariants 1 to 6


@pytest.mark.parametrize(("family", "size"), KERNELS)
def test_kernel_sums_to_one_and_is_symmetric(family, size):
    """The response to an impulse is the kernel itself."""
    x = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    x[..., 7, 7] = 1
    kernel = blur(stride=1, blur_size=size, kernel_family=family, pad_geometry="none")(x)[0, 0]
    assert kernel.sum() == pytest.approx(1, abs=1e-14)
    for mirrored in (kernel.flip(0), kernel.flip(1), kernel.T):
        torch.testing.assert_close(mirrored, kernel, rtol=0, atol=1e-16)


def test_printed_kernels():
    assert [blur_taps(k, "paper") for k in (2, 3, 4, 5)] == [(2, 2), (1, 2, 1), (1, 4, 4, 1), (1, 4, 6, 4, 1)]
    assert [sum(blur_taps(k, "paper")) ** 2 for k in (2, 3, 4, 5)] == [16, 16, 100, 256]
    assert blur_taps(6, "binomial") == (1, 5, 10, 10, 5, 1)
    assert blur_taps(7, "binomial") == (1, 6, 15, 20, 15, 6, 1)
    assert [sum(blur_taps(k, "binomial")) for k in range(1, 8)] == [2 ** (k - 1) for k in range(1, 8)]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(15, 22), (16, 16), (21, 42), (47, 30)])
def test_constant_stays_constant_for_every_preset(preset, shape):
    y = max_blur_pool(2, 2, preset=preset)(torch.full((1, 2, *shape), 0.7, dtype=torch.float64))
    inside = y[..., 1:-1, 1:-1]
    assert inside.numel()
    torch.testing.assert_close(inside, torch.full_like(inside, 0.7), rtol=0, atol=1e-14)


@pytest.mark.parametrize("order", ["max_blur", "blur_max"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_constant_stays_constant_for_every_setting(order, padding):
    for shape, (family, size), geometry, fill, stride, m in itertools.product(
        [(15, 22), (16, 17)], KERNELS, GEOMETRIES, FILLS, (1, 2, 3), (1, 3)
    ):
        pool = max_blur_pool(
            2,
            stride,
            max_size=m,
            max_padding=padding,
            blur_size=size,
            kernel_family=family if size > 2 else None,
            pad_geometry=geometry,
            pad_fill=None if geometry == "none" else fill,
            order=order,
        )
        y = pool(torch.ones(1, 1, *shape, dtype=torch.float64))
        if geometry != "none" and fill == "zero":  # at most three pixels are added on a side
            rim = math.ceil(3 / stride)
            y = y[..., rim:-rim, rim:-rim]
        assert y.numel()
        torch.testing.assert_close(y, torch.ones_like(y), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("geometries", "size", "family", "n", "corner"),
    [
        (("tf_same",), 2, "paper", 16, 1.0),
        (("tf_same", "zhang"), 2, "paper", 15, 0.25),
        (("tf_same", "zhang", "kornia"), 3, "paper", 15, 0.5625),
        (("tf_same", "zhang", "kornia"), 4, "paper", 16, 0.81),
        (("tf_same", "zhang", "kornia"), 4, "binomial", 16, 0.7656),
        (("tf_same", "zhang"), 4, "binomial", 15, 0.25),
        (("tf_same", "zhang"), 4, "paper", 15, 0.25),
        (("tf_same", "zhang", "kornia"), 5, "paper", 15, 0.4727),
    ],
)
def test_zero_fill_darkens_corners_by_the_known_amount(geometries, size, family, n, corner):
    for geometry in geometries:
        y = blur(blur_size=size, kernel_family=family, pad_geometry=geometry)(torch.ones(1, 1, n, n))
        assert y.min().item() == pytest.approx(corner, abs=5e-5), geometry


@pytest.mark.parametrize(("family", "size"), [(f, k) for f, k in KERNELS if k > 1 and (f != "box" or k % 2 == 0)])
def test_checkerboard_blurs_to_zero(family, size):
    """Every kernel has a zero at the highest frequency, but for the box of odd size, which is no such filter."""
    for height, width in ((15, 22), (16, 16), (21, 24)):
        board = (-1.0) ** torch.arange(height)[:, None] * (-1.0) ** torch.arange(width)
        y = blur(blur_size=size, kernel_family=family, pad_geometry="none")(board[None, None].double())
        assert y.abs().max() < 1e-15


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["max_blur", "blur_max"])
def test_shift_by_the_stride_is_a_shift_by_one(stride, order):
    """Circular fill; without max, or with one that wraps: here the image is tiled, which makes any max wrap."""
    x = noise(1, 2, 24, 36)
    for (family, size), geometry in itertools.product(KERNELS, ("tf_same", "zhang")):
        options = {"blur_size": size, "kernel_family": family, "pad_geometry": geometry, "pad_fill": "circular"}
        pool = blur(stride=stride, order=order, **options)
        shifted = pool(x.roll((stride, stride), (2, 3)))
        torch.testing.assert_close(shifted, pool(x).roll((1, 1), (2, 3)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("preset", PRESETS)
def test_shift_by_the_stride_for_every_preset(preset):
    """A tiled image stands for a circular max; the middle of the output is then free of the borders."""
    pool = max_blur_pool(2, 2, preset=preset, pad_fill="circular")
    x = noise(1, 2, 48, 48).tile(1, 1, 2, 2)
    step = 96 // pool(x).shape[-1]
    shifted, still = pool(x.roll((step, step), (2, 3))), pool(x)
    middle = slice(3, -3)
    torch.testing.assert_close(shifted[..., middle, middle], still.roll((1, 1), (2, 3))[..., middle, middle])


def circular_max(x, m):
    """Max of window m and stride 1 on a torus."""
    return torch.stack([x.roll((-i, -j), (-2, -1)) for i in range(m) for j in range(m)]).amax(0)


@pytest.mark.parametrize("shape", [(16, 16), (42, 22)])
@pytest.mark.parametrize("m", [1, 2, 4])
def test_mean_is_unmoved_by_one_pixel_shifts(shape, m):
    """Kernels with a zero at the highest frequency give the even and the odd pixels the same mean; max pooling not."""
    x = noise(1, 1, *shape)
    shifts = list(itertools.product(range(2), range(2)))

    def spread_of_means(pool):
        means = torch.stack([pool(circular_max(x.roll(s, (2, 3)), m)).mean() for s in shifts])
        return (means - means[0]).abs().max()

    for family, sizes in {"paper": range(2, 6), "binomial": range(2, 8), "box": (2, 4, 6)}.items():
        for size, geometry in itertools.product(sizes, ("tf_same", "zhang")):
            pool = blur(blur_size=size, kernel_family=family, pad_geometry=geometry, pad_fill="circular")
            assert spread_of_means(pool) < 1e-12
    assert spread_of_means(blur(blur_size=1)) > 1e-3
    assert spread_of_means(max_pool(2, 2)) > 1e-3


def shift_error(pool, m):
    """Relative L2 change of the centred output under a one-pixel shift, against the half-pixel shift of the output."""
    x = torch.rand(8, 4, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    still, moved = pool(circular_max(x, m)), pool(circular_max(x.roll(1, 3), m))
    half = (still + still.roll(1, 3)) / 2
    return ((moved - half).norm() / (still - still.mean()).norm()).item()


def test_shift_error_falls_with_the_blur():
    circular = {"pad_fill": "circular"}
    errors = [shift_error(max_pool(2, 2), 1)]
    for size, family in ((2, "paper"), (3, "paper"), (4, "paper"), (4, "binomial"), (5, "paper")):
        errors.append(shift_error(blur(blur_size=size, kernel_family=family, **circular), 2))
    assert errors == sorted(errors, reverse=True)
    assert errors == pytest.approx([0.876, 0.540, 0.411, 0.370, 0.328, 0.278], abs=0.02)


@pytest.mark.parametrize(
    ("size", "family", "gain"),
    [
        (2, "paper", 0.707),
        (3, "paper", 0.5),
        (4, "paper", 0.424),
        (4, "binomial", 0.354),
        (5, "paper", 0.25),
    ],
)
def test_frequency_response_at_half_the_highest_frequency(size, family, gain):
    """Cosine and sine of period 4 along the rows: their blurred amplitudes make up |H(pi / 2)|."""
    phase = torch.arange(64, dtype=torch.float64) * math.pi / 2
    waves = torch.stack([phase.cos(), phase.sin()])[None, :, None, :].expand(1, 2, 64, 64)
    y = blur(stride=1, blur_size=size, kernel_family=family, pad_fill="circular")(waves)
    amplitude = y.square().sum(1).sqrt()
    assert amplitude.min().item() == pytest.approx(gain, abs=5e-4)
    assert amplitude.max().item() == pytest.approx(gain, abs=5e-4)


# Options


def test_every_option_acts():
    x = noise(1, 2, 15, 22)
    base = max_blur_pool(2, 2, preset="paper_kernel4")(x)
    for options in (
        {"max_size": 3},
        {"max_padding": "valid"},
        {"blur_size": 3},
        {"kernel_family": "binomial"},
        {"vector": (1.0, 2.0, 2.0, 1.0)},
        {"blur_stride": 3},
        {"pad_geometry": "zhang", "max_padding": "valid"},
        {"pad_geometry": "kornia"},
        {"pad_geometry": "none"},
        {"pad_fill": "reflect"},
        {"pad_fill": "replicate"},
        {"pad_fill": "circular"},
        {"order": "blur_max"},
        {"second_blur_size": 3},
    ):
        y = max_blur_pool(2, 2, preset="paper_kernel4", **options)(x)
        assert y.shape != base.shape or not torch.allclose(y, base), options
    same = {"max_size": 2, "max_padding": "same", "blur_size": 4, "kernel_family": "paper", "pad_geometry": "tf_same"}
    more = {"pad_fill": "zero", "order": "max_blur", "second_blur_size": 0, "blur_stride": 2}
    assert torch.equal(max_blur_pool(2, 2, preset="zhang", **same, **more)(x), base)


def test_vector_is_scaled_and_may_be_a_list():
    x = noise(1, 2, 15, 22)
    expected = blur(blur_size=4, kernel_family="paper")(x)
    torch.testing.assert_close(blur(vector=[0.5, 2, 2, 0.5])(x), expected, rtol=0, atol=1e-14)
    thirds = blur(vector=(0.1, 0.3, 0.1), pad_geometry="none")(torch.ones(1, 1, 9, 9, dtype=torch.float64))
    torch.testing.assert_close(thirds, torch.ones_like(thirds), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "paper"}, "preset is 'paper'; it must be one of paper_text"),
        ({"max_size": 0}, "max_size 0"),
        ({"blur_size": 0}, "blur sizes are 1 to 7"),
        ({"blur_size": 8}, "blur sizes are 1 to 7"),
        ({"blur_size": 6}, "kernel_family paper has no blur size 6"),
        ({"blur_stride": 0}, "blur_stride 0"),
        ({"kernel_family": "gauss"}, "kernel_family is 'gauss'"),
        ({"pad_fill": "mirror"}, "pad_fill is 'mirror'"),
        ({"pad_geometry": "same"}, "pad_geometry is 'same'"),
        ({"max_padding": "full"}, "max_padding is 'full'"),
        ({"order": "max"}, "order is 'max'"),
        ({"vector": (1.0, 2.0)}, "must be symmetric"),
        ({"vector": ()}, "must be symmetric"),
        ({"vector": (math.nan,)}, "must be symmetric"),
        ({"vector": (1.0, -2.0, 1.0)}, "sum above 0"),
        ({"vector": (1.0,), "blur_size": 1}, "vector replaces"),
        ({"vector": (1.0,), "kernel_family": "box"}, "vector replaces"),
        ({"pad_geometry": "none", "pad_fill": "zero"}, "pad_fill does nothing"),
        ({"order": "blur_max", "second_blur_size": 2}, "needs order max_blur"),
        ({"stride": 0}, "stride 0"),
        ({"kernel_size": 0}, "kernel_size 0"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        max_blur_pool(**{"kernel_size": 2, "stride": 2} | options)
    assert str(caught.value).startswith("max_blur: ")
    assert "\n" not in str(caught.value)


# As a module


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_learnt_or_stored(preset):
    pool = max_blur_pool(2, 2, preset=preset)
    assert list(pool.parameters()) == []
    assert pool.state_dict() == {}
    assert len(list(pool.buffers())) == (2 if preset == "paper_stacked" else 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_channels_do_not_mix_and_memory_format_is_kept(preset):
    pool = max_blur_pool(2, 2, preset=preset)
    x = noise(2, 5, 15, 22)
    y = pool(x)
    assert y.is_contiguous()
    for channel in range(5):
        torch.testing.assert_close(pool(x[:, channel : channel + 1]), y[:, channel : channel + 1])
    last = pool(x.to(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, y)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    x = noise(2, 3, 15, 22, dtype=torch.float32)
    reference = max_blur_pool(2, 2, preset="paper_both4")(x)
    for pool in (max_blur_pool(2, 2, preset="paper_both4"), max_blur_pool(2, 2, preset="paper_both4").to(dtype)):
        y = pool(x.to(dtype))
        assert y.dtype == dtype
        torch.testing.assert_close(y.float(), reference, rtol=0, atol=0.03 if dtype == torch.bfloat16 else 0.004)


@pytest.mark.parametrize("preset", PRESETS)
def test_gradient(preset):
    x = noise(1, 2, 9, 11).requires_grad_()
    assert torch.autograd.gradcheck(max_blur_pool(2, 2, preset=preset), (x,))


@pytest.mark.parametrize("preset", PRESETS)
def test_exports(preset):
    pool = max_blur_pool(2, 2, preset=preset)
    x = noise(2, 3, 15, 22, dtype=torch.float32)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(pool, (x,), dynamic_shapes=({0: batch},)).module()
    many = noise(5, 3, 15, 22, dtype=torch.float32)
    torch.testing.assert_close(exported(many), pool(many))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates jit.trace
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # the sizes become constants, as they should
        torch.testing.assert_close(torch.jit.trace(pool, x)(x), pool(x))
