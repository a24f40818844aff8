"""Made-up images of somebody's own classes, and what reading them says."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.data.class_folders import Reading, class_names, read_class_folders
from gan.errors import UserError
from tests.made_up_gtsrb import encoded

RED, BLUE, GREY = (200, 10, 20), (10, 20, 200), (90, 90, 90)
SMALL = Reading(image_size=32)


def plain(width, height, colour):
    return np.full((height, width, 3), colour, np.uint8)


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def near(pixels, colour, by=3):
    return np.abs(pixels.astype(int) - colour).max() <= by


ONE = encoded(plain(32, 32, RED), "PNG")
TWO = encoded(plain(32, 32, BLUE), "PNG")
OTHER = {"b/1.png": TWO, "b/2.png": TWO}  # a second class
PAIR = {"a/1.png": ONE, "a/2.png": ONE} | OTHER


def refusal(path, *words, reading=SMALL, classes=None, call=read_class_folders):
    """What reading is refused with: one sentence, that says what to do after a semicolon."""
    with pytest.raises(UserError) as error:
        call(path, reading, classes) if call is read_class_folders else call(path)
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    assert all(word in text for word in words), text


def noted(found, *words):
    """The one note that has these words."""
    notes = [note for note in found.notes if all(word in note for word in words)]
    assert len(notes) == 1 and "\n" not in notes[0] and notes[0].endswith("."), found.notes
    return notes[0]


def holds_class_folders(path: str | Path) -> bool:
    """Whether a folder, zip or CSV holds images of classes, as far as names tell."""
    try:
        class_names(path)
    except UserError:
        return False
    return True


def write_pets(folder: Path) -> None:
    """Two classes of four pets each, two photos of a pet, in folders of their own."""
    random = np.random.default_rng(0)
    for name, k in ((name, k) for name in ("cat", "dog") for k in range(8)):
        pet = folder / name / f"pet{k // 2}"
        pet.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(pet / f"{k}.png")
