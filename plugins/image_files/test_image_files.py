"""Decoding: sizes, grey and colour, EXIF, 16 bits, palette, CMYK, transparency; never a truncated image."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fer_image_files.decoding import UnreadableError, decode_image
from PIL import Image

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREYS = COLOURS[..., 0]


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def decode(data, grey=False):
    return decode_image(data, "it", grey=grey)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_grey_and_colour_keep_their_pixels(kind):
    assert np.array_equal(decode(encoded(Image.fromarray(GREYS), kind)), GREYS[..., None])
    assert np.array_equal(decode(encoded(Image.fromarray(COLOURS), kind)), COLOURS)
    luma = decode(encoded(Image.fromarray(COLOURS), kind), grey=True)
    assert luma.shape == (6, 8, 1)
    assert np.abs(luma[..., 0] - COLOURS @ [0.299, 0.587, 0.114]).max() <= 1


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.swapaxes(0, 1)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda x: np.rot90(x)),
    ],
)
def test_the_image_is_turned_as_exif_says(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    assert np.array_equal(decode(data), turned(COLOURS))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(kind):
    wide = np.array([[0, 128, 129, 257], [32_768, 65_406, 65_407, 65_535]], np.uint16)
    expected = np.rint(wide / 257).astype(np.uint8)
    assert np.array_equal(decode(encoded(Image.fromarray(wide), kind))[..., 0], expected)


def test_a_palette_becomes_its_colours():
    palette = Image.fromarray(COLOURS).quantize(16)
    assert np.array_equal(decode(encoded(palette)), np.array(palette.convert("RGB")))
    assert decode(encoded(palette), grey=True).shape == (6, 8, 1)


def test_cmyk_becomes_rgb():
    for kind in ("JPEG", "TIFF"):
        image = Image.new("CMYK", (8, 6), (0, 255, 255, 0))  # red
        red = decode(encoded(image, kind))[0, 0].astype(int)
        assert red[0] > 240
        assert red[1] < 15
        assert red[2] < 15


def test_what_is_transparent_lies_on_white():
    alpha = np.zeros((6, 8), np.uint8)
    alpha[:, :4] = 255
    drawn = Image.fromarray(np.dstack([COLOURS, alpha]))
    result = decode(encoded(drawn))
    assert np.array_equal(result[:, :4], COLOURS[:, :4])
    assert (result[:, 4:] == 255).all()
    grey = Image.merge("LA", [Image.fromarray(GREYS), Image.fromarray(alpha)])
    result = decode(encoded(grey))
    assert result.shape == (6, 8, 1)
    assert np.array_equal(result[:, :4, 0], GREYS[:, :4])
    assert (result[:, 4:] == 255).all()
    opaque = Image.fromarray(np.dstack([COLOURS, np.full((6, 8), 255, np.uint8)]))
    assert np.array_equal(decode(encoded(opaque)), COLOURS)


def test_one_bit_and_progressive_jpeg():
    assert set(np.unique(decode(encoded(Image.fromarray(GREYS > 128))))) <= {0, 255}
    assert decode(encoded(Image.fromarray(COLOURS), "JPEG", progressive=True)).shape == (6, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_data_that_a_camera_has_appended_does_not_matter(kind):
    data = encoded(Image.fromarray(COLOURS), kind)
    assert np.array_equal(decode(data + bytes(5_000)), decode(data))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image():
    data = encoded(Image.fromarray(COLOURS), "JPEG")
    segment = b"\xff\xe1" + (2 + 6 + len(data)).to_bytes(2, "big") + b"Exif\0\0" + data
    whole = data[:2] + segment + data[2:]
    assert np.array_equal(decode(whole), decode(data))
    with pytest.raises(UnreadableError, match="truncated"):
        decode(whole[:-2])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"GIF89a", "the file is not an image"),
        (encoded(Image.fromarray(COLOURS))[:-20], "truncated"),
        (encoded(Image.fromarray(COLOURS), "JPEG")[:-2], "truncated"),
        (encoded(Image.fromarray(GREYS.astype(np.float32)), "TIFF"), "mode F"),
        (encoded(Image.fromarray(GREYS.astype(np.int32) - 300), "TIFF"), "outside 0..65535"),
        (encoded(Image.fromarray(GREYS.astype(np.int32)), "TIFF"), "32 bits and are below 256"),
    ],
)
def test_what_cannot_be_read_is_named(data, reason):
    with pytest.raises(UnreadableError, match=reason) as caught:
        decode(data)
    assert str(caught.value).startswith("it: ")
