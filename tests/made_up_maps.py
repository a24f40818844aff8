"""Street scenes of three colours, and a segmenter that knows them by their colour: what scores must say of them."""

import keras
import numpy as np

from gan.data.palettes import Palette
from gan.data.scene import Scene, Scenes, SceneSet
from gan.pix2pix.judge import Segmenter

GROUND, BOX, SKY, VOID = 2, 5, 7, 200
PALETTE = Palette(
    "toy", (GROUND, BOX, SKY, VOID), ("ground", "box", "open sky $5 $6", "void"),
    ((90, 60, 90), (200, 30, 30), (80, 140, 220), (0, 0, 0)),
    scored=(GROUND, BOX, SKY), rare=(BOX,), things=(BOX,), ground=(GROUND,),
)  # fmt: skip
STORED, WORKING = (48, 40), (36, 24)  # width and height


def toy_scene(seed: int, with_box: bool = True, light: int = 0) -> Scene:
    """Sky over ground, a box that stands on it, and a strip that does not count; the photo shows their colours."""
    random = np.random.default_rng(seed)
    labels = np.full((STORED[1], STORED[0]), SKY, np.uint8)
    labels[int(random.integers(14, 22)) :] = GROUND
    labels[-4:] = VOID
    instances = np.zeros(labels.shape, np.uint16)
    if with_box:
        top, left = random.integers(8, 20), random.integers(0, 34)
        labels[top : top + 12, left : left + 14] = BOX
        instances[top : top + 12, left : left + 14] = 1
    photo = PALETTE.colour(labels).astype(int) + random.integers(-12, 13, (*labels.shape, 3)) + light
    return Scene(np.clip(photo, 0, 255).astype(np.uint8), labels, instances)


def toy_scenes(count: int, first: int = 0, **more) -> Scenes:
    return Scenes.of(
        [toy_scene(first + k, **more) for k in range(count)], PALETTE, [f"toy_{k}" for k in range(count)]
    )


def toy_set(training: int = 12, validation: int = 5, test: int = 4) -> SceneSet:
    parts = toy_scenes(training), toy_scenes(validation, 100), toy_scenes(test, 200)
    return SceneSet("toys", PALETTE, *parts)


def by_colour(size: tuple[int, int] = WORKING) -> Segmenter:
    """A segmenter that takes a pixel for the scored class with the nearest colour; features are mean colours."""
    image = keras.Input((size[1], size[0], 3))
    layer = keras.layers.Conv2D(3, 1)
    logits = layer(image)
    colours = np.array(PALETTE.colours[:3]) / 127.5 - 1
    # The squared distance of x to a colour c is least where 2 x.c - c.c is largest.
    layer.set_weights([(2 * colours.T)[None, None], -(colours**2).sum(axis=1)])
    features = keras.layers.GlobalAveragePooling2D()(image)
    return Segmenter(keras.Model(image, [features, logits]))
