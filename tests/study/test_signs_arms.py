"""Arms and regimes: how parameters name them, which classes are rare, and what is cut."""

import dataclasses

import numpy as np
import pytest

from gan.data.labelled import LabelledImages
from gan.data.signs import GTSRB, TRAINING_COUNTS
from gan.errors import UserError
from gan.study.signs_arms import (
    ARMS,
    cut_tracks,
    missing_images,
    parse_arms,
    parse_regimes,
    rare_classes,
)


def signs(tracks: dict[int, list[int]]) -> LabelledImages:
    """Signs of some classes; a list of the lengths of each class's tracks."""
    labels = np.concatenate([np.full(sum(lengths), k) for k, lengths in tracks.items()])
    every = [length for lengths in tracks.values() for length in lengths]
    made = LabelledImages.of(np.zeros((len(labels), 32, 32, 3), np.uint8), labels, GTSRB)
    return dataclasses.replace(made, tracks=np.repeat(np.arange(len(every)), every).astype(np.int32))


def test_all_arms_are_meant_by_nothing_and_some_by_their_names() -> None:
    assert [arm.name for arm in parse_arms("")] == list(ARMS)
    assert [arm.name for arm in parse_arms("mixed, real")] == ["mixed", "real"]


def test_arms_take_numbers() -> None:
    filled, beside, mixed, half = parse_arms("generated:1000,generated-classical:50,mixed:0.25,mixed")
    assert (filled.target, filled.classical, filled.source) == (1000, False, "generated")
    assert (beside.target, beside.classical) == (50, True) and beside.name == "generated-classical:50"
    assert (mixed.mix, half.mix, mixed.name) == (0.25, 0.5, "mixed:0.25")
    assert "1000" in filled.words and "0.25" in mixed.words
    half, whole = parse_arms("generated-drawn:600,drawn:600")
    assert (
        half.sources == ["generated", "drawn"] and whole.sources == ["drawn"] and half.target == whole.target == 600
    )
    assert parse_arms("real")[0].sources == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fake", "arms are some of real, weights, .* not 'fake'"),
        ("real,", "not ''"),
        ("real:5", "not 'real:5'"),
        ("classical:0.5", "not 'classical:0.5'"),
        ("real,mixed,real", "names one twice"),
        ("smote:5", "not 'smote:5'"),
        ("drawn:0", "from 1 to 20000, not '0'"),
        ("generated:0", "from 1 to 20000, not '0'"),
        ("generated:99999", "from 1 to 20000, not '99999'"),
        ("generated:0.5", "from 1 to 20000, not '0.5'"),
        ("generated:", "from 1 to 20000, not ''"),
        ("mixed:0", "above 0 and up to 1, .* not '0'"),
        ("mixed:1.5", "not '1.5'"),
        ("mixed:nan", "not 'nan'"),
    ],
)
def test_wrong_arms_are_refused_in_one_sentence(text, words) -> None:
    with pytest.raises(UserError, match=words):
        parse_arms(text)


def test_regimes_are_ordered_and_checked() -> None:
    assert parse_regimes("full,5,3,2,1") == ("1", "2", "3", "5", "full")
    assert parse_regimes("10, 9") == ("9", "10")
    for text in ("", "0", "half", "-1", "1.5", "01", "1001", "full,"):
        with pytest.raises(UserError, match="regimes are full and numbers of tracks from 1 to 1000"):
            parse_regimes(text)
    with pytest.raises(UserError, match="names one twice"):
        parse_regimes("2,2")


def test_the_ten_smallest_classes_of_gtsrb() -> None:
    of_gtsrb = signs({k: [count] for k, count in enumerate(TRAINING_COUNTS)})
    assert rare_classes(of_gtsrb) == [0, 19, 24, 27, 29, 32, 37, 39, 41, 42]


def test_of_fewer_classes_a_quarter_is_rare() -> None:
    assert rare_classes(signs({3: [5], 7: [4], 8: [4], 9: [9], 11: [6], 20: [7], 21: [8], 30: [6]})) == [7, 8]
    assert rare_classes(signs({3: [5], 7: [4]})) == [7]


def test_a_cut_keeps_whole_tracks_of_the_rare_classes_and_all_of_the_others() -> None:
    whole = signs({0: [3] * 6, 1: [2] * 9, 2: [4] * 5})
    for tracks in (1, 2, 3):
        cut = cut_tracks(whole, str(tracks), [0, 2], draw=0)
        assert cut.counts()[:3].tolist() == [3 * tracks, 18, 4 * tracks]
        for k in (0, 2):
            assert len(np.unique(cut.tracks[cut.labels == k])) == tracks


def test_what_a_class_keeps_with_few_tracks_it_keeps_with_more() -> None:
    whole = signs({0: [1] * 20})
    kept = [set(cut_tracks(whole, str(n), [0], draw=3).tracks) for n in (1, 2, 5)]
    assert kept[0] < kept[1] < kept[2]
    assert kept[2] != set(cut_tracks(whole, "5", [0], draw=4).tracks)
    assert kept[2] == set(cut_tracks(whole, "5", [0], draw=3).tracks)


def test_a_class_of_fewer_tracks_keeps_them_all() -> None:
    cut = cut_tracks(signs({0: [1] * 2, 1: [1] * 6}), "3", [0, 1], draw=0)
    assert cut.counts()[:2].tolist() == [2, 3]


def test_full_cuts_nothing_and_a_cut_that_cuts_nothing_is_refused() -> None:
    whole = signs({0: [3] * 2, 1: [2] * 9})
    assert cut_tracks(whole, "full", [0], 0) is whole
    with pytest.raises(UserError, match="regimes 2: .* nothing is cut; give a smaller number, or full"):
        cut_tracks(whole, "2", [0], 0)


def test_without_tracks_nothing_can_be_cut() -> None:
    unknown = LabelledImages.of(np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 0, 1, 1]), GTSRB)
    with pytest.raises(UserError, match=r"the tracks of class 1 .*are not known.*regimes=full"):
        cut_tracks(unknown, "1", [1], 0)


def test_classes_lack_what_the_largest_has_more() -> None:
    counts = np.array([5, 0, 8, 1])
    assert missing_images(counts, 0).tolist() == [3, 0, 0, 7]
    assert missing_images(counts, 6).tolist() == [1, 0, 0, 5]
    assert missing_images(counts, 10).tolist() == [5, 0, 2, 9]
