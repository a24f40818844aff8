"""Checkpoints: everything that a run needs to go on, saved as one file, atomically.

A checkpoint is an uncompressed NumPy archive of float arrays named `<part>/<number>`, and `about`, a JSON text.
It holds no pickles, and a reader checks names, sizes and shapes before it takes anything from it, so a stranger's
checkpoint is only numbers.
"""

import dataclasses
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from gan.checkpoint_info import CheckpointInfo, plausible
from gan.errors import UserError
from gan.files import parse_json, read_file, replacing

NAME = re.compile(r"checkpoint-(\d{8})\.npz")
LARGEST = 4 << 30  # bytes; no network of this project comes near
FORMAT = 1
WEIGHTS = "averaged"  # the part that generating needs; a checkpoint that is handed on may hold it alone


def file_name(iteration: int) -> str:
    """The name of the checkpoint file of an iteration; `NAME` reads it back."""
    return f"checkpoint-{iteration:08d}.npz"


def save(path: Path, info: CheckpointInfo, parts: dict[str, list]) -> None:
    """Write a checkpoint; the file is there whole or not at all.

    Args:
        path: the file to make or replace.
        info: what it says of itself.
        parts: lists of variables or arrays by name.

    Raises:
        OSError: it can't be written; what was there before is unchanged.
    """
    arrays = {"about": np.array(json.dumps({"format": FORMAT} | dataclasses.asdict(info)))}
    for part, variables in parts.items():
        for number, variable in enumerate(variables):
            arrays[f"{part}/{number:04d}"] = np.asarray(variable)
    with replacing(path) as file:
        np.savez(file, **arrays)


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says of itself.

    Raises:
        UserError: the file is not a whole checkpoint of this project.
    """
    with _opened(path) as archive:
        return _info(path, archive)


def load(path: Path, parts: dict[str, list]) -> CheckpointInfo:
    """Put a checkpoint's values into the variables of some or all of its parts.

    Args:
        path: the file.
        parts: lists of variables by name, as they were saved.

    Raises:
        UserError: the file is damaged, or its networks are other ones; no variable is changed then.
    """
    with _opened(path) as archive:
        info = _info(path, archive)
        found: dict[str, list[np.ndarray]] = {part: [] for part in parts}
        for part, variables in parts.items():
            stored = [name for name in archive.files if name.startswith(f"{part}/")]
            if not stored:
                _require_more_than_weights(path, archive)
            if len(stored) != len(variables):
                raise _other_network(path, part)
            for number, variable in enumerate(variables):
                array = _array(path, archive, f"{part}/{number:04d}")
                # Weights may be stored in half precision, to be half as large.
                wanted = np.asarray(variable).dtype
                fits = array.dtype == wanted or (wanted == np.float32 and array.dtype == np.float16)
                if array.shape != tuple(variable.shape) or not fits:
                    raise _other_network(path, part)
                found[part].append(array)
    for part, variables in parts.items():
        for variable, array in zip(variables, found[part], strict=True):
            variable.assign(array)
    return info


def require_trainable(path: Path) -> None:
    """Make sure that a checkpoint can be gone on from.

    Raises:
        UserError: the file is damaged, or holds nothing but what is needed to generate.
    """
    with _opened(path) as archive:
        _require_more_than_weights(path, archive)


def generates_only(path: Path) -> bool:
    """Whether a checkpoint holds what is needed to generate, and nothing to train on.

    Raises:
        UserError: the file is damaged.
    """
    with _opened(path) as archive:
        return _holds_weights_only(archive)


def _holds_weights_only(archive) -> bool:
    return {name.partition("/")[0] for name in archive.files} == {"about", WEIGHTS}


def _require_more_than_weights(path: Path, archive) -> None:
    if _holds_weights_only(archive):
        raise UserError(
            f"{path} holds weights to generate from and nothing to train on; start without goodrun_ref, or from a "
            "run."
        )


def whole(path: Path) -> bool:
    """Whether a file is a complete checkpoint: all of its contents agree with their check sums."""
    try:
        with _opened(path) as archive:
            _info(path, archive)
            return archive.zip.testzip() is None
    except Exception:  # see _opened
        return False


def newest_in(folder: Path) -> Path:
    """The newest whole checkpoint of a folder.

    Raises:
        UserError: it holds none.
    """
    files = sorted((file for file in folder.iterdir() if NAME.fullmatch(file.name)), reverse=True)
    if not files:
        raise UserError(f"goodrun_ref: folder {folder} holds no checkpoint (checkpoint-<iteration>.npz).")
    return next((file for file in files if whole(file)), files[0])


def finite(parts: dict[str, list]) -> bool:
    """Whether all numbers of a state are finite."""
    return all(np.isfinite(np.asarray(variable)).all() for variables in parts.values() for variable in variables)


def size(parts: dict[str, list]) -> int:
    """Bytes of a checkpoint of these parts, nearly."""
    return sum(np.asarray(variable).nbytes for variables in parts.values() for variable in variables)


def thin_out(iterations: list[int], keep: int) -> list[int]:
    """Which checkpoints to let go so that `keep` stay besides the latest, spread evenly over the run.

    Args:
        iterations: of all checkpoints there are.
        keep: how many may stay besides the latest, 0 or more.

    Returns:
        The iterations to remove.
    """
    left = sorted(iterations)
    removed = []
    while len(left) > keep + 1:
        # Removing one leaves a gap from its neighbour before to the one after: leave the smallest gap.
        gaps = [left[k + 1] - (left[k - 1] if k else 0) for k in range(len(left) - 1)]
        removed.append(left.pop(gaps.index(min(gaps))))
    return removed


def _opened(path: Path):
    try:
        # A pipe would be waited for; np.load takes a file for what its first bytes say, zipfile for what its last do.
        if path.is_file() and read_file(path, 4) == b"PK\3\4" and (size := path.stat().st_size) <= LARGEST:
            with zipfile.ZipFile(path) as container:
                members = container.infolist()
            # np.savez stores without compression: anything else, or more than the file holds, is not ours.
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
            if stored and sum(member.file_size for member in members) <= size:
                return np.load(path, allow_pickle=False)
    except Exception:  # what the readers raise on a changed file is any of a dozen kinds
        pass
    raise UserError(
        f"{path} is not a whole checkpoint of this project; name another iteration of the run, or its run id."
    )


def _array(path: Path, archive, name: str) -> np.ndarray:
    try:
        array = archive[name]
    except Exception:  # see _opened
        array = None
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"{path} is damaged ({name} can't be read); name another iteration of the run, or its run id."
        )
    return array


def _info(path: Path, archive) -> CheckpointInfo:
    text = str(_array(path, archive, "about"))
    try:
        values = parse_json(text)
        version = values.pop("format")
        info = CheckpointInfo(**values)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{path} is no checkpoint of this project.") from None
    if version != FORMAT:
        raise UserError(f"{path} has checkpoint format {version}; this version reads format {FORMAT}.")
    if not plausible(info):
        raise UserError(f"{path} is no checkpoint of this project.")
    return info


def _other_network(path: Path, part: str) -> UserError:
    return UserError(f"{path} holds another network ({part} has other sizes); restore it with the run's own program.")
