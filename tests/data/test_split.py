import numpy as np
import pytest

from gan.data.labelled import LabelledImages
from gan.data.signs import CLASSES, GTSRB, TRAINING_COUNTS
from gan.data.split import SHARE, cut, held_out
from gan.drawn.signs import draw_signs


def some_signs(labels, tracks) -> LabelledImages:
    """Images whose every pixel is their number in the order, modulo 256."""
    numbers = np.arange(len(labels)).astype(np.uint8)
    signs = LabelledImages.of(
        np.broadcast_to(numbers[:, None, None, None], (len(labels), 32, 32, 3)), np.array(labels), GTSRB
    )
    signs.tracks[:] = tracks
    return signs


def tracked(counts: dict[int, int], frames: int = 3) -> LabelledImages:
    """So many tracks of each class, numbered on over all classes."""
    labels = np.repeat(list(counts), [count * frames for count in counts.values()])
    return some_signs(labels, np.arange(len(labels)) // frames)


def tracks_of(signs: LabelledImages, chosen: np.ndarray, k: int) -> set[int]:
    return set(signs.tracks[chosen & (signs.labels == k)].tolist())


def test_no_track_is_on_both_sides() -> None:
    signs = draw_signs(1500, 43, 0)[0]
    out = held_out(signs)
    assert out.dtype == bool and out.shape == (len(signs),)
    assert not set(signs.tracks[out].tolist()) & set(signs.tracks[~out].tolist())


def test_no_track_is_on_both_sides_where_frames_do_not_lie_together() -> None:
    signs = tracked({5: 10, 6: 20})
    mixed = np.random.default_rng(0).permutation(len(signs))
    np.testing.assert_array_equal(held_out(signs.take(mixed)), held_out(signs)[mixed])
    assert held_out(signs).any()


@pytest.mark.parametrize("share", [0.01, SHARE, 0.5, 0.99])
def test_every_class_of_two_tracks_or_more_is_on_both_sides(share: float) -> None:
    signs = tracked({k: 2 + k % 9 for k in range(CLASSES)})
    out = held_out(signs, share=share)
    for k in range(CLASSES):
        of_class = signs.labels == k
        assert out[of_class].any() and not out[of_class].all(), k


def test_a_class_of_a_single_track_is_not_held_out() -> None:
    signs = tracked({3: 1, 7: 2, 9: 1})
    assert set(signs.labels[held_out(signs)].tolist()) == {7}
    partly_known = some_signs([4] * 6, [-1, -1, 8, 8, -1, -1])
    assert not held_out(partly_known).any()


@pytest.mark.parametrize(("tracks", "wanted"), [(2, 1), (7, 1), (10, 2), (20, 3), (74, 11), (75, 11), (200, 30)])
def test_about_15_percent_of_the_tracks_are_held_out(tracks: int, wanted: int) -> None:
    signs = tracked({17: tracks}, frames=2)
    assert len(tracks_of(signs, held_out(signs), 17)) == wanted
    assert held_out(signs).sum() == 2 * wanted


def test_about_15_percent_of_gtsrb_are_held_out() -> None:
    signs = tracked({k: count // 30 for k, count in enumerate(TRAINING_COUNTS)}, frames=1)
    assert 0.14 < held_out(signs).mean() < 0.16


def test_another_share_holds_out_another_number() -> None:
    signs = tracked({17: 40})
    assert [len(tracks_of(signs, held_out(signs, share=share), 17)) for share in (0.1, 0.5)] == [4, 20]


def test_the_same_tracks_are_held_out_at_every_call_and_others_with_another_seed() -> None:
    signs = tracked({4: 30, 17: 30})
    np.random.seed(1)
    first = held_out(signs)
    np.random.seed(2)
    np.testing.assert_array_equal(held_out(signs), first)
    np.testing.assert_array_equal(held_out(signs, seed=0), first)
    others = [held_out(signs, seed) for seed in range(1, 5)]
    assert len({chosen.tobytes() for chosen in (first, *others)}) == 5
    assert {int(chosen.sum()) for chosen in others} == {int(first.sum())}


def test_the_same_tracks_are_held_out_everywhere() -> None:
    # Written down once: a run and the scores of a later version have to mean the same tracks.
    signs = tracked({4: 20, 17: 20})
    out = held_out(signs)
    assert tracks_of(signs, out, 4) == {0, 5, 19} and tracks_of(signs, out, 17) == {24, 36, 37}


def test_tracks_are_drawn_from_the_whole_class() -> None:
    signs = tracked({17: 20})
    seen = set().union(*(tracks_of(signs, held_out(signs, seed), 17) for seed in range(60)))
    assert len(seen) == 20


def test_a_class_is_cut_as_it_would_be_alone() -> None:
    both = tracked({4: 20, 17: 20})
    for k in (4, 17):
        of_class = both.labels == k
        np.testing.assert_array_equal(held_out(both.take(of_class)), held_out(both)[of_class])


def test_unknown_tracks_are_cut_at_one_place() -> None:
    labels = np.tile([4, 17], 40)  # classes that do not lie together
    out = held_out(some_signs(labels, -1))
    for k in (4, 17):
        assert out[labels == k].tolist() == [False] * 34 + [True] * 6
    few = held_out(some_signs([8, 8, 9], -1))
    assert few.tolist() == [False, True, False], "a single image is not held out"


def test_images_of_unknown_tracks_beside_known_ones_are_not_held_out() -> None:
    signs = some_signs([4] * 30, np.repeat([0, 1, -1, 2, 3], 6))
    out = held_out(signs)
    assert len(tracks_of(signs, out, 4)) == 1 and -1 not in tracks_of(signs, out, 4)


def test_cut_gives_both_sides_whole_and_in_order() -> None:
    signs = tracked({4: 7, 17: 12})
    fit, held = cut(signs)
    out = held_out(signs)
    assert len(fit) + len(held) == len(signs) and 0 < len(held) < len(fit)
    np.testing.assert_array_equal(fit.images[:, 0, 0, 0], np.flatnonzero(~out))
    np.testing.assert_array_equal(held.images[:, 0, 0, 0], np.flatnonzero(out))
    np.testing.assert_array_equal(held.tracks, signs.tracks[out])
    np.testing.assert_array_equal(held.labels, signs.labels[out])


def test_nothing_is_cut_into_nothing() -> None:
    fit, held = cut(some_signs([], []))
    assert len(fit) == len(held) == 0
