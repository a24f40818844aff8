import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.pix2pix import segmenter
from gan.pix2pix.segmenter import (
    HEAVIEST,
    IGNORED,
    PairSampler,
    SegmenterTrainer,
    augment_pairs,
    build_segmenter,
    class_weights,
)
from gan.training import devices
from gan.training.loop import run_blocks

LEARNED = 150  # iterations that the toy problem takes
SIZE = 32


@pytest.fixture(scope="module", autouse=True)
def small_and_the_same_bits_each_time():
    devices.make_deterministic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "build_segmenter", functools.partial(build_segmenter, channels=4))
        yield


def toys(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright square (class 1) or a dark one (class 2) on grey noise (class 0), with a frame that does not count."""
    random = np.random.default_rng(seed)
    photos = random.integers(90, 160, (count, SIZE, SIZE, 3)).astype(np.uint8)
    labels = np.zeros((count, SIZE, SIZE), np.uint8)
    for k, (row, column) in enumerate(random.integers(3, SIZE - 13, (count, 2))):
        place = slice(row, row + 10), slice(column, column + 10)
        photos[k][place] = 235 if k % 2 else 15
        labels[k][place] = 1 if k % 2 else 2
    labels[:, 0] = IGNORED
    return photos, labels


def build(iterations: int = 8, seed: int = 0, **more) -> SegmenterTrainer:
    return SegmenterTrainer(PairSampler(*toys(6, seed=5), 3), iterations, seed, **more)


def step(trainer: SegmenterTrainer, iteration: int = 0) -> dict[str, float]:
    return dict(zip(trainer.metric_names, np.asarray(trainer.iterate(tf.constant(iteration))).tolist(), strict=True))


def weights(trainer: SegmenterTrainer) -> list[np.ndarray]:
    return [variable.numpy().copy() for variable in trainer.model.variables]


def batches(trainer: SegmenterTrainer, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos and label maps of the first iterations."""
    pairs = [trainer.batch(tf.constant(k)) for k in range(count)]
    return tuple(np.concatenate([np.asarray(pair[part]) for pair in pairs]) for part in (0, 1))


# --- learning


@pytest.mark.slow
def test_it_learns_what_is_easy() -> None:
    trainer = SegmenterTrainer(PairSampler(*toys(40, seed=1), 3), LEARNED, 0)
    metrics = [each for _, each in run_blocks(trainer, 0, LEARNED, [])]
    photos, labels = toys(20, seed=2)
    answers = np.asarray(trainer.model(photos / np.float32(127.5) - 1, training=False)[1]).argmax(axis=3)
    for k in range(3):
        assert (answers[labels == k] == k).mean() > 0.85, k
    assert metrics[-1]["loss"] < 0.6 * metrics[0]["loss"] and metrics[-1]["accuracy"] > metrics[0]["accuracy"]
    assert metrics[0]["images_per_second"] > 0 and trainer.batch_size == segmenter.BATCH


def test_loss_and_accuracy_are_those_worked_out_by_hand() -> None:
    photos, labels = toys(1, seed=3)  # a dark square: 100 pixels of class 2, 32 that do not count
    trainer = SegmenterTrainer(PairSampler(photos, labels, 3), 8, 0, augmented=False)
    layer = trainer.model.get_layer("logits")
    layer.kernel.assign(layer.kernel * 0)
    layer.bias.assign([4.0, 0, 0])
    squares, ground = 100, SIZE * SIZE - SIZE - 100
    shares = np.array([ground, squares]) / (ground + squares)
    weigh = shares**-0.5 / (shares**-0.5 @ shares)
    right, wrong = np.log(1 + 2 * math.exp(-4)), np.log(1 + 2 * math.exp(-4)) + 4
    metrics = step(trainer)
    wanted = (weigh[0] * shares[0] * right + weigh[1] * shares[1] * wrong) / (weigh @ shares)
    assert metrics["loss"] == pytest.approx(wanted, rel=1e-4)
    assert metrics["accuracy"] == pytest.approx(shares[0], rel=1e-5)


def test_pixels_that_do_not_count_change_nothing() -> None:
    photos, labels = toys(4, seed=3)
    empty = SegmenterTrainer(PairSampler(photos, np.full_like(labels, IGNORED), 3), 8, 0)
    assert step(empty) == {"loss": 0.0, "accuracy": 0.0}
    assert all(np.isfinite(value).all() for value in weights(empty))
    trainer = SegmenterTrainer(PairSampler(photos, labels, 3), 8, 0, augmented=False)
    labels = np.asarray(trainer.batch(0)[1])
    assert set(np.unique(labels)) == {0, 1, 2, IGNORED}, "they come through the draw"


# --- what is drawn


def marked(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes whose photo and label map are their number."""
    photos = np.zeros((count, SIZE, SIZE, 3), np.uint8) + np.arange(count, dtype=np.uint8)[:, None, None, None]
    return photos, photos[..., 0].copy()


def test_scenes_are_drawn_alike_each_with_its_own_label_map() -> None:
    trainer = SegmenterTrainer(PairSampler(*marked(4), 4), 8, 0, augmented=False)
    photos, labels = batches(trainer, 50)
    assert photos.dtype == np.float32 and labels.dtype == np.int32
    numbers = np.rint((photos[:, 0, 0, 0] + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(labels, np.broadcast_to(numbers[:, None, None], labels.shape))
    np.testing.assert_allclose(
        photos, np.broadcast_to(numbers[:, None, None, None], photos.shape) / 127.5 - 1, atol=1e-6
    )
    counts = np.bincount(numbers, minlength=4)
    assert ((counts - 100) ** 2 / 100).sum() < 16  # chi-squared, 3 degrees of freedom


def test_scenes_are_drawn_by_their_odds() -> None:
    trainer = SegmenterTrainer(PairSampler(*marked(4), 4, np.array([0, 3, 0, 1])), 8, 0, augmented=False)
    counts = np.bincount(batches(trainer, 50)[1][:, 0, 0], minlength=4)
    assert counts[0] == counts[2] == 0 and abs(counts[1] - 300) < 45


# --- augmentation


def gradient(count: int, height: int = 40, width: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Photos whose green grows to the right and whose blue grows down, and label maps that say the same in steps."""
    rows, columns = np.mgrid[:height, :width]
    photo = np.stack([0 * rows, columns / width * 1.6 - 0.8, rows / height * 1.6 - 0.8], axis=-1).astype(np.float32)
    labels = (rows // 10 * 6 + columns // 10).astype(np.int32)
    return np.tile(photo, (count, 1, 1, 1)), np.tile(labels, (count, 1, 1))


def changed(monkeypatch: pytest.MonkeyPatch, count: int = 64, light: bool = False, key: int = 0):
    if not light:
        for name in ("OFFSET", "CONTRAST", "TINT"):
            monkeypatch.setattr(segmenter, name, 0.0)
    photos, labels = augment_pairs(*map(tf.constant, gradient(count)), tf.constant([key, 1]))
    return np.asarray(photos), np.asarray(labels)


def test_photo_and_label_map_are_moved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    photos, labels = changed(monkeypatch)
    assert photos.shape == (64, 40, 60, 3) and labels.dtype == np.int32
    inside = labels != IGNORED
    columns, rows = (photos[..., 1] + 0.8) / 1.6 * 60, (photos[..., 2] + 0.8) / 1.6 * 40
    # The step that a pixel is labelled with is where its colour says that it comes from.
    for place, step in ((columns, labels % 6), (rows, labels // 6)):
        within = place[inside] / 10
        assert (np.abs(within - step[inside] - 0.45) < 0.5 + 0.06).all()


def test_half_are_mirrored_some_are_closer_and_some_have_a_border(monkeypatch: pytest.MonkeyPatch) -> None:
    photos, labels = changed(monkeypatch)
    mirrored = photos[:, 20, 25, 1] > photos[:, 20, 35, 1]
    assert 20 <= mirrored.sum() <= 44
    spans = np.ptp(photos[:, 20, :, 1] * (labels[:, 20] != IGNORED), axis=1) / 1.6
    assert spans.min() < 0.75 and spans.max() > 0.9
    bordered = (labels == IGNORED).any(axis=(1, 2))
    assert 5 < bordered.sum() < 40
    assert (photos[labels == IGNORED] == 0).all(), "grey where nothing is known"
    assert len({photo.tobytes() for photo in photos}) == 64, "each pair has its own draw"


def test_it_is_never_upside_down_and_the_same_key_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    photos, _ = changed(monkeypatch)
    assert (photos[:, 25, 30, 2] > photos[:, 15, 30, 2]).all()
    again, other = changed(monkeypatch)[0], changed(monkeypatch, key=5)[0]
    np.testing.assert_array_equal(photos, again)
    assert (photos != other).any()


def test_light_changes_for_the_photo_alone_and_not_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    lit, labels = changed(monkeypatch, light=True)
    plain, same = changed(monkeypatch)
    np.testing.assert_array_equal(labels, same)
    offsets = (lit - plain).mean(axis=(1, 2, 3))
    assert np.abs(offsets).max() <= 0.5 + 1e-5 and offsets.min() < -0.25 and offsets.max() > 0.25
    contrasts = lit.std(axis=(1, 2)) / np.maximum(plain.std(axis=(1, 2)), 1e-6)
    for channel in (1, 2):
        assert contrasts[:, channel].min() < 0.75 and contrasts[:, channel].max() > 1.25
        assert (contrasts[:, channel] > 0.37).all() and (contrasts[:, channel] < 1.88).all()
    assert np.abs(contrasts[:, 1] / contrasts[:, 2] - 1).max() > 0.1


# --- weights of classes


def test_rare_classes_weigh_more_but_not_as_much_as_they_are_rare() -> None:
    labels = np.repeat([0, 1, 2, IGNORED], [900, 90, 10, 500]).astype(np.uint8)[None, None]
    found = class_weights(labels, 4)
    assert found.dtype == np.float32 and found[3] == 0
    assert found[1] / found[0] == pytest.approx(math.sqrt(10), rel=1e-5)
    assert found[:3] @ [0.9, 0.09, 0.01] == pytest.approx(1, abs=0.03)


def test_a_weight_has_a_limit_and_nothing_weighs_nothing() -> None:
    labels = np.zeros((1, 1, 100_000), np.uint8)
    labels[0, 0, 0] = 1
    assert class_weights(labels, 2)[1] == HEAVIEST
    assert not class_weights(np.full((1, 2, 2), IGNORED, np.uint8), 3).any()


# --- the network


def network(width: int, height: int) -> keras.Model:
    return build_segmenter(5, width, height, channels=2)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 31), (36, 24), (128, 96), (100, 45)])
def test_every_pixel_has_an_answer_at_any_size(width: int, height: int) -> None:
    features, logits = (np.asarray(output) for output in network(width, height)(noise(height, width)))
    assert logits.shape == (1, height, width, 5) and features.shape == (1, 16)


def test_weights_do_not_depend_on_the_size() -> None:
    small, large = network(17, 31), network(128, 96)
    assert [v.shape for v in small.variables] == [v.shape for v in large.variables]


@pytest.mark.parametrize(("width", "height"), [(15, 64), (64, 15)])
def test_photos_that_are_too_small_are_an_error(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"{width}x{height} are too small: 16 pixels"):
        network(width, height)


def test_channels_are_those_of_the_finest_resolution() -> None:
    assert build_segmenter(11, 64, 48).get_layer("conv_0_1").filters == 16
    assert network(48, 32).get_layer("conv_0_1").filters == 2


def test_an_answer_sees_its_own_pixel_finely_and_the_rest_of_the_photo() -> None:
    keras.utils.set_random_seed(0)
    model, photo = network(48, 32), noise(32, 48)

    def logits(photo: np.ndarray) -> np.ndarray:
        return np.asarray(model(photo, training=False)[1])

    before, changed, far = logits(photo), photo.copy(), photo.copy()
    changed[0, 10, 20] += 1
    moved = np.abs(logits(changed) - before).max(axis=(0, 3))
    assert moved[10, 20] > 10 * np.median(moved) and moved.max() == moved[8:13, 18:23].max()
    far[0, :, :8] *= -1
    assert np.abs(logits(far) - before)[0, :, -1].max() > 0
