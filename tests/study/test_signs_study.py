"""The study of signs: what is split how, what decides a cell's numbers, and what every arm draws."""

import dataclasses
import types

import numpy as np
import pytest

from gan.commands.study import StudyConfig
from gan.data.gtsrb import read_signs, write_signs
from gan.data.signs import CLASSES
from gan.dcgan.classifier import ClassifierTrainer
from gan.report import Report
from gan.study.answers import NEW, measured, parts_of
from gan.study.grid import Cell
from gan.study.results import Results
from gan.study.signs import SignStudy, shares_of
from gan.study.signs_arms import SIGN_ARMS, mirrored_within, parse_arms
from gan.study.signs_generators import Pool, Source
from gan.training.sampling import Sampler

ALL = "real,classical,adjusted,drawn,pasted,generated,painted,drawn+painted:50"


@pytest.fixture
def config(signs_folder):
    return StudyConfig(
        data=signs_folder, regimes="full,2", arms=ALL, seeds=4, steps=2, batch_size=4, draws=2, policy="strong"
    )


@pytest.fixture
def study(config):
    return SignStudy(config, {})


def with_config(config, sources=None, **changed) -> SignStudy:
    return SignStudy(dataclasses.replace(config, **changed), sources or {})


# --- what is learned and what is tested


def test_nothing_is_tested_on_what_is_learned(config) -> None:
    """No physical sign is in two parts, in any regime, and none is left out."""
    study = with_config(config, regimes="full,2,0", arms="real")
    held_out = study.parts["held_out"]
    assert set(held_out.labels) == set(range(CLASSES))
    for regime, draw in (("full", 0), ("2", 0), ("2", 1), ("0", 0)):
        learned, tested = study.training(regime, draw), study.tested(regime, draw)
        assert not set(learned.tracks) & set(held_out.tracks)
        assert set(learned.labels) == set(range(CLASSES)) - (set(study.rare) if regime == "0" else set())
        unused = tested["unused"][0].tracks if regime != "full" else []
        assert not set(learned.tracks) & set(unused)
        assert set(learned.tracks) | set(unused) == set(study.fit.tracks)
        assert ("unused" in tested) == (regime != "full")
        for part, (signs, places) in tested.items():
            source = {"test": study.signs.test, "held_out": held_out, "unused": study.fit}[part]
            np.testing.assert_array_equal(signs.images, source.images[places])
    assert len(study.fit) + len(held_out) == len(study.signs.train)
    assert study.parts["test"] is study.signs.test


def test_a_cut_regime_keeps_two_tracks_of_each_rare_class(study) -> None:
    learned = study.training("2", 0)
    for k in range(CLASSES):
        kept = learned.tracks[learned.labels == k]
        assert len(np.unique(kept)) == 2 if k in study.rare else len(kept) == (study.fit.labels == k).sum()
    assert set(study.tested("2", 0)["unused"][0].labels) == set(study.rare)


def test_the_design_names_everything(config, study) -> None:
    design = study.design
    assert list(design.regimes.items()) == [("2", "Rare classes cut to 2 tracks"), ("full", "Full data")]
    assert design.generated == ("generated", "painted", "drawn+painted:50")
    assert list(design.measures) == [
        "new.rare", "new.certainty", "test.rare", "test.macro", "test.accuracy",
        "held_out.rare", "held_out.macro", "held_out.accuracy",
    ]  # fmt: skip
    assert (design.headline, design.chosen_by, design.draws, design.primary) == ("new.rare", "held_out.rare", 2, ())
    assert len(study.rare) == 10 and "10 smallest" in design.measures["test.rare"]
    cut = with_config(config, regimes="2,0", arms="drawn,painted", primary="painted,drawn").design
    assert "unused.rare" in cut.measures and cut.primary == ("painted", "drawn")
    assert list(with_config(config, regimes="2,0", arms="").design.arms) == SIGN_ARMS.split(",")


def test_without_a_test_part_the_tracks_decide_that_are_not_learned(config, tmp_path) -> None:
    write_signs(tmp_path / "train.p", read_signs(f"{config.data}/train.p"))
    study = with_config(config, data=str(tmp_path))
    assert list(study.parts) == ["held_out"] and study.design.headline == "held_out.rare"
    study = with_config(config, data=str(tmp_path), regimes="2", arms="real")
    assert list(study.design.measures)[:3] == ["new.rare", "new.certainty", "held_out.rare"]
    values = study.measure(Guesses(), Cell(0, "2", "real"))
    assert values["new.rare"] == values["unused.rare"] and set(study.design.measures) <= set(values)


def test_seeds_take_turns_with_the_choices_of_tracks(config, study) -> None:
    first, second = study.training("2", 0), study.training("2", 1)
    assert first.digest() != second.digest()
    digests = [study.identity(Cell(seed, "2", "real"))["training"] for seed in range(3)]
    assert digests == [first.digest(), second.digest(), first.digest()]
    other = with_config(config, first_draw=1)  # a pilot takes choices that the study does not
    assert other.training("2", 0).digest() == second.digest()
    assert set(other.tested("2", 0)["unused"][0].tracks) == set(study.tested("2", 1)["unused"][0].tracks)
    alone = with_config(config, draws=0)  # each seed has its own
    assert len({alone.identity(Cell(seed, "2", "real"))["training"] for seed in range(4)}) == 4


# --- what decides a cell's numbers


def test_what_decides_the_numbers_of_a_cell(config, study) -> None:
    """Whatever changes the numbers changes the identity, and nothing else does."""
    cell = Cell(0, "2", "classical")
    first = study.identity(cell)
    others = [{"steps": 3}, {"batch_size": 5}, {"precision": "bfloat16"}, {"policy": "mild"}, {"first_draw": 7}]
    for changed in others:
        assert with_config(config, **changed).identity(cell) != first, changed
    for changed in ({"seed": 1}, {"seed": 2}, {"regime": "full"}, {"arm": "real"}, {"arm": "adjusted"}):
        assert study.identity(dataclasses.replace(cell, **changed)) != first, changed
    same = [{"workers": 2}, {"seeds": 9}, {"arms": "classical"}, {"gan_iterations": 3}, {"quality": 0.0}]
    for changed in (*same, {"draws": 0}, {"regimes": "2,0", "arms": "classical,painted"}):
        assert with_config(config, **changed).identity(cell) == first, changed
    real = Cell(0, "2", "real")  # it is not varied, whatever the policy
    assert with_config(config, policy="mild").identity(real) == study.identity(real)


def test_the_last_layer_is_fitted_anew_where_the_arm_says_so(config, monkeypatch) -> None:
    fitted = []
    monkeypatch.setattr("gan.dcgan.last_layer.retrain", lambda *given: fitted.append(given))
    study = with_config(config, arms="classical,retrained", policy="mild")
    study.finish("a network", Cell(1, "2", "classical"))
    assert not fitted
    study.finish("a network", Cell(1, "2", "retrained"))
    ((model, images, labels, policy, seed),) = fitted
    learned = study.training("2", 1)
    assert (model, policy, seed) == ("a network", "mild", 1) and len(images) == len(labels) > len(learned)
    assert set(labels) == set(learned.labels)
    kinds = {arm: study.identity(Cell(0, "2", arm))["arm"]["retrained"] for arm in study.arms}
    assert kinds == {"classical": False, "retrained": True}


def test_arms_depend_on_the_images_that_they_use_and_on_no_others(config, tmp_path) -> None:
    keys = {("drawn", "", 0), ("painted", "", 0), *((source, "2", draw) for source in ("pasted", "generated")
                                                    for draw in (0, 1))}  # fmt: skip
    sources = {key: Source(Pool(tmp_path, {"of": key})) for key in keys}
    study = with_config(config, sources)
    for key in keys:
        other = with_config(config, sources | {key: Source(Pool(tmp_path, {"of": "others"}))})
        for arm in study.arms.values():
            for seed in (0, 1, 2):
                cell = Cell(seed, "2", arm.name)
                used = key[0] in arm.sources and key[1:] in (("", 0), ("2", seed % 2))
                assert (study.identity(cell) != other.identity(cell)) == used, (cell, key)


# --- what the arms draw

REAL = np.array([8, 4, 1])


def shares(arm: str, further=(0, 0, 0), real=REAL):
    return shares_of(parse_arms(arm)[0], np.array(real), np.array(further), 100)


def test_arms_without_further_images_draw_as_the_data_is_or_evenly() -> None:
    for arm in ("real", "adjusted"):
        np.testing.assert_allclose(shares(arm).classes, [8 / 13, 4 / 13, 1 / 13])
        np.testing.assert_allclose(shares(arm, real=[8, 4, 0]).classes, [8 / 12, 4 / 12, 0])
    np.testing.assert_allclose(shares("classical").classes, [1 / 3] * 3)
    assert shares("classical", real=[3, 0, 1]).classes.tolist() == [0.5, 0, 0.5]  # absent classes are not drawn
    assert not any(shares(arm).extra.any() for arm in ("real", "adjusted", "classical"))


def test_a_share_of_a_rare_class_is_further_images_and_all_where_it_has_no_others() -> None:
    for arm, share in (("drawn", 0.75), ("generated+painted:20", 0.2), ("painted:100", 1.0)):
        found = shares(arm, (0, 0, 50))
        np.testing.assert_allclose(found.classes, [1 / 3] * 3)
        assert found.extra.tolist() == [0, 0, share] and found.until == 100
        assert shares(arm, (0, 9, 50), [8, 4, 0]).extra.tolist() == [0, share, 1]
    assert shares("drawn", (0, 0, 0), [8, 4, 0]).classes.tolist() == [0.5, 0.5, 0]


@pytest.fixture
def cells_seen(monkeypatch, study, tmp_path):
    """What a cell gives to its trainer and sampler, without training anything; images of a source are of one grey."""
    seen = {}

    class Watched(ClassifierTrainer):
        def __init__(self, sampler, iterations, seed, precision, batch_size, policy, priors):
            seen.update(steps=iterations, seed=seed, policy=policy, priors=priors)
            raise InterruptedError

    class Draw(Sampler):
        def __init__(self, images, labels, classes, shares, others, other_labels):
            seen.update(real=images, others=others, other_labels=other_labels, shares=shares)
            super().__init__(images, labels, classes, shares, others, other_labels)  # what is asked for is there

    monkeypatch.setattr("gan.study.signs.ClassifierTrainer", Watched)
    monkeypatch.setattr("gan.study.signs.Sampler", Draw)
    greys = {"drawn": 1, "painted": 2, "pasted": 3, "generated": 4}
    for source, grey in greys.items():
        study.sources |= {(source, *rest): pool_of(tmp_path / f"{source}.npz", study.rare, grey)
                          for rest in ([("", 0)] if grey < 3 else [("2", 0), ("2", 1)])}  # fmt: skip

    def run(arm: str, regime: str = "2", of: SignStudy = study):
        seen.clear()
        with pytest.raises(InterruptedError):
            of.trainer(Cell(2, regime, arm))
        return dict(seen), {greys[source] for source in of.arms[arm].sources}

    return run


def pool_of(path, rare: list[int], grey: int, each: int = 3, **more) -> Source:
    """A file with as many images of each rare class, all of one grey."""
    labels = np.repeat(np.array(rare, np.int64), each)
    images = np.full((len(labels), 32, 32, 3), grey, np.uint8)
    np.savez(path, images=images, labels=labels, fates=np.ones((5, CLASSES), int))
    return Source(Pool(path, {}), **more)


def test_each_arm_is_trained_on_what_its_name_says(cells_seen, study) -> None:
    learned = study.training("2", 0)
    for arm in study.arms.values():
        seen, greys = cells_seen(arm.name)
        assert (seen["seed"], seen["steps"], seen["policy"]) == (2, 2, "none" if arm.name == "real" else "strong")
        real = learned if arm.name == "real" else mirrored_within(learned, "2", study.rare)
        np.testing.assert_array_equal(seen["real"], real.images)
        assert set(seen["others"][:, 0, 0, 0]) == greys and len(seen["others"]) == 3 * 10 * len(greys)
        assert set(seen["other_labels"]) == (set(study.rare) if greys else set())
        assert (seen["priors"] is not None) == (arm.name == "adjusted")
        np.testing.assert_array_equal(np.flatnonzero(seen["shares"].extra), study.rare if greys else [])
        even = np.full(CLASSES, 1 / CLASSES) if arm.even else learned.counts() / len(learned)
        np.testing.assert_allclose(seen["shares"].classes, even)
    np.testing.assert_allclose(cells_seen("adjusted")[0]["priors"], learned.counts() / len(learned))
    assert len(cells_seen("drawn", "full")[0]["others"]) == 30  # what holds everywhere


def test_a_class_without_photos_is_learned_from_further_images_alone(config, cells_seen, study) -> None:
    bare = with_config(config, study.sources, regimes="0", arms="adjusted,drawn")
    seen, _ = cells_seen("drawn", "0", bare)
    assert (seen["shares"].extra[study.rare] == 1).all() and (seen["shares"].classes > 0).all()
    seen, _ = cells_seen("adjusted", "0", bare)
    priors = seen["priors"]
    assert (priors > 0).all() and (seen["shares"].classes[study.rare] == 0).all()
    assert priors[study.rare].max() < 0.2 * np.delete(priors, study.rare).min()


# --- what is measured


class Guesses:
    """Stands in for a classifier: it takes each image for some class, always the same, more or less surely."""

    def __call__(self, images: np.ndarray):
        random = [np.random.default_rng(int(image[::8, ::8].sum())) for image in images]
        return None, np.stack([each.dirichlet(np.full(CLASSES, 0.1)) for each in random]).astype(np.float32)


@pytest.fixture(autouse=True)
def a_judge_is_its_model(monkeypatch):
    monkeypatch.setattr("gan.study.signs.Judge", lambda model: model)


def test_answers_are_kept_of_every_image_and_tell_the_measures_again(config) -> None:
    study = with_config(config, regimes="2,0", arms="real,classical", seeds=2)
    kept = {cell: study.measure(Guesses(), cell) for cell in study.design.cells()}
    assert all(set(study.design.measures) <= set(values) for values in kept.values())
    rows = study.answers(lambda cell: kept[cell]).rows
    for cell, values in kept.items():
        of_cell = rows[(rows["regime"] == cell.regime) & (rows["arm"] == cell.arm) & (rows["seed"] == cell.seed)]
        assert set(of_cell["draw"]) == {cell.seed % 2}
        for part in ("test", "unused", "held_out", NEW):
            some = of_cell[of_cell["part"].isin(parts_of(part))]
            found = measured(*(some[name].to_numpy() for name in ("given", "probability", "label")), study.rare)
            for kind, value in found.items():
                assert value == pytest.approx(values[f"{part}.{kind}"], rel=2e-3)
        unused = of_cell[of_cell["part"] == "unused"]
        np.testing.assert_array_equal(study.fit.tracks[unused["image"]], unused["track"])
        np.testing.assert_array_equal(study.fit.labels[unused["image"]], unused["label"])
        assert not set(unused["track"]) & set(study.training(cell.regime, cell.seed % 2).tracks)


def test_the_report_shows_data_sources_and_what_is_hard(config, study, tmp_path) -> None:
    run = types.SimpleNamespace(run_id="c" * 32, iteration=70)
    sources = {("painted", "", 0): pool_of(tmp_path / "painted.npz", study.rare, 5, goodrun=run, minutes=2.5)}
    study = with_config(config, sources, regimes="2,0", arms="real,painted", seeds=2, first_draw=3)
    kept = {cell: study.measure(Guesses(), cell) for cell in study.design.cells()}
    results = Results(study.design, kept, study.answers(lambda cell: kept[cell]))
    page = Report("x")
    study.describe(page, results)
    html = page.html()
    assert "2 choices of kept tracks (numbers 3 to 4), 2 classifiers of each arm" in html
    learned, unused = study.training("2", 0), study.tested("2", 0)["unused"][0]
    assert f"<td>{len(learned)}</td>" in html and f"<td>{len(unused)}</td>" in html
    assert "Rare classes: 0 (Speed limit 20)" in html and "c" * 32 in html and "<td>2.5</td>" in html
    assert "Rare class by class, test part and unused tracks: Rare classes cut to 2 tracks" in html
    assert "painted: photos made of the class" in html and html.count("<img") == 3


def test_a_study_of_one_draw_and_nothing_to_compare_has_a_report_too(config) -> None:
    study = with_config(config, regimes="full", arms="real", seeds=1, draws=0)
    kept = {cell: study.measure(Guesses(), cell) for cell in study.design.cells()}
    page = Report("x")
    study.describe(page, Results(study.design, kept, study.answers(lambda cell: kept[cell])))
    assert "1 choices of kept tracks" in page.html() and "<img" not in page.html()
