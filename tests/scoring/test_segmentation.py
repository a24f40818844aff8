"""Known answers for counts of pixels and what follows from them."""

import numpy as np
import pytest

from gan.scoring.segmentation import IGNORED, confusion, confusions, label_map, mean, overlap


def logits_of(answers: np.ndarray, classes: int) -> np.ndarray:
    """Logits (h, w, classes) that are sure of these classes."""
    return np.where(np.arange(classes) == answers[..., None], np.float32(9), np.float32(-9))


# --- label maps from logits


def test_at_their_own_size_the_largest_logit_counts_and_the_lowest_class_of_equals() -> None:
    logits = np.array([[[1, 2, 0], [3, 1, 3], [-5, -5, -4]]], np.float32)
    np.testing.assert_array_equal(label_map(logits, 1, 3), [[1, 0, 2]])
    assert label_map(logits, 1, 3).dtype == np.uint8


def bilinear(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear enlargement with pixel centres at halves and edges repeated, pixel by pixel."""
    found = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * plane.shape[0] / height - 0.5, 0), plane.shape[0] - 1)
            x = min(max((column + 0.5) * plane.shape[1] / width - 0.5, 0), plane.shape[1] - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, plane.shape[0] - 1), min(left + 1, plane.shape[1] - 1)
            upper = plane[top, left] * (1 - (x - left)) + plane[top, right] * (x - left)
            lower = plane[bottom, left] * (1 - (x - left)) + plane[bottom, right] * (x - left)
            found[row, column] = upper * (1 - (y - top)) + lower * (y - top)
    return found


@pytest.mark.parametrize("size", [(20, 30), (13, 17), (5, 6)])
def test_logits_are_enlarged_bilinearly_before_they_are_compared(size: tuple[int, int]) -> None:
    logits = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    wanted = np.stack([bilinear(logits[..., k], *size) for k in range(4)], axis=-1)
    np.testing.assert_array_equal(label_map(logits, *size), wanted.argmax(axis=-1))


def test_the_edge_of_a_class_lies_between_the_pixels() -> None:
    logits = np.zeros((1, 2, 2), np.float32)
    logits[0, :, 1] = -1, 3  # class 1 is ahead from a quarter of the way between the centres on
    answers = label_map(logits, 1, 200)
    assert abs(int((answers == 0).sum()) - 75) <= 1 and (np.diff(answers[0].astype(int)) >= 0).all()


def test_a_smaller_size_averages() -> None:
    logits = np.zeros((8, 8, 2), np.float32)
    logits[::2, ::2, 1] = 3  # a quarter of the pixels is sure of class 1
    logits[..., 0] = 0.6
    assert (label_map(logits, 2, 2) == 1).all()
    logits[..., 0] = 0.9
    assert (label_map(logits, 2, 2) == 0).all()


def test_logits_that_are_not_contiguous_or_not_float32_will_do() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 6, 8))
    np.testing.assert_array_equal(label_map(logits[:, :, ::2], 4, 6), logits[:, :, ::2].argmax(axis=-1))


# --- counts


def test_pixels_are_counted_by_class_and_answer_and_ignored_ones_are_not() -> None:
    labels = np.array([[0, 0, 1], [2, 2, IGNORED]], np.uint8)
    answers = np.array([[0, 1, 1], [2, 0, 1]], np.uint8)
    table = confusion(labels, answers, 4)
    assert table.dtype == np.int64
    np.testing.assert_array_equal(table, [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])


def test_nothing_is_counted_where_nothing_is_scored() -> None:
    empty = np.full((2, 3), IGNORED, np.uint8)
    assert not confusion(empty, np.zeros((2, 3), np.uint8), 2).any()


@pytest.mark.parametrize(
    ("labels", "answers", "words"),
    [(np.zeros((2, 2)), np.zeros((2, 3)), "shapes"), (np.full((1, 1), 3), np.zeros((1, 1)), "beyond 2"),
     (np.zeros((1, 1)), np.full((1, 1), 3), "answers beyond 2")],
)  # fmt: skip
def test_what_does_not_fit_is_an_error(labels: np.ndarray, answers: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        confusion(labels.astype(np.uint8), answers.astype(np.uint8), 3)


def test_further_answers_are_always_wrong() -> None:
    labels, answers = np.array([0, 0, 1, IGNORED], np.uint8), np.array([0, 3, 2, 3], np.uint8)
    table = confusion(labels, answers, 2, others=2)
    np.testing.assert_array_equal(table, [[1, 0, 0, 1], [0, 0, 1, 0]])
    found = overlap(table)
    assert found.pixel_accuracy == pytest.approx(1 / 3) and found.mean_iou == 0.25
    np.testing.assert_array_equal(found.recalls, [0.5, 0])
    np.testing.assert_array_equal(found.ious, [0.5, 0])
    planes = (answers[None, :, None] == np.arange(4)).astype(np.float32)
    np.testing.assert_array_equal(confusions([planes], [labels[None]], 2, others=2), table)


def test_scenes_of_different_sizes_are_counted_together_at_the_sizes_of_their_label_maps() -> None:
    random = np.random.default_rng(0)
    maps = [random.integers(0, 3, size).astype(np.uint8) for size in ((4, 6), (10, 3))]
    logits = [logits_of(one, 3) for one in maps]
    table = confusions(iter(logits), iter(maps), 3)
    np.testing.assert_array_equal(table, np.diag(np.bincount(np.concatenate([m.ravel() for m in maps]))))
    larger = [one.repeat(2, axis=0).repeat(2, axis=1) for one in maps]
    assert confusions(logits, larger, 3).sum() == 4 * table.sum()
    with pytest.raises(ValueError):
        confusions(logits, maps[:1], 3)


# --- scores


def test_perfect_answers_have_1_everywhere() -> None:
    labels = np.repeat(np.arange(3), [5, 1, 100]).astype(np.uint8)
    found = overlap(confusion(labels, labels, 3))
    assert (found.pixel_accuracy, found.class_accuracy, found.mean_iou) == (1, 1, 1)
    assert (found.recalls == 1).all() and (found.ious == 1).all()


def test_one_class_for_everything() -> None:
    labels = np.repeat(np.arange(3), [60, 30, 10]).astype(np.uint8)
    found = overlap(confusion(labels, np.zeros(100, np.uint8), 3))
    assert found.pixel_accuracy == pytest.approx(0.6) and found.class_accuracy == pytest.approx(1 / 3)
    np.testing.assert_allclose(found.ious, [0.6, 0, 0])
    assert found.mean_iou == pytest.approx(0.2)


def test_answers_that_are_shifted_by_a_column() -> None:
    labels = np.zeros((10, 10), np.uint8)
    labels[:, 5:] = 1
    found = overlap(confusion(labels, np.roll(labels, 1, axis=1) * (np.arange(10) > 0), 2).astype(np.int64))
    # Column 5 is taken for class 0: 5 and 4 columns are right, and both unions have one column more.
    assert found.pixel_accuracy == pytest.approx(0.9)
    np.testing.assert_allclose(found.recalls, [1, 0.8])
    np.testing.assert_allclose(found.ious, [5 / 6, 4 / 5])
    assert found.mean_iou == pytest.approx((5 / 6 + 4 / 5) / 2) and found.class_accuracy == pytest.approx(0.9)


def test_classes_that_label_maps_do_not_have_are_left_out_whether_answers_have_them_or_not() -> None:
    labels, answers = np.array([0, 0, 0, 0], np.uint8), np.array([0, 0, 0, 2], np.uint8)
    found = overlap(confusion(labels, answers, 4))
    np.testing.assert_array_equal(np.isnan(found.recalls), [False, True, True, True])
    np.testing.assert_array_equal(np.isnan(found.ious), [False, True, True, True])
    assert found.class_accuracy == found.mean_iou == 0.75


def test_nothing_counted_gives_no_numbers_and_no_warnings(recwarn: pytest.WarningsRecorder) -> None:
    found = overlap(np.zeros((3, 3), np.int64))
    assert np.isnan([found.pixel_accuracy, found.class_accuracy, found.mean_iou]).all()
    assert len(recwarn) == 0


def test_counts_of_several_scenes_are_summed_before_they_are_divided() -> None:
    one, other = np.array([[8, 2], [0, 0]]), np.array([[0, 0], [5, 5]])
    found = overlap(one + other)
    np.testing.assert_allclose(found.ious, [8 / 15, 5 / 12])


def test_it_agrees_with_sets_of_pixels() -> None:
    random = np.random.default_rng(1)
    labels, answers = random.integers(0, 5, 400).astype(np.uint8), random.integers(0, 5, 400).astype(np.uint8)
    labels[random.random(400) < 0.1] = IGNORED
    found = overlap(confusion(labels, answers, 5))
    for k in range(5):
        wanted = set(np.flatnonzero(labels == k))
        given = set(np.flatnonzero((answers == k) & (labels != IGNORED)))
        assert found.ious[k] == pytest.approx(len(wanted & given) / len(wanted | given))
        assert found.recalls[k] == pytest.approx(len(wanted & given) / len(wanted))


def test_the_mean_is_that_of_the_numbers() -> None:
    assert (
        mean(np.array([1.0, np.nan, 3.0])) == 2 and np.isnan(mean(np.array([np.nan]))) and np.isnan(mean(np.empty(0)))
    )
