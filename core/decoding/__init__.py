"""How a file becomes pixels or text: opened once, named by its content, handed to the decoder of its format.

Decoding foreign data is dangerous and slow, so programs call this through `core.decoding.pool`, in worker
processes with a time limit. The functions here do the work in the process that calls them. Nothing here knows
a judge or imports torch, and a decoder's library is imported only when a file needs it.

A decoder is one function `(Source, View) -> Seen`, named in a row of `core.media.FORMATS`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.decoding.grid import picture_size
from core.decoding.resize import Box, cut, fit, within
from core.decoding.shapes import brought_to
from core.errors import (
    FileEmpty,
    FileMisnamed,
    FileUnreadable,
    FileUnsupported,
    FileVanished,
    MediaError,
    media_error_from_os,
)
from core.media import (
    FORMATS,
    WHOLE_FILE,
    Decoded,
    Facts,
    Format,
    Kind,
    ModelGrid,
    ModelShape,
    PixelPolicy,
    Region,
    fingerprint,
    format_of,
    openable,
)

DECODING_VERSION = 3
"""Part of every judge's identity. Raise it when the pixels or the text that `decode` gives of a file change."""

THUMBNAIL_CHARACTERS = 800
THUMBNAIL_MARGIN = 1.95
"""Times the wanted size that a JPEG is decoded at, at least. Just below 2, so that an eighth of 12 megapixels suffices
for 256 pixels: that is 51 dB from the same filter over the whole picture, 45 where every pixel is full of detail."""
PREVIEW_CHARACTERS = 200_000
DOCUMENT_CHARACTERS = 2**20

MOST_PAGES = 10_000
"""Of one file: beyond, its pages are not documents of their own. A few damaged bytes can claim millions."""

Pixels = NDArray[np.uint8]

T = TypeVar("T")


@dataclass(frozen=True)
class Raster:
    """A picture for a window: RGB888, 3 bytes a pixel, rows from the top without padding."""

    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, pixels: Pixels) -> Raster:
        """The raster of an array (height, width, 3)."""
        height, width, _ = pixels.shape
        return cls(width, height, pixels.tobytes())


@dataclass(frozen=True)
class Thumbnail:
    """A file in small. A text document has no raster; `text` is how it begins."""

    raster: Raster | None
    text: str
    facts: Facts
    kind: Kind


@dataclass(frozen=True)
class Preview:
    """A file in large, and what a person may want to know of it."""

    raster: Raster | None
    text: str
    """What a text document says, or the caption, title and keywords in a picture or clip."""
    facts: Facts
    kind: Kind
    format: str
    """By content, whatever the name says."""
    details: tuple[tuple[str, str], ...]
    """(label, value) in the order to show them. The labels are those of DETAIL_LABELS, in English."""


DETAIL_LABELS = (
    "Colour",
    "Profile",
    "Frames",
    "Camera",
    "Lens",
    "Taken",
    "Exposure",
    "Codec",
    "Frame rate",
    "Sound",
    "Encoding",
    "Lines",
    "Pages",
    "Title",
    "Author",
)
"""Every label that a Preview's details may carry, for whoever translates them."""


# --- what decoders are given and give ----------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """An open regular file that is not empty, and the format its name promises."""

    file: BinaryIO
    size: int
    format: Format

    def head(self, length: int) -> bytes:
        """The first bytes; the file is left at its start."""
        self.file.seek(0)
        data = self.file.read(length)
        self.file.seek(0)
        return data

    def misnamed(self) -> FileMisnamed:
        """The error that says that the content is not what the name promises."""
        return _misnamed(self.format)


@dataclass(frozen=True)
class View:
    """What is wanted of a file: how large, how many moments, and for a judge or for a person's eye."""

    max_pixels: int = 0
    """The most pixels of a frame; 0: no limit."""
    max_side: int = 0
    """The longest side of a frame in pixels; 0: no limit."""
    frames: int = 1
    """The most frames of a clip, evenly spaced."""
    at: float | None = None
    """The one moment of a clip that is wanted, in seconds, in place of evenly spaced ones."""
    typical: bool = False
    """Whether one frame that shows what the clip is about is wanted, in place of evenly spaced ones."""
    scaled: bool = False
    """Whether a decoder may produce reduced pixels where that is faster."""
    margin: float = 2.0
    """How many times the wanted width and height such reduced pixels have at least, before they are filtered."""
    region: Region | None = None
    """The part of every frame that a judge wants, cut out before it is reduced; None: all. A thumbnail is of all."""
    grid: ModelGrid | None = None
    """The rules of a model that wants its own sizes and frames, in colours as it was trained on."""
    shape: ModelShape | None = None
    """The rules of a model all of whose pictures have one size."""
    faithful: bool = False
    """For a person's eye: colour profiles are honoured and the finest filter is used."""
    characters: int = DOCUMENT_CHARACTERS
    """The most characters of a text."""
    everything: bool = False
    """Whether all that is written in a picture or clip is its text: camera, lens, author, place, not the caption
    alone."""
    details: bool = False
    thumbnail: int = 0
    """Longest side of a thumbnail to be made as well, if what was decoded suffices for it; 0: none."""
    page: int = 0
    """Which page of a format that has pages, from 0."""
    still: bool = False
    """Whether a picture is wanted even of what moves: its first frame."""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size at which a picture of this size is wanted, before a shape's middle is cut out of it. Larger than it
        is only where a grid or a shape says so."""
        if self.shape:
            return brought_to(width, height, self.shape)
        if self.grid:
            return picture_size(width, height, self.grid, self.max_pixels)
        if self.max_pixels:
            width, height = fit(width, height, self.max_pixels)
        if self.max_side:
            width, height = within(width, height, self.max_side)
        return width, height

    def box(self, width: int, height: int) -> Box:
        """The wanted part of an upright frame of this size."""
        return cut(self.region, width, height) if self.region else (0, 0, width, height)


@dataclass(frozen=True)
class Seen:
    """What a decoder made of a file. The fields are those of `Decoded` and `Preview`."""

    format: str
    frames: Pixels | None = None
    times: tuple[float, ...] = ()
    text: str = ""
    facts: Facts = field(default_factory=Facts)
    details: tuple[tuple[str, str], ...] = ()
    thumbnail: Raster | None = None
    kind: Kind | None = None
    """What it turned out to be, where that is not what its name promises: an animation is a clip."""
    small: Pixels | None = None
    """(height, width, 3): the whole of a picture in small, where its frame has lost its shape or its sides."""


Decoder = Callable[[Source, View], Seen]


# --- what callers ask for ----------------------------------------------------------------------------


def decode(
    path: str,
    policy: PixelPolicy,
    *,
    kind: Kind | None = None,
    region: Region | None = None,
    page: int = 0,
    thumbnail: tuple[int, str] | None = None,
) -> Decoded:
    """The file as a judge with this policy sees it, and the fingerprint of the very bytes that were decoded.

    `kind`: what it is, whatever its name says; None: what its name says.
    `region`: only this part of a picture, or of a clip's frames, with up to the policy's pixels of its own; the
    facts are of the part, the fingerprint and the words of the whole file. A text has none.
    `thumbnail` = (longest side, cache folder): leave the thumbnail of the whole in the cache too, if it is not there
    yet and what is decoded anyway suffices for it. Raises MediaError.
    """
    with _opened(path, kind) as (source, status):
        source, digest = _fingerprinted(source)
        place = _thumbnail_place(path, status, thumbnail, page)
        view = replace(
            view_of(policy),
            region=region,
            page=page,
            still=kind is Kind.IMAGE,
            everything=True,
            thumbnail=thumbnail[0] if thumbnail and place else 0,
        )
        seen = _decoder(source.format)(source, view)
        found = seen.kind or source.format.kind
        if place and seen.thumbnail:
            import core.decoding.thumbnails as thumbnails

            thumbnails.save(place, Thumbnail(seen.thumbnail, "", seen.facts, found))
        return Decoded(
            page_of(digest, page),
            found,
            seen.frames,
            seen.times,
            seen.text,
            seen.facts,
            pixels=_stored_pixels(source, page),
            likeness=_likeness(seen) if found is Kind.IMAGE and region is None else b"",
            size=status.st_size,
            mtime=status.st_mtime_ns,
        )


def view_of(policy: PixelPolicy) -> View:
    """What a judge with this policy wants of the whole of a file."""
    return View(
        max_pixels=policy.max_pixels,
        frames=policy.frames,
        scaled=policy.scaled,
        margin=policy.margin,
        grid=policy.grid,
        shape=policy.shape,
    )


def decode_and_extract(
    path: str,
    policy: PixelPolicy,
    extract: Callable[[Decoded], T],
    *,
    region: Region | None = None,
    page: int = 0,
    thumbnail: tuple[int, str] | None = None,
) -> tuple[Decoded, T]:
    """What `decode` gives, less its frames, and what `extract` made of it while it had them. Raises MediaError."""
    decoded = decode(path, policy, region=region, page=page, thumbnail=thumbnail)
    return replace(decoded, frames=None), extract(decoded)


def make_thumbnail(
    path: str,
    pixels: int,
    cache: str | None,
    page: int = 0,
    shared: str = "",
    listed: tuple[int, int] | None = None,
) -> Thumbnail:
    """The whole file in small, upright, its longest side at most `pixels`.

    `cache` is a folder of ours where thumbnails are kept, and `shared` that of the desktop's programs, if it is to be
    used; one that is there is read without opening the file. `listed`: its size and mtime when it was last seen; what
    is kept of that stands for a file that can't be reached now. Raises MediaError.
    """
    import core.decoding.thumbnails as thumbnails

    row = _promised(path)
    shelves = thumbnails.Shelves(cache, shared) if cache else None
    if shelves:
        try:
            status = _regular(path, row)
        except (FileVanished, FileUnreadable):
            away = thumbnails.Subject(path, _as_listed(*listed), pixels, page) if listed else None
            if away and (kept := shelves.find(away, row.kind, lambda: None)):
                return kept
            raise
        subject = thumbnails.Subject(path, status, pixels, page)
        if kept := shelves.find(subject, row.kind, functools.partial(_measured, path)):
            return kept
    with _opened(path) as (source, status):
        # Under the state of the file that was opened: it may have changed since we looked.
        subject = thumbnails.Subject(path, status, pixels, page)
        view = View(
            max_side=pixels,
            typical=True,
            scaled=True,
            margin=THUMBNAIL_MARGIN,
            faithful=True,
            characters=THUMBNAIL_CHARACTERS,
            page=page,
        )
        try:
            seen = _decoder(row)(source, view)
        except MediaError as error:
            if shelves:
                shelves.keep_failure(subject, row.kind, error)
            raise
    raster = Raster.of(seen.frames[0]) if seen.frames is not None else None
    made = Thumbnail(raster, "" if raster else seen.text, seen.facts, seen.kind or row.kind)
    if shelves:
        shelves.keep(subject, made)
    return made


def _as_listed(size: int, mtime: int) -> os.stat_result:
    """The state of a file that can't be asked for it."""
    status: Any = os.stat_result
    found: os.stat_result = status((stat.S_IFREG, 0, 0, 0, 0, 0, size, 0, mtime // 10**9, 0), {"st_mtime_ns": mtime})
    return found


def _measured(path: str) -> Facts | None:
    """The facts of a file that is a plain picture, by its header; None if more than that is needed to tell them."""
    row = _promised(path)
    if row.kind is not Kind.IMAGE:
        return None
    measure: Callable[[Source], Facts | None] = _beside(row, "measure")
    with _opened(path) as (source, _):
        return measure(source)


def make_preview(path: str, pixels: int, at: float = 0.0, page: int = 0) -> Preview:
    """The file in large (longest side at most `pixels`; a clip `at` seconds) with its facts. Raises MediaError."""
    with _opened(path) as (source, _):
        view = View(
            max_side=pixels,
            at=at,
            scaled=True,
            faithful=True,
            characters=PREVIEW_CHARACTERS,
            details=True,
            page=page,
        )
        seen = _decoder(source.format)(source, view)
    raster = Raster.of(seen.frames[0]) if seen.frames is not None else None
    return Preview(raster, seen.text, seen.facts, seen.kind or source.format.kind, seen.format, seen.details)


def make_filmstrip(path: str, pixels: int, frames: int) -> list[Raster]:
    """At most `frames` evenly spaced frames of a clip, each at most `pixels` on its longest side; one of a picture,
    none of a text. Raises MediaError."""
    with _opened(path) as (source, _):
        view = View(max_side=pixels, frames=frames, scaled=True, faithful=True)
        seen = _decoder(source.format)(source, view)
    return [] if seen.frames is None else [Raster.of(frame) for frame in seen.frames]


# --- opening -----------------------------------------------------------------------------------------

_KIND_WORDS = {Kind.IMAGE: "picture", Kind.VIDEO: "clip", Kind.TEXT: "text"}


def _misnamed(row: Format) -> FileMisnamed:
    return FileMisnamed(expected=_KIND_WORDS[row.kind])


def _promised(path: str, kind: Kind | None = None) -> Format:
    row = format_of(path)
    if kind is not None and (row is None or row.kind is not kind):
        # A file of a cache may have no suffix at all. The decoders of a kind look at the content.
        return next(row for row in FORMATS if row.kind is kind)
    if row is None:
        raise FileUnsupported(detail=os.path.splitext(path)[1] or "no suffix")
    return row


def _regular(path: str, row: Format) -> os.stat_result:
    """The file's state. Raises unless it is a regular file: opening a pipe waits, opening a device acts on it."""
    try:
        status = os.stat(openable(path))
    except OSError as error:
        raise media_error_from_os(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise _misnamed(row)
    return status


@contextmanager
def _opened(path: str, kind: Kind | None = None) -> Iterator[tuple[Source, os.stat_result]]:
    row = _promised(path, kind)
    _regular(path, row)
    # Non-blocking: what was a regular file a moment ago may be a pipe now.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(openable(path), flags)
    except OSError as error:
        raise media_error_from_os(error) from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _misnamed(row)
        if status.st_size == 0:
            raise FileEmpty()
        yield Source(file, status.st_size, row), status


def page_of(fingerprint: bytes, page: int) -> bytes:
    """The fingerprint of a page of a file with this one. The first page has the file's."""
    if not page:
        return fingerprint
    return hashlib.blake2b(fingerprint + page.to_bytes(4, "little"), digest_size=16).digest()


@dataclass(frozen=True)
class Identity:
    """What names a file's content, without its being decoded. The fields are those of `Decoded`."""

    fingerprint: bytes
    pixels: bytes
    size: int
    mtime: int


def identify(path: str, page: int = 0) -> Identity:
    """What names the content of the file, or of its page, as it is now: it is read, not decoded. Raises MediaError."""
    with _opened(path) as (source, status):
        source, digest = _fingerprinted(source)
        return Identity(page_of(digest, page), _stored_pixels(source, page), status.st_size, status.st_mtime_ns)


def count_pages(path: str) -> int:
    """How many pages the file has; 1 if its format has none. Raises MediaError."""
    row = _promised(path)
    if not row.has_pages:
        return 1
    with _opened(path) as (source, _):
        counted: Callable[[Source], int] = _beside(row, "count_pages")
        return counted(source)


def _beside(row: Format, name: str) -> Any:
    """Another function of the module that decodes this format."""
    return getattr(importlib.import_module(f"core.decoding.{row.decoder.partition(':')[0]}"), name)


def _fingerprinted(source: Source) -> tuple[Source, bytes]:
    """The source and its fingerprint. A file that is hashed whole is read once, and decoded from memory."""
    try:
        if source.size > WHOLE_FILE:
            digest = fingerprint(source.file)
            source.file.seek(0)
            return source, digest
        content = io.BytesIO(source.file.read())
    except OSError as error:
        raise media_error_from_os(error) from error
    digest = fingerprint(content)
    content.seek(0)
    return Source(content, len(content.getbuffer()), source.format), digest


def _stored_pixels(source: Source, page: int) -> bytes:
    """The fingerprint of the pixels alone, of this page; empty where they can't be told from the rest."""
    from core.decoding.identity import pixel_fingerprint

    stored = pixel_fingerprint(source.file, source.size)
    return page_of(stored, page) if stored else b""


def _likeness(seen: Seen) -> bytes:
    if seen.frames is None:
        return b""
    from core.decoding.identity.likeness import likeness_of

    return likeness_of(seen.frames[0] if seen.small is None else seen.small)


def _thumbnail_place(path: str, status: os.stat_result, thumbnail: tuple[int, str] | None, page: int) -> str | None:
    """Where the thumbnail belongs, or None if none is wanted or it is there.

    It is left in our own folder only: what nobody has looked at is not worth filling a cache of others with.
    """
    if thumbnail is None:
        return None
    import core.decoding.thumbnails as thumbnails

    pixels, cache = thumbnail
    place = thumbnails.place(cache, path, status, pixels, page)
    return None if os.path.exists(place) else place


@functools.cache
def _decoder(row: Format) -> Decoder:
    module, _, name = row.decoder.partition(":")
    decoder: Decoder = getattr(importlib.import_module(f"core.decoding.{module}"), name)
    return decoder
