"""How a frame's look is described and compared: its palette, its layout and its texture, as vectors of unit length.

A frame becomes five vectors of whole numbers in LOOK_BYTES bytes. How near two frames are is a few products of such
vectors, taken over a whole library at once. The products are exact: a frame's nearness is the same to the last bit
whatever other frames are compared with it, and in whichever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from core.scorers.colour import oklab

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

PARTS = ("palette", "layout", "texture")
"""The parts of a look, by the names of Nearness's columns."""


@dataclass(frozen=True)
class Nearness:
    """How near frames are to references: float32 arrays of shape (frames, references), 0..1.

    1 is what an identical frame has, about 0.5 the median of what is clearly alike, and 19 of 20 pairs of unrelated
    photographs stay under 0.2, but where both are grey: those have all their colours in common.
    `python -m tests.bench.looks` prints the percentiles that these claims rest on.
    """

    palette: Floats
    """The same colours, wherever they are."""
    layout: Floats
    """Light, colour and detail in the same places, or in mirrored ones: composed alike."""
    texture: Floats
    """Edges as strong, as fine and as steep, wherever they are. The same mirrored, not turned."""
    style: Floats
    """All of it weighed together: mostly palette, then texture, a little layout."""
    same: Floats
    """How surely the global look alone says that the two are one picture, altered."""


# --- palette -----------------------------------------------------------------------------------------

_SPREAD = 0.0175
"""How far in OKLab a colour is felt; wider ones tell photographs apart worse (bench), narrower ones break at noise."""
_BETWEEN = 0.5
"""Of the distance to its nearest centre, how far a colour between centres is felt at least: vivid colours, which have
few centres, are told apart by how they are shared among them."""
_SHARES = 4
_COLOUR_PIXELS = 40_000
"""So many pixels of a frame show its colours: more of them don't change the histogram by a step of a byte."""
_RARITY = 0.3
"""The power of a share: small areas of a colour count for more than their size. 0.5 would be Hellinger's."""


def _lattice() -> Floats:
    """The centres of the colour histogram in OKLab: greys, then three rings of hues, the duller the denser."""
    greys = [(light, 0.0, 0.0) for light in np.linspace(0.04, 1, 13)]
    rings = [
        (light, chroma * np.cos(turn), chroma * np.sin(turn))
        for chroma, hues, lights in (
            (0.03, 6, np.linspace(0.2, 0.93, 6)),
            (0.08, 8, np.linspace(0.28, 0.9, 6)),
            (0.15, 10, np.linspace(0.35, 0.85, 4)),
        )
        for row, light in enumerate(lights)
        # Every other ring is turned by half a step, so that no colour is far from all centres.
        for turn in 2 * np.pi * (np.arange(hues) + row % 2 / 2) / hues
    ]
    return np.array(greys + rings, np.float32)


_COLOURS = len(_lattice())


@cache
def _colour_table() -> tuple[Bytes, NDArray[np.uint16]]:
    """For each of 32³ colours its _SHARES nearest centres, and how it is shared among them, in 65535ths.

    Both (32768, _SHARES), and no larger than need be: what leaves the processor's cache costs more than the sums.
    """
    levels = np.arange(32) * 255 / 31
    colours = oklab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))
    squares = ((colours[:, None] - _lattice()[None]) ** 2).sum(axis=2, dtype=np.float64)
    nearest = np.argsort(squares, axis=1, kind="stable")[:, :_SHARES]
    squares = np.take_along_axis(squares, nearest, axis=1)
    felt = np.maximum(_SPREAD, _BETWEEN * np.sqrt(squares[:, :1]))
    weights = np.exp((squares[:, :1] - squares) / (2 * felt**2))
    shares = np.rint(weights / weights.sum(axis=1, keepdims=True) * 65535)
    return nearest.astype(np.uint8), shares.astype(np.uint16)


def palette_histogram(frame: Bytes) -> Doubles:
    """The soft histogram of a frame's colours over the lattice, each share to the power of _RARITY; length 1."""
    height, width = frame.shape[:2]
    step = max(1, round((height * width / _COLOUR_PIXELS) ** 0.5))
    # Some of the pixels as they are: means would be colours that it doesn't have.
    some = cv2.resize(frame, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_NEAREST)
    # Five bits of each channel, red the highest.
    colours = cv2.cvtColor(some, cv2.COLOR_RGB2BGR555).view("<u2")
    counts = np.bincount(colours.ravel(), minlength=32768)
    present = np.flatnonzero(counts)
    centres, shares = _colour_table()
    amounts = shares.take(present, axis=0) * counts[present, None]
    histogram = np.bincount(centres.take(present, axis=0).ravel(), amounts.ravel(), minlength=_COLOURS)
    return _unit((histogram / (65535 * counts.sum())) ** _RARITY)


# --- texture -----------------------------------------------------------------------------------------

_SCALES = 3
_STEPS = (1, 2, 4, 8, 16, 32, 64)
"""From how steep on an edge belongs to the next class, in grey levels over two pixels."""
_DIRECTIONS = 5
"""Level, 22.5°, 45°, 67.5° and upright; to the left as to the right, so that a mirrored picture has its texture."""
_EDGE_CLASSES = 1 + len(_STEPS) * _DIRECTIONS
_EDGE_RARITY = 0.4
_EDGE_PIXELS = 50_000
_STEEP = 1 + 2 * _DIRECTIONS
"""From this class on it is an edge, and not what compression leaves of a flat ground."""
_FEWEST_EDGES = 0.05
"""Of a frame with much fewer edges, how many there are counts too."""
_FLAT = 0.01
"""How much of what is quite flat counts: hardly any, or it would make all cut-outs on a plain ground alike."""


@cache
def _edge_table() -> Bytes:
    """The class of an edge by its differences across and down, 0..255 each: shape (65536,)."""
    across, down = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    direction = np.floor(np.arctan2(down, across) / (np.pi / 2) * (_DIRECTIONS - 1) + 0.5).astype(np.intp)
    steepness = np.digitize(np.hypot(across, down), _STEPS)
    return np.where(steepness > 0, (steepness - 1) * _DIRECTIONS + direction + 1, 0).ravel().astype(np.uint8)


def texture_histogram(grey: Bytes) -> Doubles:
    """How many of a grey frame's edges are of which steepness and direction, at each of three scales; length 1.

    The shares are of what is steep, so that how much plain ground is around things says little.
    """
    shares = []
    for _ in range(_SCALES):
        # Of a large plane, every other row will do.
        across, down = _differences(grey, 1 + (grey.size > _EDGE_PIXELS))
        classes = _edge_table().take(cv2.merge([down, across]).view("<u2"))
        share = np.bincount(classes.ravel(), minlength=_EDGE_CLASSES) / classes.size
        share[0] *= _FLAT
        share[1:] /= share[_STEEP:].sum() + _FEWEST_EDGES
        shares.append(share)
        half = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
        grey = np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), np.uint8)
    return _unit(np.concatenate(shares) ** _EDGE_RARITY)


def grey_of(frame: Bytes) -> Bytes:
    """The frame's luminance."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def _differences(grey: Bytes, step: int = 1) -> tuple[Bytes, Bytes]:
    """How much each pixel's neighbours differ, left from right and upper from lower; of every `step`th row."""
    wider = cv2.copyMakeBorder(grey, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    across = cv2.absdiff(wider[1:-1:step, 2:], wider[1:-1:step, :-2])
    down = cv2.absdiff(wider[2::step, 1:-1], wider[:-2:step, 1:-1])
    return np.asarray(across, np.uint8), np.asarray(down, np.uint8)


# --- layout ------------------------------------------------------------------------------------------

_LIGHT_CELLS, _CHROMA_CELLS, _DETAIL_CELLS = 10, 5, 6
_DETAIL_PIXELS = 72
_LIGHT_FLOOR, _CHROMA_FLOOR, _DETAIL_FLOOR = 0.04, 0.15, 2.0
"""A number that follows each grid as a further cell: it outweighs a grid in which hardly anything is to be seen."""


def _grids(frame: Bytes, grey: Bytes) -> tuple[Doubles, Doubles, Doubles]:
    """Where it is light (10 by 10), of which colour (5 by 5 by 2), and where detail is (2 by 6 by 6); each of length 1.

    Light is relative to its mean, so that a brighter copy has the same grid.
    """
    cells = oklab(_shrunk(frame, _LIGHT_CELLS)).astype(np.float64)
    light = cells[..., 0] - cells[..., 0].mean()
    chroma = cells[..., 1:].reshape(_CHROMA_CELLS, 2, _CHROMA_CELLS, 2, 2).mean(axis=(1, 3))
    edges = _differences(_shrunk(grey, _DETAIL_PIXELS))
    each = _DETAIL_PIXELS // _DETAIL_CELLS
    detail = np.stack([plane.reshape(_DETAIL_CELLS, each, _DETAIL_CELLS, each).mean(axis=(1, 3)) for plane in edges])
    detail = np.sqrt(detail)
    # Not quite its mean: that there is much detail everywhere is a likeness too.
    detail -= 0.8 * detail.mean()
    return (
        _unit(np.append(light, _LIGHT_FLOOR)),
        _unit(np.append(chroma, _CHROMA_FLOOR)),
        _unit(np.append(detail, _DETAIL_FLOOR)),
    )


def _shrunk(plane: Bytes, side: int) -> Bytes:
    """The means of side by side cells; a shape with fewer pixels has its pixels repeated."""
    height, width = plane.shape[:2]
    if height < side or width < side:
        larger = cv2.resize(plane, (max(width, side), max(height, side)), interpolation=cv2.INTER_NEAREST)
        plane = np.asarray(larger, np.uint8)
    return np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


# --- what is kept of a frame -------------------------------------------------------------------------

_WHOLE = 127
"""What 1 is stored as. A product of two vectors stays below 2**24, so float32 holds it exactly."""
_ZERO = 128
_LENGTHS = (
    _COLOURS,
    _SCALES * _EDGE_CLASSES,
    _LIGHT_CELLS**2 + 1,
    2 * _CHROMA_CELLS**2 + 1,
    2 * _DETAIL_CELLS**2 + 1,
)
_ENDS = tuple(int(end) for end in np.cumsum(_LENGTHS))
_PALETTE, _TEXTURE, _LIGHT, _CHROMA, _DETAIL = (
    slice(end - length, end) for end, length in zip(_ENDS, _LENGTHS, strict=True)
)
_LAYOUT = slice(_LIGHT.start, _DETAIL.stop)
_CELLS = slice(_LIGHT.start, _LIGHT.stop - 1)
LOOK_BYTES: int = _ENDS[-1]
"""Bytes of a frame's look."""

# What pictures commonly have: the mean of each class (in 1020ths) and its weight, one over the root of its deviation
# (in sixteenths). Taken from 400 drawn pictures; `python -m tests.bench.looks --common` prints them again.
_COMMON_PALETTE = (
    "1d3661896a857f917258503962433f4423273150585f30343a57545d34313751585b4b2d3036363b361c1e2c33331413161e171422130d20"
    "222a18292f161b34342f282a3d291b28312322393b201c22271b181a312b1910180a0f1e1f1206060b120c00010500000e1d182710051a13"
    "01081d28281f190b183613090e122505060d20220e0401060a"
)
_PALETTE_WEIGHTS = (
    "322c2d2a2f2d2c2a2d302f3122323431363733333332373634333432353736333233343736363736373b3c3432333e3d3b373e4035424738"
    "37323d35333f3c333234323431363a3534363831333737373636383c3332373d3a404038363e4d4d423c3d64674d6f713f3638303e503740"
    "62473433323435423c303e433c3f304a4c3c36343e4e5d4b44"
)
_COMMON_TEXTURE = (
    "1657006a00635364466654556c696d56576766675648494d474640333e33404f2e502c4714620076006f5f78527c685a736e765d555f5961"
    "5851514f51554c494c494e44414d43441261006e006a5669466e634e605a6758585f5762615b5a585e62524f53575b42424d474a"
)
_TEXTURE_WEIGHTS = (
    "4f36712f71313d393e373b453a3c3943433a3c3a44413e3d3d423e403c403e3440374238523971337136413940383e473c3d3b46463f403f"
    "45423e3e3e403f3f3d3f3f393c3b3d3954387134713640393f383a4941413f44453f3e3e41423e3e3e403f3f3e3e3b3b3d3b3c37"
)


def _standing_out(histogram: Doubles, common: str, weights: str) -> Doubles:
    """What a histogram has more or less of than pictures commonly have; of length 1."""
    mean = np.frombuffer(bytes.fromhex(common), np.uint8) / 1020
    weight = np.frombuffer(bytes.fromhex(weights), np.uint8) / 16
    return _unit((histogram - mean) * weight)


def _unit(vector: NDArray[np.floating]) -> Doubles:
    return np.asarray(vector / np.sqrt(np.square(vector).sum()), np.float64)


def describe(frame: Bytes) -> bytes:
    """The look of a frame, uint8 RGB of shape (height, width, 3), any size from 1 by 1 on: LOOK_BYTES bytes."""
    frame = np.ascontiguousarray(frame)
    grey = grey_of(frame)
    parts = (
        _standing_out(palette_histogram(frame), _COMMON_PALETTE, _PALETTE_WEIGHTS),
        _standing_out(texture_histogram(grey), _COMMON_TEXTURE, _TEXTURE_WEIGHTS),
        *_grids(frame, grey),
    )
    return np.concatenate([_whole_numbers(part) + _ZERO for part in parts]).astype(np.uint8).tobytes()


def _whole_numbers(unit: Doubles) -> NDArray[np.int16]:
    """A vector of length 1 in whole numbers of length _WHOLE, as near as may be.

    Rounded down, then up where most was lost until the length is right. Rounded each for itself, many equal shares
    would go the same way, and a frame's cosine with itself stray from 1 by a twentieth.
    """
    sizes = np.abs(unit) * _WHOLE
    whole = np.floor(sizes)
    order = np.argsort(whole - sizes, kind="stable")
    missing = _WHOLE**2 - np.square(whole).sum()
    gained = np.concatenate([[0], np.cumsum(2 * whole[order] + 1)])
    whole[order[: np.abs(gained - missing).argmin()]] += 1
    return np.asarray(np.copysign(whole, unit), np.int16)


# --- comparing ---------------------------------------------------------------------------------------
#
# Knots of the maps from a cosine, or a sum of cosines, to 0..1. Calibrated on 21 photographs of scikit-image and
# scikit-learn and 393 of desktop wallpapers and learning games: 0.2 is the 95th percentile of unrelated pairs that are
# not both grey, 0.5 the median of pieces of one photograph (of the drawn layouts for layout, between both for
# texture), 1 the least of a frame with itself, lessened for what rounding does to a copy: little for the palette, whose
# best would be level otherwise. Those of style are higher by what `overall` takes away.
# `python -m tests.bench.looks [FOLDER]` prints the percentiles of these maps.

_PALETTE_KNOTS = ((0.1, 0), (0.58, 0.2), (0.84, 0.5), (0.985, 0.97), (0.992, 1))
_TEXTURE_KNOTS = ((0.2, 0), (0.84, 0.2), (0.9, 0.5), (0.985, 1))
_LAYOUT_KNOTS = ((0.1, 0), (0.53, 0.2), (0.65, 0.5), (0.985, 1))
_LAYOUT_MIX = (5, 2, 3)
"""How much light, colour and detail count in the layout."""
_STYLE_KNOTS = ((0.2, 0), (0.94, 0.265), (1.3, 0.665), (1.576, 1))
_TEXTURE_SHARE, _LAYOUT_SHARE = 0.5, 0.1
"""How much they count beside the palette. The sum of cosines finds the other half of a photograph much better than one
of the parts' own scores, which are level where strangers are."""

MAYBE_SAME: float = 0.5
"""From here on the two may be one picture and their points are worth comparing: 99 % of altered copies, and about 1 of
200 strangers among photographs, 1 of 300 among drawn ones.
At 0.8 and above was no pair of the 154,000 of photographs, and of a million drawn pairs 12: pie charts, windows."""
_WHOLE_KNOTS = ((0.75, 0), (0.85, 0.5), (0.95, 0.8), (0.99, 1))
_FRAMED_KNOTS = ((0.8, 0), (0.89, 0.5), (1, 0.7))
_STUFF_KNOTS = ((1.0, 0), (1.17, 0.5), (1.47, 0.75))
_EQUAL_KNOTS = ((0.97, 0), (0.985, 1))
_LEAST_STRUCTURE = 0.1
_UNSURE = np.float32(0.93)
"""A grid of light with less of its square outside slopes and curves says no more than this cosine would: many a sky
is light above and dark below."""

_BORDER = 0.085
_BORDER_LIGHTS = (-0.5, -0.2, 0.2, 0.5)
_BLOCK = 512
"""So many rows are compared at a time: their floats stay in a core's cache."""


def nearness(rows: Bytes, references: Bytes) -> Nearness:
    """How near frames are to references, both as looks in rows: uint8 of shape (count, LOOK_BYTES)."""
    prepared = _References(references)
    products = [np.empty((len(rows), columns.shape[1]), np.float32) for _, columns in prepared.columns]
    floats = np.empty((_BLOCK, LOOK_BYTES), np.float32)
    # One thread of BLAS: for products as small as these, several mostly wait for one another, in a loop.
    with _threads().limit(limits=1, user_api="blas"):
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, min(start + _BLOCK, len(rows)))
            # Into the same memory again: fresh memory costs several times the conversion.
            part = floats[: block.stop - start]
            np.copyto(part, rows[block])
            for (where, columns), product in zip(prepared.columns, products, strict=True):
                np.matmul(part[:, where], columns, out=product[block])
    cosines = prepared.cosines(products)
    return Nearness(
        _rise(cosines.palette, _PALETTE_KNOTS),
        _rise(cosines.layout, _LAYOUT_KNOTS),
        _rise(cosines.texture, _TEXTURE_KNOTS),
        _rise(cosines.stuff + cosines.layout * np.float32(_LAYOUT_SHARE), _STYLE_KNOTS),
        _same(cosines),
    )


@cache
def _threads() -> ThreadpoolController:
    """The libraries of this process that have threads of their own; looking for them takes milliseconds."""
    return ThreadpoolController()


def overall(near: Nearness) -> Floats:
    """How alike two looks are as a whole, 0..1: their style.

    A quarter of the score is given only as far as the least of the three parts is above a half, so that no two are
    enough for 0.8: above it are looks that are practically identical. Below it the least says nothing: pieces of one
    photograph are not composed alike.
    """
    least = np.minimum(np.minimum(near.palette, near.texture), near.layout)
    practically = np.maximum(least * 2 - 1, 0)
    return np.asarray(near.style * (practically * np.float32(0.25) + np.float32(0.75)))


@dataclass(frozen=True)
class _Cosines:
    """Of frames with references, each (frames, references); of the ways to compare them the most."""

    palette: Floats
    texture: Floats
    stuff: Floats
    """Palette, and texture by its share: what a part of a picture has in common with another part."""
    layout: Floats
    whole: Floats
    """Of the grids of light, straight or mirrored."""
    framed: Floats
    """Of the grids of light, one inside a border."""


class _References:
    """References made ready: of each part of a look the columns that a row's is multiplied with, a column a way."""

    def __init__(self, looks: Bytes) -> None:
        signed = looks.astype(np.int16) - _ZERO
        self.count = len(looks)
        light, chroma, detail = (signed[:, part] for part in (_LIGHT, _CHROMA, _DETAIL))
        straight = np.hstack([part * weight for part, weight in zip((light, chroma, detail), _LAYOUT_MIX, strict=True)])
        mirrored = (
            _mirrored(light, (1, _LIGHT_CELLS, _LIGHT_CELLS, 1)) * _LAYOUT_MIX[0],
            _mirrored(chroma, (1, _CHROMA_CELLS, _CHROMA_CELLS, 2)) * _LAYOUT_MIX[1],
            _mirrored(detail, (2, _DETAIL_CELLS, _DETAIL_CELLS, 1)) * _LAYOUT_MIX[2],
        )
        cells = light[:, :-1].reshape(-1, _LIGHT_CELLS, _LIGHT_CELLS)
        framed = [_framed(cells, light[:, -1:], border) for border in _BORDER_LIGHTS]
        ways = (
            (_PALETTE, signed[:, _PALETTE]),
            (_TEXTURE, signed[:, _TEXTURE]),
            (_LAYOUT, np.concatenate([straight, np.hstack(mirrored)])),
            (_CELLS, np.stack([cells, cells[:, :, ::-1], *framed]).reshape(-1, _LIGHT_CELLS**2)),
        )
        self.columns = [(where, np.ascontiguousarray(each.T, np.float32)) for where, each in ways]
        self._surest = np.where(_structure(cells) < _LEAST_STRUCTURE, _UNSURE, np.float32(1)).astype(np.float32)

    def cosines(self, products: Sequence[Floats]) -> _Cosines:
        """From the products of rows with `columns`, one after the other, which are changed."""
        for (_, columns), product, weights in zip(self.columns, products, (1, 1, sum(_LAYOUT_MIX), 1), strict=True):
            # The rows' numbers are stored with _ZERO added. All is whole and below 2**24 until here, so exact.
            product -= _ZERO * columns.sum(axis=0)
            product *= np.float32(1 / (_WHOLE**2 * weights))
        palette, texture, layout, light = products
        straight = 2 * self.count
        return _Cosines(
            palette,
            texture,
            palette + texture * np.float32(_TEXTURE_SHARE),
            self._most(layout),
            np.minimum(self._most(light[:, :straight]), self._surest),
            self._most(light[:, straight:]),
        )

    def _most(self, cosines: Floats) -> Floats:
        """The most of the cosines with each reference in several ways; the columns hold one way after the other."""
        most = cosines[:, : self.count]
        for start in range(self.count, cosines.shape[1], self.count or 1):
            most = np.maximum(most, cosines[:, start : start + self.count])
        return most


def _same(cosines: _Cosines) -> Floats:
    """The surest of four evidences: light is in the same places, or is so inside a frame; the colours and edges of the
    one are those of the other (a crop, a turn, a banner); or all is equal, even where there is nothing to be seen."""
    evidence = (
        (cosines.whole, _WHOLE_KNOTS),
        (cosines.framed, _FRAMED_KNOTS),
        (cosines.stuff, _STUFF_KNOTS),
        (np.minimum(np.minimum(cosines.palette, cosines.texture), cosines.layout), _EQUAL_KNOTS),
    )
    same = np.zeros(cosines.palette.shape, np.float32)
    for values, knots in evidence:
        # Few have any of it.
        some = values > np.float32(knots[0][0])
        same[some] = np.maximum(same[some], _rise(values[some], knots))
    return same


def _mirrored(grid: NDArray[np.int16], shape: tuple[int, int, int, int]) -> NDArray[np.int16]:
    """A grid's vectors, floor included, as they are of the mirrored picture."""
    cells = grid[:, :-1].reshape(-1, *shape)[:, :, :, ::-1]
    return np.hstack([cells.reshape(-1, grid.shape[1] - 1), grid[:, -1:]])


def _structure(cells: NDArray[np.int16]) -> Doubles:
    """How much of the square of a grid of light is neither level, a slope nor a curve, 0..1: (references,)."""
    along = (np.arange(_LIGHT_CELLS) + 0.5) / _LIGHT_CELLS - 0.5
    down, across = np.meshgrid(along, along, indexing="ij")
    smooth = np.stack([np.ones_like(down), down, across, down * across, down**2, across**2], axis=-1).reshape(-1, 6)
    basis, _ = np.linalg.qr(smooth)
    flat = cells.reshape(-1, _LIGHT_CELLS**2) / _WHOLE
    # Sums along one row at a time, not a product: the same for a reference whatever others there are.
    explained = np.square((flat[:, None, :] * basis.T).sum(axis=2)).sum(axis=1)
    return np.asarray(np.square(flat).sum(axis=1) - explained, np.float64)


def _framed(cells: NDArray[np.int16], floor: NDArray[np.int16], border: float) -> NDArray[np.int16]:
    """The grid of light as it is inside a border so much lighter than its mean: cells of (references, 10, 10)."""
    scale = floor[:, :, None] / _LIGHT_FLOOR
    places = np.arange(_LIGHT_CELLS)
    inside = np.clip(((places + 0.5) / _LIGHT_CELLS - _BORDER) / (1 - 2 * _BORDER) * _LIGHT_CELLS - 0.5, 0, 9)
    low = np.minimum(inside.astype(np.intp), _LIGHT_CELLS - 2)
    high = inside - low
    covered = np.clip(np.minimum(places + 1 - _BORDER * 10, 10 - _BORDER * 10 - places), 0, 1)
    shrunk = cells[:, low] * (1 - high)[:, None] + cells[:, low + 1] * high[:, None]
    shrunk = shrunk[:, :, low] * (1 - high) + shrunk[:, :, low + 1] * high
    share = np.outer(covered, covered)
    grid = shrunk * share + border * scale * (1 - share)
    grid = grid - grid.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.square(grid).sum(axis=(1, 2), keepdims=True) + np.square(floor[:, :, None]))
    return np.asarray(np.rint(grid / np.maximum(length, 1) * _WHOLE), np.int16)


def _rise(values: Floats, knots: tuple[tuple[float, float], ...]) -> Floats:
    """The broken line through the knots, level outside; only steps that are rounded alike wherever a value stands."""
    # From the top down, so that what reaches the last knot has its value exactly.
    result = np.full(values.shape, knots[-1][1], np.float32)
    below = np.empty_like(result)
    for (left, low), (right, high) in pairwise(knots):
        np.subtract(np.float32(right), values, out=below)
        below *= np.float32((high - low) / (right - left))
        np.maximum(below, 0, out=below)
        result -= np.minimum(below, np.float32(high - low), out=below)
    return np.maximum(result, 0, out=result)
