"""What a judge is found by: network, training settings, seed, iterations and data; not the name of the data."""

import dataclasses
import types

import keras
import pytest

from gan.archive import judges
from gan.archive.judges import JudgeConfig


def model(units=3, rate=0.2):
    image = keras.Input((4,), name="image")
    x = keras.layers.Dropout(rate, name="dropout")(keras.layers.Dense(units, name="dense")(image))
    return keras.Model(image, x, name="judge")


def settings(**values):
    return types.SimpleNamespace(**{"RATE": 0.1, "helper": 5} | values)


def test_a_recipe_is_the_network_and_the_settings_whatever_the_weights():
    wanted = judges.recipe(model(), settings())
    assert judges.recipe(model(), settings(helper=6)) == wanted
    others = [
        judges.recipe(model(units=4), settings()), judges.recipe(model(rate=0.3), settings()),
        judges.recipe(model(), settings(RATE=0.2)), judges.recipe(model(), settings(BATCH=8)),
    ]  # fmt: skip
    assert len({wanted, *others}) == 5


KEY = judges.JudgeKey("classifier", JudgeConfig("here", 3, 0), "digest", "recipe")


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(KEY, recipe="other"),
        dataclasses.replace(KEY, digest="other"),
        dataclasses.replace(KEY, config=JudgeConfig("here", 3, 1)),
        dataclasses.replace(KEY, config=JudgeConfig("here", 4, 0)),
    ],
    ids=["recipe", "data", "seed", "iterations"],
)
def test_a_judge_is_found_by_its_key(workplace, monkeypatch, other):
    monkeypatch.setattr(judges.Run, "model", lambda *_: None)
    monkeypatch.setattr(judges.Run, "report", lambda *_: None)
    first = model()
    trained = judges.TrainedJudge(first, {"accuracy": 0.5}, {"held_out.accuracy": 0.5}, None, ["trained"], None)
    run_id = judges.train_judge(KEY, "a judge", 7, lambda run: trained, lambda line: None)
    second = model()
    renamed = dataclasses.replace(KEY, config=JudgeConfig("elsewhere", 3, 0))
    assert judges.find_judge(renamed, second).run_id == run_id
    assert (second.get_weights()[0] == first.get_weights()[0]).all()
    assert judges.find_judge(other, model()) is None
