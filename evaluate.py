"""Generate from a good run, of signs or of street scenes, and show it beside what is real."""

import contextlib
import dataclasses
import json
import os
from pathlib import Path

from gan.config import Config, cluster_option, option, require, run, seed_option
from gan.errors import UserError

MANIFEST = "evaluation.json"
SCORES = "scores.json"
SCORING = ("full", "pixels", "none")
CURVES = ("generator_loss", "discriminator_loss", "class_loss_real", "class_loss_generated", "fid_training",
          "fid_held_out", "gan_test", "gan_test_worst", "mean_iou", "pixel_accuracy", "miou_gap")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class EvaluateConfig(Config):
    """Generate images of a class or street scenes from the weights of a good run, and score them."""

    class_val: str = option(
        "17", "class that the run knows, its id or name, or `all`; not looked at for a run of street scenes"
    )
    goodrun_ref: str = option(
        "", "run to generate from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder, pretrained"
    )
    count: int = option(100, "images to generate (of each class), or street scenes at most", ge=1, le=1_000_000)
    seed: int = seed_option("of the noise, 0 or more; the same reference and seed give the same bytes")
    scores: str = option(
        "full", "full: all scores, some minutes for `all`; pixels: those without a judge; none", SCORING
    )
    judge_iterations: int = option(
        2_000, "training of the judge (classifier, segmenter), if the archive has none", ge=1, le=1_000_000
    )
    inception: bool = option(False, "also the FID in features of ImageNet's Inception, whose weights are downloaded")
    format: str = option(
        "png", "signs: png, a file an image; tar: files of 10240 images, as WebDataset reads them", ("png", "tar")
    )
    cluster: str = cluster_option()
    data: str = option("", "where the real images are now, or other scenes; by default where the run had them")
    output: str = option("", "folder for the images; by default one under images/evaluate that tells what is in it")

    def __post_init__(self):
        super().__post_init__()
        with_inception = not self.inception or self.scores != "none"
        require(with_inception, "scores", "full or pixels with inception=true", self.scores)


def main(config: EvaluateConfig) -> None:
    """Restore -> generate -> score -> archive."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.files import digests, fill_folder, made_before, require_writable, room, unfinished

    goodrun = archive.resolve_any(config.goodrun_ref, {"dcgan": config.class_val, "pix2pix": ""}, one_of_all=True)
    if goodrun is None:
        raise UserError(f"evaluate needs goodrun_ref, the run to generate from; {hint(config.class_val)}.")
    if goodrun.info.kind == "pix2pix":
        from gan.pix2pix.evaluation import SceneEvaluation as Kind
    else:
        from gan.dcgan.evaluation import SignEvaluation as Kind
    subject = Kind(goodrun, config)
    origin = {"run": goodrun.run_id, "iteration": goodrun.iteration} | subject.origin()
    output = Path(os.path.realpath(config.output or Path("images/evaluate") / subject.name))
    made_before(output, MANIFEST, origin)  # what this very command left is written again
    require_writable(room(output), subject.bytes)
    curves = archive.history(goodrun.run_id, CURVES)

    from gan.training.devices import make_deterministic

    make_deterministic()
    with unfinished(output) as part:
        evaluation = subject.run(part)
        evaluation.write(part, curves)
        scores = evaluation.scores
        if scores.overall:
            text = json.dumps({"overall": scores.overall, "classes": scores.classes}, indent=1)
            (part / SCORES).write_text(text)
        (part / MANIFEST).write_text(json.dumps({"origin": origin, "files": digests(part, MANIFEST)}, indent=1))
        with archive.archived_run("evaluate", f"evaluate {subject.name}", config, beside=goodrun.run_id) as run:
            run.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}"})
            run.data(goodrun.info.data["name"], goodrun.info.data["digest"], "evaluation")
            run.metrics(scores.overall, goodrun.iteration)
            run.evaluated(goodrun.run_id, goodrun.iteration, scores.overall)
            run.image("samples/contact-sheet", evaluation.sheet, goodrun.iteration)
            shown = f"![contact sheet]({run.picture('contact-sheet.png')})"
            run.describe(f"{evaluation.introduction}\n\n{evaluation.markdown()}\n\n{shown}")
            run.evaluation(part)
            fill_folder(part, output)
    if scores.overall:
        print(evaluation.text())
    print(f"images: {output}\nreport: {output / 'report.html'}\nbrowse: {archive.browse_hint(run.id)}")


def hint(class_val: str) -> str:
    """Which good run a user may have meant."""
    from gan import archive

    newest = {}
    with contextlib.suppress(UserError):  # there is no archive yet
        newest = {"class_val " + class_val: archive.newest_run("dcgan", class_val)}
        newest["street scenes"] = archive.newest_run("pix2pix", "")
    known = [f"the newest of {name} is {run_id}" for name, run_id in newest.items() if run_id]
    return ", ".join(known) or "`pretrained` comes with the project, or train one with train_dcgan.py"


if __name__ == "__main__":
    run(EvaluateConfig, main)
