import numpy as np
import pytest
from PIL import Image

from gan.data.signs import CLASSES, SIZE, Signs
from gan.pictures import SCALE, class_histogram, class_samples, curves, grid, neighbour_sheet


def noise(*count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*count, SIZE, SIZE, 3), np.uint8)


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    return np.kron(image, np.ones((scale, scale, 1), np.uint8))


def places(picture: Image.Image, image: np.ndarray, scale: int) -> list[tuple[int, int]]:
    """Top and left of every place in a picture that shows an image exactly, enlarged."""
    pixels, wanted = np.asarray(picture), enlarged(image, scale)
    height, width = wanted.shape[:2]
    return [
        (top, left)
        for top, left in np.argwhere((pixels == wanted[0, 0]).all(axis=2))
        if np.array_equal(pixels[top : top + height, left : left + width], wanted)
    ]


def place(picture: Image.Image, image: np.ndarray, scale: int) -> tuple[int, int]:
    (found,) = places(picture, image, scale)
    return found


def test_grid_lays_images_out_row_by_row() -> None:
    images = np.arange(5 * 2 * 3 * 3, dtype=np.uint8).reshape(5, 2, 3, 3)
    sheet = grid(images, columns=2, scale=1)
    assert sheet.shape == (6, 6, 3) and sheet.dtype == np.uint8
    for k, (top, left) in enumerate([(0, 0), (0, 3), (2, 0), (2, 3), (4, 0)]):
        np.testing.assert_array_equal(sheet[top : top + 2, left : left + 3], images[k])
    assert (sheet[4:, 3:] == 255).all()


def test_grid_enlarges_every_pixel_to_a_square() -> None:
    images = noise(3)[:, :2, :3]
    sheet = grid(images, columns=3, scale=4)
    assert sheet.shape == (8, 36, 3)
    for top, left, k in ((0, 0, 0), (0, 12, 1), (0, 24, 2)):
        np.testing.assert_array_equal(sheet[top : top + 8, left : left + 12], enlarged(images[k], 4))


def test_grid_of_fewer_images_than_columns_is_filled_up_with_white() -> None:
    sheet = grid(np.zeros((3, SIZE, SIZE, 3), np.uint8))
    assert sheet.shape == (SIZE * SCALE, 8 * SIZE * SCALE, 3)
    assert (sheet[:, : 3 * SIZE * SCALE] == 0).all() and (sheet[:, 3 * SIZE * SCALE :] == 255).all()


def test_grid_leaves_its_input_alone() -> None:
    images = noise(3)
    before = images.copy()
    grid(images)[:] = 0
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(("count", "nearest"), [(1, 3), (7, 3), (7, 1)])
def test_neighbour_sheet_shows_each_image_and_its_neighbours_to_the_right(count: int, nearest: int) -> None:
    generated, neighbours = noise(count, seed=1), noise(count, nearest, seed=2)
    sheet = neighbour_sheet(generated, neighbours, [str(k) for k in range(count)])
    rows = []
    for k in range(count):
        top, left = place(sheet, generated[k], SCALE)
        rows.append((top, left))
        beside = [place(sheet, neighbours[k, n], SCALE) for n in range(nearest)]
        assert all(row == top for row, _ in beside)
        columns = [left, *(column for _, column in beside)]
        assert columns == sorted(columns) and columns[-1] - left < (nearest + 0.5) * SIZE * SCALE
    assert rows == sorted(rows), "in the order they were given"


def test_neighbour_sheet_without_neighbours_shows_all_generated() -> None:
    generated = noise(30)
    sheet = neighbour_sheet(generated, noise(30, 0), [""] * 30)
    found = [place(sheet, image, SCALE) for image in generated]
    assert found == sorted(found)


def test_neighbour_sheet_writes_the_captions_under_the_images() -> None:
    generated, neighbours = noise(2), noise(2, 1, seed=1)
    plain = neighbour_sheet(generated, neighbours, ["", ""])
    captioned = neighbour_sheet(generated, neighbours, ["", "17 #1 nearest 0.42"])
    changed = np.argwhere((np.asarray(plain) != np.asarray(captioned)).any(axis=2))
    top, left = place(captioned, generated[1], SCALE)
    assert len(changed) > 50
    assert changed[:, 0].min() >= top + SIZE * SCALE and changed[:, 0].max() < top + SIZE * SCALE + 20
    assert changed[:, 1].min() >= left


def some_signs(labels: list[int]) -> Signs:
    count = len(labels)
    return Signs(
        noise(count), np.array(labels, np.uint8), np.arange(count, dtype=np.int32),
        np.full((count, 2), SIZE, np.uint8), np.tile(np.array([2, 2, 29, 29], np.uint8), (count, 1)),
    )  # fmt: skip


def test_class_samples_shows_images_of_every_class_in_its_own_row() -> None:
    signs = some_signs([42, 7, 42, 7, 0, 42])
    sheet = class_samples(signs, each=10)
    found = [place(sheet, image, 2) for image in signs.images]
    for k in (0, 7, 42):
        assert len({found[i][0] for i in np.flatnonzero(signs.labels == k)}) == 1, "one row a class"
    assert len(set(found)) == 6


def test_class_samples_shows_so_many_of_a_class_and_another_seed_shows_others() -> None:
    signs = some_signs([3] * 12 + [5])

    def shown(seed: int) -> list[int]:
        sheet = class_samples(signs, seed, each=4)
        return [i for i, image in enumerate(signs.images) if places(sheet, image, 2)]

    first = shown(0)
    assert len(first) == 5 and first[-1] == 12
    assert shown(0) == first
    assert any(shown(seed) != first for seed in (1, 2, 3))


def coloured(picture: Image.Image, hexadecimal: str) -> np.ndarray:
    """bool (height, width): where a picture has a colour."""
    colour = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.asarray(picture) == colour).all(axis=2)


def heights(picture: Image.Image, colour: str) -> list[int]:
    """Pixels of the highest column of every bar of a colour, from left to right; the legend's patch left out."""
    where = coloured(picture, colour).sum(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where > 0, [False]])))
    return [int(where[a:b].max()) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_class_histogram_draws_bars_as_high_as_the_counts() -> None:
    counts = np.zeros(CLASSES, int)
    counts[[2, 20, 30]] = 100, 50, 200
    low, half, full = sorted(heights(class_histogram(counts, None), "#4c6ef5"))[-3:]
    assert full > 200
    assert low / full == pytest.approx(0.25, abs=0.02) and half / full == pytest.approx(0.5, abs=0.02)


def test_class_histogram_draws_the_test_part_in_another_colour() -> None:
    train, test = np.full(CLASSES, 100), np.full(CLASSES, 40)
    without, both = class_histogram(train, None), class_histogram(train, test)
    assert not coloured(without, "#f76707").any()
    assert len(heights(both, "#f76707")) >= CLASSES
    assert max(heights(both, "#f76707")) < 0.6 * max(heights(without, "#4c6ef5"))


def line(picture: Image.Image, colour: str) -> list[float]:
    """Mean row of a curve over the columns of its picture, in the first, middle and last tenth of them."""
    where = coloured(picture, colour)
    where[:, where.sum(axis=0) == 0] = False
    columns = np.flatnonzero(where.any(axis=0))
    rows = np.array([np.flatnonzero(where[:, c]).mean() for c in columns])
    tenth = len(columns) // 10
    return [rows[:tenth].mean(), rows[len(rows) // 2 - tenth : len(rows) // 2 + tenth].mean(), rows[-tenth:].mean()]


def test_curves_draws_what_rises_and_what_falls() -> None:
    x = list(range(100))
    picture = curves({"up": (x, [k * 1.0 for k in x])}, "iterations", "loss")
    first, middle, last = line(picture, "#1f77b4")
    assert first > middle > last
    two = curves({"up": (x, x), "down": (x, x[::-1])}, "iterations", "loss")
    assert not coloured(picture, "#ff7f0e").any()
    first, middle, last = line(two, "#ff7f0e")
    assert first < middle < last


def test_charts_are_pictures_in_colour_on_white() -> None:
    for picture in (curves({"a": ([0, 1], [0, 1])}, "x", "y"), class_histogram(np.ones(CLASSES), None)):
        pixels = np.asarray(picture)
        assert picture.mode == "RGB" and (pixels == 255).mean() > 0.3
