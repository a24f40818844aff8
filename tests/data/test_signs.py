import dataclasses

import numpy as np
import pytest

from gan.data.labelled import ARRAYS, Classes, LabelledImages, join, mirrored, to_uint8, with_mirrored
from gan.data.signs import CLASSES, GTSRB, NAMES, SIZE, TRAINING_COUNTS
from gan.errors import UserError

SYMMETRIC = {11, 12, 13, 15, 17, 18, 22, 26, 30, 35}

MIRROR = {k: other for k, other in enumerate(GTSRB.mirror) if other >= 0}


def some_signs(labels: list[int], tracks: list[int] | None = None, seed: int = 0) -> LabelledImages:
    count = len(labels)
    random = np.random.default_rng(seed)
    return LabelledImages(
        random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8),
        np.array(labels, np.uint8),
        np.array(range(count) if tracks is None else tracks, np.int32),
        random.integers(40, 251, (count, 2)).astype(np.uint8),
        np.tile(np.array([5, 6, 30, 33], np.uint8), (count, 1)),
        GTSRB,
    )


def test_the_mirror_of_the_mirror_is_the_class_again() -> None:
    assert all(MIRROR[MIRROR[k]] == k for k in MIRROR)


def test_exactly_these_classes_have_a_mirror_image() -> None:
    pairs = {(a, b) for a, b in MIRROR.items() if a < b}
    assert pairs == {(19, 20), (33, 34), (36, 37), (38, 39)}
    assert {k for k, other in MIRROR.items() if k == other} == SYMMETRIC
    assert len(MIRROR) == len(SYMMETRIC) + 8


def test_the_pairs_are_those_whose_names_say_left_and_right() -> None:
    for k, other in MIRROR.items():
        swapped = NAMES[k].replace("left", "X").replace("right", "left").replace("X", "right")
        assert k == other or swapped == NAMES[other]
    assert len(NAMES) == len(TRAINING_COUNTS) == CLASSES == 43
    assert sum(TRAINING_COUNTS) == 39_209


def test_mirrored_flips_pixels_and_labels_and_leaves_the_rest_out() -> None:
    signs = some_signs([14, 17, 19, 20, 38, 0], [5, 6, 7, 8, -1, 9])
    other = mirrored(signs)
    assert other.labels.tolist() == [17, 20, 19, 39] and other.labels.dtype == np.uint8
    for k, source in enumerate([1, 2, 3, 4]):
        np.testing.assert_array_equal(other.images[k], np.fliplr(signs.images[source]))
    np.testing.assert_array_equal(other.sizes, signs.sizes[1:5])
    assert other.tracks.tolist() == [6, 7, 8, -1], "a sign and its mirror image are one physical sign"


def test_mirrored_twice_is_what_it_was() -> None:
    signs = some_signs([17, 19, 34, 37])
    again = mirrored(mirrored(signs))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(signs, name))
        assert getattr(again, name).dtype == getattr(signs, name).dtype


@pytest.mark.parametrize("width", [40, 255, 266])
def test_the_box_goes_with_the_pixels(width: int) -> None:
    left, top, right, bottom = 3, 5, 11, 30
    original = np.zeros((40, width), bool)
    original[top : bottom + 1, left : right + 1] = True
    signs = LabelledImages(
        np.zeros((1, SIZE, SIZE, 3), np.uint8), np.array([19], np.uint8), np.array([0], np.int32),
        np.array([[width, 40]], np.uint16), np.array([[left, top, right, bottom]], np.uint16),
        GTSRB,
    )  # fmt: skip
    flipped = np.argwhere(np.fliplr(original))
    found = mirrored(signs).coords
    assert found.dtype == np.uint16
    (rows, columns) = flipped.T
    assert found.tolist() == [[columns.min(), rows.min(), columns.max(), rows.max()]]


def test_a_box_that_is_not_known_is_not_known_in_the_mirror() -> None:
    signs = some_signs([19, 20])
    unknown = dataclasses.replace(signs, sizes=signs.sizes * 0, coords=signs.coords * 0)
    for one in (
        unknown,
        dataclasses.replace(unknown, sizes=signs.sizes),
        dataclasses.replace(unknown, coords=signs.coords),
    ):
        assert not mirrored(one).coords.any()


def test_mirroring_leaves_the_given_signs_alone() -> None:
    signs = some_signs([17, 19])
    before = signs.digest()
    mirrored(signs)
    assert signs.digest() == before


def test_joined_tracks_never_meet_and_unknown_ones_stay_unknown() -> None:
    first = some_signs([1, 1, 2], [0, 0, 4])
    second = some_signs([3, 3, 3], [0, -1, 2], seed=1)
    third = some_signs([4, 5], [-1, -1], seed=2)
    fourth = some_signs([6], [0], seed=3)
    joined = join(first, second, third, fourth)
    tracks = joined.tracks
    assert tracks.dtype == np.int32
    assert tracks[:3].tolist() == [0, 0, 4]
    assert np.flatnonzero(tracks == -1).tolist() == [4, 6, 7]
    known = [set(tracks[a:b].tolist()) - {-1} for a, b in ((0, 3), (3, 6), (6, 8), (8, 9))]
    assert [len(numbers) for numbers in known] == [2, 2, 0, 1]
    assert len(set.union(*known)) == 5


def test_joined_parts_keep_their_order_and_their_types() -> None:
    parts = some_signs([1, 2], seed=1), some_signs([3], seed=2), some_signs([], seed=3)
    joined = join(*parts)
    assert joined.labels.tolist() == [1, 2, 3] and len(joined) == 3
    np.testing.assert_array_equal(joined.images, np.concatenate([part.images for part in parts]))
    np.testing.assert_array_equal(joined.coords[2], parts[1].coords[0])
    np.testing.assert_array_equal(joined.sizes[2], parts[1].sizes[0])
    assert all(getattr(joined, f).dtype == getattr(parts[0], f).dtype for f in ARRAYS)


def test_images_and_labels_alone_are_signs_of_no_known_track() -> None:
    images = some_signs([1, 42, 3]).images
    signs = LabelledImages.of(images, [1, 42, 3], GTSRB)
    np.testing.assert_array_equal(signs.images, images)
    assert signs.labels.tolist() == [1, 42, 3] and signs.tracks.tolist() == [-1, -1, -1]
    assert signs.sizes.tolist() == [[SIZE, SIZE]] * 3 and signs.coords.tolist() == [[0, 0, SIZE - 1, SIZE - 1]] * 3
    for name in ARRAYS:
        assert getattr(signs, name).dtype == getattr(some_signs([1]), name).dtype, name
        assert getattr(LabelledImages.of(images[:0], [], GTSRB), name).shape == getattr(some_signs([]), name).shape
    assert join(some_signs([1]), signs).tracks.tolist() == [0, -1, -1, -1]
    np.testing.assert_array_equal(mirrored(LabelledImages.of(images, [17, 19, 20], GTSRB)).coords, signs.coords)


def test_take_chooses_from_every_array() -> None:
    signs = some_signs([1, 2, 3], [7, 8, 9])
    for chosen in (np.array([False, True, True]), np.array([1, 2])):
        taken = signs.take(chosen)
        assert taken.labels.tolist() == [2, 3] and taken.tracks.tolist() == [8, 9]
        np.testing.assert_array_equal(taken.images, signs.images[1:])
        np.testing.assert_array_equal(taken.sizes, signs.sizes[1:])
        np.testing.assert_array_equal(taken.coords, signs.coords[1:])


def test_counts_has_every_class() -> None:
    counts = some_signs([0, 2, 2, 42]).counts()
    assert len(counts) == CLASSES and counts.sum() == 4
    assert (counts[0], counts[2], counts[42]) == (1, 2, 1)


def test_the_digest_names_this_very_data() -> None:
    signs = some_signs([1, 2, 3], [0, 1, 1])
    digest = signs.digest()
    assert len(digest) == 16 and int(digest, 16) >= 0
    assert some_signs([1, 2, 3], [0, 1, 1]).digest() == digest
    spread = dataclasses.replace(signs, images=np.asfortranarray(signs.images))
    assert spread.digest() == digest, "it names the values, not how they lie in memory"


@pytest.mark.parametrize("name", ["images", "labels", "tracks"])
def test_the_digest_changes_with_any_value(name: str) -> None:
    signs = some_signs([1, 2, 3], [0, 1, 1])
    digests = {signs.digest()}
    for place in (0, -1):
        changed = getattr(signs, name).copy()
        changed.reshape(-1)[place] ^= 1
        digests.add(dataclasses.replace(signs, **{name: changed}).digest())
    digests.add(signs.take(np.array([1, 0, 2])).digest())
    assert len(digests) == 4


def test_the_digest_is_the_same_everywhere() -> None:
    signs = LabelledImages(
        np.arange(2 * SIZE * SIZE * 3, dtype=np.uint8).reshape(2, SIZE, SIZE, 3), np.array([3, 4], np.uint8),
        np.array([0, -1], np.int32), np.full((2, 2), 50, np.uint8), np.full((2, 4), 5, np.uint8),
        GTSRB,
    )  # fmt: skip
    assert signs.digest() == "46b9768f2dee3379"  # written down once: runs are compared over versions and machines


@pytest.mark.parametrize(("text", "number"), [(str(k), k) for k in range(CLASSES)])
def test_every_class_id_is_read(text: str, number: int) -> None:
    assert GTSRB.parse(text) == number


def test_all_classes_are_none_in_particular() -> None:
    assert GTSRB.parse("all") is None


@pytest.mark.parametrize(
    "text",
    [
        "43",
        "-1",
        "x",
        "",
        "1.5",
        "１７",
        "²",
        "1e1",
        "0x11",
        "1_7",
        "17 18",
        "all 43",
        "none",
        "ALL",
        "017",
        "9" * 5000,
    ],
)
def test_any_other_class_is_an_error_that_names_the_range(text: str) -> None:
    with pytest.raises(UserError, match="from 0 to 42") as error:
        GTSRB.parse(text)
    assert repr(text) in str(error.value) and "No entry" in str(error.value)


def test_to_uint8_rounds_and_cuts_off() -> None:
    values = np.array([-1, 1, 0.0, -1.5, 1.5, 1e9, -1e9, 1 / 127.5, 1.49 / 127.5, 254.4 / 127.5 - 1], np.float64)
    assert to_uint8(values).tolist() == [0, 255, 128, 0, 255, 255, 0, 128, 129, 254]
    assert to_uint8(values).dtype == np.uint8


def test_to_uint8_takes_every_byte_back_to_itself() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(pixels.astype(np.float32) / 127.5 - 1), pixels)


def test_turned_images_are_of_their_class_where_that_is_said() -> None:
    classes = Classes.named(["moss", "sand"], mirror=(0, 1), turned=True)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    every = with_mirrored(LabelledImages.of(images, [0, 1], classes))
    assert every.labels.tolist() == [0, 1] * 8 and len(np.unique(every.images.reshape(16, -1), axis=0)) == 16
    np.testing.assert_array_equal(every.images[5], images[1].transpose(1, 0, 2)[::-1])
