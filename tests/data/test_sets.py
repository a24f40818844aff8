import itertools
from pathlib import Path

import numpy as np
import pytest

from gan.data import sets
from gan.data.gtsrb import write_signs
from gan.data.labelled import ARRAYS, LabelledImages, join
from gan.data.pickles import write_pickle
from gan.data.sets import DRAWN, DataSet, open_images, select
from gan.data.signs import CLASSES, GTSRB, SIZE
from gan.data.split import cut, held_out
from gan.errors import UserError


def some_signs(labels: list[int], seed: int = 0, tracked: bool = True) -> LabelledImages:
    count = len(labels)
    return LabelledImages(
        np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8),
        np.array(labels, np.uint8),
        np.arange(count, dtype=np.int32) if tracked else np.full(count, -1, np.int32),
        np.full((count, 2), 60, np.uint8),
        np.tile(np.array([5, 6, 50, 52], np.uint8), (count, 1)),
        GTSRB,
    )


TRAIN = some_signs([14, 17, 19, 19, 14, 20, 0, 17, 14, 20, 20])
TEST = some_signs([14, 17, 20, 3], seed=1, tracked=False)
SET = DataSet("some-folder", TRAIN, TEST)
BIG = DataSet("big", some_signs([14] * 4 + [17] * 4 + [19] * 4 + [20] * 4), TEST)
EVERY = DataSet("every", some_signs([*range(CLASSES), 19]), None)


def rows(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


def flipped(images: np.ndarray) -> list[np.ndarray]:
    return [np.fliplr(image) for image in images]


def assert_same(one: LabelledImages, other: LabelledImages) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_a_folder_without_data_tells_what_to_run(tmp_path: Path) -> None:
    for data in (str(tmp_path), str(tmp_path / "nowhere")):
        with pytest.raises(UserError) as error:
            open_images(data)
        text = str(error.value)
        assert str(Path(data) / "train.p") in text and "gan.commands.prepare" in text and "data=drawn" in text
        assert f"--output {data}" in text and "\n" not in text


def test_drawn_signs_come_only_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_, **__):
        raise AssertionError("signs were drawn")

    monkeypatch.setattr(sets, "draw_signs", never)
    with pytest.raises(UserError):
        open_images(str(tmp_path))
    write_signs(tmp_path / "train.p", TRAIN)
    open_images(str(tmp_path))
    with pytest.raises(AssertionError, match="signs were drawn"):
        open_images(DRAWN)


def test_a_folder_is_read_with_its_test_part(tmp_path: Path) -> None:
    write_signs(tmp_path / "train.p", TRAIN)
    alone = open_images(str(tmp_path))
    assert alone.name == str(tmp_path) and alone.test is None
    assert_same(alone.train, TRAIN)
    write_signs(tmp_path / "test.p", TEST)
    both = open_images(str(tmp_path), class_id=17)
    assert_same(both.train, TRAIN)
    assert_same(both.test, TEST)


def test_the_validation_part_of_the_well_known_pickles_is_joined(tmp_path: Path) -> None:
    write_signs(tmp_path / "train.p", TRAIN)
    write_signs(tmp_path / "valid.p", TEST)
    assert_same(open_images(str(tmp_path)).train, join(TRAIN, TEST))


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_pickle(tmp_path / "train.p", {"features": TRAIN.images, "labels": TRAIN.labels, "tracks": TRAIN.labels[:5]})
    assert (open_images(str(tmp_path)).train.tracks == -1).all()
    assert capsys.readouterr().err.startswith(f"The tracks in {tmp_path / 'train.p'} are left out")


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "DRAWN_TRAINING", 90)


def test_drawn_signs_of_a_class_come_with_those_of_its_mirror_image(few_drawn: None) -> None:
    for class_id, classes in ((14, {14}), (17, {17}), (19, {19, 20}), (20, {19, 20})):
        drawn = open_images(DRAWN, class_id)
        assert drawn.name == "drawn"
        assert set(drawn.train.labels.tolist()) == set(drawn.test.labels.tolist()) == classes


def test_drawn_signs_of_a_class_are_those_of_the_whole_set(few_drawn: None) -> None:
    whole, one = open_images(DRAWN), open_images(DRAWN, 17)
    assert (whole.train.counts() > 0).all()
    np.testing.assert_array_equal(one.train.images, whole.train.take(whole.train.labels == 17).images)
    from_whole, from_one = select(whole, 17, True, True), select(one, 17, True, True)
    np.testing.assert_array_equal(from_one.images, from_whole.images)
    np.testing.assert_array_equal(from_one.labels, from_whole.labels)


def test_drawn_signs_are_the_same_data_at_every_call(few_drawn: None) -> None:
    first, again, other = (select(open_images(DRAWN, k), k, True, False).digest() for k in (17, 17, 14))
    assert first == again != other


@pytest.mark.parametrize(("class_id", "other"), [(19, 20), (20, 19)])
def test_a_class_gets_its_own_images_and_the_mirrored_ones_of_its_partner(class_id: int, other: int) -> None:
    chosen = select(SET, class_id, use_test=False, use_held_out=True)
    own, partner = (TRAIN.images[TRAIN.labels == k] for k in (class_id, other))
    assert rows(chosen.images) == rows([*own, *flipped(partner)])
    assert set(chosen.labels.tolist()) == {class_id}


def test_a_symmetric_class_gets_its_own_mirror_images() -> None:
    chosen = select(SET, 17, use_test=False, use_held_out=True)
    own = TRAIN.images[TRAIN.labels == 17]
    assert rows(chosen.images) == rows([*own, *flipped(own)])


def test_a_class_without_mirror_image_does_not_grow() -> None:
    chosen = select(SET, 14, use_test=False, use_held_out=True)
    assert_same(chosen, TRAIN.take(TRAIN.labels == 14))


def test_the_test_part_is_learned_only_when_it_is_asked_for() -> None:
    own, tested = TRAIN.images[TRAIN.labels == 14], TEST.images[TEST.labels == 14]
    assert rows(select(SET, 14, use_test=False, use_held_out=True).images) == rows(own)
    chosen = select(SET, 14, use_test=True, use_held_out=True)
    assert rows(chosen.images) == rows([*own, *tested])
    assert (chosen.tracks == -1).sum() == 1, "test images have no tracks"
    mirrored = select(SET, 19, use_test=True, use_held_out=True)
    assert rows(mirrored.images) == rows(
        [*TRAIN.images[TRAIN.labels == 19], *flipped(TRAIN.images[TRAIN.labels == 20]), *flipped(TEST.images[2:3])]
    )


def test_held_out_signs_are_learned_only_when_it_is_asked_for() -> None:
    out = held_out(BIG.train)
    assert out.sum() == 4, "one of each class"
    for class_id, partner in ((14, None), (17, 17), (19, 20), (20, 19)):
        for asked in (False, True):
            learned = BIG.train.take(~out | asked)
            wanted = [*learned.images[learned.labels == class_id]]
            if partner is not None:
                wanted += flipped(learned.images[learned.labels == partner])
            assert rows(select(BIG, class_id, use_test=False, use_held_out=asked).images) == rows(wanted)


def test_held_out_signs_are_those_that_scores_compare_with() -> None:
    _, held = cut(BIG.train)
    seen: set[bytes] = set()
    for class_id in (14, 17, 19, 20):
        seen |= {image.tobytes() for image in select(BIG, class_id, use_test=True, use_held_out=False).images}
    assert not seen & {image.tobytes() for image in [*held.images, *flipped(held.images)]}
    assert {image.tobytes() for image in TEST.images[:2]} <= seen, "the test part has its own parameter"


def test_held_out_signs_of_all_classes_are_left_out_too() -> None:
    every = DataSet("all", some_signs([*range(CLASSES)] * 3), None)
    few, all_of_them = (select(every, None, use_test=False, use_held_out=asked) for asked in (False, True))
    assert (few.counts() * 3 == all_of_them.counts() * 2).all()
    _, held = cut(every.train)
    assert len(held) == CLASSES
    assert not set(rows(few.images)) & set(rows([*held.images, *flipped(held.images)]))


def test_too_few_images_are_left_of_a_class() -> None:
    two = DataSet("two", some_signs([14, 14]), None)
    assert len(select(two, 14, use_test=False, use_held_out=True)) == 2
    with pytest.raises(UserError, match="has 1 images of class 14"):
        select(two, 14, use_test=False, use_held_out=False)


def test_a_test_part_that_is_not_there_can_not_be_learned() -> None:
    with pytest.raises(UserError, match="use_test=true") as error:
        select(DataSet("some-folder", TRAIN, None), 14, use_test=True, use_held_out=True)
    assert str(Path("some-folder") / "test.p") in str(error.value)
    assert len(select(DataSet("some-folder", TRAIN, None), 14, use_test=False, use_held_out=True)) == 3


def test_a_class_without_images_is_an_error_that_names_it() -> None:
    with pytest.raises(UserError, match="some-folder.* class 1 .Speed limit 30."):
        select(SET, 1, use_test=False, use_held_out=True)
    with pytest.raises(UserError, match="class 3 "):
        select(SET, 3, use_test=False, use_held_out=True)


def test_all_classes_have_their_labels_and_mirror_images() -> None:
    chosen = select(EVERY, None, use_test=False, use_held_out=True)
    assert len(chosen) == 44 + 10 + 9
    counts = chosen.counts()
    assert (counts[14], counts[17], counts[19], counts[20], counts[33]) == (1, 2, 3, 3, 2)
    shown = {image.tobytes(): label for image, label in zip(chosen.images, chosen.labels, strict=True)}
    assert shown[np.fliplr(EVERY.train.images[38]).tobytes()] == 39
    assert shown[EVERY.train.images[38].tobytes()] == 38


def test_all_classes_need_images_of_each() -> None:
    lacking = DataSet("most", EVERY.train.take(~np.isin(EVERY.train.labels, (5, 20))), None)
    with pytest.raises(UserError, match="most has none of class 5"):
        select(lacking, None, use_test=False, use_held_out=True)


def test_the_same_data_has_the_same_digest_at_every_call() -> None:
    choices = list(itertools.product((14, 17, 19), (False, True), (False, True)))
    digests = {select(BIG, *choice).digest() for choice in choices}
    assert len(digests) == 12
    assert {select(BIG, *choice).digest() for choice in choices} == digests


def test_drawn_data_of_a_wanted_size() -> None:
    signs = open_images("drawn:860", 17)
    assert signs.name == "drawn:860" and abs(len(signs.train) - 860 * 1110 / 39209) <= 1
    assert len(open_images("drawn", 17).train) > 10 * len(signs.train)


@pytest.mark.parametrize("data", ["drawn:", "drawn:0", "drawn:-5", "drawn:x", "drawn:99999999"])
def test_what_is_no_number_of_drawn_images_is_told(data: str) -> None:
    with pytest.raises(
        UserError, match=rf"data '{data}' is not `drawn:N` with so many drawn images, from 43 to 99999"
    ):
        open_images(data, 17)


def test_another_name_is_taken_for_a_folder() -> None:
    with pytest.raises(UserError, match=r"there is no Drawn/train\.p"):
        open_images("Drawn", 17)


def test_fewer_images_than_classes_cannot_be_drawn() -> None:
    with pytest.raises(UserError, match="43"):
        open_images("drawn:20")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "train.p").mkdir()
    with pytest.raises(UserError, match=r"train\.p is no file; move it away"):
        open_images(str(tmp_path))
