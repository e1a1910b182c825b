"""Where thumbnails are kept between sessions: a folder of ours, one JPEG each, with its facts in the JPEG's comment.

A thumbnail belongs to a path at one size and time of change, so a file that changes gets a new one. The folder is a
cache: whatever can't be written is made again the next time, whatever can't be read is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress

from PIL import Image

from core.decoding import Raster, Thumbnail
from core.media import Facts, Kind

THUMBNAIL_VERSION = 1
"""Raise it when thumbnails of the same files come out differently."""

_QUALITY = 90


def place(cache: str, path: str, status: os.stat_result, pixels: int) -> str:
    """The file in which the thumbnail of `path`, as it is now, is kept."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (THUMBNAIL_VERSION, status.st_size, status.st_mtime_ns, pixels):
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
            return Thumbnail(raster, "", facts, Kind(kept["kind"]))
    except Exception:  # a disk may have left anything there; it is made again
        return None


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
