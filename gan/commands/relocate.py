"""Mend the archive of a project folder that was copied or moved: MLflow keeps whole paths of files."""

import dataclasses
from pathlib import Path

from gan.config import Config, run
from gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class RelocateConfig(Config):
    """Have the archive of the present folder, mlflow.db, find its files in mlruns beside it."""


def main(config: RelocateConfig) -> None:
    """Archive -> the same with the present folder in every place of a file."""
    from gan.archive.moved import moved_from, relocate

    database = Path("mlflow.db").resolve()
    if not database.is_file():
        raise UserError(f"there is no archive {database}; start in the folder that was copied or moved.")
    before = moved_from(database)
    if before is None:
        print(f"{database} finds its files in this folder already; nothing was changed.")
        return
    print(f"{database}: {relocate(database, before):,} places of files changed from {before} to {database.parent}")


if __name__ == "__main__":
    run(RelocateConfig, main)
