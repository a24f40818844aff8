"""New labelled pairs of street scenes: new label maps, photos of them, and of these what a segmenter agrees with."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from gan.data.palettes import Palette
from gan.data.parallel import in_threads
from gan.data.scenes import boundaries, nearest
from gan.errors import UserError
from gan.pix2pix.cutouts import Pool
from gan.pix2pix.edits import Edited, edited
from gan.pix2pix.pair_filter import BATCH, LEAST, Answers, Filter, Verdict, groups
from gan.progress import progress

FINER = 3  # label maps are edited at so many times the working size, if they are stored so large
MOST_TRIES = 10  # for each wanted pair

# Label maps of positions in the palette, uint8 (N, height, width), boundaries of instances alike or None, and the
# number of the first of them, to photos uint8 (N, height, width, 3).
Photos = Callable[[np.ndarray, np.ndarray | None, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Pair:
    """A generated pair, kept or not.

    Attributes:
        number: of the try that made it.
        source: number of the training scene that its label map was made from.
        edits: what was done.
        labels: uint8 (height, width), ids, at the working size.
        instances: uint16 (height, width), or None.
        photo: uint8 (height, width, 3), generated.
        answer: uint8 (height, width), what the segmenter sees, as positions among the scored classes.
        verdict: how far that agrees.
    """

    number: int
    source: int
    edits: dict
    labels: np.ndarray
    instances: np.ndarray | None
    photo: np.ndarray
    answer: np.ndarray
    verdict: Verdict


@dataclasses.dataclass
class Tally:
    """What became of the tries.

    Attributes:
        tries: how many label maps were asked for.
        kept: pairs that were kept.
        homeless: tries in which nothing found a place, or only so small that nothing can be said about it.
        failed: pairs thrown away, by the id of a class that was not found enough; one can be counted in several.
        failed_put_in: the same of classes that were not found where they were put in.
        put_in: objects in the pairs that were kept, by the name of their classes.
    """

    tries: int = 0
    kept: int = 0
    homeless: int = 0
    failed: dict[int, int] = dataclasses.field(default_factory=dict)
    failed_put_in: dict[int, int] = dataclasses.field(default_factory=dict)
    put_in: dict[str, int] = dataclasses.field(default_factory=dict)

    def count(self, pair: Pair) -> None:
        """Take in a pair."""
        if pair.verdict.agrees:
            self.kept += 1
            for name in (name for place in pair.edits["put_in"] for name in place["classes"]):
                self.put_in[name] = self.put_in.get(name, 0) + 1
        for into, ids in ((self.failed, pair.verdict.failed), (self.failed_put_in, pair.verdict.failed_put_in)):
            for k in ids:
                into[k] = into.get(k, 0) + 1

    @property
    def thrown_away(self) -> int:
        """Pairs that were generated and not kept."""
        return self.tries - self.kept - self.homeless

    def numbers(self) -> dict[str, float]:
        """What the archive counts."""
        return {"tries": self.tries, "kept": self.kept, "thrown_away": self.thrown_away, "no_place": self.homeless}


def generate(
    pool: Pool,
    count: int,
    seed: int,
    size: tuple[int, int],
    photos: Photos,
    answers: Answers,
    keep: Filter,
    tally: Tally,
) -> Iterator[Pair]:
    """Generate pairs until so many are kept, or for `MOST_TRIES` times as many tries.

    Try number k is a function of the pool, the seed, k and the two networks; which pairs are kept does not depend on
    `count`, only how many.

    Args:
        pool: of the training part.
        count: pairs to keep.
        seed: of the label maps.
        size: working width and height.
        photos: the generator.
        answers: the segmenter.
        keep: the filter.
        tally: is kept up to date.

    Yields:
        All pairs, those that are thrown away too.
    """
    numbers = range(count * MOST_TRIES)
    with progress(count, "pairs", "pair") as bar:
        maps = in_threads(lambda number: (number, edited(pool, seed, number)), numbers)
        for group in groups(maps, BATCH):
            for pair in _pairs(group, pool.scenes.palette, size, photos, answers, keep):
                tally.tries += 1
                if pair is None:
                    tally.homeless += 1
                    continue
                tally.count(pair)
                bar.update(pair.verdict.agrees)
                bar.set_postfix(thrown_away=tally.thrown_away, refresh=False)
                yield pair
                if tally.kept == count:
                    maps.close()
                    return


def _pairs(group: list[tuple[int, Edited | None]], palette: Palette, size, photos, answers, keep):
    """The pairs of some tries, None where there is none."""
    small = [new and _reduced(new, size) for _, new in group]
    there = [k for k, new in enumerate(small) if new is not None]
    made: list[Pair | None] = [None] * len(group)
    if there:
        labels = np.array([palette.indices(small[k].labels) for k in there])
        with_instances = small[there[0]].instances is not None
        edges = boundaries(np.array([small[k].instances for k in there])) if with_instances else None
        shown = photos(labels, edges, group[0][0])
        for k, photo, answer in zip(there, shown, answers(shown), strict=True):
            new = small[k]
            verdict = keep.verdict(new.labels, new.added, answer)
            made[k] = Pair(
                group[k][0], new.source, new.edits, new.labels, new.instances, photo, answer, verdict
            )  # fmt: skip
    return made


def _reduced(new: Edited, size: tuple[int, int]) -> Edited | None:
    """A label map at the working size; None if nothing is left there of what was put in."""
    parts = {
        name: None if part is None else nearest(part, *size)
        for name, part in (("labels", new.labels), ("instances", new.instances), ("added", new.added))
    }
    if np.bincount(parts["added"].ravel(), minlength=2)[1:].max() < LEAST:
        return None
    return dataclasses.replace(new, **parts)


def parse_classes(text: str, palette: Palette) -> tuple[int, ...]:
    """Ids of classes from names or ids, with commas between; "" gives the rare classes of the palette.

    Raises:
        UserError: the palette has no such class, no rare ones, or no ground for anything to stand on.
    """
    if not palette.ground:
        raise UserError(
            f'the palette {palette.name} names no class as ground, so that nothing can be put in; add "ground": true '
            "to road and pavement in palette.json, and prepare the data with --palette."
        )
    if not text:
        if not palette.rare:
            raise UserError(f"the palette {palette.name} names no rare classes; say which to put in with --classes.")
        return palette.rare
    names = {name.lower(): k for k, name in zip(palette.ids, palette.names, strict=True)}
    chosen = []
    for word in (word.strip() for word in text.split(",")):
        k = int(word) if word.isdecimal() and int(word) in palette.ids else names.get(word.lower())
        if k is None:
            raise UserError(
                f"classes: the palette {palette.name} has no class {word!r}; it has {', '.join(palette.names)}."
            )
        if k in palette.ground:
            raise UserError(f"classes: {word!r} is ground that things stand on, and can't be put in.")
        chosen.append(k)
    return tuple(dict.fromkeys(chosen))


def require_objects(pool: Pool) -> list[str]:
    """Names of the wanted classes of which there is nothing to put in.

    Raises:
        UserError: it is all of them.
    """
    palette = pool.scenes.palette
    lacking = [palette.names[palette.ids.index(k)] for k in pool.classes if not pool.cutouts[k]]
    if len(lacking) == len(pool.classes):
        raise UserError(
            f"classes: no {' or '.join(lacking)} in the training scenes stands whole and in full view on the ground, "
            "so that there is nothing to put in; name other classes."
        )
    return lacking
