"""The last layer of a classifier, trained once more so that rare classes weigh as much as frequent ones.

Features are learned best from images as often as the data has them, and only the last layer takes rare classes for
rare: it is fitted anew with all classes of the same weight (Kang et al. 2020, arXiv 1910.09217, section 4.1).
"""

import warnings

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from gan.training import policies, sampling

BATCH = 256  # images at a time
STRENGTH = 0.1  # inverse of the penalty of large weights
MOST_STEPS = 100  # of the fit; what follows changes little
NEVER = 30.0  # logits below the others for a class without images


def retrain(model: keras.Model, images: np.ndarray, labels: np.ndarray, policy: str, seed: int) -> None:
    """Fit the last layer of a classifier anew, with all classes of the same weight; all before it stays.

    Args:
        model: as `gan.dcgan.classifier.build_classifier` makes it.
        images: uint8 (N, size, size, 3), training images of two classes or more.
        labels: integers (N,), their class ids.
        policy: how they are varied, once each (`gan.training.policies`).
        seed: of that.
    """
    fit_last_layer(model, features(model, images, policy, seed), labels)


def features(model: keras.Model, images: np.ndarray, policy: str = policies.NONE, seed: int = 0) -> np.ndarray:
    """What the last layer sees of uint8 images (N, size, size, 3), varied by a policy: float32 (N, F), from 0 on."""
    found = []
    for first in range(0, len(images), BATCH):
        part = tf.constant(images[first : first + BATCH].astype(np.float32) / 127.5 - 1)
        part = policies.varied(part, sampling.key(seed, first, "last layer"), policy)
        found.append(np.maximum(model(part, training=False)[0], 0))
    return np.concatenate(found)


def fit_last_layer(model: keras.Model, found: np.ndarray, labels: np.ndarray) -> None:
    """Make a regression of features, float32 (N, F), to class ids, integers (N,), the last layer of a classifier."""
    last = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=MOST_STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        last.fit(found, labels)
    layer = model.get_layer("logits")
    weights, bias = last.coef_, last.intercept_
    if len(last.classes_) == 2:  # it is one line for both
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    kernel, offset = np.zeros(layer.kernel.shape), np.full(layer.bias.shape, bias.min() - NEVER)
    kernel[:, last.classes_], offset[last.classes_] = weights.T, bias
    layer.set_weights([kernel, offset])
