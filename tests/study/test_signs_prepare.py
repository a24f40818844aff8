"""What is done before the first cell of the study of signs: mistakes found, images made once for all regimes."""

import dataclasses
import itertools
import types

import numpy as np
import pytest
from PIL import Image

from gan.commands.study import StudyConfig, settled
from gan.data.gtsrb import read_signs, write_signs
from gan.dcgan.classifier import build_classifier
from gan.drawn import signs as drawn
from gan.errors import UserError
from gan.study import signs_generators
from gan.study.grid import Cell
from gan.study.signs import SEEN, SignStudy, prepare
from gan.study.signs_arms import OWN_ARMS
from gan.study.signs_generators import Generators, Pool, Source
from tests.made_up_classes import write_pets


@pytest.fixture
def config(signs_folder):
    return StudyConfig(data=signs_folder, regimes="full,2,0", arms="real", seeds=4, steps=2, draws=2)


@pytest.fixture(autouse=True)
def small_pools(monkeypatch):
    monkeypatch.setattr(signs_generators, "POOL", 6)
    monkeypatch.setattr(drawn, "MORE_AT_ONCE", 4)


def never(*given):
    raise AssertionError("made once more")


def prepared(config, folder, **changed):
    return prepare(dataclasses.replace(config, **changed), folder, None, print)


def test_drawn_signs_are_made_once_for_all_regimes(config, tmp_path, monkeypatch) -> None:
    study, build = prepared(config, tmp_path, arms="real,drawn")
    assert list(study.sources) == [("drawn", "", 0)]
    images, labels, _ = study.sources["drawn", "", 0].pool.read()
    np.testing.assert_array_equal(labels, np.repeat(study.rare, 6))
    k = study.rare[1]
    np.testing.assert_array_equal(images[labels == k], drawn.draw_more(k, 6, 0))
    monkeypatch.setattr(signs_generators, "draw_more", never)
    again, _ = prepared(config, tmp_path, arms="drawn", regimes="0")
    for regime in ("full", "2", "0"):
        cell = Cell(1, regime, "drawn")
        assert build().identity(cell) == study.identity(cell) and "drawn" in study.identity(cell)
    assert again.identity(Cell(1, "0", "drawn")) == study.identity(Cell(1, "0", "drawn"))


@pytest.mark.parametrize(("given", "size"), [({}, 64), ({"image_size": 128}, 128)])
def test_own_images_are_studied_no_larger_than_the_classifier_sees_them(tmp_path, given, size) -> None:
    for name, k in itertools.product(("cat", "dog"), range(3)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (120, 120), (70 * k, 0, 0)).save(tmp_path / name / f"{k}.png")
    study = SignStudy(settled(StudyConfig(data=str(tmp_path), arms="real", **given)), {})
    assert study.signs.train.size == size
    assert build_classifier(2, 128).get_layer("averaged").output.shape[1] == SEEN


def test_signs_are_pasted_into_the_photos_of_the_regime_and_no_others(config, tmp_path, monkeypatch) -> None:
    searched, given = [], []

    def registered(signs):
        searched.append(signs)
        return np.tile(np.arange(8, dtype=np.float32), (len(signs), 1)) + signs.tracks[:, None]

    class Paster:
        def __init__(self, signs, poses):
            assert (poses[:, 0] == signs.tracks).all()  # each photo has its own pose
            given.append(signs)

        def pasted(self, class_id, count, seed):
            return np.full((count, 32, 32, 3), class_id, np.uint8)

    monkeypatch.setattr(signs_generators.poses, "registered", registered)
    monkeypatch.setattr(signs_generators.paste, "Paster", Paster)
    monkeypatch.setattr(signs_generators, "PLACES", 20)
    study, _ = prepared(config, tmp_path, arms="pasted")
    assert len(searched) == 1  # for all regimes and draws
    common = ~np.isin(searched[0].labels, study.rare)
    assert searched[0].counts()[np.unique(searched[0].labels[common])].max() == 20
    np.testing.assert_array_equal(searched[0].counts()[study.rare], study.fit.counts()[study.rare])
    # Nothing is cut but rare classes: what has none of them is the same in all draws.
    learned = [study.training(regime, draw) for regime, draw in (("0", 0), ("2", 0), ("2", 1), ("full", 0))]
    assert [set(signs.tracks) for signs in given] == [
        set(signs.tracks) & set(searched[0].tracks) for signs in learned
    ]
    assert set(study.sources) == {("pasted", regime, draw) for regime in ("full", "2", "0") for draw in (0, 1)}
    pools = {key[1:]: source.pool for key, source in study.sources.items()}
    assert pools["full", 0] == pools["full", 1] and pools["2", 0] != pools["2", 1] and pools["0", 0] == pools["0", 1]
    images, labels, _ = pools["2", 1].read()
    assert (images[:, 0, 0, 0] == labels).all() and labels.tolist() == np.repeat(study.rare, 6).tolist()


def test_one_painter_has_seen_no_rare_class_and_serves_all_regimes(config, tmp_path, monkeypatch) -> None:
    learned = []
    (checkpoint := tmp_path / "weights.npz").write_bytes(b"weights")

    def painter(self, others):
        learned.append(others)
        return types.SimpleNamespace(checkpoint=checkpoint), 3.0

    class Paints:
        def __init__(self, goodrun):
            assert goodrun.checkpoint == checkpoint

        def images(self, count, seed, class_id):
            return np.full((count, 32, 32, 3), class_id, np.uint8)

    monkeypatch.setattr(Generators, "painter", painter)
    monkeypatch.setattr(signs_generators, "Generator", Paints)
    study, _ = prepared(config, tmp_path, arms="painted")
    (others,) = learned
    assert not set(others.labels) & set(study.rare) and set(others.tracks) <= set(study.training("0", 0).tracks)
    assert len(others) == len(study.training("0", 0))
    ((key, source),) = study.sources.items()
    images, labels, _ = source.pool.read()
    assert key == ("painted", "", 0) and source.minutes == 3.0 and (images[:, 0, 0, 0] == labels).all()
    first = study.identity(Cell(0, "0", "painted"))
    checkpoint.write_bytes(b"others")
    assert prepared(config, tmp_path, arms="painted")[0].identity(Cell(0, "0", "painted")) != first


def test_each_regime_and_draw_has_a_generator_of_classes_and_full_has_one(config, tmp_path, monkeypatch) -> None:
    trained = []

    def classes(self, regime, draw, training, rare):
        trained.append((regime, draw, training.digest()))
        return Source(Pool(tmp_path, {"of": (regime, draw)}))

    monkeypatch.setattr(Generators, "classes", classes)
    study, _ = prepared(config, tmp_path, arms="generated", regimes="full,2")
    wanted = [("2", 0), ("2", 1), ("full", 0)]
    assert trained == [(*key, study.training(*key).digest()) for key in wanted]
    assert study.sources["generated", "full", 1] is study.sources["generated", "full", 0]
    trained.clear()
    prepared(config, tmp_path, arms="generated", regimes="2", draws=0, seeds=3)
    assert [draw for _, draw, _ in trained] == [0, 1, 2]


def test_mistakes_are_found_before_anything_is_trained(config, tmp_path, signs_folder) -> None:
    def refused(words: str, **changed) -> None:
        with pytest.raises(UserError, match=words):
            prepared(config, tmp_path / "out", **{"regimes": "2"} | changed)

    refused("regimes 9: .*nothing is cut", regimes="9")
    refused("regimes 0: a generator of classes can't learn one without images", regimes="2,0", arms="generated")
    refused("^data .*nowhere does not exist; give a folder with train.p", data=str(tmp_path / "nowhere"))
    whole = read_signs(f"{signs_folder}/train.p")
    for name, changed in (
        ("one", whole.take(whole.labels == 3)),
        ("alone", whole.take(np.unique(whole.labels, return_index=True)[1])),
        ("unknown", dataclasses.replace(whole, tracks=whole.tracks * 0 - 1)),
        ("lacking", whole.take(whole.labels != 3)),
    ):
        (tmp_path / name).mkdir()
        write_signs(tmp_path / name / "train.p", changed)
    refused("images of two classes or more", data=str(tmp_path / "one"))
    refused("no images of its rare classes to test on", data=str(tmp_path / "alone"), regimes="full")
    refused("tracks of class .* are not known", data=str(tmp_path / "unknown"))
    refused("none of class 3", data=str(tmp_path / "lacking"), arms="generated", regimes="full")
    assert not (tmp_path / "out").exists()


def test_other_classes_have_no_pictograms(config, tmp_path) -> None:
    write_pets(tmp_path / "pets")
    own = {"data": str(tmp_path / "pets"), "groups": "folder", "regimes": ""}
    for arms, words in (
        ("real,drawn", "drawn needs"),
        ("painted+generated", "painted needs"),
        ("pasted:20", "pasted"),
    ):
        with pytest.raises(UserError, match=f"^{words}.* the pictograms of GTSRB's classes, and .*pets has others"):
            prepare(settled(dataclasses.replace(config, arms=arms, **own)), tmp_path / "out", None, print)
    study, _ = prepare(settled(dataclasses.replace(config, **own)), tmp_path / "out", None, print)
    assert list(study.design.regimes) == ["full"] and list(study.parts) == ["held_out"]
    meant = SignStudy(settled(dataclasses.replace(config, arms="", **own)), {})
    assert list(meant.design.arms) == OWN_ARMS.split(",")
