"""Balancing: what is wanted, what is kept, when a class is given up, and how generated images are told apart."""

import numpy as np
import pytest
from PIL import Image

from gan.commands.balance import BalanceConfig, parse_classes
from gan.data.decode import fitted
from gan.data.gtsrb import read_signs
from gan.data.gtsrb_archives import TRAINING_ZIP
from gan.data.labelled import LabelledImages, join
from gan.data.pickles import write_pickle
from gan.data.signs import CLASSES, GTSRB, SIZE
from gan.data.split import held_out
from gan.data.untrusted import open_source
from gan.data.untrusted_images import read_image
from gan.dcgan.balance import (
    CHUNK,
    COPIED,
    COPY,
    KEPT,
    LIMIT,
    NOT_CONFIDENT,
    WRONG_CLASS,
    ClassCounts,
    Filter,
    arrays,
    chunk_seed,
    generate,
    generated_track,
    pickled_size,
    wanted,
)
from gan.errors import UserError
from gan.scoring.nearest import track_floor
from tests.conftest import REAL_GTSRB

RUN_ID = "0123456789abcdef" * 2


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def signs(labels, tracks=None):
    made = LabelledImages.of(noise(len(labels)), np.array(labels), GTSRB)
    return (
        made
        if tracks is None
        else LabelledImages(made.images, made.labels, np.array(tracks, np.int32), made.sizes, made.coords, GTSRB)
    )


# --- what is wanted


def test_targets():
    counts = np.zeros(CLASSES, int)
    counts[:4] = [10, 25, 3, 0]
    everything = list(range(CLASSES))
    assert wanted(counts, "largest", everything)[:5].tolist() == [
        15,
        0,
        22,
        0,
        0,
    ]  # classes without a real image are not filled
    assert wanted(counts, "12", everything)[:5].tolist() == [2, 0, 9, 0, 0]
    assert wanted(counts, "1.5x", everything)[:5].tolist() == [5, 13, 1, 0, 0]  # of 15, 37.5 and 4.5
    assert wanted(counts, "2x", [2, 1]).tolist() == [0, 25, 3] + [0] * (CLASSES - 3)
    assert wanted(counts, "largest", [0])[:3].tolist() == [15, 0, 0]


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "1x", "0.5x", "x", "2.x", "1e3", "10000000", "1.5", "1.0x", "00.9x", "LARGEST", "٣"]
)
def test_targets_that_are_none(text):
    with pytest.raises(UserError, match="^target is `largest`.*, not "):
        BalanceConfig(target=text)


def test_classes():
    assert parse_classes("all", GTSRB) == list(range(43)) and parse_classes("37, No entry,19", GTSRB) == [17, 19, 37]


@pytest.mark.parametrize("text", ["", "43", "0,,1", "0-3", "1,1", "01", "-1", "ALL", "all,3"])
def test_classes_that_are_none(text):
    with pytest.raises(UserError, match="^classes is .*, not "):
        parse_classes(text, GTSRB)


# --- what is kept


def judge_of(answers):
    """A judge that answers class and probability by the top left value of an image."""

    def judge(images):
        probabilities = np.full((len(images), CLASSES), 0.001)
        for row, image in zip(probabilities, images, strict=True):
            class_id, own = answers[int(image[0, 0, 0])]
            row[class_id] = own
        return None, probabilities

    return judge


def marked(images, values):
    images = images.copy()
    images[:, 0, 0, 0] = values
    return images


def test_the_filter_says_why():
    real = signs([5, 5, 6])
    drawn = marked(noise(5, 1), [1, 2, 3, 1, 2])
    drawn[3], drawn[4] = real.images[1], real.images[0]
    drawn[3:, 0, 0, 0] = 1, 2
    keep = Filter(judge_of({1: (5, 0.9), 2: (7, 0.8), 3: (5, 0.6)}), 0.7, real)
    verdicts, words = keep(drawn, 5)
    assert verdicts.tolist() == [KEPT, WRONG_CLASS, NOT_CONFIDENT, COPIED, WRONG_CLASS]
    assert words == ["", "5 taken for 7", "5 at 0.60 only", words[3], "5 taken for 7"]
    assert words[3].startswith("5 copy, 0.0")
    assert keep(marked(real.images[:1], [1]), 8)[0].tolist() == [WRONG_CLASS]  # where there is nothing to copy


def test_mirrored_and_brighter_images_are_copies_and_changed_ones_are_not():
    real = signs([12])  # in the mirror still a sign of its class
    dim = (real.images // 2 + 30).astype(np.uint8)
    other = real.images.copy()
    other[:, :8] = noise(1, 5)[:, :8]
    keep = Filter(lambda images: (None, np.eye(CLASSES)[np.full(len(images), 12)]), 0.5, real)
    made = np.concatenate([real.images[:, :, ::-1], dim, other])
    assert keep(made, 12)[0].tolist() == [COPIED, COPIED, KEPT]
    not_mirrored = Filter(lambda images: (None, np.eye(CLASSES)[np.full(len(images), 1)]), 0.5, signs([1]))
    assert not_mirrored(real.images[:, :, ::-1], 1)[0].tolist() == [KEPT]


def test_without_a_judge_all_is_kept():
    real = signs([5])
    verdicts, words = Filter(None, 0, real)(real.images, 5)
    assert verdicts.tolist() == [KEPT] and words == [""]


# --- filling


def every(step):
    """A filter that keeps every so many-eth image of a class and takes the others for another class."""
    seen = {}

    def keep(images, class_id):
        places = np.arange(len(images)) + seen.get(class_id, 0)
        seen[class_id] = seen.get(class_id, 0) + len(images)
        return np.where(places % step == step - 1, KEPT, WRONG_CLASS), [f"{k}" for k in places]

    return keep


def draw(count, seed, class_id):
    return noise(count, [seed, class_id])


def drawn(class_id, chunks, seed=0):
    return np.concatenate([draw(CHUNK, chunk_seed(seed, chunk), class_id) for chunk in range(chunks)])


def generated(step, *counts):
    """Classes 0, 1, ... that have 10 images each and lack so many."""
    real = signs(np.repeat(range(len(counts)), 10).tolist())
    return generate(draw, every(step), np.array(counts), real, 0)


def test_filling_takes_images_in_order_and_counts_up_to_the_last_one_needed():
    images, (first, second) = generated(2, 0, 300, 5)
    np.testing.assert_array_equal(images, np.concatenate([drawn(1, 3)[1::2][:300], drawn(2, 1)[1::2][:5]]))
    assert first.row() == {"real": 10, "generated": 300, "drawn": 600, "wrong_class": 300, "not_confident": 0,
                           "copies": 0, "short": 0}  # fmt: skip
    assert (second.class_id, second.drawn) == (2, 10)
    assert [text for _, text in first.examples] == ["0", "2", "4"]
    np.testing.assert_array_equal(first.examples[1][0], drawn(1, 1)[2])


def test_fewer_images_are_the_first_of_more():
    np.testing.assert_array_equal(generated(3, 40)[0], generated(3, 200)[0][:40])


def test_a_class_is_given_up_and_stays_short():
    images, (counts,) = generated(1_000_000, 500)
    assert counts.kept == len(images) == 0 and counts.short == 500
    assert counts.rejected["wrong_class"] == counts.drawn == LIMIT * CHUNK
    images, (scarce, after) = generated(2 * LIMIT, 500, 2)
    assert 0 < scarce.kept < 500 and scarce.drawn == scarce.kept + scarce.rejected["wrong_class"]
    assert len(images) == scarce.kept + 2 and after.kept == 2


def test_one_in_as_many_as_the_limit_is_enough():
    _, (counts,) = generated(LIMIT, 200)
    assert counts.short == 0 and counts.drawn == 200 * LIMIT


def test_seeds_of_chunks_differ():
    seeds = {chunk_seed(seed, chunk) for seed in range(20) for chunk in range(20)}
    assert len(seeds) == 400 and all(type(seed) is int and seed >= 0 for seed in seeds)
    assert chunk_seed(3, 4) == chunk_seed(3, 4)


# --- the file


def balanced(real, counts):
    return arrays(real, noise(sum(each.kept for each in counts), 9), counts, RUN_ID)


def test_arrays_are_those_of_train_p_and_tell_generated_images_apart(tmp_path):
    real = signs([4, 2, 4], [0, 1, 2])
    made = balanced(real, [ClassCounts(2, "2", 1, 3, kept=2), ClassCounts(4, "4", 2, 1, kept=1)])
    assert {name: array.dtype.str for name, array in made.items()} == {
        "features": "|u1", "labels": "|u1", "sizes": "|u1", "coords": "|u1", "tracks": "<i4", "generated": "|b1",
        "source_run": "|u1",
    }  # fmt: skip
    assert made["labels"].tolist() == [4, 2, 4, 2, 2, 4] and made["generated"].tolist() == 3 * [False] + 3 * [True]
    assert made["source_run"][4].tobytes().hex() == RUN_ID and not made["source_run"][:3].any()
    write_pickle(tmp_path / "train.p", made)
    read = read_signs(tmp_path / "train.p")
    assert read.take(np.arange(3)).digest() == real.digest() and len(read) == 6
    assert read.sizes[5].tolist() == [32, 32] and read.coords[5].tolist() == [0, 0, 31, 31]


def test_the_same_signs_are_held_out_and_no_generated_image():
    labels, tracks = np.repeat([2, 4], 12), np.repeat(np.arange(8), 3)
    real = signs(labels, tracks)
    made = balanced(real, [ClassCounts(2, "2", 12, 40, kept=40), ClassCounts(4, "4", 12, 5, kept=5)])
    whole = LabelledImages(made["features"], made["labels"], made["tracks"], made["sizes"], made["coords"], GTSRB)
    out = held_out(whole)
    np.testing.assert_array_equal(out[:24], held_out(real))
    assert held_out(real).any() and not out[24:].any()
    np.testing.assert_array_equal(held_out(join(whole, real))[24:69], False)  # nor when other data is put behind


def test_where_tracks_are_not_known_no_generated_image_is_held_out_either():
    real = join(signs([2] * 12 + [4] * 12), signs([7] * 4, [0, 0, 1, 1]))
    made = balanced(
        real,
        [ClassCounts(2, "2", 12, 40, kept=40), ClassCounts(4, "4", 12, 5, kept=5), ClassCounts(7, "7", 4, 9, kept=9)],
    )
    whole = LabelledImages(made["features"], made["labels"], made["tracks"], made["sizes"], made["coords"], GTSRB)
    out = held_out(whole)
    assert not out[28:].any() and not out[:24].any()
    np.testing.assert_array_equal(out[24:28], held_out(real)[24:])
    numbers = {generated_track(real, k) for k in (2, 4)}
    assert len(numbers) == 2 and min(numbers) > 1 and generated_track(real, 7) == -1


def test_size_of_a_pickle_is_foreseen(tmp_path):
    for name, images in (("dark", noise(50) // 4), ("mixed", noise(50)), ("bright", noise(50) // 2 + 128)):
        made = arrays(LabelledImages.of(images, np.zeros(50), GTSRB), images[:0], [], RUN_ID)
        write_pickle(tmp_path / name, made)
        assert (tmp_path / name).stat().st_size == pytest.approx(pickled_size(images, 50), rel=0.02)


def test_the_distance_of_a_copy_is_one_that_other_signs_hardly_have():
    archive = REAL_GTSRB / TRAINING_ZIP
    if not archive.is_file():
        pytest.skip("the official GTSRB archives are not beside the project")
    near = []
    for folder in ("00016", "00032", "00041"):  # 32 is the class whose signs are most alike
        with open_source(archive) as source:
            names = [name for name in source.names() if f"/{folder}/" in name and name.endswith(".ppm")]
            photos = (Image.fromarray(read_image(source.read(name), name)) for name in names)
            images = np.stack([np.asarray(fitted(photo, SIZE, "squeeze")) for photo in photos])
        tracks = np.array([int(name.rpartition("/")[2][:5]) for name in names])
        near.append((track_floor(images, tracks) < COPY).mean())
    assert max(near) < 0.01 and min(near) == 0
