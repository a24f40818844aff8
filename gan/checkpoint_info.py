"""What a checkpoint says of itself, and whether a stranger's says anything that makes sense."""

import dataclasses
import re
from typing import Any

from gan.config import MOST_ITERATIONS, PRECISIONS

# Parameters that a resumed run must share with its good run to go on exactly as that would have.
REPRODUCED = ("batch_size", "generator_lr", "discriminator_lr", "l1_weight", "seed", "precision")
# Parameters that are read from a checkpoint when something is generated or gone on from it, with their types.
READ_AGAIN = {
    "batch_size": int, "use_test": bool, "use_held_out": bool, "fit": str, "groups": str, "mirror": str,
    "turned": bool, "skip_damaged": bool, "pictograms": bool,
}  # fmt: skip
MOST_CLASSES = 1000
LONGEST_NAME = 1000  # letters of a class


@dataclasses.dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

    Attributes:
        kind: which program made it, "dcgan" or "pix2pix" for example.
        class_val: the parameter of the run; "" where there is none.
        iteration: updates made.
        network: sizes of the networks, the fields of the program's `Network`.
        config: all parameters of the run.
        data: name and digest of the data set it was trained on.
        run_id: the run that wrote it.
    """

    kind: str
    class_val: str
    iteration: int
    network: dict[str, Any]
    config: dict[str, Any]
    data: dict[str, Any]
    run_id: str

    def learned_only(self, digest: str) -> bool:
        """Whether the weights have seen the training data of this digest, and no other before it."""
        return self.data.get("digest") == digest and not self.data.get("learned_before")

    @staticmethod
    def of_data(name: str, digest: str, images: int, before: "CheckpointInfo | None") -> dict[str, Any]:
        """The field `data`: what is learned now, and the digests of all other data that the weights knew before."""
        data: dict[str, Any] = {"name": name, "digest": digest, "images": images}
        earlier = {*before.data.get("learned_before", []), before.data["digest"]} - {digest} if before else set()
        return data | ({"learned_before": sorted(earlier)} if earlier else {})

    @classmethod
    def of_run(cls, kind: str, parameters, precision: str, network: dict, data: dict, goodrun) -> "CheckpointInfo":
        """What the checkpoints of a run say, before it has an id; its iteration is that of the good run, or 0.

        Args:
            kind: which program makes it.
            parameters: the configuration of the program, a dataclass.
            precision: that is used, "float32" or "bfloat16".
            network: sizes of the networks.
            data: see `of_data`.
            goodrun: the `GoodRun` that is gone on from, or None.
        """
        values = dataclasses.asdict(parameters)
        start = goodrun.iteration if goodrun else 0
        class_val = values.get("class_val", "")
        return cls(kind, class_val, start, network, values | {"precision": precision}, data, "")

    def differences(self, before: "CheckpointInfo") -> list[str]:
        """What matters for the weights to come and is not as it was, in words."""
        pairs = {
            "data (digest)": (before.data.get("digest"), self.data.get("digest")),
            **{name: (old, self.config.get(name)) for name, old in before.config.items() if name in REPRODUCED},
        }
        return [f"{name}: {old} before, {new} now" for name, (old, new) in pairs.items() if old != new]


def plausible(info: CheckpointInfo) -> bool:
    """Whether the fields are of their kinds and ranges; folders are named and data is opened by some of them."""
    return (
        all(isinstance(value, dict) for value in (info.network, info.config, info.data))
        and all(isinstance(value, str) for value in (info.kind, info.class_val, info.run_id))
        and re.fullmatch(r"[0-9a-f]{32}", info.run_id) is not None
        and type(info.iteration) is int
        and 0 <= info.iteration <= MOST_ITERATIONS
        and all(isinstance(info.data.get(name), str) for name in ("name", "digest"))
        and type(info.data.get("images")) is int
        and isinstance(info.data.get("learned_before", []), list)
        and all(isinstance(digest, str) for digest in info.data.get("learned_before", []))
        and _plausible_classes(info.data)
        and info.config.get("precision", "float32") in tuple(PRECISIONS)
        and all(type(info.config[name]) is kind for name, kind in READ_AGAIN.items() if name in info.config)
    )


def _plausible_classes(data: dict[str, Any]) -> bool:
    """Whether the names of classes, where a checkpoint has them, are names, and their mirror table goes with them."""
    if "classes" not in data and "mirror" not in data:
        return True
    names, mirror = data.get("classes"), data.get("mirror")
    return (
        isinstance(names, list)
        and isinstance(mirror, list)
        and 1 <= len(names) == len(mirror) <= MOST_CLASSES
        and all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in names)
        and len(set(names)) == len(names)
        and isinstance(data.get("turned", False), bool)
        and all(type(k) is int and -1 <= k < len(names) for k in mirror)
    )
