"""How the catalog is measured, cleared, copied and merged with another, beside whoever else works with it.

Content ids never change their meaning by any of this, and no content is ever deleted: another program, or another
thread of this one, may hold its id. What takes space hangs on contents and can go.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlite_utils import Database

from core.catalog.opening import bring_up_to_date, is_damage, known_error, open_for_writing, transaction
from core.catalog.schema import migrations
from core.errors import BackupFailed, BackupNewer, BackupUnfit, CatalogError, CatalogNewer

WAIT_SECONDS = 30.0
"""How long another writer is waited for. Others wait less for us, so that we write in small steps."""

PAUSE_SECONDS = 0.02
"""Between two steps, so that those who wait get their turn."""

STEP_ROWS = 5_000
"""Contents merged in one step: a tenth of a second or two of holding the catalog."""

SAMPLE_ROWS = 500
"""Of which the size of a table is estimated: to read all would take minutes where there are gigabytes."""

Measured = tuple[int, int]
"""(bytes, rows)"""


class Upkeep:
    """The catalog at `path`, opened for one piece of work by whatever thread. Raises CatalogError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            self._conn = open_for_writing(path, WAIT_SECONDS)

    def __enter__(self) -> Upkeep:
        return self

    def __exit__(self, *_: object) -> None:
        self._conn.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            # What is damaged is set aside by whoever works with it (Catalog), not here.
            known = CatalogError(path=str(self._path)) if is_damage(error) else known_error(error, self._path)
            if known is None:
                raise
            raise known from error

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        """One transaction, and a pause for others after it."""
        with transaction(self._conn):
            yield
        time.sleep(PAUSE_SECONDS)

    # --- measuring and clearing ------------------------------------------------------------------

    def scores(self) -> Measured:
        """What all scores take, about."""
        with self._translated():
            (count,) = self._conn.execute("SELECT count(*) FROM scores").fetchone()
            (bytes_each,) = self._conn.execute(
                f"SELECT avg(32 + ifnull(length(evidence), 0)) FROM (SELECT evidence FROM scores LIMIT {SAMPLE_ROWS})"
            ).fetchone()
        return round(count * (bytes_each or 0)), count

    def features(self) -> Measured:
        """What all features take, about."""
        with self._translated():
            count, last = self._conn.execute("SELECT count(*), ifnull(max(id), 0) FROM features").fetchone()
            step = max(1, last // SAMPLE_ROWS)
            (bytes_each,) = self._conn.execute(
                """WITH RECURSIVE sample(id) AS (SELECT 1 UNION ALL SELECT id + ? FROM sample WHERE id < ?)
                   SELECT avg(60 + length(features.data) + ifnull(length(details.data), 0)) FROM sample
                   JOIN features ON features.id = sample.id LEFT JOIN details ON details.feature = sample.id""",
                [step, last],
            ).fetchone()
        return round(count * (bytes_each or 0)), count

    def listings(self) -> Measured:
        """What the kept listings and counts of pages take."""
        with self._translated():
            size, count = self._conn.execute("SELECT ifnull(sum(length(data)), 0), count(*) FROM listings").fetchone()
            (pages,) = self._conn.execute("SELECT ifnull(sum(40 + length(name)), 0) FROM page_counts").fetchone()
        return size + pages, count

    def clear_scores(self) -> None:
        with self._translated(), self._step():
            self._conn.execute("DELETE FROM scores")
            self._conn.execute("DELETE FROM queries")

    def clear_features(self) -> None:
        with self._translated(), self._step():
            self._conn.execute("DELETE FROM details")
            self._conn.execute("DELETE FROM features")

    def clear_listings(self) -> None:
        with self._translated(), self._step():
            self._conn.execute("DELETE FROM listings")
            self._conn.execute("DELETE FROM page_counts")

    def give_back_space(self) -> None:
        """Make the file as small as what is in it. Where there is no room for that, it only stops growing."""
        with contextlib.suppress(sqlite3.OperationalError):
            self._conn.execute("VACUUM")
            self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- files that are no longer there ----------------------------------------------------------

    def roots(self) -> list[bytes]:
        """The folders that were listed to be kept: those that a person opened."""
        with self._translated():
            return [root for (root,) in self._conn.execute("SELECT DISTINCT root FROM listings")]

    def folders(self) -> dict[bytes, int]:
        """Every folder that files are known of: its number by its path."""
        with self._translated():
            return dict(self._conn.execute("SELECT path, id FROM folders").fetchall())

    def names(self, folder: int) -> set[bytes]:
        """The files that are known of a folder."""
        with self._translated():
            rows = self._conn.execute("SELECT DISTINCT name FROM files WHERE folder = ?", [folder])
            return {name for (name,) in rows}

    def note_missing(self, missing: Mapping[int, Sequence[bytes]]) -> Measured:
        """Note files, by folder, that are no longer there; what they and what hangs on them alone takes, about."""
        with self._translated():
            self._conn.executescript(
                """DROP TABLE IF EXISTS temp.missing; DROP TABLE IF EXISTS temp.lost;
                   CREATE TEMP TABLE missing (folder INTEGER, name BLOB, PRIMARY KEY (folder, name)) WITHOUT ROWID;
                   CREATE TEMP TABLE lost (content INTEGER PRIMARY KEY);"""
            )
            self._conn.executemany(
                "INSERT INTO missing VALUES (?, ?)", ((folder, name) for folder in missing for name in missing[folder])
            )
            (count,) = self._conn.execute("SELECT count(*) FROM missing").fetchone()
            if not count:
                return 0, 0
            self._conn.execute(
                """INSERT INTO lost SELECT DISTINCT content FROM files JOIN missing USING (folder, name)
                   WHERE content IS NOT NULL"""
            )
            self._conn.execute(
                """DELETE FROM lost WHERE content IN
                       (SELECT content FROM files WHERE (folder, name) NOT IN (SELECT folder, name FROM missing))"""
            )
            (files,) = self._conn.execute("SELECT sum(120 + 2 * length(name)) FROM missing").fetchone()
            (scores,) = self._conn.execute(
                "SELECT ifnull(sum(32 + ifnull(length(evidence), 0)), 0) FROM scores WHERE content IN lost"
            ).fetchone()
            (features,) = self._conn.execute(
                """SELECT ifnull(sum(60 + length(features.data) + ifnull(length(details.data), 0)), 0)
                   FROM features LEFT JOIN details ON feature = features.id WHERE content IN lost"""
            ).fetchone()
        return files + scores + features, count

    def clear_missing(self) -> None:
        """Forget the files noted by `note_missing`, and what hangs on them alone."""
        with self._translated(), self._step():
            # Another program may have met such a content elsewhere by now.
            self._conn.execute("DELETE FROM files WHERE (folder, name) IN (SELECT folder, name FROM missing)")
            self._conn.execute("DELETE FROM lost WHERE content IN (SELECT content FROM files)")
            self._conn.execute("DELETE FROM scores WHERE content IN lost")
            self._conn.execute("DELETE FROM details WHERE feature IN (SELECT id FROM features WHERE content IN lost)")
            self._conn.execute("DELETE FROM features WHERE content IN lost")

    # --- copying and merging ---------------------------------------------------------------------

    def copy_to(self, copy: Path, backup: Path) -> None:
        """Write a copy as of one moment, whoever writes meanwhile, that goes into the file `backup`.

        Raises BackupFailed.
        """
        try:
            self._conn.execute("VACUUM INTO ?", [os.fspath(copy)])
        except sqlite3.Error as error:
            raise BackupFailed(path=str(backup), detail=str(error)) from error

    def merge(self, other: Path) -> tuple[int, int]:
        """Take in what the catalog in the file `other` knows and this one does not; what is here stays.

        Returns how many contents and scores were new. Stopped half way it leaves what was merged so far, and can be
        repeated. `other` must have passed `check`.
        """
        with self._translated():
            self._conn.execute("ATTACH ? AS other", [os.fspath(other)])
            try:
                return self._merge_attached()
            finally:
                with contextlib.suppress(sqlite3.Error):
                    self._conn.execute("DETACH other")

    def _merge_attached(self) -> tuple[int, int]:
        run = self._conn.execute
        contents = scores = 0
        with self._step():
            for table, column in _NAMED:
                run(f"INSERT OR IGNORE INTO {table} ({column}) SELECT {column} FROM other.{table}")
            run(_MERGE_LISTINGS)
        # Which of ours each content of theirs is.
        run("CREATE TEMP TABLE IF NOT EXISTS same (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)")
        run("DELETE FROM same")
        (last,) = run("SELECT ifnull(max(id), 0) FROM other.contents").fetchone()
        pairs = run("SELECT scorers.id, queries.id FROM other.scorers CROSS JOIN other.queries").fetchall()
        for first in range(1, last + 1, STEP_ROWS):
            step = [first, first + STEP_ROWS - 1]
            with self._step():
                contents += run(_MERGE_CONTENTS, step).rowcount
                run(_FILL_CONTENTS, step)
                run(_FIND_SAME, step)
                for pair in pairs:
                    scores += run(_MERGE_SCORES, [*pair, *step]).rowcount
        (last,) = run("SELECT ifnull(max(id), 0) FROM other.features").fetchone()
        for first in range(1, last + 1, STEP_ROWS // 10):  # each takes kilobytes
            step = [first, first + STEP_ROWS // 10 - 1]
            with self._step():
                run(_MERGE_FEATURES, step)
                run(_MERGE_DETAILS, step)
        for folders in _steps(run("SELECT folder, count(*) FROM other.files GROUP BY folder").fetchall()):
            with self._step():
                for folder in folders:
                    run(_MERGE_FILES, [folder])
        with self._step():
            run(_MERGE_PAGE_COUNTS)
        return contents, scores


def _steps(counts: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Numbers in groups of which the counts come to about STEP_ROWS, or more where one alone is as large."""
    group: list[int] = []
    total = 0
    for number, count in counts:
        group.append(number)
        total += count
        if total >= STEP_ROWS:
            yield group
            group, total = [], 0
    if group:
        yield group


def check(copy: Path, backup: Path) -> None:
    """Make sure that the file `copy`, out of the file `backup`, is a whole catalog of ours, and bring it up to date.

    Raises BackupUnfit, BackupNewer.
    """
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            # It may come from anywhere: nothing that it defines is ever run.
            connection.execute("PRAGMA trusted_schema = OFF")
            kinds = {kind for (kind,) in connection.execute("SELECT type FROM sqlite_master")}
            applied = migrations.applied(Database(connection, execute_plugins=False))
            whole = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            if not applied or not whole or kinds - {"table", "index"}:
                raise BackupUnfit(path=str(backup))
            bring_up_to_date(connection, copy)
    except CatalogNewer as error:
        raise BackupNewer(path=str(backup)) from error
    except sqlite3.DatabaseError as error:
        raise BackupUnfit(path=str(backup)) from error


_NAMED = (("folders", "path"), ("scorers", "identity"), ("queries", "digest"), ("extractors", "identity"))

_MERGE_LISTINGS = """
    INSERT OR IGNORE INTO listings (root, recursive, data, seen_at)
    SELECT root, recursive, data, seen_at FROM other.listings"""

_MERGE_CONTENTS = """
    INSERT OR IGNORE INTO contents (fingerprint, kind, width, height, duration, pixels, likeness)
    SELECT fingerprint, kind, width, height, duration, pixels, likeness FROM other.contents
    WHERE id BETWEEN ? AND ?"""

_FILL_CONTENTS = """
    UPDATE contents SET pixels = iif(contents.pixels = x'', theirs.pixels, contents.pixels),
                        likeness = iif(contents.likeness = x'', theirs.likeness, contents.likeness)
    FROM other.contents AS theirs
    WHERE theirs.id BETWEEN ? AND ? AND contents.fingerprint = theirs.fingerprint
      AND (contents.pixels = x'' AND theirs.pixels != x'' OR contents.likeness = x'' AND theirs.likeness != x'')"""

_FIND_SAME = """
    INSERT INTO same SELECT theirs.id, ours.id FROM other.contents AS theirs
    JOIN main.contents AS ours ON ours.fingerprint = theirs.fingerprint WHERE theirs.id BETWEEN ? AND ?"""

_MERGE_SCORES = """
    INSERT OR IGNORE INTO scores (scorer, query, content, score, evidence, checksum)
    SELECT (SELECT ours.id FROM main.scorers AS ours JOIN other.scorers AS theirs USING (identity)
            WHERE theirs.id = scorer),
           (SELECT ours.id FROM main.queries AS ours JOIN other.queries AS theirs USING (digest)
            WHERE theirs.id = query),
           same.ours, score, evidence, checksum
    FROM other.scores JOIN same ON same.theirs = content
    WHERE scorer = ? AND query = ? AND content BETWEEN ? AND ?"""

_MERGE_FEATURES = """
    INSERT OR IGNORE INTO features (extractor, content, data, checksum)
    SELECT ours.id, same.ours, data, checksum FROM other.features AS kept
    JOIN same ON same.theirs = kept.content
    JOIN other.extractors AS theirs ON theirs.id = kept.extractor
    JOIN main.extractors AS ours ON ours.identity = theirs.identity
    WHERE kept.id BETWEEN ? AND ?"""

# The details of features that are here already stay as well: the two belong together.
_MERGE_DETAILS = """
    INSERT OR IGNORE INTO details (feature, data)
    SELECT mine.id, details.data FROM other.features AS kept
    JOIN other.details ON details.feature = kept.id
    JOIN same ON same.theirs = kept.content
    JOIN other.extractors AS theirs ON theirs.id = kept.extractor
    JOIN main.extractors AS ours ON ours.identity = theirs.identity
    JOIN main.features AS mine ON mine.extractor = ours.id AND mine.content = same.ours
    WHERE kept.id BETWEEN ? AND ?"""

_OUR_FOLDER = """(SELECT ours.id FROM main.folders AS ours JOIN other.folders AS theirs USING (path)
                  WHERE theirs.id = folder)"""

_MERGE_FILES = f"""
    INSERT OR IGNORE INTO files (folder, name, page, size, mtime, unsure, content, failure, checksum)
    SELECT {_OUR_FOLDER}, name, page, size, mtime, unsure, same.ours, failure, checksum
    FROM other.files LEFT JOIN same ON same.theirs = content
    WHERE folder = ? AND (content IS NULL OR same.ours IS NOT NULL)"""

_MERGE_PAGE_COUNTS = f"""
    INSERT OR IGNORE INTO page_counts (folder, name, size, mtime, pages)
    SELECT {_OUR_FOLDER}, name, size, mtime, pages FROM other.page_counts"""
