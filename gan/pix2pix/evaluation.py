"""An evaluation of a generator of street scenes: what is generated, beside what, and how it is scored."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from gan import checkpoints
from gan.archive import GoodRun
from gan.data.scenes import Scenes, SceneSet, load, open_scenes
from gan.data.spread import spread_over
from gan.errors import UserError
from gan.pix2pix.presets import SceneNetwork

PIXEL_BYTES = 8  # of a pixel of a generated picture on the disk, written and logged, at most


@dataclasses.dataclass(frozen=True)
class Streets:
    """What evaluate makes of a good run of street scenes.

    Attributes:
        goodrun: what is restored.
        network: what its networks are.
        scenes: the data set.
        part: the scenes that are generated.
        unseen: whether the generator is known to have learned none of them.
        seed: of the noise.
        scores: "full", "pixels" or "none".
        segmenter_iterations: training of the segmenter that gives scores.
    """

    goodrun: GoodRun
    network: SceneNetwork
    scenes: SceneSet
    part: Scenes
    unseen: bool
    seed: int
    scores: str
    segmenter_iterations: int

    @classmethod
    def of(cls, goodrun: GoodRun, config) -> "Streets":
        """What a configuration of evaluate asks for.

        Raises:
            UserError: the scenes are not there, have no other part than what was learned, or another palette.
        """

        if config.inception:
            raise UserError("inception is for signs; the scores of scenes are in the features of a segmenter.")
        network = SceneNetwork.restored(goodrun.info.network)
        scenes = open_scenes(config.data or goodrun.info.data["name"])
        network.require_fit(scenes)
        unseen = goodrun.info.learned_only(scenes.training.digest())
        if not unseen:
            print(
                f"{scenes.name} holds other scenes than the run was trained on: it may have learned those it shows."
            )
        part = scenes.test if len(scenes.test) else scenes.validation
        if not len(part):
            raise UserError(f"{scenes.name} has no test and no validation scenes to generate; prepare it again.")
        part = part.take(spread_over(len(part), config.count))
        return cls(goodrun, network, scenes, part, unseen, config.seed, config.scores, config.judge_iterations)

    @property
    def name(self) -> str:
        """What the folder is called."""
        goodrun, network = self.goodrun, self.network
        start = f"scenes-{network.width}x{network.height}-{goodrun.run_id[:8]}-{goodrun.iteration:06d}"
        end = "" if self.scores == "full" else f"-{self.scores}"
        return f"{start}-seed{self.seed}-n{len(self.part)}{end}"

    @property
    def bytes(self) -> int:
        """Room that it needs on the disk."""
        return len(self.part) * self.network.width * self.network.height * PIXEL_BYTES

    def origin(self) -> dict:
        """What the pictures and scores depend on."""
        return {"seed": self.seed, "scores": self.scores, "data": self.scenes.name, "scenes": self.part.digest()}

    def make(self, folder: Path):
        """Generate into a folder, and score; the `gan.pix2pix.evaluation_report.SceneEvaluation`."""
        from gan.pix2pix.evaluation_report import SceneEvaluation
        from gan.pix2pix.gan import pictures
        from gan.pix2pix.judge import segmenter_of
        from gan.pix2pix.scores import SceneScorer
        from gan.progress import say
        from gan.training.averaged_gan import weights

        network, size = self.network, (self.network.width, self.network.height)
        model = network.build_generator()
        checkpoints.load(self.goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})
        loaded = load(self.part, *size, edges=network.edges)
        given = loaded.labels if network.to_photos else loaded.photos
        made = pictures(model, network, given, loaded.edges, self.seed, "evaluate")
        shown = made if network.to_photos else np.array(network.palette.colours, np.uint8)[made]
        self._write(folder, made)
        evaluation = SceneEvaluation(self.goodrun, self.part, loaded, network.direction, self.unseen)
        evaluation.add(shown)
        if self.scores != "none":
            wanted = self.scores == "full"
            segmenter = segmenter_of(self.scenes, *size, self.segmenter_iterations, say) if wanted else None
            scorer = SceneScorer(segmenter, self.scenes, self.part, *size)
            evaluation.take(scorer.photos(made) if network.to_photos else scorer.label_maps(made))
        return evaluation

    def _write(self, folder: Path, made: np.ndarray) -> None:
        """One PNG for each scene: a photo, or a label map of the palette's ids."""
        place = folder / ("photos" if self.network.to_photos else "labels")
        place.mkdir()
        ids = np.array(self.network.palette.ids, np.uint8)
        for name, picture in zip(self.part.names, made, strict=True):
            Image.fromarray(picture if self.network.to_photos else ids[picture]).save(place / f"{name}.png")
