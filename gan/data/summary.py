"""What a data set of signs holds, as text."""

from collections.abc import Sequence

import numpy as np

from gan.data.labelled import LabelledImages

BAR = 32  # characters of the longest bar


def summary_text(train: LabelledImages, test: LabelledImages | None, name: str, notes: Sequence[str] = ()) -> str:
    """Numbers of images, their shape, and a table of the classes, for the console.

    Args:
        train: training images.
        test: test images, or None.
        name: what the data set is called.
        notes: sentences about it, one a line, at the end.

    Returns:
        lines of plain ASCII, about 100 characters each at most but for the notes; the bars show the training images.
    """
    counts, names, classes = train.counts(), train.classes.names, len(train.classes)
    test_counts = np.zeros_like(counts) if test is None else test.counts()
    tracks = [len(np.unique(train.tracks[(train.labels == k) & (train.tracks >= 0)])) for k in range(classes)]
    present = int(np.count_nonzero(counts))
    lines = [
        f"{name} (digest {train.digest()})",
        f"Number of training examples = {len(train)}",
        f"Number of test examples     = {0 if test is None else len(test)}",
        f"Image data shape            = {train.images.shape[1:]}",
        f"Number of classes           = {present}" + ("" if present == classes else f" of {classes}"),
        f"Number of tracks            = {sum(tracks) or 'unknown'}",
        "",
    ]
    width = max(map(len, names))
    lines += [f"{'class':>5}  {'name':<{width}}  {'train':>6}  {'test':>6}  {'tracks':>6}"]
    for k, label in enumerate(names):
        # A class that is there at all shows: one mark at least.
        bar = "#" * -(-int(counts[k]) * BAR // max(1, int(counts.max())))
        row = f"{k:>5}  {label:<{width}}  {counts[k]:>6}  {test_counts[k]:>6}  {tracks[k] or '-':>6}  {bar}"
        lines.append(row.rstrip())
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"
