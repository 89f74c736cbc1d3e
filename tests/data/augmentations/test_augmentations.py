"""The augmentations: shapes, determinism, and that each range is drawn as it is said."""

import builtins
import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_plugins.config import registry
from fer_plugins.data import augmentations
from fer_plugins.data.augmentations import flip_affine_erase
from fer_plugins.data.loaders import apply_transform, seeded
from fer_plugins.runtime.errors import InputError

SIDE = 48
OFF = {
    "light": {"flip": 0.0, "rotation": 0.0, "shift": 0.0, "zoom": 0.0, "brightness": 0.0},
    "keras": {
        "rotation_range": 0.0,
        "width_shift_range": 0.0,
        "height_shift_range": 0.0,
        "shear_range": 0.0,
        "zoom_range": 0.0,
        "horizontal_flip": False,
        "vertical_flip": False,
        "brightness_range": (1.0, 1.0),
    },
    "flip_affine_erase": {"flip": 0.0, "rotation": 0.0, "shift": 0.0, "zoom": 0.0, "erase": 0.0},
}
SAMPLE = ("light", "keras")


def build(name, **options):
    if name in SAMPLE:
        pytest.importorskip("albumentations")
    return getattr(augmentations, name)(image_size=SIDE, **options)


def only(name, **options):
    """The augmentation with everything off but ``options``."""
    return build(name, **(OFF[name] | options))


def picture(channels=1):
    """A smooth picture without symmetry, uint8 SIDE x SIDE x channels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    planes = [60 + 90 * x**2 + 50 * y + 40 * np.sin((5 + c) * x * (1 + y)) for c in range(channels)]
    return np.stack(planes, -1).round().astype(np.uint8)


def spot(x=0, y=0):
    """A bright Gaussian spot on black, ``x`` pixels right and ``y`` below the centre; float SIDE x SIDE."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))


def moments(image):
    """Centre of mass (right and below the centre) and standard deviations along x and y, in pixels."""
    image = np.asarray(image, dtype=np.float64).squeeze()
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    mass = image.sum()
    x, y = (columns * image).sum() / mass, (rows * image).sum() / mass
    sd = [math.sqrt(((axis - centre) ** 2 * image).sum() / mass) for axis, centre in ((columns, x), (rows, y))]
    return x, y, *sd


def samples(name, image, n, **options):
    """``n`` augmented versions of one float image in [0, 1], (n, SIDE, SIDE), under a fixed seed."""
    transform = only(name, **options)
    if name in SAMPLE:
        transform.set_random_seed(0)
        grey = np.round(image * 255).astype(np.uint8)[..., None]
        return np.stack([transform(image=grey)["image"][..., 0] for _ in range(n)]) / 255
    torch.manual_seed(0)
    return transform(torch.tensor(image, dtype=torch.float32).expand(n, 1, SIDE, SIDE))[:, 0].numpy()


# All of them


def test_none_changes_nothing():
    x = torch.rand(2, 1, SIDE, SIDE)
    transform = augmentations.none(image_size=SIDE)
    assert isinstance(transform, nn.Module)
    assert transform(x) is x


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_sample_transforms_keep_shape_and_dtype(name, channels, fill_mode):
    image = picture(channels)
    before = image.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transform = build(name, fill_mode=fill_mode)
        results = [transform(image=image)["image"] for _ in range(20)]
    assert {(r.shape, r.dtype) for r in results} == {((SIDE, SIDE, channels), np.dtype(np.uint8))}
    assert np.array_equal(image, before)
    assert len({r.tobytes() for r in results}) == 20


@pytest.mark.parametrize("name", SAMPLE)
def test_sample_transforms_repeat_by_seed_also_after_pickling(name):
    transform = build(name)
    copy = pickle.loads(pickle.dumps(transform))
    image = picture()

    def stream(t, seed):
        t.set_random_seed(seed)
        return [t(image=image)["image"].tobytes() for _ in range(5)]

    assert stream(transform, 1) == stream(copy, 1)
    assert stream(transform, 1) == stream(transform, 1)
    assert stream(transform, 1) != stream(transform, 2)


@pytest.mark.parametrize("name", SAMPLE)
def test_everything_off_is_the_identity(name):
    image = picture(3)
    assert np.array_equal(only(name)(image=image)["image"], image)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"flip": 0.9}),
        ("light", {"rotation": 3.0}),
        ("light", {"shift": 0.3}),
        ("light", {"zoom": 0.3}),
        ("light", {"brightness": 0.4}),
        ("light", {"fill_mode": "constant"}),
        ("light", {"fill_mode": "reflect"}),
        ("light", {"fill_mode": "wrap"}),
        ("keras", {"preset": "paper"}),
        ("keras", {"rotation_range": 3.0}),
        ("keras", {"width_shift_range": 0.3}),
        ("keras", {"height_shift_range": 0.3}),
        ("keras", {"shear_range": 30.0}),
        ("keras", {"zoom_range": 0.3}),
        ("keras", {"horizontal_flip": False}),
        ("keras", {"vertical_flip": True}),
        ("keras", {"brightness_range": (0.5, 0.9)}),
        ("keras", {"fill_mode": "constant"}),
        ("keras", {"fill_mode": "reflect"}),
        ("keras", {"fill_mode": "wrap"}),
        ("flip_affine_erase", {"flip": 0.9}),
        ("flip_affine_erase", {"rotation": 3.0}),
        ("flip_affine_erase", {"shift": 0.3}),
        ("flip_affine_erase", {"zoom": 0.3}),
        ("flip_affine_erase", {"fill_mode": "constant"}),
        ("flip_affine_erase", {"fill_mode": "reflect"}),
        ("flip_affine_erase", {"erase": 0.9}),
        ("flip_affine_erase", {"erase_area": (0.3, 0.4)}),
        ("flip_affine_erase", {"erase_aspect": (1.0, 1.0)}),
        ("flip_affine_erase", {"erase_fill": "mean"}),
        ("flip_affine_erase", {"erase_fill": "noise"}),
    ],
)
def test_every_option_acts(name, options):
    def run(**chosen):
        transform = build(name, **chosen)
        if name in SAMPLE:
            transform.set_random_seed(0)
            return np.stack([transform(image=picture())["image"] for _ in range(40)])
        torch.manual_seed(0)
        return transform(torch.tensor(picture()[..., 0] / 255).float().expand(40, 1, SIDE, SIDE)).numpy()

    assert not np.array_equal(run(), run(**options))
    assert np.array_equal(run(**options), run(**options))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("light", {"flip": 1.5}, "flip is 1.5"),
        ("light", {"rotation": -1.0}, "rotation is -1.0 degrees"),
        ("light", {"shift": 1.0}, "shift is 1.0"),
        ("light", {"shift": 0.01}, "shift 0.01 is less than a pixel of 48"),
        ("light", {"zoom": 1.0}, "zoom is 1.0"),
        ("light", {"brightness": -0.1}, "brightness is -0.1"),
        ("light", {"fill_mode": "black"}, "fill_mode is 'black'"),
        ("keras", {"preset": "strong"}, "preset is 'strong'"),
        ("keras", {"shear_range": 80.0}, "shear_range is 80.0 degrees"),
        ("keras", {"rotation_range": 200.0}, "rotation_range is 200.0 degrees"),
        ("keras", {"zoom_range": -0.1}, "zoom_range is -0.1"),
        ("keras", {"width_shift_range": 2.0}, "width_shift_range is 2.0"),
        ("keras", {"height_shift_range": 0.02}, "height_shift_range 0.02 is less than a pixel of 48"),
        ("keras", {"brightness_range": (1.2, 0.8)}, "brightness_range is"),
        ("keras", {"fill_mode": "edge"}, "fill_mode is 'edge'"),
        ("flip_affine_erase", {"erase": -1.0}, "erase is -1.0"),
        ("flip_affine_erase", {"rotation": 181.0}, "rotation is 181.0"),
        ("flip_affine_erase", {"fill_mode": "wrap"}, "fill_mode is 'wrap'"),
        ("flip_affine_erase", {"erase_fill": "white"}, "erase_fill is 'white'"),
        ("flip_affine_erase", {"erase_area": (0.0, 0.2)}, "erase_area is"),
        ("flip_affine_erase", {"erase_area": (0.3, 0.2)}, "erase_area is"),
        ("flip_affine_erase", {"erase_area": (0.3, 1.2)}, "erase_area is"),
        ("flip_affine_erase", {"erase_aspect": (3.0, 0.3)}, "erase_aspect is"),
        ("flip_affine_erase", {"erase_area": (0.5, 0.6), "erase_aspect": (4.0, 5.0)}, "no rectangle"),
    ],
)
def test_wrong_options_are_refused_in_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        build(name, **options)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_albumentations_is_one_line_with_the_remedy(name, monkeypatch):
    original = builtins.__import__

    def without(module, *args, **kwargs):
        if module.partition(".")[0] == "albumentations":
            raise ModuleNotFoundError("No module named 'albumentations'")
        return original(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=rf"^{name}: .*pip install 'albumentations[<>=0-9.,]+'$"):
        getattr(augmentations, name)(image_size=SIDE)
    assert isinstance(flip_affine_erase(image_size=SIDE), nn.Module)


def test_albumentations_is_imported_on_demand_and_stays_off_the_network():
    pytest.importorskip("albumentations")
    code = (
        "import os, sys; os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None);"
        "from fer_plugins.data.augmentations import flip_affine_erase, light; flip_affine_erase(image_size=48);"
        "assert not {'albumentations', 'cv2'} & set(sys.modules); light(image_size=48);"
        "assert 'albumentations' in sys.modules and os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


# What is drawn


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("light", "flip", (0.0, 0.3, 1.0)),
        ("flip_affine_erase", "flip", (0.0, 0.3, 1.0)),
        ("keras", "horizontal_flip", (False, True)),
        ("keras", "vertical_flip", (False, True)),
    ],
)
def test_share_of_flips(name, option, values):
    image = picture()[..., 0] / 255
    axis = 0 if option == "vertical_flip" else 1
    for value in values:
        flips = samples(name, image, 2000, **{option: value})
        flipped = np.abs(flips - np.flip(image, axis)).max((1, 2)) < 1e-6
        assert np.abs(flips[~flipped] - image).max(initial=0) < 1e-6
        p = 0.5 if value is True else float(value)
        assert abs(flipped.mean() - p) <= 4 * math.sqrt(p * (1 - p) / 2000)  # four standard errors


def test_presets_of_keras():
    image = picture()[..., 0] / 255
    off = {"width_shift_range": 0.0, "height_shift_range": 0.0, "brightness_range": (1.0, 1.0), "zoom_range": 0.0}
    off |= {"rotation_range": 0.0, "shear_range": 0.0, "horizontal_flip": False}

    def upside_down(**options):
        transform = build("keras", **off, **options)
        transform.set_random_seed(0)
        grey = np.round(image * 255).astype(np.uint8)[..., None]
        return any(np.array_equal(transform(image=grey)["image"], grey[::-1]) for _ in range(40))

    assert not upside_down()
    assert upside_down(preset="paper")
    assert not upside_down(preset="paper", vertical_flip=False)


@pytest.mark.parametrize(
    ("name", "option", "value", "low", "high"),
    [
        ("light", "brightness", 0.15, 0.85, 1.15),
        ("keras", "brightness_range", (0.8, 1.2), 0.8, 1.2),
        ("keras", "brightness_range", [0.5, 0.6], 0.5, 0.6),
    ],
)
def test_brightness_is_a_factor_from_the_whole_range(name, option, value, low, high):
    image = np.full((SIDE, SIDE), 100 / 255)
    image[:, SIDE // 2 :] = 200 / 255
    grey = samples(name, image, 400, **{option: value}) * 255
    factors, other_factors = grey[:, 0, 0] / 100, grey[:, 0, -1] / 200
    assert np.abs(factors - other_factors).max() < 0.011  # a factor, not a sum; whole grey values
    assert low - 0.011 <= factors.min() < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < factors.max() + 0.011 <= high + 0.011


@pytest.mark.parametrize(
    ("name", "option"), [("light", "rotation"), ("keras", "rotation_range"), ("flip_affine_erase", "rotation")]
)
def test_rotation_turns_about_the_centre_by_the_whole_range(name, option):
    x, y = np.array([moments(image)[:2] for image in samples(name, spot(14, 0), 300, **{option: 20.0})]).T
    assert np.hypot(x, y) == pytest.approx(14, abs=0.15)
    angles = np.degrees(np.arctan2(y, x))
    assert -20.5 < angles.min() < -18
    assert 18 < angles.max() < 20.5
    assert abs(np.median(angles)) < 3
    assert np.median(np.abs(angles)) == pytest.approx(10, abs=2)  # every image is turned


@pytest.mark.parametrize(
    ("name", "options", "axes"),
    [
        ("light", {"shift": 0.2}, (0, 1)),
        ("flip_affine_erase", {"shift": 0.2}, (0, 1)),
        ("keras", {"width_shift_range": 0.2}, (0,)),
        ("keras", {"height_shift_range": 0.2}, (1,)),
    ],
)
def test_shift_moves_by_the_whole_range(name, options, axes):
    moves = np.array([moments(image) for image in samples(name, spot(), 300, **options)])
    for axis in (0, 1):
        if axis in axes:
            assert -9.7 < moves[:, axis].min() < -8.5
            assert 8.5 < moves[:, axis].max() < 9.7
        else:
            assert np.abs(moves[:, axis]).max() < 0.01
    assert moves[:, 2:] == pytest.approx(2.0, abs=0.1)
    if len(axes) == 2:
        assert abs(np.corrcoef(moves[:, 0], moves[:, 1])[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("name", "option", "same"),
    [("light", "zoom", True), ("flip_affine_erase", "zoom", True), ("keras", "zoom_range", False)],
)
def test_zoom_scales_by_the_whole_range(name, option, same):
    still = moments(spot())
    moved = np.array([moments(image) for image in samples(name, spot(), 300, **{option: 0.3})])
    factors = moved[:, 2:] / still[2]
    assert 0.68 < factors.min() < 0.75
    assert 1.25 < factors.max() < 1.33
    correlation = np.corrcoef(factors[:, 0], factors[:, 1])[0, 1]
    assert correlation > 0.99 if same else abs(correlation) < 0.2
    assert np.abs(moved[:, :2]).max() < 0.05


def test_shear_of_keras_is_in_degrees():
    x, y = np.array([moments(image)[:2] for image in samples("keras", spot(12, 0), 300, shear_range=20.0)]).T
    assert x == pytest.approx(12, abs=0.1)
    angles = np.degrees(np.arctan2(y, x))
    assert -20.5 < angles.min() < -18
    assert 18 < angles.max() < 20.5


@pytest.mark.parametrize("name", ["light", "flip_affine_erase"])
def test_fill_modes_of_a_bright_image(name):
    white = np.ones((SIDE, SIDE))
    assert samples(name, white, 20, shift=0.2, fill_mode="nearest").min() == pytest.approx(1)
    assert samples(name, white, 20, shift=0.2, fill_mode="reflect").min() == pytest.approx(1)
    assert samples(name, white, 20, shift=0.2, fill_mode="constant").min() == 0


# The batch transform


def test_batch_transform_leaves_its_input_and_keeps_dtype():
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x = torch.rand(6, 3, SIDE, SIDE).to(dtype)
        before = x.clone()
        for options in ({}, {"rotation": 0.0, "shift": 0.0, "zoom": 0.0, "flip": 0.0, "erase": 1.0}):
            for erase_fill in ("zero", "mean", "noise"):
                y = flip_affine_erase(image_size=SIDE, erase_fill=erase_fill, **options)(x)
                assert torch.equal(x, before)
                assert y.dtype == dtype
                assert y.shape == x.shape
                assert 0 <= y.min() <= y.max() <= 1.001


def test_batch_transform_repeats_by_seed_and_ignores_other_generators():
    x = torch.rand(16, 1, SIDE, SIDE)
    transform = flip_affine_erase(image_size=SIDE, erase_fill="noise")
    copy = pickle.loads(pickle.dumps(transform)).eval()
    results = []
    for t, seed in ((transform, 1), (copy, 1), (transform, 2)):
        torch.manual_seed(seed)
        np.random.seed(len(results))
        results.append(t(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert transform.state_dict() == {}
    assert list(transform.parameters()) == []


def test_draws_of_one_operation_do_not_depend_on_the_others():
    x = torch.rand(64, 1, SIDE, SIDE)
    torch.manual_seed(0)
    flipped = only("flip_affine_erase", flip=0.5)(x)
    torch.manual_seed(0)
    both = only("flip_affine_erase", flip=0.5, erase=1.0)(x)
    torch.testing.assert_close(both[both != 0], flipped[both != 0])
    torch.manual_seed(0)
    precise = only("flip_affine_erase", flip=0.5)(x.double())
    torch.testing.assert_close(precise, flipped.double())


def test_affine_map_is_that_of_torch():
    """One sample's map, recomputed with affine_grid from the angle, zoom and shift that a spot shows."""
    x = torch.rand(1, 1, SIDE, SIDE)
    transform = flip_affine_erase(image_size=SIDE, flip=1.0, rotation=30.0, shift=0.2, zoom=0.2, erase=0.0)
    torch.manual_seed(5)
    y = transform(x)
    torch.manual_seed(5)
    spread = (2 * torch.rand(10, 1)[1:5] - 1)[:, 0].tolist()
    angle, scale = math.radians(30) * spread[0], 1 / (1 + 0.2 * spread[1])
    rotate = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    shift = torch.eye(3)
    shift[:2, 2] = -2 * 0.2 * torch.tensor(spread[2:])
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    theta = (mirror @ torch.diag(torch.tensor([scale, scale, 1.0])) @ rotate @ shift)[None, :2]
    grid = F.affine_grid(theta, [1, 1, SIDE, SIDE], align_corners=False)
    torch.testing.assert_close(y, F.grid_sample(x, grid, padding_mode="border", align_corners=False), rtol=0, atol=1e-4)


def rectangles(mask):
    """Heights and widths of the masked rectangles, after a check that each is one."""
    heights, widths = mask.any(2).sum(1), mask.any(1).sum(1)
    assert torch.equal(heights * widths, mask.sum((1, 2)))
    for edges in (mask.any(2), mask.any(1)):
        assert ((edges[:, 1:] & ~edges[:, :-1]).sum(1) + edges[:, 0] <= 1).all()
    return heights.double(), widths.double()


def test_erased_rectangles_have_the_areas_aspects_and_shares_asked_for():
    torch.manual_seed(0)
    transform = only("flip_affine_erase", erase=0.4, erase_area=(0.05, 0.3), erase_aspect=(0.5, 2.0))
    mask = transform(torch.ones(4000, 1, SIDE, SIDE))[:, 0] == 0
    erased = mask.flatten(1).any(1)
    assert abs(erased.double().mean() - 0.4) < 4 * math.sqrt(0.4 * 0.6 / 4000)
    heights, widths = rectangles(mask[erased])
    # Sides are rounded to whole pixels: true sides lie within half a pixel.
    assert (((heights + 0.5) * (widths + 0.5)) / SIDE**2).min() >= 0.05
    assert (((heights - 0.5) * (widths - 0.5)) / SIDE**2).max() <= 0.3
    assert ((heights + 0.5) / (widths - 0.5)).min() >= 0.5
    assert ((heights - 0.5) / (widths + 0.5)).max() <= 2.0
    areas = heights * widths / SIDE**2
    assert areas.min() < 0.06
    assert areas.max() > 0.28
    assert areas.mean() == pytest.approx(0.175, abs=0.01)
    assert (heights / widths).log().mean() == pytest.approx(0, abs=0.05)
    assert (heights / widths).max() > 1.85
    assert abs(torch.corrcoef(torch.stack([areas, (heights / widths).log()]))[0, 1]) < 0.1
    # Every place comes up, and no place is favoured left or right, up or down.
    share = mask.double().mean(0)
    assert share.min() > 0
    torch.testing.assert_close(share.sum(0), share.sum(0).flip(0), rtol=0.15, atol=0.3)
    torch.testing.assert_close(share.sum(1), share.sum(1).flip(0), rtol=0.15, atol=0.3)


@pytest.mark.parametrize("area", [(0.9, 1.0), (0.001, 0.002)])
def test_extreme_areas_still_fit(area):
    torch.manual_seed(0)
    mask = only("flip_affine_erase", erase=1.0, erase_area=area)(torch.ones(500, 1, SIDE, SIDE))[:, 0] == 0
    heights, widths = rectangles(mask)
    assert heights.min() >= 1
    assert widths.min() >= 1
    assert (heights * widths / SIDE**2).mean() == pytest.approx(sum(area) / 2, rel=0.3)


def test_what_replaces_the_erased():
    x = torch.rand(50, 3, SIDE, SIDE) * 0.5 + 0.25
    erased = {}
    for fill in ("zero", "mean", "noise"):
        torch.manual_seed(0)
        erased[fill] = only("flip_affine_erase", erase=1.0, erase_fill=fill)(x)
    mask = erased["zero"] == 0
    assert torch.equal(mask, mask[:, :1].expand_as(mask))
    for y in erased.values():
        assert torch.equal(y[~mask], x[~mask])
    means = x.mean((2, 3), keepdim=True).expand_as(x)
    torch.testing.assert_close(erased["mean"][mask], means[mask])
    noise = erased["noise"][mask]
    assert noise.mean() == pytest.approx(0.5, abs=0.02)
    assert noise.std() == pytest.approx(1 / math.sqrt(12), abs=0.02)


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 1, 47, 48), torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 48, 48, dtype=torch.uint8)]
)
def test_batch_transform_refuses_other_images_in_one_line(images):
    with pytest.raises(ValueError, match=r"^flip_affine_erase: got .* 48x48; set image_size") as caught:
        flip_affine_erase(image_size=SIDE)(images)
    assert "\n" not in str(caught.value)


def test_a_channel_shift_changes_the_colour_of_an_image_and_the_brightness_of_a_grey_one():
    off = {"rotation_range": 0, "width_shift_range": 0, "height_shift_range": 0, "shear_range": 0, "zoom_range": 0}
    off |= {"horizontal_flip": False, "brightness_range": (1.0, 1.0)}
    shift = registry.build("augmentation", "keras", image_size=SIDE, channel_shift_range=20.0, **off)
    for channels in (1, 3):
        image = np.full((SIDE, SIDE, channels), 100, np.uint8)
        with seeded(0, shift):
            changed = apply_transform(shift, image).astype(int) - 100
        assert (changed == changed[:1, :1]).all()  # one number for each channel
        assert 0 < np.abs(changed).max() <= 20
        assert len(set(changed[0, 0].tolist())) == channels
    with pytest.raises(InputError, match="channel_shift_range is 300"):
        registry.build("augmentation", "keras", image_size=SIDE, channel_shift_range=300.0)
