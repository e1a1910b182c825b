"""What is measured of one frame, so that words about looks can be answered later without opening the file.

A frame's figures are bytes of a fixed length: two palettes, of its border (taken for the background) and of its
middle (where the subject is), and a few readings of light, colour, focus and order. A palette keeps the colours
themselves, not words for them: the vocabulary can grow without reading a file again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.scorers.colour import oklab

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# --- the layout of the bytes -------------------------------------------------------------------------

_ALIKE = 0.08
"""Distance in OKLab that light and shade make on one thing: a subject differs from its background by more."""
_ENTRIES = 24
"""Colours in one palette; photographs need 10 to 20."""
_CODE_BYTES = 2 * _ENTRIES * 2
_SHARE_BYTES = 2 * _ENTRIES
READINGS = (
    "light",  # mean OKLab lightness
    "spread",  # standard deviation of the lightness, doubled
    "low",  # lightness that 2 % of the frame is below
    "quarter",  # the same of 25 %
    "three_quarters",  # of 75 %
    "high",  # of 98 %
    "chroma",  # mean OKLab chroma, times 4
    "coloured",  # share of pixels that aren't grey
    "tints",  # how far the chroma vectors lie from their mean: root of the mean square, times 4
    "fan",  # how far they lie beside the mean one's hue, the same way, times 16
    "hues",  # how many of 12 hues there are, weighed by chroma: (inverse Simpson index - 1) / 5
    "border_light",  # mean lightness of the border
    "border_spread",  # how far the border's pixels lie from their mean colour on average, in OKLab, times 4
    "border_chroma",  # mean chroma of the border, times 4
    "subject",  # share of the middle in colours that the border has less of, nor any near them
    "sharpness",  # of the strongest edges: 0 no edge to tell by; else how steep at the finest scale, see _sharpness
    "border_sharpness",  # the same of the border
    "middle_sharpness",  # and of the middle
    "melted",  # share of the border that has no steep pixel, yet colours that come and go: what lies out of focus
    "edges",  # share of pixels on an edge
    "border_edges",  # the same of the border
    "empty",  # share of 144 cells without an edge
)
"""Scalars of a frame, each 0..1 in a byte."""
FIGURE_BYTES = _CODE_BYTES + _SHARE_BYTES + len(READINGS)
"""Codes of the border's and of the middle's colours (uint16, low byte first), their shares in 255ths, the readings."""

# --- colours -----------------------------------------------------------------------------------------

LEVELS = 32
"""Steps of each of R, G and B in a kept colour: 8 of 255, about as fine as two colours can be told apart."""
COLOURS = LEVELS**3
_GREY_CHROMA, _MORE_OF_LIGHT = 0.012, 0.02
"""OKLab chroma below which a pixel is seen as grey: that of black, and how much more it is for white. A pastel has
0.05."""


@cache
def kept_colours() -> Floats:
    """OKLab of each colour that can be kept, in the order of their codes. Shape (COLOURS, 3)."""
    levels = np.arange(LEVELS) * 255 / (LEVELS - 1)
    return oklab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))


@cache
def _level_of() -> Bytes:
    return np.asarray(np.rint(np.arange(256) * ((LEVELS - 1) / 255)), np.uint8)


_GREY = 12
"""The hue of what has none."""
_KIND = np.dtype([("cell", np.int16), ("light", np.uint8), ("hue", np.uint8)])


@dataclass(frozen=True)
class _Colours:
    """What is looked up of each kept colour; and OKLab cut into boxes, of which a palette's colours are the fullest.

    As few and small tables as can be: after a file is decoded, nothing of them is in the processor's cache.
    """

    lab: Floats
    """(COLOURS, 4): lightness rounded to 255ths, a, b, chroma."""
    kind: NDArray[np.uint32]
    """(COLOURS,): the bytes of a _KIND: cell, lightness in 255ths, and the twelfth of the circle its hue lies in or
    _GREY. As one number, since numpy takes records one by one."""
    centres: Floats
    """(cells + 1, 3): middles of the cells. The last stands for no cell: it is empty and far from all others."""
    alike: NDArray[np.int16]
    """(cells, neighbours): the cells no farther than light and shade make, itself too; filled up with no cell."""


@cache
def _colours() -> _Colours:
    lab = kept_colours()
    # Boxes centred on the neutral axis, so that grey is not cut in four.
    boxes = np.rint(lab / np.array([0.06, 0.055, 0.055], np.float32)).astype(np.int64)
    keys = boxes @ np.array([1_000_000, 1000, 1])
    _, of_colour = np.unique(keys, return_inverse=True)
    sizes = np.bincount(of_colour)
    centres = np.stack([np.bincount(of_colour, lab[:, axis]) / sizes for axis in range(3)], axis=1)
    away = centres[:, None] - centres[None]
    alike = (away * away).sum(axis=2) < _ALIKE * _ALIKE
    neighbours = np.argsort(~alike, axis=1, kind="stable")[:, : alike.sum(axis=1).max()]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    turn = np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi)
    kind = np.empty(COLOURS, _KIND)
    kind["cell"] = of_colour
    kind["light"] = np.rint(np.clip(lab[:, 0], 0, 1) * 255)
    tinted = chroma > _GREY_CHROMA + _MORE_OF_LIGHT * lab[:, 0]
    kind["hue"] = np.where(tinted, np.floor(turn * 12).astype(np.int64) % 12, _GREY)
    return _Colours(
        lab=np.column_stack([kind["light"] / np.float32(255), lab[:, 1:], chroma]).astype(np.float32),
        kind=kind.view(np.uint32),
        centres=np.concatenate([centres, [[np.inf] * 3]]).astype(np.float32),
        alike=np.where(np.take_along_axis(alike, neighbours, axis=1), neighbours, len(centres)).astype(np.int16),
    )


# --- places ------------------------------------------------------------------------------------------

_SIDE = 72
"""The frame is looked at as a square of this side: places are relative, and small things aren't its colours."""
_RIM = 9
"""Width of the border in pixels of the square."""
_BLOCK = 6
"""Side of the cells that are counted as empty or not."""


@cache
def _border() -> NDArray[np.bool_]:
    """The rim of the square, an eighth wide; not the middle of its lower edge, where subjects stand."""
    border = np.ones((_SIDE, _SIDE), np.bool_)
    border[_RIM:-_RIM, _RIM:-_RIM] = False
    border[-_RIM:, _SIDE // 4 : -_SIDE // 4] = False
    return border


@cache
def _regions() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """0 for each pixel of the border and 1 for the middle, flat; and where the border's pixels are."""
    middle = ~_border().ravel()
    return middle.astype(np.intp), np.flatnonzero(~middle)


@lru_cache(64)
def _middle_cells(rows: int, columns: int) -> Bytes:
    """1 for each cell of a grid of this size that has nothing of the border, else 0. Frames have few sizes."""
    return np.asarray(_fitted(_border().view(np.uint8), columns, rows) == 0, np.uint8)


# --- measuring ---------------------------------------------------------------------------------------

_MOST_PIXELS = 400 * 300
"""Larger frames are reduced to about this, so that sharpness is told at one size and all cost the same."""
_MEAN, _REPEAT = cv2.INTER_AREA, cv2.INTER_NEAREST
_EDGE = 14
"""Difference of neighbouring pixels, in 255ths of grey over the square, that is seen as an edge."""


def measure(frame: Bytes) -> bytes:
    """The figures of an upright RGB frame of shape (height, width, 3), at least 1 by 1. FIGURE_BYTES long."""
    frame = _at_most(frame, _MOST_PIXELS)
    # Halving is fast, and what then remains is still reduced to means.
    halved = frame
    while min(halved.shape[:2]) >= 2 * _SIDE:
        halved = _fitted(halved, halved.shape[1] // 2, halved.shape[0] // 2)
    square = _fitted(halved, _SIDE, _SIDE)
    codes = _codes(square)
    kind = _colours().kind.take(codes).view(_KIND)
    palettes, shares, subject = _palettes(square, kind)
    values = _light_and_colour(codes, kind) | _order(square) | _focus(frame, square) | {"subject": subject}
    readings = np.array([values[name] for name in READINGS]).clip(0, 1) * 255
    return palettes + shares + bytes(np.rint(readings).astype(np.uint8))


def _at_most(frame: Bytes, most: int) -> Bytes:
    """The frame in about this many pixels if it has more."""
    height, width = frame.shape[:2]
    scale = (most / (height * width)) ** 0.5
    if scale >= 1:
        return frame
    return _fitted(frame, max(1, round(width * scale)), max(1, round(height * scale)))


def _fitted(frame: Bytes, width: int, height: int) -> Bytes:
    """The frame at this size: means where it is larger, its own pixels repeated where it is smaller."""
    least = (min(width, frame.shape[1]), min(height, frame.shape[0]))
    if least != frame.shape[1::-1]:
        frame = np.asarray(cv2.resize(frame, least, interpolation=_MEAN), np.uint8)
    if least != (width, height):
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=_REPEAT), np.uint8)
    return frame


def _codes(square: Bytes) -> NDArray[np.intp]:
    red, green, blue = np.asarray(cv2.LUT(square.reshape(_SIDE, -1), _level_of()), np.uint8).reshape(-1, 3).T
    codes = red.astype(np.intp)
    for levels in (green, blue):
        codes *= LEVELS
        codes += levels
    return codes


def _palettes(square: Bytes, kind: NDArray[np.void]) -> tuple[bytes, bytes, float]:
    """The colours and shares of the border and of the middle, and how much of the middle stands out."""
    colours, (region, _) = _colours(), _regions()
    width = len(colours.centres)
    at = region * width + kind["cell"]
    pixels = np.bincount(at, minlength=2 * width).reshape(2, width)
    # Ties go to the cell first in order: a stable sort, since which colours are kept must not vary. Of 16 bits,
    # which are sorted without comparing.
    fullest = np.argsort(~pixels.astype(np.uint16), axis=1, kind="stable")[:, :_ENTRIES]
    flat = fullest + np.array([[0], [width]])
    kept = pixels.ravel()[flat]
    # A colour is the mean of its own cell; what joins it brings only its share.
    sums = np.array([np.bincount(at, channel.ravel(), 2 * width)[flat] for channel in cv2.split(square)])
    red, green, blue = np.rint(sums / np.maximum(kept, 1) * ((LEVELS - 1) / 255)).astype("<u2")
    fullest[kept == 0] = width - 1
    behind, within = (np.flatnonzero(row) for row in pixels)
    mass = np.array(
        [
            np.bincount(_nearest(colours.centres[some], colours.centres[candidates]), row[some], _ENTRIES)
            for row, some, candidates in zip(pixels, (behind, within), fullest, strict=True)
        ]
    )
    outside, inside = pixels / pixels.sum(axis=1, keepdims=True)
    shares = np.rint(mass * (255 / mass.sum(axis=1, keepdims=True))).astype(np.uint8)
    subject = float(np.maximum(inside[within] - outside.take(colours.alike.take(within, axis=0)).sum(axis=1), 0).sum())
    return ((red * LEVELS + green) * LEVELS + blue).tobytes(), shares.tobytes(), subject


def _nearest(places: Floats, candidates: Floats) -> NDArray[np.int32]:
    """For each place the nearest candidate, the first of several."""
    _, nearest = cv2.batchDistance(places, candidates, cv2.CV_32F, normType=cv2.NORM_L2SQR, K=1)
    return np.asarray(nearest, np.int32).ravel()


def _light_and_colour(codes: NDArray[np.intp], kind: NDArray[np.void]) -> dict[str, float]:
    border = _regions()[1]
    below = np.bincount(kind["light"], minlength=256).cumsum() / len(codes)
    low, quarter, three_quarters, high = (below.searchsorted((0.02, 0.25, 0.75, 0.98)) / 255).tolist()
    lab = _colours().lab.take(codes, axis=0).reshape(_SIDE, _SIDE, 4)
    means, deviations = (np.ravel(column).tolist() for column in cv2.meanStdDev(lab))
    light, mean_a, mean_b, chroma = means
    spread, spread_a, spread_b, _ = deviations
    around = lab.reshape(-1, 4).take(border, axis=0).T.copy()
    border_means = around.mean(axis=1)
    border_light, _, _, border_chroma = border_means.tolist()
    away = around[:3] - border_means[:3, None]
    away *= away
    along = max(math.hypot(mean_a, mean_b), 1e-6)
    beside = lab[..., 1] * (mean_b / along) - lab[..., 2] * (mean_a / along)
    hue = kind["hue"].astype(np.intp)
    coloured = 1 - np.bincount(hue, minlength=_GREY + 1).item(_GREY) / len(codes)
    *hues, _ = np.bincount(hue, lab[..., 3].ravel(), _GREY + 1).tolist()
    total = sum(hues)
    return {
        "light": light,
        "spread": 2 * spread,
        "low": low,
        "quarter": quarter,
        "three_quarters": three_quarters,
        "high": high,
        "chroma": 4 * chroma,
        "coloured": coloured,
        "tints": 4 * math.hypot(spread_a, spread_b),
        "fan": 16 * cv2.norm(beside) / _SIDE,
        "hues": (total * total / sum(hue * hue for hue in hues) - 1) / 5 if total else 0.0,
        "border_light": border_light,
        "border_spread": 4 * float(np.sqrt(away[0] + away[1] + away[2]).mean()),
        "border_chroma": 4 * border_chroma,
    }


def _order(square: Bytes) -> dict[str, float]:
    """How much goes on: edges of the whole and of the border, and how much has none."""
    edge = np.asarray(cv2.threshold(_steepness(_grey(square)), _EDGE, 255, cv2.THRESH_BINARY)[1], np.uint8)
    border, blocks = _regions()[1], _SIDE // _BLOCK
    return {
        "edges": cv2.countNonZero(edge) / edge.size,
        "border_edges": cv2.countNonZero(edge.ravel()[border]) / len(border),
        # The mean of a cell with one edge pixel is still above 0.
        "empty": 1 - cv2.countNonZero(_fitted(edge, blocks, blocks)) / blocks**2,
    }


def _steepness(grey: Bytes) -> Bytes:
    """The gradient, |across| + |down| by Sobel's filter, in grey levels over two pixels, at most 255."""
    across, down = (cv2.convertScaleAbs(slope, alpha=1 / 4) for slope in cv2.spatialGradient(grey))
    return np.asarray(cv2.add(across, down), np.uint8)


def _grey(frame: Bytes) -> Bytes:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


_COARSE = 4
"""How many times smaller the frame is in which edges are found."""
_FEW = 8
"""Cells on an edge below which there is nothing to tell by."""
_FAINT = 6
"""Steepness in the reduced frame, in grey levels, below which nothing is an edge."""
_AROUND = np.ones((5, 5), np.uint8)


def _focus(frame: Bytes, square: Bytes) -> dict[str, float]:
    """How sharp the strongest edges are, of the whole and of each region; and how much of the border melts away.

    An edge is found where the frame reduced to a quarter is steep, and looked at in full there: a step stays as
    steep a pixel when reduced, a blurred edge becomes four times as steep. So the quotient of the two falls from 1
    to 1/4 with blur, whatever the contrast or the number of edges; sqrt((s² + 8) / (s² + 1/2)) / 4 for a blur of
    s pixels. What is as steep everywhere is noise, and taken off.
    """
    rows, columns = frame.shape[0] // _COARSE, frame.shape[1] // _COARSE
    if not (rows and columns):
        return dict.fromkeys(("sharpness", "border_sharpness", "middle_sharpness", "melted"), 0.0)
    grey = _grey(frame[: rows * _COARSE, : columns * _COARSE])
    coarse = _steepness(_fitted(grey, columns, rows))
    # The steepest pixel in and around each cell: dilation looks 2 to each side of the cell's third pixel.
    fine = np.asarray(cv2.dilate(_steepness(grey), _AROUND), np.uint8)[2::_COARSE, 2::_COARSE].copy()
    # Counted once for the border and the middle, by steepness in the reduced frame: all else is read off the counts.
    middle = _middle_cells(rows, columns)
    at = (coarse + middle * np.uint16(256)).ravel()
    counts = np.bincount(at, minlength=512).reshape(2, 256)
    whole = counts[0] + counts[1]
    still = coarse <= _level(whole, 0.3)
    in_full = np.bincount((fine + (2 * middle + still) * np.uint16(256)).ravel(), minlength=1024).reshape(2, 2, 256)
    noise = _level(in_full[0, 1] + in_full[1, 1], 0.5) if whole[_FAINT + 1 :].any() else 0
    above_noise = np.sqrt(np.maximum(_STEPS * _STEPS - noise * noise, 0))
    steepness = np.bincount(at, cv2.LUT(fine, above_noise).ravel(), 512).reshape(2, 256)
    return {
        "sharpness": _sharpness(whole, steepness[0] + steepness[1]),
        "border_sharpness": _sharpness(counts[0], steepness[0]),
        "middle_sharpness": _sharpness(counts[1], steepness[1]),
        "melted": _melted(square, fine, _level(in_full[1, 0] + in_full[1, 1], 0.95)),
    }


_GRID = 24
"""Side of the grid on which colours come and go."""
_STEEP_PART, _STEEP = 5, 32
"""What is this many times less steep than the middle's edges is soft beside them; what is as steep as this never is."""
_STEEP_SHARE = 0.15
"""Share of a cell that may be steep all the same."""
_CLEAR = 30
"""Steepness of the middle's edges below which nothing there is sharp enough to stand before something soft."""
_CURVED = 0.045
"""Second difference of CIELAB over 4 of 24 cells, in hundredths of its unit, that an even gradient stays below."""


def _melted(square: Bytes, fine: Bytes, steepest: int) -> float:
    """The share of the border where colours come and go and nothing near is steep, beside a middle this steep.

    An even gradient has hardly a second difference, linear or round; blurred things have.
    """
    if steepest < _CLEAR:
        return 0.0
    steep = (fine >= min(_STEEP, steepest / _STEEP_PART)).astype(np.float32)
    soft = _means(steep, _GRID) < _STEEP_SHARE
    lab = (
        np.asarray(
            cv2.cvtColor(_means(square.astype(np.float32) / np.float32(255), _GRID), cv2.COLOR_RGB2LAB), np.float32
        )
        / 100
    )
    curved = np.zeros((_GRID, _GRID), np.bool_)
    for values, still, marks in ((lab, soft, curved), (lab.swapaxes(0, 1), soft.T, curved.T)):
        second = values[:-4] + values[4:] - 2 * values[2:-2]
        near = still[:-4] & still[1:-3] & still[2:-2] & still[3:-1] & still[4:]
        marks[2:-2] |= ((second * second).sum(axis=2) > _CURVED * _CURVED) & near
    border = _border()[1 :: _SIDE // _GRID, 1 :: _SIDE // _GRID]
    return float(curved[border].mean())


def _means(values: Floats, side: int) -> Floats:
    """An array of any size as a square of this side; means where it is larger."""
    return np.asarray(cv2.resize(values, (side, side), interpolation=_MEAN), np.float32)


_STEPS = np.arange(256)


def _level(counts: NDArray[np.integer], part: float) -> int:
    """The value that this part of what is counted does not exceed."""
    below = counts.cumsum()
    return int(below.searchsorted(part * float(below[-1])))


def _sharpness(counts: NDArray[np.integer], steepness: NDArray[np.float64]) -> float:
    """The quotient over the strongest twentieth of the cells, times 2/3 so that fine texture (above 1) fits too.

    By steepness in the reduced frame: how many cells there are, and how steep these are in full, summed.
    """
    size = int(counts.sum())
    if size < _FEW:
        return 0.0
    least = max(_FAINT, _level(counts, 1 - max(_FEW / size, 0.05)))
    cells = counts[least:]
    if cells.sum() < _FEW:
        return 0.0
    return float(steepness[least:].sum() / (cells * _STEPS[least:]).sum()) * 2 / 3


# --- reading them again ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The figures of a batch of documents. Each document's readings depend on nothing but its own bytes."""

    figures: Bytes
    """(frames, FIGURE_BYTES): the frames of document after document."""
    counts: NDArray[np.integer]
    """(documents,): how many frames each has; 0 for a text."""
    sizes: NDArray[np.float64]
    """(documents, 2): width and height of the file in pixels."""
    kinds: Bytes
    """(documents,): codes of core.media.Kind."""

    def reading(self, name: str) -> Floats:
        """One of READINGS for each frame, 0..1."""
        return self.figures[:, FIGURE_BYTES - len(READINGS) + READINGS.index(name)] * np.float32(1 / 255)

    def shares(self, belonging: Bytes) -> tuple[Floats, Floats]:
        """How much of each frame's border and middle is of the colours that belong, 0..1.

        `belonging` has for each code of kept_colours how far it belongs, in 255ths. Summed in whole numbers, so
        that a sum doesn't depend on the order.
        """
        codes, amounts = self._palettes
        sums = np.empty((len(codes), 2), np.int64)
        chunk = 4096  # what is computed for one chunk stays in the processor's cache
        for start in range(0, len(codes), chunk):
            part = slice(start, start + chunk)
            products = np.multiply(belonging[codes[part]], amounts[part], dtype=np.uint16)
            sums[part] = products.reshape(-1, 2, _ENTRIES).sum(axis=2, dtype=np.uint32)
        border, middle = np.minimum(sums.T * np.float32(1 / (255 * 255)), 1).astype(np.float32)
        return border, middle

    @cached_property
    def _palettes(self) -> tuple[NDArray[np.uint16], Bytes]:
        codes = np.ascontiguousarray(self.figures[:, :_CODE_BYTES]).view("<u2")
        # A byte of foreign data could name a colour that is none.
        return codes & np.uint16(COLOURS - 1), self.figures[:, _CODE_BYTES : _CODE_BYTES + _SHARE_BYTES]

    def best(self, by_frame: Floats) -> Floats:
        """For each document its best frame's value; 0 for one without frames."""
        return self._reduced(by_frame, np.maximum)

    def mean(self, by_frame: Floats) -> Floats:
        """For each document the mean over its frames; 0 for one without frames."""
        return np.asarray(self._reduced(by_frame, np.add) / np.maximum(self.counts, 1), np.float32)

    def _reduced(self, by_frame: Floats, reduction: np.ufunc) -> Floats:
        result = np.zeros(len(self.counts), np.float32)
        seen = np.flatnonzero(self.counts)
        if len(seen):
            counts = self.counts[seen]
            result[seen] = reduction.reduceat(by_frame, np.cumsum(counts) - counts)
        return result


def border_part() -> float:
    """How much of a frame is its border."""
    return float(_border().mean())
