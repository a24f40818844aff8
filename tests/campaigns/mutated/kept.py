"""Kinds of what the project keeps: checkpoints, evaluations, manifests, and the cells and pools of studies."""

import dataclasses
import functools
import io
import json
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np

from gan import checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.commands.export import exported_before, read_scores
from gan.data.class_folders import Reading
from gan.errors import UserError
from gan.files import made_before
from gan.invocation import ROOT
from tests.campaigns.mutated.kind import Kind, each, written

RUN = "a" * 32


class Variable:
    """What a value of a checkpoint is put into."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.zeros(self.shape, np.float32)

    def assign(self, _: np.ndarray) -> None: ...


@functools.cache
def checkpoint() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        network = {"classes": 1, "generator_width": 4, "dropout": 0.25, "layout": "enlarged", "size": 32}
        data = {"name": "drawn", "digest": "0123456789abcdef", "images": 900, "classes": ["a"], "mirror": [0]}
        settings = {"batch_size": 32, "drawn": 0, "use_test": False, "fit": "squeeze", "precision": "float32"}
        info = CheckpointInfo("dcgan", "0", 300, network, settings, data, RUN)
        checkpoints.save(path, info, {"averaged": [np.ones((2, 3), np.float32), np.float32(-2)]})
        return path.read_bytes()


def read_checkpoint(path: Path) -> None:
    from gan.dcgan.gan import Network
    from gan.pix2pix.presets import SceneNetwork

    info = checkpoints.read_info(path)
    info.differences(info)
    exported_before(path, RUN)
    each(
        lambda: SceneNetwork.restored(info.network),
        lambda: Network.restored(info.network),
        lambda: Reading.of(info.config | {"image_size": 32}),
        lambda: checkpoints.load(path, {"averaged": [Variable((2, 3)), Variable(())]}),
    )


def members() -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(checkpoint())) as kept:
        return dict(kept)


def texts() -> list[bytes]:
    """What a checkpoint says of itself, of signs and of scenes."""
    from tests.made_up_scene_run import network

    signs = json.loads(str(members()["about"]))
    scenes = signs | {"kind": "pix2pix", "class_val": "", "network": network().describe()}
    return [json.dumps(about).encode() for about in (signs, scenes)]


def read_text(path: Path) -> None:
    other = path.with_name("text.npz")
    np.savez(other, **members() | {"about": np.array(path.read_bytes().decode(errors="replace"))})
    read_checkpoint(other)


def evaluations() -> list[bytes]:
    origin = {"run": RUN, "iteration": 5, "count": 3}
    scores = {"overall": {"fid": 3.5, "fid_held_out": 2.0}, "classes": {"1": {"fid": 1.0}}}
    return [json.dumps({"origin": origin, **scores}).encode()]


def read_evaluation(path: Path) -> None:
    from gan import archive
    from gan.model_card import card

    for name in ("evaluation.json", "scores.json"):
        with written(path, f"evaluation/{name}") as other:
            folder = other.parent
    info = checkpoints.read_info(ROOT / "gan" / "pretrained" / next(
        file.name for file in (ROOT / "gan" / "pretrained").glob("checkpoint-*.npz")))  # fmt: skip
    goodrun = archive.GoodRun(RUN, 5, path, info)
    card(goodrun, read_scores(str(folder), goodrun), "unknown")


def manifests() -> list[bytes]:
    made = {"origin": {"run": RUN, "seed": 3}, "notes": [], "files": {"a.txt": "0" * 64}}
    return [json.dumps(made).encode(), json.dumps(["cat/1.png"]).encode()]


def read_manifest(path: Path) -> None:
    """As the manifest of a folder that was made, as the list of generated images, as what a machine remembers."""
    from gan.data.class_folders import _generated
    from gan.data.untrusted import open_source
    from gan.training.precision import Memory

    with written(path, "made/balance.json") as manifest, written(path, "made/generated.json"):
        Memory(manifest, "key").read()
        each(
            lambda: _generated(open_source(manifest.parent)),
            lambda: made_before(manifest.parent, "balance.json", {"run": RUN, "seed": 3}),
        )


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def cells() -> list[bytes]:
    """The arrays and the numbers of a finished cell."""
    said = npz(**{"test.given": np.arange(5, dtype=np.uint8), "test.probability": np.full(5, 0.5, np.float16)})
    values = {"rare": 0.5, "macro": 0.6}
    record = {"cell": {}, "values": values, "arrays": True, "seconds": 1.0, "code_version": "a", "identity": {}}
    return [said, json.dumps(record).encode()]


@functools.cache
def study(folder: Path) -> tuple[Any, Any, Any]:
    """A study with one arm and five images, where it keeps its cells, and its one cell."""
    from gan.study.grid import Store
    from tests.made_up_study import MadeUp

    class Small(MadeUp):
        rare, places = (1,), np.arange(5)

        def identity(self, cell: Any) -> dict:
            return {}

        def tested(self, regime: str, draw: int) -> dict:
            return {"test": (types.SimpleNamespace(labels=self.places, tracks=self.places), self.places)}

    small = Small(seeds=1)
    cell = small.design.cells()[0]
    small.design = dataclasses.replace(small.design, arms={cell.arm: ""}, regimes={cell.regime: ""})
    return small, Store(folder, small), cell


def read_cell(path: Path) -> None:
    """Numbers or arrays of the cell; what is not whole is made again."""
    from gan.study.signs import SignStudy

    small, store, cell = study(path.with_name("study"))
    data, place = path.read_bytes(), store._path(cell)
    place.parent.mkdir(parents=True, exist_ok=True)
    said, record = cells()
    (record, said) = (data, said) if data.lstrip()[:1] == b"{" else (record, data)
    place.write_bytes(record)
    place.with_suffix(".npz").write_bytes(said)
    if not store.finished():
        raise UserError("it is made again.")
    store.notes()
    SignStudy.answers(small, store.arrays).variance(cell.regime, "test.rare", cell.arm)


def answers() -> list[bytes]:
    from gan.study.answers import COLUMNS

    rows = [("1", "real", k, 0, "test", k, 3, 7, 3, 0.5) for k in range(4)]
    return ["\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]).encode()]


def read_answers(path: Path) -> None:
    from gan.study.answers import Answers

    with written(path, "answers.csv") as table:
        found = Answers.read(table, [3, 4])
    for regime, arm in (
        found.rows.loc[found.rows["label"].isin(found.rare), ["regime", "arm"]].drop_duplicates().values
    ):
        found.variance(regime, "test.rare", arm)
        found.confusions(regime, arm)
        found.hardest(regime, [arm], 3)


def pools() -> list[bytes]:
    images = np.zeros((4, 32, 32, 3), np.uint8)
    return [npz(images=images, labels=np.arange(4), fates=np.zeros((5, 43), np.int64))]


def read_pool(path: Path) -> None:
    from gan.study.grid import cached_arrays
    from gan.study.signs_generators import Pool

    def again() -> dict:
        raise UserError("it is made again.")

    name = Path(cached_arrays(path.with_name("pools"), ["known"], lambda: {"a": np.zeros(1)})).name
    with written(path, f"pools/{name}") as pool:
        cached_arrays(pool.parent, ["known"], again)
        Pool(pool, {}).read()


KINDS = (
    Kind("checkpoint", lambda: [checkpoint()], read_checkpoint),
    Kind("text of a checkpoint", texts, read_text),
    Kind("evaluation", evaluations, read_evaluation),
    Kind("manifests", manifests, read_manifest),
    Kind("cells of a study", cells, read_cell),
    Kind("answers of a study", answers, read_answers, share=0.3),
    Kind("pools of a study", pools, read_pool),
)
