"""Model cards of good runs that are handed on: what they make, what they learned, under which terms, their scores."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from gan.archive import GoodRun
from gan.checkpoint_info import CheckpointInfo
from gan.data.signs import GTSRB, stored_classes, stored_size
from gan.score import Score, results


class _Told(NamedTuple):
    """What a card says of a kind of program.

    Attributes:
        title: of the card.
        what: the network that it is.
        purpose: what it is for.
        script: that trained it.
        learned: what was learned, with its number.
        classes: a line of their names, or none.
        scores: all there are.
        by_class: those that are told of each class.
        label: of a class by its number.
        counted: what the scores are of, behind their number.
    """

    title: str
    what: str
    purpose: str
    script: str
    learned: str
    classes: list[str]
    scores: Sequence[Score]
    by_class: Sequence[Score]
    label: Callable[[int], str]
    counted: str


def card(goodrun: GoodRun, scores: dict | None, licence: str) -> str:
    """The model card, in Markdown.

    Args:
        goodrun: what is handed on.
        scores: of an evaluation: "count", of what was generated; "overall", numbers by name; "classes", the same by
            the number of a class. None: it was not scored.
        licence: of the data.
    """
    info = goodrun.info
    told = _of_signs(goodrun) if info.kind == "dcgan" else _of_scenes(goodrun)
    settings = " ".join(f"--{name} {value}" for name, value in info.config.items() if value not in ("", None))
    lines = [
        f"# Model card: {told.title}",
        "",
        f"- What it is: {told.what}, after {info.iteration} iterations of {info.config.get('batch_size')} real "
        "images each; weights in half precision.",
        f"- What it is for: {told.purpose}",
        *told.classes,
        f"- Data: {told.learned}, digest {info.data['digest']}.",
        f"- Licence of the data: {licence}",
        f"- Run: {goodrun.run_id}, trained with `{told.script} {settings}`",
        "",
    ]
    if scores is None:
        return "\n".join([*lines, "No scores were exported.", ""])
    found = results(told.scores, scores["overall"])
    wrong = [result.score.name for result in found if result.flagged]
    chosen = f"--class_val {info.class_val} " * (info.kind == "dcgan")
    lines += [
        f"## Scores of {scores['count']} {told.counted}",
        "",
        f"`evaluate.py {chosen}--goodrun_ref {goodrun.run_id}/{goodrun.iteration} --count {scores['count']}` gave "
        f"them. Real: the same score of real images. Out of range, which is clearly worse than real images: "
        f"{', '.join(wrong) or 'none'}. `leak` and `leak_low` say what the images give away of the training images, "
        "`told_apart` how easily they are told from photos.",
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
        lines += _by_class(told, scores["classes"])
    return "\n".join([*lines, ""])


def _of_signs(goodrun: GoodRun) -> _Told:
    from gan.dcgan.evaluation_report import CLASS_COLUMNS
    from gan.dcgan.scores import SCORES

    info, classes = goodrun.info, stored_classes(goodrun.info.data)
    signs, size = classes == GTSRB, stored_size(info.network)
    paints = info.config.get("pictograms") is True
    mirrored = "" if paints else " (mirror images that are of a class among them)"
    return _Told(
        title="generator of traffic signs" if signs else f"generator of images of {len(classes)} classes",
        what="the averaged generator of a "
        + ("GAN that paints pictograms of signs as photos" if paints else "class-conditional GAN")
        + f", class_val {info.class_val}",
        purpose=f"more {size}x{size} images, to train classifiers with. It is not for showing what things look like: "
        "some images are wrong.",
        script="train_dcgan.py",
        learned=f"{info.data['images']} images{mirrored}",
        classes=[] if signs else [f"- Classes: {', '.join(classes.names)}."],
        scores=SCORES,
        by_class=[score for score in SCORES if score.name in CLASS_COLUMNS],
        label=classes.label,
        counted="images a class",
    )


def _of_scenes(goodrun: GoodRun) -> _Told:
    from gan.pix2pix.evaluation_report import CLASS_SCORES
    from gan.pix2pix.presets import SceneNetwork
    from gan.pix2pix.scores import SCORES

    info, network = goodrun.info, SceneNetwork.restored(goodrun.info.network)
    palette, size = network.palette, f"{network.width}x{network.height}"
    makes, purpose = "turns label maps of street scenes into photos", "new labelled pairs"
    if not network.to_photos:
        makes, purpose = "turns photos of street scenes into label maps", "label maps"
    if network.inpaints:
        makes = "paints objects into photos of street scenes"
    command = " (`augment_scenes`)" * network.to_photos
    return _Told(
        title="generator of street scenes",
        what=f"the averaged generator of a GAN that {makes} (pix2pix, preset {network.preset.name}, {size})",
        purpose=f"{purpose} to train with{command}. It is not for showing what streets look like: some are wrong.",
        script="train_pix2pix.py",
        learned=f"{info.data['images']} scenes",
        classes=[f"- Palette: {palette.name}, {', '.join(palette.names)}."],
        scores=SCORES,
        by_class=CLASS_SCORES,
        label=palette.name_of,
        counted="windows around objects" if network.inpaints else "scenes",
    )


def numbers_of(info: CheckpointInfo) -> Collection[int]:
    """The numbers of the classes that an evaluation of a good run can tell of, by what its checkpoint says.

    Raises:
        UserError: the checkpoint describes no palette.
    """
    if info.kind == "dcgan":
        return range(len(stored_classes(info.data)))
    from gan.pix2pix.presets import SceneNetwork

    return SceneNetwork.restored(info.network).palette.scored


def _by_class(told: _Told, classes: dict[str, dict[str, float]]) -> Iterable[str]:
    names = [text for score in told.by_class for text in (score.name, "real")]
    yield from ["", "## By class", "", "Bold: out of range.", "", "| class | " + " | ".join(names) + " |"]
    yield "|" + " --- |" * (1 + len(names))
    for k, values in classes.items():
        cells = [text for score in told.by_class for text in _cells(results([score], values))]
        yield f"| {told.label(int(k))} | " + " | ".join(cells) + " |"


def _cells(found: list) -> tuple[str, str]:
    """A score of a class and its real reference; "-" where there is none."""
    if not found:
        return "-", "-"
    value = _number(found[0].value)
    return f"**{value}**" if found[0].flagged else value, _number(found[0].reference)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
