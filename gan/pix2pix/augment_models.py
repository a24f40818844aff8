"""What augment_scenes works with: the generator of a good run, the data set that goes with it, and its segmenter."""

import contextlib
import dataclasses

import numpy as np

from gan import archive, checkpoints
from gan.archive import GoodRun
from gan.data.scenes import SceneSet, open_scenes
from gan.errors import UserError
from gan.files import sha256
from gan.pix2pix.augment import Photos
from gan.pix2pix.pair_filter import Answers
from gan.pix2pix.presets import PHOTOS, SceneNetwork

KIND = "pix2pix"


@dataclasses.dataclass(frozen=True)
class Restored:
    """A good run of street scenes and its data.

    Attributes:
        goodrun: the checkpoint.
        network: what it says its networks are.
        scenes: the data set.
    """

    goodrun: GoodRun
    network: SceneNetwork
    scenes: SceneSet

    @property
    def size(self) -> tuple[int, int]:
        """Working width and height."""
        return self.network.width, self.network.height

    def traits(self) -> dict:
        """What the manifest says of each pair."""
        return {"run": self.goodrun.run_id, "iteration": self.goodrun.iteration}

    def origin(self) -> dict:
        """What the bytes of all pairs depend on."""
        weights = sha256(self.goodrun.checkpoint)
        parts = {"training": self.scenes.training, "validation": self.scenes.validation, "test": self.scenes.test}
        data = {name: part.digest() for name, part in parts.items()}
        return self.traits() | {"weights": weights, "data": self.scenes.name, "digests": data}

    def photos(self, seed: int) -> Photos:
        """The generator, with weights.

        Raises:
            UserError: the checkpoint is damaged or its network can't be built.
        """
        from gan.pix2pix.gan import pictures
        from gan.training.averaged_gan import weights

        network, model = self.network, self.network.build_generator()
        checkpoints.load(self.goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})

        def photos(labels: np.ndarray, edges: np.ndarray | None, number: int) -> np.ndarray:
            return pictures(model, network, labels, edges if network.edges else None, seed, f"pairs {number}")

        return photos

    def answers(self, iterations: int, say) -> Answers:
        """The segmenter, from the archive or trained now.

        Raises:
            UserError: there is nothing that one could learn.
        """
        from gan.pix2pix.judge import segmenter_of
        from gan.scoring.segmentation import label_map

        width, height = self.size
        segmenter = segmenter_of(self.scenes, width, height, iterations, say)
        if segmenter is None:
            raise UserError(
                f"no segmenter can be trained on {self.scenes.name}, and without one nothing says whether a photo "
                "shows its label map; mark classes as scored in palette.json."
            )

        def answers(photos: np.ndarray) -> np.ndarray:
            return np.array([label_map(logits, height, width) for _, logits in segmenter.each(photos)])

        return answers


def restore(reference: str, data: str, asked_by: str = "augment_scenes") -> Restored:
    """Find a good run and its data.

    Args:
        reference: see `gan.archive.resolve`.
        data: of `gan.data.scenes.open_scenes`; "" for the data that the run was trained on.
        asked_by: what needs the run, for messages.

    Raises:
        UserError: there is no such run or data, it makes label maps and not photos, or they do not go together.
    """
    goodrun = archive.resolve(reference, KIND, "")
    if goodrun is None:
        newest = None
        with contextlib.suppress(UserError):  # no archive here: there is no run either
            newest = archive.newest_run(KIND, "")
        hint = f"the newest is {newest}" if newest else "train one with train_pix2pix.py"
        raise UserError(f"{asked_by} needs goodrun_ref, the run to generate from; {hint}.")
    network = SceneNetwork.restored(goodrun.about.network)
    if not network.to_photos:
        raise UserError(
            f"goodrun_ref {reference} makes label maps of photos; give a run trained with --direction {PHOTOS}."
        )
    scenes = open_scenes(data or goodrun.about.data["name"])
    if not data and scenes.training.digest() != goodrun.about.data["digest"]:
        raise UserError(
            f"{scenes.name} holds other scenes than the run was trained on; name what to use with --data (it may be "
            "this one)."
        )
    network.require_fit(scenes)
    return Restored(goodrun, network, scenes)
