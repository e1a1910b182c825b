"""Where files made of boxes (ISO base media: MP4, MOV, HEIF, AVIF, CR3; JPEG XL, JPEG 2000) keep coded pixels.

Boxes and their fields: ISO/IEC 14496-12 (base), 23008-12 (HEIF), 18181-2 (JPEG XL), 15444-1 (JPEG 2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.decoding.identity.coded import Coded, Content, OddFile
from core.decoding.identity.directories import orientation

_MOST_META = 4 * 2**20
_METADATA_ITEMS = frozenset((b"Exif", b"mime", b"uri "))
_METADATA_PROPERTIES = frozenset((b"udes", b"altt"))
_PROFILES = frozenset((b"prof", b"rICC"))
_PICTURE_TRACKS = frozenset((b"vide", b"pict", b"auxv"))
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


@dataclass(frozen=True)
class _Box:
    type: bytes
    start: int
    """Of what is in it."""
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def _boxes(content: Content, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        head = content.up_to(start, 16)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        inner = start + 8
        if size == 1:
            size, inner = int.from_bytes(head[8:16]), start + 16
        elif size == 0:
            size = end - start
        if start + size < inner:
            raise OddFile
        yield _Box(kind, inner, min(start + size, end))
        start += size


def _children(content: Content, box: _Box) -> dict[bytes, _Box]:
    """The boxes inside one by type, of several the first."""
    found: dict[bytes, _Box] = {}
    for child in _boxes(content, box.start, box.end):
        found.setdefault(child.type, child)
    return found


def _inside(content: Content, box: _Box, *path: bytes) -> _Box:
    for kind in path:
        children = _children(content, box)
        if kind not in children:
            raise OddFile
        box = children[kind]
    return box


def _payload(content: Content, box: _Box) -> bytes:
    return content.at(box.start, box.size)


# --- pictures in boxes -------------------------------------------------------------------------------


def collect_jxl(content: Content, coded: Coded) -> None:
    """A JPEG XL in boxes: its codestream, so that it is the same without them. Raises OddFile."""
    turned = 1
    for box in _boxes(content, 0, content.size):
        if box.type == b"jxlc":
            coded.take(box.start, box.size)
        elif box.type == b"jxlp":
            coded.take(box.start + 4, box.size - 4)
        elif box.type == b"Exif" and box.size > 4:
            turned = orientation(content, box.start + 4 + content.number(box.start, 4)) or 1
    coded.say(turned)


def collect_jp2(content: Content, coded: Coded) -> None:
    """A JPEG 2000: its header (size, palette, channels, colour space) and codestream. Raises OddFile."""
    for box in _boxes(content, 0, content.size):
        if box.type == b"jp2h":
            for part in _boxes(content, box.start, box.end):
                if part.type in (b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef"):
                    coded.say(part.type, _payload(content, part))
                elif part.type == b"colr" and content.number(part.start, 1) == 1:
                    coded.say(part.type, content.at(part.start + 3, 4))
        elif box.type == b"jp2c":
            coded.take(box.start, box.size)


# --- ISO base media ----------------------------------------------------------------------------------


def collect(content: Content, coded: Coded) -> None:
    """The coded pictures and picture tracks of an ISO base media file. Raises OddFile."""
    in_pieces: list[_Box] = []
    for box in _boxes(content, 0, content.size):
        if box.type == b"meta":
            _collect_items(content, box, coded)
        elif box.type == b"moov":
            _collect_tracks(content, box, coded)
        elif box.type == b"moof" or (box.type == b"mdat" and in_pieces):
            in_pieces.append(box)
    for box in in_pieces:  # each piece has its own tables, relative to itself
        coded.take(box.start, box.size)


# tracks


def _collect_tracks(content: Content, moov: _Box, coded: Coded) -> None:
    for box in _boxes(content, moov.start, moov.end):
        if box.type == b"trak":
            media = _inside(content, box, b"mdia")
            if content.at(_inside(content, media, b"hdlr").start + 8, 4) in _PICTURE_TRACKS:
                _collect_track(content, box, coded)
        elif box.type == b"mvhd":
            coded.say(_time_scale(content, box))
        elif box.type == b"uuid" and content.at(box.start, min(16, box.size)) == _CANON:
            camera = _children(content, _Box(box.type, box.start + 16, box.end)).get(b"CMT1")
            coded.say((camera and orientation(content, camera.start)) or 1)


def _time_scale(content: Content, header: _Box) -> int:
    return content.number(header.start + (20 if content.number(header.start, 1) else 12), 4)


def _collect_track(content: Content, track: _Box, coded: Coded) -> None:
    parts, media = _children(content, track), _inside(content, track, b"mdia")
    if b"tkhd" not in parts:
        raise OddFile
    coded.say(content.at(parts[b"tkhd"].end - 44, 44))  # matrix, width, height: how it is turned and shown
    coded.say(_time_scale(content, _inside(content, media, b"mdhd")))
    if b"edts" in parts:
        coded.say(_payload(content, parts[b"edts"]))
    table = _children(content, _inside(content, media, b"minf", b"stbl"))
    for kind in (b"stsd", b"stts", b"ctts"):
        if kind in table:
            coded.say(kind, _payload(content, table[kind]))
    if not {b"stsc", b"stsz"} <= table.keys() or not {b"stco", b"co64"} & table.keys():
        raise OddFile
    wide = b"stco" not in table
    chunks = _entries(content, table[b"co64" if wide else b"stco"], 4, ">i8" if wide else ">u4")[:, 0]
    coded.take_all(chunks, _chunk_lengths(content, table, len(chunks)))


def _entries(content: Content, box: _Box, at: int, dtype: str, columns: int = 1) -> NDArray[np.int64]:
    """A table's rows. How many there are stands so many bytes into the box, and they follow it."""
    count, size = content.number(box.start + at, 4), np.dtype(dtype).itemsize * columns
    if at + 4 + count * size > box.size:
        raise OddFile
    rows = np.frombuffer(content.at(box.start + at + 4, count * size), dtype).astype(np.int64)
    return rows.reshape(count, columns)


def _chunk_lengths(content: Content, table: dict[bytes, _Box], chunks: int) -> NDArray[np.int64]:
    """How many bytes each chunk has: the sum of its samples, whose number is told for runs of chunks."""
    runs = _entries(content, table[b"stsc"], 4, ">u4", 3)
    firsts, many = runs[:, 0] - 1, runs[:, 1]
    lasts = np.append(firsts[1:], chunks)
    if not len(runs) or firsts[0] or (lasts < firsts).any() or lasts[-1] != chunks:
        if chunks:
            raise OddFile
        return np.empty(0, np.int64)  # all of it is in pieces
    stops = np.cumsum(np.repeat(many, lasts - firsts))
    sizes = table[b"stsz"]
    if each := content.number(sizes.start + 4, 4):
        return np.diff(stops, prepend=0) * each
    bounds = np.append(0, np.cumsum(_entries(content, sizes, 8, ">u4")))
    return np.diff(bounds[np.minimum(stops, len(bounds) - 1)], prepend=0)


# items


@dataclass
class _Item:
    type: bytes
    properties: list[bytes] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)


def _collect_items(content: Content, meta: _Box, coded: Coded) -> None:
    """The pictures of a HEIF or AVIF: codings, tiles, alpha and depth; no Exif, no XMP, no thumbnails."""
    parts = _children(content, _Box(meta.type, meta.start + 4, meta.end))
    if not {b"iinf", b"iloc", b"iprp", b"pitm"} <= parts.keys():
        return  # not of pictures
    if meta.size > _MOST_META:
        raise OddFile
    items = _items(content, parts[b"iinf"])
    _locate(content, parts, items)
    _describe(content, parts[b"iprp"], items)
    primary = _Fields(_payload(content, parts[b"pitm"]))
    primary_item = primary.take(4 if primary.version else 2)
    references = list(_references(content, parts[b"iref"])) if b"iref" in parts else []
    left_out = {item for kind, item, _ in references if kind == b"thmb"} - {primary_item}
    left_out |= {item for item, each in items.items() if each.type in _METADATA_ITEMS}
    coded.say(primary_item)
    for number in sorted(items.keys() - left_out):
        item = items[number]
        coded.say(number, item.type, *item.properties)
        for offset, length in item.extents:
            coded.take(offset, length)
    for kind, number, others in sorted(references):
        if number not in left_out:
            coded.say(kind, number, *others)


class _Fields:
    """The numbers of a full box, one after the other, behind its version and flags."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 4:
            raise OddFile
        self.version, self.flags = data[0], int.from_bytes(data[1:4])
        self._data, self._at = data, 4

    def take(self, length: int) -> int:
        return int.from_bytes(self.bytes(length))

    def bytes(self, length: int) -> bytes:
        self._at += length
        if self._at > len(self._data):
            raise OddFile
        return self._data[self._at - length : self._at]


def _items(content: Content, box: _Box) -> dict[int, _Item]:
    counted = _Fields(_payload(content, _Box(box.type, box.start, min(box.end, box.start + 8))))
    items: dict[int, _Item] = {}
    for entry in _boxes(content, box.start + (8 if counted.version else 6), box.end):
        fields = _Fields(_payload(content, entry))
        if entry.type != b"infe" or fields.version not in (2, 3):
            raise OddFile
        number = fields.take(2 if fields.version == 2 else 4)
        fields.take(2)  # protection
        items[number] = _Item(fields.bytes(4))
    return items


def _locate(content: Content, parts: dict[bytes, _Box], items: dict[int, _Item]) -> None:
    """Where the items' data lies: in the file, or in the meta box itself."""
    fields = _Fields(_payload(content, parts[b"iloc"]))
    sizes = fields.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if fields.version == 2 else 2
    for _ in range(fields.take(wide)):
        number = fields.take(wide)
        method = fields.take(2) & 15 if fields.version else 0
        fields.take(2)  # in this file
        base = fields.take(base_size)
        if method > 1 or (method == 1 and b"idat" not in parts):
            raise OddFile
        if method == 1:
            base += parts[b"idat"].start
        for _ in range(fields.take(2)):
            if fields.version:
                fields.take(index_size)
            offset, length = fields.take(offset_size), fields.take(length_size)
            if number in items:
                items[number].extents.append((base + offset, length or content.size))


def _describe(content: Content, box: _Box, items: dict[int, _Item]) -> None:
    """What says how the items are decoded, cropped, turned and mirrored; their profiles are left out."""
    properties = [
        part.type + _payload(content, part) for part in _boxes(content, *_range(_inside(content, box, b"ipco")))
    ]
    for part in _boxes(content, box.start, box.end):
        if part.type != b"ipma":
            continue
        fields = _Fields(_payload(content, part))
        for _ in range(fields.take(4)):
            number = fields.take(4 if fields.version else 2)
            for _ in range(fields.take(1)):
                index = fields.take(2) & 0x7FFF if fields.flags & 1 else fields.take(1) & 0x7F
                if index > len(properties):
                    raise OddFile
                if index and number in items and _decides(properties[index - 1]):
                    items[number].properties.append(properties[index - 1])


def _range(box: _Box) -> tuple[int, int]:
    return box.start, box.end


def _decides(named: bytes) -> bool:
    kind = named[:4]
    return kind not in _METADATA_PROPERTIES and not (kind == b"colr" and named[4:8] in _PROFILES)


def _references(content: Content, box: _Box) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    wide = 4 if content.number(box.start, 1) else 2
    for entry in _boxes(content, box.start + 4, box.end):
        if entry.size < wide + 2:
            raise OddFile
        data = _payload(content, entry)
        numbers = [int.from_bytes(data[at : at + wide]) for at in range(wide + 2, len(data), wide)]
        yield entry.type, int.from_bytes(data[:wide]), tuple(numbers)
