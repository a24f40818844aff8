"""Kinds of what stands in an MLflow archive: references to it, a database that strangers made, files, requests."""

import contextlib
import functools
import gc
import json
import os
import random
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gan.errors import UserError
from tests.campaigns.mutated.kind import Kind, each
from tests.campaigns.mutated.mutations import NAMES, of_any, of_words, value

NAME, CLASS = "signs", "17"
COLUMNS = {  # of an archive, that a stranger may have written
    "experiments": ("name", "artifact_location", "lifecycle_stage", "creation_time"),
    "experiment_tags": ("key", "value"),
    "runs": ("name", "status", "artifact_uri", "lifecycle_stage", "start_time", "end_time", "user_id", "run_uuid"),
    "params": ("key", "value"),
    "tags": ("key", "value"),
    "logged_models": ("name", "artifact_location", "status", "source_run_id", "experiment_id"),
    "logged_model_params": ("param_key", "param_value"),
    "logged_model_tags": ("tag_key", "tag_value"),
    "logged_model_metrics": ("metric_name", "metric_value", "metric_step"),
    "model_versions": ("source", "run_id", "status", "description", "current_stage", "storage_location"),
    "registered_models": ("description",),
    "registered_model_aliases": ("alias", "version", "name"),
}
PLACES = (
    "file:///etc", "/etc", "file://../../..", "../..", "file:///proc/self", "", "\0", "mlflow-artifacts:/1/x",
    "runs:/0/x", "models:/signs@goodrun", "dbfs:/x", "hdfs://x", "file:", "x" * 500, "%2e%2e/%2e%2e", "sqlite:///x.db",
)  # fmt: skip


@functools.cache
def archive() -> str:
    """Make an archive of one promoted generator in the present folder; the id of its run."""
    from tests.made_up_archive import promoted
    from tests.made_up_goodrun import write_goodrun

    os.environ.pop("MLFLOW_TRACKING_URI", None)
    promoted(write_goodrun(Path("goodrun").resolve(), CLASS), "dcgan", NAME)
    (folder,) = Path("mlruns").glob("**/checkpoints")
    for number, name in ((8, "pipe"), (9, "folder"), (10, "link"), (11, "damaged")):  # later ones that are none
        place = folder / f"checkpoint-{number:08d}.npz"
        if name == "pipe":
            os.mkfifo(place)
        elif name == "folder":
            place.mkdir()
        elif name == "link":
            place.symlink_to("/etc/passwd")
        else:
            place.write_bytes(b"PK\3\4")
    return folder.parent.parent.name


def references() -> list[bytes]:
    run = "0123456789abcdef" * 2
    known = (
        "{run}", "{run}/7", "runs:/{run}", "{start}", "{start}/7", "7", "models:/signs@goodrun", "models:/signs/1",
        f"models:/{NAME}@previous", run, f"{run}/300", "some/folder", "goodrun", "./goodrun", "~", "pretrained",
        "pictograms", "models:/m-0123", "", "~nobody/x", "goodrun/checkpoint-00000007.npz",
    )  # fmt: skip
    return [reference.encode() for reference in known]


def resolved(reference: str) -> Any:
    from gan import archive as archives

    return archives.resolve_any(reference, {"dcgan": None, "pix2pix": ""}, one_of_all=True)


def read_reference(path: Path) -> None:
    run = archive()
    text = path.read_bytes().decode(errors="surrogateescape").replace("\0", "")
    if resolved(text.replace("{run}", run).replace("{start}", run[:8])) is None:
        raise UserError("it is none.")


def rows() -> list[bytes]:
    """Lists of [table, column, value], one of each column."""
    return [
        json.dumps([[table, column, place]]).encode()
        for table, columns in COLUMNS.items() for column in columns for place in ("", "x", 0)
    ]  # fmt: skip


def other_rows(data: bytes, chance: random.Random) -> bytes:
    """What stands in some columns, and sometimes the names of these."""
    known = []
    for _ in range(chance.choice((1, 1, 2, 5))):
        table = chance.choice(list(COLUMNS))
        found = chance.choice((chance.choice(PLACES), chance.choice(NAMES), value(chance)))
        known.append([table, chance.choice(COLUMNS[table]), found])
    return json.dumps([*known, *json.loads(data)][:5]).encode()


def write_rows(path: Path) -> None:
    """Put back what an input has written into the archive, and write the values of this one."""
    archive()
    gc.collect()  # what an exception held open would lock the database
    database, kept = Path("mlflow.db"), Path("kept.db")
    if not kept.exists():
        shutil.copyfile(database, kept)
    with contextlib.closing(sqlite3.connect(kept)) as old, contextlib.closing(sqlite3.connect(database)) as opened:
        old.backup(opened)
        with contextlib.suppress(ValueError, TypeError):
            for table, column, given in json.loads(path.read_bytes()):
                plain = given if isinstance(given, str | int | float | None) else json.dumps(given)
                if table in COLUMNS and column in COLUMNS[table]:
                    with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeError), opened:
                        opened.execute(f"UPDATE {table} SET {column} = ?", (plain,))


def read_rows(path: Path) -> None:
    """Look for good runs in the archive."""
    from gan import archive as archives
    from gan.archive.killed import end_killed
    from gan.archive.moved import moved_from
    from gan.archive.store import prepare

    run = archive()
    each(
        lambda: prepare(),
        lambda: moved_from(Path("mlflow.db").resolve()),
        lambda: end_killed(),
        lambda: archives.history(run, ["generator_loss"]),
        lambda: archives.newest_run("dcgan", CLASS),
        *(functools.partial(resolved, form) for form in (run, run[:8], f"{run}/7", "7", "models:/signs@goodrun")),
    )


def generators() -> list[bytes]:
    """A Keras file as `promote` has it served."""
    from gan.dcgan.gan import Network

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        Network(1, 8, 8).build_generator(portable=True).save(path)
        return [path.read_bytes()]


@functools.cache
def generators_to_fill() -> Any:
    from gan.dcgan.gan import Network

    network = Network(1, 8, 8)
    return network.build_generator(), network.build_generator(portable=True)


def read_generator(path: Path) -> None:
    from gan.training.served import filled

    other = path.with_name("model.keras")
    other.write_bytes(path.read_bytes())
    filled(*generators_to_fill(), other)


def requests() -> list[bytes]:
    """Bodies as docs/serve.md has them, in all forms that MLflow takes."""
    params = {"count": 2, "seed": 3, "format": "png"}
    bodies = [
        {"dataframe_split": {"columns": ["class"], "data": [["17"]]}, "params": params},
        {"dataframe_records": [{"class": "17"}], "params": params},
        {"inputs": {"class": ["17"]}, "params": {"format": "array"}},
        {"instances": [{"class": "17"}]},
        {"messages": [{"role": "user", "content": "17"}]},
    ]
    return [*(json.dumps(body).encode() for body in bodies), b"class\n17\n"]


@functools.cache
def served() -> Any:
    """The promoted generator as MLflow's server has it; what it generates is black, and quick."""
    import mlflow

    from gan.dcgan import served as images

    archive()
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@goodrun")
    images.generated = lambda model, network, count, *_: iter([np.zeros((min(count, 9), 32, 32, 3), np.uint8)])
    return model, model.metadata.get_input_schema()


def read_request(path: Path) -> None:
    """As the server does: what it refuses has a status from 400 to 499."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc.scoring_server import invocations

    model, schema = served()
    data = path.read_bytes()
    kind = "application/json" if data.lstrip()[:1] in (b"{", b"[") else "text/csv"
    try:
        status = invocations(data.decode(errors="replace"), kind, model, schema).status
    except MlflowException as error:
        status = error.get_http_status_code()
    except (ValueError, RecursionError) as error:  # of MLflow's own parser, before this project is asked
        raise UserError("status 500 of MLflow.") from error
    if status != 200:
        assert 400 <= status < 500, f"status {status}"
        raise UserError(f"status {status}.")


KINDS = (
    Kind("reference", references, read_reference, of_words, share=0.5),
    Kind("archive of a stranger", rows, read_rows, other_rows, write_rows, 0.02),
    Kind("Keras file", generators, read_generator, of_any, share=0.1),
    Kind("request", requests, read_request, of_any, share=0.5),
)
