"""What the sample pictures show: one function per motif, each a family of pictures by palette and seed.

A scene is given a Field and returns linear light (height, width, 3). Scenes that move also take a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

from resources.painting import Field, Plane, Stops, fractal, greyscale, light, noise, over, ramp, smooth

Point = tuple[float, float]


# --- sky, land and water -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Sky:
    """A sky from the zenith (0) to the horizon (1), and where its sun or moon stands."""

    colours: Stops
    sun: tuple[float, float, float]
    """x as a part of the width, y and radius in picture heights."""
    glow: str
    disc: str = "#fff6e0"
    cloud: str = "#808080"
    lit: str = "#ffffff"
    cover: float = 0.0
    """How much of the sky is cloud, 0..1."""


def paint_sky(f: Field, sky: Sky, horizon: float, seed: int, drift: float = 0.0) -> Plane:
    picture = ramp(f.y / horizon, sky.colours)
    sun_x, sun_y, radius = sky.sun[0] * f.aspect, sky.sun[1], sky.sun[2]
    glow = light(sky.glow)
    picture = picture + glow * (0.35 * f.glow(sun_x, sun_y, 0.45) + 0.5 * f.glow(sun_x, sun_y, 0.12))[..., None]
    if radius:
        picture = over(picture, light(sky.disc) * 1.5, f.disc(sun_x, sun_y, radius, radius * 0.06))
    if sky.cover:
        # Clouds seen from below: their rows close up towards the horizon.
        depth = 0.25 + np.maximum(horizon - f.y, 0) * 1.6
        x, y = (f.x - f.aspect / 2) / depth + drift, 1.4 / depth
        warp = noise(x * 0.9, y * 2.2, seed + 50)
        density = fractal(x * 1.1 + warp * 0.35, y * 3.0 + warp * 0.2, seed, 6, 0.52)
        above = fractal(x * 1.1 + warp * 0.35, y * 3.0 + warp * 0.2 + 0.10, seed, 4, 0.52)
        threshold = 0.75 - 1.1 * sky.cover
        cover = smooth(threshold - 0.15, threshold + 0.55, density) * smooth(horizon + 0.02, horizon - 0.12, f.y)
        brightness = np.clip(0.45 + 0.9 * (above - density) + 0.55 * f.glow(sun_x, sun_y, 0.55), 0, 1)
        shade = light(sky.cloud) * (1 - brightness[..., None]) + light(sky.lit) * brightness[..., None]
        picture = over(picture, shade, cover * 0.92)
    return picture


def ridge(f: Field, base: float, height: float, scale: float, seed: int, octaves: int = 7) -> Plane:
    """How far below a mountain ridge each pixel is, in picture heights (negative above it)."""
    x = f.x[:1] * scale
    rise = 0.5 + 0.5 * fractal(x, np.full_like(x, seed * 3.7), seed, octaves, 0.46)
    depth: Plane = f.y - (base - height * rise)
    return depth


def hills(
    f: Field, sky: Sky, far: str, near: str, *, seed: int, count: int = 6, horizon: float = 0.56, rough: float = 0.2,
    trees: bool = True,
) -> Plane:  # fmt: skip
    """Ranges of hills one behind the other, each sinking into the haze that the sky lights."""
    picture = paint_sky(f, sky, horizon + 0.05, seed)
    glow_x, glow_y = sky.sun[0] * f.aspect, sky.sun[1]
    for layer in range(count):
        depth = layer / (count - 1)
        base = horizon + (1.06 - horizon) * depth**1.25
        distance = ridge(f, base, rough * (0.55 + 0.5 * depth), 1.1 + 0.9 * depth, seed + 10 * layer)
        if trees and depth > 0.45:
            # A fringe of tree tops: narrow peaks of uneven height.
            size = 0.006 + 0.02 * (depth - 0.4)
            x = f.x[:1] / size * 0.9
            peak = 1 - 2 * np.abs((x + 0.35 * noise(x * 0.7, 0, seed + layer)) % 1 - 0.5)
            tall = 0.35 + 0.65 * np.clip(0.5 + noise(x * 0.31, 5.5, seed + 99 + layer), 0, 1)
            distance = distance + size * 1.3 * peak * tall
        body = ramp(np.full_like(f.y, depth), ((0, far), (1, near)))
        mist = ramp(np.full_like(f.y, max(depth - 0.25, 0)), ((0, far), (1, near)))
        body = over(body, mist * 1.15, smooth(0.0, 0.28, distance) * (1 - depth) * 0.9)
        shine = f.glow(glow_x, glow_y, 0.6) * (1 - depth) * 0.55
        body = body + light(sky.glow) * shine[..., None]
        picture = over(picture, body, f.inside(-distance))
    return picture


def mountains(f: Field, stops: Stops, paper: Stops, *, seed: int, count: int = 7, lake: float = 0.0) -> Plane:
    """Sharp ranges in mist; with `lake`, the lower part from there mirrors the upper."""
    shore = lake or 1.0
    picture = ramp(f.y / shore, paper)
    for layer in range(count):
        depth = layer / (count - 1)
        base = shore * (0.52 + 0.52 * depth)
        distance = ridge(f, base, 0.34 - 0.12 * depth, 1.5 + 1.2 * depth, seed + 7 * layer, 8)
        texture = fractal(f.x * 7 + distance * 6, distance * 12 - f.x * 3, seed + layer, 4)
        body = ramp(np.clip(depth + 0.05 * texture * (0.3 + depth), 0, 1), stops)
        haze = ramp(np.full_like(f.y, max(depth - 0.3, 0)), stops)
        patch = 0.75 + 0.5 * noise(f.x * 1.3, f.y * 3 + layer, seed + 70)
        body = over(body, haze, np.clip(smooth(0.0, 0.24, distance) * patch, 0, 1) * (1 - 0.6 * depth))
        picture = over(picture, body, f.inside(-distance))
    if lake:
        picture = mirrored(f, picture, lake, seed, 0.5)
    return picture


def mirrored(f: Field, picture: Plane, shore: float, seed: int, ripple: float, clear: float = 0.78) -> Plane:
    """What lies above `shore`, and below it the same in rippled water that gives back a part `clear` of the light."""
    height, width = f.shape
    below = np.maximum(f.y - shore, 1e-4)
    x = (f.x - f.aspect / 2) / (0.06 + below)
    wave = fractal(x * 0.55, 1.6 / (0.04 + below), seed + 5, 3)
    shift = ripple * wave * (0.012 + 0.10 * below)
    rows = np.clip((shore - below * 0.97 + shift) / f.pixel, 0, shore / f.pixel - 1).astype(int)
    columns = np.clip((f.x + shift * 0.4) / f.pixel, 0, width - 1).astype(int)
    water = picture[rows, columns] * clear + picture[: int(shore * height)].mean((0, 1)) * 0.06
    line = smooth(0.012, 0.0, np.abs(f.y - shore))
    return over(over(picture, water, f.inside(shore - f.y)), water * 1.3, line * 0.35)


def sea(
    f: Field, sky: Sky, deep: str, *, seed: int, horizon: float = 0.5, swell: float = 1.0, time: float = 0.0
) -> Plane:
    """Open water to the horizon under a sky, with the sun's path on the waves."""
    picture = paint_sky(f, sky, horizon, seed, time * 0.03)
    below = np.maximum(f.y - horizon, 1e-4)
    distance = 1 / (below + 0.012)
    x = (f.x - f.aspect / 2) * distance
    slope = np.zeros_like(f.y)
    for octave, (scale, strength) in enumerate(((0.35, 0.55), (0.9, 0.5), (2.1, 0.36), (5.0, 0.24), (11.0, 0.15))):
        # A wave finer than a row of pixels can't be drawn: let it go before it turns to noise.
        fine = np.clip(1.2 - 0.9 * distance * distance * scale * f.pixel, 0, 1)
        moving = time * (0.9 / np.sqrt(scale)) * scale
        slope += strength * fine * noise(x * scale * 0.55 + moving * 0.4, distance * scale + moving, seed + 20 + octave)
    slope *= swell
    # A wave that leans towards us mirrors the sky higher up, and shows more of the water's own colour.
    mirror = ramp(np.clip(1 - 0.85 * below / (1 - horizon) - 0.5 * slope, 0, 1), sky.colours)
    body = light(deep)
    fresnel = np.clip(0.92 - 1.15 * np.sqrt(below) - 0.38 * slope, 0.08, 1)
    water = mirror * fresnel[..., None] + body * (1 - fresnel)[..., None]
    sun_x, sun_y, _ = sky.sun
    width = 0.035 + 0.28 * below
    path = np.exp(-(((f.x - sun_x * f.aspect) / width) ** 2)) * np.exp(-max(horizon - sun_y, 0.0) * 1.2)
    sparkle = smooth(0.02, 0.5, slope + 0.28 * path) * path
    water = water + light(sky.glow) * (1.5 * sparkle + 0.25 * path)[..., None]
    haze = ramp(np.ones_like(f.y), sky.colours)
    water = over(water, haze, np.exp(-below / 0.025) * 0.6)
    return over(picture, water, f.inside(horizon - f.y))


def relief(
    f: Field, sky: Sky, height_of: Callable[[Plane, Plane], Plane],
    colours: Callable[[Plane, Plane, Plane, Plane], Plane], *, seed: int, horizon: float, camera: float, haze: str,
    far: float = 40.0, slices: int = 900, veil: float = 2.2,
    toward: tuple[float, float, float] = (-0.75, 0.42, 0.25),
) -> Plane:  # fmt: skip
    """Land from its heights, seen in perspective: slices of it laid over one another from far to near.

    `height_of` (x, z) gives the land's height; `colours` (lit 0..1, x, z, height) its colour. The camera
    stands at height `camera` above zero and looks level; `toward` points to the sun (right, up, away).
    """
    picture = paint_sky(f, sky, horizon, seed)
    rows = f.shape[0]
    z = np.geomspace(far, 0.9, slices).astype(np.float32)[:, None]
    x = (f.x[:1] - f.aspect / 2) * z * 1.1
    height = height_of(x, z)
    step = 0.004 * z + 0.004
    across = (height_of(x + step, z) - height) / step
    away = (height_of(x, z + step) - height) / step
    normal = np.stack([-across, np.ones_like(height), -away]) / np.sqrt(across**2 + away**2 + 1)
    sun = np.array(toward) / np.linalg.norm(toward)
    lit = np.clip(np.tensordot(sun, normal, 1), 0, 1).astype(np.float32)
    land = colours(lit, x, z, height)
    thickness = (1 - np.exp(-(z / far) * veil)) * np.ones_like(height)
    land = over(land, light(haze) * np.ones_like(land), thickness)
    top = (horizon + (camera - height) / z) / f.pixel
    for row in range(slices):
        first = int(np.clip(top[row].min() - 1, 0, rows))
        last = int(np.clip(top[row].max() + 60, 0, rows)) if row < slices - 1 else rows
        if first >= last:
            continue
        lines = np.arange(first, last, dtype=np.float32)[:, None]
        cover = np.clip(lines - top[row] + 1, 0, 1)
        picture[first:last] = over(picture[first:last], land[row][None], cover)
    return picture


def dunes(f: Field, sky: Sky, sunny: str, shade: str, haze: str, *, seed: int) -> Plane:
    def height_of(x: Plane, z: Plane) -> Plane:
        # Long windward slopes and steep lee sides, along crests that wind.
        phase = z * 0.23 + 0.10 * x + 0.75 * noise(x * 0.17, z * 0.13, seed) + 0.12 * noise(x * 0.7, z * 0.5, seed + 1)
        part = phase % 1
        profile = np.where(part < 0.72, part / 0.72, (1 - part) / 0.28)
        profile = profile**1.25
        swell = 0.55 + 0.45 * noise(x * 0.11, z * 0.09, seed + 2)
        return np.asarray(0.95 * profile * swell + 0.35 * noise(x * 0.06, z * 0.05, seed + 3), np.float32)

    def colours(lit: Plane, x: Plane, z: Plane, height: Plane) -> Plane:
        ripple = noise(
            x * 3 + 2.2 * noise(x * 1.5, z * 1.5, seed + 8), z * 26 + 3 * noise(x * 1.1, z, seed + 9), seed + 7
        )
        fine = np.clip(2.2 - z * 0.35, 0, 1)
        grey = np.clip(smooth(0.12, 0.78, lit) + 0.07 * ripple * fine, 0, 1)
        return ramp(grey, ((0, shade), (1, sunny)))

    return relief(f, sky, height_of, colours, seed=seed, horizon=0.42, camera=1.25, far=34, haze=haze, veil=1.5)


def alps(f: Field, sky: Sky, snow: str, shadow: str, rock: str, haze: str, *, seed: int) -> Plane:
    def height_of(x: Plane, z: Plane) -> Plane:
        total = np.zeros(np.broadcast_shapes(x.shape, z.shape), np.float32)
        strength = 1.0
        weight: Plane = np.ones_like(total)
        for octave in range(7):
            crease = 1 - np.abs(noise(x * 0.085 * 2**octave + 3.1 * octave, z * 0.085 * 2**octave + 1.7, seed + octave))
            total += strength * weight * crease * crease
            weight = 0.4 + 0.6 * crease
            strength *= 0.45
        rise = np.clip((z - 3) / 12, 0, 1)
        return np.asarray(
            (total - 0.85) * 6.5 * rise - 0.25 * (1 - rise) + 0.08 * noise(x * 0.5, z * 0.5, seed + 40), np.float32
        )

    def colours(lit: Plane, x: Plane, z: Plane, height: Plane) -> Plane:
        bright = ramp(smooth(0.05, 0.8, lit), ((0, shadow), (1, snow)))
        steep = smooth(0.32, 0.12, lit) * smooth(0.5, 1.5, height)
        return over(bright, light(rock) * np.ones_like(bright), steep * 0.55)

    return relief(
        f, sky, height_of, colours, seed=seed, horizon=0.62, camera=0.75, far=42, haze=haze, slices=1100, veil=0.9
    )


# --- woods -------------------------------------------------------------------------------------------


def conifer(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, foot: float, height: float) -> None:
    """The silhouette of a fir: tiers of drooping, uneven boughs. Lengths in the drawing's pixels."""
    tiers = int(np.clip(height / 9, 9, 26))
    left: list[Point] = []
    right: list[Point] = []
    lean = rng.normal(0, 0.01) * height
    for tier in range(tiers):
        t = (tier + 1) / tiers
        y = foot - height * (1 - t * 0.94)
        half = height * 0.19 * t**0.85
        centre = x + lean * (1 - t)
        for side, points in ((-1, left), (1, right)):
            reach = half * rng.uniform(0.62, 1.12)
            points.append((centre + side * reach, y + height * 0.018 * rng.uniform(0.4, 1.6)))
            points.append((centre + side * reach * rng.uniform(0.32, 0.5), y - height * 0.004))
    draw.polygon([(x + lean, foot - height), *right, *reversed(left)], fill=255)
    draw.rectangle([x - height * 0.011, foot - height * 0.12, x + height * 0.011, foot + height * 0.1], fill=255)


def firs(
    f: Field, air: Stops, near: str, *, seed: int, glow: str = "#000000", source: Point = (0.6, 0.3), layers: int = 6,
    snow: str | None = None,
) -> Plane:  # fmt: skip
    """A wood in fog, layer behind layer, lit from `source` (part of the width, picture heights)."""
    rng = np.random.default_rng(seed)
    picture = ramp(f.y, air)
    bright = f.glow(source[0] * f.aspect, source[1], 0.5)
    picture = picture + light(glow) * bright[..., None]
    for layer in range(layers):
        depth = (layer + 0.6) / (layers - 0.4)
        ground = 0.50 + 0.56 * depth**1.3

        def trees(draw: ImageDraw.ImageDraw, unit: float, depth: float = depth, ground: float = ground) -> None:
            x = -0.1
            while x < f.aspect + 0.1:
                tall = (0.13 + 0.42 * depth**1.4) * rng.uniform(0.55, 1.15)
                dip = 0.04 * np.sin(x * 2.1 + seed + depth * 9)
                conifer(draw, rng, x * unit, (ground + dip + rng.uniform(0, 0.02)) * unit, tall * unit)
                x += tall * rng.uniform(0.12, 0.52) + (0.25 * depth if rng.random() < 0.12 else 0)

        cover = f.mask(trees, 2)
        bank = ground + 0.04 * np.sin(f.x * 2.1 + seed + depth * 9) + 0.012 * noise(f.x * 4, depth * 9, seed)
        cover = np.maximum(cover, f.inside(bank - f.y))
        fog = ramp(np.clip(f.y * 0.6 + 0.35, 0, 1), air)
        body = over(fog, light(near) * np.ones_like(fog), np.full_like(f.y, 0.14 + 0.82 * depth**1.25))
        if snow:
            crest = np.clip(cover - f.shifted(cover, 0.004, 0.008 + 0.006 * depth), 0, 1)
            lying = np.maximum(
                crest * 0.85, f.inside(bank + 0.004 - f.y) * (0.9 + 0.15 * noise(f.x * 9, f.y * 22, seed))
            )
            body = over(
                body,
                over(fog, light(snow) * np.ones_like(fog), np.full_like(f.y, 0.45 + 0.5 * depth)),
                np.clip(lying, 0, 1),
            )
        rising = smooth(-0.02, 0.2, f.y - ground + 0.14) * (1 - depth) * 0.75
        body = over(body, fog, rising * (0.8 + 0.4 * noise(f.x * 2, f.y * 5, seed + layer)))
        body = body + light(glow) * (bright * (1 - depth) * 0.6)[..., None]
        picture = over(picture, body, cover)
    return picture


def birches(f: Field, leaves: Sequence[str], ground: Stops, *, seed: int) -> Plane:
    """Pale trunks among foliage, laid on in dabs like a painter's."""
    rng = np.random.default_rng(seed)
    picture = ramp(np.clip(f.y + 0.05 * noise(f.x * 2, f.y * 2, seed), 0, 1), ground)
    picture = picture * (0.85 + 0.5 * f.glow(f.aspect * 0.55, 0.35, 0.45))[..., None]
    for depth in (0.15, 0.45, 0.75, 1.0):
        trunks = np.zeros_like(f.y)
        shade = np.zeros_like(f.y)
        x = rng.uniform(0, 0.12)
        while x < f.aspect:
            half = (0.006 + 0.022 * depth) * rng.uniform(0.7, 1.2)
            bend = rng.normal(0, 0.03)
            centre = x + bend * (f.y - 0.5) + 0.01 * noise(f.y * 1.5, x * 9, seed)
            across = (f.x - centre) / half
            foot = 0.62 + 0.36 * depth + rng.uniform(-0.02, 0.02)
            cover = f.inside((np.abs(across) - 1) * half) * f.inside(f.y - foot)
            trunks = np.maximum(trunks, cover)
            shade = np.where(cover > 0, np.clip(0.62 - 0.4 * across, 0.1, 1), shade)
            x += (0.10 + 0.11 * depth) * rng.uniform(0.6, 1.9)
        marks = smooth(0.3, 0.5, noise(f.x * 14 / (0.4 + depth), f.y * 55 / (0.4 + depth), seed + 4))
        bark = ramp(np.clip(shade * (1 - 0.75 * marks), 0, 1), ((0, "#2b2622"), (0.5, "#a59b90"), (1, "#f1ebe0")))
        haze = ramp(np.full_like(f.y, 0.35), ground)
        picture = over(picture, over(haze, bark, np.full_like(f.y, 0.35 + 0.65 * depth)), trunks)
        for colour in (*leaves, *leaves):

            def dabs(draw: ImageDraw.ImageDraw, unit: float, depth: float = depth) -> None:
                for _ in range(int(230 * f.aspect)):
                    clump = int(rng.integers(0, 9))
                    x = (clump * 0.618 % 1) * f.aspect + float(rng.normal(0, 0.13))
                    y = 0.10 + 0.5 * (clump * 0.414 % 1) ** 1.5 + float(rng.normal(0, 0.09))
                    if rng.random() < 0.22:
                        x, y = float(rng.uniform(0, f.aspect)), 0.72 + 0.3 * float(rng.random()) ** 0.7
                    size = (0.004 + 0.007 * depth) * rng.uniform(0.6, 1.3)
                    box = [(x - size) * unit, (y - size * 0.6) * unit, (x + size) * unit, (y + size * 0.6) * unit]
                    draw.ellipse(box, fill=255)

            picture = over(
                picture, light(colour) * (0.75 + 0.35 * depth) * np.ones_like(picture), f.mask(dabs, 2) * 0.88
            )
    return picture


# --- night -------------------------------------------------------------------------------------------


def night(
    f: Field,
    air: Stops,
    *,
    seed: int,
    moon: tuple[float, float, float] | None,
    band: float = 0.0,
    land: str = "#05070d",
) -> Plane:
    """Stars over dark hills, with a moon or the Milky Way (`band`, its strength)."""
    rng = np.random.default_rng(seed)
    picture = ramp(f.y, air)
    if band:
        across = (f.x - f.aspect * 0.5) * 0.72 + (f.y - 0.45) * 0.72
        dust = fractal(f.x * 2.6, f.y * 2.6, seed, 6, 0.55)
        body = np.exp(-((across + 0.05 * dust) ** 2) / 0.03) * (0.55 + 0.45 * fractal(f.x * 3, f.y * 3, seed + 9, 5))
        lane = smooth(0.12, 0.45, dust) * np.exp(-((across - 0.02) ** 2) / 0.008)
        picture = (
            picture
            + ramp(np.clip(body, 0, 1), ((0, "#000000"), (0.5, "#35406e"), (1, "#b9a8b8")))
            * (band * np.clip(body, 0, 1) * (1 - 0.75 * lane))[..., None]
        )
    height, width = f.shape
    stars = np.zeros_like(picture)
    count = int(1500 * f.aspect * (1 + band))
    x, y = rng.uniform(0, width - 2, count), rng.uniform(0, height * 0.92, count)
    flux = rng.pareto(1.5, count) * (0.035 + 0.02 * band)
    tints = ramp(rng.random(count), ((0, "#ffd9b0"), (0.5, "#ffffff"), (1, "#b8ccff")))
    for dx in (0, 1):
        for dy in (0, 1):
            weight = np.abs(1 - dx - x % 1) * np.abs(1 - dy - y % 1)
            index = (y.astype(int) + dy, x.astype(int) + dx)
            np.add.at(stars, index, tints * (np.minimum(flux, 1.3) * weight * 2.4)[:, None])
    bright = np.argsort(flux)[-14:]
    for star in bright:
        halo = f.glow((x[star] + 0.5) * f.pixel, (y[star] + 0.5) * f.pixel, 0.0026)
        stars += tints[star] * (halo * min(float(flux[star]), 1.0) * rng.uniform(0.15, 0.5))[..., None]
    picture = picture + stars * (1 - 0.6 * smooth(0.55, 0.95, f.y))[..., None]
    if moon:
        mx, my, radius = moon[0] * f.aspect, moon[1], moon[2]
        picture = picture + light("#9fb2d8") * (0.30 * f.glow(mx, my, 0.22) + 0.55 * f.glow(mx, my, 0.075))[..., None]
        across, up = (f.x - mx) / radius, (f.y - my) / radius
        seas = fractal(across * 1.1 + 4, up * 1.1, seed + 31, 5, 0.55)
        craters = fractal(across * 5, up * 5, seed + 37, 3)
        limb = np.sqrt(np.clip(1 - across * across - up * up, 0, 1)) ** 0.35
        face = ramp(
            np.clip(0.72 - 0.45 * smooth(-0.05, 0.5, seas) + 0.10 * craters, 0, 1) * limb,
            ((0, "#5a5f6b"), (0.6, "#d6d2c6"), (1, "#fffaf0")),
        )
        picture = over(picture, face, f.disc(mx, my, radius))
    for layer in range(3):
        distance = ridge(f, 0.90 + 0.07 * layer, 0.14 - 0.02 * layer, 1.6, seed + 60 + layer)
        shade = ramp(np.full_like(f.y, 0.9), air) * (0.42 - 0.17 * layer)
        picture = over(
            picture,
            over(shade, light(land) * np.ones_like(shade), np.full_like(f.y, 0.35 + 0.3 * layer)),
            f.inside(-distance),
        )
    return picture


# --- balloons ----------------------------------------------------------------------------------------


def balloons(f: Field, below: Plane, flock: Sequence[tuple[float, float, float, str, str]]) -> Plane:
    """Hot-air balloons (x as part of the width, y, size, two colours of their gores) before a landscape."""
    picture = below
    for part, y, size, first, second in flock:
        x = part * f.aspect
        u, v = (f.x - x) / size, (f.y - y) / size
        # Round above, drawn in to the mouth below.
        half = np.where(
            v < 0,
            np.sqrt(np.clip(1 - v * v, 0, 1)),
            np.clip(1 - v / 1.35, 0, 1) ** 0.62 * (1 + 0.42 * v * np.clip(1.3 - v, 0, 1)),
        )
        envelope = f.inside((np.abs(u) - half) * size * 0.8) * f.inside((np.abs(v - 0.16) - 1.16) * size)
        angle = np.arcsin(np.clip(u / np.maximum(half, 1e-3), -1, 1))
        gore = np.sin(angle * 6.0 + 0.6)
        stripe = np.clip(gore * half * size / f.pixel * 0.35 + 0.5, 0, 1)
        cloth = over(light(first) * np.ones_like(picture), light(second) * np.ones_like(picture), stripe)
        round_ = np.clip(0.72 - 0.42 * u - 0.30 * v, 0.16, 1.2) + 0.06 * np.cos(angle * 12)
        lit = (
            cloth * round_[..., None]
            + light("#fff2d8") * (0.30 * np.exp(-(((u + 0.42) ** 2 + (v + 0.45) ** 2) / 0.10)))[..., None]
        )
        picture = over(picture, lit, envelope)
        basket = f.inside(np.maximum(np.abs(u) - 0.13, np.abs(v - 1.72) - 0.10) * size)
        ropes = f.inside((np.abs(np.abs(u) - (0.22 - 0.10 * (v - 1.25) / 0.4)) - 0.006) * size) * f.inside(
            (np.abs(v - 1.45) - 0.2) * size
        )
        picture = over(picture, light("#4a3424") * np.ones_like(picture), np.maximum(basket, ropes * 0.8))
    return picture


# --- city --------------------------------------------------------------------------------------------


def tower(
    f: Field, columns: slice, box: tuple[float, float, float], floor: float, lamps: float, rng: np.random.Generator,
    layer: tuple[Plane, Plane, Plane],
) -> None:  # fmt: skip
    """Add a building to a layer (cover, tone, lit windows). `box` is its left, top and width; `floor` a storey."""
    cover, tone, lit = (plane[:, columns] for plane in layer)
    if not cover.size:
        return
    x, y = f.x[:, columns], f.y[:, columns]
    left, top, width = box
    edge = np.maximum(np.abs(x - left - width / 2) - width / 2, top - y)
    shape = rng.random()
    if shape < 0.4:
        inset = width * rng.uniform(0.22, 0.34)
        upper = np.maximum(np.abs(x - left - width / 2) - width / 2 + inset, top - rng.uniform(0.03, 0.08) - y)
        edge = np.minimum(edge, upper)
    if shape < 0.14:
        edge = np.minimum(edge, np.maximum(np.abs(x - left - width / 2) - 0.0016, top - 0.17 - y))
    body = f.inside(edge)
    own = body > 0.5
    cover[:] = np.maximum(cover, body)
    tone[:] = np.where(own, rng.uniform(-0.5, 0.5) + 0.5 * (x - left) / width, tone)
    across, down = (x - left) / (floor * 0.85), (y - top) / floor
    column, row = np.floor(across).astype(int), np.floor(down).astype(int)
    # One throw of the dice per window; whole storeys tend to be lit or dark together.
    dice = rng.random((2, int(row.max() - row.min()) + 1, int(column.max() - column.min()) + 1)).astype(np.float32)
    dice[0] /= rng.uniform(0.35, 1.6, (dice.shape[1], 1))
    chance, kind = dice[:, row - row.min(), column - column.min()]
    pane = f.inside(np.maximum(np.abs(across % 1 - 0.5) - 0.31, np.abs(down % 1 - 0.5) - 0.24) * floor, floor * 0.15)
    pane = pane * f.inside(edge + floor * 0.7)
    warmth = ramp(kind, ((0, "#ff9d45"), (0.55, "#ffc67c"), (0.9, "#ffeccb"), (1, "#cfe4ff")))
    shining = (chance < lamps) * pane * (0.2 + 0.7 * kind**2)
    lit[:] = np.where(own[..., None], warmth * shining[..., None], lit)


def city(
    f: Field, air: Stops, near: str, *, seed: int, lamps: float, shore: float = 0.0, layers: int = 4,
    glow: str = "#ffb45e",
) -> Plane:  # fmt: skip
    """Rows of towers in haze with a part `lamps` of the windows lit, and with `shore` a river before them."""
    rng = np.random.default_rng(seed)
    foot = shore or 1.0
    picture = ramp(f.y / foot, air)
    picture = picture + light(glow) * (0.16 * np.exp(-(((f.y - foot) / 0.25) ** 2)))[..., None]
    for layer in range(layers):
        depth = (layer + 1) / layers
        floor = 0.0075 + 0.0045 * depth
        cover, tone, lit = np.zeros_like(f.y), np.zeros_like(f.y), np.zeros_like(picture)
        left = -0.05
        while left < f.aspect:
            width = (0.045 + 0.06 * depth) * rng.uniform(0.6, 1.3)
            middle = 0.55 + 0.45 * np.cos((left / f.aspect - 0.55) * 5)
            tall = (0.13 + 0.36 * rng.random() ** 1.7 * middle + 0.10 * (1 - depth)) * (1.05 - 0.33 * depth)
            columns = slice(max(int((left - 0.01) / f.pixel), 0), max(int((left + width + 0.01) / f.pixel), 0))
            tower(f, columns, (left, foot - tall, width), floor, lamps, rng, (cover, tone, lit))
            left += width * rng.uniform(0.72, 1.25)
        haze = ramp(np.full_like(f.y, 0.72), air) * 0.8
        body = light(near) * (1 + 0.3 * tone[..., None])
        body = over(haze, body, np.full_like(f.y, 0.3 + 0.66 * depth**1.1))
        body = over(body, haze, smooth(0.22, 0.0, foot - f.y) * (1 - depth) * 0.5)
        picture = over(picture, body + lit * (0.3 + 0.7 * depth), cover)
        spill = np.stack([f.blurred(np.clip(lit[..., c] * cover, 0, 1), 0.012) for c in range(3)], axis=-1)
        picture = picture + spill * 0.55
    if shore:
        picture = mirrored(f, picture, shore, seed, 1.3, 0.46)
    return picture


def lights(
    f: Field, air: Stops, colours: Sequence[str], *, seed: int, count: int = 90, size: float = 0.075, time: float = 0.0
) -> Plane:
    """Points of light far out of focus."""
    rng = np.random.default_rng(seed)
    picture = ramp(np.clip(f.y + 0.15 * noise(f.x, f.y, seed), 0, 1), air)
    for _ in range(count):
        depth = rng.random()
        radius = size * (0.22 + 1.0 * depth**1.4)
        x = rng.uniform(-0.05, f.aspect + 0.05) + time * 0.06 * (depth - 0.3)
        y = np.clip(rng.normal(0.55, 0.26), -0.05, 1.05) + 0.02 * np.sin(time * 1.5 + depth * 20)
        colour = light(colours[int(rng.integers(len(colours)))])
        blink = 0.75 + 0.25 * np.sin(time * 2.0 + rng.uniform(0, 6.3))
        strength = rng.uniform(0.08, 0.75) * (0.3 + 1.0 * (1 - depth)) * blink
        away = np.hypot(f.x - x, f.y - y)
        disc = f.inside(away - radius, 0.004 + 0.010 * depth)
        rim = 0.72 + 0.28 * smooth(0.55, 0.98, away / radius)
        picture = picture + colour * (disc * rim * strength)[..., None]
    return picture


def monochrome(picture: Plane, contrast: float = 1.0) -> Plane:
    """The picture in black and white, with `contrast` around the middle grey."""
    grey = greyscale(picture)
    result: Plane = 0.18 * (np.maximum(grey, 0) / 0.18) ** contrast
    return result
