"""What the page of a training run says first, in Markdown: what it is, how it looks, how good it is, what is next."""

import shlex
from collections.abc import Mapping, Sequence

from gan.checkpoint_info import CheckpointInfo
from gan.invocation import start
from gan.training.health import Finding

PICTURE = "samples.png"  # the artifact that the description shows: generated and real images
MOST_WARNINGS = 8  # that are listed, the newest


def describe(
    info: CheckpointInfo,
    facts: str,
    picture: str,
    best: int | None,
    scores: Mapping[str, Mapping[int, float]],
    findings: Sequence[tuple[int, Finding]],
) -> str:
    """Describe a run as it is now.

    Args:
        info: of its last checkpoint.
        facts: on data and machine, in a line.
        picture: address of the picture of samples.
        best: the iteration of the best checkpoint, None where none has a score that ranks it.
        scores: by name and iteration; the real reference of a score has "_floor" behind its name.
        findings: warnings with their iterations.
    """
    parts = [f"Trained on **{info.data['name']}**{f', class {info.class_val}' * bool(info.class_val)}: {facts}."]
    parts += [f"**Warning, iteration {k}: {finding.words}**" for k, finding in findings[-MOST_WARNINGS:]]
    parts.append(f"![generated images on the left, real ones on the right]({picture})")
    if best is not None:
        parts += [f"Best checkpoint: iteration **{best}**; the run id alone stands for it.", _table(scores, best)]
    return "\n\n".join([*parts, _commands(info)])


def _table(scores: Mapping[str, Mapping[int, float]], iteration: int) -> str:
    lines = ["| score | generated | real |", "| --- | --- | --- |"]
    for name in sorted(scores):
        if not name.endswith("_floor") and iteration in scores[name]:
            real = scores.get(f"{name}_floor", {}).get(iteration)
            lines.append(f"| {name} | {scores[name][iteration]:.3f} | {'' if real is None else f'{real:.3f}'} |")
    return "\n".join(lines)


def _commands(info: CheckpointInfo) -> str:
    kind = f" --class_val {shlex.quote(info.class_val)}" if info.class_val else ""
    name = "traffic-signs" if info.kind == "dcgan" else "street-scenes"
    lines = [
        "# images, and all scores beside real ones",
        f"{start('evaluate.py')}{kind} --goodrun_ref {info.run_id}",
        "# go on: more iterations",
        f"{start(f'train_{info.kind}.py')}{kind} --goodrun_ref {info.run_id} --iterations {2 * info.iteration}",
        "# give it a name, then serve it",
        f"{start('gan.commands.promote')} --run_id {info.run_id} --name {name}",
        f"{start('mlflow')} models serve -m models:/{name}@goodrun --env-manager local",
    ]
    return "\n".join(["```sh", *lines, "```"])
