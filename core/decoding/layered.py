"""How a Photoshop document (PSD, PSB) becomes an image: by the composite it holds, else from its layers by psd-tools.

Layers are skipped, not read, so that the memory it takes depends on the size of the picture alone. The composite is
read here rather than by Pillow, which knows neither PSB nor more than 8 bits, and takes any fourth channel for
transparency. Sections and numbers are those of Adobe's "Photoshop File Formats Specification".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.decoding import Seen, Source, View, pictures
from core.decoding.high_range import srgb_of
from core.errors import FileDamaged, FileUnsupported

_HEADER = struct.Struct(">4sH6xHIIHH")
_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9
# Photoshop's mode of colour -> Pillow's, and how many channels belong to it.
_MODES = {
    **dict.fromkeys((_BITMAP, _GREY, _MULTICHANNEL, _DUOTONE), ("L", 1)),
    _INDEXED: ("P", 1),
    _RGB: ("RGB", 3),
    _CMYK: ("CMYK", 4),
    _LAB: ("LAB", 3),
}
_RAW, _PACKED, _ZIPPED, _ZIPPED_DIFFERENCES = range(4)
_IPTC, _ICC, _VERSION, _EXIF, _XMP = 1028, 1039, 1057, 1058, 1060
_MOST_RESOURCE_BYTES = 64 * 2**20
_MOST_BLOCKS = 256
_MERGED_TRANSPARENCY = (b"Mtrn", b"Mt16", b"Mt32")
_LAYERS = (b"Lr16", b"Lr32")
# Of a large document (PSB), these blocks have a length of 8 bytes.
_LONG_BLOCKS = frozenset(b"LMsk Lr16 Lr32 Layr Mt16 Mt32 Mtrn Alph FMsk lnk2 FEid FXid PxSD cinf".split())
_LAYER_BYTES = 2**30
"""How much memory psd-tools may take to put layers together."""


def decode_layered(source: Source, view: View) -> Seen:
    """The document as one frame, on white. Raises MediaError."""
    with pictures.translated():
        document = _sections(source)
        image = _composite(source.file, document) if document.has_composite else _from_layers(source.file)
        with image:
            image.format = "Photoshop"
            image.info.update(_metadata(document.resources))
            return pictures.see(image, view)


@dataclass(frozen=True)
class _Document:
    width: int
    height: int
    channels: int
    depth: int
    """Bits of one channel."""
    mode: int
    large: bool
    palette: bytes
    resources: dict[int, bytes]
    transparent: bool
    """Whether the first channel beyond those of its colours is the composite's transparency."""
    at: int
    """Where the composite begins."""

    @property
    def has_composite(self) -> bool:
        # Whoever saves without "maximised compatibility" leaves a white one.
        return self.resources.get(_VERSION, b"\0\0\0\0\1")[4:5] != b"\0"

    @property
    def row_bytes(self) -> int:
        return (self.width * self.depth + 7) // 8


def _sections(source: Source) -> _Document:
    """What is known before the pixels. Raises FileTooLarge, FileUnsupported and FileDamaged."""
    file = source.file
    _, version, channels, height, width, depth, mode = _HEADER.unpack(_exactly(file, _HEADER.size))
    pictures.check_megapixels(width, height)
    if version not in (1, 2) or mode not in _MODES or depth not in (1, 8, 16, 32):
        raise FileUnsupported(detail=f"version {version}, mode {mode}, {depth} bits")
    if not _MODES[mode][1] <= channels <= 56:
        raise FileDamaged(detail=f"{channels} channels")
    large = version == 2
    palette = _exactly(file, _number(file, 4))
    length = _number(file, 4)
    if length > _MOST_RESOURCE_BYTES:
        raise FileDamaged(detail=f"{length} bytes of resources")
    resources = dict(_resources(_exactly(file, length)))
    length = _number(file, 8 if large else 4)
    start = file.tell()
    if start + length >= source.size:
        raise FileDamaged(detail="it breaks off")
    transparent = length > 0 and channels > _MODES[mode][1] and _is_transparent(file, start + length, large)
    at = start + length
    return _Document(width, height, channels, depth, mode, large, palette, resources, transparent, at)


def _resources(section: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 7 <= len(section) and section[at : at + 4] in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
        (number,) = struct.unpack_from(">H", section, at + 4)
        at += 6 + (section[at + 6] + 2 & ~1)  # a name of Pascal's kind, padded
        length = int.from_bytes(section[at : at + 4])
        yield number, section[at + 4 : at + 4 + length]
        at += 4 + (length + 1 & ~1)


def _is_transparent(file: BinaryIO, end: int, large: bool) -> bool:
    """Whether the composite's first further channel is its transparency; the file is at the layers' section."""
    long = 8 if large else 4
    length = _number(file, long)
    if length:
        return _signed(_exactly(file, 2)) < 0
    file.seek(_number(file, 4), 1)  # the mask of all layers
    for _ in range(_MOST_BLOCKS):  # of 16 and 32 bits, layers are in blocks that follow
        if file.tell() + 12 > end:
            return False
        key = _exactly(file, 8)[4:]
        length = _number(file, long if key in _LONG_BLOCKS else 4)
        if key in _MERGED_TRANSPARENCY:
            return True
        if key in _LAYERS:
            return _signed(_exactly(file, 2)) < 0
        if file.tell() + length > end:
            return False
        file.seek(length + 3 & ~3, 1)
    return False


# --- the composite -----------------------------------------------------------------------------------


def _composite(file: BinaryIO, document: _Document) -> Image.Image:
    file.seek(document.at)
    wanted = _MODES[document.mode][1] + document.transparent
    planes = [_eight_bits(plane, document) for plane in _planes(file, document, wanted)]
    mode, count = _MODES[document.mode]
    if document.mode in (_BITMAP, _CMYK):
        planes = [np.uint8(255) - plane if index < count else plane for index, plane in enumerate(planes)]
    if mode == "LAB":  # Pillow's a and b are signed
        planes = [planes[0], *(plane ^ np.uint8(128) for plane in planes[1:3]), *planes[3:]]
    if document.transparent and mode in ("L", "RGB") and not _is_on_white(planes[:count], planes[count]):
        mode, count = mode + "A", count + 1
    bands = [Image.fromarray(plane) for plane in planes[:count]]
    image = bands[0] if count == 1 else Image.merge(mode, bands)
    if mode == "P":
        image.putpalette(np.frombuffer(document.palette[:768].ljust(768, b"\0"), np.uint8).reshape(3, 256).T.tobytes())
    return image


def _planes(file: BinaryIO, document: _Document, wanted: int) -> Iterator[NDArray[np.uint8]]:
    """The first channels as they are stored: (height, bytes of a row)."""
    rows, row = document.height * wanted, document.row_bytes
    compression = _number(file, 2)
    if compression == _RAW:
        data = _exactly(file, rows * row)
    elif compression == _PACKED:
        data = _unpacked(file, document, wanted)
    elif compression in (_ZIPPED, _ZIPPED_DIFFERENCES):
        data = zlib.decompressobj().decompress(file.read(rows * row), rows * row)
    else:
        raise FileUnsupported(detail=f"compression {compression}")
    if len(data) < rows * row:
        raise FileDamaged(detail="it breaks off")
    planes = np.frombuffer(data, np.uint8).reshape(wanted, document.height, row)
    yield from (_summed(plane, document.depth) if compression == _ZIPPED_DIFFERENCES else plane for plane in planes)


def _unpacked(file: BinaryIO, document: _Document, wanted: int) -> bytes:
    """Rows packed by PackBits, by Pillow's decoder."""
    width = 4 if document.large else 2
    lengths = np.frombuffer(_exactly(file, document.height * document.channels * width), f">u{width}")
    packed = int(lengths[: document.height * wanted].sum(dtype=np.uint64))
    size = document.row_bytes, document.height * wanted
    return Image.frombytes("L", size, _exactly(file, packed), "packbits", "L").tobytes()


def _summed(rows: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Rows of which each value is stored as the difference to the one before."""
    if depth == 16:
        return np.cumsum(rows.view(">u2"), axis=1, dtype=np.uint16).astype(">u2").view(np.uint8)
    summed = np.cumsum(rows, axis=1, dtype=np.uint8)
    if depth != 32:
        return summed
    # The four bytes of a value lie apart: first all highest ones of a row.
    height, width = rows.shape
    return np.ascontiguousarray(summed.reshape(height, 4, width // 4).transpose(0, 2, 1)).reshape(height, width)


def _eight_bits(rows: NDArray[np.uint8], document: _Document) -> NDArray[np.uint8]:
    """(height, width) of stored rows."""
    if document.depth == 1:
        return np.unpackbits(rows, axis=1, count=document.width) * np.uint8(255)
    if document.depth == 8:
        return rows
    if document.depth == 16:
        return ((rows.view(">u2").astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    # Floating point is linear light, 1 its white.
    linear = np.nan_to_num(rows.view(">f4").astype(np.float32), nan=0.0)
    return srgb_of(linear)


def _is_on_white(colours: list[NDArray[np.uint8]], alpha: NDArray[np.uint8]) -> bool:
    """Whether transparent parts are mixed with white already, as Photoshop does: then nothing is darker than so much
    white makes it."""
    white = 255 - alpha
    return all(bool((plane >= white - np.minimum(white, 2)).all()) for plane in colours)


# --- without a composite -----------------------------------------------------------------------------


def _from_layers(file: BinaryIO) -> Image.Image:
    from psd_tools import PSDImage
    from psd_tools.psd.parse_limits import ParseLimitError

    file.seek(0)
    try:
        image = PSDImage.open(file, max_alloc_bytes=_LAYER_BYTES).composite(force=True, apply_icc=False)
    except (ImportError, ParseLimitError, NotImplementedError) as error:
        raise FileUnsupported(detail=f"it was saved without a composite: {error}") from error
    if image is None:
        raise FileDamaged(detail="it has neither a composite nor layers")
    return image


# --- small things ------------------------------------------------------------------------------------


def _metadata(resources: dict[int, bytes]) -> dict[str, object]:
    names = {_ICC: "icc_profile", _EXIF: "exif", _XMP: "xmp"}
    found: dict[str, object] = {name: resources[number] for number, name in names.items() if number in resources}
    if _IPTC in resources:
        found["photoshop"] = {0x0404: resources[_IPTC]}
    return found


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise FileDamaged(detail="it breaks off")
    return data


def _number(file: BinaryIO, width: int) -> int:
    return int.from_bytes(_exactly(file, width))


def _signed(data: bytes) -> int:
    return int.from_bytes(data, signed=True)
