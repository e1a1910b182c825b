"""Which pictures the looks are measured on: real photographs, altered copies of them, and drawn strangers.

Shared by tests and benches. Everything drawn is seeded, so the figures can be had again. The photographs are those
inside the scikit-image and scikit-learn packages, read from there.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.decoding.resize import fit

Frame = NDArray[np.uint8]
Plane = NDArray[np.floating]
Random = np.random.Generator

MAX_PIXELS = 120_000
"""What the judge is given of a file, at most."""

# --- real photographs --------------------------------------------------------------------------------

_PHOTOGRAPHS = {
    "skimage": (
        "data/astronaut.png data/brick.png data/camera.png data/cell.png data/chelsea.png data/clock_motion.png "
        "data/coffee.png data/coins.png data/grass.png data/gravel.png data/hubble_deep_field.jpg data/ihc.png "
        "data/microaneurysms.png data/moon.png data/motorcycle_left.png data/page.png data/retina.jpg "
        "data/rocket.jpg data/text.png"
    ),
    "sklearn": "datasets/images/china.jpg datasets/images/flower.jpg",
}


@cache
def photographs() -> dict[str, Frame]:
    """21 real photographs by name, in their own sizes; grey ones as RGB. Not to be written into."""
    found: dict[str, Frame] = {}
    for package, paths in _PHOTOGRAPHS.items():
        spec = find_spec(package)
        assert spec is not None, f"{package} is not installed"
        assert spec.origin is not None
        for path in paths.split():
            with Image.open(Path(spec.origin).parent / path) as picture:
                frame = np.asarray(picture.convert("RGB"))
            frame.flags.writeable = False
            found[Path(path).stem] = frame
    return found


def judged(frame: Frame) -> Frame:
    """The picture as the judge is given it: reduced to MAX_PIXELS."""
    height, width = frame.shape[:2]
    size = fit(width, height, MAX_PIXELS)
    return frame if size == (width, height) else _resized(frame, *size)


def _resized(frame: Frame, width: int, height: int) -> Frame:
    smaller = width < frame.shape[1]
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


# --- altered copies ----------------------------------------------------------------------------------


def _variation(frame: Frame, salt: str) -> Random:
    """The same picture is always altered in the same way, another one in another."""
    return np.random.default_rng(zlib.crc32(frame[::7, ::7].tobytes() + salt.encode()))


def _crop(frame: Frame, share: float, down: float, across: float) -> Frame:
    """A window with `share` of each side; `down` and `across` say where in the room that is left, 0..1."""
    height, width = (max(1, round(side * share)) for side in frame.shape[:2])
    top, left = round((frame.shape[0] - height) * down), round((frame.shape[1] - width) * across)
    return frame[top : top + height, left : left + width].copy()


def _crop_80(frame: Frame) -> Frame:
    rng = _variation(frame, "80")
    return _crop(frame, 0.8, rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))


def _crop_60(frame: Frame) -> Frame:
    rng = _variation(frame, "60")
    return _crop(frame, 0.6, rng.choice([0.1, 0.3, 0.7, 0.9]), rng.choice([0.1, 0.3, 0.7, 0.9]))


def _scaled(frame: Frame) -> Frame:
    height, width = (max(1, round(side * 0.4)) for side in frame.shape[:2])
    return _resized(frame, width, height)


def _toned(frame: Frame, gamma: float, gain: float) -> Frame:
    curve = np.clip((np.arange(256) / 255) ** gamma * gain, 0, 1) * 255
    return np.asarray(np.rint(curve).astype(np.uint8)[frame])


def _grey(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def _turned(frame: Frame) -> Frame:
    """Turned by 5 to 7 degrees; the corners are black, white, or cut off with what lies beside them."""
    rng = _variation(frame, "turned")
    angle = rng.uniform(5, 7) * rng.choice([-1, 1])
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    corners = rng.choice(["black", "white", "cut"])
    fill = 255 if corners == "white" else 0
    turned = np.asarray(cv2.warpAffine(frame, turn, (width, height), borderValue=(fill, fill, fill)))
    if corners != "cut":
        return np.asarray(turned, np.uint8)
    radians = np.deg2rad(abs(angle))
    side = max(width, height) / min(width, height)
    return _crop(np.asarray(turned, np.uint8), float(1 / (np.cos(radians) + side * np.sin(radians))), 0.5, 0.5)


def _framed(frame: Frame) -> Frame:
    rng = _variation(frame, "framed")
    border = round(min(frame.shape[:2]) * rng.uniform(0.08, 0.10) / 0.8)
    colour = [(255, 255, 255), (0, 0, 0), (112, 74, 41), (30, 60, 130)][rng.integers(4)]
    sides = (border,) * 4
    framed = np.asarray(cv2.copyMakeBorder(frame, *sides, cv2.BORDER_CONSTANT, value=colour))
    if rng.random() < 0.5:  # with a fine line inside
        edge = max(2, border // 12)
        cv2.rectangle(
            framed,
            (border - 2 * edge, border - 2 * edge),
            (framed.shape[1] - border + 2 * edge, framed.shape[0] - border + 2 * edge),
            (160, 160, 160),
            edge,
        )
    return np.asarray(framed, np.uint8)


_WORDS = [
    "summer",
    "harbour",
    "report",
    "morning",
    "quiet",
    "river",
    "market",
    "eleven",
    "stone",
    "letters",
    "window",
    "garden",
    "north",
    "measure",
    "paper",
    "winter",
    "signal",
    "orange",
    "bridge",
    "ladder",
    "copper",
    "violin",
    "island",
    "kettle",
    "quarter",
    "silver",
    "number",
    "border",
    "lantern",
]


def _bannered(frame: Frame) -> Frame:
    """A bar with text over the top or the bottom."""
    rng = _variation(frame, "banner")
    height, width = frame.shape[:2]
    bar = max(1, round(height * rng.uniform(0.15, 0.18)))
    back, ink = [((255, 255, 255), (20, 20, 20)), ((0, 0, 0), (255, 255, 255)), ((200, 30, 40), (255, 240, 120))][
        rng.integers(3)
    ]
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    top = 0 if rng.random() < 0.5 else height - bar
    draw.rectangle((0, top, width, top + bar), fill=back)
    words = " ".join(rng.choice(_WORDS, 3)).upper()
    draw.text((width * 0.04, top + bar * 0.2), words, fill=ink, font=ImageFont.load_default(bar * 0.5))
    return np.asarray(picture)


ALTERATIONS: dict[str, Callable[[Frame], Frame]] = {
    "crop to 80 %": _crop_80,
    "crop to 60 %": _crop_60,
    "scaled to 40 %": _scaled,
    "JPEG quality 15": lambda frame: _recompressed_at(frame, 15),
    "brighter": lambda frame: _toned(frame, 0.65, 1.15),
    "darker": lambda frame: _toned(frame, 1.5, 0.75),
    "mirrored": lambda frame: np.ascontiguousarray(frame[:, ::-1]),
    "grey": _grey,
    "turned": _turned,
    "framed": _framed,
    "banner": _bannered,
}
"""What is done to a picture that stays the same picture; each in ways that differ from picture to picture."""

# --- drawn pictures ----------------------------------------------------------------------------------


def distractors(count: int) -> Iterator[Frame]:
    """`count` drawn pictures of many kinds, sizes and shapes, no two alike; the first ones are always the same."""
    for index in range(count):
        rng = np.random.default_rng([2024, index])
        pixels = rng.uniform(0.35, 1) * MAX_PIXELS
        ratio = np.exp(rng.uniform(-0.6, 0.6))
        height, width = round(np.sqrt(pixels / ratio)), round(np.sqrt(pixels * ratio))
        drawn = _KINDS[index % len(_KINDS)](rng, height, width)
        if rng.random() < 0.2:
            drawn = drawn.mean(axis=-1, keepdims=True, dtype=np.float32).repeat(3, axis=-1)
        if rng.random() < 0.5:  # as a camera or a scanner would have it: grain
            grain = rng.normal(0, rng.uniform(1, 7), drawn.shape[:2]).astype(np.float32)
            drawn = drawn + grain[..., None]
        yield _bytes(drawn)


def _bytes(drawn: NDArray[np.generic]) -> Frame:
    return np.asarray(np.clip(np.rint(drawn), 0, 255), np.uint8)


def _colour(rng: Random) -> Plane:
    """A colour as things have it: seldom pure."""
    hue, chroma, value = rng.random(), rng.beta(1.3, 1.6), rng.beta(1.8, 1.2)
    wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.asarray(255 * value * (1 - chroma + chroma * wheel), np.float32)


def _colours(rng: Random, count: int) -> Plane:
    return np.stack([_colour(rng) for _ in range(count)])


def _noise(rng: Random, height: int, width: int, slope: float, turn: float = 0.0, stretch: float = 1.0) -> Plane:
    """A random field whose amplitude falls with frequency to the power of `slope`; mean 0, deviation 1."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    along = (across * np.cos(turn) + down * np.sin(turn)) * stretch
    aside = down * np.cos(turn) - across * np.sin(turn)
    frequency = np.sqrt(along**2 + aside**2)
    frequency[0, 0] = np.inf
    phases = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    field = np.fft.irfft2(phases * frequency**-slope, s=(height, width))
    return np.asarray((field - field.mean()) / (field.std() + 1e-12), np.float32)


def _grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Places down and across, in fractions of the shorter side."""
    side = min(height, width)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / side
    return down, across


def _gradient(rng: Random, height: int, width: int) -> Plane:
    down, across = _grid(height, width)
    if rng.random() < 0.5:
        turn = rng.uniform(0, 2 * np.pi)
        way = down * np.sin(turn) + across * np.cos(turn)
    else:
        centre = rng.uniform(0, 1, 2)
        way = np.hypot(down - centre[0] * down.max(), across - centre[1] * across.max())
    way = (way - way.min()) / (np.ptp(way) + 1e-6)
    stops = _colours(rng, int(rng.integers(2, 5)))
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(way, places, channel) for channel in stops.T], axis=-1).astype(np.float32)


def _blend(low: Plane, high: Plane, share: Plane) -> Plane:
    share = np.clip(share, 0, 1)[..., None]
    return np.asarray(low * (1 - share) + high * share, np.float32)


def _scene(rng: Random, height: int, width: int) -> Plane:
    """Sky, a sun, ridges one behind the other, houses or trees: a landscape as a child cuts it from paper."""
    top, low = _colours(rng, 2)
    down, across = _grid(height, width)
    picture = _blend(top, low, down / down.max())
    if rng.random() < 0.6:
        centre, radius = rng.uniform([0.05, 0], [0.5, across.max()]), rng.uniform(0.04, 0.2)
        picture = _blend(picture, _colour(rng), (radius - np.hypot(down - centre[0], across - centre[1])) * 60)
    if rng.random() < 0.6:
        clouds = _noise(rng, height, width, rng.uniform(1.3, 2))
        picture = _blend(picture, _colour(rng), np.clip(clouds - rng.uniform(0, 1.2), 0, 0.7))
    horizon = rng.uniform(0.25, 0.7)
    for layer in range(int(rng.integers(1, 5))):
        ridge = _noise(rng, 2, width, rng.uniform(0.8, 2))[0] * rng.uniform(0.01, 0.1) + horizon + layer * 0.12
        texture = 1 + _noise(rng, height, width, rng.uniform(0.3, 1.5)) * rng.uniform(0, 0.25)
        picture = _blend(picture, _colour(rng) * texture[..., None], (down / down.max() - ridge[None, :]) * height)
    canvas = np.ascontiguousarray(picture)
    for _ in range(int(rng.integers(0, 9))):
        x, base = rng.uniform(0, width), rng.uniform(horizon, 1) * height
        size, colour = rng.uniform(0.05, 0.25) * height, _colour(rng).tolist()
        if rng.random() < 0.5:  # a tree
            cv2.rectangle(canvas, _at(x - size / 14, base - size), _at(x + size / 14, base), (60, 45, 30), -1)
            cv2.circle(canvas, _at(x, base - size), int(size * 0.4), colour, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(canvas, _at(x - size / 2, base - size), _at(x + size / 2, base), colour, -1)
            roof = np.array(
                [_at(x - size * 0.6, base - size), _at(x, base - size * 1.5), _at(x + size * 0.6, base - size)]
            )
            cv2.fillPoly(canvas, [np.array(roof)], _colour(rng).tolist(), cv2.LINE_AA)
            for pane in (-0.25, 0.1):
                left, top = x + pane * size, base - size * 0.8
                cv2.rectangle(canvas, _at(left, top), _at(left + size / 6, top + size * 0.3), (230, 220, 150), -1)
    return canvas


def _at(x: float, y: float) -> tuple[int, int]:
    return int(x), int(y)


def _shapes(rng: Random, height: int, width: int) -> Plane:
    """Discs, boxes and polygons in a few colours over a gradient."""
    canvas = np.ascontiguousarray(_gradient(rng, height, width))
    palette = _colours(rng, int(rng.integers(2, 6)))
    side = min(height, width)
    for _ in range(int(rng.integers(2, 30))):
        colour, centre = rng.choice(palette).tolist(), rng.uniform(0, 1, 2) * (width, height)
        size = side * rng.uniform(0.03, 0.3)
        shape = rng.integers(3)
        if shape == 0:
            cv2.circle(canvas, _at(*centre), int(size), colour, -1, cv2.LINE_AA)
        elif shape == 1:
            other = centre + rng.uniform(0.3, 2, 2) * size
            cv2.rectangle(canvas, _at(*centre), _at(*other), colour, -1)
        else:
            corners = centre + rng.normal(0, size, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(canvas, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    return canvas


def _plain_gradient(rng: Random, height: int, width: int) -> Plane:
    return _gradient(rng, height, width)


def _clouds(rng: Random, height: int, width: int) -> Plane:
    """Noise of a random spectrum, each channel in part its own."""
    slope, turn, stretch = rng.uniform(0, 2.2), rng.uniform(0, np.pi), np.exp(rng.uniform(0, 2))
    common = _noise(rng, height, width, slope, turn, stretch)
    share = rng.uniform(0, 0.7)
    planes = [common * (1 - share) + share * _noise(rng, height, width, slope, turn, stretch) for _ in range(3)]
    return np.asarray(_colour(rng) + np.stack(planes, axis=-1) * rng.uniform(10, 70, 3), np.float32)


def _marble(rng: Random, height: int, width: int) -> Plane:
    """Bands of colour along a warped field: marble, wood, agate, maps of heights."""
    down, across = _grid(height, width)
    turn = rng.uniform(0, np.pi)
    way = (down * np.sin(turn) + across * np.cos(turn)) * rng.uniform(0, 12)
    way = way + _noise(rng, height, width, rng.uniform(1.4, 2.2)) * rng.uniform(0.3, 3)
    bands = (np.sin(way * rng.uniform(0.5, 3)) + 1) / 2
    stops = _colours(rng, int(rng.integers(2, 5)))
    places = np.linspace(0, 1, len(stops))
    if rng.random() < 0.4:
        bands = np.round(bands * (len(stops) - 1)) / (len(stops) - 1)
    return np.stack([np.interp(bands, places, channel) for channel in stops.T], axis=-1).astype(np.float32)


def _tiling(rng: Random, height: int, width: int) -> Plane:
    """Checks, stripes, dots, bricks or a weave, turned and somewhat worn."""
    down, across = _grid(height, width)
    turn, pitch = rng.choice([0, 0, rng.uniform(0, np.pi)]), rng.uniform(0.03, 0.3)
    u = (across * np.cos(turn) + down * np.sin(turn)) / pitch
    v = (down * np.cos(turn) - across * np.sin(turn)) / (pitch * rng.choice([1, rng.uniform(0.4, 2)]))
    kind = rng.integers(5)
    if kind == 0:
        mask = (np.floor(u) + np.floor(v)) % 2
    elif kind == 1:
        mask = (u % 1 < rng.uniform(0.2, 0.8)).astype(np.float32)
    elif kind == 2:
        mask = (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < rng.uniform(0.15, 0.45)).astype(np.float32)
    elif kind == 3:
        shifted = u / 2 + 0.5 * (np.floor(v) % 2)
        mask = ((shifted % 1 < 0.06) | (v % 1 < 0.12)).astype(np.float32)
        first = _colour(rng)
        cells = np.random.default_rng(int(rng.integers(1 << 30))).uniform(0.7, 1.2, (512,))
        shade = cells[(np.floor(shifted) * 37 + np.floor(v) * 101).astype(np.int64) % 512]
        return _blend(first * shade[..., None].astype(np.float32), _colour(rng), mask)
    else:
        mask = np.where((np.floor(u) + np.floor(v)) % 2 > 0, np.sin(u * np.pi) ** 2, np.sin(v * np.pi) ** 2)
    worn = mask + _noise(rng, height, width, 1) * rng.uniform(0, 0.15)
    first, second = _colours(rng, 2)
    return _blend(first, second, worn.astype(np.float32))


def _page(rng: Random, height: int, width: int) -> Plane:
    """Lines of words on paper, sometimes with a heading, columns or a small picture."""
    paper, ink = (245, 243, 236), (25, 25, 30)
    if rng.random() < 0.25:
        paper, ink = tuple(_colour(rng).astype(int).tolist()), tuple(_colour(rng).astype(int).tolist())
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    size = rng.uniform(8, 22)
    font = ImageFont.load_default(size)
    margin, top = width * rng.uniform(0.03, 0.12), height * rng.uniform(0.03, 0.15)
    if rng.random() < 0.5:
        draw.text((margin, top), " ".join(rng.choice(_WORDS, 3)).title(), ink, ImageFont.load_default(size * 2))
        top += size * 3
    columns = int(rng.integers(1, 3))
    room = (width - margin * (columns + 1)) / columns
    for column in range(columns):
        x, y = margin + column * (room + margin), top
        while y < height - margin:
            if rng.random() < 0.88:
                count = max(1, int(room / (size * 3.4)))
                draw.text((x, y), " ".join(rng.choice(_WORDS, count)), ink, font)
            y += size * 1.35
    return np.asarray(picture, np.float32)


def _chart(rng: Random, height: int, width: int) -> Plane:
    """Bars, lines, points or a pie, with axes."""
    back = (255, 255, 255) if rng.random() < 0.7 else tuple(_colour(rng).astype(int).tolist())
    picture = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(picture)
    palette = [tuple(colour.astype(int).tolist()) for colour in _colours(rng, 5)]
    left, right, top, bottom = width * 0.12, width * 0.95, height * 0.1, height * 0.88
    kind, count = rng.integers(4), int(rng.integers(3, 14))
    font = ImageFont.load_default(max(7, height * 0.035))
    if kind < 3:
        for step in np.linspace(0, 1, int(rng.integers(3, 8))):
            y = top + (bottom - top) * step
            draw.line((left, y, right, y), fill=(200, 200, 200))
            draw.text((width * 0.03, y - 5), str(int(100 * (1 - step))), (60, 60, 60), font)
        draw.line((left, top, left, bottom, right, bottom), fill=(30, 30, 30), width=2)
    if kind == 0:
        each = (right - left) / count
        for index, value in enumerate(rng.uniform(0.05, 1, count)):
            x = left + each * index
            y = bottom - value * (bottom - top)
            draw.rectangle((x + each * 0.15, y, x + each * 0.85, bottom), palette[index % 2])
    elif kind == 1:
        for colour in palette[: int(rng.integers(1, 5))]:
            values = 0.5 + 0.12 * np.cumsum(rng.normal(0, 0.7, 40))
            points = [(left + (right - left) * i / 39, bottom - (bottom - top) * v) for i, v in enumerate(values)]
            draw.line(points, fill=colour, width=int(rng.integers(1, 5)))
    elif kind == 2:
        for colour in palette[: int(rng.integers(1, 4))]:
            centre, spread = rng.uniform(0.2, 0.8, 2), rng.uniform(0.03, 0.2)
            for dx, dy in rng.normal(0, spread, (60, 2)):
                x, y = left + (right - left) * (centre[0] + dx), top + (bottom - top) * (centre[1] + dy)
                draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    else:
        ends = np.concatenate([[0], np.cumsum(rng.dirichlet(np.full(min(count, 7), 2.0)))]) * 360
        radius = min(height, width) * rng.uniform(0.25, 0.42)
        box = (width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius)
        for index in range(len(ends) - 1):
            draw.pieslice(box, ends[index], ends[index + 1], fill=palette[index % 5])
    draw.text((left, height * 0.02), " ".join(rng.choice(_WORDS, 3)), (30, 30, 30), font)
    return np.asarray(picture, np.float32)


def _cells(rng: Random, height: int, width: int) -> Plane:
    """A plane divided among random centres: cracked earth, stained glass, a turtle's back."""
    owner, edge = _nearest(rng, height, width, int(rng.integers(8, 200)))
    palette = _colours(rng, int(rng.integers(2, 8)))
    picks = rng.integers(len(palette), size=owner.max() + 1)
    shade = rng.uniform(0.75, 1.15, owner.max() + 1).astype(np.float32)
    picture = palette[picks[owner]] * shade[owner][..., None]
    return _blend(picture, _colour(rng), (rng.uniform(0, 0.012) - edge) * 150)


def _nearest(rng: Random, height: int, width: int, count: int) -> tuple[NDArray[np.int64], Plane]:
    """Of `count` random centres the nearest one's number, and how far the border to the next one is."""
    side = min(height, width)
    mask = np.full((height, width), 255, np.uint8)
    mask[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    _, labels = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = labels.astype(np.int64)
    border = np.zeros((height, width), np.uint8)
    border[:-1] |= (owner[1:] != owner[:-1]).astype(np.uint8)
    border[:, :-1] |= (owner[:, 1:] != owner[:, :-1]).astype(np.uint8)
    edge = cv2.distanceTransform(1 - border, cv2.DIST_L2, cv2.DIST_MASK_5)
    return owner, np.asarray(edge / side, np.float32)


def _strokes(rng: Random, height: int, width: int) -> Plane:
    """Hundreds of strokes in a few directions: fur, grass, hatching, hay."""
    canvas = np.ascontiguousarray(np.broadcast_to(_colour(rng), (height, width, 3)))
    palette, side = _colours(rng, int(rng.integers(2, 5))), min(height, width)
    main, spread, length = rng.uniform(0, np.pi), rng.uniform(0.05, 1.5), rng.uniform(0.03, 0.3) * side
    thickness = int(rng.integers(1, 4))
    for x, y, turn in zip(
        rng.uniform(0, width, 700), rng.uniform(0, height, 700), rng.normal(main, spread, 700), strict=True
    ):
        shade = rng.choice(palette) * rng.uniform(0.7, 1.2)
        ends = _at(x, y), _at(x + np.cos(turn) * length, y + np.sin(turn) * length)
        cv2.line(canvas, *ends, shade.tolist(), thickness, cv2.LINE_AA)
    return canvas


def _leaves(rng: Random, height: int, width: int) -> Plane:
    """Textured discs and boxes that hide each other, sizes as in nature: the statistics of photographs."""
    canvas = np.ascontiguousarray(np.broadcast_to(_colour(rng), (height, width, 3)))
    palette, side = _colours(rng, int(rng.integers(4, 12))), min(height, width)
    least = rng.uniform(0.02, 0.08)
    for _ in range(int(rng.integers(80, 350))):
        size = side * min(0.5, least * rng.random() ** -0.5)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        colour = (rng.choice(palette) * rng.uniform(0.6, 1.2)).tolist()
        if rng.random() < 0.6:
            axes = int(size), int(size * rng.uniform(0.3, 1))
            cv2.ellipse(canvas, _at(x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            box = ((x, y), (size * 1.5, size * rng.uniform(0.4, 1.5)), rng.uniform(0, 90))
            cv2.fillPoly(canvas, [cv2.boxPoints(box).astype(np.int32)], colour, cv2.LINE_AA)
    texture = _noise(rng, height, width, rng.uniform(0.5, 1.5)) * rng.uniform(0, 0.2)
    return np.asarray(canvas * (1 + texture[..., None]), np.float32)


def _lights(rng: Random, height: int, width: int) -> Plane:
    """Bright discs or points in the dark: a town at night, stars, bokeh."""
    canvas = np.ascontiguousarray(_gradient(rng, height, width) * np.float32(rng.uniform(0.05, 0.35)))
    palette, side = _colours(rng, 4), min(height, width)
    glow = np.zeros_like(canvas)
    biggest = rng.uniform(0.005, 0.07)
    for _ in range(int(rng.integers(20, 300))):
        radius = max(1, int(side * biggest * rng.beta(1.2, 3)))
        colour = (rng.choice(palette) * rng.uniform(0.5, 1.5)).tolist()
        cv2.circle(glow, _at(rng.uniform(0, width), rng.uniform(0, height)), radius, colour, -1, cv2.LINE_AA)
    return np.asarray(canvas + 1.2 * cv2.GaussianBlur(glow, (0, 0), rng.uniform(0.5, 3)), np.float32)


def _screen(rng: Random, height: int, width: int) -> Plane:
    """A program's window: bars, panels, lists, buttons."""
    dark = rng.random() < 0.4
    base, ink = ((40, 42, 46), (220, 220, 220)) if dark else ((240, 240, 242), (40, 40, 40))
    picture = Image.new("RGB", (width, height), base)
    draw = ImageDraw.Draw(picture)
    accent = tuple(_colour(rng).astype(int).tolist())
    font = ImageFont.load_default(11)
    bar, side = height * rng.uniform(0.05, 0.12), width * rng.uniform(0, 0.35)
    draw.rectangle((0, 0, width, bar), fill=accent)
    draw.rectangle((0, bar, side, height), fill=tuple(int(level * 0.93) for level in base))
    for row in range(int(bar + 8), height - 12, int(rng.integers(14, 26))):
        if side > 40:
            draw.text((8, row), rng.choice(_WORDS), ink, font)
        if rng.random() < 0.7:
            draw.text((side + 12, row), " ".join(rng.choice(_WORDS, int(rng.integers(1, 6)))), ink, font)
    for _ in range(int(rng.integers(0, 7))):
        x, y = rng.uniform(side, width * 0.9), rng.uniform(bar, height * 0.9)
        box = (x, y, x + rng.uniform(20, width * 0.4), y + rng.uniform(14, height * 0.4))
        draw.rounded_rectangle(box, 4, fill=tuple(_colour(rng).astype(int).tolist()), outline=ink)
    return np.asarray(picture, np.float32)


def _likeness(rng: Random, height: int, width: int) -> Plane:
    """One or two rounded things before a soft background: portraits, fruit, planets, shaded from one side."""
    back = cv2.GaussianBlur(_leaves(rng, height, width), (0, 0), rng.uniform(4, 20))
    down, across = _grid(height, width)
    picture = np.asarray(back, np.float32)
    light = rng.uniform(-0.7, 0.7, 2)
    for _ in range(int(rng.integers(1, 4))):
        centre = rng.uniform(0.25, 0.75, 2) * (down.max(), across.max())
        y, x = (down - centre[0]) / rng.uniform(0.12, 0.4), (across - centre[1]) / rng.uniform(0.12, 0.4)
        radius = np.hypot(y, x)
        shade = 0.8 + 0.5 * (x * light[1] + y * light[0]) - 0.35 * radius**2
        skin = shade + _noise(rng, height, width, rng.uniform(0.5, 1.8)) * rng.uniform(0, 0.15)
        picture = _blend(picture, _colour(rng) * skin[..., None], (1 - radius) * 40)
    return picture


_KINDS: tuple[Callable[[Random, int, int], Plane], ...] = (
    _scene,
    _shapes,
    _leaves,
    _clouds,
    _page,
    _tiling,
    _scene,
    _likeness,
    _marble,
    _chart,
    _cells,
    _strokes,
    _lights,
    _screen,
    _likeness,
    _plain_gradient,
)

# --- sets for one part of a look each: groups of pictures, alike in that part alone ------------------


def style_pieces(frame: Frame, *, stacked: bool = False) -> tuple[Frame, Frame, Frame]:
    """The left half of a picture, and two pieces of its right half: side by side, or one above the other."""
    frame = judged(frame)
    height, width = frame.shape[:2]
    left, right = frame[:, : width // 2], frame[:, width - width // 2 :]
    if stacked:
        pieces = right[: height // 2], right[height - height // 2 :]
    else:
        across = right.shape[1]
        pieces = right[:, : across // 2], right[:, across - across // 2 :]
    return np.ascontiguousarray(left), np.ascontiguousarray(pieces[0]), np.ascontiguousarray(pieces[1])


def _size(rng: Random) -> tuple[int, int]:
    ratio = np.exp(rng.uniform(-0.3, 0.3))
    return round(240 / ratio), round(300 * ratio)


def palette_groups(count: int) -> list[list[Frame]]:
    """`count` palettes, four pictures of each: the same colours in the same shares, in other shapes and places.

    Four palettes at a time have the same mean colour.
    """
    groups = []
    for index in range(count):
        mean = np.random.default_rng([31, index // 4]).uniform(100, 155, 3)
        rng = np.random.default_rng([32, index])
        ways = rng.normal(size=(2, 3))
        ways *= rng.uniform(50, 95, (2, 1)) / np.abs(ways).max(axis=1, keepdims=True)
        share = rng.uniform(0.15, 0.35)
        palette, shares = mean + np.concatenate([ways, -ways]), [share, 0.5 - share, share, 0.5 - share]
        groups.append([_in_colours(np.random.default_rng([33, index, each]), palette, shares) for each in range(4)])
    return groups


def _in_colours(rng: Random, palette: Plane, shares: list[float]) -> Frame:
    height, width = _size(rng)
    down, across = _grid(height, width)
    kind = rng.integers(4)
    if kind == 0:
        field = _noise(rng, height, width, rng.uniform(0.8, 2.2))
    elif kind == 1:
        owner, _ = _nearest(rng, height, width, int(rng.integers(30, 400)))
        field = rng.random(owner.max() + 1)[owner] + _noise(rng, height, width, 1) * 1e-4
    elif kind == 2:
        turn, pitch = rng.uniform(0, np.pi), rng.uniform(0.05, 0.5)
        field = ((across * np.cos(turn) + down * np.sin(turn)) / pitch) % 1
    else:
        centre = rng.uniform(0, 1, 2)
        field = np.hypot(down - centre[0], across - centre[1]) + _noise(rng, height, width, 1.5) * rng.uniform(0, 0.2)
    order = rng.permutation(len(shares))
    ends = np.quantile(field, np.cumsum(np.array(shares)[order])[:-1])
    drawn = palette[order][np.digitize(field, ends)] * rng.uniform(0.93, 1.07)
    return _recompressed_at(_bytes(drawn + rng.normal(0, rng.uniform(1, 5), drawn.shape)), 80)


def layout_groups(count: int) -> list[list[Frame]]:
    """`count` compositions, four pictures of each: the same things lighter or darker than what is behind them, in the
    same places but for a twentieth, in other colours and other stuff."""
    groups = []
    for index in range(count):
        plan = np.random.default_rng([41, index])
        horizon, sky, ground = plan.uniform(0.25, 0.75), plan.uniform(-1, 1), plan.uniform(-1, 1)
        things = [
            (plan.uniform(0.1, 0.9, 2), plan.uniform(0.06, 0.28, 2), plan.uniform(-1, 1), plan.random() < 0.5)
            for _ in range(int(plan.integers(2, 6)))
        ]
        group = []
        for each in range(4):
            rng = np.random.default_rng([42, index, each])
            height, width = _size(rng)
            canvas = np.empty((height, width, 3), np.float32)
            edge = round(height * (horizon + rng.normal(0, 0.015)))
            contrast, light = rng.uniform(45, 85), rng.uniform(105, 150)
            canvas[:edge] = _stuff(rng, height, width, light + contrast * sky)[:edge]
            canvas[edge:] = _stuff(rng, height, width, light + contrast * ground)[edge:]
            for centre, size, tone, rounded in things:
                x, y = (centre + rng.normal(0, 0.02, 2)) * (width, height)
                half = size * np.exp(rng.normal(0, 0.08, 2)) * (width, height)
                mask = np.zeros((height, width), np.uint8)
                if rounded:
                    cv2.ellipse(mask, _at(x, y), _at(*half), 0, 0, 360, 1, -1)
                else:
                    cv2.rectangle(mask, _at(x - half[0], y - half[1]), _at(x + half[0], y + half[1]), 1, -1)
                canvas = np.where(mask[..., None] > 0, _stuff(rng, height, width, light + contrast * tone), canvas)
            group.append(_recompressed_at(_bytes(canvas), 80))
        groups.append(group)
    return groups


def _stuff(rng: Random, height: int, width: int, light: float) -> Plane:
    """A plane of some stuff in some colour of a given lightness (grey level, about)."""
    colour = _colour(rng) + 20
    colour = colour * (np.clip(light, 15, 240) / (colour @ np.array([0.299, 0.587, 0.114])))
    grain = _noise(rng, height, width, rng.uniform(0, 1.5), rng.uniform(0, np.pi), np.exp(rng.uniform(0, 1.5)))
    return np.asarray(colour * (1 + rng.uniform(0, 0.2) * grain[..., None]), np.float32)


def texture_groups(count: int) -> list[list[Frame]]:
    """`count` textures, four pictures of each: the same stuff elsewhere, in other colours, nearer or farther."""
    groups = []
    for index in range(count):
        group = []
        for each in range(4):
            rng = np.random.default_rng([52, index, each])
            height, width = _size(rng)
            zoom = np.exp(rng.uniform(-0.15, 0.15))
            field = _field(
                np.random.default_rng([51, index]), rng, round(height * zoom), round(width * zoom), index % 6
            )
            field = np.asarray(
                cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA), np.float32
            )
            first, second = _stuff_colours(rng)
            drawn = _blend(first, second, field) + rng.normal(0, 2, (height, width, 1))
            group.append(_recompressed_at(_bytes(drawn), 85))
        groups.append(group)
    return groups


def _stuff_colours(rng: Random) -> tuple[Plane, Plane]:
    """Two colours, the second lighter by 70 to 130 grey levels."""
    dark = rng.uniform(20, 100)
    pair = []
    for light in (dark, dark + rng.uniform(70, 130)):
        colour = _colour(rng) + 40
        pair.append(colour * (light / (colour @ np.array([0.299, 0.587, 0.114]))))
    return pair[0], pair[1]


def _field(plan: Random, rng: Random, height: int, width: int, kind: int) -> Plane:
    """A texture between 0 and 1: `plan` says which, `rng` where."""
    down, across = _grid(height, width)
    # In fractions of a fixed side, so that a larger plane holds more of the texture, not larger texture.
    down, across = down * (min(height, width) / 240), across * (min(height, width) / 240)
    turn, pitch = plan.choice([0, np.pi / 2, np.pi / 4]), plan.uniform(0.03, 0.12)
    if kind == 0:
        field = _noise(rng, height, width, plan.uniform(0, 2), turn, np.exp(plan.uniform(0, 2)))
        return field * 0.25 + 0.5
    if kind == 1:
        count = int(plan.uniform(40, 900) * height * width / 72_000)
        owner, edge = _nearest(rng, height, width, count)
        shade = rng.uniform(1 - plan.random(), 1, owner.max() + 1)[owner]
        return np.where(edge * min(height, width) < plan.uniform(0.7, 3), 0, shade)
    if kind == 2:
        canvas = np.zeros((height, width), np.float32)
        spread, length, thickness = plan.uniform(0.05, 1.2), plan.uniform(8, 60), int(plan.integers(1, 4))
        strokes = int(plan.uniform(200, 1200) * height * width / 72_000)
        for x, y, way in zip(
            rng.uniform(0, width, strokes),
            rng.uniform(0, height, strokes),
            rng.normal(turn, spread, strokes),
            strict=True,
        ):
            ends = _at(x, y), _at(x + np.cos(way) * length, y + np.sin(way) * length)
            cv2.line(canvas, *ends, rng.uniform(0.3, 1), thickness, cv2.LINE_AA)
        return canvas
    u = (across * np.cos(turn) + down * np.sin(turn)) / pitch + rng.random()
    v = (down * np.cos(turn) - across * np.sin(turn)) / pitch + rng.random()
    worn = _noise(rng, height, width, plan.uniform(0.3, 1.5)) * plan.uniform(0.02, 0.2)
    if kind == 3:
        return np.asarray((u % 1 < plan.uniform(0.2, 0.8)) + worn)
    if kind == 4:
        return np.asarray((np.hypot(u % 1 - 0.5, v % 1 - 0.5) < plan.uniform(0.15, 0.45)) + worn)
    shifted = u / 2 + 0.5 * (np.floor(v) % 2)
    return np.asarray(1.0 - ((shifted % 1 < 0.06) | (v % 1 < 0.12)) + worn)


def _recompressed_at(frame: Frame, quality: int) -> Frame:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))
