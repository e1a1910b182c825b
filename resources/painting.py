"""How the sample pictures are painted: colour in linear light, noise, coverage of shapes, and the print.

Distances are in picture heights (x runs from 0 to the aspect ratio, y from 0 at the top to 1), so a scene
looks the same at any size. A picture is an array (height, width, 3) of linear light until `develop` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Plane = NDArray[np.floating[Any]]
Stops = Sequence[tuple[float, str]]

# Björn Ottosson's OKLab (2020): mixing there keeps gradients clean where sRGB turns grey or muddy.
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def light(colour: str) -> Plane:
    """Linear light, 0..1, of a colour written as #rrggbb."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def ramp(t: ArrayLike, stops: Stops) -> Plane:
    """The colour at `t` of a gradient through `stops` (position, colour), mixed in OKLab. Adds an axis of 3."""
    positions = [position for position, _ in stops]
    lab = np.array([_TO_LAB @ np.cbrt(_TO_LMS @ light(colour)) for _, colour in stops])
    mixed = np.stack([np.interp(np.asarray(t), positions, lab[:, channel]) for channel in range(3)], axis=-1)
    lms = (mixed @ np.linalg.inv(_TO_LAB).T) ** 3
    linear: Plane = np.maximum(lms @ np.linalg.inv(_TO_LMS).T, 0).astype(np.float32)
    return linear


def over(below: Plane, colour: Plane, cover: Plane) -> Plane:
    """`colour` laid over a picture where `cover` (height, width) is 1."""
    shown = cover[..., None]
    result: Plane = below * (1 - shown) + colour * shown
    return result


def smooth(low: float, high: float, t: Plane) -> Plane:
    """0 below `low`, 1 above `high`, with an even transition; `low` may be the greater."""
    s = np.clip((t - low) / (high - low), 0, 1)
    result: Plane = s * s * (3 - 2 * s)
    return result


@dataclass(frozen=True)
class Field:
    """The coordinates of a picture's pixels and what is made from them."""

    x: Plane
    y: Plane
    pixel: float
    """The side of a pixel, in picture heights."""

    @classmethod
    def of(cls, width: int, height: int) -> Field:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        return cls((x + 0.5) / height, (y + 0.5) / height, 1 / height)

    @property
    def aspect(self) -> float:
        return float(self.x.shape[1] * self.pixel)

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]

    def inside(self, distance: Plane, softness: float = 0.0) -> Plane:
        """Coverage of a shape from the signed distance to its edge (negative inside), antialiased."""
        edge = max(softness, self.pixel)
        covered: Plane = np.clip(0.5 - distance / edge, 0, 1)
        return covered

    def disc(self, x: float, y: float, radius: float, softness: float = 0.0) -> Plane:
        return self.inside(np.hypot(self.x - x, self.y - y) - radius, softness)

    def glow(self, x: float, y: float, reach: float, power: float = 1.0) -> Plane:
        """Light around a point, 1 there and fading with distance over `reach`."""
        result: Plane = np.exp(-((np.hypot(self.x - x, self.y - y) / reach) ** power))
        return result

    def mask(self, draw: Callable[[ImageDraw.ImageDraw, float], None], scale: int = 3) -> Plane:
        """What `draw` paints in white, supersampled. It is given the drawing and the length of one picture height."""
        height, width = self.shape
        image = Image.new("L", (width * scale, height * scale))
        draw(ImageDraw.Draw(image), height * scale)
        reduced = image.resize((width, height), Image.Resampling.BOX)
        covered: Plane = np.asarray(reduced, np.float32) / 255
        return covered

    def blurred(self, plane: Plane, radius: float) -> Plane:
        """`plane` (values 0..1) softened as by an unfocused lens of that radius."""
        image = Image.fromarray((np.clip(plane, 0, 1) * 255).astype(np.uint8))
        soft = image.filter(ImageFilter.GaussianBlur(radius / self.pixel))
        result: Plane = np.asarray(soft, np.float32) / 255
        return result

    def shifted(self, plane: Plane, dx: float, dy: float) -> Plane:
        """`plane` moved right by dx and down by dy; what leaves on one side does not come back on the other."""
        columns, rows = round(dx / self.pixel), round(dy / self.pixel)
        height, width = self.shape
        result = np.zeros_like(plane)
        result[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = plane[
            max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)
        ]
        return result


_TABLE = 256


def noise(x: ArrayLike, y: ArrayLike, seed: int) -> Plane:
    """Perlin's gradient noise, about -1..1, of one wave per unit. `x` and `y` broadcast."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(_TABLE).astype(np.int32)
    angles = rng.uniform(0, 2 * np.pi, _TABLE)
    slope_x, slope_y = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    x, y = np.broadcast_arrays(np.asarray(x, np.float32), np.asarray(y, np.float32))
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    across, down = x - column, y - row

    def corner(dx: int, dy: int) -> Plane:
        which = order[(order[(column + dx) % _TABLE] + row + dy) % _TABLE]
        value: Plane = slope_x[which] * (across - dx) + slope_y[which] * (down - dy)
        return value

    u = across**3 * (across * (across * 6 - 15) + 10)
    v = down**3 * (down * (down * 6 - 15) + 10)
    upper = corner(0, 0) * (1 - u) + corner(1, 0) * u
    lower = corner(0, 1) * (1 - u) + corner(1, 1) * u
    result: Plane = (upper * (1 - v) + lower * v) * 1.5
    return result


def fractal(x: ArrayLike, y: ArrayLike, seed: int, octaves: int = 5, gain: float = 0.5) -> Plane:
    """Noise upon noise, each octave twice as fine and `gain` times as strong. About -1..1."""
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    total: Plane = np.zeros((1, 1), np.float32)
    strength, sum_of_strengths = 1.0, 0.0
    for octave in range(octaves):
        # Each octave is displaced, or all of them would be zero at the same lattice points.
        total = total + strength * noise(x * 2**octave + 17.3 * octave, y * 2**octave + 9.1 * octave, seed + octave)
        sum_of_strengths += strength
        strength *= gain
    return np.asarray(total / sum_of_strengths * 1.4, np.float32)


def develop(picture: Plane, seed: int, *, grain: float = 0.008, vignette: float = 0.12) -> Image.Image:
    """The picture as printed: highlights rolled off, corners a little darker, film grain, sRGB."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    exposed = picture * (1 - vignette * (x * x + y * y) / 2)[..., None]
    shoulder = 0.7
    exposed = np.where(
        exposed < shoulder, exposed, shoulder + (1 - shoulder) * (1 - np.exp(-(exposed - shoulder) / (1 - shoulder)))
    )
    encoded = np.where(exposed <= 0.0031308, exposed * 12.92, 1.055 * np.maximum(exposed, 0) ** (1 / 2.4) - 0.055)
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.normal(0, grain, (height * 2 // 3, width * 2 // 3)).astype(np.float32))
    film = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((np.clip(encoded + film[..., None], 0, 1) * 255 + 0.5).astype(np.uint8))


def greyscale(picture: Plane) -> Plane:
    """The picture's luminance (Rec. 709) as a picture."""
    luminance = picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.repeat(luminance[..., None], 3, axis=2)
