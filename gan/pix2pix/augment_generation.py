"""Generated pairs from a good run, from objects to the filter: what augment_scenes and the study share."""

import dataclasses
from collections.abc import Callable

from gan.pix2pix.augment import FINER, Pair, Tally, generate, require_objects
from gan.pix2pix.augment_models import Restored
from gan.pix2pix.augment_report import Gallery, blind_text, thrown_text
from gan.pix2pix.cutouts import Pool
from gan.pix2pix.pair_filter import Filter, Real, filter_for


@dataclasses.dataclass(frozen=True)
class Made:
    """What is known of the pairs when they are made.

    Attributes:
        pool: what could be put in.
        keep: the filter.
        usual: what it does with real photos.
        tally: what became of the tries.
        gallery: some pairs to be shown.
    """

    pool: Pool
    keep: Filter
    usual: Real
    tally: Tally
    gallery: Gallery


def make(
    good: Restored,
    classes: tuple[int, ...],
    count: int,
    seed: int,
    agreement: str,
    segmenter_iterations: int,
    say: Callable[[str], None],
    take: Callable[[Pair], object],
) -> Made:
    """Generate pairs until so many are kept, or give up (see `gan.pix2pix.augment.generate`).

    Args:
        good: the generator and its data.
        classes: ids of the classes to put in.
        count: pairs to keep.
        seed: of the label maps and of the generator's noise.
        agreement: what the filter asks for, see `gan.pix2pix.pair_filter.filter_for`.
        segmenter_iterations: training of the segmenter, if the archive has none yet.
        say: prints a line for the user.
        take: called with every pair that is kept, in order.

    Raises:
        UserError: there is nothing to put in, or no segmenter can be trained.
    """
    scenes, size = good.scenes, good.size
    pool = Pool(scenes.training, classes, seed, FINER * size[1])
    for lacking in require_objects(pool):
        say(f"no {lacking} in the training scenes stands whole and in full view: none is put in.")
    photos, answers = good.photos(seed), good.answers(segmenter_iterations, say)
    keep, usual = filter_for(agreement, scenes.validation, size, answers)
    if usual.blind:
        say(blind_text(keep, usual))
    tally, gallery = Tally(), Gallery(pool)
    for pair in generate(pool, count, seed, size, photos, answers, keep, tally):
        gallery.add(pair)
        if pair.verdict.agrees:
            take(pair)
    say(thrown_text(tally, keep))
    return Made(pool, keep, usual, tally, gallery)
