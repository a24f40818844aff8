"""Training of a judge, a classifier or a segmenter, from its first iteration to its last."""

from gan.progress import progress
from gan.training.loop import run_blocks


def fit(trainer, iterations: int, words: str, report=None) -> None:
    """Make all updates of a trainer.

    Args:
        trainer: networks, optimizer and data (see `gan.training.loop.Trainable`).
        iterations: updates.
        words: what the progress bar says.
        report: called with the metrics of each block and the iteration, if given.
    """
    with progress(iterations, words, "iteration") as bar:
        for done, metrics in run_blocks(trainer, 0, iterations, []):
            bar.update(done - bar.n)
            if report is not None:
                report(metrics, done)
