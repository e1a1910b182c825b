"""How a JPEG XL becomes an image, by libjxl through its plugin for Pillow.

The plugin decodes the whole picture when it opens the file, so its size is read from the codestream's header first.
Of an animation it gives the last frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import ExifTags, Image
from pillow_jxl import JpegXLImagePlugin

from core.decoding import Seen, Source, View, pictures
from core.errors import FileDamaged

_CODESTREAM = b"\xff\x0a"
# ISO/IEC 18181-1, SizeHeader: width to height, by the number that stands for it.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIDE_BITS = (9, 13, 18, 30)
_HEADER_BYTES = 2**16


def decode_jpeg_xl(source: Source, view: View) -> Seen:
    """The picture as one frame. Raises MediaError."""
    with pictures.translated():
        content = source.head(source.size)
        pictures.check_megapixels(*_declared_size(content[:_HEADER_BYTES]))
        JpegXLImagePlugin.DECODE_THREADS = 0  # the pool is the parallelism
        try:
            image = Image.open(source.file, formats=["JXL"])
        except (RuntimeError, OSError) as error:  # which say nothing of why
            raise FileDamaged(detail="libjxl can't decode it") from error
        with image:
            if not image.jpeg:  # type: ignore[attr-defined]
                # The codestream says how it is to be turned, and libjxl did so: EXIF is not to be asked again.
                image.getexif()[ExifTags.Base.Orientation] = 1
            if packet := next((data for kind, data in _boxes(content) if kind == b"xml "), None):
                image.info["xmp"] = packet
            image.format = "JPEG XL"
            return pictures.see(image, view)


def _declared_size(head: bytes) -> tuple[int, int]:
    """Width and height, in pixels, by the codestream's header. Raises FileDamaged if there is none."""
    if not head.startswith(_CODESTREAM):
        parts = [data[4:] if kind == b"jxlp" else data for kind, data in _boxes(head) if kind in (b"jxlc", b"jxlp")]
        head = b"".join(parts)  # the first part may hold less than the header
    if not head.startswith(_CODESTREAM):
        raise FileDamaged(detail="it has no codestream")
    bits = int.from_bytes(head[2:12], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & (1 << count) - 1
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return (take(5) + 1) * 8 if small else take(_SIDE_BITS[take(2)]) + 1

    height = side()
    if ratio := _RATIOS.get(take(3)):
        return height * ratio[0] // ratio[1], height
    return side(), height


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, data) of the container's boxes, the last one as far as it is there (ISO/IEC 18181-2, 4.2)."""
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if length == 1 and start + 8 <= len(content):
            (length,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = at + length if length else len(content)
        if end < start:
            return
        yield kind, content[start:end]
        at = end
