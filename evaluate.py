"""Generate images from a good run and show them beside the real ones."""

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path

import gan  # noqa: F401  checks Python and the packages before anything else is imported
from gan.command_line import option, require, run
from gan.data.signs import CLASSES, parse_class
from gan.errors import UserError

IMAGE_BYTES = 8_000  # of a PNG of 32x32 on the disk, at most
MANIFEST = "evaluation.json"
SCORES = "scores.json"
SCORING = ("full", "pixels", "none")
CURVES = ("generator_loss", "discriminator_loss", "class_loss_real", "class_loss_generated", "fid_training",
          "fid_held_out", "gan_test", "gan_test_worst")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Generate images of traffic signs from the weights of a good run."""

    class_val: str = option("17", "GTSRB class id, 0-42, or `all` for a run of all classes")
    goodrun_ref: str = option(
        "", "run to generate from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder, pretrained"
    )
    count: int = option(100, "images to generate (of each class)")
    seed: int = option(0, "of the latents, 0 or more; the same reference and seed give the same bytes")
    scores: str = option(
        "full", "full: all scores, some minutes for `all`; pixels: those without a classifier; none", SCORING
    )
    judge_iterations: int = option(2_000, "training of the classifier that gives scores, if the archive has none yet")
    inception: bool = option(False, "also the FID in features of ImageNet's Inception, whose weights are downloaded")
    output: str = option("", "folder for the images; by default one under images/evaluate that tells what is in it")

    def __post_init__(self):
        parse_class(self.class_val)
        require(1 <= self.count <= 1_000_000, "count", "from 1 to 1000000", self.count)
        require(self.scores in SCORING, "scores", "full, pixels or none", self.scores)
        with_inception = not self.inception or self.scores != "none"
        require(with_inception, "scores", "full or pixels with inception=true", self.scores)
        require(
            1 <= self.judge_iterations <= 1_000_000, "judge_iterations", "from 1 to 1000000", self.judge_iterations
        )
        require(0 <= self.seed < 2**31, "seed", "from 0 to 2147483647", self.seed)


def main(config: EvaluateConfig) -> None:
    """Restore -> generate -> score -> archive."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from PIL import Image

    from gan import tracking
    from gan.data.split import cut
    from gan.storage import fill_folder, require_writable

    class_id = parse_class(config.class_val)
    goodrun = tracking.resolve(config.goodrun_ref, "dcgan", config.class_val, one_of_all=True)
    if goodrun is None:
        newest = tracking.newest_run("dcgan", config.class_val)
        hint = (
            f"the newest of class_val {config.class_val} is {newest}" if newest else "train one with train_dcgan.py"
        )
        raise UserError(f"evaluate needs goodrun_ref, the run to generate from; {hint}.")
    origin = {"run": goodrun.run_id, "iteration": goodrun.iteration, "class_val": config.class_val}
    origin |= {name: getattr(config, name) for name in ("seed", "count", "scores", "inception")}
    name = f"class-{config.class_val}-{goodrun.run_id[:8]}-{goodrun.iteration:06d}-seed{config.seed}-n{config.count}"
    kind = "" if config.scores == "full" else f"-{config.scores}"
    kind += "-inception" if config.inception else ""
    output = Path(os.path.realpath(config.output or Path("images/evaluate") / f"{name}{kind}"))
    classes = range(CLASSES) if class_id is None else [class_id]
    require_own(output, origin)
    room = output if output.exists() else output.parent
    require_writable(room, config.count * len(classes) * 2 * IMAGE_BYTES)
    real = real_images(goodrun.about, every_class=config.scores == "full")
    curves = tracking.history(goodrun.run_id, CURVES)

    from gan.evaluation import Evaluation
    from gan.generating import Generator
    from gan.inception import Inception
    from gan.progress import progress
    from gan.scored import score
    from gan.training.devices import make_deterministic

    make_deterministic()
    inception = Inception() if config.inception else None
    generator = Generator(goodrun)
    evaluation = Evaluation(goodrun, real and cut(real.train)[0], several=class_id is None)
    with tempfile.TemporaryDirectory(dir=room, prefix=".evaluation-") as folder:
        part = Path(folder) / output.name
        bar = progress(config.count * len(classes), "generating", "image")
        for k in classes:
            place = part / f"{k:02d}" if class_id is None else part
            place.mkdir(parents=True)
            images = generator.images(config.count, config.seed, k, bar)
            for number, image in enumerate(images):
                Image.fromarray(image).save(place / f"{number:05d}.png")
            evaluation.add(k, images)
        bar.close()
        if real is not None and config.scores != "none":
            judge_iterations = config.judge_iterations if config.scores == "full" else 0
            score(evaluation, generator, real, list(classes), config.seed, judge_iterations, inception)
        evaluation.write(part, curves)
        if evaluation.class_scores():
            (part / SCORES).write_text(
                json.dumps({"overall": evaluation.scores(), "classes": evaluation.class_scores()}, indent=1)
            )
        (part / MANIFEST).write_text(json.dumps({"origin": origin, "files": digests(part)}, indent=1))
        with tracking.archived_run("evaluate", f"evaluate {name}", config) as run:
            run.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}"})
            run.data(goodrun.about.data["name"], goodrun.about.data["digest"], "evaluation")
            run.metrics(evaluation.scores(), goodrun.iteration)
            run.image("samples/contact-sheet", evaluation.sheet(), goodrun.iteration)
            run.folder(part)
            fill_folder(part, output)
    if evaluation.scores():
        print(evaluation.text())
    print(f"images: {output}\nreport: {output / 'report.html'}\nbrowse: {tracking.browse_hint(run.id)}")


def require_own(output: Path, origin: dict) -> None:
    """Make sure that nothing of the user's is overwritten: the folder is new, empty, or as this very command left it.

    Raises:
        UserError: the folder holds something else.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    try:
        made = json.loads((output / MANIFEST).read_text())
        own = made["origin"] == origin and digests(output).items() <= made["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        own = False
    if not own:
        raise UserError(f"output {output} holds other files already; name a folder that is new or empty.")


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder but the manifest, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def real_images(about, every_class: bool):
    """The data set that the good run was trained on, or None where it is not there any more.

    Args:
        about: what the good run says of itself.
        every_class: the classes that it was not trained on are needed too, for the classifier that gives scores.
    """
    from gan.data.sets import open_signs, select

    try:
        class_id = parse_class(about.class_val)
        signs = open_signs(about.data["name"], None if every_class else class_id)
        # Runs of the time before there were held-out tracks have learned them all.
        parts = about.config.get("use_test") is True, about.config.get("use_held_out", True) is True
        if select(signs, class_id, *parts).digest() == about.data["digest"]:
            if any(parts):
                print("the run has learned signs that it should be compared with: scores beside them mean little.")
            return signs
        reason = f"{about.data['name']} holds other images than the run was trained on."
    except UserError as error:
        reason = str(error)
    print(f"without real images beside and scores: {reason}")
    return None


if __name__ == "__main__":
    run(EvaluateConfig, main)
