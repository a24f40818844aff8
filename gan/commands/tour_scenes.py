"""Street scenes in a few minutes: train a small generator, generate and score, make new labelled pairs."""

import dataclasses

from gan.config import MOST_ITERATIONS, Config, option, run

SEGMENTER = 400  # iterations of the segmenter that gives scores: drawn scenes are easy
AGREEMENT = "0"  # what was put in has to be found, and nothing else: a generator of some minutes paints little well


@dataclasses.dataclass(frozen=True)
class TourConfig(Config):
    """Train a generator of street scenes for a few minutes, evaluate it, and make new labelled pairs with it."""

    data: str = option("drawn", "`drawn` (`drawn:500`) for scenes drawn here, or a folder that `prepare` wrote")
    iterations: int = option(900, "updates of both networks", ge=1, le=MOST_ITERATIONS)
    width: int = option(96, "of the photos in pixels, a multiple of 32", ge=64, le=1024, multiple_of=32)
    height: int = option(64, "the same", ge=32, le=1024, multiple_of=32)
    count: int = option(24, "labelled pairs to make", ge=1, le=100_000)


def main(config: TourConfig) -> int:
    """Train -> evaluate -> augment."""
    import evaluate
    import train_pix2pix
    from gan.commands import augment_scenes

    shared = {name: getattr(config, name) for name in ("data", "iterations", "width", "height")}
    interval = max(1, config.iterations // 3)
    trained = train_pix2pix.TrainConfig(
        **shared, checkpoint_interval=interval, sample_interval=interval, segmenter_iterations=SEGMENTER
    )
    run_id, status = train_pix2pix.train(trained)
    if status == 0:
        evaluate.main(evaluate.EvaluateConfig(goodrun_ref=run_id, judge_iterations=SEGMENTER))
        augment_scenes.main(
            augment_scenes.AugmentConfig(
                goodrun_ref=run_id, count=config.count, segmenter_iterations=SEGMENTER, agreement=AGREEMENT
            )
        )
    return status


if __name__ == "__main__":
    run(TourConfig, main)
