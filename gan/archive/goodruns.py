"""Good runs: what every form of `goodrun_ref` means."""

import contextlib
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from gan.archive.store import (
    KIND,
    RANKED_BY,
    checkpoints_of,
    fetched,
    iteration_of,
    logged_as,
    models_of,
    prepare,
    read,
    runs_of,
    search,
)  # fmt: skip
from gan.checkpoint_info import CheckpointInfo
from gan.checkpoints import newest_in, read_info, require_trainable, whole
from gan.data.signs import GTSRB, stored_classes
from gan.errors import UserError
from gan.files import is_folder
from gan.invocation import ROOT, shown

NOT_GIVEN = {"pictograms": "false"}  # what a run did that has no such parameter: older, or it is off
# What comes with the project: the good run of GTSRB's classes (of scenes: of objects), of pictograms, of objects.
PRETRAINED, PICTOGRAMS, OBJECTS = "pretrained", "pictograms", "objects"


@dataclasses.dataclass(frozen=True)
class GoodRun:
    """A checkpoint chosen to go on from or to generate from.

    Attributes:
        run_id: the run that made it.
        iteration: updates made.
        checkpoint: its file on this machine.
        info: what the checkpoint says of itself.
    """

    run_id: str
    iteration: int
    checkpoint: Path
    info: CheckpointInfo

    def require_more(self, iterations: int) -> None:
        """Make sure that a training up to some iteration can go on from here.

        Raises:
            UserError: it has been made already, or there is nothing to train on.
        """
        require_trainable(self.checkpoint)
        if self.iteration >= iterations:
            raise UserError(
                f"the good run has {self.iteration} iterations already; iterations counts them too, so give more "
                f"than {self.iteration} (iterations={iterations} now)."
            )


def resolve(reference: str, kind: str, class_val: str | None, one_of_all: bool = False) -> GoodRun | None:
    """The checkpoint of one kind of program that a `goodrun_ref` names; see `resolve_any`."""
    return resolve_any(reference, {kind: class_val}, one_of_all)


def resolve_any(reference: str, wanted: dict[str, str | None], one_of_all: bool = False) -> GoodRun | None:
    """The checkpoint that a `goodrun_ref` names.

    Args:
        reference: "" for none; a run id (its best checkpoint by score, else its last), whole, as "runs:/<run id>", or
            its first eight digits or more; "<run id>/<iteration>"; "<iteration>" in the newest run of the same class
            that kept it; "models:/<name>@<alias>" or "models:/<name>/<version>"; "pretrained" for the weights
            that come with the project, of all classes or of objects in street scenes, "pictograms" and "objects" for
            those of that name; a folder that holds a checkpoint.
        wanted: kinds of program that may have made it ("dcgan", "pix2pix"), and of each the class that it must have
            been trained on: a class, "all", or "" for programs without classes; None for whatever it was.
        one_of_all: a checkpoint of all classes will do for any class.

    Raises:
        UserError: nothing is found under the reference, or what is found is damaged, of another program or class.
    """
    if not reference:
        return None
    with read():
        path = _found(reference, wanted)
    info = read_info(path)
    if info.kind not in wanted:
        raise UserError(
            f"goodrun_ref {reference} was made by {info.kind} and can't be used by {' or '.join(wanted)}."
        )
    class_val = _as_known(wanted[info.kind], info)
    if class_val is not None and info.class_val != class_val and not (one_of_all and info.class_val == "all"):
        raise UserError(
            f"goodrun_ref {reference} was trained on class_val {info.class_val}, not {class_val}; "
            f"give class_val={info.class_val}, or a good run of class_val {class_val}."
        )
    return GoodRun(info.run_id, info.iteration, path, info)


def _found(reference: str, wanted: dict[str, str | None]) -> Path:
    """The checkpoint's file."""
    in_run = re.fullmatch(r"(?:runs:/)?([0-9a-f]{8,32})(?:/(\d{1,9}))?", reference)
    if reference in (PRETRAINED, PICTOGRAMS, OBJECTS):
        return _from_pretrained(OBJECTS if reference == PRETRAINED and "dcgan" not in wanted else reference)
    if re.fullmatch(r"\d{1,9}", reference):
        prepare(create=False)
        return _from_newest_run(int(reference), wanted)
    if in_run and (len(in_run[1]) == 32 or not is_folder(Path(reference))):
        prepare(create=False)
        return _from_run(_whole_id(in_run[1]), int(in_run[2]) if in_run[2] else None)
    if reference.startswith("models:/"):
        prepare(create=False)
        return _from_registry(reference)
    return _from_folder(reference)


def _as_known(class_val: str | None, info: CheckpointInfo) -> str | None:
    """A class as the run of a checkpoint calls it, which may have been given by number or name."""
    if not class_val:
        return class_val
    classes = stored_classes(info.data)
    return classes.key(classes.parse(class_val))


def _spellings(class_val: str | None) -> list[str]:
    """What a class may be called in records of runs: as it was given, and by the id of the sign of that name."""
    if not class_val:
        return [""]
    with contextlib.suppress(UserError):
        return list(dict.fromkeys([class_val, GTSRB.key(GTSRB.parse(class_val))]))
    return [class_val]


def newest_run(kind: str, class_val: str) -> str | None:
    """The id of the newest run of a kind and class that holds a checkpoint, or None."""
    prepare(create=False)
    with read():
        return next((run_id for run_id in runs_of(kind, _spellings(class_val)) if checkpoints_of(run_id)), None)


def newest_of(
    kind: str, traits: dict[str, str], suits: Callable[[CheckpointInfo], bool] = lambda info: True
) -> GoodRun | None:
    """The last whole checkpoint of the newest run of a kind that is what is looked for, or None.

    Args:
        kind: what kind of run.
        traits: tags or parameters that it has.
        suits: whether what a checkpoint says of itself will do; a run whose checkpoint does not is passed over.
    """
    prepare()
    with read():
        runs = search(f"tags.`{KIND}` = '{kind}'")
    for run in runs:
        known = run.data.params | run.data.tags
        if all(known.get(name, NOT_GIVEN.get(name)) == value for name, value in traits.items()):
            with contextlib.suppress(UserError), read():  # it has none, or damaged ones: the next run may be whole
                path = _from_run(run.info.run_id, None)
                info = read_info(path)
                if suits(info):
                    return GoodRun(info.run_id, info.iteration, path, info)
    return None


def _whole_id(digits: str) -> str:
    """The id of the run whose id begins with these hexadecimal digits."""
    found = [digits] if len(digits) == 32 else [
        run.info.run_id for run in search("") if run.info.run_id.startswith(digits)
    ]  # fmt: skip
    if len(found) != 1:
        many = f"{len(found)} runs begin" if found else "no run begins"
        raise UserError(
            f"goodrun_ref: {many} with {digits} in {shown(mlflow.get_tracking_uri())}; give the whole id."
        )
    return found[0]


def _from_run(run_id: str, iteration: int | None) -> Path:
    try:
        mlflow.get_run(run_id)
    except MlflowException:
        raise UserError(f"goodrun_ref: there is no run {run_id} in {shown(mlflow.get_tracking_uri())}.") from None
    kept = checkpoints_of(run_id)
    if not kept:
        raise UserError(f"goodrun_ref: run {run_id} has no checkpoint.")
    if iteration is not None:
        if iteration not in kept:
            listed = ", ".join(str(k) for k in sorted(kept))
            raise UserError(f"goodrun_ref: run {run_id} has no checkpoint of iteration {iteration}; it has {listed}.")
        return fetched(run_id, kept[iteration])
    ranked = [iteration_of(model) for model in models_of(run_id) if model.tags.get(RANKED_BY)]
    unread: UserError | None = None
    for wanted in [k for k in ranked if k in kept] + sorted(kept, reverse=True):
        try:
            path = fetched(run_id, kept[wanted])
        except UserError as error:  # a server that is away would be waited for each time
            if not mlflow.get_tracking_uri().startswith("sqlite:"):
                raise
            unread = error
            continue
        # A program that is killed while it writes can leave its newest file in part: the one before is whole.
        if whole(path):
            return path
    raise unread or UserError(
        f"goodrun_ref: every checkpoint of run {run_id} is damaged; start again without goodrun_ref."
    )


def _from_newest_run(iteration: int, wanted: dict[str, str | None]) -> Path:
    found: dict[int, str] = {}
    for kind, class_val in wanted.items():
        for run_id in runs_of(kind, _spellings(class_val)):
            kept = checkpoints_of(run_id)
            if iteration in kept:
                return fetched(run_id, kept[iteration])
            found |= kept
    listed = f"there are {', '.join(map(str, sorted(found)))}" if found else "there are none at all"
    which = " or of ".join(f"class_val {class_val}" if class_val else kind for kind, class_val in wanted.items())
    raise UserError(f"goodrun_ref: no run of {which} has a checkpoint of iteration {iteration}; {listed}.")


def _from_registry(reference: str) -> Path:
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/(\d{1,9}))", reference)
    if not match:
        raise UserError(f"goodrun_ref {reference!r} is neither models:/<name>@<alias> nor models:/<name>/<version>.")
    client, (name, alias, number) = mlflow.MlflowClient(), match.groups()
    try:
        version = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
        model = logged_as(version)
    except MlflowException:
        raise UserError(f"goodrun_ref: no registered model is found under {reference}.") from None
    if iteration_of(model) < 0:
        raise UserError(f"goodrun_ref: {reference} was not logged by this project.")
    return _from_run(model.source_run_id or "", iteration_of(model))


def _from_folder(reference: str) -> Path:
    folder = Path(reference)
    if not is_folder(folder):
        raise UserError(
            f"goodrun_ref {reference!r} is no run id, <run id>/<iteration>, iteration, models:/<name>@<alias>, "
            "or folder that exists."
        )
    return newest_in(folder.expanduser())


def _from_pretrained(reference: str) -> Path:
    folder = ROOT / "gan" / PRETRAINED / ("" if reference == PRETRAINED else reference)
    if not folder.is_dir():
        raise UserError(
            f"goodrun_ref {reference}: this copy of the project came without {folder}; give a run, "
            f"or ./{reference} for a folder of your own of that name."
        )
    return newest_in(folder)
