"""The light of photos, as the mean and the deviation of each colour, and photos moved into the light of others.

Reinhard et al. 2001, "Color transfer between images", IEEE Computer Graphics and Applications 21(5): the pixels of a
photo get the means and the deviations of another. There in a space of decorrelated colours, here in RGB: on dusk and
daylight both look alike, and nothing has to be converted.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, load
from gan.data.spread import spread_over
from gan.data.untrusted_images import read_image
from gan.errors import UserError
from gan.files import is_folder, read_small_file
from gan.progress import progress

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm")
MOST_PHOTOS = 10_000
MOST_SCENES = 500
MOST_BYTES = 100_000_000  # of a photo's file
SEEN = 128  # pixels: longer side of what the light of a photo is taken from
LEAST = 1.0  # grey levels: deviation of a photo that is all of one colour


@dataclasses.dataclass(frozen=True)
class Lights:
    """The light of some photos.

    Attributes:
        names: of their files, 1 or more.
        table: float32 (N, 2, 3), mean and deviation of red, green and blue of each, in grey levels, 0-255.
    """

    names: tuple[str, ...]
    table: np.ndarray

    @classmethod
    def of_folder(cls, folder: str) -> "Lights":
        """The light of all photos in a folder; those of its folders do not count.

        Raises:
            UserError: it is no folder, holds no photo or too many, or one is damaged.
        """
        place = Path(folder).expanduser()
        if not is_folder(place):
            raise UserError(f"light: there is no folder {folder}; name one of photos that show the light you want.")
        files = sorted(file for file in place.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not files:
            raise UserError(f"light: {folder} holds no {', '.join(SUFFIXES)}; name a folder of photos.")
        if len(files) > MOST_PHOTOS:
            raise UserError(f"light: {folder} holds {len(files):,} photos, and {MOST_PHOTOS:,} are the most.")
        found = in_threads(_of_file, files)
        return cls(
            tuple(file.name for file in files),
            np.array(list(progress(len(files), "looking at the light", "photo", items=found))),
        )

    @classmethod
    def of_scenes(cls, scenes: Scenes) -> "Lights":
        """The light of at most `MOST_SCENES` scenes of a part, spread over it."""
        chosen = scenes.take(spread_over(len(scenes), MOST_SCENES))
        width, height = chosen.scene(0).size
        scale = min(1.0, SEEN / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(chosen.names, lights_of(load(chosen, *size, edges=False).photos))

    def mean(self) -> tuple[float, ...]:
        """Their mean, rounded: means of red, green and blue, and deviations."""
        return tuple(round(float(level), 2) for level in self.table.mean(0).ravel())

    def digest(self) -> str:
        """16 hexadecimal digits that name these very lights."""
        return hashlib.sha256(repr(self.names).encode() + self.table.tobytes()).hexdigest()[:16]

    def drawn(self, seed: int, numbers: Iterable[int]) -> tuple[list[str], np.ndarray]:
        """Names and lights, float32 (M, 2, 3), that the photos of M numbers get: each by `seed` and number alone."""
        places = [int(np.random.default_rng([seed, 3, number]).integers(len(self.names))) for number in numbers]
        return [self.names[place] for place in places], self.table[places]


def light_of(photo: np.ndarray) -> np.ndarray:
    """float32 (2, 3): mean and deviation of each colour of a photo, uint8 (height, width, 3), in grey levels."""
    pixels = np.asarray(photo, np.float32).reshape(-1, 3)
    return np.stack([pixels.mean(0), pixels.std(0)])


def lights_of(photos: Iterable[np.ndarray]) -> np.ndarray:
    """float32 (N, 2, 3): the light of each photo; see `light_of`."""
    return np.array([light_of(photo) for photo in photos]).reshape(-1, 2, 3)


def relit(photo: np.ndarray, light: np.ndarray) -> np.ndarray:
    """A photo in another light.

    Args:
        photo: uint8 (height, width, 3).
        light: float32 (2, 3), see `light_of`.

    Returns:
        uint8 of the same shape. What would be darker than black or lighter than white is cut off.
    """
    mean, deviation = light_of(photo)
    pixels = (photo - mean) * (light[1] / np.maximum(deviation, LEAST)) + light[0]
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _of_file(file: Path) -> np.ndarray:
    photo = Image.fromarray(read_image(read_small_file(file, MOST_BYTES), str(file)))
    photo.thumbnail((SEEN, SEEN), Image.Resampling.BOX)
    return light_of(np.asarray(photo))
