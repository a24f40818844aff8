"""What a segmenter finds in scenes of another light, with and without training scenes in that light.

uv run benchmarks/scene_light.py --data dataset --part validation --goodrun_ref RUN

Of the part in the other light every other photo gives its light (not its label map); segmenters are tested on the
others. "moved": the training photos are moved into that light (`gan.pix2pix.lights`). "generated": a run paints the
label maps of the training scenes in that light. All segmenters make as many steps, with the classical augmentation,
which changes the light already, unless `--classical false`.
"""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import numpy as np
from PIL import Image

from gan import archive
from gan.config import PRECISIONS, Config, option, run
from gan.data.scenes import Scenes, load, open_scenes
from gan.errors import UserError
from gan.pix2pix.gan import pictures
from gan.pix2pix.judge import Segmenter, scored, scored_maps
from gan.pix2pix.lights import Lights, relit
from gan.pix2pix.presets import SceneNetwork
from gan.pix2pix.segmenter import PairSampler, SegmenterTrainer, class_weights
from gan.scoring.segmentation import overlap
from gan.study.scenes_arms import odds
from gan.training.averaged_gan import restored_generator
from gan.training.judge import fit


@dataclasses.dataclass(frozen=True)
class SceneLightConfig(Config):
    """Train segmenters on scenes as they are and on scenes in another light, and test them in that light."""

    data: str = option("dataset", "folder of prepared scenes")
    part: str = option("validation", "scenes in another light than the training scenes", ("validation", "test"))
    goodrun_ref: str = option(
        "", "run of preset small that has learned the training scenes; empty: none is generated"
    )
    width: int = option(128, "of the photos that segmenters see, in pixels", ge=64, le=1024, multiple_of=32)
    height: int = option(96, "the same", ge=32, le=1024, multiple_of=32)
    share: int = option(50, "percent of the draws that are scenes in the other light", ge=1, le=99)
    steps: int = option(1_000, "updates of 8 scenes", ge=1, le=1_000_000)
    classical: bool = option(True, "scenes are mirrored, zoomed, shifted and shown in another light, in all arms")
    seeds: int = option(3, "segmenters of each kind", ge=1, le=100)
    precision: str = option("bfloat16", "float32 or bfloat16", tuple(PRECISIONS))


def main(config: SceneLightConfig) -> None:
    """Train, test and print."""
    scenes, size = open_scenes(config.data), (config.width, config.height)
    palette, part = scenes.palette, getattr(scenes, config.part)
    if len(part) < 2:
        raise UserError(f"part={config.part} of {config.data} has fewer than two scenes; prepare it again.")
    lights, tested = Lights.of_scenes(part.take(range(0, len(part), 2))), part.take(range(1, len(part), 2))
    real = load(scenes.training, *size, edges=False)
    labels, shown = scored(palette)[real.labels], load(tested, *size, edges=False).photos
    wanted = lights.drawn(0, range(len(labels)))[1]
    moved = np.array([relit(photo, light) for photo, light in zip(real.photos, wanted, strict=True)])
    arms = {"as they are": None, "moved": moved}
    if config.goodrun_ref:
        arms["generated"] = generated(config.goodrun_ref, scenes.training, wanted, size)
    weights, found = class_weights(labels, len(palette.scored)), {}
    for name, others in arms.items():
        photos, classes, drawn = real.photos, labels, None
        if others is not None:
            photos, classes = np.concatenate([photos, others]), np.concatenate([labels, labels])
            drawn = odds(config.share, len(labels), len(labels))
        sampler, values = PairSampler(photos, classes, len(palette.scored), drawn), []
        for seed in range(config.seeds):
            trainer = SegmenterTrainer(sampler, config.steps, seed, config.precision, config.classical, weights)
            fit(trainer, config.steps, f"{name}, seed {seed}")
            one = overlap(Segmenter(trainer.model).judge(shown, scored_maps(tested))[0])
            values.append((one.mean_iou, one.pixel_accuracy))
        found[name] = np.array(values)
        mean, accuracy = found[name].mean(axis=0)
        gain = (found[name] - found["as they are"])[:, 0]
        print(
            f"{name}: mean IoU {mean:.3f}, per-pixel accuracy {accuracy:.3f}; gain in mean IoU {gain.mean():+.3f} "
            f"({gain.min():+.3f} to {gain.max():+.3f} of {len(gain)} seeds)",
            flush=True,
        )


def generated(reference: str, scenes: Scenes, lights: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Photos of scenes' label maps in some lights, uint8 (N, height, width, 3), at the size of the segmenters.

    Raises:
        UserError: there is no such run, or light does not enter its network.
    """
    goodrun = archive.resolve(reference, "pix2pix", "")
    network = SceneNetwork.restored(goodrun.info.network)
    if not network.light:
        raise UserError(f"run {goodrun.run_id} paints in one light only; give one of preset small.")
    model = restored_generator(network, goodrun.checkpoint)
    loaded = load(scenes, network.width, network.height, edges=network.edges)
    made = pictures(model, network, loaded.labels, loaded.edges, 0, "lights", lights=lights)
    lit = [relit(photo, light) for photo, light in zip(made, lights, strict=True)]  # as `augment_scenes` does
    return np.array([Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS) for photo in lit])


if __name__ == "__main__":
    run(SceneLightConfig, main)
