"""How a drawing (SVG) becomes pixels, by resvg: at the size that is wanted, on white.

A drawing has no pixels of its own. It counts as one whose longest side is its own length, but at least
SMALLEST_SIDE and at most LARGEST_SIDE, so that an icon of 16 units can be looked at.

Before resvg sees it, the drawing is written anew without references to anything outside: resvg would open the files
they name. Entities are expanded on the way, within limits.
"""

from __future__ import annotations

import io
import re
import xml.sax
import zlib
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.handler import feature_external_ges, feature_external_pes
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import resvg_py
from PIL import Image

from core.decoding import Seen, Source, View, pictures
from core.errors import FileDamaged, FileUnsupported
from core.media import Facts

SMALLEST_SIDE = 1024
LARGEST_SIDE = 4096
MOST_BYTES = 32 * 2**20
"""The longest text of a drawing, unpacked and with its entities expanded."""
DEEPEST = 256
"""The most elements that may lie within one another. resvg goes into each by calling itself."""

# CSS 2.1, 4.3.2: lengths in pixels of 1/96 inch; em and ex at resvg's font size of 12.
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "in": 96.0,
    "em": 12.0,
    "ex": 6,
}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)(px|pt|pc|mm|cm|in|em|ex|)\s*$")
_LONGEST = 1e9
# Which elements' words are read, and under which name `metadata` takes them.
_WORDS = {"title": "Title", "desc": "Description", "text": "Comment"}


def decode_drawing(source: Source, view: View) -> Seen:
    """The drawing as one frame. Raises MediaError."""
    drawing = _read(source)
    whole = _pixel_size(drawing.size)
    # A region is cut out of the whole, and a grid has its own filter.
    size = whole if view.region or view.grid or view.shape else view.size(*whole)
    with pictures.translated(), _drawn(drawing, size) as image:
        seen = pictures.see(image, view)
    width, height = (max(1, round(side)) for side in drawing.size or whole)
    left, top, right, bottom = view.box(width, height)
    return replace(seen, format="SVG", facts=Facts(right - left, bottom - top), details=())


def _pixel_size(size: tuple[float, float] | None) -> tuple[int, int]:
    width, height = size or (SMALLEST_SIDE, SMALLEST_SIDE)
    scale = min(max(max(width, height), SMALLEST_SIDE), LARGEST_SIDE) / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _drawn(drawing: _Drawing, size: tuple[int, int]) -> Image.Image:
    width, height = size
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=drawing.text,
            background="white",
            dpi=96,  # else lengths in inches or millimetres come to nothing
            skip_system_fonts=not drawing.has_text,
            width=width if width >= height else None,  # of one side, resvg works out the other
            height=height if width < height else None,
        )
    except ValueError as error:
        raise FileDamaged(detail=str(error)) from error
    image = Image.open(io.BytesIO(bytes(png)), formats=["PNG"])
    image.info.update({_WORDS[name]: "".join(parts) for name, parts in drawing.words.items()})
    return image


# --- reading, and leaving out what leads outside -------------------------------------------------------


@dataclass
class _Drawing:
    text: str = ""
    size: tuple[float, float] | None = None
    """Width and height in pixels of 1/96 inch, if it says so."""
    words: dict[str, list[str]] = field(default_factory=dict)
    """What is written in its title, its description and in itself, in parts."""
    has_text: bool = False


def _read(source: Source) -> _Drawing:
    cleaner = _Cleaner()
    parser = xml.sax.make_parser()
    parser.setFeature(feature_external_ges, False)
    parser.setFeature(feature_external_pes, False)
    parser.setContentHandler(cleaner)
    try:
        parser.parse(io.BytesIO(_unpacked(source)))
    except _NoDrawing as error:
        raise source.misnamed() from error
    except xml.sax.SAXParseException as error:
        raise (FileDamaged(detail=error.getMessage()) if cleaner.begun else source.misnamed()) from error
    except (ValueError, LookupError) as error:  # an encoding that there isn't
        raise FileDamaged(detail=str(error)) from error
    return replace(cleaner.drawing, text=cleaner.output.getvalue())


def _unpacked(source: Source) -> bytes:
    content = source.head(MOST_BYTES + 1)
    if content.startswith(b"\x1f\x8b"):
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, MOST_BYTES + 1)
        except zlib.error as error:
            raise FileDamaged(detail=str(error)) from error
    if len(content) > MOST_BYTES:
        raise _too_long()
    return content


class _NoDrawing(Exception):
    """It is XML, but no SVG."""


class _Cleaner(XMLGenerator):
    """Writes down what it is told, less references to the outside, and notes what the drawing is."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        super().__init__(self.output, encoding="utf-8", short_empty_elements=True)
        self.drawing = _Drawing()
        self.begun = False
        self._open: list[str] = []

    def startElement(self, name: str, attrs: Any) -> None:
        local = name.rpartition(":")[2]
        if not self._open:
            if local != "svg":
                raise _NoDrawing
            self.begun = True
            self.drawing.size = _size_of(attrs)
        self._open.append(local)
        self.drawing.has_text |= local == "text"
        if len(self._open) > DEEPEST:
            raise FileUnsupported(detail=f"more than {DEEPEST} elements within one another")
        kept = {key: value for key, value in attrs.items() if not _leads_outside(key, value)}
        super().startElement(name, AttributesImpl(kept))
        self._check_length()

    def endElement(self, name: str) -> None:
        if (local := self._open.pop()) in _WORDS:
            self.drawing.words.setdefault(local, []).append(" ")
        super().endElement(name)

    def characters(self, content: str) -> None:
        # Of a text, but also of a part of it that is set otherwise.
        if name := next((name for name in self._open[-3:] if name in _WORDS), None):
            self.drawing.words.setdefault(name, []).append(content)
        super().characters(content)
        self._check_length()

    def processingInstruction(self, target: str, data: str) -> None:
        """Left out: it names a style sheet outside."""

    def _check_length(self) -> None:
        if self.output.tell() > MOST_BYTES:
            raise _too_long()


def _too_long() -> FileUnsupported:
    return FileUnsupported(detail=f"a drawing of more than {MOST_BYTES // 2**20} MB")


def _leads_outside(name: str, value: str) -> bool:
    return name.rpartition(":")[2] == "href" and not value.lstrip().startswith(("#", "data:"))


def _size_of(attributes: Any) -> tuple[float, float] | None:
    """The size that the outermost element gives itself, by its lengths or else by its view box."""
    width, height = (_pixels_of(attributes.get(side, "")) for side in ("width", "height"))
    box = _view_box(attributes.get("viewBox", ""))
    if box and not (width or height):
        return box
    if box:
        width, height = width or height * box[0] / box[1], height or width * box[1] / box[0]
    return (width, height) if width and height else None


def _view_box(text: str) -> tuple[float, float] | None:
    try:
        _, _, width, height = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        return None
    return (width, height) if 0 < width < _LONGEST and 0 < height < _LONGEST else None


def _pixels_of(length: str) -> float:
    """A length in pixels; 0 if it isn't one by itself, as a percentage."""
    found = _LENGTH.match(length)
    return min(float(found[1]) * _UNITS[found[2]], _LONGEST) if found else 0.0
