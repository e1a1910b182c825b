"""What names the pixels of a file apart from all else that is written into it.

A rating, a caption, keywords, a place, a thumbnail or a comment in a picture or clip leaves its pixel fingerprint as
it was; whatever may change what is decoded gives another one: the coded data, the tables it is decoded by, the size,
and which way is up. Colour profiles are left out, for judges look at colours as they are stored; what turns coded
values into RGB (a transform of JPEG, a matrix of video) counts.

Files are walked by what they begin with, never by their name. Nothing is decoded. In doubt a fingerprint differs: that
costs a second look at the file, where a wrong match would cost a wrong score.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from core.decoding.identity import boxes, directories
from core.decoding.identity.coded import Coded, Content, OddFile

_MOST_TEXT = 2**20
"""The most of a text that is looked through for which way is up."""


def pixel_fingerprint(file: BinaryIO, size: int) -> bytes:
    """16 bytes that name the pixels stored in an open file of `size` bytes; empty for a format that is not known here
    or a file that is not made as its format says. Never raises. Leaves the file at its start.

    Of more than WHOLE_FILE bytes of coded data only samples are read (`Content.digest`).
    """
    content = Content(file, size)
    try:
        head = content.up_to(0, 64)
        for signature, name, collect in _FORMATS:
            if signature.match(head):
                coded = Coded(name)
                collect(content, coded)
                return content.digest(coded)
    except (OddFile, OSError, ValueError, OverflowError, MemoryError, struct.error):
        pass  # damaged, hostile or cut off while it was read: other parts say so
    finally:
        with suppress(OSError, ValueError):
            file.seek(0)
    return b""


# --- JPEG --------------------------------------------------------------------------------------------

# In coded data a byte of ones is followed by a zero or by the number of a restart.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI, _SOS, _COM, _APP0, _APP1, _APP14 = 0xD9, 0xDA, 0xFE, 0xE0, 0xE1, 0xEE
_ALONE = (0x01, 0xD8)
"""Markers without a segment."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"


def _jpeg(content: Content, coded: Coded) -> None:
    _collect_jpeg(content, coded, 0, content.size)


def _collect_jpeg(content: Content, coded: Coded, start: int, end: int) -> None:
    """All of the picture that begins at `start` but application data and comments; not what follows it."""
    transform, turned = _Transform(), _Upright()
    at = start + 2
    while at < end:
        # Between segments lies coded data, if anything.
        marker = content.find(_MARKER, at, end)
        if marker is None:
            coded.take(at, end - at)
            break
        coded.take(at, _without_fill(content, at, marker) - at)
        code = content.number(marker + 1, 1)
        if code == _EOI:
            break
        at = marker + 2
        if code in _ALONE:
            continue
        length = content.number(at, 2)
        if length < 2:
            raise OddFile
        if code == _APP1:
            _look_into_app1(content, turned, at + 2, length - 2)
        elif code in (_APP0, _APP14) or code in _FRAMES:
            transform.see(code, content.up_to(at + 2, min(length - 2, 32)))
        if code != _COM and not _APP0 <= code < _APP0 + 16:
            coded.take(marker, 2 + min(length, end - at))
        at += length
    coded.say(turned.number, transform.number)


def _without_fill(content: Content, start: int, marker: int) -> int:
    """Where the data before a marker ends: bytes of ones may fill the room before it."""
    tail = content.up_to(max(start, marker - 16), marker - max(start, marker - 16))
    return marker - (len(tail) - len(tail.rstrip(b"\xff")))


def _look_into_app1(content: Content, turned: _Upright, at: int, length: int) -> None:
    head = content.up_to(at, min(length, len(_XMP_NAMESPACE)))
    if head.startswith(b"Exif\0\0"):
        turned.see_exif(content, at + 6)
    elif head == _XMP_NAMESPACE:
        turned.see_xmp(content.up_to(at + len(head), length - len(head)))


class _Transform:
    """How a JPEG's components become colours, by the rules of libjpeg: what the headers around the picture say."""

    def __init__(self) -> None:
        self._jfif = False
        self._adobe: int | None = None
        self._components = b""

    def see(self, code: int, data: bytes) -> None:
        if code == _APP0:
            self._jfif = self._jfif or data.startswith(b"JFIF\0")
        elif code == _APP14:
            if data.startswith(b"Adobe") and len(data) >= 12:
                self._adobe = data[11]
        elif len(data) > 6:
            self._components = data[6 : 6 + 3 * data[5] : 3]

    @property
    def number(self) -> int:
        """0: as they are, 1: YCbCr, 2: YCCK; Adobe's numbers."""
        if len(self._components) != 3:
            return self._adobe or 0
        if self._jfif:
            return 1
        if self._adobe is not None:
            return self._adobe
        return 0 if self._components == b"RGB" else 1


class _Upright:
    """Which way a picture is up, by EXIF, or by XMP where EXIF is silent: as Pillow takes it."""

    def __init__(self) -> None:
        self._looked = False
        self._exif: int | None = None
        self._xmp: int | None = None

    def see_exif(self, content: Content, start: int) -> None:
        if not self._looked:  # the first block of EXIF counts, whatever it says
            self._looked, self._exif = True, directories.orientation(content, start)

    def see_xmp(self, packet: bytes) -> None:
        if self._xmp is None:
            self._xmp = directories.orientation_in_xmp(packet)

    @property
    def number(self) -> int:
        return self._exif or self._xmp or 1


# --- formats of chunks -------------------------------------------------------------------------------


def _png(content: Content, coded: Coded) -> None:
    turned, at = _Upright(), 8
    while at + 8 <= content.size:
        head = content.at(at, 8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        at += 8
        if kind in (b"IDAT", b"fdAT"):
            coded.take(at, length)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL"):
            coded.say(kind, content.at(at, length))
        elif kind == b"eXIf":
            turned.see_exif(content, at)
        elif kind in (b"iTXt", b"tEXt", b"zTXt") and length <= _MOST_TEXT:
            _look_into_text(turned, kind, content.up_to(at, length))
        elif kind == b"IEND":
            break
        at += length + 4
    coded.say(turned.number)


def _look_into_text(turned: _Upright, kind: bytes, data: bytes) -> None:
    """EXIF and XMP as ImageMagick and others write them into PNG."""
    key, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and key == b"XML:com.adobe.xmp":
        packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        turned.see_xmp(_unpacked(text) if packed else text)
    elif kind != b"iTXt" and key == b"Raw profile type exif":
        text = _unpacked(rest[1:]) if kind == b"zTXt" else rest
        block = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii")).removeprefix(b"Exif\0\0")
        turned.see_exif(Content(io.BytesIO(block), len(block)), 0)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT)
    except zlib.error as error:
        raise OddFile from error


def _chunks(content: Content) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset, length) of the chunks of a RIFF."""
    at = 12
    while at + 8 <= content.size:
        head = content.at(at, 8)
        length = int.from_bytes(head[4:], "little")
        yield head[:4], at + 8, length
        at += 8 + length + length % 2


def _webp(content: Content, coded: Coded) -> None:
    turned, canvas = _Upright(), b""
    for name, at, length in _chunks(content):
        if name in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            coded.say(name)
            coded.take(at, length)
        elif name == b"VP8X":
            canvas = content.at(at + 4, 6)
        elif name == b"ANIM":
            # Only an animation's frames lie on a canvas; a still's is as large as it is.
            coded.say(canvas, content.at(at, min(length, 6)))
        elif name == b"EXIF":
            start = at + 6 if content.up_to(at, 6) == b"Exif\0\0" else at
            turned.see_exif(content, start)
        elif name == b"XMP " and length <= _MOST_TEXT:
            turned.see_xmp(content.up_to(at, length))
    coded.say(turned.number)


_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
_GIF_TEXT, _GIF_CONTROL, _GIF_APPLICATION = 0x01, 0xF9, 0xFF


def _gif(content: Content, coded: Coded) -> None:
    screen = content.at(6, 7)
    at = 13 + _gif_colours(screen[4])
    coded.say(screen, content.at(13, at - 13))
    while at < content.size and (block := content.number(at, 1)) != _GIF_END:
        if block == _GIF_IMAGE:
            data = at + 10 + _gif_colours(content.number(at + 9, 1)) + 1
            end = _gif_blocks(content, data)
            coded.take(at, end - at)
        elif block == _GIF_EXTENSION:
            label = content.number(at + 1, 1)
            end = _gif_blocks(content, at + 2)
            looped = label == _GIF_APPLICATION and content.up_to(at + 3, 11) == b"NETSCAPE2.0"
            if looped or label in (_GIF_CONTROL, _GIF_TEXT):
                coded.take(at, end - at)
        else:
            raise OddFile
        at = end


def _gif_colours(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks(content: Content, at: int) -> int:
    """Where a row of blocks of up to 255 bytes ends; in a file that is cut off, its end."""
    while at < content.size and (length := content.number(at, 1)):
        at += 1 + length
    return min(at + 1, content.size)


def _psd(content: Content, coded: Coded) -> None:
    coded.say(content.at(4, 22))
    colours = content.number(26, 4)
    coded.take(30, colours)
    resources = 30 + colours  # caption, rating, EXIF, thumbnail
    layers = resources + 4 + content.number(resources, 4)
    coded.take(layers, content.size - layers)


# --- whole streams, RAW, Matroska --------------------------------------------------------------------


def _all(content: Content, coded: Coded) -> None:
    """A codestream without anything around it."""
    coded.take(0, content.size)


def _bare_jxl(content: Content, coded: Coded) -> None:
    _all(content, coded)
    coded.say(1)  # as in boxes that don't turn it


def _raf(content: Content, coded: Coded) -> None:
    """Fujifilm's RAW: a JPEG, which holds the metadata, a header and the sensor's data, at the places it says."""
    jpeg, length, header, header_length, data, data_length = struct.unpack(">6I", content.at(84, 24))
    _collect_jpeg(content, coded, jpeg, min(jpeg + length, content.size))
    coded.take(header, header_length)
    coded.take(data, data_length)


_SEGMENT, _TRACKS, _CLUSTER = 0x18538067, 0x1654AE6B, 0x1F43B675


def _matroska(content: Content, coded: Coded) -> None:
    """The tracks' descriptions and all clusters. What is written of a film stands beside them (RFC 9559)."""
    at, end = 0, content.size
    while at < end:
        number, after = _vint(content, at, keep_mark=True)
        length, inner = _vint(content, after, keep_mark=False)
        unknown = length == (1 << 7 * (inner - after)) - 1
        if number == _SEGMENT:
            at = inner
            continue
        if unknown:
            raise OddFile  # a broadcast: its clusters end where others begin
        if number in (_TRACKS, _CLUSTER):
            coded.take(inner, length)
        at = inner + length


def _vint(content: Content, at: int, *, keep_mark: bool) -> tuple[int, int]:
    """A number whose length its first bits tell, and where it ends."""
    data = content.up_to(at, 8)
    length = 9 - data[0].bit_length() if data else 9
    if length > min(8, len(data)):
        raise OddFile
    number = int.from_bytes(data[:length])
    return (number if keep_mark else number & (1 << 7 * length) - 1), at + length


_Collector = Callable[[Content, Coded], None]

_FORMATS: tuple[tuple[re.Pattern[bytes], bytes, _Collector], ...] = (
    (re.compile(rb"\xff\xd8\xff"), b"JPEG", _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), b"PNG", _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), b"WebP", _webp),
    (re.compile(rb"GIF8[79]a"), b"GIF", _gif),
    (re.compile(rb"8BPS\x00[\x01\x02]"), b"PSD", _psd),
    (directories.SIGNATURE, b"TIFF", directories.collect),
    (re.compile(rb"FUJIFILMCCD-RAW"), b"RAF", _raf),
    (re.compile(rb"\xff\x0a"), b"JXL", _bare_jxl),
    (re.compile(rb"\0\0\0\x0cJXL \r\n\x87\n"), b"JXL", boxes.collect_jxl),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n"), b"JP2", boxes.collect_jp2),
    (re.compile(rb"\xff\x4f\xff\x51"), b"J2K", _all),
    (re.compile(rb"....(?:ftyp|moov|mdat|wide|free|skip)", re.DOTALL), b"ISO", boxes.collect),
    (re.compile(rb"\x1a\x45\xdf\xa3"), b"Matroska", _matroska),
)
"""How a file begins, the name that its fingerprints are made under, and who knows where its pixels are."""
