"""A generator that paints pictograms: what it learns from, what it is shown, and signs that it has never learned."""

import numpy as np
import pytest
import tensorflow as tf

from gan.archive import resolve
from gan.data.labelled import LabelledImages
from gan.data.signs import CLASSES, GTSRB
from gan.dcgan import gan as dcgan
from gan.dcgan.gan import Network, SignGan
from gan.dcgan.generator import Generator
from gan.dcgan.poses import textures, textures_of_classes, with_pictograms
from gan.drawn.pictograms import pictogram
from gan.drawn.signs import draw_signs
from gan.errors import UserError
from gan.training import devices
from tests.made_up_goodrun import write_goodrun

PAINTS = Network(CLASSES, generator_width=4, discriminator_width=4, pictograms=True)
KNOWN = [3, 3, 17, 17, 17, 35]  # classes that have photos


@pytest.fixture(scope="module", autouse=True)
def the_same_bits_each_time() -> None:
    devices.make_deterministic()


def build(network: Network = PAINTS) -> SignGan:
    images = np.random.default_rng(0).integers(0, 256, (len(KNOWN), 32, 32, 7), np.uint8)
    images[..., 3] = np.array(KNOWN)[:, None, None]  # the red of a pictogram tells the class
    return SignGan(network, images, np.array(KNOWN), 6, (1e-3, 1e-3), 0, "float32")


def test_each_photo_has_the_pictogram_of_its_class_in_its_pose() -> None:
    signs, _ = draw_signs(43, 43, 0, classes=[13, 17])
    both = with_pictograms(signs)
    assert both.shape == (len(signs), 32, 32, 7) and both.dtype == np.uint8
    np.testing.assert_array_equal(both[..., :3], signs.images)
    for photo, drawing, label in zip(signs.images, both[..., 3:], signs.labels, strict=True):
        inside = drawing[..., 3] > 200
        assert 150 < inside.sum() < 800
        # The pictogram says where the photo is light: on the sign, not anywhere.
        light, drawn = photo.mean(axis=2)[inside].astype(float), drawing[..., :3].mean(axis=2)[inside].astype(float)
        assert np.corrcoef(light, drawn)[0, 1] > 0.5, label


def test_an_update_shows_a_pictogram_with_each_photo_and_of_classes_with_photos_alone(monkeypatch) -> None:
    shown, plain = [], dcgan.augment
    monkeypatch.setattr(dcgan, "augment", lambda images, *given: shown.append(images) or plain(images, *given))
    trained = build()
    metrics = np.asarray(trained.iterate(tf.constant(0)))
    assert np.isfinite(metrics).all() and len(metrics) == len(trained.metric_names) == 5
    real, generated = ((np.asarray(images) + 1) * 127.5 for images in shown)
    assert real.shape == generated.shape == (6, 32, 32, 7)
    classes = [np.rint(images[:, 0, 0, 3]).astype(int).tolist() for images in (real, generated)]
    assert classes[0] == classes[1] and set(classes[0]) <= set(KNOWN)


def test_classes_with_photos_are_drawn_evenly(monkeypatch) -> None:
    shown, plain = [], dcgan.augment
    monkeypatch.setattr(dcgan, "augment", lambda images, *given: shown.append(images) or plain(images, *given))
    known = np.arange(33)
    images = np.zeros((33, 32, 32, 7), np.uint8)
    images[..., 3] = known[:, None, None]
    SignGan(PAINTS, images, known, 990, (1e-3, 1e-3), 0, "float32").iterate(tf.constant(1))
    classes = np.rint((np.asarray(shown[0])[:, 0, 0, 3] + 1) * 127.5).astype(int)
    counts = np.bincount(classes, minlength=33)
    assert 0.75 < counts[:10].mean() / counts[10:].mean() < 1.33  # 43 - 33 of them were drawn twice as often


def test_every_weight_learns_and_the_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        trained = build()
        before = [variable.numpy() for variable in trained.generator.trainable_variables]
        for iteration in range(2):
            trained.iterate(tf.constant(iteration))
        after = [variable.numpy() for variable in trained.generator.trainable_variables]
        assert not any(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
        states.append(after)
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_on_a_sign_is_seen_by_fine_maps_only() -> None:
    trained = build()
    seen = {name: trained.generator.get_layer(f"seen_{name}").kernel.shape[2] for name in (4, 8, 16, 32)}
    assert seen == {4: 1, 8: 1, 16: 4, 32: 4}


def test_samples_are_of_all_classes_and_the_same_each_time() -> None:
    trained = build()
    samples = trained.sample()
    assert samples.shape == (2 * CLASSES, 32, 32, 3)
    np.testing.assert_array_equal(samples, trained.sample())
    made = trained.generating()({name: tf.constant(value) for name, value in trained.example().items()})
    assert made.shape == (1, 32, 32, 3)


def test_a_generator_paints_what_it_is_given(tmp_path) -> None:
    generator = Generator(resolve(write_goodrun(tmp_path, pictograms=True), "dcgan", "all"))
    images = generator.images(70, 1, 17)
    assert images.shape == (70, 32, 32, 3)
    np.testing.assert_array_equal(images[:5], generator.images(5, 1, 17))
    assert not np.array_equal(images[:5], generator.images(5, 1, 18))
    sign = textures([pictogram(17, 64)], 64)[0]
    one, other = (np.concatenate(list(generator.photos(sign * level, 5, 1))) for level in (1.0, 0.5))
    assert one.shape == (5, 32, 32, 3) and not np.array_equal(one, other)


def test_a_generator_of_classes_can_not_paint(tmp_path) -> None:
    generator = Generator(resolve(write_goodrun(tmp_path), "dcgan", "all"))
    with pytest.raises(UserError, match="can't paint other signs; give a run that was trained with pictograms=true"):
        generator.photos(textures_of_classes(64)[0], 1, 0)


def test_networks_that_make_no_sense_are_refused() -> None:
    for fields in ({"layout": "transposed"}, {"pictograms": 1}):
        with pytest.raises(UserError, match="can't be built"):
            Network.restored({"classes": CLASSES, "layout": "enlarged", "pictograms": True} | fields)
    for name in ("domains", "looks"):
        with pytest.raises(UserError, match="learned drawn signs as a second domain, which is no longer built"):
            Network.restored({"classes": CLASSES, name: 2})
        assert Network.restored({"classes": CLASSES, name: 1}) == Network(CLASSES, layout="transposed")


def test_photos_without_a_box_have_pictograms_too() -> None:
    signs = LabelledImages.of(np.full((2, 32, 32, 3), 90, np.uint8), np.array([17, 0]), GTSRB)
    assert (with_pictograms(signs)[..., 6] > 200).sum(axis=(1, 2)).min() > 100
