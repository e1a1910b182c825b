"""Where thumbnails are kept between sessions, and what is thrown away of them when they take too much room.

Two places: the cache that the programs of a desktop share (`shared_thumbnails`), for what a person has looked at in
the sizes that it is for; and a folder of ours with one JPEG each, its facts in the JPEG's comment, for all else: other
sizes, pages after the first, documents, what a judge leaves along the way, and systems without a shared one.

A thumbnail belongs to a path at one size and time of change, so a file that changes gets a new one. Both are caches:
whatever can't be written is made again the next time, whatever can't be read is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from core.decoding import DECODING_VERSION, Raster, Thumbnail, shared_thumbnails
from core.errors import MediaError
from core.media import Facts, Kind

THUMBNAIL_VERSION = 2
"""Raise it when thumbnails of the same files come out differently, and DECODING_VERSION does not rise."""

LIMIT = 2 * 2**30
"""Bytes that our folder is pruned to, unless told."""

_VERSION = f"{DECODING_VERSION}.{THUMBNAIL_VERSION}"
_QUALITY = 90
_USE_NOTED_SECONDS = 86400.0
"""A thumbnail that is looked at is marked as used at most so often: a mark is a write."""
_PRUNED_TO = 0.9
"""The part of the limit that is left, so that not every start has something to throw away."""
_ABANDONED_SECONDS = 3600.0
"""A temporary file so old belongs to a program that was killed."""


@dataclass(frozen=True)
class Subject:
    """What a thumbnail is of: a file, or a page of one, in a certain state and size."""

    path: str
    status: os.stat_result
    pixels: int
    """The longest side."""
    page: int = 0


@dataclass(frozen=True)
class Shelves:
    """The folder of ours, and that of the shared cache, empty if that is not to be touched."""

    own: str
    shared: str = ""

    def find(self, subject: Subject, kind: Kind, measure: Callable[[], Facts | None]) -> Thumbnail | None:
        """The thumbnail that is kept, or None. Raises the MediaError that is remembered in its place.

        `kind` is what the file's name promises; `measure` tells the facts of a picture that another program's
        thumbnail does not, or None if no such thumbnail can stand for it.
        """
        if self._shares(subject, kind):
            file = self.shared, subject.path, subject.status
            if kept := shared_thumbnails.find(*file, subject.pixels, _VERSION, measure):
                return kept
            if error := shared_thumbnails.failure(*file):
                raise error
        return load(self._place(subject))

    def keep(self, subject: Subject, thumbnail: Thumbnail) -> None:
        """Keep the thumbnail where it belongs, or do nothing where that is impossible."""
        if subject.pixels in shared_thumbnails.WRITTEN and self._shares(subject, thumbnail.kind):
            file = self.shared, subject.path, subject.status
            if shared_thumbnails.keep(*file, subject.pixels, _VERSION, thumbnail):
                return
        if not self._hold(subject.path):
            save(self._place(subject), thumbnail)

    def keep_failure(self, subject: Subject, kind: Kind, error: MediaError) -> None:
        """Remember that nothing can be shown of the file, if that lies in its content."""
        if self._shares(subject, kind):
            shared_thumbnails.keep_failure(self.shared, subject.path, subject.status, error)

    def _shares(self, subject: Subject, kind: Kind) -> bool:
        return bool(self.shared) and subject.page == 0 and kind is not Kind.TEXT and not self._hold(subject.path)

    def _place(self, subject: Subject) -> str:
        return place(self.own, subject.path, subject.status, subject.pixels, subject.page)

    def _hold(self, path: str) -> bool:
        """Whether the file is itself a thumbnail: if one were kept of it, there would be no end."""
        roots = tuple(os.path.join(os.path.abspath(root), "") for root in (self.own, self.shared) if root)
        return os.path.abspath(path).startswith(roots)


# --- our folder --------------------------------------------------------------------------------------


def place(cache: str, path: str, status: os.stat_result, pixels: int, page: int = 0) -> str:
    """The file of our folder in which the thumbnail of `path`, as it is now, is kept."""
    digest = hashlib.blake2b(_VERSION.encode(), digest_size=16)
    for part in (status.st_size, status.st_mtime_ns, pixels, page):
        digest.update(part.to_bytes(16, "little", signed=True))
    digest.update(os.fsencode(os.path.abspath(path)))
    name = digest.hexdigest()
    return os.path.join(cache, name[:2], name[2:] + ".jpg")


def load(place: str) -> Thumbnail | None:
    """The thumbnail kept there, or None if there is none or it is damaged."""
    try:
        with Image.open(place, formats=["JPEG"]) as image:
            kept = json.loads(image.info["comment"])
            facts = Facts(int(kept["width"]), int(kept["height"]), float(kept["duration"]))
            raster = Raster(image.width, image.height, image.convert("RGB").tobytes())
            thumbnail = Thumbnail(raster, "", facts, Kind(kept["kind"]))
    except Exception:  # a disk may have left anything there; it is made again
        return None
    with suppress(OSError):
        if time.time() - os.stat(place).st_mtime > _USE_NOTED_SECONDS:
            os.utime(place)
    return thumbnail


def save(place: str, thumbnail: Thumbnail) -> None:
    """Keep the thumbnail, or do nothing where that is impossible (disk full or read-only)."""
    raster = thumbnail.raster
    if raster is None:
        return
    facts = thumbnail.facts
    comment = json.dumps(
        {"width": facts.width, "height": facts.height, "duration": facts.duration, "kind": int(thumbnail.kind)}
    )
    image = Image.frombytes("RGB", (raster.width, raster.height), raster.data)
    temporary = ""
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(place), suffix=".tmp")
        with open(descriptor, "wb") as file:
            # Full colour resolution: red lettering on a small picture shows the difference.
            image.save(file, "JPEG", quality=_QUALITY, subsampling=0, comment=comment)
        os.replace(temporary, place)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)


def measure(cache: str) -> tuple[int, int]:
    """(bytes, thumbnails) in our folder."""
    files = list(_files(cache))
    return sum(size for _, size, _ in files), len(files)


def prune(cache: str, limit: int = LIMIT) -> int:
    """Throw away what was not looked at for longest until the rest takes less than `limit` bytes; bytes freed."""
    freed, kept, now = 0, [], time.time()
    for used, size, path in _files(cache):
        if not path.endswith(".tmp"):
            kept.append((used, size, path))
        elif now - used > _ABANDONED_SECONDS:
            freed += _removed(path, size)
    total = sum(size for _, size, _ in kept)
    if total <= limit:
        return freed
    for _, size, path in sorted(kept):
        if total <= limit * _PRUNED_TO:
            break
        freed += _removed(path, size)
        total -= size
    return freed


def clear(cache: str) -> None:
    """Throw all away that is in our folder."""
    shutil.rmtree(cache, ignore_errors=True)


def _files(cache: str) -> Iterator[tuple[float, int, str]]:
    """(when it was last used, bytes, path) of everything in our folder."""
    with suppress(OSError), os.scandir(cache) as shards:
        for shard in shards:
            with suppress(OSError), os.scandir(shard.path) as entries:
                for entry in entries:
                    with suppress(OSError):  # another window may be throwing things away at this moment
                        status = entry.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size, entry.path


def _removed(path: str, size: int) -> int:
    try:
        os.unlink(path)
    except OSError:
        return 0
    return size
