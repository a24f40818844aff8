"""Where everything stands in a drawn street: one layout for all frames of a sequence."""

import functools

import numpy as np

from gan.drawn.backdrops import smooth_noise
from gan.drawn.street.plan import BEHIND, END, LEAVES, PAVEMENT, TERRAIN, Ground, Planner, Street
from gan.drawn.street.traffic import furnish, traffic, walkers
from gan.drawn.street.weather import weather

STREAM = 1_004  # sets these random draws apart from others with the same seed
WALLS = (
    (206, 190, 160), (186, 120, 92), (196, 192, 186), (226, 218, 204), (160, 150, 140), (214, 176, 120),
    (150, 100, 84), (176, 184, 186), (222, 200, 180),
)  # fmt: skip


@functools.lru_cache(maxsize=16)
def plan_street(seed: int, sequence: int) -> Street:
    """The street of a sequence.

    Args:
        seed: 0 or more.
        sequence: 0 or more; every one is another street.

    Returns:
        The plan, the same for the same numbers.
    """
    rng = np.random.default_rng([seed, STREAM, sequence])
    plan = Planner(rng)
    style = str(rng.choice(["city", "suburb", "green"], p=[0.5, 0.3, 0.2]))
    lanes = 2 if plan.is_(0.25) else 1
    parking = [plan.is_(0.7 if style == "city" else 0.4) for _ in range(2)]
    lane = plan.some(2.9, 3.5)
    half = lanes * lane + 2.1 * max(parking)
    walks = [plan.some(1.6, 4.0) if plan.is_(0.92) else 1.0 for _ in range(2)]
    verges = [plan.some(1.0, 2.4) if style != "city" and plan.is_(0.4) else 0.0 for _ in range(2)]
    junction = None
    if plan.is_(0.5):
        start = plan.some(13, 65)
        junction = (start, start + plan.some(6, 11))
    zebra = junction is not None and plan.is_(0.6)

    pace = plan.some(2.5, 6.5)
    slabs = plan.one(((150, 146, 142), (164, 156, 148), (138, 136, 136)), 12)
    grass = plan.one(((104, 118, 62), (92, 112, 56), (126, 124, 76)), 10)
    base = (PAVEMENT, slabs) if style == "city" else (TERRAIN, grass)
    ground, edges = [], []
    for side, walk, verge in zip((-1, 1), walks, verges, strict=True):
        edge = half + verge + walk
        edges.append(edge)
        strips = [(half + verge, edge, PAVEMENT, slabs), (half, half + verge, TERRAIN, grass)]
        strips.append((half, half + 0.18, PAVEMENT, tuple(min(255, 1.16 * c) for c in slabs)))
        for near, far, value, colour in strips:
            if far > near:
                ground.append(Ground(min(side * near, side * far), max(side * near, side * far), value, colour))

    for side, edge, walk, verge in zip((-1, 1), edges, walks, verges, strict=True):
        _line_side(plan, side, edge, style, junction)
        furnish(plan, side, half, verge, walk, style, junction)
        walkers(plan, side, half, verge, walk, edge, style, junction)
    traffic(plan, pace, half, lane, lanes, parking, junction, zebra)
    widths = rng.uniform(8, 30, 26)
    kinds = rng.random(26) * (0.8 if style == "green" else 1)
    skyline = tuple(zip(widths.tolist(), rng.uniform(3, 24, 26).tolist(), kinds.tolist(), strict=True))
    camera = (plan.some(0.4, 0.6), plan.some(0.38, 0.5), plan.some(0.78, 1.12), plan.some(1.25, 2.1))
    bend = plan.some(-0.0022, 0.0022) if plan.is_(0.45) else 0.0
    grey = plan.some(78, 124)
    return Street(
        half=half,
        ground=tuple(ground),
        base=base,
        asphalt=tuple(grey + plan.some(-4, 4) + shift for shift in (0, 1, 3)),
        junction=junction,
        zebra=zebra,
        lanes=lanes,
        edge=plan.is_(0.4),
        pieces=tuple(plan.pieces),
        skyline=skyline,
        light=weather(plan),
        camera=(*camera, lane * (lanes - 0.5) + plan.some(-0.4, 0.4)),
        pace=pace,
        bend=bend,
        clouds=sum(share * smooth_noise(rng, cells, 128) for share, cells in ((0.55, 6), (0.3, 14), (0.15, 36))),
        grain=0.5 * smooth_noise(rng, 24, 256) + 0.5 * smooth_noise(rng, 160, 256),
    )


def _line_side(plan: Planner, side: int, edge: float, style: str, junction: tuple[float, float] | None) -> None:
    """Houses, gardens and walls from the near to the far end of one side."""
    z = BEHIND - plan.some(0, 6)
    while z < END:
        if junction and junction[0] - 4.5 <= z < junction[1] + 2:
            z = junction[1] + 2  # the pavement of the street that crosses
        end = junction[0] - 2 if junction and z < junction[0] - 2 else END + 20
        room = end - z
        if style == "city" and plan.is_(0.84):
            length = min(plan.some(9, 20), room)
            look = str(plan.rng.choice(["flat", "shop", "pitched"], p=[0.35, 0.4, 0.25]))
            tall = 3.1 * int(plan.rng.integers(2, 6)) + plan.some(0.8, 1.6)
            plan.add(
                "building",
                side * edge,
                z,
                length=length,
                width=plan.some(9, 13),
                height=tall,
                colour=plan.one(WALLS, 22),
                look=look,
            )
        elif style == "city" or (style == "green" and plan.is_(0.75)):
            length = min(plan.some(10, 24), room)
            _garden(plan, side, edge, z, length, plan.is_(0.6))
        else:
            length = min(plan.some(11, 20), room)
            gap, setback = plan.some(0, 4), plan.some(1.5, 6)
            if length > 9:
                tall = 3.1 * int(plan.rng.integers(1, 4)) + plan.some(0.4, 1)
                look = "pitched" if plan.is_(0.75) else "flat"
                plan.add(
                    "building",
                    side * (edge + setback),
                    z + gap / 2,
                    length=length - gap,
                    width=plan.some(8, 11),
                    height=tall,
                    colour=plan.one(WALLS, 20),
                    look=look,
                )
            _garden(plan, side, edge, z, length, False, setback)
        z += length


def _garden(plan: Planner, side: int, edge: float, z: float, length: float, wood: bool, deep: float = 14.0) -> None:
    """What stands before a house or where none is: a fence, wall or hedge, bushes and trees behind it."""
    kind = str(plan.rng.choice(["fence", "wall", "hedge", "none"], p=[0.3, 0.25, 0.2, 0.25]))
    if kind != "none" and length > 2:
        tall = {"fence": plan.some(0.9, 1.9), "wall": plan.some(0.8, 2.4), "hedge": plan.some(0.9, 2.0)}[kind]
        colours = {
            "fence": ((118, 92, 68), (150, 148, 142), (96, 104, 92), (206, 202, 194)),
            "wall": ((150, 142, 132), (170, 116, 92), (188, 182, 170)),
            "hedge": LEAVES,
        }[kind]
        plan.add(
            kind,
            side * edge,
            z,
            length=length,
            width=1.0 if kind == "hedge" else 0.2,
            height=tall,
            colour=plan.one(colours, 14),
        )
    for _ in range(int(plan.rng.poisson(length / (4.0 if wood else 9.0)))):
        look = str(plan.rng.choice(["round", "bush", "cone"], p=[0.55, 0.3, 0.15]))
        tall = plan.some(1.2, 2.8) if look == "bush" else plan.some(4.5, 12)
        across = tall * plan.some(0.9, 1.3) if look == "bush" else tall * plan.some(0.5, 0.75)
        x = edge + 1.0 + (0.5 * across if wood else 0.7) + plan.some(0, max(0.5, deep - 2))
        plan.add(
            "tree",
            side * x,
            z + plan.some(0, length),
            width=across,
            height=tall,
            colour=plan.one(LEAVES, 16),
            look=look,
        )
