import json

import numpy as np
import pytest

from gan.data.palettes import CAMVID, CITYSCAPES, NOT_SCORED, from_json, generic, histogram
from gan.errors import UserError


def test_cityscapes_has_its_34_ids_and_19_training_classes() -> None:
    assert CITYSCAPES.ids == tuple(range(34)) and len(CITYSCAPES.names) == len(CITYSCAPES.colours) == 34
    assert [CITYSCAPES.names[k] for k in CITYSCAPES.scored] == [
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
        "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    ]  # fmt: skip
    assert [CITYSCAPES.names[k] for k in CITYSCAPES.things][:4] == ["person", "rider", "car", "truck"]
    colours = dict(zip(CITYSCAPES.names, CITYSCAPES.colours, strict=True))
    assert colours["road"] == (128, 64, 128) and colours["bicycle"] == (119, 11, 32) and colours["car"] == (0, 0, 142)


def test_camvid_scores_all_but_unlabelled() -> None:
    assert CAMVID.scored == tuple(range(11)) and CAMVID.names[11] == "Unlabelled" and CAMVID.names[9] == "Pedestrian"


@pytest.mark.parametrize("palette", [CITYSCAPES, CAMVID])
def test_roles_are_of_known_ids_and_rare_classes_are_things(palette) -> None:
    for role in (palette.scored, palette.rare, palette.things, palette.ground):
        assert role and set(role) <= set(palette.ids) and list(role) == sorted(role)
    assert set(palette.rare) <= set(palette.things) & set(palette.scored)


def test_indices_colours_and_scored_positions() -> None:
    palette = generic([200, 5, 17], [(1, 2, 3), (4, 5, 6), (7, 8, 9)])
    assert palette.ids == (5, 17, 200) and palette.names == ("class 5", "class 17", "class 200")
    labels = np.array([[5, 200], [17, 17]], np.uint8)
    indices = palette.indices(labels)
    assert indices.dtype == np.uint8 and indices.tolist() == [[0, 2], [1, 1]]
    picture = palette.colour(labels)
    assert picture.dtype == np.uint8 and picture.tolist() == [[[4, 5, 6], [1, 2, 3]], [[7, 8, 9], [7, 8, 9]]]
    scored = CITYSCAPES.scored_indices(np.array([7, 0, 33, 9, 8], np.uint8))
    assert scored.dtype == np.uint8 and scored.tolist() == [0, NOT_SCORED, 18, NOT_SCORED, 1]


@pytest.mark.parametrize("method", ["indices", "scored_indices", "colour"])
def test_an_unknown_id_is_named(method: str) -> None:
    for labels, named in (([[7, 40]], "the id 40,"), ([[50, 40]], "the ids 40, 50,"), ([[7, 3000]], "the id 3000,")):
        with pytest.raises(UserError, match=f"holds {named} which the palette cityscapes lacks .it has 0-33"):
            getattr(CITYSCAPES, method)(np.array(labels, np.uint16))
    with pytest.raises(UserError, match="it has 1, 4"):
        generic([1, 4]).indices(np.array([2], np.uint8))


def test_how_often_ids_occur() -> None:
    random = np.random.default_rng(0)
    for shape in ((), (0,), (5,), (4, 6), (2, 3, 4)):
        for kind in (np.uint8, np.uint16):
            labels = random.integers(0, 256, shape).astype(kind)
            assert np.array_equal(histogram(labels), np.bincount(labels.ravel(), minlength=256))
    assert histogram(random.integers(0, 9, (20, 30)).astype(np.uint8).T).sum() == 600


def test_generic_colours_differ() -> None:
    assert len(set(generic(range(256)).colours)) == 256


@pytest.mark.parametrize("palette", [CITYSCAPES, CAMVID, generic([3, 255])])
def test_json_and_back(palette) -> None:
    assert from_json(palette.to_json(), "here") == palette
    assert from_json(palette.to_json(), "here").digest() == palette.digest()


def test_the_digest_is_of_all_of_it() -> None:
    text = CAMVID.to_json()
    digests = {CAMVID.digest()}
    for old, new in (("Sky", "Heaven"), ('"id": 11', '"id": 12'), ("[64, 0, 128]", "[64, 0, 129]"),
                     (', "rare": true', "")):  # fmt: skip
        assert old in text
        digests.add(from_json(text.replace(old, new), "here").digest())
    assert len(digests) == 5


def test_a_palette_that_somebody_wrote() -> None:
    written = {"classes": [{"id": 4, "name": "b", "color": [1, 2, 3], "thing": True},
                           {"id": 2, "name": "a", "colour": [0, 0, 0]}]}  # fmt: skip
    palette = from_json(json.dumps(written), "here")
    assert palette.ids == (2, 4) and palette.scored == (2, 4) and palette.things == (4,) and palette.name == "custom"


GOOD = {"id": 1, "name": "a", "colour": [0, 0, 0]}


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ("no json", "the file: invalid JSON"),
        (b"\xff", "the file: invalid"),
        ("[" * 100_000, "the file: invalid JSON: recursion limit"),
        ([GOOD], "the file: "),
        ({"classes": []}, "classes: "),
        ({"classes": [GOOD] * 257}, "classes: list should have at most 256 items"),
        ({"classes": [GOOD, GOOD]}, "`id` is there twice"),
        ({"classes": [GOOD | {"id": k} for k in range(255)]}, "255 classes are scored, and 254 may be"),
        ({"classes": [GOOD, GOOD | {"id": 256}]}, "classes.1.id: .* less than or equal to 255"),
        ({"classes": [GOOD | {"id": True}]}, "classes.0.id: .* valid integer"),
        ({"classes": [GOOD | {"name": "a\n"}]}, "classes.0.name: "),
        ({"classes": [GOOD | {"name": "a" * 81}]}, "classes.0.name: "),
        ({"classes": [GOOD | {"colour": [0, 0]}]}, "classes.0.colour"),
        ({"classes": [GOOD | {"rare": "yes"}]}, "classes.0.rare: .* boolean"),
    ],
)
def test_what_is_no_palette(read, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        from_json(read if isinstance(read, str | bytes) else json.dumps(read), "mine.json")
    assert str(error.value).startswith("mine.json is no palette: ") and "\n" not in str(error.value)
