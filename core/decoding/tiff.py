"""Which of the pictures in a TIFF are pages, and which are the same page smaller, or its mask.

Only the directories are read, a few hundred bytes for each picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from core.decoding import MOST_PAGES

_MOST_TAGS = 4096  # of one picture; the richest have a few hundred

# Tags and values of TIFF 6.0 and of BigTIFF.
_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _TILE_WIDTH = 254, 255, 256, 257, 322
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
_VALUES = {3: "H", 4: "I", 16: "Q"}
_CLASSIC, _BIG = 42, 43


@dataclass(frozen=True)
class _Directory:
    """What is said of one picture."""

    width: int
    height: int
    tiled: bool
    lesser: bool
    """Whether it is said to be a reduced picture or a mask."""

    def halves(self, before: _Directory) -> bool:
        """Whether it is the next level of a pyramid. Programs that write those don't all say so."""
        return (
            self.tiled
            and before.tiled
            and before.width // 2 <= self.width <= (before.width + 1) // 2
            and before.height // 2 <= self.height <= (before.height + 1) // 2
        )


def pages_of(file: BinaryIO) -> list[int]:
    """The pages' places among all pictures of the file, from 0; at most MOST_PAGES, at least [0].

    Where a directory is broken or leads back, the ones before it count. Raises OSError. The file is left at its start.
    """
    pages: list[int] = []
    before = None
    for place, directory in enumerate(_directories(file)):
        if not (directory.lesser or (before and directory.halves(before))):
            pages.append(place)
        before = directory
        if len(pages) == MOST_PAGES:
            break
    file.seek(0)
    return pages or [0]


def _directories(file: BinaryIO) -> Iterator[_Directory]:
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version not in (_CLASSIC, _BIG):
        return
    count = struct.Struct(order + ("H" if version == _CLASSIC else "Q"))
    entry = struct.Struct(order + ("HHI4s" if version == _CLASSIC else "HHQ8s"))
    pointer = struct.Struct(order + ("I" if version == _CLASSIC else "Q"))
    (place,) = pointer.unpack_from(head, 4 if version == _CLASSIC else 8)
    seen: set[int] = set()
    while 0 < place < 2**63 and place not in seen and len(seen) < 4 * MOST_PAGES:
        seen.add(place)
        file.seek(place)
        raw = file.read(count.size)
        tags = count.unpack(raw)[0] if len(raw) == count.size else 0
        table = file.read(tags * entry.size + pointer.size) if 0 < tags <= _MOST_TAGS else b""
        if len(table) < tags * entry.size or not table:
            return
        yield _read(entry, table[: tags * entry.size], order)
        # A file cut off right behind the last directory has all its pictures.
        rest = table[tags * entry.size :]
        place = pointer.unpack(rest)[0] if len(rest) == pointer.size else 0


def _read(entry: struct.Struct, table: bytes, order: str) -> _Directory:
    values = {
        tag: struct.unpack_from(order + _VALUES[kind], value)[0]
        for tag, kind, length, value in entry.iter_unpack(table)
        if length == 1 and kind in _VALUES and struct.calcsize(order + _VALUES[kind]) <= len(value)
    }
    lesser = values.get(_SUBFILE, 0) & (_REDUCED | _MASK) or values.get(_OLD_SUBFILE) == _OLD_REDUCED
    return _Directory(values.get(_WIDTH, 0), values.get(_HEIGHT, 0), _TILE_WIDTH in values, bool(lesser))
