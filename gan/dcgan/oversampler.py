"""GANOverSampler: generated images as an over-sampler of imbalanced-learn, for anybody's image data.

from gan import GANOverSampler
from gan.data.class_folders import read_class_folders

data = read_class_folders("my-images")  # a folder of images for each class
images, labels = GANOverSampler(random_state=0).fit_resample(data.images, data.labels)
"""

import contextlib
import random
from collections.abc import Callable, Iterator
from numbers import Integral

import numpy as np

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

from gan.data.sets import SignSet
from gan.data.signs import CLASSES, SIZE, Signs
from gan.progress import progress

SHAPE = (SIZE, SIZE, 3)
RATE = 8e-4  # step size of both networks, as `train_dcgan.py` has it by default
MOST_CLASSES = 1024  # that one network knows


class GANOverSampler(BaseOverSampler):
    """Fill up classes with the images of a generative adversarial network.

    It trains a class-conditional generator on all images that it is given, so that rare classes learn from frequent
    ones what they have in common, or restores one that `train_dcgan.py` trained.

    Images are 32x32 RGB: X is (N, 32, 32, 3), or (N, 3072) with an image in every row, of any type of number, with
    values from 0 to 255; floats none of which is above 1 are taken as 0 to 1. The images given come first in the
    result, unchanged, and generated ones follow class by class, of the same type and range. Labels are of any kind
    that imbalanced-learn takes. `gan.data.class_folders.read_class_folders` makes such arrays of files of any size.

    With a `random_state`, the same data gives the same images on the same machine, and TensorFlow computes
    deterministically in this process from then on.

    Args:
        sampling_strategy: "auto" (as "not majority"), "minority", "not minority", "all", a dict of the images wanted
            of each class, a callable that returns one, or for two classes a float; as in imbalanced-learn.
        random_state: int, `numpy.random.RandomState`, or None.
        iterations: updates of both networks in training, 1 or more.
        batch_size: real images of an update, 2 to 4096.
        goodrun_ref: "" to train, or what to restore: "pretrained", a run id, "models:/NAME@ALIAS", a folder.
        class_ids: for a restored generator, a dict of the GTSRB class id (0-42) of each label; None where labels are
            class ids themselves.
        verbose: whether to show progress on stderr.

    Attributes:
        sampling_strategy_: dict of the number of images that were generated of each class.
        n_features_in_: 3072.
        classes_: the labels, in order.
        generator_: the Keras model that was trained, of inputs latent float32 (N, 100) and int32 (N,), places in
            `classes_`, to images float32 (N, 32, 32, 3) in [-1, 1]; None where none was trained.
    """

    _parameter_constraints: dict = {  # noqa: RUF012  the form that scikit-learn looks for
        **BaseOverSampler._parameter_constraints,
        "random_state": ["random_state"],
        "iterations": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, 4096, closed="both")],
        "goodrun_ref": [str],
        "class_ids": [dict, None],
        "verbose": ["boolean"],
    }

    def __init__(
        self,
        *,
        sampling_strategy="auto",
        random_state=None,
        iterations=6_000,
        batch_size=32,
        goodrun_ref="",
        class_ids=None,
        verbose=False,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.iterations = iterations
        self.batch_size = batch_size
        self.goodrun_ref = goodrun_ref
        self.class_ids = class_ids
        self.verbose = verbose

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
        if given.shape[1:] not in (SHAPE, (np.prod(SHAPE),)):
            raise ValueError(
                f"X has shape {given.shape}, and images are (N, {SIZE}, {SIZE}, 3) or (N, {np.prod(SHAPE)}); "
                "gan.data.class_folders.read_class_folders makes them of files of any size."
            )
        if flat.min() < 0 or flat.max() > 255:
            raise ValueError(
                f"X has values from {flat.min()} to {flat.max()}, and images have values from 0 to 255, or as floats "
                "from 0 to 1; bring them into this range."
            )
        return flat.reshape(given.shape), y, binarize_y

    def _fit_resample(self, X, y):
        self.classes_, self.generator_ = np.unique(y), None
        lacking = {label: int(count) for label, count in self.sampling_strategy_.items() if count > 0}
        if not lacking:
            return X.copy(), y.copy()
        white = 1 if X.dtype.kind == "f" and X.max() <= 1 else 255
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if self.random_state is not None:
            from gan.training.devices import make_deterministic

            make_deterministic()
        images = np.rint(X * (255 / white)).astype(np.uint8) if X.dtype != np.uint8 else X
        images = images.reshape(-1, *SHAPE)
        generate = self._restored(images, y, lacking, seed) if self.goodrun_ref else self._trained(images, y, seed)
        all_images, all_labels = [X], [y]
        with progress(sum(lacking.values()), "generating", "image", hidden=not self.verbose) as bar:
            for label, count in lacking.items():
                generated = generate(label, count)
                generated = (generated / 255 if white == 1 else generated).astype(X.dtype)
                all_images.append(generated.reshape(count, *X.shape[1:]))
                all_labels.append(np.full(count, label, y.dtype))
                bar.update(count)
        return np.concatenate(all_images), np.concatenate(all_labels)

    def _trained(self, images: np.ndarray, y: np.ndarray, seed: int) -> Callable:
        """Train a generator of all classes; a function (label, count) to uint8 (count, 32, 32, 3)."""
        from gan.checkpoints import finite
        from gan.dcgan.gan import Network, SignGan
        from gan.training.loop import train_quietly

        if len(self.classes_) > MOST_CLASSES:
            raise ValueError(f"y has {len(self.classes_)} classes, and one generator knows {MOST_CLASSES} at most.")
        labels = np.searchsorted(self.classes_, y)
        with _random_states_kept():
            trained = SignGan(
                Network(len(self.classes_)), images, labels, self.batch_size, (RATE, RATE), seed, "float32"
            )
            with progress(self.iterations, "training", "iteration", hidden=not self.verbose) as bar:
                train_quietly(trained, self.iterations, bar.update)
        if not finite(trained.parts()):
            raise ValueError("the training broke down (weights are no numbers any more); try another random_state.")
        self.generator_ = trained.averaged

        def generate(label, count):
            place = int(np.searchsorted(self.classes_, label))
            return trained.images(np.full(count, place), f"class {place}")

        return generate

    def _restored(self, images: np.ndarray, y: np.ndarray, lacking: dict, seed: int) -> Callable:
        """Restore a generator that has learned such images; a function as of `_trained`."""
        from gan import archive
        from gan.dcgan.generator import Generator
        from gan.dcgan.learned import require_learned

        ids = {label: label if self.class_ids is None else self.class_ids.get(label) for label in lacking}
        for label, class_id in ids.items():
            if not isinstance(class_id, Integral) or not 0 <= class_id < CLASSES:
                raise ValueError(
                    f"label {label!r} stands for no class id from 0 to {CLASSES - 1}, which a good run generates; "
                    "give it one in class_ids."
                )
            if list(ids.values()).count(class_id) > 1:
                raise ValueError(f"class id {class_id} is given to two labels, which would get the same images.")
        class_val = str(next(iter(ids.values()))) if len(ids) == 1 else "all"
        goodrun = archive.resolve(self.goodrun_ref, "dcgan", class_val, one_of_all=True)
        generator = Generator(goodrun)
        if goodrun.info.class_val == "all":  # a run of one class was chosen by its class
            known = np.isin(y, list(ids))
            signs = Signs.of(images[known], np.array([ids[label] for label in y[known]]))
            require_learned(goodrun, generator, SignSet("the images given", signs, None))
        return lambda label, count: generator.images(count, seed, int(ids[label]))


@contextlib.contextmanager
def _random_states_kept() -> Iterator[None]:
    """Keras seeds the generators of Python and NumPy that belong to the user's program: put them back after."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
