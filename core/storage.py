"""What is kept of a person's work, as they see it: how much it takes, what can be cleared, the one file of a backup.

Every function opens what it needs for itself, so that it can run in a thread beside whoever works with the catalog.
A backup is a ZIP file: a manifest, a copy of the catalog, the settings, what `auto` came to for each model, and the
pictures that were pasted as references. Thumbnails and listings can be made again, but the listings are in the
catalog and come along.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from core.catalog.upkeep import Upkeep, check
from core.errors import BackupFailed, BackupNewer, BackupUnfit
from core.jobs import BackedUp, Restored, Storage, StoragePart
from core.settings import Home

BACKUP_FORMAT = 1
"""Raise it when an older Semblance could not make sense of a backup any more."""

PARTS = ("scores", "features", "listings", "missing", "thumbnails")
"""What can be cleared, by name."""

LOOKING_SECONDS = 10.0
"""How long the disks are asked which files are still there; those not reached by then count as there."""

_MANIFEST, _CATALOG, _SETTINGS, _JUDGES, _PASTED = (
    "manifest.json",
    "catalog.sqlite3",
    "settings.toml",
    "judges.json",
    "pasted/",
)
_SCRATCH, _ABANDONED_SECONDS = "backup-", 24 * 3600.0
_SMALL_FILE = 16 * 2**20
"""Bytes that a manifest, settings or a record may have at most."""
_EXPANSION = 200
"""How many times its size a catalog may grow when it is unpacked: ours reach ten."""


# --- measuring and clearing --------------------------------------------------------------------------


def measure(home: Home) -> Storage:
    """How much is kept, and of what; the sizes of parts are estimates. Raises CatalogError."""
    with Upkeep(home.catalog) as catalog:
        return _measure(home, catalog)


def clear(home: Home, parts: Sequence[str]) -> Storage:
    """Throw these parts away, and say what is left. Scores and features then have to be made again.

    Raises CatalogError; ValueError if there is no such part.
    """
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"nothing to clear by the name of {', '.join(sorted(unknown))}")
    with Upkeep(home.catalog) as catalog:
        if "missing" in parts:
            catalog.note_missing(_missing(catalog))
        ways: dict[str, Callable[[], None]] = {
            "scores": catalog.clear_scores,
            "features": catalog.clear_features,
            "listings": catalog.clear_listings,
            "missing": catalog.clear_missing,
            "thumbnails": lambda: _clear_thumbnails(home),
        }
        for part in parts:
            ways[part]()
        if set(parts) - {"thumbnails"}:
            catalog.give_back_space()
        return _measure(home, catalog)


def _measure(home: Home, catalog: Upkeep) -> Storage:
    measured = {
        "scores": catalog.scores(),
        "features": catalog.features(),
        "listings": catalog.listings(),
        "missing": catalog.note_missing(_missing(catalog)),
        "thumbnails": _measure_thumbnails(home),
    }
    parts = tuple(StoragePart(name, *measured[name]) for name in PARTS)
    return Storage(str(home.catalog), _size(home.catalog) + _size(Path(f"{home.catalog}-wal")), parts)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _measure_thumbnails(home: Home) -> tuple[int, int]:
    import core.decoding.thumbnails as thumbnails

    return thumbnails.measure(str(home.thumbnails))


def _clear_thumbnails(home: Home) -> None:
    import core.decoding.thumbnails as thumbnails

    thumbnails.clear(str(home.thumbnails))


# --- files that are no longer there ------------------------------------------------------------------


def _missing(catalog: Upkeep) -> dict[int, list[bytes]]:
    """The files that are known and proven to be gone, by folder.

    A drive that is unplugged and a folder that is deleted look alike, and a mount point stays behind as an empty
    folder. So a file counts as gone only if there is a witness: another known file that is still there, in the same
    folder or, where that is gone as well, in the closest folder above. And only below a folder that a person opened.
    """
    deadline = time.monotonic() + LOOKING_SECONDS
    numbers = catalog.folders()
    roots = catalog.roots()
    witnesses: dict[bytes, bool] = {}
    missing: dict[int, list[bytes]] = {}
    for path, number in numbers.items():
        if time.monotonic() > deadline:
            break
        if not any(_is_within(path, root) for root in roots):
            continue
        known = catalog.names(number)
        there = _entries(path)
        witnesses[path] = there is not None and not known.isdisjoint(there)
        if there is not None:
            gone = known - there if witnesses[path] else set()
        else:
            above = _closest_above(path)
            if above not in witnesses:
                beside = _entries(above) if above in numbers else None
                witnesses[above] = beside is not None and not catalog.names(numbers[above]).isdisjoint(beside)
            gone = known if witnesses[above] else set()
        if gone:
            missing[number] = sorted(gone)
    return missing


def _is_within(path: bytes, root: bytes) -> bool:
    separator = os.fsencode(os.sep)
    return path == root or path.startswith(root.rstrip(separator) + separator)


def _entries(folder: bytes) -> set[bytes] | None:
    """The names in a folder; None if it can't be listed."""
    try:
        return set(os.listdir(folder))
    except OSError:
        return None


def _closest_above(folder: bytes) -> bytes:
    """The closest folder above that is there; empty where a link leads nowhere, as to a drive that is unplugged, or
    where a folder is there and can't be listed."""
    while not os.path.lexists(folder):
        above = os.path.dirname(folder)
        if above == folder:
            return b""
        folder = above
    return folder if _entries(folder) is not None else b""


# --- backup ------------------------------------------------------------------------------------------


def back_up(home: Home, path: str | os.PathLike[str]) -> BackedUp:
    """Write everything the program knows into one file. What was at `path` is replaced once the backup is whole.

    Raises BackupFailed, CatalogError.
    """
    target = Path(path).absolute()
    partial = target.with_name(f".{target.name}-{os.getpid()}.part")
    with Upkeep(home.catalog) as catalog, _told(target), _scratch(home) as scratch:
        copy = scratch / _CATALOG
        catalog.copy_to(copy, target)
        try:
            with open(partial, "wb") as file:
                _pack(home, copy, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        return BackedUp(str(target), target.stat().st_size)


def _pack(home: Home, catalog: Path, file: BinaryIO) -> None:
    others = [(home.settings, _SETTINGS), (home.judges, _JUDGES)]
    if home.pasted.is_dir():
        others += [(picture, _PASTED + picture.name) for picture in sorted(home.pasted.iterdir()) if picture.is_file()]
    manifest = {"program": "semblance", "format": BACKUP_FORMAT}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=2))
        archive.write(catalog, _CATALOG)
        for source, name in others:
            with contextlib.suppress(FileNotFoundError):
                archive.write(source, name)


def restore(home: Home, path: str | os.PathLike[str]) -> Restored:
    """Take in what a backup knows. What is here already stays: its scores and features are added to those of the
    catalog, settings are put back only where there are none (a fresh installation), pasted pictures if they are gone.

    Raises BackupUnfit, BackupNewer, BackupFailed, CatalogError.
    """
    source = Path(path).absolute()
    with _told(source), _scratch(home) as scratch, _opened(source) as archive:
        copy = scratch / _CATALOG
        _unpack_catalog(archive, copy, source)
        check(copy, source)
        with Upkeep(home.catalog) as catalog:
            contents, scores = catalog.merge(copy)
        _put_back(archive, _SETTINGS, home.settings)
        _put_back(archive, _JUDGES, home.judges)
        for name in archive.namelist():
            if name.startswith(_PASTED) and os.path.basename(name) == name.removeprefix(_PASTED) != "":
                _put_back(archive, name, home.pasted / os.path.basename(name))
    return Restored(contents, scores)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            _check_manifest(archive, source)
            yield archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise BackupUnfit(path=str(source)) from error


def _check_manifest(archive: zipfile.ZipFile, source: Path) -> None:
    try:
        info = archive.getinfo(_MANIFEST)
        if info.file_size > _SMALL_FILE:
            raise BackupUnfit(path=str(source))
        manifest = json.loads(archive.read(info))
        ours, version = manifest["program"] == "semblance", int(manifest["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise BackupUnfit(path=str(source)) from error
    if not ours:
        raise BackupUnfit(path=str(source))
    if version > BACKUP_FORMAT:
        raise BackupNewer(path=str(source))


def _unpack_catalog(archive: zipfile.ZipFile, copy: Path, source: Path) -> None:
    try:
        info = archive.getinfo(_CATALOG)
    except KeyError as error:
        raise BackupUnfit(path=str(source)) from error
    if info.file_size > _SMALL_FILE and info.file_size > _EXPANSION * info.compress_size:
        raise BackupUnfit(path=str(source))
    # No more is read than was announced, and what was announced has to fit.
    if info.file_size > shutil.disk_usage(copy.parent).free:
        raise BackupFailed(path=str(source), detail=os.strerror(errno.ENOSPC))
    with archive.open(info) as packed, open(copy, "wb") as file:
        shutil.copyfileobj(packed, file, 2**20)


def _put_back(archive: zipfile.ZipFile, name: str, place: Path) -> None:
    """Write a small file of the backup to its place, unless there is one."""
    if name not in archive.namelist() or place.exists() or archive.getinfo(name).file_size > _SMALL_FILE:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}-{os.getpid()}.part")
    try:
        partial.write_bytes(archive.read(name))
        os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _scratch(home: Home) -> Iterator[Path]:
    """A folder on the catalog's own disk, where SQLite is known to work and there is likely room."""
    home.data.mkdir(parents=True, exist_ok=True)
    for abandoned in home.data.glob(f"{_SCRATCH}*"):  # of a program that was killed
        if abs(time.time() - abandoned.stat().st_mtime) > _ABANDONED_SECONDS:
            shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=home.data) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says about a backup, as ours."""
    try:
        yield
    except OSError as error:
        detail = os.strerror(error.errno) if error.errno else str(error)
        raise BackupFailed(path=str(path), detail=detail) from error
