"""What can be saved of a catalog that SQLite refuses to read: its pages are read one by one, without SQLite.

A file of SQLite is a row of pages, and every row of a table lies in one of them, whatever happened to the others: to
the first one, to those that lead to it, to the half that was cut off. So each page is looked at for itself, and each
row has to prove by its checksum that it is whole and belongs to what it says (`core.catalog.checksums`). What can't,
is left out: it is found out again, while a wrong score would be believed for ever.

The format: https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and 4.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sqlite3
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from core.catalog.checksums import feature_checksum, file_checksum, question_checksum, score_checksum
from core.catalog.schema import migrations
from core.media import Kind

SECONDS = 60.0
"""How long saving may take, as a person waits for the program to start. Contents and scores come first; a million
rows take about seven seconds."""

BATCH_ROWS = 5000
_MOST_PUT_BACK = 500_000
"""Rows that wait in memory for the names behind their numbers to be found."""

_PAGE_BYTES = 4096
"""Of our catalogs; where the file's beginning says something else that can be, that."""

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 13, 10, 2

Value = int | float | bytes | str | None
Row = tuple[Value, ...]


def salvage(damaged: Path, into: Path, seconds: float = SECONDS) -> int:
    """Write what can be saved of `damaged`, which nobody may be writing, to a new catalog; how many scores that is.

    After `seconds` the rest is let go. Ids keep their meaning. Raises OSError where the file can't even be opened.
    """
    deadline = time.monotonic() + seconds
    for path in (into, Path(f"{into}-journal")):
        path.unlink(missing_ok=True)
    with _Pages(damaged) as pages, contextlib.closing(sqlite3.connect(into, isolation_level=None)) as connection:
        try:
            migrations.apply(Database(connection, execute_plugins=False))
            # No other program sees it before it is whole.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = MEMORY")
            saved = _Saving(pages, connection, deadline).save()
        except sqlite3.Error:  # the disk is full: better none than half of one
            saved = -1
    if saved < 0:
        into.unlink(missing_ok=True)
        return 0
    with open(into, "rb+") as file:
        os.fsync(file.fileno())
    return saved


# --- rows --------------------------------------------------------------------------------------------


class _Saving:
    """One saving: rows by the kind of page they lie on, the most precious first."""

    def __init__(self, pages: _Pages, connection: sqlite3.Connection, deadline: float) -> None:
        self._pages = pages
        self._conn = connection
        self._deadline = deadline
        self._where: dict[str, list[int]] = defaultdict(list)
        self._names: dict[int, set[bytes | str]] = defaultdict(set)
        """What may stand behind a number: folders, queries, judges and extractors look alike. Checksums tell."""
        self._fingerprints: dict[int, bytes] = {}
        self._questions: dict[tuple[int, int], int] = {}
        self._found: set[tuple[str, int]] = set()

    def save(self) -> int:
        for page in self._in_time(range(2, self._pages.count + 1)):
            if kind := _kind_of_page(self._pages, page):
                self._where[kind].append(page)
        for row in self._rows("names", 2):
            self._note_name(*row)
        for name, number in self._rows("texts' index", 2):  # of judges and extractors: short, so read at once
            self._note_name(number, name)
        self._write("contents", 8, self._contents())
        saved = self._write_checked("scores", 6, self._score, lambda row: row[:2])
        self._write_checked("files", 9, self._file, lambda row: row[:1])
        self._save_features()
        return saved

    def _in_time(self, numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            if time.monotonic() > self._deadline:
                return
            yield number

    def _rows(self, kind: str, *lengths: int) -> Iterator[Row]:
        """The rows of one kind that are as long as they should be."""
        for number in self._in_time(self._where[kind]):
            for row in self._pages.rows(number):
                if len(row) in lengths:
                    yield row

    def _write(self, table: str, columns: int, rows: Iterator[Row]) -> int:
        """Write rows to the new catalog; how many it took."""
        statement = f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * columns)})"
        written = 0
        while batch := list(itertools.islice(rows, BATCH_ROWS)):
            self._conn.execute("BEGIN")
            written += self._conn.executemany(statement, batch).rowcount
            self._conn.execute("COMMIT")
        return written

    def _write_checked(
        self, table: str, columns: int, whole: Callable[[Row], bool], numbers: Callable[[Row], Row]
    ) -> int:
        """Write the rows that prove to be whole, those behind whose numbers no name was found at the second try."""
        put_back: list[Row] = []

        def checked(rows: Iterable[Row], again: bool) -> Iterator[Row]:
            for row in rows:
                with contextlib.suppress(TypeError, ValueError, OverflowError, struct.error):
                    if whole(row):
                        yield row
                    elif again and len(put_back) < _MOST_PUT_BACK:
                        put_back.append(row)

        written = self._write(table, columns, checked(self._rows(table, columns), True))
        if put_back:
            # The page with the name may be damaged, while its index still has it.
            wanted = {number for row in put_back for number in numbers(row)}
            for name, number in self._rows("blobs' index", 2):
                if number in wanted:
                    self._note_name(number, name)
            written += self._write(table, columns, checked(put_back, False))
        return written

    def _note_name(self, number: Value, name: Value) -> None:
        if isinstance(number, int) and isinstance(name, bytes | str) and name:
            self._names[number].add(name)

    def _name_found(self, table: str, number: int, name: bytes | str) -> None:
        if (table, number) not in self._found:
            self._found.add((table, number))
            self._conn.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", [number, name])

    def _contents(self) -> Iterator[Row]:
        seen = set()
        for row in self._rows("contents", 6, 8):
            number, fingerprint, kind, width, height, duration, pixels, likeness = (*row, b"", b"")[:8]
            if not (isinstance(number, int) and isinstance(fingerprint, bytes)):
                continue
            if number in self._fingerprints or fingerprint in seen or kind not in tuple(Kind):
                continue
            if not (isinstance(pixels, bytes) and isinstance(likeness, bytes) and isinstance(duration, int | float)):
                continue
            if not (isinstance(width, int) and isinstance(height, int) and min(width, height, duration) >= 0):
                continue
            self._fingerprints[number] = fingerprint
            seen.add(fingerprint)
            yield number, fingerprint, kind, width, height, duration, pixels, likeness

    def _score(self, row: Row) -> bool:
        scorer, query, content, score, evidence, checksum = row
        if not (isinstance(scorer, int) and isinstance(query, int) and isinstance(score, int | float)):
            return False
        if not (isinstance(content, int) and isinstance(evidence, bytes) and 0 <= score <= 1):
            return False
        fingerprint = self._fingerprints.get(content)
        if fingerprint is None:
            return False
        question = self._questions.get((scorer, query))
        if question is not None:
            return score_checksum(question, fingerprint, score, evidence) == checksum
        for identity, digest in itertools.product(self._names[scorer], self._names[query]):
            if isinstance(identity, str) and isinstance(digest, bytes):
                question = question_checksum(identity, digest)
                if score_checksum(question, fingerprint, score, evidence) == checksum:
                    self._questions[scorer, query] = question
                    self._name_found("scorers", scorer, identity)
                    self._name_found("queries", query, digest)
                    return True
        return False

    def _file(self, row: Row) -> bool:
        folder, name, page, size, mtime, unsure, content, failure, checksum = row
        if not (isinstance(folder, int) and isinstance(name, bytes) and isinstance(failure, str | None)):
            return False
        if not all(isinstance(number, int) for number in (page, size, mtime, unsure, content or 0)):
            return False
        fingerprint = b"" if content is None else self._fingerprints.get(content)  # type: ignore[arg-type]
        if fingerprint is None:
            return False
        for path in self._names[folder]:
            if isinstance(path, bytes):
                rest = (name, page, size, mtime, unsure, fingerprint, failure or "")
                if file_checksum(path, *rest) == checksum:  # type: ignore[arg-type]
                    self._name_found("folders", folder, path)
                    return True
        return False

    def _save_features(self) -> None:
        """Features, which take gigabytes, as far as the time allows: each with its details, of which it is the half."""
        details: dict[int, int] = {}
        self._conn.execute("BEGIN")
        for page in self._in_time(self._where["names"]):
            details.update((row[0], page) for row in self._pages.rows(page) if isinstance(row[0], int))
        for row in self._rows("features", 5):
            number, extractor, content, data, checksum = row
            if not (isinstance(number, int) and isinstance(extractor, int) and isinstance(data, bytes)):
                continue
            place, fingerprint = details.get(number), self._fingerprints.get(content)  # type: ignore[arg-type]
            if place is None or fingerprint is None:
                continue
            detail = next((other[1] for other in self._pages.rows(place) if other[0] == number), None)
            for identity in self._names[extractor]:
                if not (isinstance(identity, str) and isinstance(detail, bytes)):
                    continue
                if feature_checksum(identity, fingerprint, data, detail) == checksum:
                    self._name_found("extractors", extractor, identity)
                    self._conn.execute("INSERT OR IGNORE INTO features VALUES (?, ?, ?, ?, ?)", row)
                    self._conn.execute("INSERT OR IGNORE INTO details VALUES (?, ?)", [number, detail])
        self._conn.execute("COMMIT")


def _kind_of_page(pages: _Pages, number: int) -> str | None:
    """Which rows lie on a page, by the first that can be read."""
    leaf = pages.kind(number) == _TABLE_LEAF
    for row in pages.rows(number):
        match len(row), row:
            case 2, _ if leaf:
                return "names"
            case 2, [str(), _]:
                return "texts' index"
            case 2, _:
                return "blobs' index"
            case ((6 | 8), [int(), bytes(), *_]) if leaf:
                return "contents"
            case 5, [int(), int(), int(), *_] if leaf:
                return "features"
            case 6, [int(), int(), int(), *_] if not leaf:
                return "scores"
            case 9, [int(), bytes(), *_] if not leaf:
                return "files"
    return None


# --- pages -------------------------------------------------------------------------------------------


class _Pages:
    """The pages of a database, from 1: those of its file, or newer ones that still wait in its write-ahead log."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        head = self._file.read(100)
        self.page_bytes = _PAGE_BYTES
        if head[:16] == b"SQLite format 3\0":
            stated = struct.unpack_from(">H", head, 16)[0]
            stated = 65536 if stated == 1 else stated
            if stated >= 512 and stated & (stated - 1) == 0:
                self.page_bytes = stated
            self.usable = self.page_bytes - (head[20] if head[20] < 64 else 0)
        else:
            self.usable = self.page_bytes
        self._log: BinaryIO | None = None
        self._in_log: dict[int, int] = {}
        with contextlib.suppress(OSError):
            self._log = open(f"{path}-wal", "rb")  # noqa: SIM115 - closed by __exit__
            self._read_log(self._log)
        size = os.fstat(self._file.fileno()).st_size
        self.count = max(-(-size // self.page_bytes), *self._in_log, 0)

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._log:
            self._log.close()

    def _read_log(self, log: BinaryIO) -> None:
        """Find the newest state of each page in the log. What was not committed yet, or is torn, fails its rows'
        checksums or was about to be written anyway."""
        head = log.read(32)
        frame_bytes = 24 + self.page_bytes
        if len(head) < 32 or struct.unpack_from(">I", head, 8)[0] != self.page_bytes:
            return
        for index in itertools.count():
            log.seek(32 + index * frame_bytes)
            frame = log.read(24)
            # Frames of an earlier round carry other salts.
            if len(frame) < 24 or frame[8:16] != head[16:24]:
                return
            self._in_log[struct.unpack_from(">I", frame)[0]] = 32 + index * frame_bytes + 24

    def _read(self, number: int) -> bytes:
        """A page; empty where the disk does not give it, or it was cut off."""
        try:
            if self._log and (at := self._in_log.get(number)):
                self._log.seek(at)
                return self._log.read(self.page_bytes)
            self._file.seek((number - 1) * self.page_bytes)
            return self._file.read(self.page_bytes)
        except OSError:
            return b""

    def kind(self, number: int) -> int:
        """Its type: one of _TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR, or something else."""
        page = self._read(number)
        return page[0] if page else 0

    def rows(self, number: int) -> Iterator[Row]:
        """The rows on a page, those that can be read. In one of a table with row ids the id stands first."""
        page = self._read(number)
        if len(page) < self.page_bytes or page[0] not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
            return
        count = int.from_bytes(page[3:5], "big")
        start = 12 if page[0] == _INDEX_INTERIOR else 8
        for at in range(start, min(start + 2 * count, self.usable - 1), 2):
            # Whatever stands in a damaged cell, it is one row less.
            with contextlib.suppress(IndexError, ValueError, struct.error):
                yield self._row(page, int.from_bytes(page[at : at + 2], "big"))

    def _row(self, page: bytes, at: int) -> Row:
        if page[0] == _INDEX_INTERIOR:
            at += 4  # the number of the page to its left
        length, at = _varint(page, at)
        if page[0] == _TABLE_LEAF:
            rowid, at = _varint(page, at)
            values = _values(self._payload(page, at, length, self.usable - 35))
            # The column that is the row's id is kept as nothing.
            return (rowid, *values[1:]) if values[0] is None else values
        return _values(self._payload(page, at, length, (self.usable - 12) * 64 // 255 - 23))

    def _payload(self, page: bytes, at: int, length: int, most: int) -> bytes:
        """A row's bytes: all on the page, or the rest of them on a chain of others."""
        if length <= most:
            return page[at : at + length]
        least = (self.usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (self.usable - 4)
        if here > most:
            here = least
        parts = [page[at : at + here]]
        following, left = page[at + here : at + here + 4], length - here
        if left > self.count * self.page_bytes:
            raise ValueError("longer than the file")
        while left > 0:
            more = self._read(int.from_bytes(following, "big"))
            if len(more) < self.page_bytes:
                raise ValueError("the chain is broken")
            parts.append(more[4 : min(self.usable, 4 + left)])
            left -= len(parts[-1])
            following = more[:4]
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = data[at]
    if value < 128:
        return value, at + 1
    value &= 127
    for place in range(at + 1, at + 8):
        byte = data[place]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, place + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


def _values(payload: bytes) -> Row:
    """A row's values, from their types in its head. Raises IndexError, ValueError or struct.error if it is damaged."""
    length = payload[0]
    if length > 127:
        length, _ = _varint(payload, 0)
    layout, conversions = _layout(payload[:length])
    values = layout.unpack_from(payload, length)
    if not conversions:
        return values
    converted = list(values)
    for place, convert in conversions:
        converted[place] = convert(converted[place])
    return tuple(converted)


@functools.lru_cache(maxsize=4096)
def _layout(head: bytes) -> tuple[struct.Struct, tuple[tuple[int, Callable[[bytes], Value]], ...]]:
    """How the values of rows with this head lie, and which of them become what they are only then.

    The rows of a table have few different heads: to look each up is five times as fast as to read it again.
    """
    codes: list[str] = []
    conversions: list[tuple[int, Callable[[bytes], Value]]] = []
    _, at = _varint(head, 0)
    while at < len(head):
        kind, at = _varint(head, at)
        if kind < 0 or kind in (10, 11):
            raise ValueError("no such type")
        convert = bytes.decode if kind >= 12 and kind % 2 else _CONVERSIONS.get(kind)
        if convert is not None:
            conversions.append((len(codes), convert))
        codes.append(f"{(kind - 12) // 2}s" if kind >= 12 else _CODES[kind])
    return struct.Struct(f">{''.join(codes)}"), tuple(conversions)


_CODES = ("0s", "b", "h", "3s", "i", "6s", "q", "d", "0s", "0s")
"""How `struct` reads a value by its serial type; from 12 on the type tells its bytes."""


def _whole(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


_CONVERSIONS: dict[int, Callable[[bytes], Value]] = {
    0: lambda _: None,
    3: _whole,
    5: _whole,
    8: lambda _: 0,
    9: lambda _: 1,
}
