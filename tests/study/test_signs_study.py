"""The study of signs: what is split how, what decides a cell's numbers, and what every arm draws."""

import dataclasses

import numpy as np
import pytest

from gan.commands.study import StudyConfig
from gan.data.gtsrb import read_signs, write_signs
from gan.data.labelled import LabelledImages, with_mirrored
from gan.data.signs import CLASSES, GTSRB, NAMES
from gan.dcgan.classifier import ClassifierTrainer
from gan.dcgan.judge import Judge
from gan.drawn import signs as drawn
from gan.errors import UserError
from gan.report import Report
from gan.study.grid import Cell
from gan.study.signs import SignStudy, measured, prepare, shares_of
from gan.study.signs_arms import parse_arms
from gan.study.signs_generators import Pool, Source
from gan.training.sampling import Sampler


@pytest.fixture
def config(signs_folder):
    return StudyConfig(data=signs_folder, regimes="full,2", seeds=4, steps=2, batch_size=4, gan_seeds=2)


@pytest.fixture
def study(config):
    return SignStudy(config, {})


def test_nothing_is_tested_on_what_is_learned(study) -> None:
    """No physical sign is in two parts, in any regime."""
    held_out = study.parts["held_out"]
    assert set(held_out.labels) == set(range(CLASSES))
    for regime in ("full", "2"):
        learned = study.training(regime, 0)
        assert not set(learned.tracks) & set(held_out.tracks)
        assert set(learned.labels) == set(range(CLASSES))
    assert len(study.fit) + len(held_out) == len(study.signs.train)
    assert study.parts["test"] is study.signs.test


def test_a_cut_regime_keeps_two_tracks_of_each_rare_class(study) -> None:
    learned = study.training("2", 0)
    for k in range(CLASSES):
        kept = learned.tracks[learned.labels == k]
        assert len(np.unique(kept)) == 2 if k in study.rare else len(kept) == (study.fit.labels == k).sum()


def test_the_design_names_everything(study) -> None:
    design = study.design
    assert list(design.regimes.items()) == [("2", "Rare classes cut to 2 tracks"), ("full", "Full data")]
    assert design.generated == ("generated", "generated-classical", "generated-drawn", "mixed")
    assert "drawn" in design.arms and design.headline == "test.rare"
    assert [name for name in design.measures if name.startswith("held_out.")] == [
        "held_out.rare", "held_out.macro", "held_out.worst", "held_out.accuracy"
    ]  # fmt: skip
    assert len(study.rare) == 10 and "10 smallest" in design.measures["test.rare"]


def page_of(study: SignStudy, folder) -> str:
    report = Report("x")
    study.describe(report)
    report.write(folder / "report.html")
    return (folder / "report.html").read_text()


def test_the_report_says_what_the_figures_do_not_hold(config, tmp_path) -> None:
    def told(**changed):
        return page_of(SignStudy(dataclasses.replace(config, **changed), {}), tmp_path)

    assert "4 seeds share 2 choices of kept tracks" in told()
    assert "4 seeds share 1 choice of kept tracks" in told(gan_seeds=1)
    mirrored = f"39 ({NAMES[39]}), mirrored photos of another class, which is not cut"
    assert mirrored in told() and mirrored in told(arms="real,generated")
    assert mirrored not in told(regimes="full") and mirrored not in told(arms="real,oversampling,smote")


def test_without_a_test_part_the_held_out_tracks_decide(config, tmp_path) -> None:
    write_signs(tmp_path / "train.p", read_signs(f"{config.data}/train.p"))
    study = SignStudy(dataclasses.replace(config, data=str(tmp_path)), {})
    assert list(study.parts) == ["held_out"] and study.design.headline == "held_out.rare"


def test_what_decides_the_numbers_of_a_cell(config, study) -> None:
    """Whatever changes the numbers changes the identity, and nothing else does."""
    cell = Cell(0, "2", "classical")
    first = study.identity(cell)
    for changed in ({"steps": 3}, {"batch_size": 5}, {"precision": "bfloat16"}):
        assert SignStudy(dataclasses.replace(config, **changed), {}).identity(cell) != first, changed
    for changed in ({"seed": 1}, {"seed": 2}, {"regime": "full"}, {"arm": "real"}):
        assert study.identity(dataclasses.replace(cell, **changed)) != first, changed
    for same in ({"workers": 2}, {"seeds": 9}, {"arms": "classical"}, {"gan_iterations": 3}, {"quality": 0.0}):
        assert SignStudy(dataclasses.replace(config, **same), {}).identity(cell) == first, same


def test_generated_arms_depend_on_their_generator_and_the_others_do_not(config, tmp_path) -> None:
    studies = [
        SignStudy(config, {("2", draw): Source(None, 0.1, Pool(tmp_path, {"weights": weights})) for draw in (0, 1)})
        for weights in ("abc", "def")
    ]
    arms = {"generated": False, "generated-drawn": False, "mixed": False, "smote": True, "drawn": True, "real": True}
    for arm, same in arms.items():
        one, other = (study.identity(Cell(0, "2", arm)) for study in studies)
        assert (one == other) == same, arm


def test_drawn_arms_depend_on_the_drawings(config, tmp_path) -> None:
    one, other = (SignStudy(config, {}, Pool(tmp_path, {"seed": seed})) for seed in (0, 1))
    for arm, same in (("drawn", False), ("generated-drawn", False), ("classical", True), ("generated", True)):
        assert (one.identity(Cell(0, "2", arm)) == other.identity(Cell(0, "2", arm))) == same, arm


def test_seeds_take_turns_with_the_choices_of_tracks(study) -> None:
    assert [study.draw(seed) for seed in range(4)] == [0, 1, 0, 1]
    first, second = study.training("2", 0), study.training("2", 1)
    assert first.digest() != second.digest() and len(first.counts()) == len(second.counts())
    digests = [study.identity(Cell(seed, "2", "real"))["training"] for seed in range(3)]
    assert digests == [first.digest(), second.digest(), first.digest()]


# --- what the arms draw

REAL = np.array([8, 4, 1])


def shares(arm: str, others=(0, 0, 0), steps: int = 100):
    return shares_of(parse_arms(arm)[0], REAL, np.array(others), steps)


def test_arms_without_more_images_draw_as_the_data_is_or_evenly() -> None:
    for arm in ("real", "weights"):
        np.testing.assert_allclose(shares(arm).classes, [8 / 13, 4 / 13, 1 / 13])
    for arm in ("oversampling", "classical"):
        np.testing.assert_allclose(shares(arm).classes, [1 / 3] * 3)
    assert not shares("real").extra.any() and not shares("classical").extra.any()


def test_arms_that_are_filled_up_draw_every_image_alike() -> None:
    for arm in ("smote", "drawn", "generated", "generated-classical", "generated-drawn"):
        found = shares(arm, (0, 4, 7))
        np.testing.assert_allclose(found.classes, [1 / 3] * 3)
        np.testing.assert_allclose(found.extra, [0, 0.5, 7 / 8])
        assert found.until == 100
    short = shares("generated", (0, 4, 1))  # too few images passed the filter
    np.testing.assert_allclose(short.classes, [8 / 18, 8 / 18, 2 / 18])


def test_the_mixed_arm_draws_a_share_of_what_is_lacking_and_real_images_last() -> None:
    found = shares("mixed:0.5", (0, 4, 7))
    np.testing.assert_allclose(found.classes, [1 / 3] * 3)
    np.testing.assert_allclose(found.extra, [0, 0.25, 7 / 16])
    assert found.until == 60 and shares("mixed", (0, 4, 7), steps=1).until == 1
    np.testing.assert_allclose(shares("mixed:1", (0, 4, 7)).extra, [0, 0.5, 7 / 8])


def test_absent_classes_are_not_drawn() -> None:
    arm = parse_arms("classical")[0]
    found = shares_of(arm, np.array([3, 0, 1]), np.zeros(3, int), 10)
    assert found.classes.tolist() == [0.5, 0, 0.5]


@pytest.fixture
def cells_seen(monkeypatch, study, tmp_path):
    """What a cell gives to its trainer and sampler, without training anything."""
    seen = {}

    class Watched(ClassifierTrainer):
        def __init__(self, sampler, iterations, seed, precision, batch_size, augmented, weights):
            seen.update(steps=iterations, seed=seed, augmented=augmented, weights=weights)
            raise InterruptedError

    class Draw:
        def __init__(self, images, labels, classes, shares, others, other_labels):
            seen.update(real=images, others=others, other_labels=other_labels, shares=shares)

    monkeypatch.setattr("gan.study.signs.ClassifierTrainer", Watched)
    monkeypatch.setattr("gan.study.signs.Sampler", Draw)
    counts = study.training("2", 0).counts()
    labels = np.repeat(np.arange(CLASSES), counts.max() - counts)
    path = tmp_path / "pool.npz"
    np.savez(
        path, images=np.full((len(labels), 32, 32, 3), 7, np.uint8), labels=labels, fates=np.ones((5, CLASSES), int)
    )
    source = Source(None, 0.1, Pool(path, {}))
    study.sources = {("2", 0): source, ("2", 1): source}
    drawings = tmp_path / "drawn.npz"
    np.savez(drawings, images=np.full((len(labels), 32, 32, 3), 9, np.uint8), labels=labels, fates=[])
    study.drawn = Pool(drawings, {})

    def run(arm: str, seed: int = 2):
        seen.clear()
        with pytest.raises(InterruptedError):
            study.trainer(Cell(seed, "2", arm))
        return dict(seen)

    return run


def test_each_arm_is_trained_on_what_its_name_says(cells_seen, study) -> None:
    learned = study.training("2", 0)
    for arm in ("real", "weights", "oversampling", "generated"):
        seen = cells_seen(arm)
        assert seen["real"] is learned.images and not seen["augmented"]
        assert (seen["weights"] is not None) == (arm == "weights")
        assert (seen["seed"], seen["steps"]) == (2, 2)
    for arm in ("classical", "drawn", "generated-classical", "generated-drawn", "mixed"):
        seen = cells_seen(arm)
        assert len(seen["real"]) == len(with_mirrored(learned)) and seen["augmented"] and seen["weights"] is None
    counts = learned.counts()
    for arm in ("generated", "generated-classical", "mixed"):
        seen = cells_seen(arm)
        assert (seen["others"] == 7).all()
        np.testing.assert_array_equal(np.bincount(seen["other_labels"]) + counts, counts.max())
    for arm, values in (("drawn", {9}), ("generated-drawn", {7, 9})):
        seen = cells_seen(arm)
        assert set(np.unique(seen["others"])) == values
        np.testing.assert_array_equal(np.bincount(seen["other_labels"]) + counts, counts.max())
    lacking, of_drawn = counts.max() - counts, seen["others"][:, 0, 0, 0] == 9
    np.testing.assert_array_equal(np.bincount(seen["other_labels"][of_drawn], minlength=CLASSES), (lacking + 1) // 2)
    assert not len(cells_seen("classical")["others"])
    weights = cells_seen("weights")["weights"]
    assert weights.argmax() in study.rare and weights @ counts == pytest.approx(len(learned))


def test_a_pool_gives_the_first_images_of_each_class(tmp_path) -> None:
    labels = np.repeat([0, 2], [3, 5])
    images = np.arange(8, dtype=np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    np.savez(tmp_path / "pool.npz", images=images, labels=labels, fates=np.zeros((5, 3), int))
    pool = Pool(tmp_path / "pool.npz", {})
    made, of = pool.first(np.array([3, 0, 9]))
    assert made[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7] and of.tolist() == [0] * 3 + [2] * 5
    made, of = pool.first(np.array([1, 2, 3]))
    assert made[:, 0, 0, 0].tolist() == [0, 3, 4, 5] and of.tolist() == [0, 2, 2, 2]


@pytest.mark.slow
def test_drawn_signs_are_made_once_for_all_regimes(config, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(drawn, "MORE_AT_ONCE", 20)
    changed = dataclasses.replace(config, arms="real,drawn:30,generated-drawn:40", regimes="full", quality=0.0)
    with pytest.raises(UserError, match="no generator here"):
        prepare(changed, tmp_path, no_generator, print)
    changed = dataclasses.replace(changed, arms="real,drawn:30", regimes="full,2", gan_seeds=1)
    study, build = prepare(changed, tmp_path, no_generator, print)
    images, labels, _ = study.drawn.read()
    counts = study.training("2", 0).counts()  # those of the regime that lacks most
    np.testing.assert_array_equal(np.bincount(labels, minlength=CLASSES), np.maximum(30 - counts, 0))
    k = study.rare[0]
    np.testing.assert_array_equal(images[labels == k], drawn.draw_more(k, 30 - counts[k], 0))
    assert "Drawn signs, which no network made" in page_of(study, tmp_path)
    monkeypatch.setattr("gan.study.signs_generators.drawn_signs", None)
    prepare(changed, tmp_path, no_generator, print)
    cell = Cell(0, "full", "drawn:30")
    assert build().identity(cell) == study.identity(cell) and "drawn" in study.identity(cell)


def no_generator(*_):
    raise UserError("no generator here")


# --- what is measured


class Says:
    """A classifier that answers what it is told to."""

    input_shape, outputs = (None, 32, 32, 3), (np.zeros((1, 128)), np.zeros((1, 3)))

    def __init__(self, answers):
        self.answers = np.array(answers)

    def __call__(self, images, training):
        logits = np.zeros((len(images), 3), np.float32)
        chosen = np.resize(self.answers, len(images))
        logits[np.arange(len(images)), chosen] = 9
        return np.zeros((len(images), 128), np.float32), logits


def test_measures_worked_out_by_hand() -> None:
    shown = LabelledImages.of(np.zeros((8, 32, 32, 3), np.uint8), np.array([0, 0, 0, 0, 1, 1, 2, 2]), GTSRB)
    judge = Judge(Says([0, 0, 0, 1, 1, 1, 2, 0]))  # recalls 3/4, 1, 1/2
    assert measured(judge, shown, [1, 2]) == pytest.approx(
        {"rare": 0.75, "macro": 0.75, "worst": 0.5, "accuracy": 6 / 8}
    )
    assert measured(judge, shown, [0]) == pytest.approx(
        {"rare": 0.75, "macro": 0.75, "worst": 0.5, "accuracy": 6 / 8}
    )
    some = shown.take(np.arange(6))
    assert "rare" not in measured(Judge(Says([0, 0, 0, 1, 1, 1])), some, [2])


# --- what is refused


def test_mistakes_are_found_before_anything_is_trained(config, tmp_path, signs_folder) -> None:
    def refused(words: str, **changed) -> None:
        with pytest.raises(UserError, match=words):
            prepare(dataclasses.replace(config, **changed), tmp_path / "out", None, print)

    refused("regimes 9: .*nothing is cut", regimes="9", arms="real")
    refused("^data .*nowhere does not exist; give a folder with train.p", data=str(tmp_path / "nowhere"), arms="real")
    whole = read_signs(f"{signs_folder}/train.p")
    for name, changed in (
        ("one", whole.take(whole.labels == 3)),
        ("alone", whole.take(np.unique(whole.labels, return_index=True)[1])),
        ("unknown", dataclasses.replace(whole, tracks=whole.tracks * 0 - 1)),
        ("lacking", whole.take(whole.labels != 3)),
    ):
        (tmp_path / name).mkdir()
        write_signs(tmp_path / name / "train.p", changed)
    refused("images of two classes or more", data=str(tmp_path / "one"), arms="real")
    refused("no images of its rare classes to test on", data=str(tmp_path / "alone"), arms="real", regimes="full")
    refused("tracks of class .* are not known", data=str(tmp_path / "unknown"), arms="real")
    refused("none of class 3", data=str(tmp_path / "lacking"), arms="generated", regimes="full")


def test_the_sampler_takes_what_the_arms_ask_of_it(study) -> None:
    """The shares of every arm can be drawn from the images that it has."""
    learned = study.training("2", 0)
    found = shares_of(parse_arms("oversampling")[0], learned.counts(), np.zeros(CLASSES, int), 10)
    labels, _ = Sampler(learned.images, learned.labels, CLASSES, found).batch(4000, np.array([1, 2]), 0)
    assert np.bincount(np.asarray(labels), minlength=CLASSES).min() > 40
