"""What a judge is found by (network, training settings, seed, iterations and data), and what is kept of it."""

import dataclasses
import os
import types

import keras
import mlflow
import numpy as np
import pytest

from gan import archive
from gan.archive import judges
from gan.archive.judges import JudgeConfig
from gan.report import Report


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


def test_recipes_of_judges_change_on_purpose_only():
    """A recipe that changes on purpose changes its digest here."""
    from gan.dcgan import classifier
    from gan.pix2pix import segmenter
    from gan.training import augment

    assert judges.recipe(classifier.build_judge(43), classifier, augment) == "1d5544d0cc479036"
    assert judges.recipe(segmenter.build_segmenter(19, 64, 32), segmenter) == "1e536b1d9f04cec6"


KEY = judges.JudgeKey("classifier", JudgeConfig("here", 3, 0), "digest", "recipe")
WARNING = "judge", "accuracy 0.5000, below 0.985"


def train(warning=None, said=None):
    """A judge in the archive, and its run; with the least that is archived."""
    trained = judges.TrainedJudge(
        model(), {"accuracy": 0.5}, {"held_out.accuracy": 0.5, "nothing": float("nan")},
        {"class": ["a", "b"], "held_out": [0.5, float("nan")]}, Report("the judge"), ["trained"], warning,
    )  # fmt: skip
    say = [].append if said is None else said.append
    judge, run_id = judges.train_judge(KEY, "a judge", 7, lambda run: trained, say)
    assert judge is trained
    return judge.model, mlflow.get_run(run_id)


@pytest.fixture
def unlogged(monkeypatch):
    """Keras models are not logged, which takes seconds."""
    monkeypatch.setattr(judges.Run, "model", lambda *_: None)


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
def test_a_judge_is_found_by_its_key(workplace, unlogged, other):
    first, run = train()
    second = model()
    renamed = dataclasses.replace(KEY, config=JudgeConfig("elsewhere", 3, 0))
    assert judges.find_judge(renamed, second).run_id == run.info.run_id
    assert (second.get_weights()[0] == first.get_weights()[0]).all()
    assert judges.find_judge(other, model()) is None


def test_a_damaged_judge_is_not_found(workplace, unlogged):
    _, run = train()
    (file,) = (workplace / "mlruns").rglob(f"{run.info.run_id}/artifacts/checkpoints/*.npz")
    file.write_bytes(file.read_bytes()[:1000])
    assert judges.find_judge(KEY, model()) is None
    _, again = train()
    assert judges.find_judge(KEY, model()).run_id == again.info.run_id


@pytest.mark.parametrize("warning", [None, WARNING], ids=["good", "poor"])
def test_numbers_and_a_warning_where_it_is_poor_are_kept_and_said(workplace, unlogged, warning):
    said = []
    _, run = train(warning, said)
    assert run.info.status == "FINISHED" and run.data.tags["gan.kind"] == "classifier"
    assert run.data.metrics == {"held_out.accuracy": 0.5}
    assert judges.find_judge(KEY, model()).info.network == {"accuracy": 0.5}
    words = "warning: accuracy 0.5000, below 0.985; its scores are a rough guide"
    assert said == (["trained", words] if warning else ["trained"])
    assert run.data.tags.get("warning.judge") == (WARNING[1] if warning else None)


def test_the_logged_model_loads_in_plain_keras_and_is_the_judge(workplace):
    trained, run = train()
    (logged,) = mlflow.search_logged_models(
        experiment_ids=["0"], filter_string=f"source_run_id='{run.info.run_id}'", output_format="list"
    )
    loaded, given = mlflow.keras.load_model(logged.model_uri), np.ones((2, 4), np.float32)
    np.testing.assert_allclose(loaded(given), trained(given), atol=1e-6)
    assert mlflow.models.get_model_info(logged.model_uri).signature is not None


def test_the_run_that_mlflow_run_has_opened_is_left_to_the_user(workplace, unlogged, monkeypatch):
    train()
    opened = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    _, run = train()
    assert run.info.run_id != opened and os.environ["MLFLOW_RUN_ID"] == opened
    untouched = mlflow.get_run(opened)
    assert untouched.info.status == "RUNNING" and "gan.kind" not in untouched.data.tags
    assert not untouched.data.metrics and not untouched.data.params
    with archive.archived_run("dcgan", "the user's", JudgeConfig("here", 1)) as run:
        assert run.id == opened


def test_a_training_that_fails_leaves_the_opened_run_and_no_judge(workplace, unlogged, monkeypatch):
    train()
    opened = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)

    def failing(run):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judges.train_judge(dataclasses.replace(KEY, recipe="other"), "a judge", 7, failing, print)
    assert os.environ["MLFLOW_RUN_ID"] == opened and mlflow.get_run(opened).info.status == "RUNNING"
    runs = mlflow.search_runs(output_format="list")
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED", "RUNNING"]
    assert judges.find_judge(dataclasses.replace(KEY, recipe="other"), model()) is None
