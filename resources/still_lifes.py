"""What the other sample pictures show: things on a table, and patterns. See `resources/scenes.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resources.painting import Field, Plane, Stops, fractal, light, noise, over, ramp, smooth

# --- on the table ------------------------------------------------------------------------------------


def wood(f: Field, stops: Stops, *, seed: int, plank: float = 0.24) -> Plane:
    """Planks seen from above, lit from a window at the upper left."""
    number = np.floor(f.y / plank)
    x, y = f.x + number * 3.7, f.y + number * 1.3
    bend = 0.05 * noise(x * 0.9, y * 1.4, seed) + 0.012 * noise(x * 4, y * 6, seed + 1)
    rings = np.sin((y + bend) * 95 + 5 * noise(x * 0.5, y * 5, seed + 2))
    fibre = fractal(x * 2.2, (y + bend) * 120, seed + 3, 4)
    pores = smooth(0.35, 0.7, noise(x * 9, (y + bend) * 330, seed + 4))
    tone = 0.5 + 0.13 * rings + 0.20 * fibre - 0.22 * pores + 0.16 * np.sin(number * 2.4 + seed)
    picture = ramp(np.clip(tone, 0, 1), stops)
    gap = np.abs(f.y / plank - np.round(f.y / plank)) * plank
    picture = picture * (1 - 0.75 * smooth(0.0045, 0.0, gap) - 0.18 * smooth(0.02, 0.0, gap))[..., None]
    result: Plane = picture * (1.22 - 0.42 * (f.x / f.aspect * 0.6 + f.y * 0.6))[..., None]
    return result


def shadow(f: Field, picture: Plane, cover: Plane, dx: float, dy: float, softness: float, depth: float) -> Plane:
    """The picture under the soft shadow of a thing that covers `cover`."""
    cast = f.blurred(f.shifted(cover, dx, dy), softness) * depth
    result: Plane = picture * (1 - cast[..., None] * np.array([0.92, 0.95, 1.0], np.float32))
    return result


def cup(
    f: Field,
    picture: Plane,
    x: float,
    y: float,
    size: float,
    glaze: str,
    drink: Stops,
    *,
    seed: int,
    handle: float,
    art: str = "",
) -> Plane:
    """A cup on its saucer seen from above; `handle` is the direction of its ear in radians, `art` milk in the drink."""
    u, v = (f.x - x) / size, (f.y - y) / size
    r = np.hypot(u, v)
    from_light = (-u - v) / np.maximum(r, 1e-3) / np.sqrt(2)
    china = light(glaze)
    saucer = f.disc(x, y, size)
    picture = shadow(f, picture, saucer, 0.10 * size, 0.12 * size, 0.10 * size, 0.55)
    picture = shadow(f, picture, saucer, 0.02 * size, 0.03 * size, 0.025 * size, 0.5)
    well = (
        0.86
        - 0.10 * from_light * smooth(0.5, 0.95, r)
        + 0.14 * from_light * smooth(0.93, 1.0, r)
        + 0.05 * smooth(0.62, 0.6, r)
    )
    picture = over(picture, china * well[..., None], saucer)
    ear_x, ear_y = np.cos(handle), np.sin(handle)
    along, aside = u * ear_x + v * ear_y, -u * ear_y + v * ear_x
    ear = f.inside((np.abs(np.hypot((along - 0.64) / 1.25, aside) - 0.13) - 0.038) * size)
    body = f.disc(x, y, size * 0.60)
    both = np.maximum(ear, body)
    picture = shadow(f, picture, both * saucer, 0.10 * size, 0.13 * size, 0.07 * size, 0.42)
    picture = over(picture, china * (0.93 + 0.10 * (-aside))[..., None], ear)
    lip = 0.96 + 0.10 * from_light * smooth(0.54, 0.60, r) - 0.12 * from_light * smooth(0.575, 0.545, r)
    picture = over(picture, china * lip[..., None], body)
    inner = f.disc(x, y, size * 0.545)
    wall = 0.62 - 0.34 * from_light
    picture = over(picture, china * wall[..., None], inner)
    du, dv = u + 0.012, v + 0.012
    q = np.hypot(du, dv) / 0.50
    swirl = noise(du * 5 + 1.2 * noise(du * 3, dv * 3, seed), dv * 5, seed + 1)
    surface = ramp(np.clip(q**2.2 + 0.07 * swirl, 0, 1), drink)
    if art:
        # A rosetta: leaves along the middle, narrowing to the stem.
        a, b = du * 0.8 + dv * 0.6, -du * 0.6 + dv * 0.8
        leaf = 0.30 * np.sqrt(np.clip(1 - ((b - 0.02) / 0.40) ** 2, 0, 1)) * (0.75 - 0.55 * b)
        veins = np.sin((b * 1.0 - np.abs(a) * 0.75) * 58)
        milk = smooth(0.03, -0.03, np.abs(a) - leaf) * smooth(-0.15, 0.45, veins)
        milk = np.maximum(milk, smooth(0.016, 0.004, np.abs(a)) * smooth(0.42, 0.36, np.abs(b)))
        surface = over(surface, light(art) * np.ones_like(surface), milk * 0.95)
    pool = f.disc(x - 0.012 * size, y - 0.012 * size, size * 0.50, 0.004)
    surface = surface * (1 - 0.45 * smooth(0.62, 1.05, q) * np.clip(from_light + 0.3, 0, 1))[..., None]
    picture = over(picture, surface, pool)
    window = f.inside(np.maximum(np.abs(du + 0.20 + 0.3 * dv) - 0.07, np.abs(dv + 0.24) - 0.09) * size, 0.02 * size)
    picture = picture + (window * pool * 0.10)[..., None]
    gleam = np.exp(-(((r - 0.573) / 0.012) ** 2)) * smooth(0.80, 1.0, from_light)
    result: Plane = picture + gleam[..., None] * 0.5
    return result


def spoon(f: Field, picture: Plane, x: float, y: float, angle: float, size: float) -> Plane:
    u = ((f.x - x) * np.cos(angle) + (f.y - y) * np.sin(angle)) / size
    v = (-(f.x - x) * np.sin(angle) + (f.y - y) * np.cos(angle)) / size
    bowl = np.hypot(u / 0.24, v / 0.145) - 1
    stem = np.maximum(np.abs(v) - 0.020 - 0.022 * smooth(0.6, 1.25, u), np.abs(u - 0.74) - 0.54)
    distance = np.minimum(bowl * 0.145, stem)
    cover = f.inside(distance * size)
    picture = shadow(f, picture, cover, 0.03 * size, 0.045 * size, 0.025 * size, 0.6)
    hollow = smooth(0.0, -0.5, bowl)
    shine = (
        0.55
        + 0.35 * np.sin(v * 30 + 0.8) * (1 - hollow)
        - 0.9 * hollow * (v * 3.2 + u * 0.5)
        + 0.25 * np.exp(-((v / 0.01) ** 2))
    )
    return over(picture, ramp(np.clip(shine, 0, 1), ((0, "#4f4a46"), (0.5, "#a8a39c"), (1, "#fbf8f2"))), cover)


def citrus(
    f: Field, cloth: Stops, fruits: Sequence[tuple[str, str, str]], *, seed: int, count: int = 9, size: float = 0.2
) -> Plane:
    """Slices of fruit on a cloth, each fruit given by its peel, its flesh at the rim and at the heart."""
    rng = np.random.default_rng(seed)
    weave = 0.05 * np.sin(f.x * 900) * np.sin(f.y * 900) + 0.05 * fractal(f.x * 12, f.y * 12, seed, 4)
    picture = ramp(np.clip(0.25 + 0.5 * f.y + weave, 0, 1), cloth)
    spots: list[tuple[float, float, float]] = []
    while len(spots) < count:
        radius = size * rng.uniform(0.75, 1.12)
        spot = (rng.uniform(0.0, f.aspect), rng.uniform(0.0, 1.0), radius)
        radius_limit = 0.80 - 0.002 * len(spots)
        if all(np.hypot(spot[0] - a, spot[1] - b) > radius_limit * (radius + c) for a, b, c in spots):
            spots.append(spot)
        else:
            size *= 0.9995
    for index, (x, y, radius) in enumerate(spots):
        peel, rim, heart = fruits[index % len(fruits)]
        turn = rng.uniform(0, 6.3)
        u, v = (f.x - x) / radius, (f.y - y) / radius
        angle = np.arctan2(v, u) + turn
        wobble = 0.012 * np.sin(3 * angle + index) + 0.008 * np.sin(5 * angle)
        r = np.hypot(u, v) * (1 + wobble)
        whole = f.inside((r - 1) * radius)
        picture = shadow(f, picture, whole, 0.03, 0.045, 0.03, 0.38)
        picture = shadow(f, picture, whole, 0.006, 0.01, 0.008, 0.42)
        parts = 9 + index % 3
        wedge = (angle + 0.05 * np.sin(angle * 2 + index)) / (2 * np.pi) * parts
        inside_wedge = np.abs(wedge - np.round(wedge)) * 2 * np.pi / parts  # from the wall between two segments
        to_wall = np.sin(np.minimum(inside_wedge, 1.5)) * r
        flesh_edge = np.maximum(0.022 - to_wall, r - 0.845)
        corner = np.maximum(flesh_edge, 0.13 - r)
        flesh = f.inside(corner * radius, 0.02 * radius)
        number = np.round(wedge - 0.5)
        local = angle - (number + 0.5) * 2 * np.pi / parts
        # Juice sacs: long cells that run from the rim to the heart.
        sacs = noise(local * 34 * (0.45 + r) + number * 5.1, r * 6 + 1.2 * noise(local * 12, number, seed), seed + 3)
        cells = noise(local * 80 * (0.4 + r) + number * 3.3, r * 11, seed + 6)
        juice = np.clip(0.72 - 0.62 * np.maximum(1 - r, 0) ** 1.3 + 0.26 * sacs + 0.16 * cells, 0, 1)
        pulp = ramp(juice, ((0, heart), (1, rim)))
        pulp = pulp * (1 + 0.30 * smooth(0.25, 0.75, sacs) * (0.6 - 0.4 * v))[..., None]
        pith = ramp(
            np.clip(r + 0.04 * fractal(u * 9, v * 9, seed, 3), 0, 1), ((0, "#fff6dd"), (0.85, "#fff1cf"), (1, rim))
        )
        skin = light(peel) * (1.0 - 0.25 * (u + v) + 0.12 * noise(u * 40, v * 40, seed))[..., None]
        slice_ = over(pith, pulp, flesh)
        slice_ = over(slice_, skin, smooth(0.925, 0.945, r))
        wet = np.exp(-(((u + 0.35) / 0.28) ** 2 + ((v + 0.42) / 0.16) ** 2)) * smooth(0.0, 0.5, sacs + 0.15)
        picture = over(picture, slice_ + (0.30 * wet * flesh)[..., None], whole)
    return picture


def foliage(
    f: Field,
    ground: Stops,
    greens: Sequence[Stops],
    *,
    seed: int,
    count: int = 26,
    size: float = 0.3,
    lobed: float = 0.0,
) -> Plane:
    """Leaves lying over one another, each with its veins and shadow; `lobed` gives them a wavy edge."""
    rng = np.random.default_rng(seed)
    picture = ramp(np.clip(0.5 + 0.4 * fractal(f.x * 2, f.y * 2, seed, 5), 0, 1), ground)
    for index in range(count):
        part = index / count
        x, y = (index * 0.7549 + rng.normal(0, 0.03)) % 1 * f.aspect, (index * 0.5698 + rng.normal(0, 0.03)) % 1
        length = size * rng.uniform(0.75, 1.25) * (0.8 + 0.3 * part)
        turn = rng.uniform(0, 2 * np.pi)
        u = ((f.x - x) * np.cos(turn) + (f.y - y) * np.sin(turn)) / length
        v = (-(f.x - x) * np.sin(turn) + (f.y - y) * np.cos(turn)) / length + 0.10 * (u * u - 0.2) * rng.choice((-1, 1))
        if lobed:
            # A fan on a thin stem, notched in the middle: the ginkgo.
            r, angle = np.hypot(u + 0.5, v), np.arctan2(v, u + 0.5)
            edge = (
                0.82
                + 0.025 * np.sin(angle * 23 + index)
                + 0.02 * np.sin(angle * 9)
                - 0.28 * lobed * np.exp(-((angle / 0.05) ** 2))
            )
            blade = np.maximum(
                r - edge, np.abs(v) - (0.012 + 1.15 * np.maximum(u + 0.38, 0) * np.exp(-np.maximum(u + 0.38, 0) * 0.75))
            )
            distance = (
                np.minimum(np.maximum(blade, -0.38 - u), np.maximum(np.abs(v) - 0.013, np.abs(u + 0.62) - 0.34)) * 0.8
            )
            ribs = np.sin(angle * 75 + 0.7 * np.sin(r * 9)) * smooth(0.1, 0.4, r)
            relief = 0.10 * ribs
            across = angle
        else:
            half = 0.30 * np.clip(1 - u * u * 4, 0, 1) ** 0.75 * (1 + 0.35 * -u * 2) + 0.004
            stem = np.maximum(np.abs(v) - 0.008, np.abs(u + 0.58) - 0.12)
            distance = np.minimum(np.maximum(np.abs(v) - half, np.abs(u) - 0.5), stem) * 0.85
            branch = (u + 0.5 - np.abs(v) * 0.95) * 13
            vein = np.exp(-(((branch - np.round(branch)) / 0.07) ** 2)) * smooth(0.0, 0.02, np.abs(v))
            middle = np.exp(-((v / 0.008) ** 2))
            relief = 0.32 * vein + 0.65 * middle + 0.12 * np.cos(branch * 2 * np.pi)
            across = v * 3
        cover = f.inside(distance * length)
        picture = shadow(f, picture, cover, 0.016, 0.026, 0.022, 0.55)
        picture = shadow(f, picture, cover, 0.004, 0.006, 0.006, 0.4)
        stops = greens[int(rng.integers(len(greens)))]
        fold = 0.22 * np.sign(v) * np.sin(turn + 0.8) * smooth(0.0, 0.05, np.abs(v))
        mottle = 0.14 * fractal(u * 6 + index, v * 6, seed + index, 4)
        tone = np.clip(0.45 + 0.30 * part - 0.2 * across * np.sin(turn) + fold + mottle + 0.28 * relief, 0, 1)
        picture = over(picture, ramp(tone, stops), cover)
    return picture


# --- patterns ----------------------------------------------------------------------------------------


def paper(f: Field, colour: str, seed: int) -> Plane:
    tooth = 1 + 0.05 * fractal(f.x * 60, f.y * 60, seed, 3) + 0.03 * fractal(f.x * 3, f.y * 3, seed + 1, 3)
    result: Plane = light(colour) * tooth[..., None]
    return result


def composition(f: Field, ground: str, inks: Sequence[str], *, seed: int, cells: int = 5) -> Plane:
    """Circles, quarters, arches and stripes on a grid: a poster in the manner of the Bauhaus workshops."""
    rng = np.random.default_rng(seed)
    picture = paper(f, ground, seed)
    side = 1 / cells
    columns = round(f.aspect / side)
    bleed = 0.92 + 0.06 * fractal(f.x * 40, f.y * 40, seed + 5, 3)
    last = -1
    for row in range(cells):
        for column in range(columns):
            x, y = (f.x - column * side) / side, (f.y - row * side) / side
            cell = f.inside(np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)) * side - side / 2)
            kind = int(rng.choice([k for k in range(8) if k != last]))
            last = kind
            first, second = rng.choice(len(inks), 2, replace=False)
            u, v = (x if rng.random() < 0.5 else 1 - x), (y if rng.random() < 0.5 else 1 - y)
            corner = np.hypot(u, v)
            layers: list[tuple[int, Plane]] = []
            if kind == 0:
                layers = [(first, f.inside((corner - 1) * side))]
            elif kind == 1:
                layers = [(second, np.ones_like(x)), (first, f.inside((np.hypot(x - 0.5, y - 0.5) - 0.5) * side))]
            elif kind == 2:
                layers = [
                    (first, np.ones_like(x)),
                    (second, f.inside((corner - 1) * side)),
                    (first, f.inside((corner - 0.5) * side)),
                ]
            elif kind == 3:
                layers = [(first, f.inside((np.abs((u * 5) % 1 - 0.5) - 0.25) * side / 5))]
            elif kind == 4:
                layers = [(first, f.inside((u + v - 1) * side * 0.7))]
            elif kind == 5:
                ring = np.abs(np.hypot(x - 0.5, y - 0.5) - 0.34) - 0.13
                layers = [(first, f.inside(ring * side))]
            elif kind == 6:
                layers = [
                    (first, np.ones_like(x)),
                    (second, f.inside(np.maximum(np.hypot(x - 0.5, v) - 0.5, -v) * side)),
                ]
            for ink, cover in layers:
                picture = over(picture, light(inks[ink]) * np.ones_like(picture), cover * cell * bleed)
    return picture


def orbits(f: Field, ground: str, inks: Sequence[str], *, seed: int) -> Plane:
    """Large overlapping discs of ink that mix where they cross, with a few thin lines: an abstract print."""
    rng = np.random.default_rng(seed)
    picture = paper(f, ground, seed)
    for index, ink in enumerate(inks):
        radius = rng.uniform(0.14, 0.36) if index else 0.40
        x, y = f.aspect * rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.75)
        angle = rng.uniform(0, 6.3)
        fade = 0.55 + 0.45 * np.clip(((f.x - x) * np.cos(angle) + (f.y - y) * np.sin(angle)) / radius, -1, 1)
        speck = np.clip(0.9 + 0.25 * fractal(f.x * 50, f.y * 50, seed + index, 3), 0, 1)
        cover = f.disc(x, y, radius) * fade * speck
        picture = picture * (1 - cover[..., None] * (1 - light(ink)))
    for _ in range(3):
        x, y, angle = f.aspect * rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0, np.pi)
        line = np.abs((f.x - x) * np.sin(angle) - (f.y - y) * np.cos(angle)) - 0.0016
        picture = over(picture, light("#26231f") * np.ones_like(picture), f.inside(line) * 0.85)
    return picture


def tiles(f: Field, glaze: Stops, accents: Sequence[str], grout: str, *, seed: int, count: int = 5) -> Plane:
    """Glazed tiles with an eight-pointed star, no two fired alike."""
    side = 1 / count
    column, row = np.floor(f.x / side), np.floor(f.y / side)
    x, y = f.x / side - column - 0.5, f.y / side - row - 0.5
    chance = np.random.default_rng(seed).random((64, 64)).astype(np.float32)
    own = chance[row.astype(int) % 64, column.astype(int) % 64]
    uneven = noise(f.x * 6, f.y * 6, seed) * 0.2 + fractal(f.x * 30, f.y * 30, seed + 1, 4) * 0.14
    picture = ramp(np.clip(0.25 + 0.5 * own + uneven, 0, 1), glaze)
    square, diamond = np.maximum(np.abs(x), np.abs(y)), (np.abs(x) + np.abs(y)) / np.sqrt(2)
    star = np.minimum(square, diamond) - 0.285
    corners = np.hypot(np.abs(x) - 0.5, np.abs(y) - 0.5)
    drawn = (
        (accents[0], f.inside((corners - 0.21) * side)),
        (accents[1], f.inside((corners - 0.15) * side)),
        (accents[0], f.inside((np.abs(star - 0.045) - 0.012) * side)),
        (accents[0], f.inside(star * side)),
        (accents[1], f.inside((np.maximum(square, diamond) - 0.235) * side)),
        (accents[2], f.inside((np.hypot(x, y) - 0.13) * side)),
        (accents[0], f.inside((np.hypot(x, y) - 0.05) * side)),
    )
    for colour, cover in drawn:
        worn = np.clip(0.86 + 0.3 * uneven + 0.2 * (own - 0.5), 0, 1)
        picture = over(picture, light(colour) * (1 + 0.9 * uneven)[..., None], cover * worn)
    bevel = smooth(0.455, 0.485, square)
    side_light = np.where(np.abs(x) > np.abs(y), -np.sign(x), -np.sign(y))
    picture = picture * (1 + 0.28 * bevel * side_light)[..., None]
    gloss = smooth(0.0, 0.5, noise(f.x * 1.4 + own * 0.3, f.y * 1.4 + own * 0.2, seed + 7))
    picture = picture + (0.06 * gloss)[..., None]
    joint = f.inside((0.482 - square) * side)
    return over(picture, light(grout) * (1 + 0.4 * uneven)[..., None], joint)


def cloth(f: Field, warp: Sequence[tuple[str, int]], *, seed: int, thread: float = 0.0075) -> Plane:
    """A twill of coloured threads; `warp` is the sett (colour, number of threads), the same both ways."""
    order = [colour for colour, count in warp for _ in range(count)]
    order += order[::-1]
    inks = np.array([light(colour) for colour in order])
    drape = 0.004 * noise(f.x * 1.2, f.y * 1.2, seed)
    x, y = (f.x + drape) / thread, (f.y + 0.8 * drape) / thread
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = x - column - 0.5, y - row - 0.5
    upright = (column + row) % 4 < 2
    colour = np.where(upright[..., None], inks[column % len(order)], inks[row % len(order)])
    bulge = np.where(upright, 1 - 1.9 * across**2 - 0.5 * down**2, 1 - 1.9 * down**2 - 0.5 * across**2)
    ply = np.where(upright, np.sin((across * 1.4 + y) * 9), np.sin((down * 1.4 + x) * 9))
    slub = np.where(upright, noise(column * 1.7, y * 0.22, seed + 1), noise(row * 1.7, x * 0.22, seed + 2))
    folds = 1 + 0.30 * fractal(f.x * 0.9 + f.y * 0.5, f.y * 0.5, seed + 3, 3)
    result: Plane = colour * ((0.55 + 0.5 * bulge + 0.05 * ply + 0.16 * slub) * folds)[..., None]
    return result


def terrazzo(f: Field, ground: str, chips: Sequence[str], *, seed: int, cells: int = 13) -> Plane:
    """Chips of stone in polished cement: cells around scattered points, cut back and rounded."""
    rng = np.random.default_rng(seed)
    picture = paper(f, ground, seed)
    for scale, threshold in ((cells * 2.6, 0.09), (cells * 1.0, 0.055)):
        rows, columns = int(scale) + 3, int(scale * f.aspect) + 3
        points_x, points_y = rng.random((2, rows, columns)).astype(np.float32)
        kind = rng.integers(0, len(chips), (rows, columns))
        there = rng.random((rows, columns)) < 0.72
        x = f.x * scale + 0.12 * noise(f.x * scale * 1.4, f.y * scale * 1.4, seed + 2)
        y = f.y * scale + 0.12 * noise(f.x * scale * 1.4, f.y * scale * 1.4, seed + 3)
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        first = np.full_like(x, 9.0)
        second = np.full_like(x, 9.0)
        owner_row, owner_column = np.zeros_like(row), np.zeros_like(column)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                r, c = (row + dy) % rows, (column + dx) % columns
                away = np.hypot(column + dx + points_x[r, c] - x, row + dy + points_y[r, c] - y)
                nearer = away < first
                second = np.where(nearer, first, np.minimum(second, away))
                owner_row, owner_column = np.where(nearer, r, owner_row), np.where(nearer, c, owner_column)
                first = np.minimum(first, away)
        edge = (threshold * 1.6 - (second - first)) / scale
        cover = f.inside(np.maximum(edge, (first - 0.52) / scale)) * there[owner_row, owner_column]
        tints = np.array([light(colour) for colour in chips])[kind[owner_row, owner_column]]
        vein = 0.12 * fractal(f.x * 18 + owner_row, f.y * 18 + owner_column, seed + 5, 4)
        picture = over(picture, tints * (1 + vein)[..., None], cover)
    return picture


def waves(f: Field, inks: Sequence[str], ground: str, *, rows: int = 9) -> Plane:
    """青海波: overlapping rings in rows, like calm sea in Japanese prints."""
    picture = light(ground) * np.ones((*f.shape, 3), np.float32)
    radius = 1 / rows
    for line in range(-1, rows * 2 + 3):
        y = line * radius * 0.5
        offset = (line % 2) * radius
        centre = np.round((f.x - offset) / (2 * radius)) * 2 * radius + offset
        r = np.hypot(f.x - centre, f.y - y - radius) / radius
        whole = f.inside((r - 1) * radius)
        tone = np.clip((y - 0.0) * 0.9, 0, 1)
        body = ramp(np.full_like(r, tone), ((0, inks[0]), (1, inks[1])))
        picture = over(picture, body, whole)
        rings = f.inside((np.abs((r * 4.0 + 0.5) % 1 - 0.5) - 0.17) * radius / 4.0)
        picture = over(
            picture, light(ground) * np.ones_like(picture), rings * f.inside((r - 1.02) * radius) * smooth(0.1, 0.14, r)
        )
    return picture


def marbled(f: Field, stops: Stops, *, seed: int) -> Plane:
    """Marbled paper: ink floated on water and combed."""
    x, y = f.x * 1.6, f.y * 1.6
    for step in range(3):
        wx, wy = fractal(x + 3.1 * step, y, seed + step, 3), fractal(x, y + 5.7 * step, seed + 20 + step, 3)
        x, y = x + 0.55 * wx, y + 0.55 * wy
    comb = 0.10 * np.sin(f.x * 34 + 2 * noise(f.x * 2, f.y * 2, seed + 40))
    band = (y * 2.6 + x * 0.9 + comb) % 1
    ink = ramp(band, stops)
    edge = 0.5 + 0.5 * np.sin((y * 2.6 + x * 0.9 + comb) * 2 * np.pi * 5)
    speck = 0.06 * fractal(f.x * 60, f.y * 60, seed + 50, 3)
    result: Plane = ink * (1 - 0.22 * smooth(0.86, 1.0, edge) + speck)[..., None]
    return result


def stairs(f: Field, stops: Stops, *, seed: int, steps: int = 30) -> Plane:
    """A winding staircase looked down into."""
    x, y = f.x - f.aspect * 0.5, f.y - 0.52
    r, angle = np.hypot(x, y * 1.08), np.arctan2(y, x)
    depth = np.log(np.maximum(r, 1e-3) / 0.06) * 1.15 - angle / (2 * np.pi) * 2
    turn = np.floor(depth)
    part = depth - turn
    step = (angle / (2 * np.pi) * steps + 0.12 * part) % 1
    tread = 0.30 + 0.45 * step + 0.10 * np.cos(angle - 0.8)
    tone = np.where(part < 0.62, tread, 0.16 + 0.50 * smooth(0.62, 1.0, part) * (0.7 + 0.3 * np.cos(angle + 2)))
    rail = np.exp(-(((part - 0.66) / 0.025) ** 2)) * 0.5
    fall = smooth(0.02, 0.75, r)
    return (
        ramp(np.clip(tone * (0.25 + 0.9 * fall) + rail * fall + 0.02 * noise(f.x * 60, f.y * 60, seed), 0, 1), stops)
        * smooth(0.0, 0.10, r)[..., None]
    )
