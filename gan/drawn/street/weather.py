"""The weather and the sensor of a drawn street."""

import math

from gan.drawn.street.camera import Light
from gan.drawn.street.plan import Planner


def weather(plan: Planner) -> Light:
    """Sun, broken clouds, overcast or fog."""
    kind = str(plan.rng.choice(["sun", "clouds", "grey", "fog"], p=[0.35, 0.3, 0.27, 0.08]))
    strength = {"sun": plan.some(0.7, 1), "clouds": plan.some(0.2, 0.7), "grey": 0.0, "fog": 0.0}[kind]
    cover = {"sun": plan.some(0, 0.35), "clouds": plan.some(0.4, 0.7), "grey": 0.95, "fog": 1.0}[kind]
    blue = {"sun": 1.0, "clouds": 0.75, "grey": 0.15, "fog": 0.0}[kind]
    bright = plan.some(0.85, 1.0) if kind != "grey" else plan.some(0.7, 1.0)
    mix = lambda grey, clear: tuple(bright * (g + blue * (c - g)) for g, c in zip(grey, clear, strict=True))  # noqa: E731
    low = mix((212, 214, 216), (206, 222, 238))
    angle = plan.some(0, 2 * math.pi)
    warm = plan.some(-0.06, 0.1) if strength else plan.some(-0.05, 0.03)
    return Light(
        zenith=mix((188, 192, 198), (96 + plan.some(0, 40), 146 + plan.some(0, 26), 214)),
        low=low,
        fog=low,
        visibility={
            "sun": plan.some(350, 900),
            "clouds": plan.some(250, 700),
            "grey": plan.some(160, 450),
            "fog": plan.some(45, 100),
        }[kind],
        cover=cover,
        sun=(math.cos(angle), math.sin(angle)),
        strength=strength,
        exposure=plan.some(0.92, 1.3) if strength else plan.some(0.85, 1.2),
        cast=(1 + warm, 1 + plan.some(-0.02, 0.02), 1 - warm),
        contrast=plan.some(0.85, 1.15),
        blur=plan.some(0.25, 0.6),
        noise=plan.some(0.8, 3.5),
    )
