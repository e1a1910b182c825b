"""What a person reads in a document with markup: web pages, Word's documents, and RTF.

Each is read as a stream and no further than its text is wanted. No tree of it is built, nothing it points to is
fetched, and of what unpacks without end the beginning counts.
"""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Protocol

from lxml import etree
from striprtf.striprtf import rtf_to_text

from core.decoding import Seen, Source, View
from core.decoding.documents import decoded, read_beginning, seen_text
from core.errors import FileDamaged, FileProtected, FileUnsupported, MediaError, media_error_from_os

MARKUP_BYTES = 4 * 2**20
"""Of a longer web page or RTF document, the beginning counts: a text of 1 MB with its markup."""
PART_BYTES = 32 * 2**20
"""The same, unpacked, of the text of a Word document: a thousand pages."""

_CHUNK = 2**16
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _tidy(parts: list[str]) -> str:
    return _LINES.sub("\n", _SPACES.sub(" ", "".join(parts))).strip()


class _Reader(Protocol):
    """What a parser tells what it meets."""

    length: int
    """Characters met so far."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, data: str) -> None: ...
    def close(self) -> None: ...


# --- web pages ---------------------------------------------------------------------------------------

_UNSEEN = frozenset(("script", "style", "template", "noscript", "iframe", "object", "datalist"))
# What does not begin a line of its own, as far as it holds words.
_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
        *("img", "input", "ins", "kbd", "label", "mark", "nobr", "output", "q", "rb", "rp", "rt", "ruby", "s", "samp"),
        *("small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    )
)
_CELLS = frozenset(("td", "th", "option", "button"))
_NAMED_ENCODING = re.compile(
    rb"""<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,80}?encoding)\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE
)


def decode_html(source: Source, view: View) -> Seen:
    """The title, and what a browser would show of the text. Raises MediaError."""
    raw = read_beginning(source, MARKUP_BYTES)
    named = _NAMED_ENCODING.search(raw, 0, 4096)
    markup, encoding = decoded(raw, source, named[1].decode("ascii") if named else "")
    page = _Page()
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True, huge_tree=True)
    _feed(parser, page, _pieces(_CONTROLS.sub(" ", markup)), view.characters)
    return seen_text(source, view, "\n".join(filter(None, (_tidy(page.title), _tidy(page.parts)))), encoding)


def _pieces(text: str) -> Iterator[bytes]:
    for at in range(0, len(text), _CHUNK):
        yield text[at : at + _CHUNK].encode()


class _Page:
    def __init__(self) -> None:
        self.title: list[str] = []
        self.parts: list[str] = []
        self.length = 0
        self._unseen = 0
        """How many elements are open from the outermost unseen one on."""
        self._in_title = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._unseen or tag in _UNSEEN or "hidden" in attributes:
            self._unseen += 1
        elif tag == "title" and not self.title:
            self._in_title = True
        else:
            self._separate(tag)

    def end(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
        elif tag == "title":
            self._in_title = False
        else:
            self._separate(tag)

    def data(self, data: str) -> None:
        if not self._unseen:
            (self.title if self._in_title else self.parts).append(data)
            self.length += len(data.strip())

    def close(self) -> None:
        pass

    def _separate(self, tag: str) -> None:
        if tag in _CELLS:
            self.parts.append(" ")
        elif tag not in _INLINE:
            self.parts.append("\n")


# --- Word --------------------------------------------------------------------------------------------

_BODY = re.compile(r"word/document\d*\.xml")
_HEADER = re.compile(r"word/header\d+\.xml")
_NOTES = re.compile(r"word/(?:foot|end)notes\d*\.xml")
_PROPERTIES = "docProps/core.xml"
_MOST_HEADERS = 12
_PACKED = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def decode_docx(source: Source, view: View) -> Seen:
    """The headers, the text with its tables, and the notes. Raises MediaError."""
    head = source.head(512)
    if head.startswith(_COMPOUND):
        raise FileProtected() if _is_encrypted(source, head) else source.misnamed()
    if not head.startswith(_PACKED):
        raise source.misnamed()
    with _unpacking(), zipfile.ZipFile(source.file) as package:
        names = sorted(package.namelist())
        body = next(filter(_BODY.fullmatch, names), None)
        if body is None:
            raise source.misnamed()
        # Most documents have the same header for first, odd and even pages.
        headers = list(filter(_HEADER.fullmatch, names))[:_MOST_HEADERS]
        notes = list(filter(_NOTES.fullmatch, names))[:_MOST_HEADERS]
        texts = dict.fromkeys(_tidy(_read(package, name, view.characters).parts) for name in (*headers, body, *notes))
        seen = seen_text(source, view, "\n".join(filter(None, texts)), "utf-8")
        if not view.details:
            return seen
        properties = _read(package, _PROPERTIES, view.characters).named if _PROPERTIES in names else {}
        return replace(
            seen, details=tuple((label, properties[label]) for label in _PROPERTY.values() if label in properties)
        )


def _is_encrypted(source: Source, head: bytes) -> bool:
    """Whether the compound file's directory, a few sectors, names an encrypted package. An old .doc has none."""
    sector = 1 << min(int.from_bytes(head[30:32], "little"), 16)
    first = int.from_bytes(head[48:52], "little")
    try:
        source.file.seek((first + 1) * sector)
        return _ENCRYPTED in source.file.read(2**16)
    except OSError as error:
        raise media_error_from_os(error) from error


def _read(package: zipfile.ZipFile, name: str, characters: int) -> _WordPart:
    part = _WordPart()
    if package.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileUnsupported(detail="an unusual compression")
    parser = etree.XMLParser(target=part, resolve_entities=False, no_network=True, load_dtd=False)
    with package.open(name) as stream:
        _feed(parser, part, _unpacked(stream), characters)
    return part


def _unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces, no more than PART_BYTES of it, whatever size it says it has."""
    for _ in range(PART_BYTES // _CHUNK):
        piece = stream.read(_CHUNK)
        if not piece:
            return
        yield piece


_PROPERTY = {"title": "Title", "creator": "Author"}


class _WordPart:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.named: dict[str, str] = {}
        self.length = 0
        self._reading: str | None = None
        self._instead = 0
        """How many fallbacks for older programs are open: they repeat what was said."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        # No program writes one, and it could define words that expand without end.
        raise FileUnsupported(detail="a document type of its own")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "Fallback":
            self._instead += 1
        elif name == "t" or name in _PROPERTY:
            self._reading = name
        elif name in ("tab", "tc"):
            self.parts.append(" ")
        elif name in ("p", "br", "cr"):
            self.parts.append("\n")

    def end(self, tag: str) -> None:
        self._reading = None
        if tag.endswith("}Fallback"):
            self._instead -= 1

    def data(self, data: str) -> None:
        if self._reading is None or self._instead:
            return
        if label := _PROPERTY.get(self._reading):
            self.named[label] = (self.named.get(label, "") + data)[:300]
        else:
            self.parts.append(data)
            self.length += len(data)

    def close(self) -> None:
        pass


# --- RTF ---------------------------------------------------------------------------------------------

_STYLES_BYTES = 2**19
"""What fonts and styles may take before the text begins, where only a little of it is wanted."""
_RTF = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\\rtf", re.IGNORECASE)
_BINARY = re.compile(rb"\\bin(\d{1,9}) ?")
_HEX = re.compile(rb"[0-9a-fA-F\s]{256,}")  # a picture
_HIGH = re.compile(rb"[\x80-\xff]")
_GROUP = re.compile(rb"\\[\\{}]|\{")
_FONTS = re.compile(rb"\{[^{}]{0,80}\\fonttbl")
_FONT = re.compile(rb"\\f(\d{1,9})(?!\d)[^{};]{0,200}?\\fcharset(\d{1,3})(?!\d)")
_MOST_FONTS = 2000
# Of the old Macintosh's sets of characters that Python has no name for, the one of Windows for the same script.
_CHARSETS = {
    **{b"78": b"128", b"79": b"136", b"80": b"129", b"82": b"177", b"85": b"134"},
    **{b"86": b"238", b"87": b"204", b"88": b"222", b"89": b"238"},
}
_BRACE = re.compile(rb"[{}]")


def decode_rtf(source: Source, view: View) -> Seen:
    """The text without its formatting. Raises MediaError."""
    raw = read_beginning(source, min(MARKUP_BYTES, _STYLES_BYTES + 16 * view.characters))
    if not _RTF.match(raw):
        raise source.misnamed()
    try:
        text = rtf_to_text(_plain(raw).decode("ascii"), errors="replace")  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise FileDamaged(detail=str(error)) from error
    # Characters beyond 65,535 come as two numbers.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    seen = seen_text(source, view, _CONTROLS.sub("", text.replace("\r", "\n")).strip(), "rtf")
    return replace(seen, details=tuple(row for row in seen.details if row[0] != "Encoding"))


def _plain(raw: bytes) -> bytes:
    """The same document in ASCII, without what is no text, and in a form that striprtf reads in time proportional to
    its length: its search for fonts and links is not."""
    pieces, at = [], 0
    while found := _BINARY.search(raw, at):
        pieces.append(raw[at : found.start()])
        at = found.end() + int(found[1])
    raw = _HEX.sub(b"", b"".join((*pieces, raw[at:])))
    raw = _HIGH.sub(lambda byte: b"\\'%02x" % byte[0][0], raw)
    before, fonts, after = _parted(raw)
    named = [(number, _CHARSETS.get(charset, charset)) for number, charset in _FONT.findall(fonts)[:_MOST_FONTS]]
    table = b"".join(b"\n{\\f%s\\fcharset%s x;}" % font for font in named)
    # A line end before a group says nothing in RTF, but a link is looked for within a line.
    before, after = (
        _GROUP.sub(lambda group: b"\n{" if group[0] == b"{" else group[0], part) for part in (before, after)
    )
    return b"%s{\\fonttbl%s}%s" % (before, table, after) if table else before + after


def _parted(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """What is before the table of fonts, the table, and what follows."""
    if not (found := _FONTS.search(raw)):
        return b"", b"", raw
    depth = 1
    for brace in _BRACE.finditer(raw, found.end()):
        depth += 1 if brace[0] == b"{" else -1
        if not depth:
            return raw[: found.start()], raw[found.start() : brace.end()], raw[brace.end() :]
    return raw[: found.start()], raw[found.start() :], b""


# --- reading on --------------------------------------------------------------------------------------


def _feed(
    parser: etree.HTMLParser | etree.XMLParser, reader: _Reader, pieces: Iterator[bytes], characters: int
) -> None:
    """Have the parser read on until the reader has met enough characters. Raises FileDamaged."""
    try:
        for piece in pieces:
            parser.feed(piece)
            if reader.length >= characters:
                return
        parser.close()
    except etree.LxmlError as error:
        if not reader.length:
            raise FileDamaged(detail=str(error)) from error


@contextmanager
def _unpacking() -> Iterator[None]:
    """What a broken package makes the library raise, as ours."""
    try:
        yield
    except MediaError:
        raise
    except NotImplementedError as error:
        raise FileUnsupported(detail=str(error)) from error
    except RuntimeError as error:  # which is what the library says of a password that is missing
        if "encrypted" in str(error):
            raise FileProtected() from error
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, OverflowError) as error:
        raise FileDamaged(detail=str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # the package names a place before its beginning
            raise FileDamaged(detail=str(error)) from error
        raise media_error_from_os(error) from error
