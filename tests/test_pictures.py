from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

from gan import pictures
from gan.data.labelled import LabelledImages
from gan.data.signs import CLASSES, GTSRB, SIZE
from gan.pictures import (
    class_histogram,
    class_samples,
    class_strips,
    confusion_map,
    curves,
    fitted,
    grid,
    legend,
    neighbour_sheet,
    score_curves,
    side_by_side,
)


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
    assert sheet.shape == (SIZE * 3, 8 * SIZE * 3, 3)
    assert (sheet[:, : 3 * SIZE * 3] == 0).all() and (sheet[:, 3 * SIZE * 3 :] == 255).all()


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
        top, left = place(sheet, generated[k], 3)
        rows.append((top, left))
        beside = [place(sheet, neighbours[k, n], 3) for n in range(nearest)]
        assert all(row == top for row, _ in beside)
        columns = [left, *(column for _, column in beside)]
        assert columns == sorted(columns) and columns[-1] - left < (nearest + 0.5) * SIZE * 3
    assert rows == sorted(rows), "in the order they were given"


def test_neighbour_sheet_without_neighbours_shows_all_generated() -> None:
    generated = noise(30)
    sheet = neighbour_sheet(generated, noise(30, 0), [""] * 30)
    found = [place(sheet, image, 3) for image in generated]
    assert found == sorted(found)


def test_neighbour_sheet_writes_the_captions_under_the_images() -> None:
    generated, neighbours = noise(2), noise(2, 1, seed=1)
    plain = neighbour_sheet(generated, neighbours, ["", ""])
    captioned = neighbour_sheet(generated, neighbours, ["", "17 #1 nearest 0.42"])
    changed = np.argwhere((np.asarray(plain) != np.asarray(captioned)).any(axis=2))
    top, left = place(captioned, generated[1], 3)
    assert len(changed) > 50
    assert changed[:, 0].min() >= top + SIZE * 3 and changed[:, 0].max() < top + SIZE * 3 + 20
    assert changed[:, 1].min() >= left


def test_class_strips_shows_a_line_for_each_class_generated_left_and_real_right() -> None:
    generated, real = noise(3, 4, seed=1), noise(3, 3, seed=2)
    sheet = class_strips([(f"class {k}", generated[k], real[k]) for k in range(3)])
    lines = []
    for k in range(3):
        made, shown = ([place(sheet, image, 2) for image in images[k]] for images in (generated, real))
        (top,) = {top for top, _ in made + shown}
        lines.append(top)
        for columns in ([left for _, left in made], [left for _, left in shown]):
            assert np.diff(columns).tolist() == [SIZE * 2] * (len(columns) - 1), "side by side, in order"
        assert shown[0][1] > made[-1][1] + SIZE * 2, "a gap between the two"
        assert made[0][1] > 200, "room for the name"
    assert np.all(np.diff(lines) >= SIZE * 2) and lines[0] >= 20
    assert sheet.size[1] - (lines[-1] + SIZE * 2) < 20 and sheet.mode == "RGB"


def test_class_strips_of_classes_with_fewer_images_are_in_line_with_the_others() -> None:
    generated, real = noise(5, seed=1), noise(4, seed=2)
    many, few = (generated[:4], real[:3]), (generated[4:], real[3:])
    sheet = class_strips([("many", *many), ("few", *few), ("none", noise(0), noise(0))])
    assert place(sheet, generated[4], 2)[1] == place(sheet, generated[0], 2)[1]
    assert place(sheet, real[3], 2)[1] == place(sheet, real[0], 2)[1]


def test_class_strips_without_real_images_shows_generated_ones_alone() -> None:
    generated = noise(2, 3)
    sheet = class_strips([(name, images, noise(0)) for name, images in zip("ab", generated, strict=True)])
    with_real = class_strips([(name, images, noise(2, seed=1)) for name, images in zip("ab", generated, strict=True)])
    for image in generated.reshape(-1, SIZE, SIZE, 3):
        assert place(sheet, image, 2) == place(with_real, image, 2)
    assert with_real.size[0] - sheet.size[0] == 2 * 2 * SIZE
    heads = [np.asarray(picture)[:20, -150:] for picture in (sheet, with_real)]
    assert (heads[0] == 255).all() and (heads[1] < 255).any(), "the word over the real ones"


def test_class_strips_writes_the_name_in_its_line() -> None:
    generated = noise(2, 2)
    named, plain = (
        class_strips([("one", generated[0], noise(0)), (name, generated[1], noise(0))]) for name in ("Stop", "")
    )
    changed = np.argwhere((np.asarray(named) != np.asarray(plain)).any(axis=2))
    top, left = place(named, generated[1, 0], 2)
    assert len(changed) > 30
    assert changed[:, 0].min() >= top and changed[:, 0].max() < top + 2 * SIZE and changed[:, 1].max() < left


def some_signs(labels: list[int]) -> LabelledImages:
    count = len(labels)
    return LabelledImages(
        noise(count), np.array(labels, np.uint8), np.arange(count, dtype=np.int32),
        np.full((count, 2), SIZE, np.uint8), np.tile(np.array([2, 2, 29, 29], np.uint8), (count, 1)),
        GTSRB,
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
    low, half, full = sorted(heights(class_histogram({"training": counts}), "#4c6ef5"))[-3:]
    assert full > 200
    assert low / full == pytest.approx(0.25, abs=0.02) and half / full == pytest.approx(0.5, abs=0.02)


def test_class_histogram_draws_the_test_part_in_another_colour() -> None:
    train, test = np.full(CLASSES, 100), np.full(CLASSES, 40)
    without, both = class_histogram({"training": train}), class_histogram({"training": train, "test": test})
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


def test_a_logarithmic_scale_makes_a_straight_line_of_what_doubles() -> None:
    x = list(range(100))
    linear, log = (curves({"a": (x, [2.0 ** (k / 10) for k in x])}, "x", "y", log) for log in (False, True))
    first, middle, last = line(log, "#1f77b4")
    assert middle == pytest.approx((first + last) / 2, abs=3)
    first, middle, last = line(linear, "#1f77b4")
    assert middle > (first + last) / 2 + 20


def test_scores_are_drawn_in_two_charts_distances_and_others(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, original = [], curves

    def spy(series, xlabel, ylabel, log=False):
        drawn.append((series, xlabel, ylabel, log))
        return original(series, xlabel, ylabel, log)

    monkeypatch.setattr(pictures, "curves", spy)
    scores = {
        "fid_training": {100: 9.0, 200: 4.0}, "recall": {100: 0.1, 200: 0.5}, "kid_held_out": {200: 3.0},
        "inception_fid_training": {100: 80.0}, "nearest_real": {100: 0.7},
    }  # fmt: skip
    charts = score_curves(scores)
    assert len(charts) == 2 and all(chart.size == charts[0].size for chart in charts)
    (distances, _, ylabel, log), (others, _, also, linear) = drawn
    assert (ylabel, log, also, linear) == ("distance", True, "score", False)
    assert distances == {
        "fid_training": ([100, 200], [9.0, 4.0]), "kid_held_out": ([200], [3.0]),
        "inception_fid_training": ([100], [80.0]),
    }  # fmt: skip
    assert others == {"recall": ([100, 200], [0.1, 0.5]), "nearest_real": ([100], [0.7])}


@pytest.mark.parametrize(("names", "charts"), [(["fid_training"], 1), (["recall", "gan_test"], 1), ([], 0)])
def test_a_chart_without_scores_is_left_out(names: list[str], charts: int) -> None:
    assert len(score_curves({name: {1: 0.5, 2: 0.25} for name in names})) == charts


def blue(picture: Image.Image) -> np.ndarray:
    """float (height, width): how blue every pixel of a picture is, 0 for white."""
    return 255.0 - np.asarray(picture)[..., 0]


def test_confusions_are_shares_of_the_images_of_a_class() -> None:
    labels = np.repeat([0, 1, 2], [10, 200, 4]).astype(np.uint8)
    answers = labels.copy()
    answers[10:110] = 2  # half of class 1
    right, wrong = (confusion_map(confusion_matrix(labels, given)) for given in (labels, answers))
    assert right.size == wrong.size and right.mode == "RGB"
    changed = np.argwhere(np.abs(blue(right) - blue(wrong)) > 20)
    top, left = changed.min(axis=0)
    bottom, further = changed.max(axis=0)
    # The row of class 1: its own place in the middle has become paler, that to its right darker, as dark as it.
    cell = bottom - top + 1
    assert abs((further - left + 1) - 2 * cell) <= 2
    row = (top + bottom) // 2
    own, other = (
        [blue(chart)[row, column] for chart in (right, wrong)] for column in (left + cell // 2, further - cell // 2)
    )
    assert own[0] > own[1] == other[1] > other[0] and other[0] < 20
    assert own[1] > 0.6 * own[0], "few wrong answers are seen beside many right ones"


def test_confusions_of_classes_without_images_are_nothing() -> None:
    right, wrong = (confusion_map(confusion_matrix([0, 0], [0, answer], labels=range(CLASSES))) for answer in (0, 42))
    rows, columns = np.nonzero(np.abs(blue(right) - blue(wrong)) > 20)
    assert 5 < np.ptp(rows) < 20 and np.ptp(columns) > 400, "the row of class 0, from its first to its last place"
    assert np.median(blue(wrong)[rows.max() + 30 : rows.max() + 200, columns.min() : columns.max()]) < 20


def test_a_chart_of_counts_is_one_of_shares() -> None:
    table = np.random.default_rng(0).integers(0, 50, (5, 5))
    np.testing.assert_array_equal(np.asarray(confusion_map(7 * table)), np.asarray(confusion_map(table)))


def test_names_of_classes_stand_at_the_chart_as_they_are() -> None:
    table = np.eye(3, dtype=int)
    first, second = (
        np.asarray(confusion_map(table, names)) for names in (["a", "b", "c"], ["a", "b", "costs $5 or $6"])
    )
    plain = np.asarray(confusion_map(table))
    assert first.shape == second.shape and (first != second).any() and (first != plain).any()
    many = confusion_map(np.eye(34, dtype=int), [f"class number {k} of thirty-four" for k in range(34)])
    assert many.size == Image.fromarray(plain).size
    wider = np.asarray(confusion_map(np.eye(3, 4, dtype=int), ["a", "b", "c"]))
    assert wider.shape == first.shape and (wider != first).any()


def test_pictures_of_a_scene_stand_in_a_line() -> None:
    rows = noise(3, 2)
    sheet = side_by_side(rows, ["one", "other"], ["first", "second", "third"], width=SIZE * 4)
    found = [[place(sheet, picture, 4) for picture in row] for row in rows]
    for left, right in found:
        assert left[0] == right[0] and SIZE * 4 <= right[1] - left[1] < SIZE * 4 + 20
    assert found == sorted(found) and len({left for (_, left), _ in found}) == 1
    assert found[1][0][0] - found[0][0][0] >= SIZE * 4 + 12, "room for what stands under it"
    captioned = side_by_side(rows, ["one", "other"], ["first", "SECOND", "third"], width=SIZE * 4)
    changed = np.argwhere((np.asarray(sheet) != np.asarray(captioned)).any(axis=2))[:, 0]
    assert found[1][0][0] + SIZE * 4 <= changed.min() and changed.max() < found[2][0][0]
    headed = side_by_side(rows, ["ONE", "other"], ["first", "second", "third"], width=SIZE * 4)
    assert np.argwhere((np.asarray(sheet) != np.asarray(headed)).any(axis=2))[:, 0].max() < found[0][0][0]


def test_no_scenes_make_an_empty_sheet() -> None:
    sheet = side_by_side([], ["label map", "photo"], [])
    assert sheet.size[0] > 640 and sheet.size[1] < 60


@pytest.mark.parametrize(("width", "scale"), [(130, 3), (45, 1), (21, 1)])
def test_a_picture_is_enlarged_by_a_whole_number(width: int, scale: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (27, 40, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(fitted(picture, width)), enlarged(picture, scale))


def test_a_large_picture_is_reduced_to_the_width() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (270, 400, 3), np.uint8)
    found = fitted(picture, 100)
    assert found.size == (100, 68) and np.asarray(found).mean() == pytest.approx(picture.mean(), abs=1)


def test_a_legend_shows_every_colour_once_with_its_name() -> None:
    colours = [(k * 20, 255 - k * 20, 77) for k in range(8)]
    sheet = legend([f"class {k}" for k in range(8)], colours, columns=3)
    pixels = np.asarray(sheet)
    middles = []
    for colour in colours:
        where = np.argwhere((pixels == colour).all(axis=2))
        assert len(where) > 100 and np.ptp(where, axis=0).max() < 22
        middles.append(where.mean(axis=0))
    assert [round(row / 22 - 0.5) for row, _ in middles] == [0, 0, 0, 1, 1, 1, 2, 2]
    other = np.asarray(legend(["class 0", "CLASS", *(f"class {k}" for k in range(2, 8))], colours, columns=3))
    changed = np.argwhere((pixels != other).any(axis=2))
    assert changed[:, 1].min() > middles[1][1] and changed[:, 1].max() < middles[2][1] and changed[:, 0].max() < 22


def test_charts_are_pictures_in_colour_on_white() -> None:
    for picture in (curves({"a": ([0, 1], [0, 1])}, "x", "y"), class_histogram({"training": np.ones(CLASSES)})):
        pixels = np.asarray(picture)
        assert picture.mode == "RGB" and (pixels == 255).mean() > 0.3


def test_a_network_has_a_box_for_each_convolution() -> None:
    """As many columns of boxes as maps, the first one lower than the last."""
    layers = [made_up_layer((None, size, size, 16)) for size in (4, 8, 16)]
    layers += [made_up_layer((None, 16, 16, 16), 1), made_up_layer((None, 100))]  # single pixels, no map
    model = SimpleNamespace(layers=layers, name="some", count_params=lambda: 1234)
    blue = (np.asarray(pictures.network(model)) == (76, 110, 245)).all(axis=2)
    columns = blue.any(axis=0)
    starts = np.flatnonzero(columns[1:] & ~columns[:-1]) + 2
    heights = [int(blue[:, column].sum()) for column in starts]
    assert len(heights) == 3 and 1.8 < heights[1] / heights[0] < 2.2 and 1.8 < heights[2] / heights[1] < 2.2


def made_up_layer(shape: tuple, kernel: int = 3) -> SimpleNamespace:
    return SimpleNamespace(
        output=np.empty([1 if size is None else size for size in shape]), kernel=0, kernel_size=(kernel,)
    )
