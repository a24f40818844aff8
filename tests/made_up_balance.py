"""Signs to balance, good runs that claim to have learned them, and quick stand-ins for what draws and sorts."""

import dataclasses
import types
from pathlib import Path

import numpy as np

from gan.commands.balance import BalanceConfig, main
from gan.data.gtsrb import write_signs
from gan.data.labelled import LabelledImages
from gan.data.sets import DataSet, select
from gan.data.signs import CLASSES, GTSRB
from gan.dcgan import balance
from tests.made_up_goodrun import write_goodrun

CLASS_SIZES = np.resize([4, 9, 6], CLASSES)


def some_signs(tracks: bool = True) -> LabelledImages:
    """Noise that images of a class share, and some of their own; 4, 9 and 6 in turn a class, in three tracks each."""
    labels = np.repeat(np.arange(CLASSES), CLASS_SIZES)
    images = alike(labels, np.random.default_rng(7))
    numbers = labels * 3 + np.concatenate([np.arange(n) * 3 // n for n in CLASS_SIZES])
    signs = LabelledImages.of(images, labels, GTSRB)
    return dataclasses.replace(signs, tracks=numbers.astype(np.int32)) if tracks else signs


def alike(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Images uint8 (N, 32, 32, 3) of classes that can be told apart."""
    common = np.random.default_rng(1).integers(0, 128, (CLASSES, 32, 32, 3), dtype=np.uint8)
    return common[labels] + random.integers(0, 128, (len(labels), 32, 32, 3), dtype=np.uint8)


def learned() -> str:
    """The digest of these signs without those that are held out."""
    return select(DataSet("signs", some_signs(), None), None, False, False).digest()


def write_place(folder: Path) -> Path:
    """A folder with the data `signs`, a good run of all classes `run`, and one of class 17 `one`."""
    signs = some_signs()
    (folder / "signs").mkdir()
    write_signs(folder / "signs" / "train.p", signs)
    write_signs(folder / "signs" / "test.p", signs.take(np.arange(0, len(signs), 5)))
    write_goodrun(folder / "run", data={"name": "signs", "digest": learned()})
    write_goodrun(folder / "one", "17", {"digest": select(DataSet("signs", signs, None), 17, False, False).digest()})
    return folder


@dataclasses.dataclass
class FakeJudge:
    run_id: str = "f" * 32


class ByPixel:
    """A filter that looks at one pixel: half of the images are kept."""

    def __init__(self, judge, quality, real):
        assert isinstance(judge, FakeJudge) and quality == 0.5 and len(real)

    def __call__(self, images, class_id):
        kinds = np.maximum(images[:, 3, 3, 0].astype(int) % 6 - 2, 0)
        return kinds, [f"{class_id} because of {kind}" for kind in kinds]


class Noise:
    """A generator of images like those of `some_signs`, others for each seed and class."""

    network = types.SimpleNamespace(classes=CLASSES)

    def __init__(self, goodrun):
        pass

    def images(self, count, seed, class_id):
        return alike(np.full(count, class_id), np.random.default_rng([seed, class_id]))


def stand_in(patch) -> None:
    """Let no classifier be trained and no network draw."""
    patch.setattr("gan.dcgan.judge.judge_of", lambda *_: FakeJudge())
    patch.setattr("gan.dcgan.generator.Generator", Noise)
    patch.setattr(balance, "Filter", ByPixel)
    patch.setattr(balance, "CHUNK", 64)


def run(**changed) -> None:
    main(BalanceConfig(**({"goodrun_ref": "run", "source": "signs", "target": "8"} | changed)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
