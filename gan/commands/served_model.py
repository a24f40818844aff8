"""What MLflow runs of a promoted generator: `gan.archive.serving` puts it, and the package, into its files."""

from pathlib import Path
from typing import Any

from gan.archive.serving import Served, serve


def load(description: dict[str, Any], file: Path) -> Served:
    """The generator of a Keras file."""
    # Imported here: `promote` reads this file too, and needs no TensorFlow.
    if description["kind"] == "pix2pix":
        from gan.pix2pix.served import ServedScenes as Kind
    else:
        from gan.dcgan.served import ServedImages as Kind
    return Kind(description, file)


serve(load)
