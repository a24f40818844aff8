"""The folder of generated pairs: the layout of prepared scenes (`gan.data.folder`), and a manifest beside it.

Its training part holds the generated pairs, and the real ones besides if they are wanted; the other two parts hold
those of the data set that they were made from, so that whatever is trained on the folder is scored on real photos.
"""

import dataclasses
import hashlib
from pathlib import Path

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.data.folder_writer import Made, Ready, Size, encoded, write_folder
from gan.data.palettes import Palette
from gan.data.scene import Scenes, SceneSet
from gan.pix2pix.augment import Counts, Pair, PairGenerator

MANIFEST = "manifest.json"
LONGEST = 180  # bytes of a source's name that the name of a pair begins with


@dataclasses.dataclass(frozen=True)
class StoredPair:
    """A pair whose files wait in a folder, as an item of `gan.data.folder_writer`."""

    part: str
    name: str
    files: dict[str, Path]
    size: Size
    pixels: dict[int, int]

    def stamp(self) -> str:
        """The digest of its files."""
        return hashlib.sha256(b"".join(path.read_bytes() for path in self.files.values())).hexdigest()

    def made(self, size: Size | None, palette: Palette) -> Made:
        """Its files as they are; the folder that they waited in is rid of them."""
        contents = {kind: path.read_bytes() for kind, path in self.files.items()}
        for path in self.files.values():
            path.unlink()
        return Made(contents, self.size, self.pixels)


@dataclasses.dataclass(frozen=True)
class Original:
    """A real scene, as an item of `gan.data.folder_writer`."""

    part: str
    name: str
    scenes: Scenes
    number: int

    def stamp(self) -> str:
        """The digest of its pixels."""
        return self.scenes.scene(self.number).digest()

    def made(self, size: Size | None, palette: Palette) -> Made:
        """Its files at a size."""
        return Ready(self.part, self.name, self.scenes.scene(self.number)).made(size, palette)


class PairWriter:
    """Takes pairs while they are generated, one at a time in memory.

    Args:
        folder: for their files, until they are written.
        scenes: the data set that they are made from.
        seed: of the pairs.
        traits: what the manifest says of each of them.
    """

    def __init__(self, folder: Path, scenes: SceneSet, seed: int, traits: dict):
        self._folder, self._scenes, self._seed, self._traits = folder, scenes, seed, traits
        self._taken = set(scenes.training.names)
        self.items: list[StoredPair] = []
        self.entries: list[dict] = []
        folder.mkdir()

    def add(self, pair: Pair) -> str:
        """Store a pair; returns the name that it gets."""
        source = self._scenes.training.names[pair.source]
        made = encoded(pair.photo, pair.labels, pair.instances)
        files = {kind: self._folder / f"{pair.number:08d}-{kind}.png" for kind in made.files}
        for kind, path in files.items():
            path.write_bytes(made.files[kind])
        name = self._name(source, pair.number)
        self.items.append(StoredPair(TRAINING, name, files, made.size, made.pixels))
        agreement = {
            "pixels": round(pair.check.pixels, 4),
            "classes": self._by_name(pair.check.classes),
            "put_in": self._by_name(pair.check.put_in),
        }
        self.entries.append(
            {"name": name, "source": source, "number": pair.number, "seed": self._seed}
            | self._traits
            | {"edits": pair.edits, "agreement": agreement}
        )
        return name

    def write(self, output: Path, about: dict, size: Size, with_real: bool, zipped: bool) -> None:
        """Write the prepared folder: the pairs, and the real scenes beside them.

        Args:
            output: the folder, which is new.
            about: what prepared.json is to say.
            size: width and height of all.
            with_real: real training scenes too.
            zipped: a zip of each part besides.
        """
        scenes = self._scenes
        parts = [(VALIDATION, scenes.validation), (TEST, scenes.test)] + [(TRAINING, scenes.training)] * with_real
        originals = [
            Original(part, name, members, k) for part, members in parts for k, name in enumerate(members.names)
        ]
        write_folder(output, [*self.items, *originals], scenes.palette, about, size, zipped)

    def _name(self, source: str, number: int) -> str:
        """A name that begins like the source's, so that both stay together where parts are told by names."""
        start = source.encode()[:LONGEST].decode(errors="ignore")
        name = f"{start}_generated_{self._seed}_{number:06d}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _by_name(self, shares: dict[int, float]) -> dict[str, float]:
        return {self._scenes.palette.name_of(k): round(share, 4) for k, share in shares.items()}


def manifest(generator: PairGenerator, counts: Counts, entries: list[dict]) -> dict:
    """What manifest.json says besides the origin and the files.

    Args:
        generator: of the pairs.
        counts: what became of the tries.
        entries: of the pairs.
    """
    keep, real = generator.keep, generator.real

    def by_name(values: dict[int, float]) -> dict[str, float]:
        return {keep.palette.name_of(k): round(value, 4) for k, value in sorted(values.items())}

    return {
        "thresholds": by_name(keep.scene),
        "thresholds_put_in": by_name(keep.put_in),
        "not_judged": list(map(keep.palette.name_of, real.blind)),
        "real_photos_kept": round(real.kept, 4),
        **counts.numbers(),
        "thrown_away_by_class": by_name(counts.failed),
        "thrown_away_by_class_put_in": by_name(counts.failed_put_in),
        "put_in": counts.put_in,
        "pairs": entries,
    }
