"""MaxBlurPool (Zhang 2019): sizes, equivalences and options; its invariants are in test_max_blur_invariants.py."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pooling_checks import GEOMETRIES, blur, noise, side_lengths

from fer_plugins.pooling import max_blur_pool


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [8, 8, 11, 21, 24, 24, 50, 61]),
        ({"max_size": 2, "blur_size": 4, "kernel_family": "binomial"}, [8, 8, 11, 21, 24, 24, 50, 61]),
        ({"blur_size": 4, "kernel_family": "box"}, [8, 8, 11, 21, 24, 24, 50, 61]),
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


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ({}, [21, 8, 2]),
        ({"preset": "zhang"}, [21, 7, 1]),
        ({"preset": "kornia"}, [21, 7, 1]),
        ({"blur_stride": 4}, [11, 2]),  # nothing is left for the convolutions before the third pooling
    ],
)
def test_sizes_between_convolutions_at_48_pixels(options, sides):
    assert side_lengths(max_blur_pool(2, 2, **options), 48) == sides


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
def test_a_third_pooling_at_48_pixels_refuses(options, size, reason):
    with pytest.raises(ValueError, match=f"{size} pixels is too small.*{reason}.*image_size") as caught:
        side_lengths(max_blur_pool(2, 2, **options), 48)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("fill", "refused"), [("reflect", 3), ("circular", 2)])
def test_padding_as_large_as_the_map(fill, refused):
    pool = blur(max_blur_pool, preset="zhang", blur_size=7, pad_fill=fill)  # pads 3 before and 3 after
    assert pool(torch.ones(1, 1, refused + 1, refused + 1)).allclose(torch.ones(()))
    for shape in ((refused, 20), (20, refused)):
        with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]} pixels.*{fill} padding of 3"):
            pool(torch.ones(1, 1, *shape))


# Equivalences


@pytest.mark.parametrize("shape", [(42, 42), (16, 22), (2, 4)])
def test_wide_max_is_spread_max_and_average_on_even_sizes(shape):
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
    assert torch.equal(max_blur_pool(3, 2)(x), max_blur_pool(2, 2)(x))  # wide_max brings its own window


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


# Options


def test_every_option_acts():
    base_options = {"max_size": 2, "blur_size": 4, "kernel_family": "box"}
    x = noise(1, 2, 15, 22)
    base = max_blur_pool(2, 2, **base_options)(x)
    for options in (
        {"max_size": 3},
        {"max_padding": "valid"},
        {"blur_size": 3},
        {"kernel_family": "binomial"},
        {"vector": (1.0, 2.0, 2.0, 1.0), "blur_size": None, "kernel_family": None},
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
        y = max_blur_pool(2, 2, **base_options | options)(x)
        assert y.shape != base.shape or not torch.allclose(y, base), options
    same = {"max_size": 2, "max_padding": "same", "blur_size": 4, "kernel_family": "box", "pad_geometry": "tf_same"}
    more = {"pad_fill": "zero", "order": "max_blur", "second_blur_size": 0, "blur_stride": 2}
    assert torch.equal(max_blur_pool(2, 2, preset="zhang", **same, **more)(x), base)


def test_vector_is_scaled_and_may_be_a_list():
    x = noise(1, 2, 15, 22)
    expected = blur(max_blur_pool, blur_size=4, kernel_family="binomial")(x)
    torch.testing.assert_close(blur(max_blur_pool, vector=[0.5, 1.5, 1.5, 0.5])(x), expected, rtol=0, atol=1e-14)
    thirds = blur(max_blur_pool, vector=(0.1, 0.3, 0.1), pad_geometry="none")
    y = thirds(torch.ones(1, 1, 9, 9, dtype=torch.float64))
    torch.testing.assert_close(y, torch.ones_like(y), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "wide"}, "preset is 'wide'; use one of wide_max, zhang, kornia"),
        ({"max_size": 0}, "max_size 0"),
        ({"blur_size": 0}, "blur sizes are 1 to 7"),
        ({"blur_size": 8}, "blur sizes are 1 to 7"),
        ({"blur_size": 4}, "blur size 4 needs its taps named"),
        ({"second_blur_size": 4}, "blur size 4 needs its taps named"),
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


def test_the_remedies_for_blur_size_4_are_followed():
    """They once were 1, 4, 4, 1 without a word; now 1, 3, 3, 1 is named, or the taps are given."""
    x = noise(1, 2, 15, 22)
    named, given_taps = (
        max_blur_pool(2, 2, blur_size=4, kernel_family="binomial"),
        max_blur_pool(2, 2, vector=[1, 4, 4, 1]),
    )
    assert named.stages[1].taps == (1, 3, 3, 1)
    assert given_taps.stages[1].taps == (1, 4, 4, 1)
    assert named(x).shape == given_taps(x).shape
    assert max_blur_pool(2, 2, preset="zhang", blur_size=4).stages[1].taps == (1, 3, 3, 1)  # as ever
