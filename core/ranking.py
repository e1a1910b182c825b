"""The one pipeline: known scores, then an order of work, then pixels, the judge and the catalog.

A ranking is a generator of small events. It is stepped: it yields None when it can do nothing until a worker
answers, so that one process can step several jobs in turn. Closing it cancels it; what was scored is kept.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    FileDamaged,
    MediaError,
    QueryEmpty,
    ReferenceUnreadable,
    SemblanceError,
)
from core.jobs import Failed, Notice, Progress, RankingEvent, Scored
from core.media import Decoded, Listing
from core.query import Query
from core.scorers import Document, Question, Scorer

SAVE_SECONDS = 0.25
"""How often results are committed and then yielded: well under the second of work a crash may cost."""
FIRST_SAVE_SECONDS = 0.05
RESOLVE_ROWS = 8192
FEATURE_ROWS = 1024
"""Rows looked up, and features scored, in one step: about 15 ms each, so that other jobs have their turn."""
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


# --- the pipeline ------------------------------------------------------------------------------------


def rank(
    query: Query,
    opened: OpenListing,
    scorer: Scorer,
    catalog: Catalog,
    pool: DecodingPool,
    *,
    thumbnail: tuple[int, str] | None = None,
) -> Generator[RankingEvent | None, None, None]:
    """Judge every file of the listing, which may still be growing. Raises QueryError, CatalogDamaged.

    `thumbnail` (pixels, cache folder): also leave a thumbnail while a file is open.
    """
    if not query:
        raise QueryEmpty
    opened.forget_if_renewed(catalog)
    parts = [(yield from _ask(query.wanted, scorer, catalog, pool))]
    if query.unwanted:
        parts.append((yield from _ask(query.unwanted, scorer, catalog, pool)))
    run = _Run(parts, opened, scorer, catalog, pool, thumbnail)
    try:
        yield from run.steps()
    finally:
        run.stop()


@dataclass
class _Part:
    """The query, or its minus: judged and kept by itself."""

    question: Question
    digest: bytes
    known: KnownScores


def _ask(query: Query, scorer: Scorer, catalog: Catalog, pool: DecodingPool) -> Generator[None, None, _Part]:
    """The query with its references known or read."""
    references = [_recall(str(path), scorer, catalog) for path in query.references]
    tasks = {
        index: pool.decode(str(path), scorer.pixels)
        for index, path in enumerate(query.references)
        if references[index] is None
    }
    while not all(task.done() for task in tasks.values()):
        yield None
    for index, task in tasks.items():
        path = str(query.references[index])
        try:
            decoded = task.result()
        except MediaError as error:
            raise ReferenceUnreadable(path=path, reason=error) from error
        references[index] = _learn(path, decoded, scorer, catalog)
    known = [reference for reference in references if reference is not None]
    digest = query.digest([fingerprint for fingerprint, _ in known])
    question = scorer.ask(query, [document for _, document in known])
    return _Part(question, digest, catalog.scores(judge_identity(scorer), digest))


_Reference = tuple[bytes, Document]
"""Its content's fingerprint, and what the judge gets."""


def _recall(path: str, scorer: Scorer, catalog: Catalog) -> _Reference | None:
    """A reference that was read before: the same question is answered without opening anything."""
    try:
        status = Path(path).stat()
    except OSError:
        return None  # the decoder will say what is wrong
    found = catalog.content_at(path, status.st_size, status.st_mtime_ns) if scorer.extractor else None
    if found is None:
        return None
    content, fingerprint = found
    feature = catalog.features(kept_under(scorer), [content]).get(content)
    return (fingerprint, Document(feature=feature)) if feature else None


def _learn(path: str, decoded: Decoded, scorer: Scorer, catalog: Catalog) -> _Reference:
    if not scorer.extractor:
        return decoded.fingerprint, Document(decoded=decoded)
    feature = scorer.extract(decoded)
    try:
        status = Path(path).stat()
        folder, name = os.path.split(path)
        stamp = status.st_size, status.st_mtime_ns
        read = FileRead(folder, name, *stamp, decoded.fingerprint, decoded.kind, decoded.facts, feature)
        with catalog.writing():
            catalog.save_files([read], kept_under(scorer))
    except CatalogDamaged:
        raise
    except (CatalogError, OSError):
        pass  # keeping it only spares reading it again; a catalog that takes nothing is told with the first scores
    return decoded.fingerprint, Document(feature=feature)


def judge_identity(scorer: Scorer) -> str:
    """What its scores are kept under: everything they depend on besides content and query."""
    return f"{scorer.identity}; decoding {DECODING_VERSION}"


def kept_under(scorer: Scorer) -> str:
    """What its features are kept under; empty for a judge that keeps none."""
    return f"{scorer.extractor}; decoding {DECODING_VERSION}" if scorer.extractor else ""


class _Run:
    """One ranking under way."""

    def __init__(
        self,
        parts: list[_Part],
        opened: OpenListing,
        scorer: Scorer,
        catalog: Catalog,
        pool: DecodingPool,
        thumbnail: tuple[int, str] | None,
    ) -> None:
        self.parts = parts
        self.opened = opened
        self.listing = opened.listing
        self.scorer = scorer
        self.identity = judge_identity(scorer)
        self.extractor = kept_under(scorer)
        self.catalog = catalog
        self.pool = pool
        self.thumbnail = thumbnail
        self.content_scores: list[NDArray[np.float32]] = [np.empty(0, np.float32) for _ in parts]
        self.settled = np.empty(0, bool)  # scored, failed, or on its way to be
        self.with_features: deque[int] = deque()
        self.queue: NDArray[np.int64] = np.empty(0, np.int64)  # rows to be decoded, most promising first
        self.guesses: NDArray[np.float32] = np.empty(0, np.float32)  # of the queue's rows, by name
        self.queue_at = 0
        self.flying: dict[int, Task[Decoded]] = {}
        self.read: list[tuple[int, FileRead, list[float]]] = []  # decoded and judged, not yet committed
        self.refused: list[tuple[int, MediaError]] = []
        self.unsaved: list[tuple[int, FileRead, list[float]]] = []  # yielded, but the catalog would not take them
        self.told: set[type[SemblanceError]] = set()
        self.done = self.failed = 0
        self.fresh: deque[tuple[float, int]] = deque()  # (when, files decoded so far), for the rate
        self.fresh_count = 0
        self.last_progress = (-1, -1, -1)

    # --- the steps -------------------------------------------------------------------------------

    def steps(self) -> Iterator[RankingEvent | None]:
        ahead = self.pool.workers * 2 + 1
        next_save = time.monotonic() + FIRST_SAVE_SECONDS
        while True:
            worked = False
            if self.opened.resolve_some(self.catalog) or len(self.settled) < self.opened.resolved:
                yield from self._absorb()
                worked = True
            elif self.with_features:
                yield from self._score_kept()
                worked = True
            self._submit(ahead)
            worked |= self._collect()
            now = time.monotonic()
            pending = bool(self.read or self.refused)
            if pending and (now >= next_save or not self.flying):
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
            and not (self.flying or self.with_features or self.read or self.refused)
            and self._next_row() is None
        )

    def stop(self) -> None:
        """Keep what was judged and not committed yet, and give back what waits in the pool."""
        for task in self.flying.values():
            task.cancel()
        if self.read or self.unsaved or self.refused:
            # What stands in the way was told when it first did; nobody listens any more.
            with contextlib.suppress(CatalogError):
                self._save(self.unsaved + self.read, self.refused)

    # --- what is known already -------------------------------------------------------------------

    def _absorb(self) -> Iterator[RankingEvent]:
        """Take in the rows that the listing and the catalog have newly brought."""
        start = len(self.settled)
        stop = min(start + RESOLVE_ROWS, self.opened.resolved)
        contents = self.opened.contents[start:stop]
        for index, part in enumerate(self.parts):
            self.content_scores[index] = np.concatenate([self.content_scores[index], part.known.of(contents)])
        known = ~np.isnan(self._raw(start, stop))
        known &= contents > 0
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
            kept = rest[self.opened.contents[rest] > 0]
            self.with_features.extend(kept.tolist())
            rest = rest[self.opened.contents[rest] == 0]
        self._enqueue(rest)

    def _enqueue(self, rows: NDArray[np.int64]) -> None:
        """Add rows to be decoded; the most promising by name first, else in the listing's order."""
        queue = np.concatenate([self.queue[self.queue_at :], rows])
        guesses = np.concatenate([self.guesses[self.queue_at :], self._guesses(rows)])
        order = np.lexsort((queue, -guesses))
        self.queue, self.guesses, self.queue_at = queue[order], guesses[order], 0

    def _guesses(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the names alone promise; 0 where they say nothing."""
        nothing = np.full(len(rows), np.nan, np.float32)
        return np.nan_to_num(self.parts[0].question.with_names(nothing, self._names(rows)))

    def _score_kept(self) -> Iterator[RankingEvent]:
        """Score the next rows from the features kept of their contents: nothing is opened."""
        rows = [self.with_features.popleft() for _ in range(min(FEATURE_ROWS, len(self.with_features)))]
        contents = [int(self.opened.contents[row]) for row in rows]
        features = self.catalog.features(self.extractor, contents)
        lost = [row for row, content in zip(rows, contents, strict=True) if content not in features]
        if lost:
            self._enqueue(np.array(lost, np.int64))
        found = [(row, content) for row, content in zip(rows, contents, strict=True) if content in features]
        if not found:
            return
        documents = [Document(feature=features[content]) for _, content in found]
        judged = [part.question.score(documents) for part in self.parts]
        sound = ~np.isnan(np.sum(judged, axis=0))
        if not sound.all():  # a feature that the judge can't read: learn it again
            self._enqueue(np.array([row for (row, _), good in zip(found, sound, strict=True) if not good], np.int64))
            found = [pair for pair, good in zip(found, sound, strict=True) if good]
            judged = [scores[sound] for scores in judged]
        here = np.array([row for row, _ in found], np.int64)
        ids = [content for _, content in found]
        for index, scores in enumerate(judged):
            self.content_scores[index][here] = scores
        self.settled[here] = True
        try:
            with self.catalog.writing():
                for part, scores in zip(self.parts, judged, strict=True):
                    self.catalog.save_scores(self.identity, part.digest, ids, scores.tolist())
        except CatalogDamaged:
            raise
        except CatalogError as error:
            yield from self._tell(error)  # they can be had from the features again at any time
        yield self._scored(here, known=False)

    # --- decoding --------------------------------------------------------------------------------

    def _next_row(self) -> int | None:
        while self.opened.first:
            row = self.opened.first[0]
            waiting = row < len(self.settled) and not self.settled[row] and row not in self.flying
            # A content that is known waits for its features instead: no worker is needed.
            if waiting and not (self.extractor and self.opened.contents[row] > 0):
                return row
            self.opened.first.pop(0)
        while self.queue_at < len(self.queue):
            row = int(self.queue[self.queue_at])
            if not self.settled[row] and row not in self.flying:
                return row
            self.queue_at += 1
        return None

    def _submit(self, ahead: int) -> None:
        while len(self.flying) < ahead and (row := self._next_row()) is not None:
            self.flying[row] = self.pool.decode(self.listing.path(row), self.scorer.pixels, thumbnail=self.thumbnail)

    def _collect(self) -> bool:
        """Judge what the workers have read; whether there was anything."""
        finished = [row for row, task in self.flying.items() if task.done()]
        answers: list[tuple[int, Decoded]] = []
        for row in finished:
            task = self.flying.pop(row)
            self.settled[row] = True
            try:
                answers.append((row, task.result()))
            except MediaError as error:
                self.refused.append((row, error))
        if answers:
            self._judge(answers)
        if finished:
            self.fresh_count += len(finished)
            self.fresh.append((time.monotonic(), self.fresh_count))
        return bool(finished)

    def _judge(self, answers: Sequence[tuple[int, Decoded]]) -> None:
        documents = [
            Document(feature=self.scorer.extract(decoded)) if self.extractor else Document(decoded=decoded)
            for _, decoded in answers
        ]
        known = [self.catalog.content_of(decoded.fingerprint) for _, decoded in answers]
        judged = []
        for part in self.parts:
            # A moved or copied file is recognised by its content: it keeps the score it has.
            scores = part.known.of(np.array(known, np.int64))
            new = np.flatnonzero(np.isnan(scores))
            if len(new):
                scores[new] = part.question.score([documents[index] for index in new])
            judged.append(scores)
        for index, (row, decoded) in enumerate(answers):
            scores_of_row = [float(scores[index]) for scores in judged]
            if any(np.isnan(scores_of_row)):
                self.refused.append((row, FileDamaged(detail="the judge gave no number")))
                continue
            for column, score in zip(self.content_scores, scores_of_row, strict=True):
                column[row] = score
            learnt = decoded.fingerprint, decoded.kind, decoded.facts, documents[index].feature
            read = FileRead(*self._file(row), *learnt)
            self.read.append((row, read, scores_of_row))

    # --- committing, then telling ----------------------------------------------------------------

    def _commit(self) -> Iterator[RankingEvent]:
        """Keep what was judged, then yield it: a score that was seen is a score that is kept."""
        batch, self.read = self.read, []
        refused, self.refused = self.refused, []
        try:
            self._save(self.unsaved + batch, refused)
            self.unsaved = []
        except CatalogDamaged:
            self.read, self.refused = batch, refused
            raise
        except CatalogError as error:
            if isinstance(error, CatalogLocked | CatalogFull):
                self.unsaved += batch
            yield from self._tell(error)
        if batch:
            yield self._scored(np.array([row for row, _, _ in batch]), known=False)
        if refused:
            self.opened.failures |= dict(refused)
            yield self._failed(refused)

    def _save(
        self, batch: Sequence[tuple[int, FileRead, list[float]]], refused: Sequence[tuple[int, MediaError]] = ()
    ) -> None:
        refusals = [FileRefused(*self._file(row), error) for row, error in refused]
        with self.catalog.writing():
            contents = self.catalog.save_files([read for _, read, _ in batch], self.extractor)
            for index, part in enumerate(self.parts):
                self.catalog.save_scores(
                    self.identity, part.digest, contents, [scores[index] for _, _, scores in batch]
                )
            self.catalog.save_refusals(refusals, DECODING_VERSION)
        self.opened.contents[[row for row, _, _ in batch]] = contents

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

    def _scored(self, rows: NDArray[np.int64], *, known: bool) -> Scored:
        self.done += len(rows)
        names = self._names(rows)
        scores = self.parts[0].question.with_names(self.content_scores[0][rows], names)
        for part, values in zip(self.parts[1:], self.content_scores[1:], strict=True):
            # Relevant and not the other, as for probabilities.
            scores = scores * (1 - part.question.with_names(values[rows], names))
        return Scored(rows.astype(np.int32), scores.astype(np.float32), known)

    def _failed(self, failures: Sequence[tuple[int, MediaError]]) -> Failed:
        self.done += len(failures)
        self.failed += len(failures)
        return Failed([row for row, _ in failures], [error for _, error in failures])

    def _raw(self, start: int, stop: int) -> NDArray[np.float32]:
        """NaN wherever a part of the query has no score yet."""
        total: NDArray[np.float32] = np.sum([part[start:stop] for part in self.content_scores], axis=0)
        return total

    def _names(self, rows: Iterable[int] | NDArray[np.int64]) -> list[str]:
        listing = self.listing
        skip = len(listing.root) + 1
        return [f"{listing.folders[listing.folder[row]][skip:]}/{listing.names[row]}" for row in rows]

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
