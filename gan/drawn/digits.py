"""The digits of speed limits, drawn by lines."""

from gan.drawn.pen import Colour, Pen, arc, bend

# Digits as roads have them, of lines on a field of 60 by 100 (DIN 1451: straight sides, half circles).
DIGITS = {
    "0": [[*arc(30, 30, 22, 23, 180, 360), *arc(30, 70, 22, 23, 0, 180), (8, 30)]],
    "1": [[(14, 28), (36, 8), (36, 93)]],
    "2": [[*arc(30, 29, 22, 22, 190, 390), (9, 92), (54, 92)]],
    "3": [[*arc(30, 28, 19, 21, 200, 420), (30, 48)], [(30, 48), *arc(30, 70, 22, 23, 290, 520)]],
    "5": [[(50, 8), (14, 8), (11, 46), *arc(30, 66, 22, 27, 235, 520)]],
    "6": [[*arc(30, 69, 22, 24, 0, 360)], [(42, 6), *bend((42, 6), (10, 42), (8, 69))]],
    "7": [[(7, 8), (53, 8), *bend((53, 8), (26, 45), (24, 94))]],
    "8": [[*arc(30, 28, 18, 21, 0, 360)], [*arc(30, 71, 22, 22, 0, 360)]],
}


def draw_number(pen: Pen, text: str, colour: Colour, bold: float = 1.0, wide: float = 1.0, high: float = 1.0) -> None:
    """A speed limit; three digits are narrower. `bold`, `wide` and `high` are factors."""
    width, height, stroke = (21 * wide, 40 * high, 5.4) if len(text) > 2 else (28.5 * wide, 44 * high, 6)
    left, top = 51.5 - width * len(text) / 2, 50 - height / 2
    for place, digit in enumerate(text):
        for line in DIGITS[digit]:
            points = [(left + (place + 0.03) * width + x / 64 * width, top + y / 100 * height) for x, y in line]
            pen.stroke(points, bold * stroke, colour)
