"""What a media file is: its kinds and formats, the listing of a folder, and the fingerprint of a content.

The table FORMATS is the one place that says which files are ours. A row names the function (in
`core/decoding/`) that turns such a file into pixels or text, so a new format is one function and one row.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections import deque
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
    has_pages: bool = False
    """Whether each of its pages is a document of its own."""


_RAW_SUFFIXES = (
    *("cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "dng", "orf", "raf", "rw2", "pef", "srw"),
    *("3fr", "iiq", "erf", "kdc", "dcr", "mos", "mrw", "x3f", "rwl"),
)

FORMATS: tuple[Format, ...] = (
    Format("JPEG", Kind.IMAGE, ("jpg", "jpeg", "jpe", "jfif"), "pictures:decode_picture"),
    Format("PNG", Kind.IMAGE, ("png", "apng"), "animations:decode_animation"),
    Format("WebP", Kind.IMAGE, ("webp",), "animations:decode_animation"),
    Format("GIF", Kind.IMAGE, ("gif",), "animations:decode_animation"),
    Format("BMP", Kind.IMAGE, ("bmp", "dib"), "pictures:decode_picture"),
    Format("TIFF", Kind.IMAGE, ("tif", "tiff"), "pictures:decode_picture", has_pages=True),
    Format("AVIF", Kind.IMAGE, ("avif", "avifs"), "animations:decode_animation"),
    Format("HEIC", Kind.IMAGE, ("heic", "heif", "heics", "heifs", "hif"), "pictures:decode_picture"),
    Format("JPEG XL", Kind.IMAGE, ("jxl",), "pictures:decode_picture"),
    Format("JPEG 2000", Kind.IMAGE, ("jp2", "j2k", "jpf", "jpx", "j2c"), "pictures:decode_picture"),
    Format("ICO", Kind.IMAGE, ("ico",), "pictures:decode_picture"),
    Format("TGA", Kind.IMAGE, ("tga",), "pictures:decode_picture"),
    Format("Photoshop", Kind.IMAGE, ("psd", "psb"), "pictures:decode_picture"),
    Format("SVG", Kind.IMAGE, ("svg", "svgz"), "pictures:decode_picture"),
    Format("OpenEXR", Kind.IMAGE, ("exr",), "pictures:decode_picture"),
    Format("Radiance HDR", Kind.IMAGE, ("hdr",), "pictures:decode_picture"),
    Format("Camera raw", Kind.IMAGE, _RAW_SUFFIXES, "pictures:decode_picture"),
    Format("MP4", Kind.VIDEO, ("mp4", "m4v"), "video:decode_clip"),
    Format("QuickTime", Kind.VIDEO, ("mov", "qt"), "video:decode_clip"),
    Format("3GP", Kind.VIDEO, ("3gp", "3g2"), "video:decode_clip"),
    Format("Matroska", Kind.VIDEO, ("mkv",), "video:decode_clip"),
    Format("WebM", Kind.VIDEO, ("webm",), "video:decode_clip"),
    Format("AVI", Kind.VIDEO, ("avi",), "video:decode_clip"),
    # Not "ts": folders of programs are full of files with that ending, which are TypeScript.
    Format("MPEG-TS", Kind.VIDEO, ("mts", "m2ts"), "video:decode_clip"),
    Format("MPEG", Kind.VIDEO, ("mpg", "mpeg", "vob"), "video:decode_clip"),
    Format("Windows Media", Kind.VIDEO, ("wmv", "asf"), "video:decode_clip"),
    Format("Flash video", Kind.VIDEO, ("flv",), "video:decode_clip"),
    Format("Ogg", Kind.VIDEO, ("ogv",), "video:decode_clip"),
    Format("DV", Kind.VIDEO, ("dv",), "video:decode_clip"),
    Format("Text", Kind.TEXT, ("txt",), "documents:decode_text"),
    Format("Markdown", Kind.TEXT, ("md", "markdown"), "documents:decode_text"),
    Format("CSV", Kind.TEXT, ("csv", "tsv"), "documents:decode_text"),
    Format("JSON", Kind.TEXT, ("json", "jsonl", "ndjson"), "documents:decode_json"),
    Format("HTML", Kind.TEXT, ("html", "htm", "xhtml"), "office:decode_html"),
    Format("PDF", Kind.TEXT, ("pdf",), "pdf:decode_page", has_pages=True),
    Format("Word", Kind.TEXT, ("docx",), "office:decode_docx"),
    Format("RTF", Kind.TEXT, ("rtf",), "office:decode_rtf"),
)

_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}
_KIND_CODES = {suffix: int(row.kind) for suffix, row in _BY_SUFFIX.items()}


def format_of(path: str | os.PathLike[str]) -> Format | None:
    """The format that the file's name promises, or None if it is none of ours."""
    return _BY_SUFFIX.get(os.fspath(path).rpartition(".")[2].lower())


def is_paged(path: str | os.PathLike[str]) -> bool:
    """Whether, by the file's name, each of its pages is a document of its own."""
    found = format_of(path)
    return found is not None and found.has_pages


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
class ModelShape:
    """How a vision model all of whose pictures have one size, or one number of patches, gets a picture: by the rules of
    the image processors that transformers has for such models."""

    width: int = 224
    height: int = 224
    """Pixels of what the model sees. Without `shortest` the whole picture is brought to that, whatever its shape."""
    resample: int = 3
    """Pillow's number of the filter: 2 bilinear, 3 bicubic."""
    shortest: int = 0
    """If not 0, the picture keeps its shape: its shorter side is brought to that, and the middle is cut out."""
    patch: int = 0
    patches: int = 0
    """If not 0, the picture nearly keeps its shape: it is brought to whole patches of `patch` by `patch` pixels, as
    many as `patches` allow; width and height then say nothing."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    deviation: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """What the model takes from red, green and blue (0..1), and what it divides them by then. The pixels that are
    decoded are left as they are."""


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
    shape: ModelShape | None = None
    """The size that a model with pictures of one size wants, of a picture and of each frame; `max_pixels` then says
    nothing."""


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
    pixels: bytes = b""
    """16 bytes that name the pixels alone, as they are stored: the same whatever else is written into the file. Empty
    where a format's pixels can't be told from the rest."""
    likeness: bytes = b""
    """What tells a near duplicate of this picture (`core.decoding.identity.likeness`); empty if there is no telling."""
    size: int = 0
    """Bytes of the file when it was opened."""
    mtime: int = 0
    """When it had been changed then: nanoseconds since 1970."""


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
    pages: NDArray[np.int32] | None = None
    """Which page of its file each is, from 0; None: each is the first, or the whole."""


@dataclass(frozen=True)
class Changed:
    """Files of these rows that have another content now, or are there again."""

    rows: NDArray[np.int32]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]


@dataclass(frozen=True)
class Gone:
    """Files of these rows that are no longer there."""

    rows: NDArray[np.int32]


@dataclass(frozen=True)
class Away:
    """Whether the folder itself can't be reached: its drive was unplugged, its share is offline. Nothing is lost."""

    away: bool


@dataclass(frozen=True)
class Unlisted:
    """A folder inside the scanned one that could not be read; the scan goes on."""

    error: FolderError


class Listing:
    """The media of a folder in columns: row i is one file, or one page of one. Rows are only ever added, so that a
    row number means the same file for ever; one that is deleted is marked as gone.

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
        self.pages: NDArray[np.int32] = np.empty(0, np.int32)
        """Which page of its file a row is, from 0."""
        self.gone: NDArray[np.bool_] = np.empty(0, np.bool_)

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
        pages = np.zeros(len(chunk.names), np.int32) if chunk.pages is None else chunk.pages
        self.pages = np.concatenate([self.pages, pages])
        self.gone = np.concatenate([self.gone, np.zeros(len(chunk.names), np.bool_)])
        self.names += chunk.names

    def change(self, change: Changed | Gone) -> None:
        """Take in what became of rows that are there already."""
        if isinstance(change, Gone):
            self.gone[change.rows] = True
        else:
            self.sizes[change.rows], self.mtimes[change.rows] = change.sizes, change.mtimes
            self.gone[change.rows] = False

    @property
    def present(self) -> int:
        """How many rows are not gone."""
        return len(self) - int(np.count_nonzero(self.gone))

    def path(self, row: int) -> str:
        return os.path.join(self.folders[self.folder[row]], self.names[row])

    def relative_path(self, row: int) -> str:
        return os.path.relpath(self.path(row), self.root)

    def kind(self, row: int) -> Kind:
        return Kind(int(self.kinds[row]))

    def page_number(self, row: int) -> int | None:
        """Which page of its file the row is, as people count; None for what is not thought of in pages."""
        page = int(self.pages[row])
        return page + 1 if page or (self.kind(row) is Kind.TEXT and is_paged(self.names[row])) else None


FIRST_CHUNK, LAST_CHUNK = 256, 8192
CHUNK_SECONDS = 0.1

Identity = tuple[int, int] | str
"""What names a folder whatever its path: device and inode, or its real path where a share gives no inodes."""

HIDDEN = (".", "~$")
"""How names begin that are not ours: hidden ones, and the notes that office programs leave beside an open document."""

_WINDOWS = os.name == "nt"
_LONG_PATH = 248
"""Characters from which Windows takes a path only with a prefix (a folder's limit; a file's is 260)."""


def openable(path: str) -> str:
    """The absolute path as the system takes it: on Windows a long one needs a prefix, elsewhere it is the same."""
    if not _WINDOWS or len(path) < _LONG_PATH or path.startswith("\\\\?\\"):
        return path
    plain = path.replace("/", "\\")
    return "\\\\?\\UNC" + plain[1:] if plain.startswith("\\\\") else "\\\\?\\" + plain


@dataclass(frozen=True)
class FolderFound:
    """A folder that was read to its end. Everything is in the order of names."""

    path: str
    identity: Identity
    device: int
    mtime: int
    """When its entries had last changed before it was read: nanoseconds since 1970."""
    files: list[os.DirEntry[str]]
    """Files whose names are those of our formats."""
    subfolders: list[str]
    """Names of the folders in it."""
    links: list[str]
    """Names of the symbolic links and junctions in it that lead to folders."""
    empty: bool
    """Whether there is nothing in it at all, not even something hidden."""


def read_folder(path: str) -> FolderFound:
    """What is directly in a folder. Opens no file. Raises OSError."""
    status = os.stat(openable(path))
    files: list[os.DirEntry[str]] = []
    subfolders: list[str] = []
    links: list[str] = []
    with os.scandir(openable(path)) as scanned:
        entries = sorted(scanned, key=_entry_name)
    for entry in entries:
        name = entry.name
        if name.startswith(HIDDEN):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                (links if _is_junction(entry) else subfolders).append(name)
            elif entry.is_symlink() and entry.is_dir():
                links.append(name)
            elif name.rpartition(".")[2].lower() in _KIND_CODES:
                files.append(entry)
        except OSError:
            if kind_code(name) is not None:
                files.append(entry)  # it is there by name: let the decoder say what is wrong with it
    return FolderFound(
        path, folder_identity(path, status), status.st_dev, status.st_mtime_ns, files, subfolders, links, not entries
    )


def folder_identity(path: str, status: os.stat_result) -> Identity:
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def kind_code(name: str) -> int | None:
    """The Kind that a file's name promises, as its number, or None if it is none of ours."""
    return _KIND_CODES.get(name.rpartition(".")[2].lower())


def file_state(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    """Size and mtime of a file; (0, 0) if it is there but won't tell, None if it isn't there any more."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        return (0, 0) if entry.is_symlink() else None
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def walk(
    top: str, *, recursive: bool = True, seen: dict[Identity, str] | None = None
) -> Iterator[FolderFound | Unlisted]:
    """The folder `top` (an absolute path) and all below it, as they are read; opens no file.

    Folders come in the order of their names, real ones before those behind links. A folder comes once, however many
    links lead to it, so loops end. `seen` holds what was found before, and takes in what is found.
    """
    seen = {} if seen is None else seen
    # Depth first: a stack of folders still to be read, each with its real path: on some shares inodes are made up anew
    # with every look, and a loop shows by its real path alone.
    stack, links = [(top, os.path.realpath(top))], deque[str]()
    while stack or links:
        path, real = stack.pop() if stack else (links[0], os.path.realpath(links.popleft()))
        try:
            identity = folder_identity(path, os.stat(openable(path)))
            if any(name in seen and _is_another(seen[name], path, identity, real) for name in (identity, real)):
                continue
            found = read_folder(path)
        except OSError as error:
            if path == top or not isinstance(error, FileNotFoundError) or os.path.lexists(openable(path)):
                yield Unlisted(folder_error_from_os(error, path))
            continue  # else it was deleted meanwhile
        seen[identity] = seen[real] = path
        yield found
        if not recursive:
            return
        stack += [(os.path.join(path, name), os.path.join(real, name)) for name in reversed(found.subfolders)]
        links += [os.path.join(path, name) for name in found.links]


def _is_another(known: str, path: str, identity: Identity, real: str) -> bool:
    """Whether `known` is another path of this folder still: it may have been moved since it was seen."""
    if known == path:
        return False
    try:
        return folder_identity(known, os.stat(openable(known))) == identity or os.path.realpath(known) == real
    except OSError:
        return False


def scan(folder: str | os.PathLike[str], *, recursive: bool = True) -> Iterator[Listed | Unlisted]:
    """The media files under `folder`, in chunks as they are found, in the order of `walk`. Opens no file.

    Names starting with a dot are left out, as a file manager does. Raises FolderError if `folder` itself can't be
    listed.
    """
    root = os.path.abspath(os.fspath(folder))
    columns = _Columns()
    limit, deadline = FIRST_CHUNK, time.monotonic() + CHUNK_SECONDS
    for found in walk(root, recursive=recursive):
        if isinstance(found, Unlisted):
            if found.error.data["path"] == root:
                raise found.error
            yield found
            continue
        columns.enter(found.path)
        for entry in found.files:
            state = file_state(entry)
            if state is None:
                continue
            columns.add(entry.name, _KIND_CODES[entry.name.rpartition(".")[2].lower()], *state)
            if len(columns.names) >= limit:
                yield columns.take()
                limit, deadline = min(limit * 2, LAST_CHUNK), time.monotonic() + CHUNK_SECONDS
        if columns.names and time.monotonic() > deadline:
            yield columns.take()
            deadline = time.monotonic() + CHUNK_SECONDS
    if columns.names:
        yield columns.take()


def _entry_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether it is one of Windows' folders that stand for another (IO_REPARSE_TAG_MOUNT_POINT in its headers)."""
    return _WINDOWS and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == 0xA0000003


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
