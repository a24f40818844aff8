"""GANOverSampler: generated images as an over-sampler of imbalanced-learn, for anybody's image data.

from gan import GANOverSampler
from gan.data.class_folders import read_class_folders

data = read_class_folders("my-images").train  # a folder of images for each class
sampler = GANOverSampler(random_state=0)
images, labels = sampler.fit_resample(data.images, data.labels)
sampler.save("my-generator")  # GANOverSampler(goodrun_ref="my-generator") needs no training
"""

import contextlib
import dataclasses
import random
import uuid
import warnings
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from PIL import Image

try:
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_target_type
except ImportError as error:
    raise ImportError(
        "GANOverSampler needs imbalanced-learn, which is not installed; install it with "
        "`uv sync --frozen --extra sampling`."
    ) from error
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from gan.checkpoint_info import MOST_CLASSES
from gan.data.decode import SIZES
from gan.data.labelled import ALL, Classes, LabelledImages, label_type
from gan.data.sets import DataSet
from gan.data.signs import GTSRB, storable, stored_classes
from gan.errors import UserError
from gan.progress import progress

RATE = 8e-4  # step size of both networks, as `train_dcgan.py` has it by default
CHECKS = 5  # looks at the generated images during a training, to keep the best weights


class GANOverSampler(BaseOverSampler):
    """Fill up classes with the images of a generative adversarial network.

    It trains a class-conditional generator on all images that it is given, so that rare classes learn from frequent
    ones what they have in common, or restores one that was trained before. A classifier of the images given throws
    away generated ones that are of another class and copies of images given, as the command `balance` does.

    Images are RGB: X is (N, height, width, 3), or a square image flattened into every row, of any type of number,
    with values from 0 to 255; floats none of which is above 1 are taken as 0 to 1. The images given come first in the
    result, unchanged, and generated ones follow class by class, of the same shape, type and range. Networks learn
    32, 64, 128 or 256 pixels: images of other sizes are resized for them, and generated ones back. Labels are of any
    kind that imbalanced-learn takes. `gan.data.class_folders.read_class_folders` makes such arrays of files.

    A fit trains anew: with the defaults about 5 minutes on two cores for images of 32x32, three times as long
    for 64x64, whatever their number. Five folds of a cross-validation train five times: `save` one generator and give
    it as `goodrun_ref` where the folds may share it (it has seen the images of all of them then). A few dozen images
    of a class give rough images; 6,000 iterations and more are better.

    With a `random_state`, the same data gives the same images on the same machine, and TensorFlow computes
    deterministically in this process from then on.

    Args:
        sampling_strategy: "auto" (as "not majority"), "minority", "not minority", "all", a dict of the images wanted
            of each class, a callable that returns one, or for two classes a float; as in imbalanced-learn.
        random_state: int, `numpy.random.RandomState`, or None.
        iterations: updates of both networks in training, 1 or more, at most: it ends when generated images come no
            nearer to the images given.
        batch_size: real images of an update, 2 to 4096.
        goodrun_ref: "" to train, or what to restore: a folder that `save` or `export` wrote, "pretrained", a run id,
            "models:/NAME@ALIAS".
        class_ids: for a restored generator, a dict of its class (id or name) for each label; None where labels are
            these themselves.
        quality: probability, 0 to below 1, that the classifier must give the class of an image; 0 keeps all, copies
            too, and trains to the last iteration.
        judge_iterations: updates of the classifier, 1 or more.
        verbose: whether to show progress on stderr.

    Attributes:
        sampling_strategy_: dict of the number of images that were wanted of each class. A class gets fewer, with a
            warning, when fewer than one in ten of its generated images is kept.
        n_features_in_: numbers of an image.
        classes_: the labels, in order.
        generator_: the Keras model that was trained, of inputs latent float32 (N, 100) and int32 (N,), places in
            `classes_`, to images float32 (N, size, size, 3) in [-1, 1]; None where none was trained.
    """

    _parameter_constraints: dict = {  # noqa: RUF012  the form that scikit-learn looks for
        **BaseOverSampler._parameter_constraints,
        "random_state": ["random_state"],
        "iterations": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, 4096, closed="both")],
        "goodrun_ref": [str],
        "class_ids": [dict, None],
        "quality": [Interval(Real, 0, 1, closed="left")],
        "judge_iterations": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["boolean"],
    }

    def __init__(
        self,
        *,
        sampling_strategy="auto",
        random_state=None,
        iterations=1_000,
        batch_size=32,
        goodrun_ref="",
        class_ids=None,
        quality=0.5,
        judge_iterations=300,
        verbose=True,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.iterations = iterations
        self.batch_size = batch_size
        self.goodrun_ref = goodrun_ref
        self.class_ids = class_ids
        self.quality = quality
        self.judge_iterations = judge_iterations
        self.verbose = verbose

    def save(self, folder: str | Path) -> None:
        """Write the generator that was trained to a folder, whose path `goodrun_ref` takes, here and everywhere.

        Raises:
            ValueError: none was trained.
            OSError: it can't be written.
        """
        from gan import checkpoints
        from gan.training.averaged_gan import weights

        if getattr(self, "generator_", None) is None:
            raise ValueError("there is no generator to save: fit_resample trains one, without goodrun_ref.")
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(folder) / checkpoints.file_name(self._info.iteration)
        checkpoints.save(path, self._info, {checkpoints.WEIGHTS: weights(self.generator_)})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.positive_only = True
        tags.input_tags.three_d_array = True  # of each image; scikit-learn has no word for it
        return tags

    def _check_X_y(self, X, y, accept_sparse=None):
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        given = X if hasattr(X, "columns") or issparse(X) else np.asarray(X)
        flat = given if given.ndim == 2 else given.reshape(len(given), -1)
        flat, y = validate_data(self, X=flat, y=y, reset=True)
        self._shape = _image_shape(given.shape)
        if flat.min() < 0 or flat.max() > 255:
            raise ValueError(
                f"X has values from {flat.min()} to {flat.max()}, and images have values from 0 to 255, or as floats "
                "from 0 to 1; bring them into this range."
            )
        return flat.reshape(given.shape), y, binarize_y

    def _fit_resample(self, X, y):
        self.classes_, self.generator_ = np.unique(y), None
        lacking = np.array([max(0, self.sampling_strategy_.get(label, 0)) for label in self.classes_])
        if not lacking.any():
            return X.copy(), y.copy()
        if len(self.classes_) > MOST_CLASSES:
            raise ValueError(f"y has {len(self.classes_)} classes, and one generator knows {MOST_CLASSES} at most.")
        white = 1 if X.dtype.kind == "f" and X.max() <= 1 else 255
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if self.random_state is not None:
            from gan.training.devices import make_deterministic

            make_deterministic()
        images = np.rint(X * (255 / white)).astype(np.uint8) if X.dtype != np.uint8 else X
        with _random_states_kept():
            generated, labels = self._generated(images.reshape(-1, *self._shape), y, lacking, seed)
        generated = resized(generated, *self._shape[:2])
        generated = (generated / 255 if white == 1 else generated).astype(X.dtype)
        both = X, generated.reshape(len(generated), *X.shape[1:])
        return np.concatenate(both), np.concatenate([y, self.classes_[labels].astype(y.dtype)])

    def _generated(self, images: np.ndarray, y: np.ndarray, lacking: np.ndarray, seed: int):
        """Images of the generator's size that are kept, and the place in `classes_` of each."""
        from gan.dcgan import balance
        from gan.dcgan.judge import train_judge

        names = [str(label) for label in self.classes_]
        classes = Classes.named(names) if len(set(names)) == len(names) else Classes.named(range(len(names)))
        ids = np.searchsorted(self.classes_, y).astype(label_type(classes))
        restored = self._restored(images, y, lacking) if self.goodrun_ref else None
        side = restored[1] if restored else min(SIZES, key=lambda size: abs(size - max(images.shape[1:3])))
        real = LabelledImages.of(resized(images, side, side), ids, classes)
        judge = None
        if self.quality:
            judge = train_judge(real, self.judge_iterations, seed, "training the judge", hidden=not self.verbose)
        draw = restored[0] if restored else self._trained(real, judge, seed)
        keep = balance.Filter(judge, self.quality, real)
        generated, counts = balance.generate(draw, keep, lacking, real, seed, hidden=not self.verbose)
        for count in counts:
            if count.short:
                warnings.warn(
                    f"class {count.label} stays {count.short} images short: too few generated images were taken for "
                    "it; give more iterations, more images of it, or quality=0.",
                    stacklevel=4,
                )
        return generated, np.repeat([count.class_id for count in counts], [count.kept for count in counts])

    def _trained(self, real: LabelledImages, judge: Callable | None, seed: int) -> Callable:
        """Train a generator of all classes; a function (count, seed, class id) to uint8 (count, size, size, 3)."""
        from gan.checkpoint_info import CheckpointInfo
        from gan.checkpoints import finite
        from gan.dcgan.best_weights import BestWeights
        from gan.dcgan.gan import Network, SignGan
        from gan.dcgan.generator import generated
        from gan.training.loop import run_blocks

        network = Network(len(real.classes), size=real.size)
        trained = SignGan(network, real.images, real.labels, self.batch_size, (RATE, RATE), seed, "float32")
        best, look, iteration = BestWeights(trained, real, judge), max(1, self.iterations // CHECKS), self.iterations
        with progress(self.iterations, "training", "iteration", hidden=not self.verbose) as bar:
            for done, _ in run_blocks(trained, 0, self.iterations, [look]):
                bar.update(done - bar.n)
                if done % look == 0 and not best.improving():
                    iteration = done
                    break
        if not finite(trained.parts()):
            raise ValueError("the training broke down (weights are no numbers any more); try another random_state.")
        best.restore()
        self.generator_ = trained.averaged
        data = CheckpointInfo.of_data("images given to GANOverSampler", real.digest(), len(real), None)
        parameters = {"batch_size": self.batch_size, "seed": seed}
        self._info = CheckpointInfo(
            "dcgan", ALL, iteration, dataclasses.asdict(network), parameters, data | storable(real.classes),
            uuid.UUID(int=random.Random(seed).getrandbits(128)).hex,
        )  # fmt: skip
        return lambda count, seed, k: np.concatenate([*generated(self.generator_, network, count, seed, k)])

    def _restored(self, images: np.ndarray, y: np.ndarray, lacking: np.ndarray) -> tuple[Callable, int]:
        """Restore a generator that has learned such images: a function as of `_trained`, and its images' size."""
        from gan import archive
        from gan.dcgan.generator import Generator
        from gan.dcgan.learned import require_learned

        wanted = {place: self.classes_[place] for place in np.flatnonzero(lacking)}
        given = {
            place: label if self.class_ids is None else self.class_ids.get(label) for place, label in wanted.items()
        }
        goodrun = archive.resolve(self.goodrun_ref, "dcgan", None)
        classes, ids = stored_classes(goodrun.info.data), {}
        for place, name in given.items():
            try:
                ids[place] = None if name is None else classes.parse(str(name), f"label {wanted[place]!r}")
            except UserError as error:
                raise ValueError(f"{error} Give it a class in class_ids.") from None
            if ids[place] is None:
                raise ValueError(f"label {wanted[place]!r} has no class in class_ids; give it one.")
            if list(ids.values()).count(ids[place]) > 1:
                raise ValueError(f"class {name!r} is given to two labels, which would get the same images.")
        known = goodrun.info.class_val
        if known != ALL and [classes.keys[k] for k in ids.values()] != [known]:
            raise ValueError(
                f"goodrun_ref {self.goodrun_ref} was trained on class_val {known} alone; give one of all."
            )
        generator = Generator(goodrun)
        if goodrun.info.class_val == ALL and classes == GTSRB:  # others are known by their names
            known = np.isin(y, [*wanted.values()])
            labels = np.array([ids[place] for place in np.searchsorted(self.classes_, y[known])])
            signs = LabelledImages.of(resized(images[known], *[generator.network.size] * 2), labels, classes)
            require_learned(goodrun, generator, DataSet("the images given", signs, None))
        return lambda count, seed, place: generator.images(count, seed, ids[place]), generator.network.size


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of the images of an array of this shape.

    Raises:
        ValueError: it holds no RGB images.
    """
    side = round((shape[1] / 3) ** 0.5) if len(shape) == 2 else 0
    found = (side, side, 3) if side else shape[1:]
    fits = len(found) == 3 and found[2] == 3 and min(found) >= 2 and max(found) <= 1024
    if not fits or (side and side * side * 3 != shape[1]):
        raise ValueError(
            f"X has shape {shape}, and images are (N, height, width, 3) or square ones flattened (N, 3 * size**2); "
            "gan.data.class_folders.read_class_folders makes them of files of any size."
        )
    return found


def resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images uint8 (N, h, w, 3) as uint8 (N, height, width, 3): bicubic, averaged where they shrink."""
    if images.shape[1:3] == (height, width):
        return images
    made = [Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC) for image in images]
    return np.stack(made) if made else np.empty((0, height, width, 3), np.uint8)


@contextlib.contextmanager
def _random_states_kept() -> Iterator[None]:
    """Keras seeds the generators of Python and NumPy that belong to the user's program: put them back after."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
