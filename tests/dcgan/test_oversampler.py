"""GANOverSampler: imbalanced-learn's own checks on images, its results, and what it refuses."""

import random
from collections import Counter

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("imblearn", reason="imbalanced-learn is not installed: GANOverSampler has nothing to derive from")

from imblearn.pipeline import make_pipeline
from imblearn.utils import estimator_checks
from imblearn.utils.estimator_checks import check_param_validation
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import FunctionTransformer

from gan.data.class_folders import read_class_folders
from gan.dcgan.oversampler import GANOverSampler, _random_states_kept
from gan.errors import UserError
from tests.made_up_goodrun import write_goodrun

FLAT = 32 * 32 * 3
# Checks that images can't pass, and why; none of the others is left out.
EXPECTED_FAILED_CHECKS = {
    "check_samplers_pandas_sparse": "images are dense: a data frame of sparse columns is refused",
}
CHECKS = list(estimator_checks.estimator_checks_generator(GANOverSampler(random_state=0)))


def pictures(count, seed=0):
    """uint8 (count, 3072)."""
    return np.random.default_rng(seed).integers(0, 256, (count, FLAT), dtype=np.uint8)


def labelled():
    """What `sample_dataset_generator` gives, as images: three classes of 12, 18 and 30."""
    return pictures(60), np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [12, 18, 30]))


@pytest.fixture(scope="module")
def goodrun(tmp_path_factory):
    return write_goodrun(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def restored_once():
    """Restores the generator of a good run the first time only."""
    from gan.dcgan.generator import Generator

    made = {}

    def restored(goodrun):
        if goodrun.checkpoint not in made:
            made[goodrun.checkpoint] = Generator(goodrun)
        return made[goodrun.checkpoint]

    return restored


@pytest.fixture
def restoring(goodrun, restored_once, monkeypatch):
    """With a good run of fresh weights, taken for one that has learned whatever is given."""
    monkeypatch.setattr("gan.dcgan.learned.require_learned", lambda *_: None)
    monkeypatch.setattr("gan.dcgan.generator.Generator", restored_once)
    return GANOverSampler(random_state=0, goodrun_ref=goodrun, quality=0, verbose=False)


# --- imbalanced-learn's checks


@pytest.fixture
def image_data(monkeypatch):
    """The data that the checks make up become images: as they are, they have rows of 2 to 20 numbers."""
    monkeypatch.setattr(estimator_checks, "sample_dataset_generator", labelled)
    monkeypatch.setattr(estimator_checks, "make_blobs", lambda **_: (pictures(30), np.repeat([0, 1], [10, 20])))
    monkeypatch.setattr(np.random, "random", lambda shape: pictures(shape[0]))


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, marks=pytest.mark.xfail(reason=EXPECTED_FAILED_CHECKS[name], strict=True), id=name)
        if (name := estimator_checks._check_name(check)) in EXPECTED_FAILED_CHECKS
        else pytest.param(check, id=name)
        for _, check in CHECKS
    ],
)
def test_estimator_checks_of_imbalanced_learn(image_data, restoring, check):
    check(restoring)


def test_all_checks_are_run_and_those_expected_to_fail_exist():
    names = {estimator_checks._check_name(check) for _, check in CHECKS}
    assert set(EXPECTED_FAILED_CHECKS) < names
    assert {"check_samplers_fit_resample", "check_samplers_pandas", "check_samplers_preserve_dtype"} < names


def test_every_parameter_is_checked(restoring):
    check_param_validation("GANOverSampler", restoring)


# --- results


def test_images_come_first_and_generated_ones_follow_by_class(restoring):
    images, labels = pictures(12).reshape(-1, 32, 32, 3), np.repeat([5, 17, 30], [2, 7, 3])
    made, made_labels = restoring.fit_resample(images, labels)
    assert made.shape == (21, 32, 32, 3) and made.dtype == np.uint8
    np.testing.assert_array_equal(made[:12], images)
    assert made_labels[12:].tolist() == [5] * 5 + [30] * 4
    assert restoring.sampling_strategy_ == {5: 5, 30: 4} and restoring.n_features_in_ == FLAT
    assert len(np.unique(made[12:].reshape(9, -1), axis=0)) == 9
    assert restoring.classes_.tolist() == [5, 17, 30] and restoring.generator_ is None


def test_flat_and_whole_images_give_the_same(restoring):
    images, labels = pictures(6), np.repeat([0, 1], [2, 4])
    flat, _ = restoring.fit_resample(images, labels)
    whole, _ = restoring.fit_resample(images.reshape(-1, 32, 32, 3), labels)
    assert flat.shape == (8, FLAT)
    np.testing.assert_array_equal(whole.reshape(8, -1), flat)


@pytest.mark.parametrize(
    ("factor", "dtype"), [(1, np.float64), (1 / 255, np.float32), (1, np.int64)], ids=["0-255", "0-1", "integers"]
)
def test_other_types_and_ranges(restoring, factor, dtype):
    images, labels = pictures(6), np.repeat([0, 1], [2, 4])
    expected = restoring.fit_resample(images, labels)[0]
    made = restoring.fit_resample((images * factor).astype(dtype), labels)[0]
    assert made.dtype == dtype
    np.testing.assert_allclose(made, expected * factor, rtol=1e-6)


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        ("auto", (9, 9, 9)),
        ("not majority", (9, 9, 9)),
        ("minority", (9, 5, 9)),
        ("not minority", (2, 9, 9)),
        ({0: 4, 1: 6}, (4, 6, 9)),
        (lambda y: {1: Counter(y.tolist())[1] + 2}, (2, 7, 9)),
    ],
)
def test_sampling_strategies_are_those_of_imbalanced_learn(restoring, strategy, counts):
    restoring.set_params(sampling_strategy=strategy)
    _, labels = restoring.fit_resample(pictures(16), np.repeat([0, 1, 2], [2, 5, 9]))
    assert tuple(np.bincount(labels)) == counts


def test_a_ratio_for_two_classes_and_nothing_to_do(restoring):
    restoring.set_params(sampling_strategy=0.5)
    assert np.bincount(restoring.fit_resample(pictures(10), np.repeat([0, 1], [2, 8]))[1]).tolist() == [4, 8]
    restoring.set_params(sampling_strategy="auto")
    images = pictures(8)
    made, labels = restoring.fit_resample(images, np.repeat([0, 1], 4))
    np.testing.assert_array_equal(made, images)
    assert len(labels) == 8 and made is not images


def test_random_state_decides(restoring):
    images, labels = pictures(6), np.repeat([0, 1], [2, 4])

    def made(state):
        return clone(restoring).set_params(random_state=state).fit_resample(images, labels)[0][6:]

    np.testing.assert_array_equal(made(5), made(5))
    np.testing.assert_array_equal(made(np.random.RandomState(5)), made(5))
    assert (made(5) != made(6)).any() and (made(None) != made(None)).any()


def test_labels_of_any_kind_with_class_ids(restoring, goodrun):
    names = np.array(["stop", "yield", "yield", "yield"])
    restoring.set_params(class_ids={"stop": 14, "yield": 13})
    made, labels = restoring.fit_resample(pictures(4), names)
    assert labels.tolist() == [*names, "stop", "stop"] and labels.dtype == names.dtype
    own = GANOverSampler(random_state=0, goodrun_ref=goodrun, quality=0).fit_resample(
        pictures(4), np.array([14, 13, 13, 13])
    )
    np.testing.assert_array_equal(made, own[0])


def test_a_good_run_that_learned_other_things_of_the_same_numbers_is_refused():
    """Digits called 0 to 2 must not become 20, 30 and 50 km/h."""
    with pytest.raises(UserError, match="did not learn the classes of the images given: .*% of the other classes"):
        GANOverSampler(random_state=0, goodrun_ref="pretrained", quality=0).fit_resample(*labelled())


def test_a_good_run_of_one_class(tmp_path):
    sampler = GANOverSampler(goodrun_ref=write_goodrun(tmp_path, "14"), random_state=0, quality=0)
    assert len(sampler.fit_resample(pictures(4), np.array([14, 13, 13, 13]))[0]) == 6
    with pytest.raises(Exception, match="trained on class_val 14"):
        sampler.fit_resample(pictures(4), np.array([15, 13, 13, 13]))


def test_in_a_pipeline_and_cross_validation(restoring):
    images, labels = pictures(12).reshape(-1, 32, 32, 3), np.repeat([0, 1], [4, 8])
    seen = []

    def flatten(batch):
        seen.append(len(batch))
        return batch.reshape(len(batch), -1)

    pipeline = make_pipeline(restoring, FunctionTransformer(flatten), DummyClassifier())
    pipeline.fit(images, labels)
    assert seen == [16]
    assert pipeline.predict(images).shape == (12,) and seen == [16, 12]  # nothing is added where it predicts
    assert len(cross_val_score(pipeline, images, labels, cv=2, error_score="raise")) == 2


def test_progress_is_shown_only_when_asked_for(restoring, capsys):
    images, labels = pictures(3), np.array([0, 1, 1])
    restoring.fit_resample(images, labels)
    assert capsys.readouterr().err == ""
    restoring.set_params(verbose=True).fit_resample(images, labels)
    assert "generating" in capsys.readouterr().err


# --- training


def test_it_trains_on_class_folders(small_networks, tmp_path, capsys):
    for name, count, colour in (("cat", 2, (200, 10, 10)), ("dog", 4, (10, 10, 200))):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(count):
            noise = np.random.default_rng(k).integers(-10, 41, (50 + k, 40, 3))
            Image.fromarray((colour + noise).astype(np.uint8)).save(tmp_path / "pets" / name / f"{k}.png")
    data = read_class_folders(tmp_path / "pets").train
    names = np.array(data.classes.names)[data.labels]
    sampler = GANOverSampler(
        sampling_strategy={"dog": 8, "cat": 6}, iterations=200, batch_size=8, random_state=0, judge_iterations=30,
        quality=0.05,
    )  # fmt: skip
    np.random.seed(1)
    random.seed(1)
    before = np.random.get_state()[1].copy(), random.getstate()
    images, labels = sampler.fit_resample(data.images, names)
    assert (np.random.get_state()[1] == before[0]).all() and random.getstate() == before[1]
    assert "200/200" in capsys.readouterr().err
    made, of = images[6:].astype(float).mean(axis=(1, 2)), labels[6:]
    assert sorted(of.tolist()) == ["cat"] * 4 + ["dog"] * 4
    reds, blues = (made[of == name].mean(axis=0) for name in ("cat", "dog"))
    assert reds[0] > reds[2] + 60 and blues[2] > blues[0] + 60  # each class looks like its own images
    latents = np.zeros((3, 100), np.float32)
    assert sampler.generator_([latents, np.array([0, 1, 1])]).shape == (3, 32, 32, 3)


def test_a_generator_is_saved_and_shared(small_networks, tmp_path):
    """Images of any shape; what was trained, and what is trained once more, generates the same."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (12, 40, 28, 3), np.uint8), np.repeat(["cat", "dog"], [4, 8])
    options = {"batch_size": 4, "random_state": 0, "quality": 0, "verbose": False}
    sampler = GANOverSampler(iterations=3, **options)
    made, of = sampler.fit_resample(images, labels)
    assert made.shape == (16, 40, 28, 3) and of[12:].tolist() == ["cat"] * 4
    np.testing.assert_array_equal(clone(sampler).fit_resample(images, labels)[0], made)
    sampler.save(tmp_path / "kept")
    shared = GANOverSampler(goodrun_ref=str(tmp_path / "kept"), **options)
    np.testing.assert_array_equal(shared.fit_resample(images, labels)[0], made)
    with pytest.raises(ValueError, match="no generator to save"):
        shared.save(tmp_path / "none")
    with pytest.raises(ValueError, match="'cow'"):
        shared.fit_resample(images[:3], np.array(["cow", "dog", "dog"]))


def test_a_class_that_can_not_be_filled_is_told(small_networks):
    """A classifier that was hardly trained is sure of nothing: no image is kept, and a warning says so."""
    sampler = GANOverSampler(
        iterations=1, batch_size=4, random_state=0, quality=0.999, judge_iterations=1, verbose=False
    )
    with pytest.warns(UserWarning, match="class 0 stays 2 images short.*quality=0"):
        images, _ = sampler.fit_resample(pictures(6), np.repeat([0, 1], [2, 4]))
    assert len(images) == 6


def test_random_states_come_back_after_an_error():
    np.random.seed(4)
    expected = np.random.RandomState(4).rand()
    with pytest.raises(KeyError), _random_states_kept():
        np.random.seed(9)
        raise KeyError
    assert np.random.rand() == expected


def test_a_training_that_breaks_down(small_networks, monkeypatch):
    from gan.dcgan import gan as dcgan

    monkeypatch.setattr(dcgan.SignGan, "iterate", lambda self, _: self.averaged.variables[0][0, 0] * 0 + np.zeros(7))
    monkeypatch.setattr("gan.checkpoints.finite", lambda _: False)
    with pytest.raises(ValueError, match=r"training broke down.*another random_state"):
        GANOverSampler(iterations=1, batch_size=2, random_state=0, quality=0).fit_resample(
            pictures(3), np.array([0, 1, 1])
        )


# --- what is refused


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 20)), r"X has shape \(4, 20\).*read_class_folders"),
        (np.zeros((4, 28, 28, 4)), r"X has shape \(4, 28, 28, 4\)"),
        (np.zeros((4, 1025, 3, 3)), r"X has shape \(4, 1025, 3, 3\)"),
        (np.zeros((4, 3, 32, 32)), r"X has shape \(4, 3, 32, 32\)"),
        (np.full((4, FLAT), 256), "values from 256 to 256"),
        (np.full((4, FLAT), -0.5), "values from -0.5 to -0.5"),
        (np.full((4, FLAT), np.nan), "NaN"),
    ],
)
def test_what_is_no_image(restoring, images, words):
    with pytest.raises(ValueError, match=words):
        restoring.fit_resample(images, np.array([0, 1, 1, 1]))


@pytest.mark.parametrize(
    ("labels", "class_ids", "words"),
    [
        ([43, 1, 1], None, "label .*43.* is a GTSRB class id from 0 to 42 .*Give it a class in class_ids"),
        (["a", "b", "b"], None, "label .*'a'.* is a GTSRB class id"),
        (["a", "b", "b"], {"b": 3}, "label .*'a'.* has no class in class_ids"),
        (["a", "b", "c", "c"], {"a": 3, "b": 3}, "class 3 is given to two labels"),
    ],
)
def test_labels_that_a_good_run_can_not_generate(restoring, labels, class_ids, words):
    restoring.set_params(class_ids=class_ids)
    with pytest.raises(ValueError, match=words):
        restoring.fit_resample(pictures(len(labels)), np.array(labels))


def test_more_classes_than_a_network_knows(monkeypatch):
    monkeypatch.setattr("gan.dcgan.oversampler.MOST_CLASSES", 2)
    with pytest.raises(ValueError, match="y has 3 classes, and one generator knows 2 at most"):
        GANOverSampler().fit_resample(pictures(4), np.array([0, 1, 2, 2]))
