"""Where TIFF and the RAW formats built on it keep coded pixels, and which of their tags decide what these mean.

Tags and types: TIFF 6.0 with its supplements, BigTIFF, DNG 1.7, EXIF 2.32.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.decoding.identity.coded import Coded, Content, OddFile

_ORIENTATION, _XMP = 274, 700
_SUBDIRECTORIES = 330
_STRETCHES = ((273, 279), (324, 325), (513, 514))
"""(offsets, lengths): strips, tiles, a JPEG."""
_MOST_DIRECTORIES, _MOST_FIELDS = 20_000, 400_000
_MOST_XMP = 2**20

_BASELINE = frozenset((254, 255, 256, 257, 258, 259, 262, 266, 277, 278, 284, 292, 293, 301, 317, 318, 319, 320, 322,
                       323, 332, 334, 336, 338, 339, 340, 341, 347, 512, 529, 530, 531, 532, 33421, 33422))  # fmt: skip
_DNG = frozenset(range(50706, 51200)) - {
    # Names, serial numbers, digests, dates, copyrights, the maker's own block and the original file: told of the
    # picture, not part of it.
    50708, 50709, 50735, 50740, 50781, 50827, 50828, 50936, 50942, *range(50966, 50974), 51081, 51105, 51111, 51114,
}  # fmt: skip
_DECISIVE = _BASELINE | _DNG

_TYPES = {
    1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "2u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "2i4", 11: "u4", 12: "u8",
    13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
"""TIFF's numbers of types, as numpy names them. Floating point counts by its bits; "2": two numbers make a value."""

SIGNATURE = re.compile(rb"II[*+]\0|MM\0[*+]|IIR[OS]|MMOR")
"""How TIFF, BigTIFF and Olympus' ORF begin."""

Values: TypeAlias = "NDArray[np.uint64] | NDArray[np.int64]"


@dataclass(frozen=True)
class _Field:
    type: str
    count: int
    place: int
    """Where its values lie, in bytes from the file's start."""


class _Tiff:
    """A TIFF that begins somewhere in a file: of its own, or a block of EXIF. Raises OddFile."""

    def __init__(self, content: Content, start: int) -> None:
        self.content, self._start = content, start
        head = content.at(start, 4)
        if not SIGNATURE.match(head):
            raise OddFile
        self._order = "<" if head[:1] == b"I" else ">"
        self._big = b"+" in head
        self._fields_left = _MOST_FIELDS
        self.first = self._number("Q", start + 8) if self._big else self._number("I", start + 4)

    def _number(self, code: str, offset: int) -> int:
        code = self._order + code
        number: int = struct.unpack(code, self.content.at(offset, struct.calcsize(code)))[0]
        return number

    def directory(self, offset: int) -> tuple[dict[int, _Field], int]:
        """A directory's fields by tag, of one that is there twice the first, and where the next directory lies; 0:
        there is none."""
        offset += self._start
        count, size, word = ("Q", 20, "Q") if self._big else ("H", 12, "I")
        number = self._number(count, offset)
        self._fields_left -= number
        if self._fields_left < 0:
            raise OddFile
        offset += struct.calcsize("=" + count)
        entries = self.content.at(offset, number * size)
        fields: dict[int, _Field] = {}
        for index, (tag, kind, many, place) in enumerate(struct.iter_unpack(f"{self._order}HH{word}{word}", entries)):
            name = _TYPES.get(kind, "u1")
            length = many * int(name[-1]) * (2 if len(name) == 3 else 1)
            inside = offset + index * size + struct.calcsize(f"=HH{word}")
            room = struct.calcsize("=" + word)
            fields.setdefault(tag, _Field(name, many, inside if length <= room else self._start + place))
        end = offset + number * size
        # EXIF may end with its last entry.
        following = self._number(word, end) if end + struct.calcsize("=" + word) <= self.content.size else 0
        return fields, following

    def values(self, field: _Field) -> Values:
        """What a field holds, as 64-bit numbers whatever the file's byte order."""
        code, count = (field.type[1:], 2 * field.count) if len(field.type) == 3 else (field.type, field.count)
        dtype = np.dtype(self._order + code)
        data = self.content.at(field.place, count * dtype.itemsize)
        return np.frombuffer(data, dtype).astype("<i8" if code[0] == "i" else "<u8")


# --- which way is up ---------------------------------------------------------------------------------


def orientation(content: Content, start: int = 0) -> int | None:
    """EXIF's number, 1..8, from the block of EXIF there; 1 if it is none of these, None if the block has none."""
    try:
        tiff = _Tiff(content, start)
        fields, _ = tiff.directory(tiff.first)
        return _orientation(tiff, fields)
    except OddFile:
        return None


def orientation_in_xmp(packet: bytes) -> int | None:
    """The same from XMP, which counts where EXIF is silent; as Pillow reads it."""
    found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', packet)
    return _sound(int(found[1])) if found else None


def _orientation(tiff: _Tiff, fields: Mapping[int, _Field]) -> int | None:
    if _ORIENTATION not in fields:
        return None
    values = tiff.values(fields[_ORIENTATION])
    return _sound(int(values[0])) if len(values) else 1


def _sound(number: int) -> int:
    return number if 1 <= number <= 8 else 1


# --- coded pixels ------------------------------------------------------------------------------------


def collect(content: Content, coded: Coded) -> None:
    """The pixels of all directories: pages, sizes, previews and sensor data. Raises OddFile."""
    tiff = _Tiff(content, 0)
    for fields in _directories(tiff):
        coded.say(_upright(tiff, fields))
        for tag in sorted(fields.keys() & _DECISIVE):
            coded.say(tag, tiff.values(fields[tag]).tobytes())
        for offsets, lengths in _STRETCHES:
            if offsets in fields and lengths in fields:
                places, sizes = (tiff.values(fields[tag]).astype(np.int64) for tag in (offsets, lengths))
                if len(places) != len(sizes):
                    raise OddFile
                coded.take_all(places, sizes)


def _directories(tiff: _Tiff) -> Iterator[dict[int, _Field]]:
    """Every directory of the chain, each followed by those inside it."""
    seen: set[int] = set()
    waiting = [tiff.first]
    while waiting:
        offset = waiting.pop()
        if not offset or offset in seen:
            continue
        if len(seen) == _MOST_DIRECTORIES:
            raise OddFile
        seen.add(offset)
        fields, following = tiff.directory(offset)
        yield fields
        inside = [int(place) for place in tiff.values(fields[_SUBDIRECTORIES])] if _SUBDIRECTORIES in fields else []
        waiting += [following, *reversed(inside[:_MOST_DIRECTORIES])]


def _upright(tiff: _Tiff, fields: Mapping[int, _Field]) -> int:
    found = _orientation(tiff, fields)
    if found is None and _XMP in fields and fields[_XMP].count <= _MOST_XMP:
        packet = fields[_XMP]
        found = orientation_in_xmp(tiff.content.at(packet.place, packet.count))
    return found or 1
