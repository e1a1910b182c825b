"""How two pictures are proven to be the same one: by small places that look alike and lie alike.

Of a picture the blobs that stand out at several scales are kept, each with its place, its size and a binary code of
what surrounds it. Two pictures are the same if the places of one, moved, scaled and slightly turned together, fall on
places of the other that have the nearest code. Cropping, scaling, recompressing, frames and banners leave many of them
as they were, and two different pictures share next to none.

The codes are upright: pictures arrive upright, a slight turn changes few bits, and what need not be told apart by
angle is told apart better. Their cells lie in a symmetric grid, so the code of the mirrored picture is a permutation
of the bits: what is kept of a picture is enough to look for it, mirrored too, without seeing it again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Rows = NDArray[np.intp]
Places = NDArray[np.complex64]
"""Places in a picture as complex numbers, across + down * 1j, so that scaling and turning is one product."""

POINTS_BYTES = 8 * 1024
"""The most that is kept of a file."""

# --- what is kept ------------------------------------------------------------------------------------

_CELLS = 4
"""The surroundings of a point are 4 by 4 cells, as in Lowe's descriptor (2004)."""


def _neighbours() -> tuple[Rows, Rows]:
    """The pairs of cells that are compared: each with those around it. The far pairs add little but bytes."""
    first, second = np.triu_indices(_CELLS * _CELLS, 1)
    down = np.abs(first // _CELLS - second // _CELLS)
    across = np.abs(first % _CELLS - second % _CELLS)
    near = np.maximum(down, across) == 1
    return first[near], second[near]


_FIRST, _SECOND = _neighbours()
_CHANNELS = 3
"""What is compared of two cells: brightness, its change across, its change down (as in M-LDB, Alcantarilla 2013)."""
_BITS = _CHANNELS * len(_FIRST)
_CODE_BYTES = -(-_BITS // 8)
_HEADER = np.dtype([("width", "<u2"), ("height", "<u2")])
_ROW = np.dtype([("x", "<u2"), ("y", "<u2"), ("layer", "u1"), ("code", "u1", (_CODE_BYTES,))])
_UNITS = 8
"""Steps per pixel of a stored place."""

# --- finding points ----------------------------------------------------------------------------------

_AREA = 65_536
"""Every picture is brought to this many pixels first, so that a small copy has its blobs at the same sizes."""
_MOST_ENLARGED = 2.0
_LEAST_SIDE = 24
"""Pixels of the shorter side, below which no point has surroundings."""
_FIRST_SIGMA, _STEPS, _OCTAVES = 1.2, 2, 4
"""The scale space: the first blur in pixels, the sizes per octave at which blobs are sought, and the octaves."""
_CONTRAST = 0.4
"""The least difference of two blurs, in grey levels of 255. Low: faint blobs are all a hazy picture has."""
_EDGE = 10.0
"""The most that a blob may be longer than wide (Lowe 2004): along an edge its place would be arbitrary."""
_MARGIN = 4
"""Pixels along the border without blobs: what lies beyond is made up."""
_GRID = 8
"""Cells along each side of the picture that have their strongest points kept first."""
_PITCH = 3.0
"""Distance of two cells of a code, in sigmas of the blob (Lowe 2004)."""

_GROWTH = 2 ** (1 / _STEPS)
_CONTRASTS = _STEPS + 2
"""Differences of two blurs that an octave needs: one for each size, and one on either side."""


def _kernel(sigma: float) -> Floats:
    side = 2 * math.ceil(2.5 * sigma) + 1  # cv2's own choice for floats, 4 sigmas, costs twice the time
    return np.asarray(cv2.getGaussianKernel(side, sigma, cv2.CV_32F), np.float32)


_FIRST_BLUR = _kernel(math.sqrt(_FIRST_SIGMA**2 - 0.5**2))  # a picture in focus is blurred by half a pixel
_BLURS = [
    _kernel(_FIRST_SIGMA * math.sqrt(_GROWTH ** (2 * n) - _GROWTH ** (2 * n - 2))) for n in range(1, _CONTRASTS + 1)
]
_NEIGHBOURHOOD = np.ones((3, 3), np.uint8)
_SIGMAS = _FIRST_SIGMA * _GROWTH ** np.arange(1, _STEPS + 1)
_OFFSETS = np.rint(np.arange(-_CELLS, _CELLS + 1)[:, None] * _PITCH * _SIGMAS / 2).astype(np.intp)
"""Pixels along an axis from a blob to the samples of its code, (9, _STEPS): its cells' centres and their sides."""


@dataclass(frozen=True)
class _ScaleSpace:
    """Differences of blurs of a picture, all in one row, so that the blobs of all sizes can be handled at once.

    One octave follows the other. Each has _CONTRASTS differences, then the blurs in which surroundings are read, one
    for each size at which blobs are sought; all of one shape.
    """

    levels: Floats
    shapes: list[tuple[int, int]]
    """Height and width of each octave."""
    starts: Rows
    """Of each size, finest first, where its own difference begins."""
    heights: Rows
    widths: Rows


@dataclass(frozen=True)
class _Blobs:
    """The blobs of a picture: columns, a row a blob."""

    layer: Rows
    """The number of their size."""
    at: Rows
    """Where their contrast is in the scale space."""
    x: Floats
    y: Floats
    strength: Floats


def find_points(frame: Bytes, limit: int = POINTS_BYTES) -> bytes:
    """What is kept of a picture so that `SamePicture` can prove it: its strongest blobs, well spread.

    `frame` is RGB, upright, shape (height, width, 3), both at least 1. At most `limit` bytes come back; none of a
    picture that is flat, or too thin for a point to have surroundings. The strongest come first. Of the frames of a
    clip each may have its share of POINTS_BYTES.
    """
    height, width = frame.shape[:2]
    scale = min(_MOST_ENLARGED, math.sqrt(_AREA / (height * width)))
    if min(height, width) * scale < _LEAST_SIDE:
        return b""
    size = round(width * scale), round(height * scale)
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if size != (width, height):
        # Bilinear is six times faster; the first blur removes what it leaves of finer detail, down to a half.
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
    space = _scale_space(np.asarray(grey, np.float32))
    blobs = _refined(space, _peaks(space))
    count = max(0, limit - _HEADER.itemsize) // _ROW.itemsize
    chosen = _spread(blobs.x / size[0], blobs.y / size[1], blobs.strength, count)
    if not len(chosen):
        return b""
    rows = np.empty(len(chosen), _ROW)
    rows["x"], rows["y"] = np.rint(blobs.x[chosen] * _UNITS), np.rint(blobs.y[chosen] * _UNITS)
    rows["layer"] = blobs.layer[chosen]
    rows["code"] = _codes(space, blobs.layer[chosen], blobs.at[chosen])
    return np.array([size], _HEADER).tobytes() + rows.tobytes()


def _scale_space(grey: Floats) -> _ScaleSpace:
    """Differences of Gaussians (Lowe 2004), of no octave if the picture is all margin."""
    shapes = [(grey.shape[0] >> octave, grey.shape[1] >> octave) for octave in range(_OCTAVES)]
    shapes = [shape for shape in shapes if min(shape) > 2 * _MARGIN]
    levels = np.empty(sum(height * width for height, width in shapes) * (_CONTRASTS + _STEPS), np.float32)
    layers: list[tuple[int, int, int]] = []
    blurs: list[Floats] = []
    begin = 0
    for height, width in shapes:
        area = height * width
        layers += [(begin + step * area, height, width) for step in range(1, _STEPS + 1)]
        end = begin + (_CONTRASTS + _STEPS) * area
        pictures = list(levels[begin:end].reshape(-1, height, width))
        begin = end
        contrasts, smooth = pictures[:_CONTRASTS], pictures[_CONTRASTS:]
        # The blurs that are not kept lie where contrasts come once these blurs are no longer needed: the less memory,
        # the more of it is in the processor's cache.
        if blurs:
            cv2.resize(blurs[_STEPS], (width, height), contrasts[0], interpolation=cv2.INTER_AREA)
        else:
            cv2.sepFilter2D(grey, cv2.CV_32F, _FIRST_BLUR, _FIRST_BLUR, contrasts[0])
        blurs = [contrasts[0], contrasts[1], *smooth, contrasts[-1]]
        for blur, before, after in zip(_BLURS, blurs[:-1], blurs[1:], strict=True):
            cv2.sepFilter2D(before, cv2.CV_32F, blur, blur, after)
        for contrast, before, after in zip(contrasts, blurs[:-1], blurs[1:], strict=True):
            cv2.absdiff(before, after, contrast)
    starts, heights, widths = np.array(layers, np.intp).reshape(-1, 3).T.copy()
    return _ScaleSpace(levels, shapes, starts, heights, widths)


def _peaks(space: _ScaleSpace) -> Rows:
    """Where the contrast is greatest over place and size, in ascending order."""
    found = [np.empty(0, np.intp)]
    for (height, width), start in zip(space.shapes, space.starts[::_STEPS], strict=True):
        # The contrasts of an octave are one high picture here: where two of them meet is margin.
        begin = start - height * width
        rows = space.levels[begin : begin + _CONTRASTS * height * width].reshape(-1, width)
        finer, contrast, coarser = rows[: -2 * height], rows[height:-height], rows[2 * height :]
        highest = cv2.max(finer, coarser)
        cv2.max(highest, contrast, highest)
        cv2.dilate(highest, _NEIGHBOURHOOD, highest)
        peaks = (contrast >= highest) & (contrast > _CONTRAST)
        sizes = peaks.reshape(_STEPS, height, width)
        sizes[:, :_MARGIN] = sizes[:, -_MARGIN:] = sizes[:, :, :_MARGIN] = sizes[:, :, -_MARGIN:] = False
        found.append(np.flatnonzero(peaks) + start)
    return np.concatenate(found)


def _refined(space: _ScaleSpace, at: Rows) -> _Blobs:
    """The peaks at `at` that are no edges, placed between pixels by a parabola along each axis."""
    levels = space.levels
    layer = np.searchsorted(space.starts, at, side="right") - 1
    width = space.widths[layer]
    above, below = at - width, at + width
    centre, left, right, up, down = levels[at], levels[at - 1], levels[at + 1], levels[above], levels[below]
    bend_x, bend_y = left + right - 2 * centre, up + down - 2 * centre
    twist = (levels[below + 1] + levels[above - 1] - levels[below - 1] - levels[above + 1]) / 4
    curved = bend_x * bend_y - twist * twist
    round_ = np.flatnonzero((curved > 0) & ((bend_x + bend_y) ** 2 * _EDGE < (_EDGE + 1) ** 2 * curved))
    # np.clip would take almost twice as long.
    x = np.minimum(np.maximum((left - right)[round_] / (2 * bend_x[round_]), -0.5), 0.5)
    y = np.minimum(np.maximum((up - down)[round_] / (2 * bend_y[round_]), -0.5), 0.5)
    at, layer = at[round_], layer[round_]
    rows, columns = np.divmod(at - space.starts[layer], width[round_])
    pixel = 1 << layer // _STEPS
    return _Blobs(layer, at, (columns + x + 0.5) * pixel, (rows + y + 0.5) * pixel, centre[round_])


def _spread(x: Floats, y: Floats, strength: Floats, count: int) -> Rows:
    """At most `count` points, strongest first, but the two strongest of each cell of a grid before all others.

    Else a tree before a clear sky would take them all, and a crop without the tree be left with none.
    """
    cell = np.minimum(y * _GRID, _GRID - 1).astype(np.intp) * _GRID + np.minimum(x * _GRID, _GRID - 1).astype(np.intp)
    by_cell = np.lexsort((-strength, cell))
    rank = np.empty(len(cell), np.intp)
    rank[by_cell] = np.arange(len(cell)) - np.searchsorted(cell[by_cell], cell[by_cell])
    return np.lexsort((-strength, np.maximum(rank, 1)))[:count]


def _codes(space: _ScaleSpace, layer: Rows, at: Rows) -> Bytes:
    """The codes of the blobs of size `layer` at `at`, shape (points, _CODE_BYTES)."""
    start, height, width = space.starts[layer], space.heights[layer], space.widths[layer]
    rows, columns = np.divmod(at - start, width)
    # Every cell's centre and the middles of its sides: 9 by 9 samples, half a pitch apart. The picture is blurred
    # enough for one sample to stand for the mean of its cell.
    offsets = _OFFSETS[:, layer % _STEPS]
    down = np.minimum(np.maximum(rows + offsets, 0), height - 1) * width + start + (_CONTRASTS - 1) * height * width
    across = np.minimum(np.maximum(columns + offsets, 0), width - 1)
    samples = space.levels[down[:, None] + across]
    cells = np.empty((_CHANNELS, _CELLS, _CELLS, len(at)), np.float32)
    cells[0] = samples[1::2, 1::2]
    np.subtract(samples[1::2, 2::2], samples[1::2, :-1:2], out=cells[1])
    np.subtract(samples[2::2, 1::2], samples[:-1:2, 1::2], out=cells[2])
    flat = cells.reshape(_CHANNELS, _CELLS * _CELLS, -1)
    bits = flat[:, _FIRST] > flat[:, _SECOND]
    return np.packbits(bits.reshape(_BITS, -1), axis=0).T


# --- proving -----------------------------------------------------------------------------------------

_LEAST_POINTS = 4
_LEAST_AGREEING = 3
"""One match more than the two that any motion fits."""
_DISTINCT = 0.85
"""A match is distinct if its code is this much nearer than the second nearest (Lowe 2004 has 0.8, of other codes)."""
_ALIKE = 0.25 * _BITS
_TOLERANCE = 4.0
"""Pixels by which a place may lie beside where it is expected: a slight turn and stretch move places a little."""
_LEVELS = 0.8
"""Octaves by which a size may differ from the expected one."""
_SEEDS, _MOST_HYPOTHESES = 40, 400
"""How many of the best matches propose motions in pairs, and how many of those are tried: what 1 ms allows."""
_MOST_SCALED, _MOST_TURNED = 1.3, 0.35
"""Octaves, and radians: what still counts as the same picture. Every further freedom is one more for chance."""
_LEAST_APART = 12.0
"""Pixels between two points that propose a motion: nearer ones would turn it by the error of their places."""
_BY_CHANCE = 0.12
"""The share of the points that may fall in place without proof. Different photographs had at most 6 points in 40 in
common, pages set in one type up to a fifth of theirs."""
_REACH = (0.15, 0.4), (0.0, 1.0)
"""What agrees must reach over the picture: photographs that share a banner, a logo or a caption are not the same."""
_CERTAINTY = (1.0, 5.0, 15.0), (0.0, 0.8, 1.0)
"""From nats of evidence to the score. tests/bench/same_picture.py prints what strangers and copies reach."""


@dataclass(frozen=True)
class _Points:
    """The points of a picture in columns."""

    width: int
    height: int
    places: Places
    levels: Floats
    """Sizes, in octaves."""
    codes: Bytes

    def __len__(self) -> int:
        return len(self.places)

    def mirrored(self) -> _Points:
        bits = np.unpackbits(self.codes, axis=1, count=_BITS)[:, _MIRRORED] ^ _INVERTED
        places = np.asarray(self.width - np.conj(self.places), np.complex64)
        return replace(self, places=places, codes=np.packbits(bits, axis=1))


def _mirror() -> tuple[Rows, NDArray[np.bool_]]:
    """For every bit of a mirrored code, the bit it comes from and whether it is turned over."""
    flipped = np.arange(_CELLS * _CELLS).reshape(_CELLS, _CELLS)[:, ::-1].ravel()
    first, second = flipped[_FIRST], flipped[_SECOND]
    swapped = first > second
    number = np.zeros((_CELLS * _CELLS,) * 2, np.intp)
    number[_FIRST, _SECOND] = np.arange(len(_FIRST))
    source = number[np.minimum(first, second), np.maximum(first, second)]
    # What grows to the right falls to the right in a mirror.
    return (
        np.concatenate([source + channel * len(_FIRST) for channel in range(_CHANNELS)]),
        np.concatenate([swapped ^ (channel == 1) for channel in range(_CHANNELS)]),
    )


_MIRRORED, _INVERTED = _mirror()


def count_points(kept: bytes) -> int:
    """How many points `find_points` kept."""
    return max(0, len(kept) - _HEADER.itemsize) // _ROW.itemsize


def _read(kept: bytes) -> _Points:
    count = count_points(kept)
    size = np.frombuffer(kept, _HEADER, 1)[0] if count else np.zeros(1, _HEADER)[0]
    rows = np.frombuffer(kept, _ROW, count, _HEADER.itemsize) if count else np.empty(0, _ROW)
    places = np.asarray((rows["x"] + 1j * rows["y"]) / _UNITS, np.complex64)
    levels = np.asarray(rows["layer"] / _STEPS, np.float32)
    return _Points(int(size["width"]), int(size["height"]), places, levels, np.ascontiguousarray(rows["code"]))


@dataclass(frozen=True)
class _Motion:
    """Where the places of one picture lie in another: there = turn * here + shift."""

    turn: complex
    """Its absolute value is the scale, its angle the turn."""
    shift: complex


@dataclass(frozen=True)
class _Matches:
    """For every point of one picture the point of another that has the nearest code."""

    here: Places
    there: Places
    growth: Floats
    """How much larger it is there, in octaves."""
    alike: NDArray[np.bool_]
    """Whether the codes are near enough to be of one thing."""

    def motion(self, rows: Rows) -> _Motion | None:
        """What suits these matches best in the sense of least squares; None if it is nothing that a copy has."""
        if len(rows) < _LEAST_AGREEING:
            return None
        here, there = self.here[rows], self.there[rows]
        middle, target = here.mean(), there.mean()
        size = float(np.vdot(here - middle, here - middle).real)
        turn = complex(np.vdot(here - middle, there - target)) / max(size, 1e-6)
        if not 2 ** -(_MOST_SCALED + _LEVELS) < abs(turn) < 2 ** (_MOST_SCALED + _LEVELS):
            return None
        return _Motion(turn, complex(target) - turn * complex(middle))

    def following(self, motion: _Motion) -> Rows:
        """Which matches lie as the motion says."""
        apart = np.abs(motion.turn * self.here + motion.shift - self.there)
        as_large = np.abs(self.growth - math.log2(abs(motion.turn))) < _LEVELS
        return np.flatnonzero(self.alike & as_large & (apart < _TOLERANCE))


class SamePicture:
    """One picture, made ready to be recognised in others, straight and mirrored."""

    def __init__(self, reference: bytes) -> None:
        """`reference` is what `find_points` kept of it; of one with fewer than 4 points nothing is ever recognised."""
        straight = _read(reference)
        self._sides = (straight, straight.mirrored()) if len(straight) >= _LEAST_POINTS else ()

    def verify(self, document: bytes) -> float:
        """How surely `document`, points as `find_points` keeps them, shows the same picture: 0..1.

        From 0.8 it is certain; 0 says that the points show nothing, not that the pictures differ: hazy ones have few.
        It depends on these two pictures alone, is the same at every call, and nearly so with the two exchanged.
        """
        shown = _read(document)
        if len(shown) < _LEAST_POINTS:
            return 0.0
        return max((_certainty(side, shown) for side in self._sides), default=0.0)


def _certainty(reference: _Points, document: _Points) -> float:
    """0..1 for one orientation. Finds the motion that most matches agree on, then weighs how many do against chance."""
    distances, nearest = cv2.batchDistance(reference.codes, document.codes, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    nearest = nearest[:, 0]
    alike = distances[:, 0] < _ALIKE
    distinct = np.flatnonzero(alike & (distances[:, 0] < _DISTINCT * distances[:, 1]))
    distinct = distinct[np.argsort(distances[distinct, 0], kind="stable")]
    matches = _Matches(reference.places, document.places[nearest], document.levels[nearest] - reference.levels, alike)
    # The distinct matches find the motion. Then all that lie as it says count, which tells repeated patterns from
    # chance: of many alike places the nearest code is seldom the one in the right place.
    motion = matches.motion(distinct[_agreed(matches, distinct)])
    if motion is not None:
        motion = matches.motion(matches.following(motion))
    if motion is None:
        return 0.0
    hits = document.places[np.unique(nearest[matches.following(motion)])]
    moved = motion.turn * reference.places + motion.shift
    moved = moved[_inside(moved, document)]
    shared = document.places[_inside((document.places - motion.shift) / motion.turn, reference)]
    if min(len(hits), len(moved), len(shared)) < _LEAST_AGREEING:
        return 0.0
    evidence = _evidence(len(hits), min(len(moved), len(shared)))
    reach = np.interp(_reach(hits, np.concatenate([moved, shared])), *_REACH)
    return float(np.interp(evidence * reach, *_CERTAINTY))


def _agreed(matches: _Matches, best: Rows) -> Rows:
    """Which of the matches `best` agree on one motion: the most that do. Every pair of the first ones proposes one.

    As RANSAC (Fischler, Bolles 1981) with the pairs in order, the best first, in place of a draw (as PROSAC has it).
    """
    here, there, growth = matches.here[best], matches.there[best], matches.growth[best]
    second, first = np.tril_indices(min(len(here), _SEEDS), -1)
    far = np.abs(here[second] - here[first]) > _LEAST_APART
    second, first = second[far], first[far]
    turns = (there[second] - there[first]) / (here[second] - here[first])
    scales = np.log2(np.maximum(np.abs(turns), np.float32(1e-6)))
    plausible = (np.abs(scales) < _MOST_SCALED) & (np.abs(np.angle(turns)) < _MOST_TURNED)
    for end in (first, second):
        plausible &= np.abs(growth[end] - scales) < _LEVELS
    kept = np.flatnonzero(plausible)[:_MOST_HYPOTHESES]
    if not len(kept):
        return np.empty(0, np.intp)
    turns, scales = turns[kept], scales[kept]
    shifts = there[first[kept]] - turns * here[first[kept]]
    agree = np.abs(turns[:, None] * here + shifts[:, None] - there) < _TOLERANCE
    agree &= np.abs(growth - scales[:, None]) < _LEVELS
    return np.flatnonzero(agree[agree.sum(axis=1).argmax()])


def _inside(places: Places, picture: _Points) -> NDArray[np.bool_]:
    across, down = places.real, places.imag
    return (across >= 0) & (across <= picture.width) & (down >= 0) & (down <= picture.height)


def _reach(hits: Places, points: Places) -> float:
    """How far the hits spread, against all points of what both pictures show; the lesser of across and down."""
    spreads = ((float(part(hits).std()), float(part(points).std())) for part in (np.real, np.imag))
    return min(1.0 if whole < 1 else part / whole for part, whole in spreads)


def _evidence(agreeing: int, possible: int) -> float:
    """How unlikely chance is, in nats: Hoeffding's bound (1963) on `agreeing` hits of `possible`, _BY_CHANCE each.

    Two hits are taken off, those that proposed the motion. As in a-contrario matching (Moisan, Stival 2004).
    """
    possible -= 2
    share = min(1.0, (agreeing - 2) / possible)
    if share <= _BY_CHANCE:
        return 0.0
    surprise = share * math.log(share / _BY_CHANCE)
    if share < 1:
        surprise += (1 - share) * math.log((1 - share) / (1 - _BY_CHANCE))
    return possible * surprise
