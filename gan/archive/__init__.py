"""The archive: the only package that knows MLflow.

A run is opened with `archived_run`, written to through the `Run` that it yields, and found again with
`resolve`, which understands every form of `goodrun_ref`.
"""

from gan.archive.goodruns import PRETRAINED, GoodRun, newest_of, newest_run, resolve, resolve_any
from gan.archive.registry import register
from gan.archive.runs import Run, adopted_run, archived_run, browse_hint, history
from gan.archive.store import CHECKPOINTS, checkpoint_names, checkpoints_of, opened_set_aside

__all__ = [
    "CHECKPOINTS", "PRETRAINED", "GoodRun", "Run", "adopted_run", "archived_run", "browse_hint", "checkpoint_names",
    "checkpoints_of", "history", "newest_of", "newest_run", "opened_set_aside", "register", "resolve", "resolve_any",
]  # fmt: skip
