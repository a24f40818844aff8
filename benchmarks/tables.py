"""Tables of measurements."""

import csv
import io
from pathlib import Path
from typing import Any

from gan.files import replacing


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows as a CSV; a score that a row lacks stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode())
