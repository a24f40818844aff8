"""The archive: the only package that knows MLflow.

A run is opened with `archived_run`, written to through the `Run` that it yields, and found again with
`resolve`, which understands every form of `goodrun_ref`.
"""

from gan.archive.children import log_child
from gan.archive.experiments import browse_hint
from gan.archive.goodruns import PICTOGRAMS, GoodRun, newest_of, newest_run, resolve, resolve_any
from gan.archive.patience import ArchiveError
from gan.archive.registry import register
from gan.archive.runs import Run, adopted_run, archived_run
from gan.archive.store import CHECKPOINTS, checkpoint_names, checkpoints_of, history, opened_set_aside

__all__ = [
    "CHECKPOINTS", "PICTOGRAMS", "ArchiveError", "GoodRun", "Run", "adopted_run", "archived_run", "browse_hint",
    "checkpoint_names", "checkpoints_of", "history", "log_child", "newest_of", "newest_run", "opened_set_aside",
    "register", "resolve", "resolve_any",
]  # fmt: skip
