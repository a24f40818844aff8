"""Folds of a data set of scenes: every scene is tested once, by networks that have learned others.

A fold is several blocks of neighbouring scenes from all over the data set, so that each holds every light there is.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from gan import archive
from gan.config import as_text
from gan.data.folder import PREPARED, TEST, TRAINING, VALIDATION
from gan.data.folder_writer import Item, write_folder
from gan.data.scenes import Scenes, SceneSet, open_scenes
from gan.data.sequences import natural
from gan.errors import UserError
from gan.pix2pix.restored import INPAINT, KIND, Restored, fitted
from gan.study.grid import Stopped

BLOCKS = 4  # of each fold
APART = 2  # scenes at either end of a block that no network learns: they show nearly what is tested
EVERY = 15  # one learned scene in so many validates: it shows how the training of a generator goes
PRESETS = {INPAINT: "objects"}  # of the generator that makes photos in a way; "small" of all others

Train = Callable[[str, str, tuple[int, int], int, str], tuple[str, int]]
"""Trains a generator of scenes. Of data, preset, working size, seed and goodrun_ref; run id and exit status."""


def folds_of(scenes: SceneSet, count: int) -> list[SceneSet]:
    """The data set as so many sets, which differ in what is tested and what is learned.

    Args:
        scenes: all parts of it are taken together.
        count: of the folds, 2 or more.

    Raises:
        UserError: there are too few scenes.
    """
    whole = Scenes.joined([part for part in scenes.parts.values() if len(part)])
    order = sorted(range(len(whole)), key=lambda k: natural(whole.names[k]))
    least = count * BLOCKS * (2 * APART + 2)
    if len(order) < least:
        raise UserError(
            f"folds={count} needs {least} scenes or more, and {scenes.name} has {len(order)}; give fewer."
        )
    blocks = np.array_split(np.arange(len(order)), count * BLOCKS)
    found = []
    for fold in range(count):
        near = np.zeros(len(order), bool)
        for block in blocks[fold::count]:
            near[max(0, block[0] - APART) : block[-1] + 1 + APART] = True
        learned = np.flatnonzero(~near)
        validating = learned[EVERY // 2 :: EVERY]
        parts = np.setdiff1d(learned, validating), validating, np.concatenate(blocks[fold::count])
        taken = [whole.take([order[k] for k in part]) for part in parts]
        found.append(SceneSet(f"{scenes.name}, fold {fold + 1} of {count}", scenes.palette, *taken))
    return found


def trained(folder: Path, fold: SceneSet, number: int, way: str, config, train: Train, say) -> Restored:
    """The generator that has learned a fold's training scenes: from the archive, or trained now.

    Args:
        folder: the study's folder, which gets the fold's scenes.
        fold: what it learns.
        number: of the fold, and seed of the training.
        way: how it is to make photos, one of `gan.pix2pix.restored.WAYS` but "paste".
        config: of the command.
        train: trains one.
        say: prints a line for the user.

    Raises:
        Stopped: its training was stopped.
    """
    preset, iterations = PRESETS.get(way, "small"), config.gan_iterations
    data = folder / "data" / f"fold-{number}-{fold.training.digest()}"
    if not (data / PREPARED).is_file():
        say(f"writing the scenes of fold {number + 1} for its generator")
        items = [
            Item.of(part, f"{k:05d}-{name}", partial(scenes.scene, k))
            for part, scenes in ((TRAINING, fold.training), (VALIDATION, fold.validation), (TEST, fold.test))
            for k, name in enumerate(scenes.names)
        ]
        write_folder(data, items, fold.palette, {"source": fold.name}, None)
    scenes = open_scenes(str(data))
    digest = scenes.training.digest()
    traits = {"data_digest": digest, "preset": preset, "seed": number, "precision": config.precision}
    traits = {name: as_text(value) for name, value in traits.items()}
    found = archive.newest_of(KIND, traits, lambda info: info.learned_only(digest) and info.iteration <= iterations)
    if found is None or found.iteration < iterations:
        say(f"training the generator of fold {number + 1}: {iterations} iterations of preset {preset}")
        reference = f"{found.run_id}/{found.iteration}" if found else ""
        run_id, status = train(str(data), preset, fitted(fold.training), number, reference)
        if status:
            raise Stopped(status)
        found = archive.resolve(f"{run_id}/{iterations}", KIND, "")
    good = Restored.of(found, scenes)
    return dataclasses.replace(good, scenes=dataclasses.replace(scenes, name=fold.name))
