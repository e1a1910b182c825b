"""How a page of a PDF becomes a picture and its words, by PDFium.

A page has no pixels of its own, so it is drawn straight at the size that is wanted, on white, with annotations and
filled-in forms. Scripts in it are not run, and nothing it points to is fetched: this PDFium can do neither.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_ushort
from typing import Any, BinaryIO

import numpy as np
import pypdfium2
from PIL import Image
from pypdfium2 import raw

from core.decoding import MOST_PAGES, Pixels, Raster, Seen, Source, View
from core.decoding.resize import Box, fit
from core.decoding.shapes import shaped, sufficient
from core.errors import (
    FileDamaged,
    FileProtected,
    FileUnsupported,
    MediaError,
    PageMissing,
    media_error_from_os,
)
from core.media import Facts

DOTS_PER_INCH = 150
"""At which a page has the pixels that its facts say, and the most that a judge sees: small print is legible."""
FINEST_DOTS_PER_INCH = 300
"""The most for a person's eye, who may look closely at a page on a large screen."""
PAGE_PIXELS = 50_000_000
"""The most that a page is drawn with where nothing else limits it: 150 MB. A larger one is drawn coarser."""

_POINTS_PER_INCH = 72
_LONGEST_POINTS = 1_000_000  # 350 metres; the format's own limit is 14,400, which some plotters exceed
_MAGIC = b"%PDF-"
_MAGIC_WITHIN = 1024  # where readers look for it; mail programs and printers put lines of their own before it
_METADATA_CHARACTERS = 300
# A word broken at the end of a line comes with one of these in place of its hyphen.
_BROKEN_WORD = re.compile("[\x02\ufffe]\\s*")
_NOT_WORDS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffe\uffff]+")

# Of forms that carry a second kind of form (XFA), whose ordinary fields are drawn, it warns programmers.
logging.getLogger("pypdfium2").setLevel(logging.ERROR)

_PDFIUM = threading.Lock()  # it is not made for threads, not even for two documents in two of them


def decode_page(source: Source, view: View) -> Seen:
    """The page `view.page` as one frame, and what is written on it. Raises MediaError.

    The facts are of the page, or of the wanted part of it, at DOTS_PER_INCH.
    """
    with _opened(source) as document, _page_of(document, view.page) as page:
        full = _size_of(page, DOTS_PER_INCH)
        box = view.box(*full)
        facts = Facts(box[2] - box[0], box[3] - box[1])
        finest = _size_of(page, FINEST_DOTS_PER_INCH)
        if view.grid:
            size = view.size(facts.width, facts.height)
        elif view.shape:
            size = fit(*sufficient((facts.width, facts.height), view.shape, view.margin), PAGE_PIXELS)
        elif view.faithful and not view.region:
            size = fit(*view.size(*finest), PAGE_PIXELS)
        else:
            size = fit(*view.size(facts.width, facts.height), PAGE_PIXELS)
        thumbnail = None
        if view.thumbnail:
            small = View(max_side=view.thumbnail).size(*finest)
            thumbnail = Raster.of(_drawn(document, page, full, (0, 0, *full), small))
        frame = _drawn(document, page, full, box, size)
        if view.shape:
            drawn = Image.fromarray(frame)
            frame = np.asarray(shaped(drawn, (0, 0, *size), (facts.width, facts.height), view.shape, None))
        return Seen(
            format="PDF",
            frames=frame[np.newaxis],
            times=(0.0,),
            text=_words(page, view.characters),
            facts=facts,
            details=tuple(_details(document)) if view.details else (),
            thumbnail=thumbnail,
        )


def count_pages(source: Source) -> int:
    """How many pages there are, at most MOST_PAGES. Raises MediaError."""
    with _opened(source) as document:
        return _plausible(document, min(len(document), MOST_PAGES))


def _plausible(document: pypdfium2.PdfDocument, said: int) -> int:
    """The number of pages, of which a damaged or hostile file may say anything: a few bytes can claim a million."""
    if _is_there(document, said - 1):
        return said
    there, missing = 0, said - 1  # the first page counts whatever it is, so that the file is one row at least
    while missing - there > 1:
        middle = (there + missing) // 2
        there, missing = (middle, missing) if _is_there(document, middle) else (there, middle)
    # What can't be opened at the end of a plausible number is a damaged page, which is to be told.
    return said if there == said - 2 else there + 1


def _is_there(document: pypdfium2.PdfDocument, page: int) -> bool:
    loaded = raw.FPDF_LoadPage(document, page)
    if loaded:
        raw.FPDF_ClosePage(loaded)
    return bool(loaded)


# --- opening -----------------------------------------------------------------------------------------


class _Reading:
    """The file as PDFium reads it. It can't be told why a read fails, so the reason is kept here."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.seek, self.tell, self.read = file.seek, file.tell, file.read

    def readinto(self, buffer: Any) -> int:
        try:
            return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]
        except OSError as error:
            self.error = error
            return 0


@contextmanager
def _opened(source: Source) -> Iterator[pypdfium2.PdfDocument]:
    """The document, for this thread alone. What goes wrong inside because the file can't be read is told as such."""
    if _MAGIC not in source.head(_MAGIC_WITHIN):
        raise source.misnamed()
    reading = _Reading(source.file)
    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(reading)
            try:
                yield document
            finally:
                document.close()
        except (pypdfium2.PdfiumError, MediaError) as error:
            if reading.error:
                raise media_error_from_os(reading.error) from reading.error
            if isinstance(error, MediaError):
                raise
            raise _reason(error) from error


def _reason(error: pypdfium2.PdfiumError) -> MediaError:
    if error.err_code == raw.FPDF_ERR_PASSWORD:
        return FileProtected()
    if error.err_code == raw.FPDF_ERR_SECURITY:
        return FileUnsupported(detail="an unknown kind of encryption")
    return FileDamaged(detail=str(error).rstrip("."))


@contextmanager
def _page_of(document: pypdfium2.PdfDocument, index: int) -> Iterator[pypdfium2.PdfPage]:
    if index >= len(document):
        raise PageMissing(page=index + 1)
    # Before any page is loaded, or fields are drawn empty. Forms that can't be shown never cost the page.
    with suppress(pypdfium2.PdfiumError):
        document.init_forms()
    page = document.get_page(index)
    try:
        yield page
    finally:
        page.close()


def _size_of(page: pypdfium2.PdfPage, dots: int) -> tuple[int, int]:
    width, height = page.get_size()
    if not (0 < width <= _LONGEST_POINTS and 0 < height <= _LONGEST_POINTS):
        raise FileDamaged(detail="the page has no sensible size")
    return max(1, round(width * dots / _POINTS_PER_INCH)), max(1, round(height * dots / _POINTS_PER_INCH))


# --- what is on a page -------------------------------------------------------------------------------


def _drawn(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, full: tuple[int, int], box: Box, size: tuple[int, int]
) -> Pixels:
    """The box, in pixels of the `full` page, at that size: (height, width, 3), RGB."""
    across, down = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
    place = -round(box[0] * across), -round(box[1] * down), round(full[0] * across), round(full[1] * down)
    flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGR, rev_byteorder=True)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        raw.FPDF_RenderPageBitmap(bitmap, page, *place, 0, flags)
        if document.formenv:
            raw.FPDF_FFLDraw(document.formenv, bitmap, page, *place, 0, flags)
        return np.array(bitmap.to_numpy(), order="C")
    finally:
        bitmap.close()


def _words(page: pypdfium2.PdfPage, characters: int) -> str:
    """What is written within the page's edges, in the order of the file, at most so many characters."""
    try:
        written = page.get_textpage()
    except pypdfium2.PdfiumError:
        return ""  # a page that can be drawn is not lost for its words
    try:
        left, bottom, right, top = page.get_bbox()
        edges = left, top, right, bottom
        count = min(raw.FPDFText_GetBoundedText(written, *edges, None, 0), characters)
        if count <= 0:
            return ""
        buffer = (c_ushort * count)()
        raw.FPDFText_GetBoundedText(written, *edges, buffer, count)
        text = bytes(buffer).decode("utf-16-le", "ignore")
    finally:
        written.close()
    text = _BROKEN_WORD.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _NOT_WORDS.sub(" ", text).strip()


def _details(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, str]]:
    yield "Pages", str(len(document))
    for label in ("Title", "Author"):
        words = " ".join(_NOT_WORDS.sub(" ", document.get_metadata_value(label)).split())
        if words:
            yield label, words[:_METADATA_CHARACTERS]
