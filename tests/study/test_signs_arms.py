"""Arms and regimes: how parameters name them, which classes are rare, and what is cut."""

import dataclasses

import numpy as np
import pytest

from gan.data.labelled import Classes, LabelledImages, with_mirrored
from gan.data.signs import GTSRB, TRAINING_COUNTS
from gan.errors import UserError
from gan.study.signs_arms import (
    SHARE,
    SOURCES,
    kept_tracks,
    mirrored_within,
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


def cut_tracks(whole: LabelledImages, regime: str, rare: list[int], draw: int) -> LabelledImages:
    return whole.take(kept_tracks(whole, regime, rare, draw))


def test_an_arm_is_what_its_name_says() -> None:
    arms = parse_arms("adjusted, real,classical,retrained")
    assert [(arm.name, arm.even, arm.varied, arm.adjusted, arm.retrained) for arm in arms] == [
        ("adjusted", False, True, True, False), ("real", False, False, False, False),
        ("classical", True, True, False, False), ("retrained", False, True, False, True),
    ]  # fmt: skip
    assert not any(arm.sources or arm.share or arm.generated for arm in arms)


def test_arms_of_further_images_name_their_sources_and_their_share() -> None:
    one, several, half = parse_arms("drawn,drawn+painted+pasted,generated:50")
    assert (one.sources, one.share) == (("drawn",), SHARE) and one.even and one.varied and not one.adjusted
    assert several.sources == ("drawn", "painted", "pasted") and several.name == "drawn+painted+pasted"
    assert half.share == 0.5 and half.name == "generated:50" and "50%" in half.words
    assert all(SOURCES[name] in several.words for name in several.sources)
    assert [arm.name for arm in parse_arms(",".join(SOURCES)) if arm.generated] == ["generated", "painted"]
    assert parse_arms("drawn+painted:100")[0].generated and not parse_arms("drawn+pasted:1")[0].generated


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not ''"),
        ("fake", "arms are some of real, classical, adjusted, retrained, or drawn, pasted, .* not 'fake'"),
        ("real,", "not ''"),
        ("real:5", "not 'real:5'"),
        ("real+drawn", "not 'real.drawn'"),
        ("drawn+drawn", "not 'drawn.drawn'"),
        ("drawn+", "not 'drawn.'"),
        ("smote", "not 'smote'"),
        ("real,drawn,real", "names one twice"),
        ("drawn:0", "drawn takes a percentage from 1 to 100, as drawn:50, not '0'"),
        ("drawn+painted:101", "not '101'"),
        ("generated:0.5", "not '0.5'"),
        ("generated:", "not ''"),
        ("generated:-5", "not '-5'"),
    ],
)
def test_wrong_arms_are_refused_in_one_sentence(text, words) -> None:
    with pytest.raises(UserError, match=words):
        parse_arms(text)


def test_regimes_are_ordered_and_checked() -> None:
    assert parse_regimes("full,5,3,2,1") == ("1", "2", "3", "5", "full")
    assert parse_regimes("10, 9,0") == ("0", "9", "10")
    for text in ("", "00", "half", "-1", "1.5", "01", "1001", "full,"):
        with pytest.raises(UserError, match="regimes are full and numbers of tracks from 0 to 1000"):
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
    for tracks in (0, 1, 2, 3):
        cut = cut_tracks(whole, str(tracks), [0, 2], draw=0)
        assert cut.counts()[:3].tolist() == [3 * tracks, 18, 4 * tracks]
        for k in (0, 2):
            assert len(np.unique(cut.tracks[cut.labels == k])) == tracks


def test_what_a_class_keeps_with_few_tracks_it_keeps_with_more() -> None:
    whole = signs({0: [1] * 20})
    kept = [set(cut_tracks(whole, str(n), [0], draw=3).tracks) for n in (0, 1, 2, 5)]
    assert kept.pop(0) == set() < kept[0] < kept[1] < kept[2]
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


def test_no_mirror_image_of_another_class_comes_into_one_that_is_cut() -> None:
    """Classes 19 and 20 are mirrors of each other, 17 is its own."""
    whole = signs({19: [2], 20: [5], 17: [3], 1: [4]})
    assert mirrored_within(whole, "full", [19]).counts()[[19, 20, 17, 1]].tolist() == [7, 7, 6, 4]
    assert mirrored_within(whole, "2", [19]).counts()[[19, 20, 17, 1]].tolist() == [2, 7, 6, 4]
    for rare in ([17], [19, 20]):  # mirror images stay among them
        np.testing.assert_array_equal(mirrored_within(whole, "0", rare).labels, with_mirrored(whole).labels)
    plain = dataclasses.replace(whole, classes=Classes.named([str(k) for k in range(43)]))
    np.testing.assert_array_equal(mirrored_within(plain, "0", [19]).labels, plain.labels)
