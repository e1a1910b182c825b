"""Which words written in a picture or clip are read (EXIF, IPTC, XMP, PNG and container tags), and how many.

All of it is foreign: each block is read up to a limit and apart from the others, so that a hostile or endless one
costs only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from PIL import ExifTags

if TYPE_CHECKING:
    from PIL import Image

WORDS_BYTES = 4096
"""The most that is kept of a file's words, as UTF-8."""
CIRCUMSTANCES_BYTES = 2048
"""What of that the circumstances may take from a long caption."""

# What is read of one block or field, in a few milliseconds: a longer one has more words than are kept. An XMP packet
# may tell the whole history of a picture before its keywords.
_FIELD_CHARACTERS = 4 * WORDS_BYTES
_BLOCK_BYTES = 2**16
_XMP_BYTES = 2**17
_CIRCUMSTANCE_CHARACTERS = 256

# What cameras write by themselves.
_CAMERA_DEFAULTS = frozenset({"olympus digital camera", "sony dsc", "digital camera", "default", "untitled", "dav"})


class _Part(Enum):
    CAPTION = 0
    """Titles, captions and keywords: what a person should see beside the picture."""
    CIRCUMSTANCE = 1
    """Camera, lens, author, place, the branches of a tree of keywords: found, not shown."""


_Fields = Iterator[tuple[_Part, str]]
_CAPTION, _CIRCUMSTANCE = _Part.CAPTION, _Part.CIRCUMSTANCE


def picture_words(image: Image.Image, *, everything: bool) -> str:
    """The embedded titles, captions and keywords, one a line, each once; with `everything` also camera, lens,
    author, headline, place and hierarchical keywords. At most WORDS_BYTES; never raises."""
    sources = (_exif_fields, _png_fields, _xmp_fields, _iptc_fields)
    return _joined([partial(read, image) for read in sources], everything=everything)


def clip_words(container: Mapping[str, str], track: Mapping[str, str], *, everything: bool) -> str:
    """A clip's title and description, one a line, by its container's tags; with `everything` also comment, keywords,
    author, camera, and what its picture track says. At most WORDS_BYTES; never raises."""
    sources = [partial(_clip_fields, container, _CAPTION), partial(_clip_fields, track, _CIRCUMSTANCE)]
    return _joined(sources, everything=everything)


def camera(exif: Image.Exif) -> str:
    """Maker and model as one would say them; empty if the EXIF names none."""
    maker, model = (exif_words(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    return _camera(maker, model)


def exif_words(value: object) -> str:
    """A text of EXIF, or "" for what is none."""
    return _unlatin(value).strip("\0 ") if isinstance(value, str) else ""


# --- from fields to one text -------------------------------------------------------------------------


def _joined(sources: Iterable[Callable[[], _Fields]], *, everything: bool) -> str:
    lines: dict[_Part, dict[str, None]] = {part: {} for part in _Part}
    for read in sources:
        try:
            for part, words in read():
                line = " ".join(words[:_FIELD_CHARACTERS].replace("\0", " ").split())
                if part is _CIRCUMSTANCE:
                    line = line[:_CIRCUMSTANCE_CHARACTERS]
                if line and line.casefold() not in _CAMERA_DEFAULTS:
                    lines[part].setdefault(line)
        except Exception:  # metadata is hostile too, and never costs the picture
            continue
    said = lines[_CAPTION]
    rest = _cut("\n".join(line for line in lines[_CIRCUMSTANCE] if line not in said), CIRCUMSTANCES_BYTES)
    if not (everything and rest):
        return _cut("\n".join(said), WORDS_BYTES)
    caption = _cut("\n".join(said), WORDS_BYTES - 1 - len(rest.encode()))
    return f"{caption}\n{rest}" if caption else rest


def _cut(text: str, limit: int) -> str:
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _camera(maker: str, model: str) -> str:
    return model if model.startswith(maker) else f"{maker} {model}".strip()


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, words)))


def _unlatin(words: str | bytes) -> str:
    """Text that Pillow read as Latin-1, as the UTF-8 that most programs write."""
    raw = words[:_BLOCK_BYTES].encode("latin-1") if isinstance(words, str) else words[:_BLOCK_BYTES]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# --- pictures ----------------------------------------------------------------------------------------

_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_KEYWORDS, _XP_SUBJECT = range(0x9C9B, 0x9CA0)


def _exif_fields(image: Image.Image) -> _Fields:
    exif = image.getexif()
    if words := exif.get(ExifTags.Base.ImageDescription):
        yield _CAPTION, _unlatin(words)
    for tag in (_XP_TITLE, _XP_SUBJECT, _XP_COMMENT, _XP_KEYWORDS, _XP_AUTHOR):
        if isinstance(words := exif.get(tag), bytes):
            part = _CIRCUMSTANCE if tag == _XP_AUTHOR else _CAPTION
            yield part, words[:_BLOCK_BYTES].decode("utf-16-le", "ignore")
    yield _CIRCUMSTANCE, camera(exif)
    yield _CIRCUMSTANCE, exif_words(exif.get(ExifTags.Base.Artist))
    yield _CIRCUMSTANCE, exif_words(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.LensModel))


def _png_fields(image: Image.Image) -> _Fields:
    for key in ("Title", "Description", "Comment", "Author"):
        if isinstance(words := image.info.get(key), str):
            yield _CIRCUMSTANCE if key == "Author" else _CAPTION, words


_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_TITLE, _DESCRIPTION, _SUBJECT = _DC + "title", _DC + "description", _DC + "subject"
_MAKER, _MODEL = "{http://ns.adobe.com/tiff/1.0/}Make", "{http://ns.adobe.com/tiff/1.0/}Model"
_LENSES = ("{http://cipa.jp/exif/1.0/}LensModel", "{http://ns.adobe.com/exif/1.0/aux/}Lens")
_HEADLINE = _PHOTOSHOP + "Headline"
_CREATOR = _DC + "creator"
_PLACES = (
    "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}Location",
    _PHOTOSHOP + "City",
    _PHOTOSHOP + "State",
    _PHOTOSHOP + "Country",
)
# Trees of keywords: "Places|Europe|Paris", "Places/Europe/Paris".
_TREES = {
    "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject": "|",
    "{http://www.digikam.org/ns/1.0/}TagsList": "/",
}
_XMP_NAMES = frozenset(
    (_TITLE, _DESCRIPTION, _SUBJECT, _MAKER, _MODEL, *_LENSES, _HEADLINE, _CREATOR, *_PLACES, *_TREES)
)


def _xmp_fields(image: Image.Image) -> _Fields:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if isinstance(packet, str):
        packet = packet[:_XMP_BYTES].encode()
    found = _xmp_properties(packet[:_XMP_BYTES])
    for name in (_TITLE, _DESCRIPTION):
        yield from ((_CAPTION, words[0]) for words in found.get(name, []))  # the first language is the default
    yield from ((_CAPTION, _listed(words)) for words in found.get(_SUBJECT, []))
    first = {name: words[0][0] for name, words in found.items()}
    yield _CIRCUMSTANCE, _camera(first.get(_MAKER, ""), first.get(_MODEL, ""))
    yield _CIRCUMSTANCE, next((first[name] for name in _LENSES if name in first), "")
    yield from ((_CIRCUMSTANCE, _listed(words)) for words in found.get(_CREATOR, []))
    yield _CIRCUMSTANCE, first.get(_HEADLINE, "")
    yield _CIRCUMSTANCE, _listed(first.get(name, "") for name in _PLACES)
    for name, mark in _TREES.items():
        branches = (branch for words in found.get(name, []) for word in words for branch in word.split(mark))
        yield _CIRCUMSTANCE, _listed(branches)


def _xmp_properties(packet: bytes) -> dict[str, list[list[str]]]:
    """The texts of each property that is read, wherever and however it is written: as an attribute, an element, or
    a list of any depth. Of a packet that breaks off, what came before."""
    found: dict[str, list[list[str]]] = {}
    packet = packet.strip(b"\0 \r\n\t")
    # Entities are the one way an XML text of this size grows without bound, and no XMP uses them.
    if not packet or b"<!" in packet:
        return found
    # By events, of which only the first is looked at: it has the root, and under it whatever else there was.
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(("start",))
    parser.feed(packet)
    events: Iterator[Any] = iter(parser.read_events())
    waiting: list[ElementTree.Element] = [root for _, root in islice(events, 1)]
    while waiting:
        element = waiting.pop()
        values: Iterable[tuple[str, list[str]]] = ()
        if element.tag in _XMP_NAMES:
            values = [(element.tag, [text for part in element.iter() if (text := (part.text or "").strip())])]
        else:
            waiting += reversed(element)
            if element.tag == _RDF + "Description":
                values = [(name, [value]) for name, value in element.items() if name in _XMP_NAMES]
        for name, texts in values:
            if any(texts):
                found.setdefault(name, []).append(texts)
    return found


def _iptc_fields(image: Image.Image) -> _Fields:
    found: dict[int, list[str]] = {}
    for number, words in _iptc_datasets(_iptc_block(image)[:_BLOCK_BYTES]):
        found.setdefault(number, []).append(_unlatin(words).strip("\0 "))
    title, caption, keywords, authors, headline = 5, 120, 25, 80, 105
    for number in (title, caption, keywords):
        yield _CAPTION, _listed(found.get(number, []))
    for number in (authors, headline):
        yield _CIRCUMSTANCE, _listed(found.get(number, []))
    sublocation, city, state, country = 92, 90, 95, 101
    yield _CIRCUMSTANCE, _listed(found.get(number, [""])[0] for number in (sublocation, city, state, country))


def _iptc_block(image: Image.Image) -> bytes:
    resources: dict[int, Any] = image.info.get("photoshop") or {}
    # Pillow would read the field of a TIFF as the numbers that Photoshop says it holds.
    raw: dict[int, bytes] = getattr(getattr(image, "tag_v2", None), "_tagdata", {})
    return bytes(resources.get(0x0404) or raw.get(33723) or b"")


def _iptc_datasets(block: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, value) of the datasets of the application record (IPTC-IIM 4.2, chapter 1.5)."""
    at = 0
    while at + 5 <= len(block) and block[at] == 0x1C:
        length = int.from_bytes(block[at + 3 : at + 5])
        if length & 0x8000:  # an extended one, for more than 32 KiB: no text has that
            return
        if block[at + 1] == 2:
            yield block[at + 2], block[at + 5 : at + 5 + length]
        at += 5 + length


# --- clips -------------------------------------------------------------------------------------------

_CLIP_CAPTION = ("title", "description")
_CLIP_CIRCUMSTANCES = ("comment", "synopsis", "keywords", "artist", "author", "director", "composer")


def _clip_fields(tags: Mapping[str, str], title: _Part) -> _Fields:
    # QuickTime and Android write whole domains: com.apple.quicktime.model.
    named = {key.rpartition(".")[2].casefold(): value for key, value in tags.items()}
    for part, names in ((title, _CLIP_CAPTION), (_CIRCUMSTANCE, _CLIP_CIRCUMSTANCES)):
        yield from ((part, named[name]) for name in names if name in named)
    yield _CIRCUMSTANCE, _camera(named.get("make") or named.get("manufacturer", ""), named.get("model", ""))
