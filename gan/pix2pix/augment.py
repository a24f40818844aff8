"""New labelled pairs of street scenes: new label maps, photos of them by a good run, and of these what a segmenter
agrees with."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from gan import archive, checkpoints
from gan.archive import GoodRun
from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, SceneSet, boundaries, nearest, open_scenes
from gan.errors import UserError
from gan.files import sha256
from gan.pix2pix.cutouts import Pool, require_objects
from gan.pix2pix.edits import Edited, edited
from gan.pix2pix.gan import pictures
from gan.pix2pix.judge import segmenter_of
from gan.pix2pix.pair_filter import BATCH, LEAST, NONE, Answers, Check, Filter, filter_for, groups, split_training
from gan.pix2pix.presets import PHOTOS, SceneNetwork
from gan.progress import progress
from gan.rejection import until_enough
from gan.scoring.segmentation import label_map
from gan.training.averaged_gan import weights

KIND = "pix2pix"
FINER = 3  # label maps are edited at so many times the working size, if they are stored so large
MOST_TRIES = 10  # for each wanted pair

# Label maps of positions in the palette, uint8 (N, height, width), boundaries of instances alike or None, and the
# number of the first of them, to photos uint8 (N, height, width, 3).
Photos = Callable[[np.ndarray, np.ndarray | None, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Restored:
    """A good run of street scenes and its data.

    Attributes:
        goodrun: the checkpoint.
        network: what it says its networks are.
        scenes: the data set.
    """

    goodrun: GoodRun
    network: SceneNetwork
    scenes: SceneSet

    @property
    def size(self) -> tuple[int, int]:
        """Working width and height."""
        return self.network.width, self.network.height

    def traits(self) -> dict:
        """What the manifest says of each pair."""
        return {"run": self.goodrun.run_id, "iteration": self.goodrun.iteration}

    def origin(self) -> dict:
        """What the bytes of all pairs depend on."""
        digests = {name: part.digest() for name, part in self.scenes.parts.items()}
        weights = sha256(self.goodrun.checkpoint)
        return self.traits() | {"weights": weights, "data": self.scenes.name, "digests": digests}

    def photos(self, seed: int) -> Photos:
        """The generator, with weights.

        Raises:
            UserError: the checkpoint is damaged or its network can't be built.
        """
        network, model = self.network, self.network.build_generator()
        checkpoints.load(self.goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})

        def photos(labels: np.ndarray, edges: np.ndarray | None, number: int) -> np.ndarray:
            return pictures(model, network, labels, edges if network.edges else None, seed, f"pairs {number}")

        return photos

    def answers(self, training: Scenes, iterations: int, say) -> Answers:
        """The segmenter of these training scenes, from the archive or trained now.

        Raises:
            UserError: there is nothing that one could learn.
        """
        width, height = self.size
        scenes = dataclasses.replace(self.scenes, training=training)
        segmenter = segmenter_of(scenes, width, height, iterations, say)
        if segmenter is None:
            raise UserError(
                f"no segmenter can be trained on {self.scenes.name}, and without one nothing says whether a photo "
                "shows its label map; mark classes as scored in palette.json."
            )

        def answers(photos: np.ndarray) -> np.ndarray:
            return np.array([label_map(logits, height, width) for _, logits in segmenter.answers(photos)])

        return answers


def restore(reference: str, data: str, asked_by: str = "augment_scenes") -> Restored:
    """Find a good run and its data.

    Args:
        reference: see `gan.archive.resolve`.
        data: of `gan.data.scenes.open_scenes`; "" for the data that the run was trained on.
        asked_by: what needs the run, for messages.

    Raises:
        UserError: there is no such run or data, it makes label maps and not photos, or they do not go together.
    """
    goodrun = archive.resolve(reference, KIND, "")
    if goodrun is None:
        newest = None
        with contextlib.suppress(UserError):  # no archive here: there is no run either
            newest = archive.newest_run(KIND, "")
        hint = f"the newest is {newest}" if newest else "train one with train_pix2pix.py"
        raise UserError(f"{asked_by} needs goodrun_ref, the run to generate from; {hint}.")
    network = SceneNetwork.restored(goodrun.info.network)
    if not network.to_photos:
        raise UserError(
            f"goodrun_ref {reference} makes label maps of photos; give a run trained with --direction {PHOTOS}."
        )
    scenes = open_scenes(data or goodrun.info.data["name"])
    if not data and scenes.training.digest() != goodrun.info.data["digest"]:
        raise UserError(
            f"{scenes.name} holds other scenes than the run was trained on; name what to use with --data (it may be "
            "this one)."
        )
    network.require_fit(scenes)
    return Restored(goodrun, network, scenes)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A generated pair, kept or not.

    Attributes:
        number: of the try that gave it.
        label_map: the new label map, at the working size.
        photo: uint8 (height, width, 3), generated.
        answer: uint8 (height, width), what the segmenter sees, as positions among the scored classes.
        check: how far that agrees with the label map.
    """

    number: int
    label_map: Edited
    photo: np.ndarray
    answer: np.ndarray
    check: Check


@dataclasses.dataclass
class Counts:
    """What became of the tries.

    Attributes:
        tries: how many label maps were asked for.
        kept: pairs that were kept.
        no_place: tries in which nothing found a place, or only so small that nothing can be said about it.
        failed: rejected pairs, by the id of a class that was not found enough; one can be counted in several.
        failed_put_in: the same of classes that were not found where they were put in.
        put_in: objects in the pairs that were kept, by the name of their classes.
    """

    tries: int = 0
    kept: int = 0
    no_place: int = 0
    failed: Counter[int] = dataclasses.field(default_factory=Counter)
    failed_put_in: Counter[int] = dataclasses.field(default_factory=Counter)
    put_in: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, pair: Pair | None) -> None:
        """Count a try."""
        self.tries += 1
        self.no_place += pair is None
        if pair is not None:
            self.failed.update(pair.check.failed)
            self.failed_put_in.update(pair.check.failed_put_in)
            if pair.check.passed:
                self.kept += 1
                self.put_in.update(name for place in pair.label_map.edits["put_in"] for name in place["classes"])

    @property
    def thrown_away(self) -> int:
        """Pairs that were generated and not kept."""
        return self.tries - self.kept - self.no_place

    def numbers(self) -> dict[str, float]:
        """What the archive counts."""
        return {"tries": self.tries, "kept": self.kept, "thrown_away": self.thrown_away, "no_place": self.no_place}


@dataclasses.dataclass(frozen=True)
class PairGenerator:
    """Generates pairs: label maps with objects put in, photos of them, and what a segmenter finds there.

    Try number k is a function of the pool, the seed, k and the two networks; which pairs are kept does not depend on
    how many are wanted.

    Attributes:
        pool: what can be put in, of the training part.
        seed: of the label maps.
        size: working width and height.
        photos: the generator; None: the photos of the scenes, with what is put in pasted into them.
        answers: the segmenter; None where nothing judges: it would see what the label map says.
        keep: the filter.
    """

    pool: Pool
    seed: int
    size: tuple[int, int]
    photos: Photos | None
    answers: Answers | None
    keep: Filter

    @classmethod
    def restored(
        cls, good: Restored, classes: tuple[int, ...], seed: int, agreement: str, segmenter_iterations: int,
        say: Callable[[str], None], named: bool = False, pasted: bool = False,
    ) -> "PairGenerator":  # fmt: skip
        """The pairs of a good run.

        Args:
            good: the generator and its data.
            classes: ids of the classes to put in.
            seed: of the label maps and of the generator's noise.
            agreement: what the filter asks for, see `gan.pix2pix.pair_filter.filter_for`.
            segmenter_iterations: training of the segmenter, if the archive has none yet.
            say: prints a line for the user.
            named: the user named the classes: none is left out because the segmenter finds too little of it.
            pasted: objects are pasted into real photos, and the generator is not used.

        Raises:
            UserError: there is nothing to put in, no segmenter can be trained, or it finds too little of what is
                put in.
        """
        training = good.scenes.training
        pool = Pool(training, classes, seed, FINER * good.size[1])
        for lacking in require_objects(pool):
            say(f"no {lacking} in the training scenes stands whole and in full view: none is put in.")
        learned, held = split_training(training)
        if agreement == NONE:
            learned = training
        else:
            say(f"the segmenter that filters learns {len(learned)} training scenes, {len(held)} give thresholds")
        judged = not (pasted and agreement == NONE)  # real pixels that nothing judges need no segmenter
        answers = good.answers(learned, segmenter_iterations, say) if judged else None
        keep = filter_for(agreement, held, good.size, answers, classes, named)
        if keep.unseen:
            listed = ", ".join(map(good.scenes.palette.name_of, keep.unseen))
            say(f"none is put in of {listed}: the segmenter finds too little of them in real photos.")
            pool = Pool(training, tuple(k for k in classes if k not in keep.unseen), seed, FINER * good.size[1])
            require_objects(pool)
        if keep.blind:
            say(keep.blind_text())
        return cls(pool, seed, good.size, None if pasted else good.photos(seed), answers, keep)

    def pairs(self, count: int, counts: Counts) -> Iterator[Pair]:
        """All pairs, rejected ones too, until so many are kept, or for `MOST_TRIES` times as many tries.

        Args:
            count: pairs to keep.
            counts: is kept up to date.
        """
        tries = self._tries(count * MOST_TRIES)
        with progress(count, "pairs", "pair") as bar, contextlib.closing(tries):
            for pair in until_enough(
                tries, lambda pair: pair is not None and pair.check.passed, count, lambda kept: count * MOST_TRIES
            ):
                counts.add(pair)
                if pair is not None:
                    bar.update(pair.check.passed)
                    bar.set_postfix(thrown_away=counts.thrown_away, refresh=False)
                    yield pair

    def _tries(self, most: int) -> Iterator[Pair | None]:
        def new_label_map(number: int) -> tuple[int, Edited | None]:
            new = edited(self.pool, self.seed, number, with_photo=self.photos is None)
            return number, new and _reduced(new, self.size)

        label_maps = in_threads(new_label_map, range(most))
        with contextlib.closing(label_maps):
            for group in groups(label_maps, BATCH):
                pairs = {pair.number: pair for pair in self._pairs(group[0][0], [one for one in group if one[1]])}
                yield from (pairs.get(number) for number, _ in group)

    def _pairs(self, first: int, label_maps: list[tuple[int, Edited]]) -> Iterator[Pair]:
        """The pairs of some label maps; `first` numbers the noise of their photos."""
        if not label_maps:
            return
        labels = np.array([self.pool.scenes.palette.indices(new.labels) for _, new in label_maps])
        instances = [new.instances for _, new in label_maps]
        edges = None if instances[0] is None else boundaries(np.array(instances))
        if self.photos is None:
            photos = np.array([new.photo for _, new in label_maps])
        else:
            photos = self.photos(labels, edges, first)
        if self.answers is None:
            answers = self.pool.scenes.palette.scored_indices(np.array([new.labels for _, new in label_maps]))
        else:
            answers = self.answers(photos)
        for (number, new), photo, answer in zip(label_maps, photos, answers, strict=True):
            yield Pair(number, new, photo, answer, self.keep.check(new.labels, new.added, answer))


def _reduced(new: Edited, size: tuple[int, int]) -> Edited | None:
    """A label map at the working size; None if nothing is left there of what was put in."""
    labels, instances, added = (
        None if part is None else nearest(part, *size) for part in (new.labels, new.instances, new.added)
    )
    if np.bincount(added.ravel(), minlength=2)[1:].max() < LEAST:
        return None
    photo = new.photo
    if photo is not None:
        photo = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
    return dataclasses.replace(new, labels=labels, instances=instances, added=added, photo=photo)
