"""How a listing is kept as bytes: what is present, in columns, compressed."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.media import Listing

_MAGIC = b"semblance listing 1\n"
_COUNTS = struct.Struct("<qqq")


@dataclass(frozen=True)
class Packed:
    """Rows in the order of folders and names; `counts`: how many are in each folder."""

    folders: list[str]
    mounted: list[str]
    names: list[str]
    counts: NDArray[np.int32]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    pages: NDArray[np.int32]


def pack(listing: Listing, mounted: Sequence[str] = ()) -> bytes:
    """The listing as it is kept: what is present, in the order of folders and names; 1 MB for 100,000 rows or so.

    `mounted`: of `Compared`. Equal listings give equal bytes.
    """
    rows, numbers, counts = _in_order(listing)
    texts = [listing.folders[number] for number in numbers]
    texts += mounted
    texts += map(listing.names.__getitem__, rows.tolist())
    parts = (
        _COUNTS.pack(len(numbers), len(mounted), len(rows)),
        counts.astype("<i4").tobytes(),
        listing.sizes[rows].astype("<i8").tobytes(),
        listing.mtimes[rows].astype("<i8").tobytes(),
        listing.pages[rows].astype("<i4").tobytes(),
        os.fsencode("\0".join(texts)),
    )
    return _MAGIC + zlib.compress(b"".join(parts), 1)


def _in_order(listing: Listing) -> tuple[NDArray[np.int64], list[int], NDArray[np.int64]]:
    """The rows that are present, grouped by folder; the folders' numbers, and how many rows each has."""
    rank = np.zeros(len(listing.folders), np.int64)
    by_name = sorted(range(len(listing.folders)), key=lambda number: listing.folders[number].split(os.sep))
    rank[by_name] = np.arange(len(by_name))
    rows = np.flatnonzero(~listing.gone)
    ranks = rank[listing.folder[rows]]
    grouped = np.argsort(ranks, kind="stable")
    rows, ranks = rows[grouped], ranks[grouped]
    present, firsts, counts = np.unique(ranks, return_index=True, return_counts=True)
    for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
        group = rows[first : first + count].tolist()
        names = [listing.names[row] for row in group]
        if names != sorted(names):
            # Stable: a file's further pages have later rows than its first, and so follow it.
            rows[first : first + count] = sorted(group, key=listing.names.__getitem__)
    return rows, [by_name[place] for place in present.tolist()], counts


def unpack(data: bytes | None) -> Packed | None:
    """What was kept, or None if there is nothing, or nothing that makes sense."""
    if not data or not data.startswith(_MAGIC):
        return None
    try:
        body = zlib.decompress(memoryview(data)[len(_MAGIC) :])
        folders, mounted, rows = _COUNTS.unpack_from(body)
        place, columns = _COUNTS.size, []
        for kind, count in (("<i4", folders), ("<i8", rows), ("<i8", rows), ("<i4", rows)):
            columns.append(np.frombuffer(body, kind, count, place))
            place += columns[-1].nbytes
    except (zlib.error, struct.error, ValueError):
        return None
    texts = os.fsdecode(body[place:]).split("\0") if folders else []
    counts, sizes, mtimes, pages = columns
    if len(texts) != folders + mounted + rows or counts.sum() != rows:
        return None
    names = texts[folders + mounted :]
    return Packed(texts[:folders], texts[folders : folders + mounted], names, counts, sizes, mtimes, pages)
