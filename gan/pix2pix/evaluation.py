"""An evaluation of a generator of street scenes: what is generated, beside what, and how it is scored."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from gan.archive import GoodRun
from gan.data.palettes import Palette
from gan.data.scenes import Scenes, load, open_scenes
from gan.data.spread import spread_over
from gan.errors import UserError
from gan.pix2pix.evaluation_report import add_scores, page
from gan.pix2pix.gan import AT_ONCE, pictures
from gan.pix2pix.judge import segmenter_of
from gan.pix2pix.presets import SceneNetwork
from gan.pix2pix.scores import SceneScorer
from gan.pix2pix.windows import windowed
from gan.progress import progress, say
from gan.report import Evaluation
from gan.training.averaged_gan import restored_generator

PIXEL_BYTES = 8  # of a pixel of a generated picture on the disk, written and logged, at most
CHUNK = 8 * AT_ONCE  # scenes in memory at a time


class SceneEvaluation:
    """Generates the scenes of a data set from a good run and scores them.

    Args:
        goodrun: what is restored.
        config: of evaluate.

    Attributes:
        part: the scenes that are generated.
        unseen: whether the generator is known to have learned none of them.

    Raises:
        UserError: the scenes are not there, have no other part than what was learned, or another palette.
    """

    def __init__(self, goodrun: GoodRun, config):
        if config.inception:
            raise UserError("inception is for signs; the scores of scenes are in the features of a segmenter.")
        if config.format != "png" or config.cluster:
            raise UserError("format and cluster are for signs; leave them out for a run of street scenes.")
        self._goodrun, self._config = goodrun, config
        self._network = SceneNetwork.restored(goodrun.info.network)
        self._scenes = scenes = open_scenes(config.data or goodrun.info.data["name"])
        self.unseen = goodrun.info.learned_only(scenes.training.digest())
        if self._network.inpaints:
            self._scenes = scenes = windowed(scenes)
        self._network.require_fit(scenes)
        if not self.unseen:
            print(
                f"{scenes.name} holds other scenes than the run was trained on: it may have learned those it shows."
            )
        part = scenes.test if len(scenes.test) else scenes.validation
        if not len(part):
            raise UserError(f"{scenes.name} has no test and no validation scenes to generate; prepare it again.")
        self.part = part.take(spread_over(len(part), config.count))

    @property
    def name(self) -> str:
        """What the folder is called."""
        goodrun, network, config = self._goodrun, self._network, self._config
        start = f"scenes-{network.width}x{network.height}-{goodrun.run_id[:8]}-{goodrun.iteration:06d}"
        kind = "" if config.scores == "full" else f"-{config.scores}"
        return f"{start}-seed{config.seed}-n{len(self.part)}{kind}"

    @property
    def bytes(self) -> int:
        """Room that it needs on the disk."""
        return len(self.part) * self._network.width * self._network.height * PIXEL_BYTES

    def origin(self) -> dict:
        """What the pictures and scores depend on."""
        config = self._config
        part = {"data": self._scenes.name, "scenes": self.part.digest(), "count": len(self.part)}
        return {"seed": config.seed, "scores": config.scores} | part

    def run(self, folder: Path) -> Evaluation:
        """Generate into a folder, and score."""
        config, network, size = self._config, self._network, (self._network.width, self._network.height)
        generated = self._generate(folder / ("photos" if network.to_photos else "labels"))
        evaluation = page(self._goodrun, self.part, network, generated, self.unseen)
        if config.scores != "none":
            full = config.scores == "full"
            segmenter = segmenter_of(self._scenes, *size, config.judge_iterations, say) if full else None
            scorer = SceneScorer(segmenter, self._scenes, self.part, *size)
            generate = self._photos_of_learned if full and self.unseen else None
            scores = scorer.photos(generated, generate) if network.to_photos else scorer.label_maps(generated)
            add_scores(evaluation, network.direction, self.part.palette, scores)
        return evaluation

    def _generate(self, folder: Path) -> "WrittenPictures":
        network = self._network
        written = WrittenPictures(folder, self.part.names, None if network.to_photos else network.palette)
        folder.mkdir()
        for k, picture in enumerate(self._pictures(self.part, "evaluate", "generating")):
            written.write(k, picture)
        return written

    def _photos_of_learned(self, scenes: Scenes) -> Iterator[np.ndarray]:
        return self._pictures(scenes, "leak", "generating from training label maps")

    def _pictures(self, scenes: Scenes, purpose: str, what: str) -> Iterator[np.ndarray]:
        made = generated_pictures(self._model, self._network, scenes, self._config.seed, purpose)
        yield from progress(len(scenes), what, "scene", items=made)

    @functools.cached_property
    def _model(self) -> keras.Model:
        return restored_generator(self._network, self._goodrun.checkpoint)


class WrittenPictures(Sequence):
    """Generated pictures in a folder, read one by one.

    Args:
        folder: that they are in.
        names: of the files, without suffix.
        palette: of label maps, which are stored as ids and read as positions in the palette; None for photos.
    """

    def __init__(self, folder: Path, names: Sequence[str], palette: Palette | None):
        self._folder, self._names, self._palette = folder, names, palette

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, k) -> np.ndarray:
        picture = np.asarray(Image.open(self._file(k)))
        return picture if self._palette is None else self._palette.indices(picture)

    def write(self, k: int, picture: np.ndarray) -> None:
        """Write a photo, uint8 (height, width, 3), or a label map of positions in the palette, (height, width)."""
        ids = picture if self._palette is None else np.array(self._palette.ids, np.uint8)[picture]
        Image.fromarray(ids).save(self._file(k))

    def _file(self, k: int) -> Path:
        return self._folder / f"{self._names[k]}.png"


def generated_pictures(
    model: keras.Model, network: SceneNetwork, part: Scenes, seed: int, purpose: str, chunk: int = CHUNK
) -> Iterator[np.ndarray]:
    """Generate pictures of all scenes of a part, with one chunk in memory.

    Args:
        model: the generator.
        network: what it was built from.
        part: the scenes.
        seed: of the noise.
        purpose: pictures of another purpose have other noise.
        chunk: scenes in memory at a time, a multiple of `AT_ONCE`; makes no difference to the pictures.

    Yields:
        uint8 photos (height, width, 3), or label maps (height, width) of positions in the palette.
    """
    for first in range(0, len(part), chunk):
        scenes = part.take(range(first, min(first + chunk, len(part))))
        loaded = load(scenes, network.width, network.height, edges=network.edges)
        given = loaded.labels if network.to_photos else loaded.photos
        yield from pictures(model, network, given, loaded.edges, seed, purpose, first, loaded.photos)
