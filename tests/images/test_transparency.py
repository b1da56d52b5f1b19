import numpy as np
from handmade import encoded, noise, opened
from PIL import Image

from impasto.images import read_picture
from impasto.images.transparency import fill_transparent, over_white


def test_hidden_pixels_take_the_one_visible_colour_however_far_it_is():
    alpha = np.zeros((97, 131), np.float32)
    alpha[3, 5] = 0.3
    pixels = np.zeros((97, 131, 3), np.float32)
    pixels[3, 5] = (0.8, 0.5, 0.1)
    assert np.abs(fill_transparent(pixels, alpha) - [0.8, 0.5, 0.1]).max() < 1e-5


def test_visible_pixels_keep_their_very_values():
    pixels = noise().astype(np.float32) / np.float32(255)
    alpha = (noise(channels=1, seed=1) > 128).astype(np.float32) * np.float32(0.5)
    filled = fill_transparent(pixels, alpha)
    assert np.array_equal(filled[alpha > 0], pixels[alpha > 0])


def test_hidden_colours_have_no_influence_and_lie_between_the_visible_ones():
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, :10] = alpha[:, -10:] = 1
    pixels = np.full((40, 60, 3), 0.3, np.float32)
    pixels[:, -10:] = 0.7
    pixels[:, 10:-10] = noise(40, 40) / 255
    middle = fill_transparent(pixels, alpha)[:, 10:-10]
    assert middle.min() > 0.3 - 1e-5
    assert middle.max() < 0.7 + 1e-5
    assert np.diff(middle.mean(axis=(0, 2))).min() > -1e-5


def test_a_wholly_transparent_picture_is_left_as_it_is():
    pixels = noise().astype(np.float32) / np.float32(255)
    assert np.array_equal(fill_transparent(pixels, np.zeros((24, 36), np.float32)), pixels)


def test_black_under_transparency_is_gone_once_a_file_is_read():
    values = np.zeros((32, 32, 4), np.uint8)
    values[8:24, 8:24] = (250, 200, 100, 255)
    pixels = read_picture(encoded(Image.fromarray(values), "PNG")).pixels
    assert np.abs(pixels * 255 - [250, 200, 100]).max() < 0.01


def test_laying_on_white_is_what_pillow_composes():
    values = noise(channels=4)
    picture = Image.fromarray(values)
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))
    laid = over_white(values[..., :3].astype(np.float32) / 255, values[..., 3].astype(np.float32) / 255)
    assert np.abs(laid * 255 - expected).max() <= 1
    assert opened(encoded(Image.fromarray(expected), "PNG")).size == picture.size
