"""How scores are kept: SQLite. The only module that knows SQL.

Scores belong to contents, not to paths: a file is known by (folder, name, size, mtime) and leads to a content; a
content has scores (by judge and query) and features (by extractor). One connection, used by one thread.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database, Migrations

from core import errors
from core.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogFull,
    CatalogLocked,
    CatalogNewer,
    CatalogReadOnly,
    MediaError,
)
from core.media import Facts, Kind, Listing

BUSY_SECONDS = 2.0
"""How long a statement waits for another process to finish writing before CatalogLocked."""

RETRY_SECONDS = 2.0
"""How often a catalog that could not be opened for writing is tried again."""

migrations = Migrations("catalog")


@migrations()
def create(db: Database) -> None:
    for statement in (
        "CREATE TABLE folders (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE)",
        """CREATE TABLE contents (
               id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,
               width INTEGER NOT NULL, height INTEGER NOT NULL, duration REAL NOT NULL)""",
        # Either a content or a failure: why the file could not be read, as JSON.
        """CREATE TABLE files (
               folder INTEGER NOT NULL REFERENCES folders(id), name BLOB NOT NULL,
               size INTEGER NOT NULL, mtime INTEGER NOT NULL,
               content INTEGER REFERENCES contents(id), failure TEXT,
               PRIMARY KEY (folder, name)) WITHOUT ROWID""",
        "CREATE TABLE scorers (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE)",
        "CREATE TABLE queries (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE)",
        """CREATE TABLE scores (
               scorer INTEGER NOT NULL REFERENCES scorers(id), query INTEGER NOT NULL REFERENCES queries(id),
               content INTEGER NOT NULL REFERENCES contents(id), score REAL NOT NULL,
               PRIMARY KEY (scorer, query, content)) WITHOUT ROWID""",
        "CREATE TABLE extractors (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE)",
        # A table with row ids: its rows are kilobytes, too wide to live in an index.
        """CREATE TABLE features (
               id INTEGER PRIMARY KEY, extractor INTEGER NOT NULL REFERENCES extractors(id),
               content INTEGER NOT NULL REFERENCES contents(id), data BLOB NOT NULL,
               UNIQUE (extractor, content))""",
    ):
        db.execute(statement)


@migrations()
def evidence_and_details(db: Database) -> None:
    for statement in (
        "ALTER TABLE scores ADD COLUMN evidence BLOB",
        # Apart from the features, which are read in bulk: these are larger and read only of a few.
        "CREATE TABLE details (feature INTEGER PRIMARY KEY REFERENCES features(id), data BLOB NOT NULL)",
    ):
        db.execute(statement)


@dataclass(frozen=True)
class FileRead:
    """What reading one file taught: which content it holds, and what the judge keeps of it (or empty)."""

    folder: str
    name: str
    size: int
    mtime: int
    fingerprint: bytes
    kind: Kind
    facts: Facts
    feature: bytes = b""
    detail: bytes = b""


@dataclass(frozen=True)
class FileRefused:
    """A file that could not be read, and why; remembered until the file changes."""

    folder: str
    name: str
    size: int
    mtime: int
    error: MediaError


REMEMBERED = (
    errors.FileEmpty,
    errors.FileMisnamed,
    errors.FileDamaged,
    errors.FileTooLarge,
    errors.FileUnsupported,
    errors.DecodingCrashed,
)
"""Failures that lie in the file's content. The others (gone, forbidden, timed out …) may pass, and are tried again."""


@dataclass(frozen=True)
class KnownScores:
    """Every score of one judge for one query with its evidence, by content id in rising order."""

    contents: NDArray[np.int64]
    scores: NDArray[np.float32]
    evidence: NDArray[np.float32]
    """(contents, columns)"""

    def of(self, contents: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The scores of these contents and their evidence, NaN where there is none."""
        scores = np.full(len(contents), np.nan, np.float32)
        evidence = np.full((len(contents), self.evidence.shape[1]), np.nan, np.float32)
        if len(self.contents):
            places = np.minimum(np.searchsorted(self.contents, contents), len(self.contents) - 1)
            found = self.contents[places] == contents
            scores[found] = self.scores[places[found]]
            evidence[found] = self.evidence[places[found]]
        return scores, evidence


class Catalog:
    """The catalog at `path`, made if there is none.

    A damaged one is set aside under another name, never deleted, and a new one begun; one that can't be written is
    used as far as it can be read; one that is locked is tried again. Each is told by `notice`. Raises CatalogNewer.

    Damage that shows later raises CatalogDamaged, once: by then the new one is in use, and content ids mean nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice: CatalogError | None = None
        self.renewals = 0
        """How often a damaged one was replaced; content ids from before mean nothing after."""
        self._refused_at = 0.0
        self._db = self._open()

    def close(self) -> None:
        self._db.conn.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- opening ---------------------------------------------------------------------------------

    def _open(self) -> Database:
        try:
            return self._connect()
        except CatalogDamaged as error:
            self.notice = error
            return self._connect()
        except (CatalogReadOnly, CatalogFull, CatalogLocked) as error:
            self.notice, self._refused_at = error, time.monotonic()
            return self._connect_read_only()

    def _require_writable(self) -> None:
        """Raise what stands in the way of writing, having looked again whether it still does."""
        if not self._refused_at:
            return
        if time.monotonic() - self._refused_at > RETRY_SECONDS:
            self._refused_at, self.notice = 0.0, None
            self._db.conn.close()
            self._db = self._open()
        if self._refused_at and self.notice:
            raise self.notice

    def _connect(self) -> Database:
        conn: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are begun by hand (IMMEDIATE), never by the driver.
            conn = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            conn.execute("PRAGMA journal_mode = WAL")
            # With WAL a killed process loses nothing; a power cut may lose the last second, never the file.
            conn.execute("PRAGMA synchronous = NORMAL")
            db = Database(conn, execute_plugins=False)
            self._migrate(db)
        except BaseException as error:
            if conn is not None:
                conn.close()
            if isinstance(error, OSError):
                raise CatalogReadOnly(path=str(self.path)) from error
            if isinstance(error, sqlite3.DatabaseError):
                raise self._known(error) from error
            raise
        return db

    def _connect_read_only(self) -> Database:
        if self.path.exists():
            try:
                conn = sqlite3.connect(f"{self.path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
                db = Database(conn, execute_plugins=False)
                if not migrations.pending(db):
                    return db
            except sqlite3.Error:
                pass
        # Nothing to read: an empty catalog in memory lets everything else work as ever.
        db = Database(sqlite3.connect(":memory:", isolation_level=None), execute_plugins=False)
        migrations.apply(db)
        return db

    def _migrate(self, db: Database) -> None:
        known = {migration.name for migration in migrations.pending(db)}
        known |= {migration.name for migration in migrations.applied(db)}
        ours = {migration.name for migration in migrations._migrations}
        if known - ours:
            raise CatalogNewer(path=str(self.path))
        if migrations.pending(db):
            # Immediate, so that of two programs opening a new catalog one waits for the other.
            db.execute("BEGIN IMMEDIATE")
            try:
                migrations.apply(db)
                db.execute("COMMIT")
            except BaseException:
                db.rollback()
                raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            known = self._known(error)
            if isinstance(known, CatalogDamaged):
                self._db = self._open()
                self.notice = known
                self.renewals += 1
            raise known from error

    def _known(self, error: sqlite3.DatabaseError) -> Exception:
        path = str(self.path)
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return CatalogLocked(path=path)
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return CatalogReadOnly(path=path)
            case sqlite3.SQLITE_FULL:
                return CatalogFull(path=path)
            case sqlite3.SQLITE_IOERR:
                # SQLite says I/O error, not "full", where the shared-memory file can't grow.
                return CatalogFull(path=path) if _disk_full(self.path) else CatalogReadOnly(path=path)
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return CatalogDamaged(path=path, kept=str(self._set_aside()))
        return error

    def _set_aside(self) -> Path:
        if hasattr(self, "_db"):
            self._db.conn.close()
        stamp = f"{datetime.now():%Y%m%d-%H%M%S-%f}"
        kept = self.path.with_name(f"{self.path.stem}-damaged-{stamp}{self.path.suffix}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{kept}{suffix}")
        return kept

    # --- reading ---------------------------------------------------------------------------------

    def resolve(
        self, listing: Listing, start: int, stop: int, decoding: int
    ) -> tuple[NDArray[np.int64], dict[int, MediaError]]:
        """What is known of the files in rows start..stop that have not changed since they were read.

        Returns their content ids (0 = not known) and, by row, why those failed that could not be read by this
        version of the decoders.
        """
        contents = np.zeros(stop - start, np.int64)
        failures: dict[int, MediaError] = {}
        folders = listing.folder[start:stop]
        # Rows come folder by folder; each run of one folder is one range of the files' primary key.
        edges = [0, *(np.flatnonzero(np.diff(folders)) + 1).tolist(), stop - start]
        with self._translated():
            for first, last in itertools.pairwise(edges):
                if first == last:
                    continue
                keys = {os.fsencode(listing.names[start + place]): start + place for place in range(first, last)}
                rows = self._db.execute(
                    """SELECT name, size, mtime, content, failure FROM files
                       WHERE folder = (SELECT id FROM folders WHERE path = ?) AND name BETWEEN ? AND ?""",
                    [os.fsencode(listing.folders[folders[first]]), min(keys), max(keys)],
                )
                for name, size, mtime, content, failure in rows:
                    row = keys.get(name)
                    if row is None or listing.sizes[row] != size or listing.mtimes[row] != mtime:
                        continue
                    if content is not None:
                        contents[row - start] = content
                    elif (error := _failure_from_json(failure, decoding)) is not None:
                        failures[row] = error
        return contents, failures

    def content_at(self, path: str, size: int, mtime: int) -> tuple[int, bytes] | None:
        """The content id and fingerprint of one file, if it was read and has not changed since."""
        folder, name = os.path.split(path)
        with self._translated():
            row = self._db.execute(
                """SELECT contents.id, fingerprint FROM files JOIN contents ON contents.id = content
                   WHERE folder = (SELECT id FROM folders WHERE path = ?) AND name = ? AND size = ? AND mtime = ?""",
                [os.fsencode(folder), os.fsencode(name), size, mtime],
            ).fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def content_of(self, fingerprint: bytes) -> int:
        """The id of a content, or 0: a moved or copied file is recognised here."""
        with self._translated():
            row = self._db.execute("SELECT id FROM contents WHERE fingerprint = ?", [fingerprint]).fetchone()
        return int(row[0]) if row else 0

    def fingerprints(self, contents: Iterable[int]) -> dict[int, bytes]:
        """The fingerprints of these contents, by content id."""
        with self._translated():
            return dict(
                self._db.execute(
                    "SELECT id, fingerprint FROM contents WHERE id IN (SELECT value FROM json_each(?))",
                    [json.dumps([int(content) for content in contents])],
                ).fetchall()
            )

    def scores(self, scorer: str, query: bytes, columns: int) -> KnownScores:
        """Every score of a judge for a query; `columns` numbers of evidence are kept with each."""
        with self._translated():
            rows = self._db.execute(
                """SELECT content, score, evidence FROM scores
                   WHERE scorer = (SELECT id FROM scorers WHERE identity = ?)
                     AND query = (SELECT id FROM queries WHERE digest = ?)
                     AND length(evidence) = ? ORDER BY content""",
                [scorer, query, columns * np.dtype(np.float32).itemsize],
            ).fetchall()
        contents, scores, evidence = zip(*rows, strict=True) if rows else ((), (), ())
        return KnownScores(
            np.array(contents, np.int64),
            np.array(scores, np.float32),
            np.frombuffer(b"".join(evidence), np.float32).reshape(len(rows), columns),
        )

    def features(self, extractor: str, contents: Iterable[int]) -> dict[int, bytes]:
        """The kept features of these contents, by content id."""
        with self._translated():
            return dict(
                self._db.execute(
                    """SELECT content, data FROM features
                       WHERE extractor = (SELECT id FROM extractors WHERE identity = ?)
                         AND content IN (SELECT value FROM json_each(?))""",
                    [extractor, json.dumps([int(content) for content in contents])],
                ).fetchall()
            )

    def details(self, extractor: str, contents: Iterable[int]) -> dict[int, tuple[bytes, bytes]]:
        """The kept features of these contents with their details, by content id."""
        with self._translated():
            rows = self._db.execute(
                """SELECT content, features.data, details.data FROM features JOIN details ON feature = features.id
                   WHERE extractor = (SELECT id FROM extractors WHERE identity = ?)
                     AND content IN (SELECT value FROM json_each(?))""",
                [extractor, json.dumps([int(content) for content in contents])],
            ).fetchall()
        return {content: (feature, detail) for content, feature, detail in rows}

    # --- writing ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all of it is kept or none. Raises CatalogLocked, CatalogReadOnly, CatalogFull …"""
        self._require_writable()
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.rollback()
                raise

    def save_files(self, read: Sequence[FileRead], extractor: str) -> list[int]:
        """Keep what files taught; returns the content id of each. Call inside `writing()`."""
        db = self._db
        extractor_id = self._id("extractors", "identity", extractor) if extractor else 0
        contents: list[int] = []
        for file in read:
            facts = file.facts
            db.execute(
                """INSERT INTO contents (fingerprint, kind, width, height, duration) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (fingerprint) DO NOTHING""",
                [file.fingerprint, int(file.kind), facts.width, facts.height, facts.duration],
            )
            content = db.execute("SELECT id FROM contents WHERE fingerprint = ?", [file.fingerprint]).fetchone()[0]
            contents.append(content)
            self._save_file(file, content, None)
            if extractor_id and file.feature:
                feature = db.execute(
                    """INSERT INTO features (extractor, content, data) VALUES (?, ?, ?)
                       ON CONFLICT DO UPDATE SET data = excluded.data RETURNING id""",
                    [extractor_id, content, file.feature],
                ).fetchone()[0]
                db.execute("INSERT OR REPLACE INTO details (feature, data) VALUES (?, ?)", [feature, file.detail])
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
        self._db.conn.executemany(
            """INSERT INTO scores (scorer, query, content, score, evidence) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET score = excluded.score, evidence = excluded.evidence""",
            [
                (scorer_id, query_id, content, score, row.tobytes())
                for content, score, row in zip(contents, scores.tolist(), evidence, strict=True)
            ],
        )

    def _save_file(self, file: FileRead | FileRefused, content: int | None, failure: str | None) -> None:
        self._db.execute(
            """INSERT INTO files (folder, name, size, mtime, content, failure) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET size = excluded.size, mtime = excluded.mtime,
                                         content = excluded.content, failure = excluded.failure""",
            [
                self._id("folders", "path", os.fsencode(file.folder)),
                os.fsencode(file.name),
                file.size,
                file.mtime,
                content,
                failure,
            ],
        )

    def _id(self, table: str, column: str, value: str | bytes) -> int:
        row = self._db.execute(f"SELECT id FROM {table} WHERE {column} = ?", [value]).fetchone()
        if row is None:
            row = self._db.execute(f"INSERT INTO {table} ({column}) VALUES (?) RETURNING id", [value]).fetchone()
        return int(row[0])


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


def _disk_full(path: Path) -> bool:
    try:
        status = os.statvfs(path.parent)
    except (OSError, AttributeError):
        return False
    return status.f_bavail * status.f_frsize < 2**20
