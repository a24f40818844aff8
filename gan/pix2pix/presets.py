"""Named designs of a network for scenes and of its training, and what has to be known to build one again."""

import dataclasses
import json
from typing import Any

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras

from gan.config import PRECISIONS
from gan.data import palettes
from gan.data.palettes import Palette
from gan.data.scene import SceneSet
from gan.errors import UserError
from gan.pix2pix.networks import ENLARGED, LAYOUTS, PATCH, PUBLISHED, SCALED, build_patch_discriminator, build_unet
from gan.pix2pix.spatial_networks import build_pixel_discriminator, build_spatial_generator

PHOTOS, LABELS = "labels_to_photo", "photo_to_labels"
DIRECTIONS = (PHOTOS, LABELS)
WIDEST = 128  # channels of a network's finest level: a file of a stranger may name no more
STEP = 32  # pixels: widths and heights are multiples of it
LIGHT = 6  # numbers that tell a light
WIDTHS, HEIGHTS = (64, 1024), (32, 1024)  # smallest and largest


@dataclasses.dataclass(frozen=True)
class Preset:
    """A design: networks, losses and the parameters that go with them.

    Attributes:
        name: what the `preset` parameter calls it.
        generator: "unet" (`gan.pix2pix.networks`) or "spatial" (`gan.pix2pix.spatial_networks`).
        generator_base: channels of its finest level.
        dropout: share of values dropped in a U-Net, when generating too; 0 for none.
        latent: numbers of noise that a spatial generator takes in.
        discriminator: "patches" of pairs, or "pixels": the class of every pixel of a photo. Label maps are always
            judged in patches.
        discriminator_base: channels of its first level.
        batch_size: pairs in an iteration.
        generator_lr: step size of Adam for the generator.
        discriminator_lr: the same for the discriminator.
        beta_1: decay of Adam's mean of gradients.
        l1_weight: of the distance to the real picture in the generator's loss.
        matching: weight of the distance between what the discriminator's layers find in a generated and in the real
            picture, in the generator's loss (pix2pixHD, Wang et al. 2018, arXiv 1711.11585, section 3.2).
        light: whether the discriminator sees photos in another light each time, generated ones like the real ones of
            their pairs, so that it can't learn a few real photos by heart (arXiv 2006.10738).
        half_life: images in which half of the averaged generator is renewed; 0: it is the generator itself.
        layout: of a U-Net and of a discriminator of patches, see `gan.pix2pix.networks.LAYOUTS`. Checkpoints of
            version 0.1 name none.
        patch: share of the shorter side that a logit of a discriminator of patches looks at, at most.
        inpaint: whether windows around objects are learned (`gan.pix2pix.windows`): the photo enters, but for what
            is hidden, and only that is painted.
        light_code: whether the light of the photo enters (`gan.pix2pix.lights`), so that a label map can be painted
            in any light: the training scenes do not say what light theirs was seen in.
        width: of the pictures, where none is given.
        height: the same.
    """

    name: str
    generator: str = "unet"
    generator_base: int = 64
    dropout: float = 0.5
    latent: int = 0
    discriminator: str = "patches"
    discriminator_base: int = 64
    batch_size: int = 1
    generator_lr: float = 2e-4
    discriminator_lr: float = 2e-4
    beta_1: float = 0.5
    l1_weight: float = 100.0
    matching: float = 0.0
    light: bool = False
    half_life: int = 0
    layout: str = PUBLISHED
    patch: float = PATCH
    inpaint: bool = False
    light_code: bool = False
    width: int = 256
    height: int = 128

    def __post_init__(self):
        counts = self.generator_base, self.discriminator_base, self.batch_size, self.latent + 1, self.half_life + 1
        fits = (
            isinstance(self.name, str)
            and not (self.inpaint and (self.discriminator == "pixels" or self.light_code))
            and self.generator in ("unet", "spatial")
            and self.discriminator in ("patches", "pixels")
            and all(type(count) is int and 1 <= count <= 10**7 for count in counts)
            and max(counts[:2]) <= WIDEST
            and max(counts[2:4]) <= 4096
            and all(type(side) is int for side in (self.width, self.height))
            and all(
                type(value) in (int, float) and 0 <= value <= 1e6
                for value in (
                    self.dropout,
                    self.generator_lr,
                    self.discriminator_lr,
                    self.beta_1,
                    self.l1_weight,
                    self.matching,
                    self.patch,
                )
            )
            and self.dropout < 1
            and type(self.light) is bool
            and type(self.inpaint) is type(self.light_code) is bool
            and self.layout in LAYOUTS
        )
        if not fits:
            raise ValueError(f"no network can be built of {self}")

    def parameters(self) -> dict[str, Any]:
        """Those of its values that a run can choose otherwise, by the names of the parameters."""
        names = "batch_size", "generator_lr", "discriminator_lr", "l1_weight", "width", "height"
        return {name: getattr(self, name) for name in names}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "small", generator_base=32, discriminator_base=32, discriminator_lr=4e-4, l1_weight=10.0, matching=10.0,
            light=True, half_life=2_000, layout=ENLARGED, light_code=True,
        ),
        Preset("paper", layout=SCALED),
        Preset("averaged", half_life=1_000, layout=ENLARGED),
        Preset(
            "spatial", "spatial", generator_base=32, dropout=0.0, latent=64, discriminator="pixels",
            discriminator_base=32, batch_size=4, generator_lr=2e-4, discriminator_lr=4e-4, beta_1=0.0, l1_weight=10.0,
            matching=10.0, light=True, half_life=5_000,
        ),
        Preset(
            "objects", generator_base=24, discriminator_base=32, batch_size=16, discriminator_lr=4e-4, l1_weight=10.0,
            matching=10.0, light=True, half_life=5_000, layout=ENLARGED, patch=0.6, inpaint=True, width=64, height=64,
        ),
    )
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SceneNetwork:
    """What has to be known to build the networks again.

    Attributes:
        preset: the design.
        width: of the pictures in pixels.
        height: the same.
        direction: "labels_to_photo" or "photo_to_labels".
        palette: the classes of the label maps.
        edges: whether the boundaries of instances enter beside the label map.
        light: grey levels, 0-255, for a network that photos' light enters: mean of red, green and blue and their
            deviations, averaged over training scenes; what a picture is painted in where no other light is given.
            Empty for others.
    """

    preset: Preset
    width: int
    height: int
    direction: str
    palette: Palette
    edges: bool
    light: tuple[float, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "light", tuple(self.light))  # JSON knows lists alone
        fits = (
            all(
                type(size) is int and low <= size <= high and size % STEP == 0
                for size, (low, high) in ((self.width, WIDTHS), (self.height, HEIGHTS))
            )
            and self.direction in DIRECTIONS
            and type(self.edges) is bool
            and len(self.light) == (LIGHT if self.preset.light_code and self.to_photos else 0)
            and all(type(level) in (int, float) and 0 <= level <= 255 for level in self.light)
            and (not self.preset.inpaint or (self.to_photos and self.edges and self.width == self.height))
        )
        if not fits:
            raise ValueError(f"no network can be built of {self}")

    @property
    def to_photos(self) -> bool:
        """Whether photos are made of label maps, and not label maps of photos."""
        return self.direction == PHOTOS

    @property
    def inpaints(self) -> bool:
        """Whether it paints objects into windows of photos."""
        return self.preset.inpaint

    @property
    def channels_in(self) -> int:
        """Of what the generator starts from."""
        return len(self.palette) + self.edges + 3 * self.inpaints + len(self.light) if self.to_photos else 3

    @property
    def channels_out(self) -> int:
        """Of what it makes."""
        return 3 if self.to_photos else len(self.palette)

    @property
    def by_pixels(self) -> bool:
        """Whether the discriminator tells the class of every pixel, and not what pairs are real."""
        return self.to_photos and self.preset.discriminator == "pixels"

    def build_generator(self, precision: str = "float32", portable: bool = False) -> keras.Model:
        """The generator, with fresh weights; portable: of layers that Keras ships alone, with the same variables."""
        preset, sizes = self.preset, (self.width, self.height, self.channels_in, self.channels_out)
        activation = "tanh" if self.to_photos else "softmax"
        if preset.generator == "unet":
            inner = preset.generator_base, preset.dropout, PRECISIONS[precision]
            return build_unet(*sizes, activation, *inner, preset.layout, portable)
        return build_spatial_generator(
            *sizes, activation, preset.generator_base, preset.latent, PRECISIONS[precision]
        )

    def build_discriminator(self, precision: str = "float32") -> keras.Model:
        """The discriminator, with fresh weights."""
        base, policy = self.preset.discriminator_base, PRECISIONS[precision]
        if self.by_pixels:
            return build_pixel_discriminator(self.width, self.height, len(self.palette), base, policy)
        channels = self.channels_in + self.channels_out
        return build_patch_discriminator(
            self.width, self.height, channels, base, policy, self.preset.layout, self.preset.patch
        )

    def describe(self) -> dict[str, Any]:
        """All of it as JSON knows it, for a checkpoint; `restored` reads it back."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {
            "preset": dataclasses.asdict(self.preset),
            "palette": json.loads(self.palette.to_json()),
        }

    @classmethod
    def restored(cls, fields: dict) -> "SceneNetwork":
        """The network that a checkpoint describes.

        Raises:
            UserError: the description makes no sense, as in a file that a stranger has changed.
        """
        try:
            palette = palettes.from_json(json.dumps(fields["palette"]), "the checkpoint's palette")
            return cls(**fields | {"preset": Preset(**fields["preset"]), "palette": palette})
        except (TypeError, ValueError, KeyError):
            raise UserError(f"the checkpoint describes a network that can't be built: {str(fields)[:200]}.") from None

    def require_fit(self, scenes: SceneSet) -> None:
        """Make sure that a good run of this network can generate from scenes.

        Raises:
            UserError: they have other classes than it was trained with, or no instances where it needs them.
        """
        if not scenes.palette.same_classes(self.palette):
            raise UserError(
                f"the good run was trained with the palette {self.palette.name} ({len(self.palette)} classes), and "
                f"{scenes.name} has {scenes.palette.name} ({len(scenes.palette)}); give data with the same ids and "
                "names."
            )
        if self.edges and not (self.inpaints or scenes.training.has_instances):  # windows have what is hidden
            raise UserError(
                f"the good run was trained with instances, and {scenes.name} has none; give data with some."
            )

    def going_on_from(self, fields: dict, reference: str) -> "SceneNetwork":
        """This network with the values of the preset that a good run was trained with.

        Args:
            fields: what the good run's checkpoint says of its network.
            reference: how the user calls the good run.

        Raises:
            UserError: the good run's network is another one; the message says in what.
        """
        before = SceneNetwork.restored(fields)
        pairs = {"preset": (before.preset.name, self.preset.name)} | {
            name: (getattr(before, name), getattr(self, name)) for name in ("width", "height", "direction")
        }
        others = [f"{name} {old}, not {new}" for name, (old, new) in pairs.items() if old != new]
        if not before.palette.same_classes(self.palette):
            others.append(
                f"the palette {before.palette.name} of {len(before.palette)} classes, not {self.palette.name} of "
                f"{len(self.palette)}"
            )
        elif before.edges != self.edges:
            others.append(f"data with{'' if before.edges else 'out'} instances, not with{'out' * before.edges} them")
        if others:
            raise UserError(
                f"goodrun_ref {reference} was trained with {'; '.join(others)}: start with what it was trained with, "
                "or from another good run."
            )
        return dataclasses.replace(self, preset=before.preset, light=before.light)
