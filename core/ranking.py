"""The one pipeline: known scores, then an order of work, then pixels, the judge and the catalog.

A ranking is a generator of small events. It is stepped: it yields None when it can do nothing until a worker
answers, so that one process can step several jobs in turn. Closing it cancels it; what was scored is kept.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.catalog import Catalog, FileRead, FileRefused, KnownScores
from core.decoding import DECODING_VERSION
from core.decoding.pool import DecodingPool, Task
from core.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogFull,
    CatalogLocked,
    MediaError,
    QueryEmpty,
    ReferenceUnreadable,
    ScoreMissing,
    SemblanceError,
)
from core.jobs import Failed, Notice, Progress, RankingEvent, Scored
from core.judging import Desk, Judged
from core.media import Decoded, Listing
from core.query import Query, Reference
from core.scorers import Document, Explanation, Feature, QuickQuestion, Scorer, SlowQuestion

SAVE_SECONDS = 0.25
"""How often results are committed and then yielded: well under the second of work a crash may cost."""
FIRST_SAVE_SECONDS = 0.05
RESOLVE_ROWS = 8192
"""Rows looked up in one step: about 15 ms, so that other jobs have their turn. So for those below."""
GLANCE_ROWS = 4096
"""Rows scored from features in memory."""
CLOSE_ROWS = 8
"""Rows judged by all that is kept of them."""
RATE_SECONDS = 5.0


# --- the listing as the engine holds it --------------------------------------------------------------


@dataclass
class OpenListing:
    """A listing with what the catalog knows of its files, looked up as far as `resolved`."""

    listing: Listing
    contents: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    failures: dict[int, MediaError] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    """Rows that are looked at now: their turn comes first."""
    renewals: int = 0
    """Of the catalog when `contents` were looked up."""

    @property
    def resolved(self) -> int:
        return len(self.contents)

    def forget_if_renewed(self, catalog: Catalog) -> None:
        """Content ids of a catalog that was damaged and replaced mean nothing, or worse, something else."""
        if self.renewals != catalog.renewals:
            self.contents, self.renewals = self.contents[:0], catalog.renewals

    def resolve_some(self, catalog: Catalog) -> bool:
        """Look up the next rows; whether there were any."""
        start, stop = self.resolved, min(self.resolved + RESOLVE_ROWS, len(self.listing))
        if start == stop:
            return False
        contents, failures = catalog.resolve(self.listing, start, stop, DECODING_VERSION)
        self.contents = np.concatenate([self.contents, contents])
        self.failures |= failures
        return True

    def names(self, rows: Iterable[int] | NDArray[np.int64]) -> list[str]:
        """The paths of these rows, relative to the folder asked about."""
        listing = self.listing
        skip = len(listing.root) + 1
        return [f"{listing.folders[listing.folder[row]][skip:]}/{listing.names[row]}" for row in rows]


# --- what is kept, in memory -------------------------------------------------------------------------


class Kept:
    """The features of one judge in memory, by content: read from the catalog once, asked by every query."""

    def __init__(self, scorer: Scorer[Any]) -> None:
        self._scorer = scorer
        self._extractor = kept_under(scorer)
        self._renewals = 0
        self._empty()

    def _empty(self) -> None:
        self.shelf: Any = self._scorer.shelf() if self._extractor else None
        self._rows: NDArray[np.int64] = np.full(1024, -1, np.int64)  # by content id

    def rows(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where these contents are on the shelf; -1: not there."""
        rows = np.full(len(contents), -1, np.int64)
        within = contents < len(self._rows)
        rows[within] = self._rows[contents[within]]
        return rows

    def add(self, contents: Sequence[int], features: Sequence[bytes]) -> None:
        """Put features on the shelf; those that are there already stay."""
        new = {content: feature for content, feature in zip(contents, features, strict=True) if feature}
        ids = np.array(list(new), np.int64)
        if not len(ids):
            return
        if (most := int(ids.max())) >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.full(max(most + 1, len(self._rows)), -1, np.int64)])
        missing = self._rows[ids] < 0
        ids = ids[missing]
        self._rows[ids] = len(self.shelf) + np.arange(len(ids))
        self.shelf.add([new[content] for content in ids.tolist()])

    def load(self, contents: NDArray[np.int64], catalog: Catalog) -> None:
        """Read what the catalog keeps of these contents, but is not on the shelf yet."""
        missing = contents[self.rows(contents) < 0]
        if len(missing):
            found = catalog.features(self._extractor, missing.tolist())
            self.add(list(found), list(found.values()))

    def forget_if_renewed(self, catalog: Catalog) -> None:
        """Content ids of a catalog that was damaged and replaced mean something else."""
        if self._renewals != catalog.renewals:
            self._renewals = catalog.renewals
            self._empty()


# --- the question ------------------------------------------------------------------------------------


_Result = tuple[int, FileRead]
"""What reading a row taught."""


@dataclass
class _Part:
    """The query, or its minus: judged and kept by itself."""

    question: QuickQuestion[Any] | SlowQuestion
    digest: bytes
    known: KnownScores

    @property
    def quick(self) -> QuickQuestion[Any]:
        """The question, of a judge without appetite."""
        return cast("QuickQuestion[Any]", self.question)

    @property
    def slow(self) -> SlowQuestion:
        """The question, of a judge with one."""
        return cast(SlowQuestion, self.question)


def _part(query: Query, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool) -> Generator[None, None, _Part]:
    question, digest = yield from ask(query, scorer, catalog, pool)
    return _Part(question, digest, catalog.scores(judge_identity(scorer), digest, question.columns))


def ask(
    query: Query, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool
) -> Generator[None, None, tuple[QuickQuestion[Any] | SlowQuestion, bytes]]:
    """The query made ready, and its digest; its references are recalled or read. Raises QueryError."""
    references = [_recall(reference, scorer, catalog) for reference in query.references]
    readings = {
        index: _read(reference, scorer, pool)
        for index, reference in enumerate(query.references)
        if references[index] is None
    }
    while not all(reading.task.done() for reading in readings.values()):
        yield None
    for index, reading in readings.items():
        reference = query.references[index]
        try:
            decoded, feature = reading.result()
        except MediaError as error:
            raise ReferenceUnreadable(path=str(reference.path), reason=error) from error
        references[index] = decoded.fingerprint, Document(decoded, feature)
        if feature and not reference.region:
            _learn(str(reference.path), decoded, feature, scorer, catalog)
    known = [reference for reference in references if reference is not None]
    digest = query.digest([fingerprint for fingerprint, _ in known])
    return scorer.ask(query, [document for _, document in known]), digest


_Recalled = tuple[bytes, Document]
"""The fingerprint of a reference's content, and what the judge gets."""


def _recall(reference: Reference, scorer: Scorer[Any], catalog: Catalog) -> _Recalled | None:
    """A reference that was read before: the same question is answered without opening anything."""
    if reference.region or not scorer.extractor:
        return None
    path = str(reference.path)
    try:
        status = Path(path).stat()
    except OSError:
        return None  # the decoder will say what is wrong
    found = catalog.content_at(path, status.st_size, status.st_mtime_ns)
    if found is None:
        return None
    content, fingerprint = found
    feature = _kept_feature(content, scorer, catalog)
    return (fingerprint, Document(feature=feature)) if feature else None


def _kept_feature(content: int, scorer: Scorer[Any], catalog: Catalog) -> Feature | None:
    kept = catalog.details(kept_under(scorer), [content]).get(content)
    return Feature(*kept) if kept else None


@dataclass
class _Reading:
    """A file on its way through a worker."""

    task: Task[Decoded] | Task[tuple[Decoded, Feature]]

    def result(self) -> tuple[Decoded, Feature | None]:
        """With its pixels, or with what the judge keeps of them. Raises MediaError."""
        result = self.task.result()
        return (result, None) if isinstance(result, Decoded) else result


def _read(
    reference: Reference, scorer: Scorer[Any], pool: DecodingPool, *, thumbnail: tuple[int, str] | None = None
) -> _Reading:
    """Have a file read for this judge."""
    path, region = str(reference.path), reference.region
    if scorer.extractor:
        return _Reading(pool.extract(path, scorer.pixels, scorer.extract, region=region, thumbnail=thumbnail))
    return _Reading(pool.decode(path, scorer.pixels, region=region, thumbnail=thumbnail))


def _learn(path: str, decoded: Decoded, feature: Feature, scorer: Scorer[Any], catalog: Catalog) -> None:
    try:
        status = Path(path).stat()
        place = *os.path.split(path), status.st_size, status.st_mtime_ns
        with catalog.writing():
            catalog.save_files([_file_read(place, decoded, feature)], kept_under(scorer))
    except CatalogDamaged:
        raise
    except (CatalogError, OSError):
        pass  # keeping it only spares reading it again; a catalog that takes nothing is told with the first scores


def _file_read(place: tuple[str, str, int, int], decoded: Decoded, feature: Feature | None) -> FileRead:
    kept = feature or Feature(b"")
    return FileRead(*place, decoded.fingerprint, decoded.kind, decoded.facts, kept.data, kept.detail)


def judge_identity(scorer: Scorer[Any]) -> str:
    """What its scores are kept under: everything they depend on besides content and query."""
    return f"{scorer.identity}; decoding {DECODING_VERSION}"


def kept_under(scorer: Scorer[Any]) -> str:
    """What its features are kept under; empty for a judge that keeps none."""
    return f"{scorer.extractor}; decoding {DECODING_VERSION}" if scorer.extractor else ""


def explain(
    query: Query, opened: OpenListing, row: int, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool
) -> Generator[Explanation | None, None, None]:
    """Why the file in this row stands where it does; nothing while its content isn't known. Raises QueryError."""
    opened.forget_if_renewed(catalog)
    content = int(opened.contents[row]) if row < opened.resolved else 0
    feature = _kept_feature(content, scorer, catalog) if content and scorer.extractor else None
    if feature:
        question, _ = yield from ask(query.wanted, scorer, catalog, pool)
        yield question.explain(Document(feature=feature), opened.names([row])[0])


# --- the pipeline ------------------------------------------------------------------------------------


def rank(
    query: Query,
    opened: OpenListing,
    scorer: Scorer[Any],
    kept: Kept,
    catalog: Catalog,
    pool: DecodingPool,
    *,
    on_judged: Callable[[], None],
    thumbnail: tuple[int, str] | None = None,
) -> Generator[RankingEvent | None, None, None]:
    """Judge every file of the listing, which may still be growing. Raises QueryError, JudgeError, CatalogDamaged.

    `thumbnail` (pixels, cache folder): also leave a thumbnail while a file is open. `on_judged` is called, from any
    thread, when a slow judge has found something, so that it is time for the next step.
    """
    if not query:
        raise QueryEmpty
    opened.forget_if_renewed(catalog)
    kept.forget_if_renewed(catalog)
    parts = [(yield from _part(query.wanted, scorer, catalog, pool))]
    if query.unwanted:
        parts.append((yield from _part(query.unwanted, scorer, catalog, pool)))
    if understood := parts[0].question.understood:
        yield understood
    run = _Run(parts, opened, scorer, kept, catalog, pool, thumbnail, on_judged)
    try:
        yield from run.steps()
    finally:
        run.stop()
    if remark := parts[0].question.remark():
        yield Notice(remark)


class _Run:
    """One ranking under way."""

    def __init__(
        self,
        parts: list[_Part],
        opened: OpenListing,
        scorer: Scorer[Any],
        kept: Kept,
        catalog: Catalog,
        pool: DecodingPool,
        thumbnail: tuple[int, str] | None,
        on_judged: Callable[[], None],
    ) -> None:
        self.parts = parts
        self.opened = opened
        self.listing = opened.listing
        self.scorer = scorer
        self.kept = kept
        self.identity = judge_identity(scorer)
        self.extractor = kept_under(scorer)
        self.catalog = catalog
        self.pool = pool
        self.thumbnail = thumbnail
        # By row, a column a part of the query: what the contents alone deserve, and why.
        self.judged = [_Judged.empty(part.question.columns) for part in parts]
        self.settled = np.empty(0, bool)  # scored, failed, or on its way to be
        self.with_features = np.empty(0, np.int64)  # rows whose features are kept
        self.doubtful = _Promising()  # rows that a glance did not suffice for
        self.queue = _Promising()  # rows to be decoded
        self.flying: dict[int, _Reading] = {}
        self.desk = Desk([part.slow for part in parts], on_judged) if scorer.appetite else None
        self.on_desk: dict[int, FileRead | None] = {}  # rows there, with what reading taught unless nothing was opened
        self.remembered: set[int] = set()  # rows that a slow judge needs no reading for
        self.read: list[_Result] = []  # decoded and judged, not yet committed
        self.judged_again: list[int] = []  # judged without being opened, not yet committed
        self.refused: list[tuple[int, MediaError]] = []
        self.unsaved: list[_Result] = []  # yielded, but the catalog would not take them
        self.unsaved_again: list[int] = []
        self.told: set[type[SemblanceError]] = set()
        self.done = self.failed = 0
        self.fresh: deque[tuple[float, int]] = deque()  # (when, files decoded so far), for the rate
        self.fresh_count = 0
        self.last_progress = (-1, -1, -1)

    # --- the steps -------------------------------------------------------------------------------

    def steps(self) -> Iterator[RankingEvent | None]:
        ahead = max(self.pool.workers * 2 + 1, self.scorer.appetite)
        next_save = time.monotonic() + FIRST_SAVE_SECONDS
        while True:
            worked = True
            if self.opened.resolve_some(self.catalog) or len(self.settled) < self.opened.resolved:
                yield from self._absorb()
            elif len(self.with_features):
                yield from self._glance()
            elif self.doubtful:
                yield from self._look_closely()
            else:
                worked = False
            if not self.desk or len(self.settled) == self.opened.resolved:
                # A slow judge is only asked once all that is known has been shown.
                self._submit(ahead)
            worked |= self._collect()
            if self.desk:
                worked |= self._hear(self.desk)
            now = time.monotonic()
            pending = bool(self.read or self.judged_again or self.refused)
            if pending and (now >= next_save or not (self.flying or self.on_desk)):
                yield from self._commit()
                next_save = now + SAVE_SECONDS
            yield from self._progress()
            if not worked:
                if self._finished():
                    break
                yield None

    def _finished(self) -> bool:
        return (
            self.listing.complete
            and self.opened.resolved == len(self.settled) == len(self.listing)
            and not (self.flying or self.on_desk or len(self.with_features) or self.doubtful)
            and not (self.read or self.judged_again or self.refused)
            and self._next_row() is None
        )

    def stop(self) -> None:
        """Keep what was judged and not committed yet, and give back what waits in the pool."""
        for reading in self.flying.values():
            reading.task.cancel()
        if self.desk:
            self.desk.close()
            with contextlib.suppress(Exception):  # told already, or of a ranking that nobody listens to any more
                self._hear(self.desk)
        if self.read or self.unsaved or self.refused or self.judged_again or self.unsaved_again:
            # What stands in the way was told when it first did; nobody listens any more.
            with contextlib.suppress(CatalogError):
                self._save(self.unsaved + self.read, self.refused, self.unsaved_again + self.judged_again)

    # --- what is known already -------------------------------------------------------------------

    def _absorb(self) -> Iterator[RankingEvent]:
        """Take in the rows that the listing and the catalog have newly brought."""
        start = len(self.settled)
        stop = min(start + RESOLVE_ROWS, self.opened.resolved)
        contents = self.opened.contents[start:stop]
        known = contents > 0
        for judged, part in zip(self.judged, self.parts, strict=True):
            scores, evidence = part.known.of(contents)
            judged.append(scores, evidence)
            known &= ~np.isnan(scores)
        self.settled = np.concatenate([self.settled, known])
        rows = np.flatnonzero(known) + start
        if len(rows):
            yield self._scored(rows, known=True)
        failures = [(row, error) for row, error in self.opened.failures.items() if start <= row < stop]
        if failures:
            self.settled[[row for row, _ in failures]] = True
            yield self._failed(failures)
        rest = np.flatnonzero(~self.settled[start:stop]) + start
        if self.extractor:
            kept = self.opened.contents[rest] > 0
            self.with_features = np.concatenate([self.with_features, rest[kept]])
            rest = rest[~kept]
        elif self.desk:
            self._recollect(rest[self.opened.contents[rest] > 0])
        self._enqueue(rest)

    def _recollect(self, rows: NDArray[np.int64]) -> None:
        """Note which of these rows, whose contents are known, a slow judge remembers."""
        contents = self.opened.contents[rows].tolist()
        fingerprints = self.catalog.fingerprints(contents)
        self.remembered.update(
            row
            for row, content in zip(rows.tolist(), contents, strict=True)
            if content in fingerprints and self.scorer.remembers(fingerprints[content])
        )

    def _enqueue(self, rows: NDArray[np.int64]) -> None:
        """Add rows to be decoded; the most promising by name first, else in the listing's order."""
        question = self.parts[0].question
        promise = np.zeros(len(rows), np.float32)
        if question.reads_names and len(rows):
            nothing = np.full((len(rows), question.columns), np.nan, np.float32)
            named = question.with_names(np.full(len(rows), np.nan, np.float32), nothing, self.opened.names(rows))
            promise = np.nan_to_num(named)
        self.queue.add(rows, promise)

    def _glance(self) -> Iterator[RankingEvent]:
        """Score the next rows from the features kept of their contents: nothing is opened."""
        rows, self.with_features = self.with_features[:GLANCE_ROWS], self.with_features[GLANCE_ROWS:]
        contents = self.opened.contents[rows]
        self.kept.load(contents, self.catalog)
        places = self.kept.rows(contents)
        found = places >= 0
        judged = [part.quick.glance(self.kept.shelf, places[found]) for part in self.parts]
        sound = ~np.isnan(np.sum([scores for scores, _, _ in judged], axis=0))
        # Gone from the catalog, or unreadable for this judge: learnt again.
        self._enqueue(np.concatenate([rows[~found], rows[found][~sound]]))
        rows = rows[found][sound]
        if not len(rows):
            return
        doubtful = np.zeros(len(rows), bool)
        for column, (scores, evidence, doubts) in zip(self.judged, judged, strict=True):
            column.put(rows, scores[sound], evidence[sound])
            doubtful |= doubts[sound]
        self.settled[rows] = True
        self.doubtful.add(rows[doubtful], self.judged[0].scores[rows[doubtful]])
        yield from self._keep(rows[~doubtful])
        if doubtful.any():
            yield self._scored(rows[doubtful], known=False, final=False)

    def _look_closely(self) -> Iterator[RankingEvent]:
        """Judge the most promising of the doubtful rows by all that is kept of them."""
        rows = np.array([row for _, row in zip(range(CLOSE_ROWS), self.doubtful, strict=False)], np.int64)
        contents = self.opened.contents[rows].tolist()
        details = self.catalog.details(self.extractor, contents)
        there = np.array([content in details for content in contents], bool)
        self._enqueue(rows[~there])
        self.settled[rows[~there]] = False
        rows = rows[there]
        if len(rows):
            documents = [Document(feature=Feature(*details[content])) for content in contents if content in details]
            for column, part in zip(self.judged, self.parts, strict=True):
                column.put(rows, *part.quick.judge(documents))
            yield from self._keep(rows)

    def _keep(self, rows: NDArray[np.int64]) -> Iterator[RankingEvent]:
        """Commit the scores of rows that came from features, and yield them."""
        if not len(rows):
            return
        contents = self.opened.contents[rows].tolist()
        try:
            with self.catalog.writing():
                self._save_scores(rows, contents)
        except CatalogDamaged:
            raise
        except CatalogError as error:
            yield from self._tell(error)  # they can be had from the features again at any time
        yield self._scored(rows, known=False)

    # --- decoding --------------------------------------------------------------------------------

    def _next_row(self) -> int | None:
        while self.opened.first:
            row = self.opened.first[0]
            waiting = row < len(self.settled) and not self.settled[row] and not self._under_way(row)
            # A content that is known waits for its features instead: no worker is needed.
            if waiting and not (self.extractor and self.opened.contents[row] > 0):
                return row
            self.opened.first.pop(0)
        for row in self.queue:
            if not self.settled[row] and not self._under_way(row):
                self.queue.put_back()
                return row
        return None

    def _under_way(self, row: int) -> bool:
        return row in self.flying or row in self.on_desk

    def _submit(self, ahead: int) -> None:
        while len(self.flying) + len(self.on_desk) < ahead and (row := self._next_row()) is not None:
            if self.desk and row in self.remembered:
                self._put_remembered(self.desk, row)
                continue
            reference = Reference(Path(self.listing.path(row)))
            self.flying[row] = _read(reference, self.scorer, self.pool, thumbnail=self.thumbnail)

    def _collect(self) -> bool:
        """Judge what the workers have read; whether there was anything."""
        finished = [row for row, reading in self.flying.items() if reading.task.done()]
        answers: list[tuple[int, Decoded, Feature | None]] = []
        for row in finished:
            reading = self.flying.pop(row)
            self.settled[row] = True
            try:
                answers.append((row, *reading.result()))
            except MediaError as error:
                self.refused.append((row, error))
        if answers:
            self._judge(answers)
        if not self.desk:
            self._count_fresh(len(finished))
        return bool(finished)

    def _count_fresh(self, files: int) -> None:
        if files:
            self.fresh_count += files
            self.fresh.append((time.monotonic(), self.fresh_count))

    def _judge(self, answers: Sequence[tuple[int, Decoded, Feature | None]]) -> None:
        rows = np.array([row for row, _, _ in answers], np.int64)
        documents = [Document(feature=feature) if feature else Document(decoded) for _, decoded, feature in answers]
        contents = np.array([self.catalog.content_of(decoded.fingerprint) for _, decoded, _ in answers], np.int64)
        if self.desk:
            self._put_on_desk(self.desk, answers, contents)
            return
        sound = np.ones(len(rows), bool)
        for part, column in zip(self.parts, self.judged, strict=True):
            # A moved or copied file is recognised by its content: it keeps the score it has.
            scores, evidence = part.known.of(contents)
            new = np.flatnonzero(np.isnan(scores))
            if len(new):
                scores[new], evidence[new] = part.quick.judge([documents[index] for index in new])
            column.put(rows, scores, evidence)
            sound &= ~np.isnan(scores)
        for (row, decoded, feature), good in zip(answers, sound, strict=True):
            if good:
                self.read.append((row, _file_read(self._file(row), decoded, feature)))
            else:
                self.refused.append((row, ScoreMissing(reason="no number came out")))

    # --- a judge that takes its time -------------------------------------------------------------

    def _put_on_desk(
        self, desk: Desk, answers: Sequence[tuple[int, Decoded, Feature | None]], contents: NDArray[np.int64]
    ) -> None:
        unknown = self._take_known(np.array([row for row, _, _ in answers], np.int64), contents)
        for (row, decoded, _), parts in zip(answers, unknown, strict=True):
            read = _file_read(self._file(row), decoded, None)
            if parts:
                self.settled[row] = False
                self.on_desk[row] = read
                desk.put(row, Document(decoded, fingerprint=decoded.fingerprint), parts)
            else:
                self.read.append((row, read))

    def _put_remembered(self, desk: Desk, row: int) -> None:
        contents = self.opened.contents[[row]]
        parts = self._take_known(np.array([row], np.int64), contents)[0]
        self.on_desk[row] = None
        desk.put(row, Document(fingerprint=self.catalog.fingerprints(contents.tolist())[int(contents[0])]), parts)

    def _take_known(self, rows: NDArray[np.int64], contents: NDArray[np.int64]) -> list[frozenset[int]]:
        """Put the scores that these contents have already; which parts of the query each still has to be asked."""
        missing: list[set[int]] = [set() for _ in rows]
        for index, (part, column) in enumerate(zip(self.parts, self.judged, strict=True)):
            scores, evidence = part.known.of(contents)
            column.put(rows, scores, evidence)
            for place in np.flatnonzero(np.isnan(scores)):
                missing[place].add(index)
        return [frozenset(parts) for parts in missing]

    def _hear(self, desk: Desk) -> bool:
        """Take in what a slow judge has found; whether there was anything. Raises JudgeError."""
        through = desk.take()
        for file in through:
            self._take_in(file, self.on_desk.pop(file.row))
        self._count_fresh(sum(not file.forgotten for file in through))
        return bool(through)

    def _take_in(self, file: Judged, read: FileRead | None) -> None:
        row = file.row
        self.remembered.discard(row)
        if file.forgotten:
            self._enqueue(np.array([row], np.int64))
            return
        self.settled[row] = True
        for part, score in file.scores.items():
            self.judged[part].scores[row] = score
        if np.isnan([judged.scores[row] for judged in self.judged]).any():
            self.refused.append((row, ScoreMissing(reason=file.reason)))
        elif read is None:
            self.judged_again.append(row)
        else:
            self.read.append((row, read))

    # --- committing, then telling ----------------------------------------------------------------

    def _commit(self) -> Iterator[RankingEvent]:
        """Keep what was judged, then yield it: a score that was seen is a score that is kept."""
        batch, self.read = self.read, []
        again, self.judged_again = self.judged_again, []
        refused, self.refused = self.refused, []
        try:
            self._save(self.unsaved + batch, refused, self.unsaved_again + again)
            self.unsaved, self.unsaved_again = [], []
        except CatalogDamaged:
            self.read, self.judged_again, self.refused = batch, again, refused
            raise
        except CatalogError as error:
            if isinstance(error, CatalogLocked | CatalogFull):
                self.unsaved += batch
                self.unsaved_again += again
            yield from self._tell(error)
        if batch or again:
            yield self._scored(np.array([*(row for row, _ in batch), *again], np.int64), known=False)
        if refused:
            # Another judge may have a score for what this one has none for.
            self.opened.failures |= {row: error for row, error in refused if not isinstance(error, ScoreMissing)}
            yield self._failed(refused)

    def _save(
        self, batch: Sequence[_Result], refused: Sequence[tuple[int, MediaError]], judged_again: Sequence[int]
    ) -> None:
        rows = np.array([row for row, _ in batch], np.int64)
        again = np.array(judged_again, np.int64)
        refusals = [FileRefused(*self._file(row), error) for row, error in refused]
        with self.catalog.writing():
            contents = self.catalog.save_files([read for _, read in batch], self.extractor)
            self._save_scores(rows, contents)
            self._save_scores(again, self.opened.contents[again].tolist())
            self.catalog.save_refusals(refusals, DECODING_VERSION)
        self.opened.contents[rows] = contents
        if self.extractor:
            self.kept.add(contents, [read.feature for _, read in batch])

    def _save_scores(self, rows: NDArray[np.int64], contents: Sequence[int]) -> None:
        """Keep what these rows were judged, under their contents. Call inside `writing()`."""
        for part, judged in zip(self.parts, self.judged, strict=True):
            self.catalog.save_scores(self.identity, part.digest, contents, judged.scores[rows], judged.evidence[rows])

    def _file(self, row: int) -> tuple[str, str, int, int]:
        """What the catalog knows a file by: folder, name, size and time."""
        listing = self.listing
        return (
            listing.folders[listing.folder[row]],
            listing.names[row],
            int(listing.sizes[row]),
            int(listing.mtimes[row]),
        )

    def _tell(self, error: SemblanceError) -> Iterator[Notice]:
        if type(error) not in self.told:
            self.told.add(type(error))
            yield Notice(error)

    def _scored(self, rows: NDArray[np.int64], *, known: bool, final: bool = True) -> Scored:
        """The event for these rows; one that is not final is followed by another."""
        if final:
            self.done += len(rows)
        names: list[str] | None = None
        total: NDArray[np.float32] = np.ones(len(rows), np.float32)
        for index, (part, judged) in enumerate(zip(self.parts, self.judged, strict=True)):
            scores = judged.scores[rows]
            if part.question.reads_names:
                names = self.opened.names(rows) if names is None else names
                scores = part.question.with_names(scores, judged.evidence[rows], names)
            # Relevant and not the other, as for probabilities.
            total = scores if index == 0 else total * (1 - scores)
        return Scored(rows.astype(np.int32), total, known)

    def _failed(self, failures: Sequence[tuple[int, MediaError]]) -> Failed:
        self.done += len(failures)
        self.failed += len(failures)
        return Failed([row for row, _ in failures], [error for _, error in failures])

    def _progress(self) -> Iterator[Progress]:
        state = (self.done, len(self.listing), self.failed)
        if state == self.last_progress:
            return
        self.last_progress = state
        now = time.monotonic()
        while len(self.fresh) > 2 and now - self.fresh[0][0] > RATE_SECONDS:
            self.fresh.popleft()
        rate = 0.0
        if len(self.fresh) > 1 and now > self.fresh[0][0]:
            rate = (self.fresh[-1][1] - self.fresh[0][1]) / (now - self.fresh[0][0])
        left = len(self.listing) - self.done
        yield Progress(self.done, len(self.listing), self.failed, rate, left / rate if rate > 0 else None)


@dataclass
class _Judged:
    """By row: the score that its content has, and the evidence. NaN where it was not judged."""

    scores: NDArray[np.float32]
    evidence: NDArray[np.float32]

    @classmethod
    def empty(cls, columns: int) -> _Judged:
        return cls(np.empty(0, np.float32), np.empty((0, columns), np.float32))

    def append(self, scores: NDArray[np.float32], evidence: NDArray[np.float32]) -> None:
        self.scores = np.concatenate([self.scores, scores])
        self.evidence = np.concatenate([self.evidence, evidence])

    def put(self, rows: NDArray[np.int64], scores: NDArray[np.float32], evidence: NDArray[np.float32]) -> None:
        self.scores[rows] = scores
        self.evidence[rows] = evidence


class _Promising:
    """Rows in the order of what they promise, then of the listing; iterating takes them out."""

    def __init__(self) -> None:
        self._rows = np.empty(0, np.int64)
        self._promise = np.empty(0, np.float32)
        self._at = 0

    def add(self, rows: NDArray[np.int64], promise: NDArray[np.float32]) -> None:
        if not len(rows):
            return
        rows = np.concatenate([self._rows[self._at :], rows])
        promise = np.concatenate([self._promise[self._at :], promise])
        order = np.lexsort((rows, -promise))
        self._rows, self._promise, self._at = rows[order], promise[order], 0

    def __bool__(self) -> bool:
        return self._at < len(self._rows)

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self:
            raise StopIteration
        self._at += 1
        return int(self._rows[self._at - 1])

    def put_back(self) -> None:
        """Undo the last step."""
        self._at -= 1
