"""What a media file is: its kinds and formats, the listing of a folder, and the fingerprint of a content.

The table FORMATS is the one place that says which files are ours. A row names the function (in
`core/decoding/`) that turns such a file into pixels or text, so a new format is one function and one row.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import FolderError, folder_error_from_os


class Kind(IntEnum):
    """What a file is to a judge. The number is the code in a Listing's column and in the catalog."""

    IMAGE = 0
    VIDEO = 1
    TEXT = 2

    @property
    def label(self) -> str:
        """The word in JSON and CSV output: image, video or text, as in the options --image, --video, --text."""
        return self.name.lower()


@dataclass(frozen=True)
class Format:
    name: str
    kind: Kind
    suffixes: tuple[str, ...]
    decoder: str  # "module:function" inside core.decoding, imported only in a worker that needs it


FORMATS: tuple[Format, ...] = (
    Format("JPEG", Kind.IMAGE, ("jpg", "jpeg", "jpe", "jfif"), "pictures:decode_picture"),
    Format("PNG", Kind.IMAGE, ("png",), "pictures:decode_picture"),
    Format("WebP", Kind.IMAGE, ("webp",), "pictures:decode_picture"),
    Format("GIF", Kind.IMAGE, ("gif",), "pictures:decode_picture"),
    Format("BMP", Kind.IMAGE, ("bmp", "dib"), "pictures:decode_picture"),
    Format("TIFF", Kind.IMAGE, ("tif", "tiff"), "pictures:decode_picture"),
    Format("AVIF", Kind.IMAGE, ("avif", "avifs"), "pictures:decode_picture"),
    Format("MP4", Kind.VIDEO, ("mp4", "m4v"), "video:decode_clip"),
    Format("QuickTime", Kind.VIDEO, ("mov",), "video:decode_clip"),
    Format("Matroska", Kind.VIDEO, ("mkv",), "video:decode_clip"),
    Format("WebM", Kind.VIDEO, ("webm",), "video:decode_clip"),
    Format("AVI", Kind.VIDEO, ("avi",), "video:decode_clip"),
    Format("Text", Kind.TEXT, ("txt",), "documents:decode_text"),
    Format("Markdown", Kind.TEXT, ("md", "markdown"), "documents:decode_text"),
)

_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}
_KIND_CODES = {suffix: int(row.kind) for suffix, row in _BY_SUFFIX.items()}


def format_of(path: str | os.PathLike[str]) -> Format | None:
    """The format that the file's name promises, or None if it is none of ours."""
    return _BY_SUFFIX.get(os.fspath(path).rpartition(".")[2].lower())


@dataclass(frozen=True)
class ModelGrid:
    """How a vision model's own rules size pictures and choose frames of clips: those of Qwen3-VL, unless told."""

    factor: int = 32
    """Width and height are multiples of it, in pixels: what one token sees."""
    min_pixels: int = 4 * 32 * 32
    """Smaller pictures are enlarged."""
    fps: float = 1.0
    """Frames of a clip for each of its seconds; at least four in all, and always an even number."""
    max_frames: int = 64
    min_frame_pixels: int = 128 * 32 * 32
    max_frame_pixels: int = 768 * 32 * 32
    clip_pixels: int = 7680 * 32 * 32
    """The most in all pairs of frames, a pair counted once. Where it contradicts min_frame_pixels, that one holds."""


@dataclass(frozen=True)
class PixelPolicy:
    """How many pixels a judge wants of a file. Part of the judge's identity: other pixels, other scores."""

    max_pixels: int
    """The most pixels of a picture, or of one frame; larger ones are reduced, smaller ones left as they are."""
    frames: int = 8
    """The most frames of a clip, evenly spaced."""
    scaled: bool = False
    """Whether a JPEG may be decoded at a reduced DCT scale (several times faster, slightly other pixels)."""
    margin: float = 2.0
    """How many times the wanted width and height the reduced scale leaves at least; 1 or more.

    From there it is filtered down. At 2 the result is one to two grey levels from that of the whole picture, on
    average; at 1, where one coefficient may stand for 8 by 8 pixels, up to four (measured on six photographs).
    """
    grid: ModelGrid | None = None
    """The rules of a model that wants its own sizes and frames; `frames` then says nothing. `scaled` also lets a frame
    of a clip be one a little earlier, where that is reached faster."""


@dataclass(frozen=True)
class Region:
    """A part of a picture, as fractions 0..1 of the upright whole. Raises ValueError if it is empty or outside."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"no region of a picture: {self}")


@dataclass(frozen=True)
class Facts:
    """What is known of a content besides its pixels. Zero where it does not apply."""

    width: int = 0
    height: int = 0
    duration: float = 0.0
    """Seconds."""


@dataclass(frozen=True)
class Decoded:
    """A file as a judge sees it."""

    fingerprint: bytes
    kind: Kind
    frames: NDArray[np.uint8] | None = None
    """(frames, height, width, 3), RGB, upright; one frame for a picture, None for text."""
    times: tuple[float, ...] = ()
    """Seconds of each frame from the clip's start."""
    text: str = ""
    """What a text document says, or what is written in a picture or clip, one thing a line: title, caption and
    keywords, then camera, lens, author and place. At most 4 KB of the latter."""
    facts: Facts = field(default_factory=Facts)


# --- the listing of a folder -------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """The next files found, in columns, and the folders that are new with them."""

    start: int
    """The row of the first file; rows count up over the whole scan."""
    folders: list[str]
    """Folders first seen in this chunk; their numbers follow on from the folders before."""
    folder: NDArray[np.int32]
    names: list[str]
    kinds: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    """Nanoseconds since 1970."""


@dataclass(frozen=True)
class Unlisted:
    """A folder inside the scanned one that could not be read; the scan goes on."""

    error: FolderError


class Listing:
    """The media of a folder in columns: row i is one file. Grows while its scan runs.

    `token` names the listing between processes.
    """

    def __init__(self, root: str | os.PathLike[str], *, recursive: bool = True) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.recursive = recursive
        self.token = uuid.uuid4().hex
        self.complete = False
        self.folders: list[str] = []
        self.folder: NDArray[np.int32] = np.empty(0, np.int32)
        self.names: list[str] = []
        self.kinds: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.sizes: NDArray[np.int64] = np.empty(0, np.int64)
        self.mtimes: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.names)

    def append(self, chunk: Listed) -> None:
        """Add a chunk; chunks must come in the order the scan yielded them."""
        if chunk.start != len(self.names):
            raise ValueError(f"chunk starts at {chunk.start}, the listing holds {len(self.names)}")
        self.folders += chunk.folders
        self.folder = np.concatenate([self.folder, chunk.folder])
        self.kinds = np.concatenate([self.kinds, chunk.kinds])
        self.sizes = np.concatenate([self.sizes, chunk.sizes])
        self.mtimes = np.concatenate([self.mtimes, chunk.mtimes])
        self.names += chunk.names

    def path(self, row: int) -> str:
        return os.path.join(self.folders[self.folder[row]], self.names[row])

    def relative_path(self, row: int) -> str:
        return os.path.relpath(self.path(row), self.root)

    def kind(self, row: int) -> Kind:
        return Kind(int(self.kinds[row]))


FIRST_CHUNK, LAST_CHUNK = 256, 8192
CHUNK_SECONDS = 0.1


def scan(folder: str | os.PathLike[str], *, recursive: bool = True) -> Iterator[Listed | Unlisted]:
    """The media files under `folder`, in chunks as they are found. Opens no file.

    Folders come in the order of their names, real ones before symbolic links; a folder is listed once however
    many links lead to it, so loops end. Names starting with a dot are left out, as a file manager does.
    Raises FolderError if `folder` itself can't be listed.
    """
    root = os.path.abspath(os.fspath(folder))
    columns = _Columns()
    seen: set[tuple[int, int]] = set()
    links: list[str] = []
    # Depth first in order of name: a stack of folders still to be read.
    stack = [root]
    limit, deadline = FIRST_CHUNK, time.monotonic() + CHUNK_SECONDS
    while stack or links:
        path = stack.pop() if stack else links.pop(0)
        try:
            identity = os.stat(path)
            if (identity.st_dev, identity.st_ino) in seen:
                continue
            seen.add((identity.st_dev, identity.st_ino))
            with os.scandir(path) as entries:
                found = sorted((entry for entry in entries if entry.name[0] != "."), key=_entry_name)
        except OSError as error:
            if path == root:
                raise folder_error_from_os(error, root) from error
            yield Unlisted(folder_error_from_os(error, path))
            continue
        subfolders = []
        columns.enter(path)
        for entry in found:
            name = entry.name
            code = _KIND_CODES.get(name.rpartition(".")[2].lower())
            try:
                if entry.is_dir(follow_symlinks=False):
                    subfolders.append(entry.path)
                    continue
                if entry.is_symlink() and entry.is_dir():
                    links.append(entry.path)
                    continue
                if code is None:
                    continue
                status = entry.stat()
            except OSError:
                if code is None:
                    continue
                # It is there by name: list it, and let the decoder say what is wrong with it.
                columns.add(name, code, 0, 0)
                continue
            columns.add(name, code, status.st_size, status.st_mtime_ns)
            if len(columns.names) >= limit:
                yield columns.take()
                limit, deadline = min(limit * 2, LAST_CHUNK), time.monotonic() + CHUNK_SECONDS
        if not recursive:
            break
        stack += reversed(subfolders)
        if columns.names and time.monotonic() > deadline:
            yield columns.take()
            deadline = time.monotonic() + CHUNK_SECONDS
    if columns.names:
        yield columns.take()


def _entry_name(entry: os.DirEntry[str]) -> str:
    return entry.name


class _Columns:
    """Collects rows in Python lists until they are taken as arrays."""

    def __init__(self) -> None:
        self.start = 0
        self.folder_count = 0
        self._pending: str | None = None
        self._reset()

    def _reset(self) -> None:
        self.folders: list[str] = []
        self.folder: list[int] = []
        self.names: list[str] = []
        self.kinds: list[int] = []
        self.sizes: list[int] = []
        self.mtimes: list[int] = []

    def enter(self, path: str) -> None:
        self._pending = path  # numbered only once it turns out to hold media

    def add(self, name: str, kind: int, size: int, mtime: int) -> None:
        if self._pending is not None:
            self.folders.append(self._pending)
            self.folder_count += 1
            self._pending = None
        self.folder.append(self.folder_count - 1)
        self.names.append(name)
        self.kinds.append(kind)
        self.sizes.append(size)
        self.mtimes.append(mtime)

    def take(self) -> Listed:
        chunk = Listed(
            self.start,
            self.folders,
            np.array(self.folder, np.int32),
            self.names,
            np.array(self.kinds, np.uint8),
            np.array(self.sizes, np.int64),
            np.array(self.mtimes, np.int64),
        )
        self.start += len(self.names)
        self._reset()
        return chunk


def subfolders(folder: str | os.PathLike[str]) -> list[tuple[str, bool]]:
    """The folders directly inside, by name, each with whether it has folders of its own. Raises FolderError."""
    root = os.path.abspath(os.fspath(folder))
    try:
        with os.scandir(root) as entries:
            names = sorted(
                (entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()), key=str.casefold
            )
    except OSError as error:
        raise folder_error_from_os(error, root) from error
    return [(name, _has_folders(os.path.join(root, name))) for name in names]


def _has_folders(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entry.name[0] != "." and entry.is_dir() for entry in entries)
    except OSError:
        return False


# --- the fingerprint of a content --------------------------------------------------------------------

WHOLE_FILE = 32 * 2**20
"""Files up to this many bytes are hashed whole; of larger ones the ends and evenly spaced samples."""
_SAMPLES, _SAMPLE_BYTES, _END_BYTES = 32, 64 * 2**10, 2**20


def fingerprint(file: BinaryIO) -> bytes:
    """16 bytes that name the content of an open file, whatever its path. BLAKE2b over its size and bytes.

    Above WHOLE_FILE only the first and last MiB and 32 samples of 64 KiB between are read, so that a film of
    50 GB costs no more than a photograph.
    """
    size = file.seek(0, os.SEEK_END)
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=16)
    file.seek(0)
    if size <= WHOLE_FILE:
        while block := file.read(2**20):
            digest.update(block)
        return digest.digest()
    digest.update(file.read(_END_BYTES))
    span = size - 2 * _END_BYTES - _SAMPLE_BYTES
    for index in range(_SAMPLES):
        file.seek(_END_BYTES + span * index // (_SAMPLES - 1))
        digest.update(file.read(_SAMPLE_BYTES))
    file.seek(-_END_BYTES, os.SEEK_END)
    digest.update(file.read(_END_BYTES))
    return digest.digest()
