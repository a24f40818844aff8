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

    class_val: str = option("all", "class or `all`: what the run was trained on")
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
        export(config, archive.resolve(config.goodrun_ref, "dcgan", config.class_val))


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

    generator = Network.restored(goodrun.info.network).build_generator()
    checkpoints.load(goodrun.checkpoint, {"averaged": generator.variables})
    with np.errstate(over="ignore"):  # looked for below
        weights = [np.asarray(variable).astype(np.float16) for variable in generator.variables]
    if not all(np.isfinite(array).all() for array in weights):
        raise UserError("the weights do not fit into half precision; keep the run as it is.")
    output.mkdir(parents=True, exist_ok=True)
    path = output / checkpoints.file_name(goodrun.iteration)
    checkpoints.save(path, goodrun.info, {"averaged": weights})
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
    from gan.data.signs import stored_classes

    try:
        origin = parse_json(read_file(Path(folder) / "evaluation.json"))["origin"]
        scores = parse_json(read_file(Path(folder) / "scores.json"))
        same = (origin["run"], origin["iteration"]) == (goodrun.run_id, goodrun.iteration)
        found = {"count": int(origin["count"]), "overall": scores["overall"], "classes": scores["classes"]}
        classes = range(len(stored_classes(goodrun.info.data)))
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


def card(goodrun, scores: dict | None, licence: str) -> str:
    """The model card, in Markdown."""
    from gan.data.signs import GTSRB, stored_classes, stored_size
    from gan.dcgan.evaluation_report import CLASS_COLUMNS
    from gan.dcgan.scores import SCORES
    from gan.score import results

    info, classes = goodrun.info, stored_classes(goodrun.info.data)
    signs, size = classes == GTSRB, stored_size(info.network)
    what = "traffic signs" if signs else f"images of {len(classes)} classes"
    settings = " ".join(f"--{name} {value}" for name, value in info.config.items() if value != "")
    paints = info.config.get("pictograms") is True
    kind = "GAN that paints pictograms of signs as photos" if paints else "class-conditional GAN"
    mirrored = "" if paints else " (mirror images that are of a class among them)"
    lines = [
        f"# Model card: generator of {what}",
        "",
        f"- What it is: the averaged generator of a {kind}, class_val {info.class_val}, "
        f"after {info.iteration} iterations of {info.config.get('batch_size')} real images each; "
        "weights in half precision.",
        f"- What it is for: more {size}x{size} images, to train classifiers with. It is not for showing "
        "what things look like: some images are wrong.",
        *([] if signs else [f"- Classes: {', '.join(classes.names)}."]),
        f"- Data: {info.data['images']} images{mirrored}, digest {info.data['digest']}.",
        f"- Licence of the data: {licence}",
        f"- Run: {goodrun.run_id}, trained with `train_dcgan.py {settings}`",
        "",
    ]
    if scores is None:
        return "\n".join([*lines, "No scores were exported.", ""])
    found = results(SCORES, scores["overall"])
    wrong = [result.score.name for result in found if result.flagged]
    lines += [
        f"## Scores of {scores['count']} images a class",
        "",
        f"`evaluate.py --class_val {info.class_val} --goodrun_ref {goodrun.run_id}/{goodrun.iteration} --count "
        f"{scores['count']}` gave them. Real: the same score of real images. Out of range, which is clearly worse "
        f"than real images: {', '.join(wrong) or 'none'}. `leak` and `leak_low` say what the images give away of the "
        "training images, `told_apart` how easily they are told from photos.",
        "",
        "| score | generated | real | | meaning |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {result.score.name} | {result.value:.4g} | {_number(result.reference)} | "
            f"{'out of range' * result.flagged} | {result.score.meaning} |"
            for result in found
        ),
    ]
    if len(scores["classes"]) > 1:
        columns = [score for score in SCORES if score.name in CLASS_COLUMNS]
        names = [text for score in columns for text in (score.name, "real")]
        lines += ["", "## By class", "", "Bold: out of range.", "", "| class | " + " | ".join(names) + " |"]
        lines += ["|" + " --- |" * (1 + len(names))]
        for k, values in scores["classes"].items():
            cells = [text for score in columns for text in _cells(results([score], values))]
            lines.append(f"| {classes.label(int(k))} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cells(found: list) -> tuple[str, str]:
    """A score of a class and its real reference; "-" where there is none."""
    if not found:
        return "-", "-"
    value = _number(found[0].value)
    return f"**{value}**" if found[0].flagged else value, _number(found[0].reference)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    run(ExportConfig, main)
