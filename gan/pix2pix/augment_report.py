"""What augment_scenes shows: pairs that were kept and some that were not, and tables by class."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan import pictures
from gan.data.palettes import NOT_SCORED
from gan.data.scenes import nearest
from gan.pix2pix.augment import Counts, Pair, PairGenerator
from gan.pix2pix.cutouts import Pool
from gan.pix2pix.edits import mirrored
from gan.pix2pix.pair_filter import SHARE, Filter
from gan.report import Report

KEPT = 16  # pairs that were kept
REJECTED = 8  # and pairs that were not
HEADS = "label map before", "new label map", "new photo", "what the segmenter sees"


class Gallery:
    """Keeps some pairs for the report.

    Args:
        pool: of the scenes that they are made from.
    """

    def __init__(self, pool: Pool):
        self._pool = pool
        self._rows: dict[bool, list] = {True: [], False: []}
        self._captions: dict[bool, list[str]] = {True: [], False: []}
        self._pixels = np.zeros(256, np.int64)
        self._agreement: list[float] = []

    def add(self, pair: Pair) -> None:
        """Take in a pair, in the order of the tries."""
        kept, new, palette = pair.check.passed, pair.label_map, self._pool.scenes.palette
        if kept:
            self._pixels += np.bincount(new.labels.ravel(), minlength=256)
            self._agreement.append(pair.check.pixels)
        if len(self._rows[kept]) == (KEPT if kept else REJECTED):
            return
        before = self._pool.labels(new.source)[0]
        before = nearest(mirrored(before) if new.edits["mirrored"] else before, *new.labels.shape[::-1])
        row = [palette.colour(before), palette.colour(new.labels), pair.photo]
        if pair.answer is not None:
            ids = np.zeros(256, np.uint8)
            ids[: len(palette.scored)] = palette.scored
            row.append(palette.colour(np.where(pair.answer == NOT_SCORED, new.labels, ids[pair.answer])))
        self._rows[kept].append(row)
        put_in, check = ", ".join("+".join(place["classes"]) for place in new.edits["put_in"]), pair.check
        missing = [f"{palette.name_of(k)} {check.put_in[k]:.2f} where put in" for k in check.failed_put_in]
        missing += [f"{palette.name_of(k)} {check.classes[k]:.2f}" for k in check.failed]
        self._captions[kept].append(
            f"{pair.number}: {put_in}" + (f"   not found: {', '.join(missing)}" if missing else "")
        )

    def sheet(self, kept: bool = True) -> np.ndarray | None:
        """Some pairs that were kept, or some that were not, uint8 (height, width, 3); None if there are none."""
        if not self._rows[kept]:
            return None
        rows = self._rows[kept]
        return np.asarray(pictures.side_by_side(rows, HEADS[: len(rows[0])], self._captions[kept]))

    @property
    def agreement(self) -> float:
        """Mean share of the pixels, in the pairs that were kept, whose class the segmenter finds."""
        return float(np.mean(self._agreement))

    def write(self, folder: Path, text: str, generator: PairGenerator, counts: Counts) -> None:
        """Write contact-sheet.png and report.html.

        Args:
            folder: where to.
            text: what the pairs were made of.
            generator: of the pairs.
            counts: what became of the tries.
        """
        palette, sheet, rejected = generator.keep.palette, Image.fromarray(self.sheet()), self.sheet(kept=False)
        sheet.save(folder / "contact-sheet.png")
        report = Report("Generated pairs of street scenes")
        report.text(text)
        report.text(summary(counts, generator.keep))
        report.heading("Some pairs that were kept")
        report.picture(sheet, "contact sheet")
        report.picture(pictures.legend(palette.names, palette.colours), "colours of the classes")
        if rejected is not None:
            report.heading("Some that were thrown away")
            report.picture(Image.fromarray(rejected), "pairs that were thrown away")
        report.heading("By class")
        report.text(
            "Asked for: share of a class that the segmenter has to find where it was put in, and in the scene where "
            f"it has {SHARE:.0%} of the pixels. Thrown away: pairs in which it found less; a pair can be counted in "
            "several classes."
        )
        head = ["class", "of real pixels", "of new pixels", "put in", "asked for where put in", "thrown away"]
        report.table([*head, "asked for in the scene", "thrown away"], self._by_class(generator.keep, counts))
        if generator.keep.blind:
            report.text(generator.keep.blind_text(), warn=True)
        report.write(folder / "report.html")

    def _by_class(self, keep: Filter, counts: Counts) -> list[list[object]]:
        real, new = (pixels / max(1, pixels.sum()) for pixels in (self._pool.pixels, self._pixels))
        return [
            [
                name, f"{real[k]:.2%}", f"{new[k]:.2%}", counts.put_in[name], keep.put_in[k],
                counts.failed_put_in[k], keep.scene[k], counts.failed[k],
            ]
            for k, name in ((k, keep.palette.name_of(k)) for k in keep.palette.scored)
        ]  # fmt: skip


def summary(counts: Counts, keep: Filter) -> str:
    """What became of the tries, in a sentence."""
    generated = counts.kept + counts.thrown_away
    return (
        f"{counts.kept} of {generated} generated pairs were kept ({counts.kept / max(1, generated):.0%}; of real "
        f"photos held out from training it would be {keep.real_kept:.0%}); in {counts.no_place} more tries nothing "
        "found a place."
    )


def thrown_text(counts: Counts, keep: Filter) -> str:
    """What was thrown away by class, as lines for the console."""
    lines = []
    for where, failed in (("where it was put in", counts.failed_put_in), ("in the scene", counts.failed)):
        listed = ", ".join(f"{keep.palette.name_of(k)} {count}" for k, count in failed.most_common())
        lines.append(f"thrown away for a class not found {where}: {listed or 'none'}")
    return "\n".join(lines)
