"""Training as a user runs it: what a run leaves, exact resume, interruptions, bad input."""

import dataclasses
import errno
import json
import os
import re
import shlex
import signal
import threading
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import train_dcgan
from gan import archive, checkpoints
from gan import config as command_line
from gan.archive import goodruns
from gan.config import READING
from tests import conftest
from tests.conftest import DATA, QUICK, start_script
from train_dcgan import TrainConfig

WITHOUT_JUDGE = ["--data", DATA, "--judge_iterations", "0", "--precision", "float32"]


def quick(**changed):
    return TrainConfig(**(QUICK | changed))


def state_of(run_id, iteration):
    """All arrays of a run's checkpoint."""
    path = archive.resolve(f"{run_id}/{iteration}", "dcgan", "17").checkpoint
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name != "about"}


def refused(capsys, **changed):
    """The sentence that training with these parameters ends with, and that it left nothing behind."""
    error = conftest.refused(capsys, TrainConfig, train_dcgan.main, **changed)
    assert not list(Path("images/train").glob("*")) if Path("images/train").is_dir() else True
    return error


# --- what a run leaves


def test_a_run_leaves_a_complete_trace(own_archive):
    run = mlflow.get_run(own_archive.run_id)
    assert run.info.status == "FINISHED"
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(own_archive.run_id)}
    assert {"config.json", "checkpoints", "report.html", "images"} <= files
    config = json.loads(
        Path(mlflow.artifacts.download_artifacts(f"runs:/{own_archive.run_id}/config.json")).read_text()
    )
    assert config == dataclasses.asdict(quick()) | {"deterministic": True}  # on a CPU
    assert run.data.params == {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in config.items()
        if name not in READING and value not in ("", None) and value is not False
    }
    for name in ("diversity", "diversity_floor", "nearest_real", "nearest_real_floor"):
        assert run.data.metrics[name] > 0, name
    for name in ("data", "data_digest", "code_version", "device", "precision_used"):
        assert run.data.tags[name], name
    inputs = {given.tags[0].value: given.dataset for given in run.inputs.dataset_inputs}
    assert list(inputs) == ["training", "held-out", "test"]
    assert inputs["training"].digest == run.data.tags["data_digest"]
    assert json.loads(inputs["test"].profile)["num_rows"] > 0 and "uint8" in inputs["test"].schema
    client = mlflow.MlflowClient()
    for name in ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_generated", "images_per_second"):
        history = client.get_metric_history(own_archive.run_id, name)
        assert sorted(point.step for point in history) == [20, 25, 30, 40, 50, 60], name
        assert all(np.isfinite(point.value) for point in history)
    assert all(0 <= run.data.metrics[f"accuracy_{kind}"] <= 1 for kind in ("real", "generated"))
    assert archive.checkpoint_names(own_archive.run_id) == [checkpoints.file_name(k) for k in (20, 40, 60)]


def test_the_page_of_a_run_describes_it(own_archive):
    run = mlflow.get_run(own_archive.run_id)
    text = run.data.tags["mlflow.note.content"]
    assert text.startswith(f"Trained on **{DATA}**, class 17: ") and "images, CPU, " in text
    assert f"real ones on the right](get-artifact?path=samples.png&run_uuid={run.info.run_id})" in text
    assert f"evaluate.py --class_val 17 --goodrun_ref {run.info.run_id}" in text
    assert "--iterations 120" in text and "models serve -m models:/traffic-signs@goodrun" in text
    with Image.open(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/samples.png")) as picture:
        assert picture.width <= 720


def test_sample_grids_come_from_fixed_noise_and_lie_here_and_in_the_archive(own_archive):
    folder = Path("images/train") / f"class-17-{own_archive.run_id[:8]}"
    assert sorted(file.name for file in folder.iterdir()) == [
        "generated-000000.png",
        "generated-000030.png",
        "generated-000060.png",
        "real.png",
    ]
    logged = [file.path for file in mlflow.MlflowClient().list_artifacts(own_archive.run_id, "images")]
    steps = {int(re.search(r"step(?:%|\+)(\d+)", path)[1]) for path in logged if "generated" in path}
    assert steps == {0, 30, 60}
    first, last = (np.asarray(Image.open(folder / f"generated-0000{k}.png")).astype(int) for k in (30, 60))
    assert first.shape == last.shape and np.abs(first - last).mean() > 1


def logged(run_id):
    """The logged models of a run by their iteration."""
    found = mlflow.search_logged_models(
        experiment_ids=["0"], filter_string=f"source_run_id='{run_id}'", output_format="list"
    )
    return {int(model.params["iteration"]): model for model in found}


def test_the_generator_of_each_checkpoint_is_logged_with_its_scores(own_archive):
    models = logged(own_archive.run_id)
    assert sorted(models) == [20, 40, 60]
    for iteration, model in models.items():
        steps = {metric.key: metric.step for metric in model.metrics}
        names = ("diversity", "diversity_floor", "nearest_real", "nearest_real_floor")
        assert steps.items() >= dict.fromkeys(names, iteration).items()  # and those of evaluations
        history = archive.history(own_archive.run_id, ["diversity"])["diversity"]
        assert next(m.value for m in model.metrics if m.key == "diversity") == history[1][history[0].index(iteration)]


@pytest.mark.parametrize("iteration", [20, 60])
def test_the_logged_generator_loads_in_plain_keras_and_is_the_checkpoint(own_archive, iteration):
    uri = logged(own_archive.run_id)[iteration].model_uri
    model = mlflow.keras.load_model(uri)
    state = state_of(own_archive.run_id, iteration)
    averaged = [state[name] for name in sorted(state) if name.startswith("averaged/")]
    for mine, theirs in zip(model.get_weights(), averaged, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    info = mlflow.models.get_model_info(uri)
    assert info.signature is not None and info.saved_input_example_info is not None
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle")]
    requirements = (folder / "requirements.txt").read_text().split()
    assert all("==" in line for line in requirements) and any(line.startswith("keras==") for line in requirements)
    if iteration == 20:  # the other one is promoted: MLflow serves images of it
        assert mlflow.pyfunc.load_model(uri).predict(np.zeros((2, 100), np.float32)).shape == (2, 32, 32, 3)


# --- what it learns


class Seen(Exception):
    """Raised where there is nothing more to see."""


def learned(monkeypatch, **changed):
    """The images that a run would learn."""
    from gan.dcgan import gan as dcgan

    def stop(network, images, *_):
        raise Seen(images)

    monkeypatch.setattr(dcgan, "SignGan", stop)
    with pytest.raises(Seen) as seen:
        train_dcgan.train(quick(**changed))
    return {image.tobytes() for image in seen.value.args[0]}


@pytest.mark.parametrize("class_val", ["17", "all"])
def test_held_out_tracks_are_learned_only_when_that_is_wanted(workplace, signs_folder, monkeypatch, class_val):
    from gan.data.labelled import with_mirrored
    from gan.data.sets import open_images
    from gan.data.split import cut

    classes = range(43) if class_val == "all" else [17]
    parts = map(with_mirrored, cut(open_images(signs_folder).train))
    fit, held = ({image.tobytes() for image in part.images[np.isin(part.labels, classes)]} for part in parts)
    assert held and not held & fit
    assert learned(monkeypatch, class_val=class_val, data=signs_folder) == fit
    assert learned(monkeypatch, class_val=class_val, data=signs_folder, use_held_out=True) == fit | held


def test_the_judge_never_learns_held_out_tracks(workplace, small_networks, signs_folder, monkeypatch):
    from gan.data.sets import open_images
    from gan.data.split import cut
    from gan.dcgan import judge as signs_judge

    def stop(signs, *_, **__):
        raise Seen(signs)

    monkeypatch.setattr(signs_judge, "train_judge", stop)
    for use_held_out in (False, True):
        with pytest.raises(Seen) as seen:
            train_dcgan.train(quick(data=signs_folder, judge_iterations=1, use_held_out=use_held_out))
        assert seen.value.args[0].digest() == cut(open_images(signs_folder).train)[0].digest()


# --- the best checkpoint


def let_scores_be(patch, values):
    """Give checkpoints these scores, one after the other."""
    from gan.dcgan import scorer as signs

    left = iter(values)
    patch.setattr(signs, "checkpoint_scores", lambda *_: lambda: {"fid_held_out": next(left), "gan_test": 0.5})


@pytest.fixture(scope="module")
def worse_late(tmp_path_factory):
    """A run that was best at iteration 20 of 50 and kept as little as can be."""
    folder = tmp_path_factory.mktemp("worse-late")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        conftest.narrow(patch)
        let_scores_be(patch, [float("nan"), 1.0, 5.0, 3.0, 2.0])
        run_id, status = train_dcgan.train(quick(iterations=50, checkpoint_interval=10, keep_checkpoints=0))
        files = [path for path in Path("mlruns").rglob("*") if path.is_file()]
    assert status == 0
    return conftest.Trained(folder, run_id), files


@pytest.fixture
def best(worse_late, monkeypatch):
    monkeypatch.chdir(worse_late[0].folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return worse_late[0]


def test_the_best_checkpoint_stays_and_is_what_the_run_id_means(best):
    assert archive.checkpoint_names(best.run_id) == [checkpoints.file_name(k) for k in (20, 50)]
    assert archive.resolve(best.run_id, "dcgan", "17").iteration == 20
    report = Path(mlflow.artifacts.download_artifacts(f"runs:/{best.run_id}/report.html")).read_text()
    assert "Best by fid_held_out: iteration 20." in report
    assert archive.history(best.run_id, ["fid_held_out"])["fid_held_out"][0] == [10, 20, 30, 40, 50]


def test_of_what_is_let_go_no_file_is_left(best, worse_late):
    models, files = logged(best.run_id), worse_late[1]
    assert sorted(models) == [20, 50]
    kept = sorted(path.name for path in files if path.suffix == ".npz")
    assert kept == [checkpoints.file_name(k) for k in (20, 50)]
    of_models = {part for path in files for part in path.parts if part.startswith("m-")}
    assert of_models == {model.model_id for model in models.values()}


def test_the_best_is_promoted(best):
    reference = archive.register(best.run_id, "signs", "goodrun")
    assert archive.resolve(reference, "dcgan", "17").iteration == 20


def test_training_goes_on_from_the_best_by_the_run_id(best, small_networks):
    run_id, status = train_dcgan.train(quick(iterations=22, goodrun_ref=best.run_id, log_model=True))
    assert status == 0 and mlflow.get_run(run_id).data.tags["goodrun"] == f"{best.run_id}/20"
    assert archive.resolve(run_id, "dcgan", "17").iteration == 22
    served = mlflow.pyfunc.load_model(logged(run_id)[22].model_uri)
    assert served.predict(pd.DataFrame({"class": ["17"]}))["image"][0].startswith(b"\x89PNG")


def test_where_the_best_is_the_latest_it_is_kept_once(workplace, small_networks, monkeypatch):
    let_scores_be(monkeypatch, [3.0, 2.0, 1.0])
    run_id, _ = train_dcgan.train(quick(iterations=6, checkpoint_interval=2, keep_checkpoints=0))
    assert archive.checkpoint_names(run_id) == [checkpoints.file_name(6)]
    assert sorted(logged(run_id)) == [6]


# --- exact resume


def test_9_and_8_iterations_are_17_bit_for_bit(workplace, small_networks, signs_folder, monkeypatch):
    from gan.dcgan import judge as signs_judge

    trained_judges, train_judge = [], signs_judge.train_judge
    monkeypatch.setattr(signs_judge, "train_judge", lambda *a, **k: trained_judges.append(a) or train_judge(*a, **k))
    config = quick(data=signs_folder, judge_iterations=2, iterations=17, checkpoint_interval=9, sample_interval=5)
    whole, _ = train_dcgan.train(config)
    resumed, _ = train_dcgan.train(dataclasses.replace(config, goodrun_ref=f"{whole}/9"))
    assert len(trained_judges) == 1, "the judge of this data is in the archive"
    names = ["fid_training", "fid_held_out", "gan_test", "diversity", "nearest_real"]
    scores = archive.history(whole, names)
    assert list(scores) == names and all(steps == [9, 17] for steps, _ in scores.values())
    for name, (steps, values) in archive.history(resumed, names).items():
        assert (steps, values) == ([17], scores[name][1][1:]), name
    half, one, other = state_of(whole, 9), state_of(whole, 17), state_of(resumed, 17)
    assert set(one) == set(other)
    parts = {name.partition("/")[0] for name in one}
    assert parts == {"generator", "discriminator", "averaged", "generator_optimizer", "discriminator_optimizer"}
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert any((half[name] != one[name]).any() for name in one if name.startswith("generator/"))
    assert mlflow.get_run(resumed).data.tags["goodrun"] == f"{whole}/9"
    sheets = [Path(f"images/train/class-17-{run[:8]}/generated-000017.png").read_bytes() for run in (whole, resumed)]
    assert sheets[0] == sheets[1]


def test_another_learning_rate_and_other_data_on_resume_are_said_and_known(own_archive, small_networks, capsys):
    changed = {"use_held_out": True, "generator_lr": 1e-4}
    run_id, _ = train_dcgan.train(quick(iterations=61, goodrun_ref=own_archive.run_id, **changed))
    said = capsys.readouterr().out
    assert f"going on with another generator_lr: {TrainConfig.generator_lr} before, 0.0001 now" in said
    assert "going on with another data (digest)" in said
    before = archive.resolve(own_archive.run_id, "dcgan", "17").info
    info = archive.resolve(run_id, "dcgan", "17").info
    assert info.data["learned_before"] == [before.data["digest"]]
    assert not info.learned_only(info.data["digest"]) and before.learned_only(before.data["digest"])


def test_a_kept_number_of_checkpoints_besides_the_latest(workplace, small_networks):
    run_id, _ = train_dcgan.train(quick(iterations=10, checkpoint_interval=2, keep_checkpoints=2))
    kept = archive.checkpoint_names(run_id)
    assert len(kept) == 3 and kept[-1] == checkpoints.file_name(10)
    assert [checkpoints.file_name(k) for k in sorted(logged(run_id))] == kept


# --- interruptions


def wait_for(found, seconds=400):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def command_that_goes_on(out):
    """The run id, the iteration and the parameters of the command that a stopped training prints."""
    command = shlex.split(next(line for line in out.splitlines() if "--goodrun_ref" in line))
    script = next(place for place, word in enumerate(command) if word.endswith("train_dcgan.py"))
    config = command_line.parse(TrainConfig, command[script + 1 :])
    return *config.goodrun_ref.split("/"), config


def test_sigterm_leaves_a_checkpoint_and_the_command_that_goes_on(workplace, small_networks, capsys):
    def stop():
        wait_for(lambda: list(workplace.glob("images/train/*/generated-000010.png")))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(SystemExit) as stopped:
        given = QUICK | {"iterations": 5000, "checkpoint_interval": 4000, "sample_interval": 10}
        conftest.run_script(TrainConfig, train_dcgan.main, **given)
    assert stopped.value.code == 128 + signal.SIGTERM
    run_id, iteration, config = command_that_goes_on(capsys.readouterr().out)
    assert mlflow.get_run(run_id).info.status == "KILLED"
    assert config.iterations == 5000 and config.batch_size == 8 and 10 <= int(iteration) < 4000
    assert checkpoints.whole(archive.resolve(config.goodrun_ref, "dcgan", "17").checkpoint)


@pytest.mark.slow
def test_two_runs_at_once_in_a_new_folder_of_which_one_is_interrupted_and_one_killed(workplace):
    options = [*WITHOUT_JUDGE, "--iterations", "5000", "--batch_size", "4", "--sample_interval", "2"]
    options += ["--checkpoint_interval", "2", "--keep_checkpoints", "1"]
    both = [start_script("-m", "tests.narrow_dcgan", *options, "--seed", str(seed), cwd=workplace) for seed in (1, 2)]

    def both_have_a_checkpoint():
        kept = workplace.glob("mlruns/**/checkpoint-*.npz")
        return len({path.parent for path in kept}) == 2 or any(process.poll() is not None for process in both)

    wait_for(both_have_a_checkpoint)
    both[0].send_signal(signal.SIGINT)
    both[1].kill()
    time.sleep(0.2)
    both[0].send_signal(signal.SIGTERM)  # `mlflow run` passes a second one on; it changes nothing
    (out, err), _ = (process.communicate(timeout=400) for process in both)
    assert both[0].returncode == 128 + signal.SIGINT and "Traceback" not in err, err

    runs = {run.data.params["seed"]: run for run in mlflow.search_runs(output_format="list")}
    assert {seed: run.info.status for seed, run in runs.items()} == {"1": "KILLED", "2": "RUNNING"}
    run_id, iteration, config = command_that_goes_on(out)
    assert run_id == runs["1"].info.run_id and config.seed == 1 and config.iterations == 5000
    assert archive.resolve(config.goodrun_ref, "dcgan", "17").iteration == int(iteration)
    for seed, run in runs.items():
        goodrun = archive.resolve(run.info.run_id, "dcgan", "17")
        assert goodrun.iteration >= 2 and checkpoints.whole(goodrun.checkpoint)
        assert goodrun.info.run_id == run.info.run_id and str(goodrun.info.config["seed"]) == seed
        assert list((workplace / f"images/train/class-17-{run.info.run_id[:8]}").glob("generated-*.png"))


# --- what goes wrong in training


def test_not_a_number_stops_the_run_and_keeps_the_last_good_checkpoint(workplace, small_networks, capsys):
    from gan.dcgan.gan import SignGan

    iterate = SignGan.iterate
    with pytest.MonkeyPatch.context() as patch:

        def broken(self, iteration):
            import tensorflow as tf

            metrics = iterate(self, iteration)
            return tf.where(iteration >= 5, metrics * float("nan"), metrics)

        patch.setattr(SignGan, "iterate", broken)
        run_id, status = train_dcgan.train(quick(iterations=6, checkpoint_interval=2))
    run = mlflow.get_run(run_id)
    assert status == 1 and run.info.status == "FAILED"
    assert "not a number" in run.data.tags["warning.nan"] and "generator_lr" in run.data.tags["warning.nan"]
    assert archive.resolve(run_id, "dcgan", "17").iteration == 4
    assert f"--goodrun_ref {run_id}/4" in capsys.readouterr().out


def test_an_archive_that_goes_away_leaves_the_state_here(workplace, small_networks, monkeypatch, capsys):
    keep = archive.Run.checkpoint

    def away(run, info, *given):
        if info.iteration == 4:
            raise archive.ArchiveError("the archive does not answer")
        keep(run, info, *given)

    monkeypatch.setattr(archive.Run, "checkpoint", away)
    with pytest.raises(SystemExit) as stopped:
        conftest.run_script(TrainConfig, train_dcgan.main, **QUICK | {"iterations": 8, "checkpoint_interval": 2})
    said = capsys.readouterr()
    assert stopped.value.code == 2 and said.err.count("error: the archive does not answer") == 1
    (folder,) = workplace.glob("images/train/*")
    assert f"the archive lacks what came after iteration 2; iteration 4 is kept in {folder}; go on" in said.out
    run_id, _ = train_dcgan.train(quick(iterations=5, goodrun_ref=str(folder)))
    assert archive.resolve(run_id, "dcgan", "17").iteration == 5


def test_a_disk_that_fills_up_keeps_the_checkpoints_before(workplace, small_networks, monkeypatch, capsys):
    save = checkpoints.save

    def full(path, info, parts):
        if info.iteration >= 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save(path, info, parts)

    monkeypatch.setattr(checkpoints, "save", full)
    with pytest.raises(SystemExit) as stopped:
        options = [*WITHOUT_JUDGE, "--iterations", "6", "--checkpoint_interval", "2", "--batch_size", "8"]
        command_line.run(TrainConfig, train_dcgan.main, options)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert "error: no space left" in shown.err and "Traceback" not in shown.err
    run = mlflow.search_runs(output_format="list")[0]
    assert run.info.status == "FAILED"
    assert archive.resolve(run.info.run_id, "dcgan", "17").iteration == 2
    assert f"--goodrun_ref {run.info.run_id}/2 " in shown.out


# --- bad input


@pytest.mark.parametrize("value", ["43", "-1", "x", "1.5"])
def test_a_class_that_there_is_not(workplace, capsys, value):
    assert "from 0 to 42" in refused(capsys, class_val=value, data=DATA)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iterations", 0), ("batch_size", 1), ("generator_lr", 0), ("discriminator_lr", 2), ("seed", -1),
        ("precision", "float16"), ("sample_interval", 0), ("checkpoint_interval", -5), ("keep_checkpoints", -1),
        ("judge_iterations", -1), ("judge_iterations", 1_000_001), ("judge_iterations", "some"),
        ("use_held_out", "perhaps"),
    ],
)  # fmt: skip
def test_a_parameter_outside_its_range(workplace, capsys, name, value):
    assert f"{name} is " in refused(capsys, **{name: value})


def test_no_prepared_data(workplace, capsys):
    error = refused(capsys)
    assert "gan.commands.prepare" in error and "data=drawn" in error


def test_a_hostile_pickle_is_refused_and_not_run(workplace, capsys):
    import pickle

    class Hostile:
        def __reduce__(self):
            return os.mkdir, ("taken-over",)

    Path("data").mkdir()
    Path("data/train.p").write_bytes(pickle.dumps({"features": Hostile()}))
    assert "train.p" in refused(capsys, data="data")
    assert not Path("taken-over").exists()


def test_use_test_without_a_test_part(workplace, capsys):
    from gan.data.gtsrb import write_signs
    from gan.drawn.signs import draw_signs

    Path("data").mkdir()
    write_signs(Path("data/train.p"), draw_signs(200, 100, 0)[0])
    assert "test.p" in refused(capsys, data="data", use_test="true")


def test_an_output_that_cannot_be_written(workplace, capsys):
    Path("images").write_text("a file where a folder should be")
    assert "images" in refused(capsys, data=DATA)
    assert Path("images").read_text() == "a file where a folder should be"


def test_a_disk_that_is_full_before_the_start(workplace, small_networks, capsys, monkeypatch):
    import collections
    import shutil

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**6, 10**6))
    assert "free some space" in refused(capsys, **QUICK)


@pytest.mark.parametrize(
    "name", ["x" * 300, "~no-such-user-at-all/x", "traffic-signs-data/train.p"], ids=["long", "nobody", "file"]
)
def test_what_is_no_folder_of_data(workplace, capsys, name):
    Path("traffic-signs-data").mkdir()
    Path("traffic-signs-data/train.p").write_bytes(b"")
    assert "data names a folder" in refused(capsys, data=name)


@pytest.mark.parametrize("iterations", [10, 60])
def test_iterations_not_above_the_good_runs(own_archive, capsys, iterations):
    error = bad_reference(capsys, own_archive.run_id, iterations=iterations)
    assert "60 iterations already" in error


def bad_reference(capsys, reference, **changed):
    return conftest.refused(
        capsys, TrainConfig, train_dcgan.main, **({"data": DATA, "goodrun_ref": reference} | changed)
    )


def test_a_good_run_of_another_class(own_archive, capsys):
    assert "class_val 17, not 1" in bad_reference(capsys, own_archive.run_id, class_val=1)


def test_a_good_run_of_another_network(own_archive, capsys):
    # The fixture's networks are narrow ones, the script's own are not.
    assert "another network" in bad_reference(capsys, own_archive.run_id, iterations=100)


def test_weights_that_only_generate_are_not_gone_on_from(own_archive, small_networks, tmp_path, monkeypatch, capsys):
    info = archive.resolve(own_archive.run_id, "dcgan", "17").info
    state = state_of(own_archive.run_id, 60)
    weights = [state[name].astype(np.float16) for name in sorted(state) if name.startswith("averaged/")]
    folder = tmp_path / "gan" / "pretrained"
    folder.mkdir(parents=True)
    checkpoints.save(folder / checkpoints.file_name(60), info, {"averaged": weights})
    monkeypatch.setattr(goodruns, "ROOT", tmp_path)
    runs = len(mlflow.search_runs(output_format="list"))
    for reference in (str(folder), "pretrained"):
        for iterations in (100, 10):  # which are fewer than it has
            error = bad_reference(capsys, reference, iterations=iterations)
            assert "weights to generate from and nothing to train on" in error
    assert len(mlflow.search_runs(output_format="list")) == runs


def test_without_pretrained_weights_it_is_a_sentence(workplace, monkeypatch, capsys):
    monkeypatch.setattr(goodruns, "ROOT", workplace)
    assert "came without" in bad_reference(capsys, "pretrained")
    assert list(workplace.iterdir()) == []


def test_interrupted_before_the_start_is_a_sentence(workplace, monkeypatch, capsys):
    monkeypatch.setattr("gan.data.sets.open_images", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(SystemExit) as stopped:
        conftest.run_script(TrainConfig, train_dcgan.main, data="drawn")
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "stopped before there was anything to keep\n"
    assert list(workplace.iterdir()) == []


def test_a_stop_that_a_library_swallowed_is_heeded_when_training_begins(workplace, small_networks, monkeypatch):
    monkeypatch.setattr("gan.signals.stops", [signal.SIGTERM])
    run_id, status = train_dcgan.train(quick(iterations=5000))
    assert status == 143 and mlflow.get_run(run_id).info.status == "KILLED"
    assert archive.resolve(run_id, "dcgan", "17").iteration <= 25


def test_a_database_on_a_full_disk_is_a_sentence_and_what_is_kept_is_told(
    workplace, small_networks, monkeypatch, capsys
):
    from mlflow.exceptions import MlflowException

    from gan.archive import Run

    log = Run.metrics

    def full(self, values, step):
        if step >= 4:
            raise MlflowException("(sqlite3.OperationalError) database or disk is full")
        log(self, values, step)

    monkeypatch.setattr(Run, "metrics", full)
    with pytest.raises(SystemExit) as stopped:
        options = [*WITHOUT_JUDGE, "--iterations", "6", "--checkpoint_interval", "2", "--batch_size", "8"]
        command_line.run(TrainConfig, train_dcgan.main, options)
    shown = capsys.readouterr()
    assert stopped.value.code == 2 and "disk is full: free some space" in shown.err and "Traceback" not in shown.err
    assert "kept up to iteration 2;" in shown.out
