import numpy as np
import pytest

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.data.sequences import sequence, split
from gan.errors import UserError
from tests.made_up_scenes import camvid_names


def counts(parts: dict[str, str]) -> dict[str, int]:
    return {part: list(parts.values()).count(part) for part in (TRAINING, VALIDATION, TEST)}


def test_the_sequence_of_a_name() -> None:
    for name, wanted in (
        ("0016E5_00390", "0016E5"), ("0006R0_f00930", "0006R0"), ("aachen_000000_000019", "aachen"),
        ("drive7-0012", "drive7-"), ("000123", ""), ("scene", "scene"),
    ):  # fmt: skip
        assert sequence(name) == wanted


def test_no_sequence_of_camvid_is_in_two_parts() -> None:
    parts = split(camvid_names())
    assert len({(sequence(name), part) for name, part in parts.items()}) == 3
    assert counts(parts) == {TRAINING: 6, VALIDATION: 2, TEST: 3}


def test_many_sequences_meet_the_shares() -> None:
    names = [f"s{k:02d}_{frame:04d}" for k in range(20) for frame in range(5)]
    parts = split(names[::-1])
    assert parts == split(names)
    assert len({(sequence(name), part) for name, part in parts.items()}) == 20
    assert counts(parts) == {TRAINING: 70, VALIDATION: 15, TEST: 15}


@pytest.mark.parametrize(
    "names",
    [
        [f"{k:05d}" for k in range(0, 3000, 30)],  # one sequence
        [f"{k:05d}_10" for k in range(100)],  # each name a sequence of its own: as good as none
    ],
)
def test_one_sequence_is_cut_into_blocks(names: list[str]) -> None:
    parts = split(names)
    assert [parts[name] for name in names] == [TRAINING] * 70 + [VALIDATION] * 15 + [TEST] * 15


def test_a_cut_goes_to_the_largest_gap_nearby() -> None:
    frames = [*range(67), *range(1000, 1022), *range(3000, 3011)]
    parts = split([f"a_{k:04d}" for k in frames])
    assert [frames[i] for i in range(1, 100) if parts[f"a_{frames[i]:04d}"] != parts[f"a_{frames[i - 1]:04d}"]] == [
        1000,
        3000,
    ]


def test_numbers_without_leading_zeros_are_in_their_order() -> None:
    names = [f"drive_{k}" for k in range(1, 601)]
    parts = split(names[::-1])
    assert [parts[name] for name in names] == [TRAINING] * 420 + [VALIDATION] * 90 + [TEST] * 90


def test_a_long_pause_ends_a_sequence() -> None:
    frames = [*range(390, 2430, 30), *range(4380, 8460, 30)]  # 68 and 136: one drive with a break of a minute
    parts = split([f"a_{k:05d}" for k in frames] + [f"b_{k:03d}" for k in range(60)])
    assert {parts[f"a_{k:05d}"] for k in frames[:68]} == {TEST}
    assert {parts[f"a_{k:05d}"] for k in frames[68:]} == {TRAINING}
    assert {parts[f"b_{k:03d}"] for k in range(60)} == {VALIDATION}


def test_a_short_pause_ends_none() -> None:
    frames = [*range(0, 2040, 30), *range(2300, 6380, 30)]
    parts = split([f"a_{k:05d}" for k in frames] + [f"{s}_{k:03d}" for s in "bc" for k in range(40)])
    assert {parts[f"a_{k:05d}"] for k in frames} == {TRAINING}


def test_a_sequence_with_nearly_all_scenes_is_cut_and_the_others_stay_whole() -> None:
    names = [f"a_{k:03d}" for k in range(90)] + [f"b_{k:03d}" for k in range(5)] + [f"c_{k:03d}" for k in range(5)]
    parts = split(names)
    assert len({part for name, part in parts.items() if name[0] == "a"}) == 3
    assert all(len({part for name, part in parts.items() if name[0] == one}) == 1 for one in "bc")


def test_no_part_is_empty_however_uneven_the_sequences() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        lengths = random.integers(2, 40, random.integers(2, 7))
        parts = split([f"s{k}_{frame}" for k, length in enumerate(lengths) for frame in range(length)])
        assert min(counts(parts).values()) >= 1


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_no_part_is_empty(count: int) -> None:
    for names in ([f"a_{k}" for k in range(count)], [f"{k}" for k in range(count)]):
        assert min(counts(split(names)).values()) >= 1


def test_two_parts_only() -> None:
    parts = split([f"{k:03d}" for k in range(20)], {TRAINING: 0.85, VALIDATION: 0.15})
    assert counts(parts) == {TRAINING: 17, VALIDATION: 3, TEST: 0}


def test_too_few_scenes() -> None:
    with pytest.raises(UserError, match="there are 2 scenes and 3 or more are needed"):
        split(["a", "b"])
    with pytest.raises(UserError, match="there is 1 scene and"):
        split(["a"])


def test_absurd_frame_numbers_are_no_gap() -> None:
    assert len(split([f"a_{'9' * (5000 + k)}" for k in range(9)])) == 9


def test_a_few_scenes_of_two_sequences_are_cut_where_they_stand() -> None:
    for names in (["a_1", "a_2", "b_1", "b_2"], ["a_1", "a_9000", "a_9001", "b_1"]):
        assert set(split(names).values()) == {TRAINING, VALIDATION, TEST}
