"""The paper's MaxBlurPool: its six readings, its kernels, and the names that they had before."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from fer_aa_dcn.max_blur import PAPER_FAMILIES, PAPER_PRESETS, aa_dcn_max_blur
from support import pooling_checks as checks
from support.pooling_checks import blur, noise, side_lengths

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.pooling import blur_taps, max_blur_pool
from fer_plugins.runs.record import Record
from fer_plugins.testing import check_pooling

READINGS = [name for name in PAPER_PRESETS if name.startswith("paper_")]
SIZES = range(1, 6)


@pytest.mark.parametrize("preset", ["paper_text", "paper_kernel4", "paper_both4"])
def test_output_sizes(preset):
    sizes = [15, 16, 21, 42, 47, 48, 100, 122]
    pool = aa_dcn_max_blur(2, 2, preset=preset)
    assert [pool(torch.zeros(1, 1, n, n)).shape[-1] for n in sizes] == [8, 8, 11, 21, 24, 24, 50, 61]
    assert pool(torch.zeros(2, 3, 15, 22)).shape == (2, 3, 8, 11)


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
    assert side_lengths(aa_dcn_max_blur(2, 2, preset=preset), 48) == sides


@pytest.mark.parametrize("shape", [(42, 42), (16, 22), (2, 4)])
def test_paper_text_is_spread_max_and_average_on_even_sizes(shape):
    x = noise(2, 3, *shape)
    spread = F.max_pool2d(F.pad(x, (1, 2, 1, 2), value=-torch.inf), 4, 1)
    torch.testing.assert_close(aa_dcn_max_blur(2, 2)(x), F.avg_pool2d(spread, 2, 2), rtol=0, atol=1e-14)
    assert torch.equal(aa_dcn_max_blur(3, 2)(x), aa_dcn_max_blur(2, 2)(x))  # it brings its own window


def test_stacked_and_step2_are_their_stages():
    x = noise(1, 2, 24, 32)
    once = aa_dcn_max_blur(2, 2, preset="paper_kernel4")(x)
    stacked = aa_dcn_max_blur(2, 2, preset="paper_stacked")(x)
    torch.testing.assert_close(stacked, F.avg_pool2d(once, 2, 2))
    step2 = aa_dcn_max_blur(2, 2, preset="paper_step2")(x)
    torch.testing.assert_close(step2, F.max_pool2d(blur(aa_dcn_max_blur, stride=1, blur_size=4)(x), 2, 2))
    literal = aa_dcn_max_blur(2, 2, preset="paper_literal_stride")(x)
    torch.testing.assert_close(literal, aa_dcn_max_blur(2, 4)(x))
    assert literal.shape == stacked.shape == (1, 2, 6, 8)


def test_the_core_s_presets_are_the_core_s():
    x = noise(1, 2, 15, 22)
    for preset in ("zhang", "kornia"):
        assert torch.equal(aa_dcn_max_blur(2, 2, preset=preset)(x), max_blur_pool(2, 2, preset=preset)(x))
    assert torch.equal(aa_dcn_max_blur(2, 2)(x), max_blur_pool(2, 2)(x))


# The paper's kernels


def test_printed_kernels():
    taps = [blur_taps(k, "paper", PAPER_FAMILIES) for k in (2, 3, 4, 5)]
    assert taps == [(2, 2), (1, 2, 1), (1, 4, 4, 1), (1, 4, 6, 4, 1)]
    assert [sum(row) ** 2 for row in taps] == [16, 16, 100, 256]


@pytest.mark.parametrize("size", SIZES)
def test_a_kernel_of_the_paper_is_a_low_pass_filter(size):
    checks.kernel_sums_to_one_and_is_symmetric(aa_dcn_max_blur, "paper", size)
    for order in ("max_blur", "blur_max"):
        for padding in ("same", "valid"):
            checks.constant_stays_constant(aa_dcn_max_blur, "paper", size, order, padding)
        for stride in (1, 2, 3, 4):
            checks.shift_by_the_stride_is_a_shift_by_one(aa_dcn_max_blur, "paper", size, stride, order)
    if size > 1:
        checks.checkerboard_blurs_to_zero(aa_dcn_max_blur, "paper", size)
        for shape in ((16, 16), (42, 22)):
            for m in (1, 2, 4):
                checks.mean_is_unmoved_by_one_pixel_shifts(aa_dcn_max_blur, {"paper": [size]}, shape, m)


@pytest.mark.parametrize(
    ("geometries", "size", "n", "corner"),
    [
        (("tf_same",), 2, 16, 1.0),
        (("tf_same", "zhang"), 2, 15, 0.25),
        (("tf_same", "zhang", "kornia"), 3, 15, 0.5625),
        (("tf_same", "zhang", "kornia"), 4, 16, 0.81),
        (("tf_same", "zhang"), 4, 15, 0.25),
        (("tf_same", "zhang", "kornia"), 5, 15, 0.4727),
    ],
)
def test_zero_fill_darkens_corners_by_the_known_amount(geometries, size, n, corner):
    checks.zero_fill_darkens_corners(aa_dcn_max_blur, geometries, size, "paper", n, corner)


def test_shift_error_falls_with_the_blur():
    errors = []
    for size, family in ((2, "paper"), (3, "paper"), (4, "paper"), (4, "binomial"), (5, "paper")):
        pool = blur(aa_dcn_max_blur, blur_size=size, kernel_family=family, pad_fill="circular")
        errors.append(checks.shift_error(pool, 2))
    assert errors == sorted(errors, reverse=True)
    assert errors == pytest.approx([0.540, 0.411, 0.370, 0.328, 0.278], abs=0.02)


@pytest.mark.parametrize(("size", "gain"), [(2, 0.707), (3, 0.5), (4, 0.424), (5, 0.25)])
def test_frequency_response_at_half_the_highest_frequency(size, gain):
    checks.gain_at_half_the_highest_frequency(aa_dcn_max_blur, size, "paper", gain)


@pytest.mark.parametrize("preset", READINGS)
@pytest.mark.parametrize("holds", checks.OF_A_PRESET, ids=lambda check: check.__name__)
def test_every_reading(holds, preset):
    factory = partial(aa_dcn_max_blur, preset=preset)
    if holds is checks.preset_learns_and_stores_nothing:
        holds(factory, blurs=2 if preset == "paper_stacked" else 1)
    else:
        holds(factory)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    checks.same_number_in_every_dtype(partial(aa_dcn_max_blur, preset="paper_both4"), dtype)


@pytest.mark.parametrize("preset", ["paper_text", "paper_kernel4", "paper_both4", "paper_step2", "zhang", "kornia"])
def test_presets_that_keep_the_stride_pass(preset):
    check_pooling(partial(aa_dcn_max_blur, preset=preset))


@pytest.mark.parametrize("preset", ["paper_literal_stride", "paper_stacked"])
def test_presets_that_shrink_more_are_found_out(preset):
    with pytest.raises(AssertionError, match="becomes \\(2, 3, 12, 12\\) with kernel_size 2 and stride 2"):
        check_pooling(partial(aa_dcn_max_blur, preset=preset))


# Options


def test_every_option_acts():
    x = noise(1, 2, 15, 22)
    base = aa_dcn_max_blur(2, 2, preset="paper_kernel4")(x)
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
        y = aa_dcn_max_blur(2, 2, preset="paper_kernel4", **options)(x)
        assert y.shape != base.shape or not torch.allclose(y, base), options
    same = {"max_size": 2, "max_padding": "same", "blur_size": 4, "kernel_family": "paper", "pad_geometry": "tf_same"}
    more = {"pad_fill": "zero", "order": "max_blur", "second_blur_size": 0, "blur_stride": 2}
    assert torch.equal(aa_dcn_max_blur(2, 2, preset="zhang", **same, **more)(x), base)
    expected = blur(aa_dcn_max_blur, blur_size=4, kernel_family="paper")(x)
    torch.testing.assert_close(blur(max_blur_pool, vector=[0.5, 2, 2, 0.5])(x), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "paper"}, "preset is 'paper'; use one of paper_text"),
        ({"blur_size": 6}, "kernel_family paper has no blur size 6; use binomial, box, or a size up to 5"),
        ({"blur_size": 8}, "blur sizes are 1 to 7"),
        ({"kernel_family": "gauss"}, "kernel_family is 'gauss'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        aa_dcn_max_blur(2, 2, **options)
    assert str(caught.value).startswith("aa_dcn_max_blur: ")
    assert "\n" not in str(caught.value)


# The names that they had before


@pytest.mark.parametrize(
    "options",
    [
        *({"preset": preset} for preset in READINGS),
        {"kernel_family": "paper", "blur_size": 3},
        {"preset": "paper_both4", "order": "blur_max"},
    ],
    ids=str,
)
def test_what_the_core_had_before_is_found_here(options, tmp_path):
    """From the command line, from a configuration file, from Python, and in the folder of a run."""
    given = {"model": {"pool": {"name": "max_blur", **options}}}
    pool = config.resolve(given, plugin="dcn").config.as_dict()["model"]["pool"]
    assert (pool["name"], *(pool[key] for key in options)) == ("aa_dcn_max_blur", *options.values())
    x = noise(1, 2, 24, 32)
    built = registry.build("pooling", "max_blur", kernel_size=2, stride=2, **options)
    assert torch.equal(built(x), aa_dcn_max_blur(2, 2, **options)(x))
    (tmp_path / "config.yaml").write_text(config.dump(given))
    (tmp_path / "manifest.json").write_text("{}")
    assert Record.read(tmp_path).config["model"]["pool"] == {"name": "aa_dcn_max_blur", **options}


def test_what_the_core_has_stays_the_core_s():
    for options in ({}, {"preset": "zhang", "blur_size": 4}, {"vector": [1.0, 4.0, 4.0, 1.0]}):
        given = {"model": {"pool": {"name": "max_blur", **options}}}
        assert config.resolve(given, plugin="aa_dcn").config.as_dict()["model"]["pool"]["name"] == "max_blur"
