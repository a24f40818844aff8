"""Make a good run small enough to be handed on: its generator's weights in half precision, and a model card."""

import dataclasses
from pathlib import Path

from gan.config import Config, option, run
from gan.errors import UserError
from gan.files import parse_json, read_file

CARD = "MODEL_CARD.md"


@dataclasses.dataclass(frozen=True)
class ExportConfig(Config):
    """Write the weights of a good run, small enough to hand on, and a model card."""

    class_val: str = option("all", "images with a class: class or `all`, what the run was trained on")
    goodrun_ref: str = option(
        "",
        "run to export: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder",
        pattern=".+", wanted="the run to export",
    )  # fmt: skip
    evaluation: str = option("", "folder of an evaluation of it, whose scores go into the model card")
    data_licence: str = option("unknown", "what the model card says of the data")
    output: str = option("exported", "folder to write to; `goodrun_ref` understands its path")


def main(config: ExportConfig) -> None:
    """Restore -> halve -> write."""
    from gan import archive

    with archive.adopted_run("export", f"export {config.goodrun_ref}", config):
        export(config, archive.resolve_any(config.goodrun_ref, {"dcgan": config.class_val, "pix2pix": ""}))


def export(config: ExportConfig, goodrun) -> None:
    """Write weights and card of a good run.

    Raises:
        UserError: the folder holds others, or the weights do not fit into half precision.
    """
    from gan import checkpoints
    from gan.files import replacing, require_writable

    scores = read_scores(config.evaluation, goodrun) if config.evaluation else None
    output = Path(config.output)
    for path in output.glob("checkpoint-*.npz") if output.is_dir() else ():
        if path.name != goodrun.checkpoint.name or not exported_before(path, goodrun.run_id):
            raise UserError(f"output {output} holds another checkpoint already ({path.name}); name a new folder.")
    require_writable(output if output.exists() else output.resolve().parent)

    import numpy as np

    from gan.dcgan.gan import Network
    from gan.model_card import card
    from gan.pix2pix.presets import SceneNetwork
    from gan.training.averaged_gan import restored_generator, weights

    network = Network if goodrun.info.kind == "dcgan" else SceneNetwork
    variables = weights(restored_generator(network.restored(goodrun.info.network), goodrun.checkpoint))
    with np.errstate(over="ignore"):  # looked for below
        halved = [np.asarray(variable).astype(np.float16) for variable in variables]
    if not all(np.isfinite(array).all() for array in halved):
        raise UserError("the weights do not fit into half precision; keep the run as it is.")
    output.mkdir(parents=True, exist_ok=True)
    path = output / checkpoints.file_name(goodrun.iteration)
    checkpoints.save(path, goodrun.info, {checkpoints.WEIGHTS: halved})
    with replacing(output / CARD) as file:
        file.write(card(goodrun, scores, config.data_licence).encode())
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB\n{output / CARD}")


def exported_before(path: Path, run_id: str) -> bool:
    """Whether a file is what this program writes of a run."""
    from gan.checkpoints import generates_only, read_info

    try:
        return generates_only(path) and read_info(path).run_id == run_id
    except UserError:
        return False


def read_scores(folder: str, goodrun) -> dict:
    """The scores of an evaluation.

    Raises:
        UserError: the folder holds none, or those of another checkpoint.
    """
    from gan.model_card import numbers_of

    try:
        origin = parse_json(read_file(Path(folder) / "evaluation.json"))["origin"]
        scores = parse_json(read_file(Path(folder) / "scores.json"))
        same = (origin["run"], origin["iteration"]) == (goodrun.run_id, goodrun.iteration)
        found = {"count": int(origin["count"]), "overall": scores["overall"], "classes": scores["classes"]}
        classes = numbers_of(goodrun.info)
        sound = all(map(_are_scores, (found["overall"], *found["classes"].values())))
        if same and not (sound and all(int(k) in classes for k in found["classes"])):
            raise ValueError("no scores of classes that there are")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise UserError(f"evaluation {folder!r} holds no evaluation.json and scores.json of evaluate.") from None
    if not same:
        raise UserError(f"evaluation {folder!r} is of {origin['run']}/{origin['iteration']}, another checkpoint.")
    return found


def _are_scores(values: object) -> bool:
    """Whether a value of a JSON file is numbers by name."""
    return isinstance(values, dict) and all(type(value) in (int, float) for value in values.values())


if __name__ == "__main__":
    run(ExportConfig, main)
