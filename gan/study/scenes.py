"""The study of scenes: does a segmenter that has seen generated pairs find more in scenes that nobody has seen?

Segmenters and the generator learn the training part. The study is decided by the test part, of other sequences; the
validation part is measured too, but checkpoints and the filter of generated pairs were chosen by it. Or it has folds
(`gan.study.scenes_folds`), each with a generator of its own: then every scene is tested once.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan import pictures
from gan.archive import judges
from gan.data.palettes import Palette, histogram
from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, SceneSet, load, open_scenes
from gan.errors import UserError
from gan.pix2pix import segmenter
from gan.pix2pix.judge import Segmenter, affordable, iou_names, scored, scored_names
from gan.pix2pix.restored import PASTE, Restored, fitted, restore
from gan.pix2pix.segmenter import BATCH, PairSampler, SegmenterTrainer, build_segmenter, class_weights
from gan.report import Report
from gan.scoring.segmentation import confusion, label_map, mean, overlap
from gan.study import scenes_folds, scenes_objects
from gan.study.experiment import Experiment
from gan.study.grid import Cell, Design, Values
from gan.study.results import Results
from gan.study.scenes_arms import FULL, odds, parse_arms
from gan.study.scenes_folds import folds_of, trained
from gan.study.scenes_pairs import Source, digest, made

PARTS = {"test": "test part", "validation": "validation part"}
SUBJECTS = {"objects": "the share of rare objects that are found", "rare": "the mean IoU of the rare classes"}


class SceneStudy(Experiment):
    """Arms of street scenes.

    Args:
        config: of the command (`gan.commands.study.StudyConfig`).
        source: the working size, and the generated pairs; without those while they are not made yet.
        scenes: the data set that `config.data` names, where it is open already.

    Attributes:
        folds: the data set in as many ways as there are folds; as it is where there are none.
    """

    def __init__(self, config, source: Source, scenes: SceneSet | None = None):
        super().__init__(config, parse_arms(config.arms))
        self.source, self.scenes = source, scenes or open_scenes(config.data)
        self.folds = folds_of(self.scenes, config.folds) if config.folds else [self.scenes]
        names = PARTS if not config.folds else ("test",)
        self.parts = {part: scenes for part in names if len(scenes := getattr(self.scenes, part))}
        if config.folds:
            self.parts = {"test": Scenes.joined([fold.test for fold in self.folds])}

    @functools.cached_property
    def design(self) -> Design:
        """What is compared.

        Raises:
            UserError: no pixel of the part that decides is of a scored class, or a fold has no rare object.
        """
        palette, first, measures = self.scenes.palette, next(iter(self.parts)), {}
        names = dict(zip(palette.scored, zip(iou_names(palette), scored_names(palette), strict=True), strict=True))
        for part, scenes in self.parts.items():
            present = ids_in(scenes).intersection(palette.scored)
            rare = [k for k in palette.scored if k in present.intersection(palette.rare)]
            if rare:
                measures[f"{part}.rare"] = f"mean IoU of the rare classes that the {PARTS[part]} has"
            if present:
                measures[f"{part}.mean_iou"] = f"mean IoU of all scored classes, {PARTS[part]}"
                measures[f"{part}.pixel_accuracy"] = f"share of the scored pixels whose class is found, {PARTS[part]}"
            for measure, name in (names[k] for k in rare if part == first and not self.config.folds):
                measures[f"{part}.{measure}"] = f"IoU of {name}, {PARTS[part]}"
        measures = self._of_objects(first) | measures
        headline = next(iter(measures), "")
        if not headline.startswith(first):
            raise UserError(f"no pixel of the {PARTS[first]} of {self.scenes.name} is of a class that is scored.")
        return self.arranged(
            title=f"Do generated pairs help a segmenter? {self.scenes.name}",
            regimes={FULL: "Full data"},
            axis="real training scenes",
            measures=measures,
            headline=headline,
            subject=SUBJECTS.get(headline.partition(".")[2], "the mean IoU"),
            draws=self.config.folds,
        )

    def _of_objects(self, part: str) -> dict[str, str]:
        """The measures of whole objects, first where there are folds, since these were made for them."""
        if not self.config.folds:
            return {}
        for number, fold in enumerate(self.folds, 1):
            if not scenes_objects.count(fold.test):
                raise UserError(
                    f"folds={len(self.folds)}: fold {number} tests no object of a rare class; give fewer folds, or "
                    "mark other classes as rare in palette.json."
                )
        return {
            f"{part}.objects": "share of the objects of rare classes that are found, mean of the classes",
            f"{part}.claims": "share of the objects claimed to be of rare classes that are so, mean of the classes",
        }

    def _fold(self, cell: Cell) -> int:
        return self.design.draw(cell.seed) if self.config.folds else 0

    @functools.lru_cache(maxsize=4)  # noqa: B019  a study lives as long as its process
    def pairs(self, way: str, fold: int = 0) -> dict[str, np.ndarray]:
        """The new pairs whose photos are made in a way, once they are."""
        return self.source.read(way, fold)

    @functools.cache  # noqa: B019
    def _digest(self, way: str, fold: int) -> str:
        return digest(self.pairs(way, fold))

    def _tested(self, fold: int) -> dict[str, Scenes]:
        """What segmenters are tested on, by part."""
        return {part: getattr(self.folds[fold], part) for part in self.parts}

    @functools.cache  # noqa: B019
    def _traits(self, fold: int) -> dict[str, Any]:
        """What decides the numbers of all cells of a fold."""
        tests = {part: scenes.digest() for part, scenes in self._tested(fold).items()}
        recipe = judges.recipe(build_segmenter(len(self.scenes.palette.scored), *self.source.size), segmenter)
        return {"recipe": recipe, "size": list(self.source.size), "batch_size": BATCH, "tests": tests,
                "training": self.folds[fold].training.digest()}  # fmt: skip

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def _real(self, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Photos and scored classes of the training scenes at the working size, and what each class weighs."""
        palette, training = self.scenes.palette, self.folds[fold].training
        loaded = load(affordable(training, *self.source.size), *self.source.size, edges=False)
        labels = scored(palette)[loaded.labels]
        return loaded.photos, labels, class_weights(labels, len(palette.scored))

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def _photos(self, fold: int) -> dict[str, np.ndarray]:
        """The photos of the parts that are tested on, at the working size."""
        tested = self._tested(fold).items()
        return {part: load(scenes, *self.source.size, edges=False).photos for part, scenes in tested}

    def data_identity(self, cell: Cell) -> dict[str, Any]:
        """See `Experiment`."""
        arm, fold = self.arms[cell.arm], self._fold(cell)
        return self._traits(fold) | ({"generated": self._digest(arm.way, fold)} if arm.share else {})

    def trainer(self, cell: Cell) -> SegmenterTrainer:
        """See `Experiment`."""
        arm, config, palette = self.arms[cell.arm], self.config, self.scenes.palette
        fold = self._fold(cell)
        photos, labels, weights = self._real(fold)
        of_scenes = None
        if arm.share:
            pairs = self.pairs(arm.way, fold)
            of_scenes = odds(arm.share, len(photos), len(pairs["photos"]))
            photos = np.concatenate([photos, pairs["photos"]])
            labels = np.concatenate([labels, palette.scored_indices(pairs["labels"])])
        # Classes weigh the same in all arms, so that these differ in what is drawn and in nothing else.
        sampler = PairSampler(photos, labels, len(palette.scored), of_scenes)
        return SegmenterTrainer(sampler, config.steps, cell.seed, config.precision, arm.classical, weights)

    def measure(self, model, cell: Cell) -> Values:
        """See `measured`; with folds what is said of each object is kept, too (see `gan.study.scenes_objects`)."""
        found, fold = {}, self._fold(cell)
        for part, scenes in self._tested(fold).items():
            table, objects, claims = answered(Segmenter(model), self._photos(fold)[part], scenes)
            values = measured(table, self.scenes.palette)
            if self.config.folds:
                values |= {
                    "objects": scenes_objects.found(objects[:, 1:]),
                    "claims": scenes_objects.found(claims[:, 1:]),
                }
                found |= {f"{part}.objects.each": objects, f"{part}.claims.each": claims}
            found |= {f"{part}.{name}": value for name, value in values.items()}
        return found

    def describe(self, report: Report, results: Results) -> None:
        """Add data, the generator and its pairs to the report."""
        palette, (width, height) = self.scenes.palette, self.source.size
        report.heading("Data")
        rows = [["training part", len(self.scenes.training)]]
        report.table(["part", "scenes"], rows + [[PARTS[part], len(scenes)] for part, scenes in self.parts.items()])
        rare = [name for k, name in zip(palette.scored, scored_names(palette), strict=True) if k in palette.rare]
        report.text(
            f"Rare classes: {', '.join(rare) or 'none'}. Segmenters see photos of {width}x{height} pixels and are "
            "tested at the size of the label maps; classes weigh in their loss what the real training scenes say, "
            "the same in all arms."
        )
        if self.config.folds:
            report.text(
                f"{len(self.folds)} folds of {scenes_folds.BLOCKS} blocks of neighbouring scenes each: every scene "
                f"is tested once. {scenes_folds.APART} scenes at either end of a block are not learned."
            )
        elif "test" not in self.parts:
            report.text("There is no test part: checkpoints and the filter were chosen by what decides here.", True)
        report.text(
            "Intervals are over seeds of the segmenters: they do not hold what other test scenes, another training "
            "of the generator or other generated pairs would change."
        )
        for way, fold in self.source.paths:
            self._describe_pairs(report, way, fold)
        if self.source.paths:
            palette = self.scenes.palette
            report.picture(pictures.legend(palette.names, palette.colours), "colours of the classes")

    def _describe_pairs(self, report: Report, way: str, fold: int) -> None:
        pairs, found, palette = self.pairs(way, fold), self.source.summary(way, fold), self.scenes.palette
        report.heading(f"New pairs: {way}" + f", fold {fold + 1}" * bool(self.config.folds))
        report.text(
            f"{found['made_by']}: {found['kept']} pairs kept, "
            f"{found['thrown_away']} thrown away by the filter (it would keep {found['kept_of_real']:.0%} of real "
            f"photos), {found['no_place']} tries in which nothing found a place."
        )
        if found["blind"]:
            blind = ", ".join(found["blind"])
            report.text(f"The filter does not judge {blind}: its segmenter finds too little of that.", True)
        pixels, real = np.bincount(pairs["labels"].ravel(), minlength=256), pairs["real_pixels"]
        rows = [
            [name, f"{real[k] / real.sum():.2%}", f"{pixels[k] / pixels.sum():.2%}", found["put_in"].get(name, 0)]
            for k, name in zip(palette.scored, scored_names(palette), strict=True)
        ]
        report.table(["class", "of real pixels", "of generated pixels", "objects put in"], rows)
        report.picture(Image.fromarray(pairs["sheet"]), "some of these pairs")


def answered(judge: Segmenter, photos: np.ndarray, scenes: Scenes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a segmenter finds in scenes.

    Args:
        judge: the segmenter.
        photos: uint8 (N, height, width, 3), of its size.
        scenes: what is there, N scenes at any size.

    Returns:
        int64 (C, C), pixels by scored class and what they are taken for; float32 (M, 3) and (K, 3), number of the
        scene, and of each object there and claimed what `gan.study.scenes_objects.told` says.
    """
    palette = scenes.palette

    def of_scene(item: tuple[int, tuple[np.ndarray, np.ndarray]]):
        number, (_, logits) = item
        scene = scenes.scene(number)
        answer = label_map(logits, *scene.labels.shape)
        table = confusion(palette.scored_indices(scene.labels), answer, len(palette.scored))
        return table, *(np.insert(one, 0, number, axis=1) for one in scenes_objects.told(answer, scene, palette))

    tables, objects, claims = zip(*in_threads(of_scene, enumerate(judge.answers(photos))), strict=True)
    return np.sum(tables, axis=0), np.concatenate(objects), np.concatenate(claims)


def measured(table: np.ndarray, palette: Palette) -> Values:
    """What a segmenter is worth.

    Args:
        table: int64 (C, C), pixels by scored class and what they are taken for.
        palette: of the scored classes.

    Returns:
        Shares 0-1: "mean_iou", "pixel_accuracy", and of the rare classes that label maps have the IoU of each (see
        `gan.pix2pix.judge.iou_names`) and "rare", their mean; what there is nothing to take of is left out.
    """
    found = overlap(table)
    there = [n for n, k in enumerate(palette.scored) if k in palette.rare and table[n].any()]
    values = {"rare": mean(found.ious[there]), "mean_iou": found.mean_iou, "pixel_accuracy": found.pixel_accuracy}
    values |= {iou_names(palette)[n]: found.ious[n] for n in there}
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}


def ids_in(part: Scenes) -> set[int]:
    """The ids that the label maps of a part hold."""
    found = in_threads(lambda k: np.flatnonzero(histogram(part.scene(k).labels)).tolist(), range(len(part)))
    return {k for ids in found for k in ids}


def prepare(config, folder: Path, train, say) -> tuple[SceneStudy, Callable[[], SceneStudy]]:
    """Before the first cell: mistakes found, generators of folds trained, pairs made.

    See `gan.study.signs.prepare`.
    """
    if config.folds:
        return _prepare_folds(config, folder, train, say)
    good = restore(config.goodrun_ref, config.data, "the study of scenes")
    info = good.goodrun.info
    if not info.learned_only(good.scenes.training.digest()):
        raise UserError(
            f"goodrun_ref {config.goodrun_ref} was trained on other scenes ({info.data.get('name')}, or before "
            f"that) than the training part of {config.data}, and may know scenes that the study tests on; give a run "
            f"of this data, or train one with train_pix2pix.py --data {config.data}."
        )
    study = SceneStudy(config, Source(good.size), good.scenes)
    ways = dict.fromkeys(arm.way for arm in study.arms.values() if arm.share)
    for way in ways:  # before minutes of work
        good.way(way)
    paths = {(way, 0): made(folder, good, config.count, say, way) for way in ways}
    study.source = dataclasses.replace(study.source, paths=paths)
    return study, functools.partial(SceneStudy, config, study.source)


def _prepare_folds(config, folder: Path, train, say) -> tuple[SceneStudy, Callable[[], SceneStudy]]:
    """The same where every fold has generators of its own."""
    scenes = open_scenes(config.data)
    study = SceneStudy(config, Source(fitted(scenes.training)), scenes)
    cells, paths = study.design.cells(), {}
    for fold in sorted({study._fold(cell) for cell in cells}):
        for way in dict.fromkeys(arm.way for arm in study.arms.values() if arm.share):
            good = Restored(None, None, study.folds[fold])
            if way != PASTE:
                good = trained(folder, study.folds[fold], fold, way, config, train, say)
            paths[way, fold] = made(folder, good, config.count, say, way)
    study.source = dataclasses.replace(study.source, paths=paths)
    return study, functools.partial(SceneStudy, config, study.source)
