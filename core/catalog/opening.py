"""How the catalog's file is opened: with which journal, by whom else it may be held, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from core.catalog import shares
from core.catalog.schema import migrations
from core.errors import CatalogError, CatalogFull, CatalogLocked, CatalogNewer, CatalogReadOnly

CACHE_KIB = 32 * 1024
"""Of the file's pages in memory: what a first page of 256 files out of a million needs, read twice, is there."""


def open_for_writing(path: Path, busy: float) -> sqlite3.Connection:
    """The catalog at `path`, made or brought up to date where necessary; `busy` seconds are waited for others.

    Raises OSError, sqlite3.DatabaseError, CatalogNewer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Transactions are begun by hand (IMMEDIATE), never by the driver.
    connection = sqlite3.connect(path, timeout=busy, isolation_level=None)
    try:
        _choose_journal(connection, path)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        bring_up_to_date(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    if shares.is_on_share(path):
        # The write-ahead log needs memory shared by all who have the file open, which no share gives. A catalog that
        # came here with such a log can only be opened by one alone; what is in its log is then taken over.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA locking_mode = NORMAL")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now is the lock let go
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        # With this log a killed process loses nothing; a power cut may lose the last second, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Give the file today's tables, all in one transaction. Raises CatalogNewer if it has tomorrow's."""
    db = Database(connection, execute_plugins=False)
    ours = {migration.name for migration in migrations._migrations}
    if {migration.name for migration in migrations.applied(db)} - ours:
        raise CatalogNewer(path=str(path))
    if migrations.pending(db):
        with transaction(connection):
            migrations.apply(db)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it is kept or none. Immediate, so that of two programs that would write one waits for the other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        raise


def open_for_reading(path: Path, *, others_write: bool) -> sqlite3.Connection:
    """What can be read of a catalog that can't be written; an empty one in memory if that is nothing.

    `others_write`: another program holds it. Else nobody can write it, and it is read without any lock, which a
    folder that can't be written does not give.
    """
    if path.exists():
        options = "mode=ro" if others_write else "mode=ro&immutable=1"
        try:
            connection = sqlite3.connect(f"{path.as_uri()}?{options}", uri=True, timeout=0, isolation_level=None)
            try:
                if not migrations.pending(Database(connection, execute_plugins=False)):
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
        except sqlite3.Error:
            pass
    return open_nothing()


def open_nothing() -> sqlite3.Connection:
    """An empty catalog in memory: it lets everything else work as ever."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.apply(Database(connection, execute_plugins=False))
    return connection


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def known_error(error: Exception, path: Path) -> CatalogError | None:
    """SQLite's or the system's error as ours; None if it is a bug, or damage."""
    if isinstance(error, OSError):
        return CatalogReadOnly(path=str(path))
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return CatalogLocked(path=str(path))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return CatalogReadOnly(path=str(path))
        case sqlite3.SQLITE_FULL:
            return CatalogFull(path=str(path))
        case sqlite3.SQLITE_IOERR:
            # SQLite says I/O error, not "full", where the shared-memory file can't grow.
            return CatalogFull(path=str(path)) if _disk_full(path) else CatalogReadOnly(path=str(path))
    return None


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _disk_full(path: Path) -> bool:
    try:
        status = os.statvfs(path.parent)
    except (OSError, AttributeError):
        return False
    return status.f_bavail * status.f_frsize < 2**20
