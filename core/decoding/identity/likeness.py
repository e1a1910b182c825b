"""How a picture is put in few bytes so that plain copies of it are told from everything else.

Plain copies: saved again at quality 50 or more, in another format, at half or a quarter of the size, slightly brighter,
darker or otherwise toned; trimmed a little, where there is detail all over: half a hundredth off each side is seen in
three of four, two hundredths off one side in under half. Not copies: the next frame of a burst in which something moved
visibly, another page of the same layout, the same sign with another word.

A likeness is the picture's shape, its colour in 4 by 4 fields and its light in 16 by 16. Two are compared field by
field: what a change of tone does not explain must be slight everywhere, for it is in one place that pictures of a
series differ. The thresholds stand where `python -m tests.bench.stacks` shows them to part the one from the other.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.decoding import Pixels

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Truths = NDArray[np.bool_]
Numbers = NDArray[np.int32]
Rows = NDArray[np.int64]

_SIDE, _COLOUR_SIDE = 16, 4
_LIGHT, _COLOUR = _SIDE**2, 2 * _COLOUR_SIDE**2
_SHAPE_STEPS = 64
"""Steps of the shape for twice the width."""
_LIGHT_AT = 1 + _COLOUR
LIKENESS_BYTES = _LIGHT_AT + _LIGHT

_FLAT_DEVIATION = 4.0
"""Standard deviation of the fields' light (0..255) below which there is nothing to compare."""


def likeness_of(frame: Pixels) -> bytes:
    """LIKENESS_BYTES bytes of an upright RGB frame (height, width, 3) of any size; empty if it is nearly of one tone.

    A frame that was reduced before gives nearly the same.
    """
    height, width, _ = frame.shape
    small = cv2.resize(frame, (4 * _SIDE, 4 * _SIDE), interpolation=cv2.INTER_AREA)
    planes = cv2.cvtColor(small.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] += 128  # of floating point, OpenCV leaves colours around nought
    light = cv2.resize(planes[..., 0], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    if float(light.std()) < _FLAT_DEVIATION:
        return b""
    colour = cv2.resize(planes[..., 1:], (_COLOUR_SIDE, _COLOUR_SIDE), interpolation=cv2.INTER_AREA)
    shape = round(128 + _SHAPE_STEPS * math.log2(width / height))
    parts = (np.array([shape]), colour.ravel(), light.ravel())
    levels = np.clip(np.rint(np.concatenate(parts)), 0, 255).astype(np.uint8)
    return bytes(levels)


# --- comparing ---------------------------------------------------------------------------------------

_SHAPE_APART = 5
"""Steps by which shapes may differ: a trimmed side, and the rounding of a small copy."""
_COLOUR_APART = 18
"""Levels by which a field's colour may differ: a warmer tone, or a quarter more saturation."""
_TONE_APART = 45.0
"""Levels by which the change of tone may move the darkest and the lightest field."""
_UNEXPLAINED, _UNEXPLAINED_SHARE = 6.0, 0.5
"""Levels of a field's light that a change of tone may leave unexplained, but no more than so much of the deviation of
all: what JPEG at quality 50 of a quarter of the size leaves. Of two photographs of a burst it is from 9 on."""
_UNEXPLAINED_IF_SPARSE = 3.5
"""The same in sparse pictures: copies of these differ less, and so does a sign from one with another small word."""
_DETAILED_LEVELS, _DETAILED_FIELDS = 6.0, 0.5
"""A picture is sparse unless so many of its fields differ by so much from one beside them. Only others may be trimmed:
trimming moves the edges of sparse ones by as much as another word would."""
_TRIMMED = 0.03 * _SIDE
"""Fields by which trimming may move any place."""
_LOOSE_SHAPE, _LOOSE_COLOUR, _LOOSE_LIGHT = 24, 20.0, 0.65
"""What versions of one picture have in common at least: steps of shape, levels of colour on average, and how far the
light of 8 by 8 fields goes together (correlation)."""
_PAIRS_AT_ONCE = 2048


def near(likenesses: Bytes, first: Rows, second: Rows) -> Truths:
    """Which pairs of pictures are copies of each other: (pairs,). `first` and `second` have their row numbers in
    `likenesses`, (pictures, LIKENESS_BYTES).

    Of each pair alone, and always the same; which of the two comes first may matter to one at the limit.
    """
    parts = range(0, max(1, len(first)), _PAIRS_AT_ONCE)
    return np.concatenate(
        [_near(likenesses, first[at : at + _PAIRS_AT_ONCE], second[at : at + _PAIRS_AT_ONCE]) for at in parts]
    )


def resemble(likenesses: Bytes, first: Rows, second: Rows) -> Truths:
    """Which pairs of pictures might be versions of one picture: (pairs,), as in `near`.

    Much looser than `near`: cut by a tenth, retouched, with words put on it. It says only that nothing speaks against
    it: coarse light goes together, and no part has quite another colour. Two pictures of one thing mostly fail.
    """
    parts = range(0, max(1, len(first)), _PAIRS_AT_ONCE)
    return np.concatenate(
        [_resemble(likenesses, first[at : at + _PAIRS_AT_ONCE], second[at : at + _PAIRS_AT_ONCE]) for at in parts]
    )


def _resemble(likenesses: Bytes, first: Rows, second: Rows) -> Truths:
    before, after = (likenesses[rows].astype(np.float32) for rows in (first, second))
    apart = np.abs(before - after)
    found: Truths = (apart[:, 0] <= _LOOSE_SHAPE) & (apart[:, 1:_LIGHT_AT].mean(axis=1) <= _LOOSE_COLOUR)
    before, after = (_coarse_light(each[:, _LIGHT_AT:]) for each in (before, after))
    together = (before * after).mean(axis=1) / (before.std(axis=1) * after.std(axis=1) + 1)
    return np.asarray(found & (together >= _LOOSE_LIGHT), np.bool_)


def _coarse_light(light: Floats) -> Floats:
    """(pairs, 64): the light in 8 by 8 fields, about its mean."""
    fields = light.reshape(len(light), _SIDE // 2, 2, _SIDE // 2, 2).mean(axis=(2, 4)).reshape(len(light), 64)
    return np.asarray(fields - fields.mean(axis=1, keepdims=True), np.float32)


def _near(likenesses: Bytes, first: Rows, second: Rows) -> Truths:
    # Shape and colour are few bytes, and part most pairs.
    few = likenesses[:, :_LIGHT_AT]
    apart = np.abs(few[first].astype(np.int16) - few[second])
    found: Truths = (apart[:, 0] <= _SHAPE_APART) & (apart[:, 1:].max(axis=1) <= _COLOUR_APART)
    pairs = np.flatnonzero(found)
    before, after = (likenesses[rows[pairs], _LIGHT_AT:].astype(np.float32) for rows in (first, second))
    weights, left = _fitted(_powers(before), after - before)
    limit = np.minimum(_UNEXPLAINED, _UNEXPLAINED_SHARE * after.std(axis=1))
    unexplained = np.abs(left).max(axis=1)
    same = unexplained <= np.minimum(limit, _UNEXPLAINED_IF_SPARSE)
    rest = np.flatnonzero(~same)
    edges = _edges(before[rest])
    detailed = (np.maximum(*edges) >= _DETAILED_LEVELS).mean(axis=1) >= _DETAILED_FIELDS
    same[rest] = detailed & (unexplained <= limit)[rest]
    trimmed = detailed & ~same[rest]
    rest, edges = rest[trimmed], (edges[0][trimmed], edges[1][trimmed])
    same[rest] = _near_if_trimmed(before[rest], after[rest], limit[rest], edges)
    found[pairs] = same & (_moved(before, weights) <= _TONE_APART)
    return found


def _powers(light: Floats) -> Floats:
    """(pairs, fields, 3): what a smooth change of tone is made of."""
    scaled = (light - 128) / 128
    return np.stack([np.ones_like(scaled), scaled, scaled**2], axis=2)


def _moved(light: Floats, weights: Floats) -> Floats:
    """(pairs,): by how many levels a change of tone moves the darkest or the lightest field."""
    ends = np.stack([light.min(axis=1), light.max(axis=1)], axis=1)
    return np.asarray(np.abs(np.einsum("pfk,pk->pf", _powers(ends), weights)).max(axis=1))


def _fitted(causes: Floats, effects: Floats) -> tuple[Floats, Floats]:
    """The weights of the causes (pairs, fields, causes) that explain the effects (pairs, fields) best by least
    squares, and what they leave unexplained."""
    squares = np.matmul(causes.transpose(0, 2, 1), causes)
    # A little weight is a cost, which keeps it solvable where causes go together.
    squares += np.float32(0.01) * np.eye(causes.shape[2], dtype=np.float32)
    products = np.matmul(causes.transpose(0, 2, 1), effects[..., None])
    weights = np.linalg.solve(squares, products)
    return np.asarray(weights[..., 0], np.float32), np.asarray(effects - np.matmul(causes, weights)[..., 0], np.float32)


def _edges(light: Floats) -> tuple[Floats, Floats]:
    """(pairs, fields) twice: by how much each field differs at most from those beside it, and above and below it."""
    fields = light.reshape(-1, _SIDE, _SIDE)
    across, down = np.zeros_like(fields), np.zeros_like(fields)
    beside, below = np.abs(np.diff(fields, axis=2)), np.abs(np.diff(fields, axis=1))
    across[:, :, :-1], down[:, :-1] = beside, below
    np.maximum(across[:, :, 1:], beside, out=across[:, :, 1:])
    np.maximum(down[:, 1:], below, out=down[:, 1:])
    return across.reshape(light.shape), down.reshape(light.shape)


def _near_if_trimmed(before: Floats, after: Floats, limit: Floats, edges: tuple[Floats, Floats]) -> Truths:
    """Which pairs are copies if one may be trimmed: what remains unexplained in a field may be as much as its edges
    would change by moving as far as all fields together say that they have moved."""
    if not len(before):
        return np.empty(0, np.bool_)
    slopes = [each.reshape(before.shape) for each in np.gradient(before.reshape(-1, _SIDE, _SIDE), axis=(2, 1))]
    x, y = _places()
    moves = np.stack([slopes[0], slopes[0] * x, slopes[1], slopes[1] * y], axis=2)
    weights, rest = _fitted(np.concatenate([_powers(before), moves], axis=2), after - before)
    to_right = np.abs(weights[:, 3:4] + weights[:, 4:5] * x)
    to_bottom = np.abs(weights[:, 5:6] + weights[:, 6:7] * y)
    explained = np.abs(rest) <= limit[:, None] + to_right * edges[0] + to_bottom * edges[1]
    return np.asarray(explained.all(axis=1) & (np.maximum(to_right, to_bottom).max(axis=1) <= _TRIMMED), np.bool_)


@cache
def _places() -> tuple[Floats, Floats]:
    """Across and down, of each field, -0.5..0.5."""
    down, across = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32).reshape(2, _LIGHT)
    middle = np.float32((_SIDE - 1) / 2)
    return np.asarray((across - middle) / _SIDE, np.float32), np.asarray((down - middle) / _SIDE, np.float32)


# --- finding what is worth comparing -----------------------------------------------------------------

# The coarsest waves of a picture's light (down, across in half periods), and how strong one must be, as a part of all
# coarse ones, to count as a crest or a trough rather than neither: as four of ten are not in photographs and drawings.
_WAVES = {
    (0, 1): 0.084, (1, 0): 0.206, (1, 1): 0.063, (0, 2): 0.107, (2, 0): 0.189, (1, 2): 0.066, (2, 1): 0.062,
    (0, 3): 0.054, (3, 0): 0.087, (2, 2): 0.057, (1, 3): 0.040, (3, 1): 0.035, (0, 4): 0.055, (4, 0): 0.065,
}  # fmt: skip
_COARSE = 8
"""Half periods up to which a wave counts among the coarse ones."""
_DOUBT, _DOUBTS = 0.03, 4
"""How near its limit a wave's strength is in doubt, and how many, the most doubtful first, are tried both ways."""


_PICTURES_AT_ONCE = 2**13


def keys(likenesses: Bytes) -> tuple[Numbers, Numbers, Numbers]:
    """Small numbers by which copies are found without comparing all with all: (own, pictures, all).

    `own` has each picture's key. `all` has every key that a copy of a picture may have, its own among them and
    2 ** _DOUBTS at most; `pictures` says whose each is. Of 100 copies 98 have one of these.
    """
    blocks = range(0, max(1, len(likenesses)), _PICTURES_AT_ONCE)
    found = [_keys(likenesses[at : at + _PICTURES_AT_ONCE], at) for at in blocks]
    own, pictures, every = (np.concatenate(part) for part in zip(*found, strict=True))
    return own, pictures, every


def _keys(likenesses: Bytes, start: int) -> tuple[Numbers, Numbers, Numbers]:
    waves, chosen = _waves()
    strengths = likenesses[:, _LIGHT_AT:].astype(np.float32) @ waves
    # Eight levels: where all waves are weak, none is strong.
    strengths = strengths[:, chosen] / (np.linalg.norm(strengths, axis=1, keepdims=True) + 8)
    limits, values = np.array(list(_WAVES.values()), np.float32), 3 ** np.arange(len(_WAVES), dtype=np.int32)
    beyond = np.abs(strengths) - limits
    signs = np.sign(strengths).astype(np.int32)
    digits = np.where(beyond > 0, signs, 0)
    # To the other side of a limit: from neither to a crest or a trough, or back.
    doubt = np.abs(beyond)
    steps = np.where(doubt < _DOUBT, np.where(beyond > 0, -signs, signs) * values, 0)
    doubtful = np.argpartition(doubt, _DOUBTS, axis=1)[:, :_DOUBTS]
    steps = np.take_along_axis(steps, doubtful, axis=1)
    own = ((digits + 1) * values).sum(axis=1, dtype=np.int32)
    every, pictures = own, np.arange(len(own), dtype=np.int32)
    for column in range(_DOUBTS):
        changed = steps[pictures, column]
        both = changed != 0
        every = np.concatenate([every, every[both] + changed[both]])
        pictures = np.concatenate([pictures, pictures[both]])
    return own, pictures + np.int32(start), every


@cache
def _waves() -> tuple[Floats, list[int]]:
    """(fields, waves): the cosines of all coarse waves, of unit length; and which of them make a key."""
    places = (np.arange(_SIDE) + 0.5) * np.pi / _SIDE
    coarse = [(u, v) for u in range(_COARSE) for v in range(_COARSE) if 0 < u + v < _COARSE]
    columns = []
    for down, across in coarse:
        wave = np.cos(down * places)[:, None] * np.cos(across * places)[None, :]
        columns.append((wave / np.linalg.norm(wave)).ravel())
    return np.stack(columns, axis=1).astype(np.float32), [coarse.index(wave) for wave in _WAVES]
