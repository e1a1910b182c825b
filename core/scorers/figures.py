"""What is measured of one frame, so that words about looks can be answered later without opening the file.

A frame's figures are bytes of a fixed length: two palettes, of its border (taken for the background) and of its
middle (where the subject is), and a few readings of light, colour, focus and order. A palette keeps the colours
themselves, not words for them: the vocabulary can grow without reading a file again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

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


@dataclass(frozen=True)
class _Cells:
    """OKLab cut into boxes, of which a palette's colours are the fullest; and of each colour what is looked up.

    As small as can be: what doesn't stay in the processor's cache makes a lookup several times slower.
    """

    of_colour: NDArray[np.int16]
    apart: NDArray[np.float32]
    """(cells, cells): distances of the cells' centres."""
    alike: Floats
    """(cells, cells): 1 where a distance is no more than light and shade make."""
    lightness: Bytes
    """In 255ths."""
    a: Floats
    b: Floats
    tinted: NDArray[np.bool_]
    """Whether a colour is more than grey."""
    hue: Bytes
    """The twelfth of the circle that its hue lies in."""


@cache
def _cells() -> _Cells:
    lab = kept_colours()
    # Boxes centred on the neutral axis, so that grey is not cut in four.
    boxes = np.rint(lab / np.array([0.06, 0.055, 0.055], np.float32)).astype(np.int64)
    keys = boxes @ np.array([1_000_000, 1000, 1])
    _, of_colour = np.unique(keys, return_inverse=True)
    sizes = np.bincount(of_colour)
    centres = np.stack([np.bincount(of_colour, lab[:, axis]) / sizes for axis in range(3)], axis=1)
    away = centres[:, None] - centres[None]
    apart = np.sqrt((away * away).sum(axis=2)).astype(np.float32)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    turn = np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi)
    return _Cells(
        of_colour=of_colour.astype(np.int16),
        apart=apart,
        alike=(apart < _ALIKE).astype(np.float32),
        lightness=np.rint(np.clip(lab[:, 0], 0, 1) * 255).astype(np.uint8),
        a=np.ascontiguousarray(lab[:, 1]),
        b=np.ascontiguousarray(lab[:, 2]),
        tinted=chroma > _GREY_CHROMA + _MORE_OF_LIGHT * lab[:, 0],
        hue=(np.floor(turn * 12).astype(np.int64) % 12).astype(np.uint8),
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
def _regions() -> tuple[NDArray[np.intp], float]:
    """0 for each pixel of the border and 1 for the middle, flat; and the border's share of the frame."""
    border = _border()
    return (~border).ravel().astype(np.intp), float(border.mean())


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
    palettes, shares, subject = _palettes(square, codes)
    values = _light_and_colour(codes) | _order(square) | _focus(frame, square) | {"subject": subject}
    readings = np.array([values[name] for name in READINGS])
    return palettes + shares + bytes(np.asarray(np.rint(np.clip(readings, 0, 1) * 255), np.uint8))


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
    levels = _level_of()[square].reshape(-1, 3).astype(np.intp)
    return (levels[:, 0] * LEVELS + levels[:, 1]) * LEVELS + levels[:, 2]


def _palettes(square: Bytes, codes: NDArray[np.intp]) -> tuple[bytes, bytes, float]:
    """The colours and shares of the border and of the middle, and how much of the middle stands out."""
    cells, (region, _) = _cells(), _regions()
    count = len(cells.apart)
    at = cells.of_colour[codes] + region * count
    pixels = np.bincount(at, minlength=2 * count).reshape(2, count)
    sums = [np.bincount(at, square[..., channel].ravel(), 2 * count).reshape(2, count) for channel in range(3)]
    kept = np.zeros((2, _ENTRIES), "<u2")
    shares = np.zeros((2, _ENTRIES), np.uint8)
    for row in range(2):
        filled = np.flatnonzero(pixels[row])
        # Ties go to the cell first in order: a stable sort, since which colours are kept must not vary.
        fullest = filled[np.argsort(-pixels[row, filled], kind="stable")[:_ENTRIES]]
        owner = cells.apart[fullest[:, None], filled].argmin(axis=0)
        mass = np.bincount(owner, pixels[row, filled], len(fullest))
        # A colour is the mean of its own cell; what joins it brings only its share.
        means = [sums[channel][row, fullest] / pixels[row, fullest] for channel in range(3)]
        red, green, blue = (np.rint(mean * ((LEVELS - 1) / 255)).astype(np.int64) for mean in means)
        kept[row, : len(fullest)] = (red * LEVELS + green) * LEVELS + blue
        shares[row, : len(fullest)] = np.rint(mass * (255 / mass.sum()))
    outside, inside = pixels / pixels.sum(axis=1, keepdims=True)
    behind, within = np.flatnonzero(outside), np.flatnonzero(inside)
    # Not as a product of matrices, which would wait for other threads.
    matched = np.einsum("ij,j->i", cells.alike[within[:, None], behind], outside[behind].astype(np.float32))
    subject = float(np.maximum(inside[within] - matched, 0).sum())
    return kept.tobytes(), shares.tobytes(), subject


def _light_and_colour(codes: NDArray[np.intp]) -> dict[str, float]:
    cells, (region, _) = _cells(), _regions()
    lightness = cells.lightness[codes]
    counts = np.bincount(lightness, minlength=256)
    below = np.cumsum(counts) / len(codes)
    low, quarter, three_quarters, high = (np.searchsorted(below, part) / 255 for part in (0.02, 0.25, 0.75, 0.98))
    steps = np.arange(256) / 255
    light = float((counts * steps).sum() / len(codes))
    spread = float(np.sqrt(max(0.0, (counts * steps * steps).sum() / len(codes) - light * light)))
    a, b = cells.a[codes], cells.b[codes]
    chroma = np.sqrt(a * a + b * b)
    mean_chroma = float(chroma.mean())
    along_a, along_b = float(a.mean()), float(b.mean())
    beside = (a * along_b - b * along_a) / max(float(np.hypot(along_a, along_b)), 1e-6)
    tinted = cells.tinted[codes]
    hues = np.bincount(cells.hue[codes], chroma * tinted, 12)
    total = float(hues.sum())
    outside = region == 0
    border = np.stack([lightness[outside] / np.float32(255), a[outside], b[outside]])
    away = border - border.mean(axis=1, keepdims=True)
    return {
        "light": light,
        "spread": 2 * spread,
        "low": low,
        "quarter": quarter,
        "three_quarters": three_quarters,
        "high": high,
        "chroma": 4 * mean_chroma,
        "coloured": float(tinted.mean()),
        "tints": 4 * float(np.hypot(a.std(), b.std())),
        "fan": 16 * float(np.sqrt((beside * beside).mean())),
        "hues": (total * total / float((hues * hues).sum()) - 1) / 5 if total else 0.0,
        "border_light": float(border[0].mean()),
        "border_spread": 4 * float(np.sqrt((away * away).sum(axis=0)).mean()),
        "border_chroma": 4 * float(chroma[outside].mean()),
    }


def _order(square: Bytes) -> dict[str, float]:
    """How much goes on: edges of the whole and of the border, and how much has none."""
    edge = _steepness(_grey(square)) > _EDGE
    blocks = edge.reshape(_SIDE // _BLOCK, _BLOCK, _SIDE // _BLOCK, _BLOCK).any(axis=(1, 3))
    return {
        "edges": float(edge.mean()),
        "border_edges": float(edge[_border()].mean()),
        "empty": 1 - float(blocks.mean()),
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
    fine = np.asarray(cv2.dilate(_steepness(grey), _AROUND), np.uint8)[2::_COARSE, 2::_COARSE]
    border = _fitted(_border().view(np.uint8), columns, rows) > 0
    noise = _level(fine[coarse <= _level(coarse, 0.3)], 0.5) if coarse.max() > _FAINT else 0
    middle = fine[~border]
    return {
        "sharpness": _sharpness(fine, coarse, noise),
        "border_sharpness": _sharpness(fine[border], coarse[border], noise),
        "middle_sharpness": _sharpness(middle, coarse[~border], noise),
        "melted": _melted(square, fine, _level(middle, 0.95)),
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


def _level(values: Bytes, part: float) -> int:
    """The value that this part of the values does not exceed."""
    return int(np.searchsorted(np.cumsum(np.bincount(values.ravel(), minlength=256)), part * values.size))


def _sharpness(fine: Bytes, coarse: Bytes, noise: int) -> float:
    """The quotient over the strongest twentieth of the cells, times 2/3 so that fine texture (above 1) fits too."""
    if coarse.size < _FEW:
        return 0.0
    strongest = coarse >= max(_FAINT, _level(coarse, 1 - max(_FEW / coarse.size, 0.05)))
    steep, scale = fine[strongest].astype(np.float32), float(coarse[strongest].sum())
    if np.count_nonzero(strongest) < _FEW:
        return 0.0
    return float(np.sqrt(np.maximum(steep * steep - noise * noise, 0)).sum()) / scale * 2 / 3


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
    return _regions()[1]
