"""An evaluation of a generator of signs: what is generated, beside what, and how it is scored."""

import json
from pathlib import Path

import numpy as np

from gan.archive import GoodRun
from gan.data.labelled import ALL, LabelledImages, with_mirrored
from gan.data.signs import stored_classes
from gan.dcgan.evaluation_report import add_photo_scores, add_scores, page
from gan.dcgan.gan import Network
from gan.dcgan.generator import Generator
from gan.dcgan.image_files import SHARDS, ImageWriter, generate
from gan.dcgan.inception import Inception
from gan.dcgan.judge import judge_of, train_judge
from gan.dcgan.learned import real_images, unseen_part
from gan.dcgan.photo_scores import PhotoScores, photo_scores
from gan.dcgan.samples import draws
from gan.dcgan.scorer import SignScorer, pixel_scores
from gan.dcgan.scores import LARGEST_SAMPLE
from gan.progress import progress, say
from gan.report import Evaluation
from gan.scoring.classification import agreement
from gan.scoring.fidelity import frechet_distance

# Of an image on the disk, besides 8 and 3 bytes a pixel: PNGs are written and logged, tar files written.
IMAGE_BYTES, TAR_BYTES = 8 << 10, 2 << 10
SCORED = 500  # images of a class that the scores look at
SCORED_BYTES = 2**28  # of all of them
GAN_TRAIN = 500  # images of a class that the classifier of GAN-train learns from
MOST_GAN_TRAIN = 43 * GAN_TRAIN  # of all classes


class SignEvaluation:
    """Generates signs from a good run and scores them.

    Args:
        goodrun: what is restored.
        config: of evaluate.

    Attributes:
        classes: that are generated.
        real: the data set that the run was trained on, or None where it is not there any more.
    """

    def __init__(self, goodrun: GoodRun, config):
        self._goodrun, self._config = goodrun, config
        self.real = real_images(goodrun.info, config.data, every_class=config.scores == "full")
        self._known = stored_classes(goodrun.info.data)
        class_id = self._known.parse(config.class_val)
        self._class_val = self._known.key(class_id)
        self._slug = self._known.slug(class_id)
        self.classes = list(range(len(self._known))) if class_id is None else [class_id]

    @property
    def name(self) -> str:
        """What the folder is called."""
        goodrun, config = self._goodrun, self._config
        images = f"class-{self._slug}-{goodrun.run_id[:8]}-{goodrun.iteration:06d}-seed{config.seed}"
        kind = "" if config.scores == "full" else f"-{config.scores}"
        tar = "-tar" * (config.format == "tar")
        return f"{images}-n{config.count}{kind}{'-inception' * config.inception}{tar}"

    @property
    def bytes(self) -> int:
        """Room that it needs on the disk."""
        side = Network.restored(self._goodrun.info.network).size
        each = IMAGE_BYTES + 8 * side * side if self._config.format == "png" else TAR_BYTES + 3 * side * side
        return self._config.count * len(self.classes) * each

    def origin(self) -> dict:
        """What the images and scores depend on."""
        names = ("seed", "count", "scores", "inception")
        origin = {name: getattr(self._config, name) for name in names}
        origin |= {"class_val": self._class_val, "compared": self.real is not None}
        return origin | ({"format": "tar"} if self._config.format == "tar" else {})

    def run(self, folder: Path) -> Evaluation:
        """Generate into a folder, and score."""
        config, several = self._config, self._class_val == ALL
        inception = Inception() if config.inception else None  # what it lacks is said before work starts
        generator = Generator(self._goodrun)
        most = SCORED_BYTES // (len(self.classes) * 3 * generator.network.size**2)
        most = min(SCORED, max(2, most))
        places = self._places(folder)
        for place in places.values():
            place.mkdir(exist_ok=True)
        with progress(config.count * len(self.classes), "generating", "image") as bar:
            writer = ImageWriter(config.seed, config.format, places, most)
            kept = generate(writer, self._goodrun, generator, config.count, config.cluster, bar)
        if config.format == "tar":
            names = {str(k): self._known.names[k] for k in self.classes}
            (folder / SHARDS / "classes.json").write_text(json.dumps(names, indent=1))
        generated = LabelledImages.of(
            np.concatenate(kept), np.repeat(self.classes, [len(images) for images in kept]), self._known
        )
        training = self.real and with_mirrored(self.real.learned)  # copies of mirrored photos are copies
        evaluation = page(self._goodrun, generated, training, several)
        if training is not None and config.scores != "none":
            self._score(evaluation, generator, inception, generated, training)
        return evaluation

    def _places(self, folder: Path) -> dict[int, Path]:
        """The folder of the images of each class."""
        if self._config.format == "tar":
            return dict.fromkeys(self.classes, folder / SHARDS)
        several = self._class_val == ALL
        return {k: folder / self._known.folder(k) if several else folder for k in self.classes}

    def _score(
        self,
        evaluation: Evaluation,
        generator: Generator,
        inception: Inception | None,
        generated: LabelledImages,
        training: LabelledImages,
    ) -> None:
        """Add the scores beside the training images, those held out and the test part."""
        held_out = self.real.held_out
        unseen = unseen_part(self._goodrun.info, self.real, self.classes)
        full = self._config.scores == "full"
        judge = judge_of(self.real, self._config.judge_iterations, say) if full else None
        scorer = judge and SignScorer(judge, training, held_out, self.classes, unseen)
        scores = scorer.full(generated) if scorer else pixel_scores(generated, training, self.classes)
        if scorer and len(self.classes) > 1:
            scores.overall.update(self._gan_train(generator, scorer))
        found = self._photo_scores(generated, training, held_out if unseen is None else unseen) if full else None
        scores.overall.update(found.scores if found else {})
        if inception is not None:
            scores.overall.update(inception_scores(inception, generated, training, held_out, self.classes))
        add_scores(evaluation, scores, self._known, scorer and scorer.closest(generated))
        if found is not None:
            add_photo_scores(evaluation, found)

    def _photo_scores(
        self, generated: LabelledImages, training: LabelledImages, unseen: LabelledImages
    ) -> PhotoScores | None:
        """Beside real images that the run did not learn; None where a class has none."""
        training, unseen = (part.take(np.isin(part.labels, self.classes)) for part in (training, unseen))
        if not unseen.counts()[self.classes].all():
            return None
        return photo_scores(generated, training, unseen, self._config.seed)

    def _gan_train(self, generator: Generator, scorer: SignScorer) -> dict[str, float]:
        """What a classifier that has seen generated images only, as many of every class, says of real ones."""
        seed, iterations = self._config.seed + 1, self._config.judge_iterations
        count = min(GAN_TRAIN, MOST_GAN_TRAIN // len(self._known))
        with progress(len(self._known) * count, "generating for GAN-train", "image") as bar:
            images = [generator.images(count, seed, k, bar) for k in self.classes]
        signs = LabelledImages.of(np.concatenate(images), np.repeat(self.classes, count), self._known)
        judge = train_judge(signs, iterations, seed, "training on generated images")
        found = agreement(judge(scorer.unseen.images)[1], scorer.unseen.labels)
        return {"gan_train": found.macro, "gan_train_floor": scorer.reference().macro}


def inception_scores(
    features: Inception,
    generated: LabelledImages,
    training: LabelledImages,
    held_out: LabelledImages,
    class_ids: list[int],
) -> dict[str, float]:
    """The FID in ImageNet features with its real reference; nothing where images are too few."""
    drawn = draws(generated, held_out, training, class_ids, LARGEST_SAMPLE)
    if not drawn:
        return {}
    real = features(training.images[drawn[0].target])
    scores = {"inception_fid_training": frechet_distance(features(generated.images[drawn[0].generated]), real)}
    if drawn[0].stand_in is not None:
        other = features(held_out.images[drawn[0].stand_in])
        scores["inception_fid_training_floor"] = frechet_distance(other, real)
    return scores
