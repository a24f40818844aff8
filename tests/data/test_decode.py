"""Pixels of somebody's images: formats, modes and depths, and how they become squares."""

import io

import numpy as np
import pytest
from PIL import Image

from gan.data.class_folders import Reading, read_class_folders
from gan.data.decode import chosen_size, fitted
from gan.errors import UserError
from tests.made_up_classes import BLUE, GREY, OTHER, RED, SMALL, near, noted, plain, saved
from tests.made_up_gtsrb import encoded


def one(folder, content, name="1.png", reading=SMALL, colour=RED):
    """What a file becomes, and the notes."""
    files = {f"a/{name}": content, "a/x.png": encoded(plain(32, 32, colour), "PNG")} | OTHER
    found = read_class_folders(folder(files), reading)
    return found.train.images[0], found


@pytest.mark.parametrize(
    ("form", "suffix", "options"),
    [
        ("PNG", ".png", {}),
        ("JPEG", ".jpeg", {"quality": 95}),
        ("JPEG", ".JPE", {"quality": 95}),
        ("JPEG", ".jfif", {"quality": 95}),
        ("BMP", ".bmp", {}),
        ("PPM", ".ppm", {}),
        ("PPM", ".pnm", {}),
        ("WEBP", ".webp", {"lossless": True}),
        ("TIFF", ".tif", {"compression": "tiff_lzw"}),
        ("TIFF", ".TIFF", {}),
        ("GIF", ".gif", {}),
    ],
)
def test_formats(folder, form, suffix, options):
    image, found = one(folder, saved(Image.fromarray(plain(40, 40, RED)), form, **options), f"1{suffix}")
    assert near(image, RED) and len(found.notes) == 2  # no groups, and few images


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_modes(folder, mode):
    form = {"CMYK": "JPEG", "YCbCr": "TIFF"}.get(mode, "PNG")
    colour = {"1": (255, 255, 255), "L": (66, 66, 66)}.get(mode, RED)
    options = {"quality": 95} if form == "JPEG" else {"compression": "tiff_lzw"} if form == "TIFF" else {}
    content = saved(
        Image.fromarray(plain(40, 40, colour)).convert(mode, palette=Image.Palette.ADAPTIVE), form, **options
    )
    assert near(one(folder, content)[0], colour, 6)


def test_grey_of_one_bit_and_of_eight_in_portable_maps(folder):
    assert near(one(folder, b"P5\n2 2\n255\n" + bytes([90] * 4), "1.pgm")[0], 90)
    assert near(one(folder, b"P4\n2 2\n" + bytes([0b11000000, 0]), "1.pbm")[0][-1], 255)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photos_are_turned_upright(folder, form):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is stored on the left is up
    pixels = plain(60, 30, BLUE)
    pixels[:, :30] = RED
    options = {"quality": 95} if form != "PNG" else {}
    image, found = one(folder, saved(Image.fromarray(pixels), form, exif=exif, **options))
    assert near(image[:12], RED, 12) and near(image[-12:], BLUE, 12) and found.train.sizes[0].tolist() == [30, 60]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_notes_of_a_camera_are_no_damage(folder):
    content = saved(Image.fromarray(plain(40, 40, RED)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    assert near(one(folder, content)[0], RED)


@pytest.mark.parametrize(("largest", "top"), [(65_535, 65_535), (40_000, 65_535), (4_000, 4_095), (200, 255)])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_one_scale_for_all_images_of_16_bits(folder, form, largest, top):
    files = {
        f"{name}/{k}.png": saved(Image.fromarray(np.full((32, 32), value, np.uint16)), form)
        for name, k, value in (("a", 1, largest), ("a", 2, largest // 2), ("b", 1, largest // 4), ("b", 2, 0))
    }
    found = read_class_folders(folder(files), SMALL)
    expected = [round(value * 255 / top) for value in (largest, largest // 2, largest // 4, 0)]
    assert found.train.images[:, 5, 5].tolist() == [[value] * 3 for value in expected]
    noted(found, "more than 8 bits: 4", f"up to {largest:,};", f"0 to {top:,} became 0 to 255")


def test_values_of_32_bits_and_fractions(folder):
    for value, array, expected in ((255, np.int32, 255), (0.5, np.float32, 128), (70_000, np.int32, 136)):
        content = saved(Image.fromarray(np.full((9, 9), value, array)), "TIFF")
        assert near(one(folder, content, "1.tif")[0], expected, 1)
    broken = np.array([[np.nan, np.inf], [1, 1]], np.float32)
    assert set(one(folder, saved(Image.fromarray(broken), "TIFF"), "1.tif")[0][[0, -1], -1, 0]) == {0, 255}


def test_what_is_transparent_lies_on_white(folder):
    pixels = np.dstack([plain(32, 32, RED), np.full((32, 32), 255, np.uint8)])
    pixels[:16, :, 3] = 0
    image, found = one(folder, encoded(pixels, "PNG"))
    assert near(image[:16], 255, 0) and near(image[16:], RED, 0)
    noted(found, "transparent in places: 1;", "on white")
    palette = Image.fromarray(plain(32, 32, RED)).quantize()
    image, _ = one(folder, saved(palette, transparency=palette.getpixel((0, 0))))
    assert near(image, 255, 0)
    image, _ = one(folder, saved(Image.new("LA", (32, 32), (0, 0))))
    assert near(image, 255, 0)
    pixels[..., 3] = 255
    assert not any("transparent" in note for note in one(folder, encoded(pixels, "PNG"))[1].notes)


@pytest.mark.parametrize(
    ("form", "name"), [("GIF", "1.gif"), ("WEBP", "1.webp"), ("TIFF", "1.tif"), ("PNG", "1.png")]
)
def test_the_first_of_several_pictures_is_taken(folder, form, name):
    frames = [Image.fromarray(plain(32, 32, colour)) for colour in (RED, BLUE, GREY)]
    content = saved(
        frames[0], form, save_all=True, append_images=frames[1:], **{"lossless": True} if form == "WEBP" else {}
    )
    image, found = one(folder, content, name)
    assert near(image, RED)
    noted(found, "Files of several pictures", "1;")


# --- size and fit


@pytest.mark.parametrize(("median", "size"), [(1, 32), (47, 32), (50, 64), (95, 64), (100, 128), (5000, 128)])
def test_the_size_that_is_nearest(median, size):
    assert chosen_size(median, 128) == size and chosen_size(median, 64) == min(size, 64)


def test_the_median_gives_the_size(folder):
    sizes = [(70, 70), (50, 98), (9, 9), (300, 300)]
    files = {f"{name}/{k}.png": encoded(plain(*wh, RED), "PNG") for name in "ab" for k, wh in enumerate(sizes)}
    found = read_class_folders(folder(files))
    assert found.train.size == 64
    assert noted(found, "image_size=").startswith("Images are made 64x64: their median is 70x70 pixels (9 to 300)")
    assert not any("image_size" in note for note in read_class_folders(folder(files), SMALL).notes)


def striped():
    """Red, grey and blue from left to right."""
    wide = plain(320, 64, GREY)
    wide[:, :64], wide[:, -64:] = RED, BLUE
    return encoded(wide, "PNG")


def test_squeezed_cropped_and_padded(folder):
    squeezed, cropped, padded = (
        one(folder, striped(), reading=Reading(32, fit))[0] for fit in ("squeeze", "crop", "pad")
    )
    assert near(squeezed[:, :5], RED) and near(squeezed[:, 8:24], GREY) and near(squeezed[:, 27:], BLUE)
    assert near(cropped, GREY)
    assert near(padded[13:19, 1:5], RED) and near(padded[13:19, 27:31], BLUE)
    mean = [(a + b + 3 * g) / 5 for a, b, g in zip(RED, BLUE, GREY, strict=True)]
    assert near(padded[:13], mean, 2) and near(padded[19:], mean, 2)
    tall = encoded(np.swapaxes(np.array(Image.open(io.BytesIO(striped()))), 0, 1).copy(), "PNG")
    np.testing.assert_array_equal(one(folder, tall, reading=Reading(32, "pad"))[0], padded.swapaxes(0, 1))


@pytest.mark.parametrize("fit", ["squeeze", "crop", "pad"])
def test_very_long_images_and_such_of_the_right_size(folder, fit):
    image, found = one(folder, saved(Image.new("RGB", (70_000, 1), RED)), reading=Reading(32, fit))
    assert near(image, RED) and found.train.sizes[0].tolist() == [0, 0]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(one(folder, encoded(noise, "PNG"), reading=Reading(64, fit))[0], noise)


def test_reduction_is_antialiased(folder):
    stripes = plain(256, 256, 0)
    stripes[:, ::2] = 255  # without averaging, every pixel would be black or white
    assert near(one(folder, encoded(stripes, "PNG"))[0], 127, 10)


def test_a_reading_that_there_is_not():
    for given, words in (({"image_size": 100}, "32 or 64 or 128 or 256, not 100"), ({"fit": "cut"}, "not 'cut'")):
        with pytest.raises(UserError, match=words):
            Reading(**given)
    config = {"image_size": 64, "fit": "pad", "seed": 3}
    assert Reading.of(config) == Reading(64, "pad")


def squeezed(pixels):
    """Pixels as a square of 32x32."""
    return np.asarray(fitted(Image.fromarray(pixels), 32, "squeeze"))


def test_a_fine_checkerboard_becomes_grey() -> None:
    board = np.indices((250, 250)).sum(0) % 2 * 255
    small = squeezed(np.repeat(board[..., None], 3, 2).astype(np.uint8))
    assert small.shape == (32, 32, 3) and small.dtype == np.uint8
    assert np.abs(small.astype(int) - 127).max() <= 4


@pytest.mark.parametrize("shape", [(15, 15), (15, 250), (250, 15), (31, 33), (243, 225)])
def test_resizing_keeps_the_mean_and_flat_colours(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), (10, 128, 250), np.uint8)
    assert (squeezed(flat) == (10, 128, 250)).all()
    ramp = np.broadcast_to(np.linspace(0, 255, shape[1])[None, :, None], (*shape, 3)).astype(np.uint8)
    assert abs(squeezed(ramp).mean() - ramp.mean()) < 1.5
