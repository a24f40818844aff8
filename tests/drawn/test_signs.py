import numpy as np
import pytest
from PIL import Image
from sklearn.svm import SVC

from gan.data.labelled import ARRAYS, LabelledImages
from gan.data.signs import CLASSES, NAMES, TRAINING_COUNTS
from gan.drawn.frames import _demosaiced
from gan.drawn.pictograms import pictogram
from gan.drawn.signs import MORE_AT_ONCE, class_counts, draw_more, draw_signs, track_lengths
from gan.errors import UserError

SEED = 5
BOX = 20  # pixels of a sign that is cut out along its box


@pytest.fixture(scope="module")
def drawn() -> tuple[LabelledImages, LabelledImages]:
    return draw_signs(1500, 500, SEED)


def assert_same(one: LabelledImages, other: LabelledImages) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 (len(some), len(others)): root of the mean squared difference of two images, in grey levels."""
    some, others = (images.reshape(len(images), -1).astype(np.float64) for images in (some, others))
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    return np.sqrt(np.maximum(squares, 0) / some.shape[1])


def normalised(images: np.ndarray) -> np.ndarray:
    """float64 (N, pixels): each image with mean 0 and standard deviation 1."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    return (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)


def cut_out(signs: LabelledImages) -> np.ndarray:
    """uint8 (N, BOX, BOX, 3): what `coords` says is the sign."""
    edges = (signs.coords + np.array([0, 0, 1, 1])) * 32 / np.tile(signs.sizes, 2)
    cuts = [
        Image.fromarray(image).resize((BOX, BOX), Image.Resampling.BILINEAR, tuple(box))
        for image, box in zip(signs.images, edges, strict=True)
    ]
    return np.stack([np.asarray(cut) for cut in cuts])


def test_images_follow_from_the_seed():
    first, again, other = (draw_signs(80, 50, seed) for seed in (3, 3, 4))
    for part in range(2):
        assert_same(first[part], again[part])
        np.testing.assert_array_equal(first[part].labels, other[part].labels)
        assert (first[part].images != other[part].images).any(axis=(1, 2, 3)).all()


def test_more_signs_begin_like_fewer_and_show_other_ones(drawn):
    few, many = draw_more(17, 20, SEED), draw_more(17, MORE_AT_ONCE + 20, SEED)
    assert many.shape == (MORE_AT_ONCE + 20, 32, 32, 3) and many.dtype == np.uint8
    np.testing.assert_array_equal(many[:20], few)
    assert len(np.unique(many, axis=0)) == len(many)
    assert draw_more(17, 0, SEED).shape == (0, 32, 32, 3)
    assert (draw_more(17, 20, SEED + 1) != few).any() and (draw_more(18, 20, SEED) != few).any()
    for part in drawn:  # frames of one sign are nearer to each other than two signs ever are
        known = normalised(part.images[part.labels == 17])
        assert ((normalised(few)[:, None] - known) ** 2).mean(-1).min() > 0.02


def test_some_classes_are_drawn_as_in_the_full_set(drawn):
    for full, part in zip(drawn, draw_signs(1500, 500, SEED, classes=[38, 17]), strict=True):
        assert_same(full.take(np.isin(full.labels, [38, 17])), part)


def test_arrays_are_as_signs_describes_them(drawn):
    for signs, examples in zip(drawn, (1500, 500), strict=True):
        arrays = [getattr(signs, name) for name in ARRAYS]
        shapes = [(examples, 32, 32, 3), (examples,), (examples,), (examples, 2), (examples, 4)]
        assert [array.shape for array in arrays] == shapes
        assert [array.dtype for array in arrays] == [np.uint8, np.uint8, np.int32, np.uint8, np.uint8]
        assert signs.sizes.min() >= 15 and signs.sizes.max() <= 250
        np.testing.assert_array_equal(signs.counts(), class_counts(examples))
        # Tracks are numbered over all classes and hold one class.
        np.testing.assert_array_equal(np.unique(signs.tracks), np.arange(signs.tracks.max() + 1))
        assert np.unique(np.stack([signs.tracks, signs.labels]), axis=1).shape[1] == signs.tracks.max() + 1


def test_the_box_holds_the_sign_with_a_margin_around(drawn):
    left, top, right, bottom = drawn[0].coords.astype(int).T
    width, height = drawn[0].sizes.astype(int).T
    share = np.maximum((right - left) / width, (bottom - top) / height)
    assert share.min() > 0.54 and share.max() < 0.85
    assert (np.minimum(left, top) >= 1).all() and (right < width).all() and (bottom < height).all()


def test_class_counts_are_gtsrbs():
    assert np.abs(class_counts(sum(TRAINING_COUNTS)) - TRAINING_COUNTS).max() <= 2
    for examples in (43, 44, 100, 4300):
        assert class_counts(examples).sum() == examples and class_counts(examples).min() >= 1
    np.testing.assert_allclose(class_counts(4300) / 4300, np.array(TRAINING_COUNTS) / 39209, atol=2 / 4300)


@pytest.mark.parametrize(
    "images, lengths", [(300, [30] * 10), (221, [28] * 5 + [27] * 3), (24, [4] * 3 + [3] * 4), (3, [1] * 3)]
)
def test_track_lengths(images, lengths):
    np.testing.assert_array_equal(track_lengths(images), lengths)


def test_a_track_drives_up_to_one_sign():
    signs = draw_signs(1500, 43, SEED, classes=[2])[0]
    apart, same = distances(signs.images, signs.images), signs.tracks[:, None] == signs.tracks
    np.fill_diagonal(apart, np.inf)
    # The next of kin of a frame is a frame of its own track, and frames of one track are no copies.
    np.testing.assert_array_equal(signs.tracks[apart.argmin(1)], signs.tracks)
    assert apart.min() > 0.5
    assert apart[same & np.isfinite(apart)].mean() < 0.6 * apart[~same].mean()
    for track in np.unique(signs.tracks):
        widths = signs.sizes[signs.tracks == track, 0].astype(int)
        assert widths[-1] > 1.15 * widths[0]


def test_further_signs_are_as_dark_and_bright_and_pale_as_photos():
    """Of GTSRB's photos 95 in 100 lie between 17 and 222 on average; colours are 7 to 185 levels from grey."""
    images = draw_more(14, MORE_AT_ONCE, SEED).astype(float)
    light, colour = images.mean((1, 2, 3)), np.percentile(np.ptp(images, axis=3), 90, axis=(1, 2))
    assert np.percentile(light, 3) < 20 and np.percentile(light, 97) > 200
    assert np.percentile(colour, 3) < 20 and np.percentile(colour, 97) > 120


def test_a_sensor_that_sees_one_colour_a_pixel_keeps_what_is_even_and_colours_what_is_fine():
    even = np.full((32, 32, 3), (200, 100, 50), np.float32)
    np.testing.assert_allclose(_demosaiced(even), even, rtol=1e-5)
    fine = np.full((32, 32, 3), 200, np.float32)
    fine[:, 16] = 20
    seen = _demosaiced(fine)
    assert np.ptp(seen[:, 14:19], axis=2).max() > 80 and np.ptp(seen[:, :14], axis=2).max() < 1e-3


def test_training_and_test_set_show_different_signs(drawn):
    for label in range(CLASSES):
        train, test = (part.images[part.labels == label] for part in drawn)
        # A sign drawn once more would be nearer, two dark streets are not.
        assert distances(train, test).min() > 8, NAMES[label]


@pytest.mark.slow
def test_a_machine_learns_to_tell_the_classes(drawn):
    train, test = drawn
    model = SVC(kernel="linear").fit(normalised(cut_out(train)), train.labels)
    # Guessing the largest class would be right for 6 %.
    assert (model.predict(normalised(cut_out(test))) == test.labels).mean() > 0.6
    # What it learned are the signs and not their surroundings: it knows the clean ones, which it never saw.
    clean = []
    for label in range(CLASSES):
        sign = pictogram(label)
        ground = Image.new("RGBA", sign.size, (90, 90, 90, 255))
        ground.alpha_composite(sign)
        box = sign.getchannel("A").getbbox()
        clean.append(np.asarray(ground.convert("RGB").resize((BOX, BOX), Image.Resampling.BOX, box)))
    known = model.predict(normalised(np.stack(clean))) == np.arange(CLASSES)
    assert known.sum() >= 39, [name for name, right in zip(NAMES, known, strict=True) if not right]


@pytest.mark.parametrize(
    "train, test, seed, classes, said",
    [
        (42, 50, 0, None, "42 drawn examples"),
        (50, 0, 0, None, "0 drawn examples"),
        (50, 50, -1, None, "seed is -1"),
        (50, 50, 0, [43], "0 to 42"),
    ],
)
def test_numbers_out_of_range_are_refused(train, test, seed, classes, said):
    with pytest.raises(UserError, match=said):
        draw_signs(train, test, seed, classes)
