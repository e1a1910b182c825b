"""Which files are shown as one: the same content, the same pixels, or pictures that a person calls the same.

A stack is led by its first row, and every other member has the content or the pixels of a picture that is near that
first one: so no chain of small steps joins what differs. Near is what has nearly the same likeness; or nearly the same
vector, and a likeness that doesn't speak against it: to some models all signs, or all blue pictures, are one. Which
pictures are worth comparing is found by keys; whether two are near is decided by the two alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.decoding.identity.likeness import LIKENESS_BYTES, Rows, Truths, keys, near, resemble
from core.media import Kind
from core.scorers.vectors import Floats, VectorShelf

_MOST_TRIED = 32
"""How many earlier pictures with its key one is compared with at most. In folders of 100,000 few have more."""

_TIMES_NEARER, _LEAST_ALIKE = 25, 0.975
_PAIRS_LOOKED_AT = 4096

Keys = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]
"""(own, pictures, all), as `likeness.keys` has them."""
Near = Callable[[Rows, Rows], Truths]


@dataclass(frozen=True)
class Vectors:
    """What an embedder made of the files."""

    shelf: VectorShelf
    rows: Rows
    """By row of the listing, the row on the shelf; -1: it has no vector."""
    alike: float
    """From which cosine on two pictures are near: well above what two pictures of one thing have."""


def nearness_of(shelf: VectorShelf, rows: Rows) -> float:
    """From which cosine on two pictures are near, by how near those of the folder commonly are.

    How far apart the vectors of different pictures lie is a matter of the model. Those of a near duplicate lie
    `_TIMES_NEARER` times nearer than half of all pairs do, and never further apart than `_LEAST_ALIKE`.
    """
    there = rows[rows >= 0]
    if len(there) < 2:
        return 1.0
    chance = np.random.default_rng(0)
    first, second = (there[chance.integers(0, len(there), _PAIRS_LOOKED_AT)] for _ in range(2))
    cosines = shelf.cosines_between(first, second)[first != second]
    typical = float(np.nanmedian(cosines)) if np.isfinite(cosines).any() else 1.0
    return max(_LEAST_ALIKE, 1 - (1 - typical) / _TIMES_NEARER)


def find_stacks(
    contents: NDArray[np.int64],
    identities: Mapping[int, tuple[bytes, bytes]],
    kinds: NDArray[np.uint8],
    vectors: Vectors | None = None,
) -> NDArray[np.int32]:
    """By row: the first row of its stack.

    `contents` by row, 0 where it is not known yet: such a row stands alone. `identities`: (pixel fingerprint,
    likeness) by content, where they are known; `kinds` by row, as in a Listing: only pictures are compared by their
    likeness and their vectors. A million rows take seconds by their likeness, whatever they show, and about a minute by
    vectors.
    """
    leaders = np.arange(len(contents), dtype=np.int64)
    known = np.flatnonzero(contents)
    _, first, place = np.unique(contents[known], return_index=True, return_inverse=True)
    leaders[known] = known[first][place]
    rows = np.sort(known[first])
    by_pixels: dict[bytes, int] = {}
    compared: list[int] = []
    likenesses: list[bytes] = []
    pictures = (kinds == Kind.IMAGE).tolist()
    for row, content in zip(rows.tolist(), contents[rows].tolist(), strict=True):
        pixels, likeness = identities.get(content, (b"", b""))
        if pixels and (leader := by_pixels.setdefault(pixels, row)) != row:
            leaders[row] = leader
        elif pictures[row]:
            compared.append(row)
            likenesses.append(likeness if len(likeness) == LIKENESS_BYTES else bytes(LIKENESS_BYTES))
    if compared:
        table = np.frombuffer(b"".join(likenesses), np.uint8).reshape(len(compared), LIKENESS_BYTES)
        numbers = np.array(compared, np.int64)
        leaders[numbers] = numbers[_near_leaders(table, vectors, numbers)]
    # From a row to the first of its content, to the first of its pixels, to the leader of what is near.
    return leaders[leaders[leaders]].astype(np.int32)


def _near_leaders(likenesses: NDArray[np.uint8], vectors: Vectors | None, rows: Rows) -> Rows:
    """By picture: an earlier one that it is near to and that leads itself; its own number if none is found. `rows` has
    where the pictures stand in the listing."""
    leaders = np.arange(len(likenesses))
    seen: Truths = np.asarray(likenesses.any(axis=1), np.bool_)
    at = np.full(len(rows), -1, np.int64)
    if vectors is not None:
        kept = np.flatnonzero(vectors.rows[rows] >= 0)
        kept = kept[vectors.shelf.have(vectors.rows[rows[kept]])]
        at[kept] = vectors.rows[rows[kept]]

    def either(first: Rows, second: Rows) -> Truths:
        found = np.array(seen[first] & seen[second], np.bool_)
        found[found] = near(likenesses, first[found], second[found])
        if vectors is not None:
            rest = ~found & (at[first] >= 0) & (at[second] >= 0)
            # Of what is nearly of one tone there is nothing to compare but with another such.
            told = rest & (seen[first] | seen[second])
            rest[told] = (seen[first] & seen[second])[told] & resemble(likenesses, first[told], second[told])
            found[rest] = vectors.shelf.cosines_between(at[first[rest]], at[second[rest]]) >= vectors.alike
        return found

    if len(members := np.flatnonzero(seen)):
        _follow(leaders, members, keys(likenesses[members]), either)
        _settle(leaders, either)
    if vectors is not None:
        for table in range(_TABLES):
            # A picture that follows another was tried for all that it could lead.
            members = np.flatnonzero((leaders == np.arange(len(leaders))) & (at >= 0))
            if len(members):
                sides = _sides(vectors.shelf, at[members], table)
                apart = 2 - 2 * vectors.alike
                _follow(leaders, members, _side_keys(sides, apart), _Promising(members, sides, apart, either))
                _settle(leaders, either)
    return leaders


def _follow(leaders: Rows, members: Rows, keys: Keys, near: Near) -> None:
    """Let those of the members that lead themselves follow the first earlier one with their key that they are near to
    and that leads itself."""
    own, pictures, every = keys
    # Key and number in one, so that sorting brings the pictures that share a key together, in order.
    shift = len(leaders).bit_length()
    shared = every.astype(np.int64) << shift | members[pictures]
    shared.sort()
    at = np.searchsorted(shared, own.astype(np.int64) << shift)
    waiting = members
    for _ in range(_MOST_TRIED):
        candidates = shared[at] & (1 << shift) - 1
        # At its own number, or one later, all earlier ones with its key have been tried.
        left = candidates < waiting
        waiting, candidates, at = waiting[left], candidates[left], at[left]
        if not len(waiting):
            break
        hopeful = leaders[candidates] == candidates
        hopeful[hopeful] = near(candidates[hopeful], waiting[hopeful])
        leaders[waiting[hopeful]] = candidates[hopeful]
        waiting, at = waiting[~hopeful], at[~hopeful] + 1


def _settle(leaders: Rows, near: Near) -> None:
    """Let all leaders lead themselves. Who followed one that turned out to follow another follows that one too if it is
    near it, and stands alone if not."""
    while len(astray := np.flatnonzero(leaders[leaders] != leaders)):
        above = leaders[leaders[astray]]
        leaders[astray] = np.where(near(above, astray), above, astray)


# --- which vectors are worth comparing ---------------------------------------------------------------

_TABLES = 4
"""Sets of keys by vectors, tried one after the other."""
_DOUBTS = 4
"""Bits of a key that are tried both ways at most, the most doubtful first."""
_SPARE_BITS = 4
"""Of a key, beyond what numbers the pictures: so that few share one by chance."""
_PICTURES_AT_ONCE = 2**13


def _sides(shelf: VectorShelf, rows: Rows, table: int) -> Floats:
    """(rows, planes): how far from random planes, and on which side, the vectors in these rows lie.

    In the first table the planes go through nought: there a folder of one picture falls together. In the others they
    go through the middle of all vectors, since what all pictures have in common tells nothing. Two vectors lie as far
    apart, root of the sum of squares, as their sides on average.
    """
    planes = len(rows).bit_length() + _SPARE_BITS
    sides = shelf.products(rows, np.random.default_rng(table).standard_normal((shelf.numbers, planes), np.float32))
    return sides - sides.mean(axis=0) if table else sides


def _side_keys(sides: Floats, apart: float) -> Keys:
    """Keys of vectors; those whose square of the distance is at most `apart` mostly share one."""
    doubt = 2 * np.sqrt(np.float32(apart))
    blocks = range(0, len(sides), _PICTURES_AT_ONCE)
    found = [_both_ways(sides[at : at + _PICTURES_AT_ONCE], doubt, at) for at in blocks]
    own, pictures, every = (np.concatenate(part) for part in zip(*found, strict=True))
    return own, pictures, every


@dataclass(frozen=True)
class _Promising:
    """Near, for pictures of which many share keys that are not: what the sides rule out is not compared."""

    members: Rows
    sides: Floats
    apart: float
    near: Near

    def __call__(self, first: Rows, second: Rows) -> Truths:
        one, other = (self.sides[np.searchsorted(self.members, numbers)] for numbers in (first, second))
        planes = self.sides.shape[1]
        # The sum over so many planes is spread as chi squared: four deviations above what it is on average.
        limit = self.apart * (planes + 4 * np.sqrt(2 * planes))
        found: Truths = np.square(one - other).sum(axis=1) <= limit
        found[found] = self.near(first[found], second[found])
        return found


def _both_ways(sides: Floats, doubt: np.float32, start: int) -> Keys:
    """Keys from how far from each plane pictures lie, with those that they would have if planes within `doubt` were
    crossed; pictures are numbered from `start`."""
    values = 1 << np.arange(sides.shape[1])
    own = (sides > 0) @ values
    distances = np.abs(sides)
    nearest = np.argpartition(distances, _DOUBTS - 1, axis=1)[:, :_DOUBTS]
    doubtful = np.take_along_axis(distances, nearest, axis=1) < doubt
    crossed = (np.arange(2**_DOUBTS)[:, None] >> np.arange(_DOUBTS) & 1).astype(np.bool_)
    # Of each picture, the ways to cross planes that are all doubtful.
    pictures, ways = np.nonzero((doubtful[:, None, :] | ~crossed).all(axis=2))
    changes = (values[nearest[pictures]] * crossed[ways]).sum(axis=1)
    return own, pictures + start, own[pictures] ^ changes
