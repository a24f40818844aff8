"""The main entry point: train a small generator and generate from it, to see everything at work."""

import dataclasses

from gan.config import GOODRUN_HELP, ITERATIONS_HELP, MOST_ITERATIONS, Config, option, run
from gan.data.signs import parse_class

JUDGE = 300  # iterations of the classifier that gives scores: drawn signs are easy


@dataclasses.dataclass(frozen=True)
class TourConfig(Config):
    """Train a generator of one class for a few minutes, then generate from it."""

    class_val: str = option("17", 'GTSRB class id, 0-42 (17 is "No entry"), or `all`')
    iterations: int = option(1_200, ITERATIONS_HELP, ge=1, le=MOST_ITERATIONS)
    goodrun_ref: str = option("", GOODRUN_HELP)
    data: str = option("drawn", "`drawn` (`drawn:20000`) for signs drawn here, or a folder with train.p and test.p")

    def __post_init__(self):
        super().__post_init__()
        parse_class(self.class_val)


def main(config: TourConfig) -> int:
    """Train -> evaluate."""
    import evaluate
    import train_dcgan

    shared = dataclasses.asdict(config)
    run_id, status = train_dcgan.train(
        train_dcgan.TrainConfig(**shared, checkpoint_interval=200, judge_iterations=JUDGE)
    )
    if status == 0:
        evaluate.main(evaluate.EvaluateConfig(class_val=config.class_val, goodrun_ref=run_id, judge_iterations=JUDGE))
    return status


if __name__ == "__main__":
    run(TourConfig, main)
