"""The clean signs of the 43 GTSRB classes, drawn by code: no font and no image file from outside.

Every drawing works on a square of 100 by 100 units, x to the right and y down, whatever the picture's size.
"""

from PIL import Image, ImageOps

from gan.data.signs import CLASSES, GTSRB
from gan.drawn.digits import draw_number
from gan.drawn.pen import Pen, bend
from gan.drawn.symbols import (
    BLACK,
    DARK_GREY,
    GREEN,
    GREY,
    RED,
    WHITE,
    YELLOW,
    bicycle,
    blue_disc,
    car_from_behind,
    child,
    diamond,
    end_bars,
    grey_ring,
    octagon,
    red_ring,
    roundabout,
    skid,
    snowflake,
    triangle,
    truck_and_car,
    two_cars,
    walker,
)

SUPERSAMPLING = 4  # pixels drawn per pixel kept along each axis: Pillow's primitives have hard edges


LIMITS = {0: "20", 1: "30", 2: "50", 3: "60", 4: "70", 5: "80", 7: "100", 8: "120"}  # km/h, by class id

# The signs themselves: what is drawn, one on the other. Of two classes that mirror each other only one is here.
SIGNS: dict[int, list[tuple]] = {
    **{k: [(red_ring,), (draw_number, limit, BLACK)] for k, limit in LIMITS.items()},
    6: [(grey_ring,), (draw_number, "80", DARK_GREY), (end_bars,)],
    9: [(red_ring,), (two_cars, RED, BLACK)],
    10: [(red_ring,), (truck_and_car, RED, BLACK)],
    11: [
        (triangle,),
        (Pen.polygon, [(43.5, 80), (43.5, 48), (56.5, 48), (56.5, 80), (50, 75)], BLACK),
        (Pen.polygon, [(50, 34), (60, 51), (40, 51)], BLACK),
        (Pen.box, 34, 56, 66, 63, BLACK),
    ],
    12: [(Pen.rounded, diamond(r), edge, c) for r, edge, c in ((46, 3, GREY), (45.5, 2.5, WHITE), (27, 1, YELLOW))],
    13: [(triangle, True)],
    14: [
        (Pen.polygon, octagon(52), WHITE),
        (Pen.polygon, octagon(49), RED),
        (Pen.text, "STOP", (11, 32, 89, 68), 0.03, WHITE),
    ],
    15: [(red_ring,)],
    16: [  # No vehicles over 3.5 tons
        (red_ring,),
        (Pen.box, 38, 34, 80, 55, BLACK),
        (Pen.polygon, [(20, 58), (20, 51), (26, 49), (29, 41), (36, 41), (36, 58)], BLACK),
        (Pen.polygon, [(27, 49), (30, 44), (34, 44), (34, 49)], WHITE),
        (Pen.box, 20, 56, 80, 58, BLACK),
        *((Pen.disc, x, 60, 5, BLACK) for x in (28, 63, 74)),
    ],
    17: [(Pen.disc, 50, 50, 49.5, WHITE), (Pen.disc, 50, 50, 48.5, RED), (Pen.box, 10, 42, 90, 58, WHITE)],
    18: [
        (triangle,),
        (Pen.rounded, [(46.5, 33), (53.5, 33), (51.5, 63), (48.5, 63)], 2, BLACK),
        (Pen.disc, 50, 74.5, 5, BLACK),
    ],
    19: [(triangle,), (Pen.arrow, [(60, 76), *bend((61, 64), (59, 55), (49, 54)), (35, 52)], 10, 17, BLACK)],
    21: [(triangle,), (Pen.arrow, [(60, 79), (60, 61), (46, 60), (46, 38)], 8.5, 15, BLACK)],
    22: [
        (triangle,),
        (Pen.box, 26, 76, 74, 80, BLACK),
        *((Pen.polygon, bend((x - 11, 77), (x, 60), (x + 11, 77)), BLACK) for x in (38.5, 61.5)),
    ],
    23: [  # Slippery road
        (triangle,),
        (car_from_behind, 50, 57, 28, BLACK, 9),
        *((Pen.stroke, skid(x), 3, BLACK) for x in (39, 55)),
    ],
    24: [
        (triangle,),
        (Pen.stroke, [(42, 78), (42, 41)], 6, BLACK, False),
        (Pen.stroke, [(60, 78), (60, 66), (53, 56), (53, 41)], 6, BLACK, False),
    ],
    25: [  # Road work
        (triangle,),
        (Pen.disc, 46, 43, 4.4, BLACK),
        (Pen.stroke, [(44, 51), (39, 61)], 8, BLACK),
        (Pen.stroke, [(38, 62), (36, 70), (29, 79)], 4.6, BLACK),
        (Pen.stroke, [(40, 62), (45, 70), (45, 79)], 4.6, BLACK),
        (Pen.stroke, [(45, 50), (53, 57), (48, 62)], 3.8, BLACK),
        (Pen.stroke, [(38, 57), (63, 74)], 2.8, BLACK),
        (Pen.polygon, [(51, 80), *bend((56, 73), (64, 60), (69, 70)), (76, 80)], BLACK),
    ],
    26: [
        (triangle,),
        *((Pen.disc, 50, y, 6.6, BLACK) for y in (41, 57, 73)),
        *((Pen.disc, 50, y, 6, lamp) for y, lamp in ((41, RED), (57, YELLOW), (73, GREEN))),
    ],
    27: [(triangle,), (walker, 49, 80, 1.1)],
    28: [(triangle,), (child, 58, 78, 0.9), (child, 38, 77, 0.66)],
    29: [(triangle,), (bicycle, 8, 2.6)],
    30: [(triangle,), (snowflake, 1, 3.4)],
    31: [  # A deer that leaps to the left: trunk, neck and head, antlers, legs
        (triangle,),
        (
            Pen.polygon,
            [(41.2, 56.8), (49.2, 60), (60.4, 63.2), (66.8, 66.4), (63.6, 72), (57.2, 69.6), (46, 67.2)],
            BLACK,
        ),
        (
            Pen.polygon,
            [
                (41.2, 61.6),
                (40.4, 54.4),
                (34.8, 56),
                (34, 53.6),
                (39.6, 48.8),
                (44.4, 49.6),
                (49.2, 60.8),
                (46, 65.6),
            ],
            BLACK,
        ),
        *(
            (Pen.stroke, antler, 2.6, BLACK)
            for antler in ([(42.8, 49.6), (43.6, 44), (47.6, 40.8)], [(43.6, 47.2), (49.2, 45.6)])
        ),
        *(
            (Pen.stroke, leg, 3, BLACK)
            for leg in ([(45.2, 64.8), (36.4, 64.8), (34, 68.8)], [(47.6, 66.4), (40.4, 70.4), (38.8, 75.2)])
        ),
        *(
            (Pen.stroke, leg, 3.2, BLACK)
            for leg in ([(65.2, 68), (66.8, 74.4), (73.2, 79.2)], [(62, 70.4), (61.2, 74.4), (66.8, 79.2)])
        ),
    ],
    32: [(grey_ring,), (end_bars,)],
    33: [(blue_disc,), (Pen.barbed, [(34, 82), *bend((34, 58), (34, 36), (54, 35)), (84, 34)], 11, 18, WHITE)],
    35: [(blue_disc,), (Pen.barbed, [(50, 90), (50, 10)], 12, 23, WHITE)],
    36: [
        (blue_disc,),
        (Pen.barbed, [(42, 89), (42, 10)], 11, 18, WHITE),
        (Pen.barbed, [*bend((42, 74), (43, 60), (58, 60)), (89, 59)], 10, 16, WHITE),
    ],
    38: [(blue_disc,), (Pen.barbed, [(24, 25), (78, 75)], 12, 21, WHITE)],
    40: [(blue_disc,), (roundabout,)],
    41: [(grey_ring,), (two_cars, DARK_GREY, DARK_GREY), (end_bars,)],
    42: [(grey_ring,), (truck_and_car, DARK_GREY, DARK_GREY), (end_bars,)],
}


# Signs of these classes that look a little different: others hang beside the newest design for decades.
LETTERINGS = (  # of numbers: how bold, wide and high they are beside those of `SIGNS`
    (0.75, 1, 1), (0.7, 0.88, 1), (0.8, 1.04, 0.88), (0.7, 0.88, 0.88), (0.9, 1.04, 1.1), (0.65, 0.95, 1.08),
    (0.8, 0.8, 1),
)  # fmt: skip
OTHERS: dict[int, list[list[tuple]]] = {
    **{k: [[(red_ring,), (draw_number, limit, BLACK, *how)] for how in LETTERINGS] for k, limit in LIMITS.items()},
    6: [[(grey_ring,), (draw_number, "80", DARK_GREY, *how), (end_bars,)] for how in LETTERINGS],
    18: [[
        (triangle,),
        (Pen.rounded, [(48, 37), (52, 37), (51, 63), (49, 63)], 1, BLACK),
        (Pen.disc, 50, 73, 3.5, BLACK),
    ]],
    19: [[(triangle,), (Pen.stroke, [(61, 77), *bend((61, 64), (60, 52), (49, 52)), (38, 52)], 7, BLACK, False)]],
    21: [
        [(triangle,), (Pen.stroke, line, width, BLACK, False)]
        for line, width in (
            ([(60, 79), (60, 62), (45, 60), (45, 40)], 7),
            ([(57, 76), (57, 60), (46, 64), (46, 44)], 6),
        )
    ],
    28: [[(triangle,), (walker, 58, 79, 0.95), (walker, 38, 79, 0.7)]],
    29: [[(triangle,), (bicycle, 10.5, 1.9)]],
    30: [[(triangle,), (snowflake, 0.7, 3)]],
    35: [
        [(blue_disc,), (Pen.arrow, [(50, 88), (50, 14)], 13, 36, WHITE)],
        [(blue_disc,), (Pen.barbed, [(50, 86), (50, 14)], 8, 18, WHITE)],
    ],
    38: [
        [(blue_disc,), (Pen.arrow, [(25, 26), (77, 74)], 13, 36, WHITE)],
        [(blue_disc,), (Pen.barbed, [(27, 28), (75, 72)], 8, 17, WHITE)],
    ],
    40: [[(blue_disc,), (roundabout, width, wing)] for width, wing in ((4.5, 8), (6, 9))],
}  # fmt: skip


def designs(class_id: int) -> int:
    """How many designs of a class there are, 1 and more."""
    return 1 + len(OTHERS.get(class_id if class_id in SIGNS else GTSRB.mirror[class_id], ()))


def pictogram(class_id: int, size: int = 256, design: int = 0) -> Image.Image:
    """The clean sign of a class, as the design drawings show it.

    The sign touches the picture's edges, all around it is transparent. Classes that `signs.GTSRB` pairs in the mirror
    are exact mirror images of each other, and those that it maps to themselves are exactly symmetric.

    Args:
        class_id: GTSRB class id, 0-42.
        size: width and height in pixels.
        design: 0 is the usual one, 1 and more are others; below `designs(class_id)`.

    Returns:
        RGBA picture, size by size; alpha 0 outside the sign, 255 inside.

    Raises:
        ValueError: no such class or design, or the size is not positive.
    """
    if class_id not in range(CLASSES):
        raise ValueError(f"there is no class {class_id}: class ids are 0 to {CLASSES - 1}")
    if size < 1:
        raise ValueError(f"size must be positive, not {size}")
    if design not in range(designs(class_id)):
        raise ValueError(f"class {class_id} has designs 0 to {designs(class_id) - 1}, and not {design}")
    mirror = GTSRB.mirror[class_id]
    if class_id not in SIGNS:
        return ImageOps.mirror(pictogram(mirror, size, design))
    pen = Pen(size * SUPERSAMPLING)
    for draw, *arguments in OTHERS[class_id][design - 1] if design else SIGNS[class_id]:
        draw(pen, *arguments)
    image = pen.image.resize((size, size), Image.Resampling.BOX)
    if mirror == class_id:  # Pillow rounds left and right edges differently: the right half repeats the left
        left = image.crop((0, 0, size // 2, size))
        image.paste(ImageOps.mirror(left), (size - size // 2, 0))
    return image
