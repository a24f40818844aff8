"""A promoted generator as MLflow loads and serves it: the images of `evaluate`, and a sentence for every mistake."""

import base64
import io
import json
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow.exceptions import MlflowException
from mlflow.models.cli import commands
from mlflow.pyfunc.scoring_server import invocations
from PIL import Image

from gan import archive, checkpoints
from gan.data.labelled import ALL
from gan.data.scene import resized
from gan.data.scenes import Scenes, open_scenes
from gan.dcgan.generator import Generator
from gan.errors import UserError
from gan.pix2pix.evaluation import generated_pictures
from gan.pix2pix.presets import LABELS, SceneNetwork
from gan.training.averaged_gan import weights
from tests import made_up_scene_run
from tests.conftest import ROOT
from tests.made_up_archive import promoted
from tests.made_up_goodrun import write_goodrun

SIZE = 64, 32


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Promoted generators with their models by name: of all classes, of one, of photos and of label maps."""
    folder = tmp_path_factory.mktemp("served")
    own = {"classes": ["cat", "dog"], "mirror": [0, 1]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        goodruns = {
            "signs": promoted(write_goodrun(folder / "all"), "dcgan", "signs"),
            "dogs": promoted(write_goodrun(folder / "dogs", "dog", own), "dcgan", "dogs"),
            "photos": promoted(made_up_scene_run.good_run(folder / "photos"), "pix2pix", "photos"),
            "maps": promoted(
                made_up_scene_run.good_run(folder / "maps", direction=LABELS, edges=False), "pix2pix", "maps"
            ),
        }
        return {
            name: (goodrun, mlflow.pyfunc.load_model(f"models:/{name}@goodrun")) for name, goodrun in goodruns.items()
        }, folder  # fmt: skip


@pytest.fixture
def models(served, monkeypatch):
    monkeypatch.chdir(served[1])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return served[0]


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    part = open_scenes("drawn:6").training
    return Scenes.of([resized(part.scene(k), *SIZE) for k in range(6)], part.palette)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels(images) -> np.ndarray:
    return np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in images])


def asked(model, rows: dict, **params) -> pd.DataFrame:
    return model.predict(pd.DataFrame(rows), params=params)


def refusal(model, rows: dict, **params) -> str:
    """The sentence of a refused request; the server's own request path gives status 400 with the same."""
    with pytest.raises(MlflowException) as refused:
        asked(model, rows, **params)
    assert refused.value.get_http_status_code() == 400
    return refused.value.message


def test_images_are_those_of_the_generator_bit_for_bit(models):
    goodrun, model = models["signs"]
    answer = asked(model, {"class": ["17", "stop"]}, count=70, seed=5)
    generator = Generator(goodrun)
    expected = np.concatenate([generator.images(70, 5, k) for k in (17, 14)])
    np.testing.assert_array_equal(pixels(answer["image"]), expected)
    assert answer["class"].tolist() == ["17"] * 70 + ["14"] * 70 and set(answer["seed"]) == {5}
    assert asked(model, {"class": ["17", "stop"]}, count=70, seed=5).equals(answer)
    assert not asked(model, {"class": ["17"]}, seed=6)["image"].isin(answer["image"]).any()


def test_all_is_every_class_and_array_gives_the_pixels(models):
    goodrun, model = models["signs"]
    answer = asked(model, {"class": [ALL]}, format="array")
    assert answer["class"].tolist() == list(map(str, range(43)))
    np.testing.assert_array_equal(answer["image"][42], Generator(goodrun).images(1, 0, 42)[0])


def test_a_generator_of_one_class_knows_no_other(models):
    goodrun, model = models["dogs"]
    answer = asked(model, {"class": ["Dog"]}, count=2, seed=3)
    np.testing.assert_array_equal(pixels(answer["image"]), Generator(goodrun).images(2, 3, 1))
    assert answer["class"].tolist() == ["dog"] * 2
    assert refusal(model, {"class": ["cat"]}) == "this model was trained on class dog, not cat."
    assert refusal(model, {"class": [ALL]}) == "this model was trained on class dog, not all."
    assert "class is a class of the data ('cat', 'dog')" in refusal(model, {"class": ["17"]})


@pytest.mark.parametrize(
    ("rows", "params", "words"),
    [
        (["43"], {}, "class is a GTSRB class id from 0 to 42 (17 is \"No entry\") or its name or `all`, not '43'."),
        (["x" * 10**6], {}, f"or `all`, not '{'x' * 100}'."),
        ([None], {}, "not 'None'."),
        (["17"], {"count": 0}, "count is from 1 to 10000, not 0."),
        (["17"], {"count": 10_001}, "count is from 1 to 10000, not 10001."),
        (["17"], {"seed": -1}, "seed is from 0 to 2147483647, not -1."),
        (["17"], {"format": "gif"}, "format is png or array, not 'gif'."),
        (["17"] * 5_001, {"count": 2}, "at most 10,000 images of 32x32 as png, and this one for 10,002;"),
        ([ALL], {"count": 233}, "at most 10,000 images of 32x32 as png, and this one for 10,019;"),
        (["17"], {"count": 1_025, "format": "array"}, "at most 1,024 images of 32x32 as array, and"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_request_is_the_sentence_of_the_command_line(models, rows, params, words):
    assert words in refusal(models["signs"][1], {"class": rows}, **params)


def test_the_server_answers_mistakes_with_status_400_and_images_in_base64(models):
    _, model = models["signs"]

    def answer(body: bytes):
        return invocations(body, "application/json", model, model.metadata.get_input_schema())

    done = answer(json.dumps({"dataframe_records": [{"class": 14}], "params": {"seed": 7}}).encode())
    (line,) = json.loads(done.response)["predictions"]
    expected = asked(model, {"class": ["14"]}, seed=7)["image"][0]
    assert done.status == 200 and base64.b64decode(line["image"]) == expected
    wrong = {
        b'{"dataframe_records": [{"class": "43"}]}': "class is a GTSRB class id",
        b'{"dataframe_records": [{"class": "17"}], "params": {"count": "x"}}': "Can not safely convert",
        b'{"dataframe_records": [{"sign": "17"}]}': "missing inputs",
        b"no JSON": "valid JSON",
    }
    for body, words in wrong.items():
        with pytest.raises(MlflowException, match=words) as refused:
            answer(body)
        assert refused.value.get_http_status_code() == 400
        assert "stack_trace" not in json.loads(refused.value.serialize_as_json())


def test_photos_of_label_maps_are_those_of_evaluate(models, scenes):
    goodrun, model = models["photos"]
    part = [scenes.scene(k) for k in range(6)]
    rows = {"labels": [png(one.labels) for one in part], "instances": [png(one.instances) for one in part]}
    network = SceneNetwork.restored(goodrun.info.network)
    fresh = network.build_generator()
    checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(fresh)})
    expected = list(generated_pictures(fresh, network, scenes, 4, "evaluate"))
    answer = asked(model, rows, seed=4)
    np.testing.assert_array_equal(pixels(answer["image"]), expected)
    assert asked(model, rows, seed=4).equals(answer) and list(answer) == ["seed", "image"]


def test_label_maps_of_photos_hold_ids(models, scenes):
    _, model = models["maps"]
    (found,) = pixels(asked(model, {"photo": [png(scenes.scene(0).photo)]})["image"])
    assert found.shape == (32, 64) and set(np.unique(found)) <= set(scenes.palette.ids)


BLANK = np.zeros((32, 64), np.uint8)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(BLANK[:16]), "`labels` of row 1 has 64x16 pixels, and this model takes 64x32; resize it."),
        (png(BLANK + 250), "`labels` of row 1 holds the id 250, which the palette streets lacks"),
        (png(np.zeros((32, 64, 3), np.uint8)), "`labels` of row 1 is in colours (RGB) and no map of ids"),
        (png(BLANK)[:50], "`labels` of row 1 is damaged"),
        (b"no image", "`labels` of row 1 is damaged or no PPM, PNG, JPEG or BMP image"),
        ("text", "`labels` of row 1 is damaged"),
        (png(np.zeros((9_000, 9_000), bool)), "`labels` of row 1 has more than 67,108,864 pixels"),
    ],
    ids=["size", "palette", "colours", "cut short", "bytes", "text", "pixels"],
)
def test_a_label_map_that_can_not_be_taken_is_named(models, data, words):
    _, model = models["photos"]
    good = png(BLANK + made_up_scene_run.network().palette.ids[0])
    rows = {"labels": [good, data], "instances": [png(BLANK), png(BLANK)]}
    assert words in refusal(model, rows)


def test_the_version_serves_and_restores_and_its_keras_flavour_loads(models):
    goodrun, model = models["signs"]
    restored = archive.resolve("models:/signs@goodrun", "dcgan", "all")
    assert restored.iteration == goodrun.iteration
    keras_model = mlflow.keras.load_model("models:/signs@goodrun")
    assert isinstance(keras_model, keras.Model) and len(keras_model.inputs) == 2
    assert {"keras", "python_function"} <= set(model.metadata.flavors)


def test_a_promoted_model_holds_the_package_no_pickle_and_no_path_of_this_machine(models):
    folder = Path(mlflow.artifacts.download_artifacts("models:/photos@goodrun"))
    sources = {path.relative_to(ROOT) for path in (ROOT / "gan").rglob("*.py") if "pretrained" not in path.parts}
    assert {path.relative_to(folder / "code") for path in (folder / "code").rglob("*.py")} == sources
    names = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert names <= {".py", ".html", ".json", ".txt", ".yaml", ".keras", ""}
    assert str(ROOT) not in (folder / "MLmodel").read_text()


def test_mlflow_writes_a_dockerfile_for_it(models, tmp_path):
    options = ["generate-dockerfile", "-m", "models:/signs@goodrun", "-d", str(tmp_path / "docker")]
    assert CliRunner().invoke(commands, options).exit_code == 0
    assert "served_model.py" in {path.name for path in (tmp_path / "docker" / "model_dir").iterdir()}
    assert "ENTRYPOINT" in (tmp_path / "docker" / "Dockerfile").read_text()


def test_a_run_whose_files_are_gone_is_not_registered(models):
    model = mlflow.get_logged_model(models["dogs"][1].metadata.model_id)
    (Path(model.artifact_location.removeprefix("file://")) / "MLmodel").unlink()
    with pytest.raises(UserError, match="gone@goodrun can't be registered"):
        archive.register(model.source_run_id, "gone", "goodrun")
    assert not mlflow.MlflowClient().search_registered_models("name='gone'")
