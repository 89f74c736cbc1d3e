"""What every MaxBlurPool must hold, for the core's pooling and for a plug-in's that is built from it."""

import itertools
import math
import warnings

import pytest
import torch

GEOMETRIES = ("tf_same", "zhang", "kornia", "none")
FILLS = ("zero", "reflect", "replicate", "circular")


def noise(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def blur(factory, kernel_size=2, stride=2, **options):
    """A pooling with the max switched off; the families have the same taps, and are refused, below three."""
    if options.get("blur_size", 3) < 3:
        options.pop("kernel_family", None)
    return factory(kernel_size, stride, max_size=1, **options)


def side_lengths(pool, side):
    """Sides after each of three poolings: three valid 3x3 convolutions before the first two, two before the last."""
    sides = []
    for convolutions in (3, 3, 2):
        side -= 2 * convolutions
        if side < 1:
            break
        side = pool(torch.zeros(1, 1, side, side)).shape[-1]
        sides.append(side)
    return sides


def circular_max(x, m):
    """Max of window m and stride 1 on a torus."""
    return torch.stack([x.roll((-i, -j), (-2, -1)) for i in range(m) for j in range(m)]).amax(0)


def shift_error(pool, m):
    """Relative L2 change of the centred output under a one-pixel shift, against the half-pixel shift of the output."""
    x = torch.rand(8, 4, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    still, moved = pool(circular_max(x, m)), pool(circular_max(x.roll(1, 3), m))
    half = (still + still.roll(1, 3)) / 2
    return ((moved - half).norm() / (still - still.mean()).norm()).item()


# Of a kernel: a factory, the family and the size


def kernel_sums_to_one_and_is_symmetric(factory, family, size):
    """The response to an impulse is the kernel itself."""
    x = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    x[..., 7, 7] = 1
    kernel = blur(factory, stride=1, blur_size=size, kernel_family=family, pad_geometry="none")(x)[0, 0]
    assert kernel.sum() == pytest.approx(1, abs=1e-14)
    for mirrored in (kernel.flip(0), kernel.flip(1), kernel.T):
        torch.testing.assert_close(mirrored, kernel, rtol=0, atol=1e-16)


def constant_stays_constant(factory, family, size, order, padding):
    for shape, geometry, fill, stride, m in itertools.product(
        [(15, 22), (16, 17)], GEOMETRIES, FILLS, (1, 2, 3), (1, 3)
    ):
        pool = factory(
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


def checkerboard_blurs_to_zero(factory, family, size):
    for height, width in ((15, 22), (16, 16), (21, 24)):
        board = (-1.0) ** torch.arange(height)[:, None] * (-1.0) ** torch.arange(width)
        y = blur(factory, blur_size=size, kernel_family=family, pad_geometry="none")(board[None, None].double())
        assert y.abs().max() < 1e-15


def zero_fill_darkens_corners(factory, geometries, size, family, n, corner):
    for geometry in geometries:
        y = blur(factory, blur_size=size, kernel_family=family, pad_geometry=geometry)(torch.ones(1, 1, n, n))
        assert y.min().item() == pytest.approx(corner, abs=5e-5), geometry


def shift_by_the_stride_is_a_shift_by_one(factory, family, size, stride, order):
    x = noise(1, 2, 24, 36)
    for geometry in ("tf_same", "zhang"):
        options = {"blur_size": size, "kernel_family": family, "pad_geometry": geometry, "pad_fill": "circular"}
        pool = blur(factory, stride=stride, order=order, **options)
        shifted = pool(x.roll((stride, stride), (2, 3)))
        torch.testing.assert_close(shifted, pool(x).roll((1, 1), (2, 3)), rtol=0, atol=1e-13)


def spread_of_means(pool, shape, m):
    """How much the mean of the output moves under shifts of one pixel."""
    x = noise(1, 1, *shape)
    shifts = itertools.product(range(2), range(2))
    means = torch.stack([pool(circular_max(x.roll(shift, (2, 3)), m)).mean() for shift in shifts])
    return (means - means[0]).abs().max()


def mean_is_unmoved_by_one_pixel_shifts(factory, families, shape, m):
    """Kernels with a zero at the highest frequency give the even and the odd pixels the same mean."""
    for family, sizes in families.items():
        for size, geometry in itertools.product(sizes, ("tf_same", "zhang")):
            pool = blur(factory, blur_size=size, kernel_family=family, pad_geometry=geometry, pad_fill="circular")
            assert spread_of_means(pool, shape, m) < 1e-12


def gain_at_half_the_highest_frequency(factory, size, family, gain):
    """Cosine and sine of period 4 along the rows: their blurred amplitudes make up |H(pi / 2)|."""
    phase = torch.arange(64, dtype=torch.float64) * math.pi / 2
    waves = torch.stack([phase.cos(), phase.sin()])[None, :, None, :].expand(1, 2, 64, 64)
    y = blur(factory, stride=1, blur_size=size, kernel_family=family, pad_fill="circular")(waves)
    amplitude = y.square().sum(1).sqrt()
    assert amplitude.min().item() == pytest.approx(gain, abs=5e-4)
    assert amplitude.max().item() == pytest.approx(gain, abs=5e-4)


# Of a preset: a factory of poolings of two pixels


def preset_keeps_constants(factory):
    for shape in ((15, 22), (16, 16), (21, 42), (47, 30)):
        y = factory(2, 2)(torch.full((1, 2, *shape), 0.7, dtype=torch.float64))
        inside = y[..., 1:-1, 1:-1]
        assert inside.numel()
        torch.testing.assert_close(inside, torch.full_like(inside, 0.7), rtol=0, atol=1e-14)


def preset_follows_shifts(factory):
    """A tiled image stands for a circular max; the middle of the output is then free of the borders."""
    pool = factory(2, 2, pad_fill="circular")
    x = noise(1, 2, 48, 48).tile(1, 1, 2, 2)
    step = 96 // pool(x).shape[-1]
    shifted, still = pool(x.roll((step, step), (2, 3))), pool(x)
    middle = slice(3, -3)
    torch.testing.assert_close(shifted[..., middle, middle], still.roll((1, 1), (2, 3))[..., middle, middle])


def preset_learns_and_stores_nothing(factory, blurs=1):
    pool = factory(2, 2)
    assert list(pool.parameters()) == []
    assert pool.state_dict() == {}
    assert len(list(pool.buffers())) == blurs


def preset_mixes_no_channels_and_keeps_the_memory_format(factory):
    pool = factory(2, 2)
    x = noise(2, 5, 15, 22)
    y = pool(x)
    assert y.is_contiguous()
    for channel in range(5):
        torch.testing.assert_close(pool(x[:, channel : channel + 1]), y[:, channel : channel + 1])
    last = pool(x.to(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, y)


def preset_has_gradients(factory):
    assert torch.autograd.gradcheck(factory(2, 2), (noise(1, 2, 9, 11).requires_grad_(),))


def preset_is_exported(factory):
    pool = factory(2, 2)
    x = noise(2, 3, 15, 22, dtype=torch.float32)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(pool, (x,), dynamic_shapes=({0: batch},)).module()
    many = noise(5, 3, 15, 22, dtype=torch.float32)
    torch.testing.assert_close(exported(many), pool(many))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates jit.trace
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # the sizes become constants, as they should
        torch.testing.assert_close(torch.jit.trace(pool, x)(x), pool(x))


OF_A_PRESET = (
    preset_keeps_constants,
    preset_follows_shifts,
    preset_learns_and_stores_nothing,
    preset_mixes_no_channels_and_keeps_the_memory_format,
    preset_has_gradients,
    preset_is_exported,
)


def same_number_in_every_dtype(factory, dtype):
    x = noise(2, 3, 15, 22, dtype=torch.float32)
    reference = factory(2, 2)(x)
    for pool in (factory(2, 2), factory(2, 2).to(dtype)):
        y = pool(x.to(dtype))
        assert y.dtype == dtype
        torch.testing.assert_close(y.float(), reference, rtol=0, atol=0.03 if dtype == torch.bfloat16 else 0.004)
