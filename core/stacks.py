"""Which files are shown as one: the same content, the same pixels, or pictures that a person calls the same.

A stack is led by its first row, and every other member has the content or the pixels of a picture that is near that
first one: so no chain of small steps joins what differs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.decoding.identity.likeness import LIKENESS_BYTES, Rows, keys, near
from core.media import Kind

_MOST_TRIED = 32
"""How many earlier pictures with its key one is compared with at most. In folders of 100,000 few have more."""


def find_stacks(
    contents: NDArray[np.int64], identities: Mapping[int, tuple[bytes, bytes]], kinds: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """By row: the first row of its stack.

    `contents` by row, 0 where it is not known yet: such a row stands alone. `identities`: (pixel fingerprint,
    likeness) by content, where they are known; `kinds` by row, as in a Listing: only pictures are compared by their
    likeness. A million rows take seconds, whatever they show.
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
        elif pictures[row] and len(likeness) == LIKENESS_BYTES:
            compared.append(row)
            likenesses.append(likeness)
    if compared:
        table = np.frombuffer(b"".join(likenesses), np.uint8).reshape(len(compared), LIKENESS_BYTES)
        numbers = np.array(compared, np.int64)
        leaders[numbers] = numbers[_near_leaders(table)]
    # From a row to the first of its content, to the first of its pixels, to the leader of what is near.
    return leaders[leaders[leaders]].astype(np.int32)


def _near_leaders(likenesses: NDArray[np.uint8]) -> Rows:
    """By picture: the first earlier one that it is near to and that is near to no earlier one itself; its own number
    if there is none."""
    own, pictures, every = keys(likenesses)
    # Key and number in one, so that sorting brings the pictures that share a key together, in order.
    shift = len(own).bit_length()
    shared = every.astype(np.int64) << shift | pictures
    shared.sort()
    at = np.searchsorted(shared, own.astype(np.int64) << shift)
    leaders = np.arange(len(own))
    waiting = np.arange(len(own))
    for _ in range(_MOST_TRIED):
        candidates = shared[at[waiting]] & (1 << shift) - 1
        # At its own number, or one later, all earlier ones with its key have been tried.
        waiting, candidates = waiting[candidates < waiting], candidates[candidates < waiting]
        if not len(waiting):
            break
        hopeful = leaders[candidates] == candidates
        hopeful[hopeful] = near(likenesses, candidates[hopeful], waiting[hopeful])
        leaders[waiting[hopeful]] = candidates[hopeful]
        at[waiting] += 1
        waiting = waiting[~hopeful]
    return _settled(likenesses, leaders)


def _settled(likenesses: NDArray[np.uint8], leaders: Rows) -> Rows:
    """Leaders that lead themselves. Who followed one that turned out to follow another follows that one too if it is
    near it, and stands alone if not."""
    while len(astray := np.flatnonzero(leaders[leaders] != leaders)):
        above = leaders[leaders[astray]]
        follows = near(likenesses, above, astray)
        leaders[astray] = np.where(follows, above, astray)
    return leaders
