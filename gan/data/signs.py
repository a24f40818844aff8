"""German traffic signs (GTSRB): their classes, and which of them a mirror keeps."""

from gan.data.labelled import Classes

SIZE = 32  # pixels, width and height
CLASSES = 43

NAMES = (
    "Speed limit 20",
    "Speed limit 30",
    "Speed limit 50",
    "Speed limit 60",
    "Speed limit 70",
    "Speed limit 80",
    "End of speed limit 80",
    "Speed limit 100",
    "Speed limit 120",
    "No passing",
    "No passing for trucks",
    "Right of way at the next crossing",
    "Priority road",
    "Yield",
    "Stop",
    "No vehicles",
    "No trucks",
    "No entry",
    "Danger",
    "Curve to the left",
    "Curve to the right",
    "Double curve",
    "Bumpy road",
    "Slippery road",
    "Road narrows on the right",
    "Road works",
    "Traffic lights",
    "Pedestrians",
    "Children",
    "Bicycles",
    "Ice or snow",
    "Wild animals",
    "End of all limits",
    "Turn right",
    "Turn left",
    "Straight on",
    "Straight on or right",
    "Straight on or left",
    "Keep right",
    "Keep left",
    "Roundabout",
    "End of no passing",
    "End of no passing for trucks",
)

# Training images of each class in the full archive (39,209 in all): tracks of 30, one of 29.
TRAINING_COUNTS = (
    210, 2220, 2250, 1410, 1980, 1860, 420, 1440, 1410, 1470, 2010, 1320, 2100, 2160, 780,
    630, 420, 1110, 1200, 210, 360, 330, 390, 510, 270, 1500, 600, 240, 540, 270,
    450, 780, 240, 689, 420, 1200, 390, 210, 2070, 300, 360, 240, 240,
)  # fmt: skip

# What a class becomes in the mirror: itself or another class; every class that is left out is no sign any more.
_MIRROR = {k: k for k in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)} | {
    a: b for pair in ((19, 20), (33, 34), (36, 37), (38, 39)) for a, b in (pair, pair[::-1])
}
GTSRB = Classes(NAMES, tuple(map(str, range(CLASSES))), tuple(_MIRROR.get(k, -1) for k in range(CLASSES)), "GTSRB")


def stored_classes(data: dict) -> Classes:
    """The classes that a checkpoint says its run was trained on: GTSRB's where it names none.

    Args:
        data: the field of that name of a `gan.checkpoints.CheckpointInfo`.
    """
    if "classes" not in data:
        return GTSRB
    return Classes.named(data["classes"], data["mirror"], turned=data.get("turned", False))


def stored_size(network: dict) -> int:
    """Width and height in pixels of what a checkpoint's networks generate, by the field of that name."""
    return network.get("size", SIZE)


def storable(classes: Classes) -> dict:
    """The entries of `data` that `stored_classes` reads."""
    if classes == GTSRB:
        return {}
    return {"classes": list(classes.names), "mirror": list(classes.mirror), "turned": classes.turned}
