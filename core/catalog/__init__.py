"""How scores are kept: SQLite. The only package that knows SQL.

Scores belong to contents, not to paths: a file, or a page of one, is known by (folder, name, page, size, mtime) and
leads to a content; a content has scores (by judge and query) and features (by extractor). One connection, used by
one thread; any number of programs may use the same catalog at once.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core import errors
from core.catalog import shares
from core.catalog.checksums import feature_checksum, file_checksum, question_checksum, score_checksum
from core.catalog.opening import is_damage, known_error, open_for_reading, open_for_writing, open_nothing, transaction
from core.catalog.salvage import salvage
from core.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogFull,
    CatalogLocked,
    CatalogOnShare,
    CatalogReadOnly,
    MediaError,
)
from core.media import Facts, Kind, Listing

Number = TypeVar("Number", np.int64, np.float64)

BUSY_SECONDS = 2.0
"""How long a statement waits for another process to finish writing before CatalogLocked."""

RETRY_SECONDS = 2.0
"""How often a catalog that could not be opened for writing is tried again."""

ABANDONED_SECONDS = 3600.0
"""After which a file that nobody has written to belongs to nobody."""

FRESH_NS, FRESH_COARSE_NS = 20_000_000, 4_000_000_000
"""A file that changed so short before it was kept may change again without its time showing it, and is read again.

Clocks tick every 16 ms at most (Windows); a file system that keeps whole seconds may round to two of them (FAT), and
two more may pass from reading to keeping.
"""


WIDE_GAP, LONG_RUN = 8, 16
"""Ids of contents that lie closer, and are at least so many, are read as one range: twenty times as fast as singly."""


BLOCK = 1024
"""Ids of contents of which scores are held in memory together."""


@dataclass(frozen=True)
class FileRead:
    """What reading one file, or one page of it, taught: which content it holds, and what the judge keeps of it."""

    folder: str
    name: str
    size: int
    mtime: int
    fingerprint: bytes
    kind: Kind
    facts: Facts
    feature: bytes = b""
    detail: bytes = b""
    page: int = 0
    pixels: bytes = b""
    likeness: bytes = b""


@dataclass(frozen=True)
class FileRefused:
    """A file that could not be read, and why; remembered until the file changes."""

    folder: str
    name: str
    size: int
    mtime: int
    error: MediaError
    page: int = 0


REMEMBERED = (
    errors.FileEmpty,
    errors.FileMisnamed,
    errors.FileDamaged,
    errors.FileTooLarge,
    errors.FileUnsupported,
    errors.FileProtected,
    errors.PageMissing,
    errors.DecodingCrashed,
    errors.MemoryExceeded,
)
"""Failures that lie in the file's content. The others (gone, forbidden, timed out …) may pass, and are tried again."""


class KnownScores:
    """The scores of one judge for one query with their evidence, by content: each read when it is first asked for.

    Of a million that are kept, a folder needs its own.
    """

    def __init__(self, read: _ReadScores, columns: int) -> None:
        self._read = read
        # Ids in blocks; a block has its place in the columns from when one of its ids is first asked for.
        self._blocks: NDArray[np.int64] = np.full(16, -1, np.int64)
        self._used = 0
        self._asked: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._scores: NDArray[np.float32] = np.zeros(0, np.float32)
        self._evidence: NDArray[np.float32] = np.zeros((0, columns), np.float32)

    def of(self, contents: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The scores of these contents and their evidence (contents, columns), NaN where there is none.

        Raises CatalogError.
        """
        places = self._places(contents)
        new = np.unique(contents[~self._asked[places]])
        if len(new):
            ids, scores, evidence = self._read(new)
            found = self._places(ids)
            self._scores[found], self._evidence[found] = scores, evidence
            self._asked[self._places(new)] = True
        return self._scores[places], self._evidence[places]

    def _places(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where these contents stand in the columns, which grow as needed."""
        blocks = contents // BLOCK
        if len(blocks) and (most := int(blocks.max())) >= len(self._blocks):
            self._blocks = np.concatenate([self._blocks, np.full(max(most, len(self._blocks)), -1, np.int64)])
        new = np.unique(blocks[self._blocks[blocks] < 0])
        if len(new):
            self._blocks[new] = np.arange(self._used, self._used + len(new))
            self._used += len(new)
            if missing := max(0, self._used * BLOCK - len(self._asked)):
                missing = max(missing, len(self._asked))
                self._asked = np.concatenate([self._asked, np.zeros(missing, np.bool_)])
                self._scores = np.concatenate([self._scores, np.full(missing, np.nan, np.float32)])
                empty = np.full((missing, self._evidence.shape[1]), np.nan, np.float32)
                self._evidence = np.concatenate([self._evidence, empty])
        return self._blocks[blocks] * BLOCK + contents % BLOCK


class Catalog:
    """The catalog at `path`, made if there is none.

    A damaged one is set aside under another name, never deleted, and a new one begun with what could be saved of it;
    one that can't be written is used as far as it can be read; one that is locked is tried again. Each is told by
    `notice`. Raises CatalogNewer.

    Damage that shows later raises CatalogDamaged, once: by then the new one is in use, and content ids mean nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice: CatalogError | None = None
        self.renewals = 0
        """How often a damaged one was replaced; content ids from before mean nothing after."""
        self._refused_at = 0.0
        self._opened: tuple[int, int] | None = None
        self._irreplaceable = False
        self._conn = self._open()

    def close(self) -> None:
        self._conn.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- opening ---------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            try:
                return self._connect()
            except CatalogDamaged as error:
                self.notice = error  # by now a new one is in its place
            except (CatalogReadOnly, CatalogFull, CatalogLocked) as error:
                return self._do_without(error)
        return self._do_without(CatalogReadOnly(path=str(self.path)))

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = open_for_writing(self.path, BUSY_SECONDS)
            status = self.path.stat()
        except (OSError, sqlite3.Error) as error:
            if is_damage(error):
                raise self._replace() from error
            known = known_error(error, self.path)
            if known is None:
                raise
            raise known from error
        self._opened = (status.st_dev, status.st_ino)
        if self.notice is None and shares.is_on_share(self.path):
            self.notice = CatalogOnShare(path=str(self.path))
        return connection

    def _do_without(self, error: CatalogError) -> sqlite3.Connection:
        """Read what can be read, and try again later to write."""
        self.notice, self._refused_at = error, time.monotonic()
        return open_for_reading(self.path, others_write=isinstance(error, CatalogLocked))

    def _require_writable(self) -> None:
        """Raise what stands in the way of writing, having looked again whether it still does."""
        if not self._refused_at:
            return
        if time.monotonic() - self._refused_at > RETRY_SECONDS:
            self._refused_at, self.notice = 0.0, None
            self._conn.close()
            self._conn = self._open()
        if self._refused_at and self.notice:
            raise self.notice

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise self._renew() from error
            known = known_error(error, self.path)
            if known is None:
                raise
            raise known from error

    def _renew(self) -> CatalogDamaged:
        """Go on without the damaged catalog."""
        self._conn.close()
        self.renewals += 1
        if self._refused_at:
            # It is only read, without a lock: another program that is writing it makes it look damaged, too.
            self._conn = open_nothing()
            return CatalogDamaged(path=str(self.path), kept=str(self.path), saved=0)
        damaged = self._replace()
        self._conn = self._open()
        if not self._refused_at:
            self.notice = damaged
        return damaged

    def _replace(self) -> CatalogDamaged:
        """Set the damaged file aside and put a new one in its place, with what could be saved."""
        kept, saved = self.path, 0
        if self._opened and self._opened != _identity(self.path):
            # Another program met the damage first, and has replaced the file by now.
            kept = max(self.path.parent.glob(f"{self.path.stem}-damaged-*{self.path.suffix}"), default=kept)
        elif not self._irreplaceable:
            partial = self.path.with_name(f"{self.path.stem}-saved-{os.getpid()}{self.path.suffix}")
            try:
                self._clear_abandoned()
                saved = salvage(self.path, partial)
                kept = self._set_aside()
                with contextlib.suppress(FileNotFoundError):
                    os.replace(partial, self.path)
            except OSError:
                # The folder can't be written, or on Windows another window holds the file.
                self._irreplaceable, saved = True, 0
                with contextlib.suppress(OSError):
                    partial.unlink(missing_ok=True)
        return CatalogDamaged(path=str(self.path), kept=str(kept), saved=saved)

    def _set_aside(self) -> Path:
        kept = self.path.with_name(f"{self.path.stem}-damaged-{datetime.now():%Y%m%d-%H%M%S-%f}{self.path.suffix}")
        # The journal first: it must never be taken for that of the new file.
        for suffix in ("-wal", "-shm", "-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{kept}{suffix}")
        return kept

    def _clear_abandoned(self) -> None:
        """Remove what was left of savings that were killed."""
        for partial in self.path.parent.glob(f"{self.path.stem}-saved-*"):
            if abs(time.time() - partial.stat().st_mtime) > ABANDONED_SECONDS:
                partial.unlink(missing_ok=True)

    # --- reading: files --------------------------------------------------------------------------

    def resolve(
        self, listing: Listing, start: int, stop: int, decoding: int
    ) -> tuple[NDArray[np.int64], dict[int, MediaError]]:
        """What is known of the files in rows start..stop that have not changed since they were read.

        Returns their content ids (0 = not known) and, by row, why those failed that could not be read by this
        version of the decoders.
        """
        return self.resolve_rows(listing, np.arange(start, stop), decoding)

    def resolve_rows(
        self, listing: Listing, rows: NDArray[np.int64], decoding: int
    ) -> tuple[NDArray[np.int64], dict[int, MediaError]]:
        """What is known of the files in these rows, in any order: content ids in that order, failures by row."""
        contents = np.zeros(len(rows), np.int64)
        failures: dict[int, MediaError] = {}
        if not len(rows):
            return contents, failures
        folders = listing.folder[rows]
        # Rows mostly come folder by folder; each folder is one range of the files' primary key.
        order = np.argsort(folders, kind="stable")
        edges = np.flatnonzero(np.diff(folders[order], prepend=-1, append=-1))
        with self._translated():
            for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                places = order[first:last]
                found, failed = self._resolve_folder(listing, rows[places], int(folders[places[0]]))
                contents[places] = found
                for row, text in failed:
                    if (error := _failure_from_json(text, decoding)) is not None:
                        failures[row] = error
        return contents, failures

    def _resolve_folder(
        self, listing: Listing, rows: NDArray[np.int64], folder: int
    ) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
        """Content ids of rows that are all in one folder, and (row, failure) of those that could not be read."""
        contents = np.zeros(len(rows), np.int64)
        path = os.fsencode(listing.folders[folder])
        number = self._conn.execute("SELECT id FROM folders WHERE path = ?", [path]).fetchone()
        if number is None:
            return contents, []
        names = [listing.names[row].encode(*_FILE_NAMES) for row in rows.tolist()]
        pages = listing.pages[rows]
        kept = self._kept_files(number[0], names, int(pages.max()))
        if not kept.names:
            return contents, []
        places = kept.places(names, pages)
        same = (
            (places >= 0) & (kept.sizes[places] == listing.sizes[rows]) & (kept.mtimes[places] == listing.mtimes[rows])
        )
        contents[same] = kept.contents[places[same]]
        failures: list[tuple[int, str]] = []
        for place in np.flatnonzero(same & (contents == 0)).tolist():
            failures += self._conn.execute(
                "SELECT ?, failure FROM files WHERE folder = ? AND name = ? AND page = ?",
                [int(rows[place]), number[0], names[place], int(pages[place])],
            )
        return contents, failures

    def _kept_files(self, folder: int, names: list[bytes], last_page: int) -> _KeptFiles:
        """What is kept of these files of one folder, and perhaps of others that lie between them."""
        columns = f"""SELECT name, page, size, mtime, ifnull(content, 0) AS content FROM files
                      WHERE folder = {folder} AND page <= {last_page} AND NOT unsure"""
        # One range is by far the fastest, unless most of what lies in it is not asked for.
        enough = (2 * len(names) + 64) * (last_page + 1)
        # Whole columns as text: a tuple for each row would cost three times as much. No name has a slash.
        joined, *numbers = self._conn.execute(
            f"""SELECT group_concat(hex(name), '2F'), group_concat(page), group_concat(size), group_concat(mtime),
                       group_concat(content) FROM ({columns} AND name BETWEEN ? AND ? LIMIT {enough})""",
            [min(names), max(names)],
        ).fetchone()
        found = bytes.fromhex(joined).split(b"/") if joined else []
        arrays = [_numbers(column, np.int64) for column in numbers]
        if len(found) == enough:
            rest = {name for name in names if name >= found[-1]}
            rows = [row for name in rest for row in self._conn.execute(f"{columns} AND name = ?", [name])]
            found += [row[0] for row in rows]
            more = np.array([row[1:] for row in rows], np.int64).reshape(len(rows), len(arrays))
            arrays = [np.concatenate([array, more[:, index]]) for index, array in enumerate(arrays)]
        return _KeptFiles(found, *arrays)

    def content_at(self, path: str, size: int, mtime: int, page: int = 0) -> tuple[int, bytes] | None:
        """The content id and fingerprint of one file, or page, if it was read and has not changed since."""
        folder, name = os.path.split(path)
        with self._translated():
            row = self._conn.execute(
                """SELECT contents.id, fingerprint FROM files JOIN contents ON contents.id = content
                   WHERE folder = (SELECT id FROM folders WHERE path = ?) AND name = ? AND page = ?
                     AND size = ? AND mtime = ? AND NOT unsure""",
                [os.fsencode(folder), os.fsencode(name), page, size, mtime],
            ).fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def seen_elsewhere(self, sizes: NDArray[np.int64], mtimes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a file of that size and time of change is known under any name: then it was likely moved or
        renamed, and its content need not be decoded to be known."""
        with self._translated():
            known = set(
                self._conn.execute(
                    """SELECT DISTINCT size, mtime FROM json_each(?) AS asked
                       CROSS JOIN files INDEXED BY files_by_state ON mtime = asked.value WHERE content IS NOT NULL""",
                    [json.dumps(np.unique(mtimes).tolist())],
                )
            )
        states = zip(sizes.tolist(), mtimes.tolist(), strict=True)
        return np.fromiter((state in known for state in states), np.bool_, len(sizes))

    # --- reading: contents -----------------------------------------------------------------------

    def content_of(self, fingerprint: bytes) -> int:
        """The id of a content, or 0: a moved or copied file is recognised here."""
        with self._translated():
            row = self._conn.execute("SELECT id FROM contents WHERE fingerprint = ?", [fingerprint]).fetchone()
        return int(row[0]) if row else 0

    def fingerprints(self, contents: Iterable[int]) -> dict[int, bytes]:
        """The fingerprints of these contents, by content id."""
        with self._translated():
            return dict(
                self._conn.execute(
                    "SELECT id, fingerprint FROM contents WHERE id IN (SELECT value FROM json_each(?))",
                    [_json(contents)],
                ).fetchall()
            )

    def identities(self, contents: NDArray[np.int64]) -> dict[int, tuple[bytes, bytes]]:
        """(pixels, likeness) of these contents, by content id; empty where they are not known."""
        wanted = np.unique(contents)
        with self._translated():
            rows = self._conn.execute(
                "SELECT id, pixels, likeness FROM contents WHERE id IN (SELECT value FROM json_each(?))",
                [json.dumps(wanted.tolist())],
            ).fetchall()
        return {content: (pixels, likeness) for content, pixels, likeness in rows}

    def twins(self, contents: Sequence[int]) -> dict[int, list[int]]:
        """Other contents with the same pixels, as far as their pixels are known, by content id."""
        with self._translated():
            rows = self._conn.execute(
                """SELECT own.id, other.id FROM contents AS own
                   JOIN contents AS other ON other.pixels = own.pixels AND other.pixels != x''
                   WHERE own.id IN (SELECT value FROM json_each(?)) AND other.id != own.id ORDER BY other.id""",
                [_json(contents)],
            ).fetchall()
        twins: dict[int, list[int]] = {}
        for content, twin in rows:
            twins.setdefault(content, []).append(twin)
        return twins

    def contents_with(self, pixels: bytes) -> list[int]:
        """The contents with these pixels, in rising order; `pixels` is not empty."""
        with self._translated():
            rows = self._conn.execute(
                "SELECT id FROM contents WHERE pixels = ? AND pixels != x'' ORDER BY id", [pixels]
            ).fetchall()
        return [content for (content,) in rows]

    def scores(self, scorer: str, query: bytes, columns: int) -> KnownScores:
        """The scores of a judge for a query; `columns` numbers of evidence are kept with each."""
        with self._translated():
            numbers = self._conn.execute(
                "SELECT scorers.id, queries.id FROM scorers, queries WHERE identity = ? AND digest = ?",
                [scorer, query],
            ).fetchone()
        return KnownScores(lambda contents: self._read_scores(numbers, contents, columns), columns)

    def _read_scores(
        self, numbers: tuple[int, int] | None, contents: NDArray[np.int64], columns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Content ids, scores and evidence of these contents, and perhaps of others between them."""
        # Columns as text, as above: fifteen digits are more than a float32 has, hexadecimal digits are its bytes.
        statement = """SELECT group_concat(content), group_concat(score), group_concat(hex(evidence), '') FROM scores
                       WHERE scorer = ? AND query = ? AND length(evidence) = ? AND content """
        found: list[tuple[str, str, str]] = []
        if numbers is not None:
            keys = [*numbers, columns * np.dtype(np.float32).itemsize]
            with self._translated():
                for where, more in _among(contents):
                    found += self._conn.execute(statement + where, [*keys, *more])
        parts = list(zip(*(part for part in found if part[0]), strict=True)) or [(), (), ()]
        ids, scores = _numbers(",".join(parts[0]), np.int64), _numbers(",".join(parts[1]), np.float64)
        evidence = np.frombuffer(bytes.fromhex("".join(parts[2])), np.float32)
        return ids, scores.astype(np.float32), evidence.reshape(len(ids), columns)

    def features(self, extractor: str, contents: Iterable[int]) -> dict[int, bytes]:
        """The kept features of these contents, by content id."""
        with self._translated():
            return dict(
                self._conn.execute(
                    """SELECT content, data FROM features
                       WHERE extractor = (SELECT id FROM extractors WHERE identity = ?)
                         AND content IN (SELECT value FROM json_each(?))""",
                    [extractor, _json(contents)],
                ).fetchall()
            )

    def features_in_bulk(self, extractor: str, contents: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[bytes]]:
        """The kept features of many contents: the ids of those that have some, and the features in the same order.

        Ids that lie together are read as one range: 100,000 features of a kilobyte in 0.15 s.
        """
        wanted = np.unique(contents)
        statement = """SELECT content, data FROM features
                       WHERE extractor = (SELECT id FROM extractors WHERE identity = ?) AND content """
        rows: list[tuple[int, bytes]] = []
        with self._translated():
            for where, more in _among(wanted):
                rows += self._conn.execute(statement + where, [extractor, *more])
        ids = np.fromiter((content for content, _ in rows), np.int64, len(rows))
        asked = np.isin(ids, wanted)
        return ids[asked], [data for (_, data), each in zip(rows, asked.tolist(), strict=True) if each]

    def give_back(self) -> None:
        """Let go of the pages in memory: after much was read once, they are of no use."""
        with self._translated():
            self._conn.execute("PRAGMA shrink_memory")

    def extractors(self) -> list[str]:
        """Whatever features were kept under."""
        with self._translated():
            return [identity for (identity,) in self._conn.execute("SELECT identity FROM extractors")]

    def have_features(self, extractor: str, contents: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these contents have features of this extractor."""
        return self._have_features("identity = ?", [extractor], contents)

    def have_features_of_others(self, extractor: str, family: str, contents: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these contents have features of an extractor whose identity begins with `family`, but isn't this
        one: the same model in another version, or run otherwise."""
        condition = "identity != ? AND substr(identity, 1, ?) = ?"
        return self._have_features(condition, [extractor, len(family), family], contents)

    def _have_features(self, condition: str, keys: list[object], contents: NDArray[np.int64]) -> NDArray[np.bool_]:
        statement = f"""SELECT group_concat(content) FROM features
                        WHERE extractor IN (SELECT id FROM extractors WHERE {condition}) AND content """
        found = [np.empty(0, np.int64)]
        with self._translated():
            for where, more in _among(np.unique(contents)):
                (joined,) = self._conn.execute(statement + where, [*keys, *more]).fetchone()
                found.append(_numbers(joined, np.int64))
        return np.isin(contents, np.concatenate(found))

    def details(self, extractor: str, contents: Iterable[int]) -> dict[int, tuple[bytes, bytes]]:
        """The kept features of these contents with their details, by content id."""
        with self._translated():
            rows = self._conn.execute(
                """SELECT content, features.data, details.data FROM features JOIN details ON feature = features.id
                   WHERE extractor = (SELECT id FROM extractors WHERE identity = ?)
                     AND content IN (SELECT value FROM json_each(?))""",
                [extractor, _json(contents)],
            ).fetchall()
        return {content: (feature, detail) for content, feature, detail in rows}

    # --- reading: listings -----------------------------------------------------------------------

    def kept_listing(self, root: str, recursive: bool) -> bytes | None:
        """What `keep_listing` was last given for this folder, or None."""
        with self._translated():
            row = self._conn.execute(
                "SELECT data FROM listings WHERE root = ? AND recursive = ?", [os.fsencode(root), recursive]
            ).fetchone()
        return bytes(row[0]) if row else None

    def page_counts(self, root: str) -> dict[tuple[str, str], tuple[int, int, int]]:
        """How many pages the files under `root` have: (size, mtime, pages) by (folder, name)."""
        path = os.fsencode(root)
        below = path.rstrip(_SEPARATOR) + _SEPARATOR
        with self._translated():
            rows = self._conn.execute(
                """SELECT path, name, size, mtime, pages FROM folders JOIN page_counts ON folder = folders.id
                   WHERE path = ? OR path >= ? AND path < ?""",
                [path, below, below[:-1] + bytes([_SEPARATOR[0] + 1])],
            ).fetchall()
        return {
            (os.fsdecode(folder), os.fsdecode(name)): (size, mtime, pages) for folder, name, size, mtime, pages in rows
        }

    # --- writing ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all of it is kept or none. Raises CatalogLocked, CatalogReadOnly, CatalogFull …"""
        self._require_writable()
        if self._opened and not self._refused_at and self._opened != _identity(self.path):
            # Another program has set the file aside, or somebody has deleted it: what is written there is lost.
            raise self._renew()
        with self._translated(), transaction(self._conn):
            yield

    def save_files(self, read: Sequence[FileRead], extractor: str) -> list[int]:
        """Keep what files taught; returns the content id of each. Call inside `writing()`.

        What is known of a content already stays: a file may come without features, pixels or likeness.
        """
        extractor_id = self._id("extractors", "identity", extractor) if extractor else 0
        contents = [self._save_content(file) for file in read]
        for file, content in zip(read, contents, strict=True):
            self._save_file(file, content, None)
            if extractor_id and file.feature:
                checksum = feature_checksum(extractor, file.fingerprint, file.feature, file.detail)
                feature = self._conn.execute(
                    """INSERT INTO features (extractor, content, data, checksum) VALUES (?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET data = excluded.data, checksum = excluded.checksum RETURNING id""",
                    [extractor_id, content, file.feature, checksum],
                ).fetchone()[0]
                self._conn.execute(
                    "INSERT OR REPLACE INTO details (feature, data) VALUES (?, ?)", [feature, file.detail]
                )
        return contents

    def save_refusals(self, refused: Sequence[FileRefused], decoding: int) -> None:
        """Keep why files could not be read. Call inside `writing()`."""
        for file in refused:
            if isinstance(file.error, REMEMBERED):
                self._save_file(file, None, _failure_to_json(file.error, decoding))

    def save_scores(
        self,
        scorer: str,
        query: bytes,
        contents: Sequence[int],
        scores: NDArray[np.float32],
        evidence: NDArray[np.float32],
    ) -> None:
        """Keep scores of contents, and the evidence (contents, columns) of each. Call inside `writing()`."""
        scorer_id = self._id("scorers", "identity", scorer)
        query_id = self._id("queries", "digest", query)
        question = question_checksum(scorer, query)
        fingerprints = self.fingerprints(contents)
        self._conn.executemany(
            """INSERT INTO scores (scorer, query, content, score, evidence, checksum) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET score = excluded.score, evidence = excluded.evidence,
                                         checksum = excluded.checksum""",
            [
                (
                    scorer_id,
                    query_id,
                    content,
                    score,
                    row.tobytes(),
                    score_checksum(question, fingerprints.get(content, b""), score, row.tobytes()),
                )
                for content, score, row in zip(contents, scores.tolist(), evidence, strict=True)
            ],
        )

    def keep_listing(self, root: str, recursive: bool, data: bytes) -> None:
        """Keep what a folder was last seen to hold, for the next time it is opened. Call inside `writing()`."""
        self._conn.execute(
            """INSERT INTO listings (root, recursive, data, seen_at) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET data = excluded.data, seen_at = excluded.seen_at""",
            [os.fsencode(root), recursive, data, time.time_ns()],
        )

    def keep_page_counts(self, counts: Iterable[tuple[str, str, int, int, int]]) -> None:
        """Keep how many pages files have: (folder, name, size, mtime, pages) of each. Call inside `writing()`."""
        self._conn.executemany(
            "INSERT OR REPLACE INTO page_counts (folder, name, size, mtime, pages) VALUES (?, ?, ?, ?, ?)",
            [
                (self._id("folders", "path", os.fsencode(folder)), os.fsencode(name), size, mtime, pages)
                for folder, name, size, mtime, pages in counts
            ],
        )

    def _save_content(self, file: FileRead) -> int:
        facts = file.facts
        self._conn.execute(
            """INSERT INTO contents (fingerprint, kind, width, height, duration, pixels, likeness)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (fingerprint) DO UPDATE SET
                   pixels = iif(pixels = x'', excluded.pixels, pixels),
                   likeness = iif(likeness = x'', excluded.likeness, likeness)
               WHERE pixels = x'' AND excluded.pixels != x'' OR likeness = x'' AND excluded.likeness != x''""",
            [
                file.fingerprint,
                int(file.kind),
                facts.width,
                facts.height,
                facts.duration,
                file.pixels,
                file.likeness,
            ],
        )
        row = self._conn.execute("SELECT id FROM contents WHERE fingerprint = ?", [file.fingerprint]).fetchone()
        return int(row[0])

    def _save_file(self, file: FileRead | FileRefused, content: int | None, failure: str | None) -> None:
        folder, name = os.fsencode(file.folder), os.fsencode(file.name)
        unsure = int(_may_change_unseen(file.mtime))
        fingerprint = file.fingerprint if isinstance(file, FileRead) else b""
        self._conn.execute(
            """INSERT INTO files (folder, name, page, size, mtime, unsure, content, failure, checksum)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET size = excluded.size, mtime = excluded.mtime, unsure = excluded.unsure,
                   content = excluded.content, failure = excluded.failure, checksum = excluded.checksum""",
            [
                self._id("folders", "path", folder),
                name,
                file.page,
                file.size,
                file.mtime,
                unsure,
                content,
                failure,
                file_checksum(folder, name, file.page, file.size, file.mtime, unsure, fingerprint, failure or ""),
            ],
        )

    def _id(self, table: str, column: str, value: str | bytes) -> int:
        row = self._conn.execute(f"SELECT id FROM {table} WHERE {column} = ?", [value]).fetchone()
        if row is None:
            row = self._conn.execute(f"INSERT INTO {table} ({column}) VALUES (?) RETURNING id", [value]).fetchone()
        return int(row[0])


_FILE_NAMES = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
"""What os.fsencode does, at a third of its price."""
_SEPARATOR = os.fsencode(os.sep)
_ReadScores = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class _KeptFiles:
    """What is kept of some files of one folder, in columns. A file may stand there twice."""

    names: list[bytes]
    pages: NDArray[np.int64]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    contents: NDArray[np.int64]
    """0 where the file could not be read."""

    def places(self, names: list[bytes], pages: NDArray[np.int32]) -> NDArray[np.int64]:
        """Where each of these stands; -1: nowhere."""
        if self.names == names and np.array_equal(self.pages, pages):
            return np.arange(len(names))  # as nearly always
        where: dict[object, int]
        if pages.any():
            where = dict(zip(zip(self.names, self.pages.tolist(), strict=True), itertools.count(), strict=False))
            wanted: Iterable[object] = zip(names, pages.tolist(), strict=True)
        else:
            where, wanted = dict(zip(self.names, itertools.count(), strict=False)), names
        return np.fromiter(map(where.get, wanted, itertools.repeat(-1)), np.int64, len(names))


def _numbers(joined: str | None, kind: type[Number]) -> NDArray[Number]:
    """Numbers with commas between them."""
    return np.fromstring(joined, kind, sep=",") if joined else np.empty(0, kind)


def _among(contents: NDArray[np.int64]) -> Iterator[tuple[str, list[object]]]:
    """What stands behind a column to find these contents, in rising order, and the values for it. May find others that
    lie between them."""
    begins = np.flatnonzero(np.diff(contents, prepend=-WIDE_GAP) >= WIDE_GAP)
    runs = np.split(contents, begins[1:])
    for run in runs:
        if len(run) >= LONG_RUN:
            yield "BETWEEN ? AND ?", [int(run[0]), int(run[-1])]
    single = np.concatenate([np.empty(0, np.int64), *(run for run in runs if len(run) < LONG_RUN)])
    if len(single):
        yield "IN (SELECT value FROM json_each(?))", [json.dumps(single.tolist())]


def _json(numbers: Iterable[int]) -> str:
    return json.dumps([int(number) for number in numbers])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _may_change_unseen(mtime: int) -> bool:
    """Whether a file that changed then may have changed again, or may yet, with the same time of change."""
    return abs(time.time_ns() - mtime) < (FRESH_NS if mtime % 1_000_000_000 else FRESH_COARSE_NS)


def _failure_to_json(error: MediaError, decoding: int) -> str:
    return json.dumps({"kind": type(error).__name__, "data": error.data, "decoding": decoding})


def _failure_from_json(text: str | None, decoding: int) -> MediaError | None:
    """The remembered failure, or None if other decoders found it: they deserve another try."""
    if not text:
        return None
    stored = json.loads(text)
    kind = getattr(errors, stored["kind"], None)
    if stored["decoding"] != decoding or kind is None:
        return None
    error: MediaError = kind(**stored["data"])
    return error
