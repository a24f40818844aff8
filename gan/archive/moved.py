"""An archive whose folder was copied or moved: MLflow keeps whole paths, and reads and writes where it was before."""

from pathlib import Path

from gan.archive.database import opened
from gan.errors import UserError
from gan.invocation import start

PLACES = {  # tables and their columns that hold places of files
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
FILES = "mlruns"  # the folder beside the database


def require_here(database: Path) -> None:
    """Make sure that the files of an archive lie beside its database, if a folder for them does.

    Raises:
        UserError: they lie beside another one: the folder is a copy, or was moved.
    """
    before = moved_from(database)
    if before is not None:
        raise UserError(
            f"the archive {database} was copied or moved from {before}, and would read and write there; mend it here "
            f"with `{start('gan.commands.relocate')}`."
        )


def moved_from(database: Path) -> Path | None:
    """The folder that an archive was made in; None where it is there still, or keeps its files elsewhere."""
    here = database.resolve().parent
    if not (here / FILES).is_dir():
        return None
    with opened(database, "ro") as archive:
        found = archive.cursor().execute("SELECT artifact_location, experiment_id FROM experiments").fetchall()
    for location, number in found:
        folder = Path(str(location).removeprefix("file://"))
        if folder.parts[-2:] == (FILES, str(number)) and (here / FILES / str(number)).is_dir():
            before = folder.parent.parent
            return None if before == here else before
    return None


def relocate(database: Path, before: Path) -> int:
    """Write the present folder into an archive in place of the one that it was in, all or nothing.

    Returns:
        How many places of files were changed.
    """
    old, new, changed = f"{before}/{FILES}/", f"{database.resolve().parent}/{FILES}/", 0
    with opened(database, "rw") as archive:
        cursor = archive.cursor()
        for table, columns in PLACES.items():
            for column in columns:
                for start_of in (old, f"file://{old}"):
                    mended = start_of.replace(old, new)
                    changed += cursor.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                        (mended, len(start_of) + 1, len(start_of), start_of),
                    ).rowcount
        archive.commit()
    return changed
