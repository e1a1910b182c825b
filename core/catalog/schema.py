"""How the catalog's tables are laid out, and how those of earlier versions become today's."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from core.catalog.checksums import file_checksum, question_checksum, score_checksum

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


@migrations()
def pages_identities_and_checksums(db: Database) -> None:
    db.conn.create_function("question_checksum", 2, question_checksum, deterministic=True)
    db.conn.create_function("score_checksum", 4, score_checksum, deterministic=True)
    db.conn.create_function("file_checksum", 8, file_checksum, deterministic=True)
    for statement in (
        # What names the pixels alone, and what tells near duplicates; empty: not known.
        "ALTER TABLE contents ADD COLUMN pixels BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE contents ADD COLUMN likeness BLOB NOT NULL DEFAULT x''",
        "CREATE INDEX contents_by_pixels ON contents (pixels) WHERE pixels != x''",
        # unsure: the file had changed so short before it was read that another change could bear the same time.
        """CREATE TABLE files_with_pages (
               folder INTEGER NOT NULL REFERENCES folders(id), name BLOB NOT NULL, page INTEGER NOT NULL,
               size INTEGER NOT NULL, mtime INTEGER NOT NULL, unsure INTEGER NOT NULL,
               content INTEGER REFERENCES contents(id), failure TEXT, checksum INTEGER NOT NULL,
               PRIMARY KEY (folder, name, page)) WITHOUT ROWID""",
        """INSERT INTO files_with_pages
           SELECT folder, name, 0, size, mtime, 0, content, failure,
                  file_checksum(path, name, 0, size, mtime, 0, ifnull(fingerprint, x''), ifnull(failure, ''))
           FROM files JOIN folders ON folders.id = folder LEFT JOIN contents ON contents.id = content
           ORDER BY folder, name""",
        "DROP TABLE files",
        "ALTER TABLE files_with_pages RENAME TO files",
        "CREATE INDEX files_by_state ON files (mtime, size) WHERE content IS NOT NULL",
        # Without one: a score of before evidence was kept, which nothing reads.
        "ALTER TABLE scores ADD COLUMN checksum INTEGER",
        """UPDATE scores SET checksum = score_checksum(
               (SELECT question_checksum(identity, digest) FROM scorers, queries
                WHERE scorers.id = scorer AND queries.id = query),
               (SELECT fingerprint FROM contents WHERE contents.id = content), score, evidence)
           WHERE evidence IS NOT NULL AND content IN (SELECT id FROM contents)""",
        # Without one: features of before checksums were kept. To read gigabytes for them now would take minutes.
        "ALTER TABLE features ADD COLUMN checksum INTEGER",
        """CREATE TABLE listings (
               id INTEGER PRIMARY KEY, root BLOB NOT NULL, recursive INTEGER NOT NULL,
               data BLOB NOT NULL, seen_at INTEGER NOT NULL, UNIQUE (root, recursive))""",
        """CREATE TABLE page_counts (
               folder INTEGER NOT NULL REFERENCES folders(id), name BLOB NOT NULL,
               size INTEGER NOT NULL, mtime INTEGER NOT NULL, pages INTEGER NOT NULL,
               PRIMARY KEY (folder, name)) WITHOUT ROWID""",
    ):
        db.execute(statement)
