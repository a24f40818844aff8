"""Generating pairs and keeping those that show what they should, with networks of known answers."""

import dataclasses

import numpy as np
import pytest

from gan.data.palettes import CAMVID, CITYSCAPES, generic
from gan.errors import UserError
from gan.pix2pix import augment
from gan.pix2pix.augment import Counts, PairGenerator
from gan.pix2pix.cutouts import Pool, parse_classes, require_objects
from gan.pix2pix.lights import Lights, relit
from gan.pix2pix.pair_filter import Filter
from tests.made_up_painter import painter, reader
from tests.made_up_streets import BICYCLE, PERSON, RIDER, some_streets

SIZE = 80, 60


@pytest.fixture(scope="module")
def pool():
    return Pool(some_streets(10), (PERSON,), 0, 120)


def made(pool, count, photos=None, seed=0, threshold=0.5, counts=None, size=SIZE, **more):
    keep = Filter.even(CITYSCAPES, threshold)
    generator = PairGenerator(pool, seed, size, photos or painter(), reader(), keep, **more)
    return list(generator.pairs(count, Counts() if counts is None else counts))


def same(one, other):
    return (
        one.photo.tobytes() == other.photo.tobytes()
        and one.label_map.labels.tobytes() == other.label_map.labels.tobytes()
    )


def test_pairs_are_at_the_working_size_with_ids_instances_and_a_person_more(pool):
    for pair in made(pool, 6):
        assert pair.photo.shape == (60, 80, 3) and pair.label_map.labels.shape == pair.label_map.instances.shape == (
            60,
            80,
        )
        assert pair.label_map.labels.dtype == np.uint8 and pair.label_map.instances.dtype == np.uint16
        assert not CITYSCAPES.unknown(pair.label_map.labels) and pair.check.passed
        assert pair.check.pixels > 0.99 and pair.check.put_in == {PERSON: 1.0}
        persons = {int(n) for n in np.unique(pair.label_map.instances[pair.label_map.labels == PERSON])}
        assert len(persons - {0}) > 2


def test_a_photo_that_ignores_what_was_put_in_is_thrown_away_and_counted(pool):
    counts = Counts()
    pairs = made(pool, 6, painter(unseen=(PERSON,), often=2), counts=counts)
    kept = [pair for pair in pairs if pair.check.passed]
    assert len(kept) == 6 == counts.kept and counts.tries == len(pairs) + counts.no_place
    # Photos are numbered in batches: what counts is that those with and without persons were told apart.
    for pair in pairs:
        seen = (pair.answer[pair.label_map.labels == PERSON] == CITYSCAPES.scored.index(PERSON)).mean()
        assert pair.check.passed == (seen > 0.5) and seen in (0, 1)
        assert (PERSON in pair.check.failed_put_in) == (seen == 0)
    assert counts.failed_put_in == {PERSON: len(pairs) - 6} and counts.thrown_away == len(pairs) - 6 > 0
    assert counts.put_in == {"person": sum(len(pair.label_map.edits["put_in"]) for pair in kept)}


def test_it_ends_after_so_many_tries(pool, monkeypatch):
    monkeypatch.setattr(augment, "MOST_TRIES", 4)
    counts = Counts()
    pairs = made(pool, 5, painter(unseen=(PERSON,)), counts=counts)
    assert counts.tries == 20 and counts.kept == 0 and len(pairs) == 20 - counts.no_place
    assert counts.numbers() == {"tries": 20, "kept": 0, "thrown_away": len(pairs), "no_place": counts.no_place}


def test_the_same_seed_gives_the_same_pairs_and_more_begin_with_the_same(pool):
    few, many, other = made(pool, 3), made(pool, 10), made(pool, 3, seed=1)
    assert all(same(*both) for both in zip(few, many, strict=False))
    assert [dataclasses.asdict(pair.check) for pair in few] == [dataclasses.asdict(pair.check) for pair in many[:3]]
    assert not any(same(*both) for both in zip(few, other, strict=True))


def test_tries_in_which_nothing_is_left_at_the_working_size_are_counted(pool):
    counts = Counts()
    assert not made(pool, 2, size=(8, 6), counts=counts)
    assert counts.no_place == counts.tries == 20


def test_data_without_instances_and_a_generator_that_gets_none():
    def without_edges(labels, edges, first, lights):
        assert edges is None
        return painter()(labels, edges, first)

    (pair,) = made(Pool(some_streets(8, with_instances=False), (PERSON,), 0, 120), 1, without_edges)
    assert pair.label_map.instances is None


def test_a_generator_gets_positions_in_the_palette_and_boundaries_of_instances(pool):
    seen = []

    def photos(labels, edges, first, lights):
        seen.append((labels, edges, first))
        assert lights is None
        return painter()(labels, edges, first)

    pair = made(pool, 9, photos)[0]
    labels, edges, first = seen[0]
    assert np.array_equal(np.array(CITYSCAPES.ids)[labels[0]], pair.label_map.labels) and first == 0
    assert labels.dtype == edges.dtype == np.uint8 and set(np.unique(edges)) == {0, 1}
    assert edges[0][pair.label_map.instances > 0].any() and seen[1][2] == augment.BATCH


def test_a_generator_that_light_enters_paints_each_pair_in_its_light(pool):
    day, dusk = (
        Lights(names, np.arange(18, dtype=np.float32).reshape(3, 2, 3) + start)
        for names, start in ((("a", "b", "c"), 100), (("d", "e", "f"), 0))
    )
    asked, judged = [], []

    def photos(labels, edges, first, lights):
        asked.append(lights)
        return painter()(labels, edges, first) // (1 if lights.min() >= 100 else 2)

    def answers(shown):
        judged.extend(photo.copy() for photo in shown)
        return reader()(shown)

    pairs, usual = made(pool, 8, photos, own=day), made(pool, 8)
    assert [pair.photo.tobytes() for pair in pairs] == [pair.photo.tobytes() for pair in usual], "not moved besides"
    for pair in pairs:
        (name,), (light,) = day.drawn(0, [pair.number])
        assert pair.label_map.edits["light"] == name and any((light == one).all() for one in np.concatenate(asked))
    generator = PairGenerator(pool, 0, SIZE, photos, answers, Filter.even(CITYSCAPES, 0.5), lights=dusk, own=day)
    dark = list(generator.pairs(8, Counts()))
    assert [pair.number for pair in dark] == [pair.number for pair in usual], "judged in the light of day"
    for pair, day_photo in zip(dark, usual, strict=True):
        (name,), (light,) = dusk.drawn(0, [pair.number])
        assert (
            np.array_equal(pair.photo, relit(day_photo.photo // 2, light)) and pair.label_map.edits["light"] == name
        )
    assert np.array_equal(judged[0], usual[0].photo)
    moved = made(pool, 8, lights=dusk)
    assert all(pair.photo.mean() < 20 for pair in moved) and [pair.number for pair in moved] == [
        pair.number for pair in usual
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", CITYSCAPES.rare), ("person", (24,)), ("Person, 33,person", (24, 33)), ("traffic light", (19,))],
)
def test_classes_by_name_or_id(text, wanted):
    assert parse_classes(text, CITYSCAPES) == wanted


def test_classes_that_are_refused():
    def refusal(text, palette):
        with pytest.raises(UserError) as error:
            parse_classes(text, palette)
        return str(error.value)

    assert "no class 'unicorn'; it has Sky, Building" in refusal("Car,unicorn", CAMVID)
    assert "no class '77'" in refusal("77", CAMVID) and "no class ''" in refusal("Car,,Car", CAMVID)
    assert "'Road' is ground" in refusal("Road", CAMVID)
    assert "names no class as ground" in refusal("1", generic([0, 1, 2]))
    plain = dataclasses.replace(generic([0, 1]), ground=(0,))
    assert "names no rare classes" in refusal("", plain)


def test_classes_of_which_there_is_nothing_to_put_in_are_named():
    pool = Pool(some_streets(4), (PERSON, RIDER, BICYCLE), 0, 120)
    assert require_objects(pool) == ["rider", "bicycle"]
    with pytest.raises(UserError, match="no rider or bicycle in the training scenes stands whole"):
        require_objects(Pool(some_streets(4), (RIDER, BICYCLE), 0, 120))
