"""The thumbnails that the programs of a desktop share: which file is whose, when one holds, and how one is written.

The rules are those of the Thumbnail Managing Standard 0.9 of freedesktop.org, which file managers follow: a PNG named
by the MD5 of the file's URI, in a folder for each size; it holds while the time of change written in it is the file's.
What another program made is used; what it does not say of the file is asked of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from math import floor
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core import errors
from core.decoding import DECODING_VERSION, Raster, Thumbnail
from core.decoding.resize import within
from core.errors import MediaError
from core.media import Facts, Kind

SIZES = {128: "normal", 256: "large", 512: "x-large", 1024: "xx-large"}
"""The longest side in pixels, and the folder of such thumbnails."""
WRITTEN = (128, 256)
"""Those that we write: as PNG, larger ones take a megabyte each."""
FAILURES = f"fail/semblance-{DECODING_VERSION}"
"""Files that these decoders found nothing to show in: other ones get another try."""

_OWN_KEY = "Semblance"
_UNESCAPED = "!$&'()*+,/:=@~"
"""What GLib leaves as it is in a file's URI, besides letters, digits and -._: all programs must get the same name."""
_CONTENT_FAILURES = (
    errors.FileDamaged,
    errors.FileEmpty,
    errors.FileMisnamed,
    errors.FileProtected,
    errors.FileTooLarge,
    errors.FileUnsupported,
)
"""Failures that lie in the content. The others may pass."""


def uri_of(path: str) -> str:
    """The URI under which a desktop's programs know the file."""
    return "file://" + quote(os.fsencode(os.path.abspath(path)), safe=_UNESCAPED)


def find(
    root: str,
    path: str,
    status: os.stat_result,
    pixels: int,
    version: str,
    measure: Callable[[], Facts | None],
) -> Thumbnail | None:
    """The thumbnail of the file with its longest side at most `pixels`, made of one that is there, or None.

    `root` is the folder that holds those of all sizes. Of ours, only those of this `version` count. `measure` tells
    what another program's does not: the facts of a picture; None if what is there can't stand for the file.
    """
    for side, folder in SIZES.items():
        if side < pixels:
            continue
        image = _read(os.path.join(root, folder, _name(path)), path, status)
        if image is None:
            continue
        if own := image.info.get(_OWN_KEY):
            if thumbnail := _own(image, own, version, status, pixels):
                return thumbnail
        elif (facts := measure()) and (raster := _reduced(image, facts, pixels)):
            return Thumbnail(raster, "", facts, Kind.IMAGE)
    return None


def keep(root: str, path: str, status: os.stat_result, pixels: int, version: str, thumbnail: Thumbnail) -> bool:
    """Write the thumbnail for all programs; False where that is impossible. `pixels` is one of WRITTEN."""
    raster, facts = thumbnail.raster, thumbnail.facts
    if raster is None:
        return False
    own = {
        "version": version,
        "mtime": status.st_mtime_ns,
        "kind": int(thumbnail.kind),
        "facts": [facts.width, facts.height, facts.duration],
    }
    keys = _keys(path, status) | {_OWN_KEY: json.dumps(own)}
    if thumbnail.kind is Kind.VIDEO:
        keys["Thumb::Movie::Length"] = str(round(facts.duration))
    else:
        keys |= {"Thumb::Image::Width": str(facts.width), "Thumb::Image::Height": str(facts.height)}
    image = Image.frombytes("RGB", (raster.width, raster.height), raster.data)
    return _write(root, SIZES[pixels], _name(path), image, keys)


def failure(root: str, path: str, status: os.stat_result) -> MediaError | None:
    """Why nothing can be shown of the file, if that was found out before and the file is the same."""
    image = _read(os.path.join(root, FAILURES, _name(path)), path, status)
    if image is None:
        return None
    try:
        own = json.loads(image.info[_OWN_KEY])
        kind = next(kind for kind in _CONTENT_FAILURES if kind.__name__ == own["kind"])
        return kind(**own["data"]) if own["mtime"] == status.st_mtime_ns else None
    except (KeyError, TypeError, ValueError, StopIteration):
        return None


def keep_failure(root: str, path: str, status: os.stat_result, error: MediaError) -> None:
    """Remember that nothing can be shown of the file, if that lies in its content; or do nothing."""
    if isinstance(error, _CONTENT_FAILURES):
        own = {"mtime": status.st_mtime_ns, "kind": type(error).__name__, "data": error.data}
        _write(root, FAILURES, _name(path), Image.new("RGB", (1, 1)), _keys(path, status) | {_OWN_KEY: json.dumps(own)})


# --- one entry ---------------------------------------------------------------------------------------


def _name(path: str) -> str:
    return hashlib.md5(uri_of(path).encode(), usedforsecurity=False).hexdigest() + ".png"


def _keys(path: str, status: os.stat_result) -> dict[str, str]:
    return {
        "Thumb::URI": uri_of(path),
        "Thumb::MTime": str(_seconds(status)),
        "Thumb::Size": str(status.st_size),
        "Software": "Semblance",
    }


def _seconds(status: os.stat_result) -> int:
    return status.st_mtime_ns // 10**9


def _read(place: str, path: str, status: os.stat_result) -> Image.Image | None:
    """The entry there, loaded, if it is of this file as it is now. Its `info` has the keys."""
    try:
        with Image.open(place, formats=["PNG"]) as image:
            if max(image.size) > max(SIZES):
                return None
            image.load()  # a key may stand behind the pixels
            info = image.info
            # Some programs write fractions of a second.
            holds = floor(float(info["Thumb::MTime"])) == _seconds(status)
            holds = holds and int(info.get("Thumb::Size", status.st_size)) == status.st_size
            return image if holds and info["Thumb::URI"] == uri_of(path) else None
    except Exception:  # anything may have been left there; it is made again
        return None


def _own(image: Image.Image, own: str, version: str, status: os.stat_result, pixels: int) -> Thumbnail | None:
    try:
        said = json.loads(own)
        # Exact, where the standard's whole seconds are not: the file may have changed twice within one.
        if (said["version"], said["mtime"]) != (version, status.st_mtime_ns):
            return None
        width, height, duration = said["facts"]
        facts, kind = Facts(int(width), int(height), float(duration)), Kind(said["kind"])
    except (KeyError, TypeError, ValueError):
        return None
    raster = _reduced(image, facts, pixels)
    return Thumbnail(raster, "", facts, kind) if raster else None


def _reduced(image: Image.Image, facts: Facts, pixels: int) -> Raster | None:
    """The entry at the size in which such a file is shown, or None if it is too small for that, or of another shape:
    lying on its side, framed, or cut."""
    wanted = within(facts.width, facts.height, pixels)
    large = within(facts.width, facts.height, max(image.size))
    if any(side < least - 1 for side, least in zip(image.size, wanted, strict=True)):
        return None
    if any(abs(side - meant) > 1 for side, meant in zip(image.size, large, strict=True)):
        return None
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer)
    small = image.convert("RGB")
    if max(small.size) > max(wanted):
        small = small.resize(wanted, Image.Resampling.LANCZOS)
    return Raster(small.width, small.height, small.tobytes())


def _write(root: str, folder: str, name: str, image: Image.Image, keys: dict[str, str]) -> bool:
    place, temporary = os.path.join(root, folder), ""
    info = PngInfo()
    for key, value in keys.items():
        info.add_text(key, value)
    try:
        for part in (root, os.path.dirname(place), place):
            os.makedirs(part, mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=place, suffix=".tmp")  # readable by the person alone
        with open(descriptor, "wb") as file:
            # Runs of bytes only: half the time of the usual search, and no larger on photographs.
            image.save(file, "PNG", pnginfo=info, compress_level=1, compress_type=3)
        os.replace(temporary, os.path.join(place, name))
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        return False
    return True
