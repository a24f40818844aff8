"""What stands at the kerb, and who and what is on the way in a drawn street."""

import math

from gan.drawn.street.plan import BEHIND, END, LEAVES, Planner

PAINTS = (
    (190, 192, 196), (60, 62, 66), (28, 29, 32), (235, 235, 233), (130, 134, 140), (44, 62, 110), (140, 30, 34),
    (86, 90, 94), (56, 84, 70), (170, 150, 120),
)  # fmt: skip
BUSES = ((196, 40, 36), (226, 190, 60), (236, 236, 232), (60, 100, 150))
CLOTHES = (
    (40, 44, 58), (32, 32, 34), (120, 40, 44), (70, 90, 120), (150, 140, 124), (60, 74, 58), (190, 190, 186),
    (172, 132, 60), (96, 70, 110),
)  # fmt: skip


def is_free(z: float, junction: tuple[float, float] | None, margin: float = 3.0) -> bool:
    """Whether a place along the street is so many metres away from the road that crosses."""
    return junction is None or not junction[0] - margin < z < junction[1] + margin


def furnish(
    plan: Planner, side: int, half: float, verge: float, walk: float, style: str, junction: tuple | None
) -> None:
    """Trees, lamps, signs, lights and bins along the kerb."""
    kerb = half + 0.45
    if (verge or walk > 2.2) and plan.is_(0.55):
        across, tall = plan.some(2.4, 4.8), plan.some(4.5, 8.5)
        leaves = plan.one(LEAVES, 14)
        for z in plan.places(BEHIND, END, plan.some(9, 18)):
            if is_free(z, junction, 5):
                grow = plan.some(0.85, 1.15)
                plan.add(
                    "tree",
                    side * (kerb + 0.3),
                    z,
                    width=across * grow,
                    height=tall * grow,
                    colour=leaves,
                    look="round",
                )
    if walk > 1.2 and plan.is_(0.65):
        for z in plan.places(0, END - 40, 26):
            if is_free(z, junction):
                plan.add(
                    "lamp",
                    side * kerb,
                    z,
                    height=plan.some(5.5, 8),
                    colour=(104, 108, 108),
                    look="arm" if plan.is_(0.7) else "ball",
                )
    for z in plan.places(4, 90, 45 if style == "city" else 65):
        if is_free(z, junction):
            plan.add(
                "sign",
                side * (kerb + 0.1),
                z,
                width=plan.some(0.6, 0.8),
                height=plan.some(2.4, 3.0),
                colour=(132, 134, 134),
            )
    if junction:
        kind, places = ("signal" if plan.is_(0.6) else "sign"), (junction[0] - 1.6, junction[1] + 1.4)
    else:  # people may cross somewhere
        kind, places = "signal", (plan.some(10, 45),) * plan.is_(0.3)
    look = ("red", "green", "amber")[int(7 * junction[0]) % 3 if junction else 1]  # all of a junction show the same
    for z in places:
        if kind == "signal":
            plan.add(kind, side * kerb, z, width=0.45, height=plan.some(2.8, 3.6), colour=(96, 100, 100), look=look)
        elif plan.is_(0.6):
            plan.add(kind, side * kerb, z, width=0.8, height=2.8, colour=(132, 134, 134))
    if walk > 1.2:
        for z in plan.places(6, 70, 55):
            if is_free(z, junction):
                colours = ((70, 84, 72), (190, 110, 40), (96, 96, 100), (186, 160, 52))
                plan.add(
                    "bin",
                    side * (half + verge + 0.35),
                    z,
                    width=plan.some(0.45, 0.8),
                    height=plan.some(0.8, 1.3),
                    colour=plan.one(colours, 12),
                )


def walkers(
    plan: Planner, side: int, half: float, verge: float, walk: float, edge: float, style: str, junction: tuple | None
) -> None:
    """People and standing bicycles on the pavement."""
    if walk > 1.2:
        for z in plan.places(5, 70, 30 if style == "city" else 70):
            for k in range(2 if plan.is_(0.25) else 1):
                x = half + verge + 0.4 + (walk - 0.8) * plan.some(0, 1)
                way = (0.0, plan.one((1.0, -1.0)))
                plan.add(
                    "person",
                    side * x,
                    z + 0.7 * k,
                    True,
                    height=plan.some(1.5, 1.88),
                    colour=plan.one(CLOTHES, 16),
                    heading=way,
                    speed=plan.some(0.2, 0.8),
                )
    if walk > 1.2 and plan.is_(0.2):
        z = plan.some(6, 35)
        for k in range(int(plan.rng.integers(1, 4))):
            if is_free(z + 2 * k, junction):
                angle = plan.some(-0.35, 0.35)
                way = (math.sin(angle), math.cos(angle)) if plan.is_(0.6) else (math.cos(angle), math.sin(angle))
                plan.add(
                    "bicycle",
                    side * (edge - 0.45 - 0.9 * abs(way[0])),
                    z + 2.2 * k,
                    True,
                    length=1.75,
                    height=1.0,
                    colour=plan.one(PAINTS, 20),
                    heading=way,
                )


def _vehicle(plan: Planner, x: float, z: float, way: tuple[float, float], speed: float, rare: float) -> None:
    """A car, or with this probability a truck or a bus."""
    roll = plan.rng.random()
    if roll < rare:
        truck = plan.is_(0.6)
        look, wide = ("truck", 2.35) if truck else ("bus", 2.5)
        long, tall = (plan.some(6, 9), plan.some(2.9, 3.5)) if truck else (plan.some(10, 12), plan.some(2.9, 3.2))
        colour = plan.one(PAINTS if truck else BUSES, 20)
    else:
        look = str(plan.rng.choice(["hatch", "saloon", "estate", "van"], p=[0.35, 0.25, 0.25, 0.15]))
        long, wide = plan.some(3.8, 4.7), plan.some(1.68, 1.88)
        tall = plan.some(1.85, 2.1) if look == "van" else plan.some(1.4, 1.58)
        colour = plan.one(PAINTS, 18)
    plan.add(
        "vehicle",
        x,
        z,
        True,
        length=long,
        width=wide,
        height=tall,
        colour=colour,
        look=look,
        heading=way,
        speed=speed,
    )


def traffic(
    plan: Planner,
    pace: float,
    half: float,
    lane: float,
    lanes: int,
    parking: list[bool],
    junction: tuple | None,
    zebra: bool,
) -> None:
    """Vehicles in the lanes and at the kerb, cyclists, people who cross."""
    for side, parked in zip((-1, 1), parking, strict=True):
        if parked:
            z = BEHIND + plan.some(0, 6)
            while z < 120:
                if plan.is_(0.62) and is_free(z, junction, 7):
                    way = 1.0 if side > 0 or plan.is_(0.3) else -1.0
                    _vehicle(plan, side * (half - 1.05), z, (0.0, way), 0.0, 0.02)
                z += plan.some(5.4, 7)
    oncoming = plan.some(2.5, 6)
    for k in range(lanes):
        x = lane * (k + 0.5)
        own = lanes == 1 or k == lanes - 1
        for z in plan.places(13 if own else 4, 120, 48 if own else 38):
            _vehicle(plan, x, z, (0.0, 1.0), pace * plan.some(0.9, 1.1), 0.055)
        for z in plan.places(6, 140, 40):
            _vehicle(plan, -x, z, (0.0, -1.0), oncoming * plan.some(0.9, 1.1), 0.05)
    for side, share in ((1, 0.17), (-1, 0.1)):
        if plan.is_(share):
            x = half - 2.1 * parking[(side + 1) // 2] - 0.55
            plan.add(
                "cyclist",
                side * x,
                plan.some(7, 30),
                True,
                length=1.75,
                height=1.78,
                colour=plan.one(CLOTHES, 16),
                heading=(0.0, float(side)),
                speed=plan.some(1.5, 3),
            )
    if junction:
        middle = 0.5 * (junction[0] + junction[1])
        if plan.is_(0.35):
            way = plan.one((1.0, -1.0))
            _vehicle(plan, plan.some(-9, 9), middle - 1.7 * way, (way, 0.0), plan.some(0.5, 2), 0.2)
        if plan.is_(0.1):
            way = plan.one((1.0, -1.0))
            plan.add(
                "cyclist",
                plan.some(-5, 5),
                junction[0] + 0.8,
                True,
                length=1.75,
                height=1.78,
                colour=plan.one(CLOTHES, 16),
                heading=(way, 0.0),
                speed=1.2,
            )
        if zebra and plan.is_(0.7):
            for _ in range(int(plan.rng.integers(1, 4))):
                way = plan.one((1.0, -1.0))
                plan.add(
                    "person",
                    plan.some(-half, half),
                    junction[0] - plan.some(2, 4.4),
                    True,
                    height=plan.some(1.5, 1.88),
                    colour=plan.one(CLOTHES, 16),
                    heading=(way, 0.0),
                    speed=plan.some(0.3, 0.8),
                )
