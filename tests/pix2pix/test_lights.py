"""The light of photos: known means and deviations, and every mistake in the folder that shows it."""

import numpy as np
import pytest
from PIL import Image

from gan.errors import UserError
from gan.pix2pix.lights import LEAST, Lights, light_of, relit


def photo(mean: float, deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(40, 60, 3))
    return np.clip(np.rint(mean + deviation * noise), 0, 255).astype(np.uint8)


def write(folder, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def test_a_photo_takes_the_light_of_another():
    day, dusk = photo(150, 20), photo(60, 10, seed=1)
    lit = relit(day, light_of(dusk))
    np.testing.assert_allclose(light_of(lit), light_of(dusk), atol=0.2)
    np.testing.assert_allclose(relit(day, light_of(day)), day, atol=1)
    assert np.corrcoef(day.ravel(), lit.ravel())[0, 1] > 0.99, "what it shows stays"


def test_colours_change_one_by_one():
    light = np.array([[200, 100, 50], [30, 20, 10]], np.float32)
    np.testing.assert_allclose(light_of(relit(photo(120, 25), light)), light, atol=1.5)  # a little is cut off


def test_a_photo_of_one_colour_stays_of_one_colour():
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert light_of(flat)[1].max() == 0 < LEAST
    assert np.unique(relit(flat, light_of(photo(60, 10)))).size <= 3


def test_light_beyond_black_and_white_is_cut_off():
    lit = relit(photo(128, 40), np.array([[250] * 3, [80] * 3], np.float32))
    assert lit.dtype == np.uint8 and lit.max() == 255 and lit.mean() > 180


def test_a_folder_of_photos_of_any_size(tmp_path):
    write(tmp_path / "dusk", "b.png", photo(60, 10))
    write(tmp_path / "dusk", "a.jpg", np.repeat(np.repeat(photo(90, 15), 10, 0), 10, 1))
    (tmp_path / "dusk" / "notes.txt").write_text("no photo")
    (tmp_path / "dusk" / "deeper.png").mkdir()
    lights = Lights.of_folder(str(tmp_path / "dusk"))
    assert lights.names == ("a.jpg", "b.png") and lights.table.shape == (2, 2, 3)
    np.testing.assert_allclose(lights.table[:, 0, 0], [90, 60], atol=2)
    names, drawn = lights.drawn(0, range(40))
    assert set(names) == set(lights.names) and drawn.shape == (40, 2, 3)
    assert lights.drawn(0, [7, 3])[0] == [names[7], names[3]] and lights.drawn(1, range(40))[0] != names


def test_the_digest_follows_the_photos(tmp_path):
    write(tmp_path / "one", "a.png", photo(60, 10))
    write(tmp_path / "same", "a.png", photo(60, 10))
    write(tmp_path / "other", "a.png", photo(61, 10))
    one, same, other = (Lights.of_folder(str(tmp_path / name)).digest() for name in ("one", "same", "other"))
    assert one == same != other


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "there is no folder"),
        (lambda folder: folder.mkdir(), "holds no .png"),
        (lambda folder: folder.write_bytes(b""), "there is no folder"),
        (lambda folder: write(folder, "a.txt.png", photo(9, 1)) or (folder / "b.png").write_bytes(b"x"), "damaged"),
    ],
)
def test_folders_that_show_no_light(tmp_path, make, message):
    make(tmp_path / "folder")
    with pytest.raises(UserError, match=message):
        Lights.of_folder(str(tmp_path / "folder"))


def test_more_photos_or_bytes_than_are_read(tmp_path, monkeypatch):
    write(tmp_path / "folder", "a.png", photo(60, 10))
    monkeypatch.setattr("gan.pix2pix.lights.MOST_BYTES", 100)
    with pytest.raises(UserError, match="more than 100 bytes"):
        Lights.of_folder(str(tmp_path / "folder"))
    monkeypatch.setattr("gan.pix2pix.lights.MOST_PHOTOS", 0)
    with pytest.raises(UserError, match="1 photos, and 0 are the most"):
        Lights.of_folder(str(tmp_path / "folder"))
