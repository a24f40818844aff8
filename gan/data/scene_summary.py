"""What a data set of scenes holds, as text."""

from collections.abc import Sequence

import numpy as np

from gan.data.folder import PARTS, Record
from gan.data.scene import SceneSet

BAR = 32  # characters of the longest bar


def scenes_text(scenes: SceneSet, records: Sequence[Record], name: str) -> str:
    """Numbers of scenes, their sizes, and the share of the pixels that each class has in each part.

    Args:
        scenes: the data set.
        records: of its scenes.
        name: what it is called.

    Returns:
        lines of text; the bars show the training part, and classes that are in no scene are left out.
    """
    palette = scenes.palette
    pixels = np.zeros((len(PARTS), 256), np.int64)
    for record in records:
        for k, count in record.pixels.items():
            pixels[PARTS.index(record.part), k] += count
    shares = 100 * pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    sizes = sorted({record.size for record in records})
    shown = " to ".join(f"{w}x{h}" for w, h in dict.fromkeys((sizes[0], sizes[-1])))
    parts = ("training", scenes.training), ("validation", scenes.validation), ("test", scenes.test)
    lines = [f"{name} (training part: digest {scenes.training.digest()})"]
    lines += [f"{f'Scenes for {word}':<22} = {len(part)}" for word, part in parts]
    lines += [
        f"{'Size':<22} = {shown}",
        f"{'Palette':<22} = {palette.name}, {len(palette)} classes, {len(palette.scored)} of them scored",
        f"{'Instances':<22} = {'yes' if scenes.training.has_instances else 'no'}",
        "",
        "Share of the pixels in %:",
    ]
    width = max(map(len, palette.names))
    lines += [f"{'id':>4}  {'name':<{width}}  {'training':>10}  {'validation':>10}  {'test':>10}"]
    for k, label in zip(palette.ids, palette.names, strict=True):
        if not pixels[:, k].any():
            continue
        bar = "#" * int(np.ceil(shares[0, k] * BAR / shares[0].max())) + (" rare" if k in palette.rare else "")
        bar += "" if k in palette.scored else " not scored"
        row = f"{k:>4}  {label:<{width}}  " + "  ".join(f"{share:>10.3f}" for share in shares[:, k])
        lines.append(f"{row}  {bar}".rstrip())
    return "\n".join(lines) + "\n"
