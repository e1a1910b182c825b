"""The one pipeline: known scores, then an order of work, then pixels, one judge and the catalog.

It is a generator of small events, and is stepped: it yields None when it can do nothing until a worker answers, so
that one process can step several jobs in turn. Closing it cancels it; what was scored is kept.

Files may change, go and come while it runs: rows that do are begun anew, and what was under way for them is dropped.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.catalog import REMEMBERED, Catalog, FileRead, FileRefused, KnownScores
from core.decoding import DECODING_VERSION, Identity
from core.decoding.pool import DecodingPool, Task
from core.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogFull,
    CatalogLocked,
    JudgeNotLoaded,
    MediaError,
    ScoreMissing,
    SemblanceError,
    VectorMissing,
)
from core.jobs import Failed, Notice, Progress, RankingEvent, Scored, Settled
from core.media import Decoded, Facts
from core.query import Query
from core.ranking.asking import Reading, ask, file_read, judge_identity
from core.ranking.judging import Desk, Judged
from core.ranking.kept import Kept, kept_under
from core.ranking.opened import RESOLVE_ROWS, OpenListing
from core.scorers import Document, Feature, QuickQuestion, Scorer, SlowQuestion

SAVE_SECONDS = 0.25
"""How often results are committed and then yielded: well under the second of work a crash may cost."""
FIRST_SAVE_SECONDS = 0.05
GLANCE_ROWS = 4096
"""Rows scored from features in memory, in one step."""
VECTOR_ROWS = 131_072
"""The same where that is a product of vectors: about 20 ms on two cores."""
CLOSE_ROWS = 8
"""Rows judged by all that is kept of them, in one step."""
RATE_SECONDS = 5.0


@dataclass
class Part:
    """The query, or its minus: judged and kept by itself."""

    question: QuickQuestion[Any] | SlowQuestion
    digest: bytes
    known: KnownScores
    """What the catalog knew when the ranking began."""

    @property
    def quick(self) -> QuickQuestion[Any]:
        """The question, of a judge without appetite."""
        return cast("QuickQuestion[Any]", self.question)

    @property
    def slow(self) -> SlowQuestion:
        """The question, of a judge with one."""
        return cast(SlowQuestion, self.question)


def parts_of(
    query: Query, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool, on_judged: Callable[[], None]
) -> Generator[None, None, list[Part]]:
    """The query, and its minus if it has one, made ready for a judge. Raises QueryError, JudgeError."""
    parts = []
    for asked in filter(None, (query.wanted, query.unwanted)):
        question, digest = yield from ask(asked, scorer, catalog, pool, on_judged)
        parts.append(Part(question, digest, catalog.scores(judge_identity(scorer), digest, question.columns)))
    return parts


def nothing_asked(scorer: Scorer[Any], catalog: Catalog) -> list[Part]:
    """A question of a judge that keeps features for which everything is alike: it only makes sure of the features."""
    question = scorer.ask(Query(), ())
    return [Part(question, b"", catalog.scores(judge_identity(scorer), b"", question.columns))]


@dataclass
class _AtJudge:
    """A content that a slow judge has before it, and the rows that wait for its verdict."""

    fingerprint: bytes
    rows: dict[int, FileRead | None]
    """With what reading each taught; None: nothing was opened."""


class _Outcome:
    """What was told of a row last."""

    NONE, SCORED, FAILED = range(3)


class Run:
    """One judge at work on a listing: a ranking, a stage of one, or files being prepared for it."""

    def __init__(
        self,
        parts: list[Part],
        opened: OpenListing,
        scorer: Scorer[Any],
        kept: Kept,
        catalog: Catalog,
        pool: DecodingPool,
        *,
        on_judged: Callable[[], None],
        thumbnail: tuple[int, str] | None = None,
        queue: Promising | None = None,
        keeps_scores: bool = True,
    ) -> None:
        """`on_judged` is called, from any thread, when a model has found something, so that it is time for the next
        step. `queue` says in which order files are opened, if not by what their names promise."""
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
        self.judged = [_Judgement.empty(part.question.columns) for part in parts]
        self.settled = np.empty(0, bool)  # scored, failed, gone, or on its way to be
        self.outcome = np.empty(0, np.uint8)  # what was told
        self.identifiable = np.empty(0, bool)  # rows whose content may be known under another name
        self.with_features = np.empty(0, np.int64)  # rows whose features are kept
        self.doubtful = Promising()  # rows that a glance did not suffice for
        self.own_order = queue is not None
        self.queue = Promising() if queue is None else queue  # rows to be opened
        self.held = False
        """While it is set no file is opened; what is under way goes on."""
        self.keeps_scores = keeps_scores and not scorer.encodes
        self.identifying: dict[int, Task[Identity]] = {}
        self.flying: dict[int, Reading] = {}
        self.on_judged = on_judged
        self.desk = self._new_desk()
        self.at_judge: dict[int, _AtJudge] = {}  # by ticket
        self.tickets: dict[bytes, int] = {}  # by fingerprint, of what is there
        self.rows_at_judge: set[int] = set()
        self.last_ticket = 0
        self.remembered: set[int] = set()  # rows that a slow judge needs no reading for
        self.read: dict[int, FileRead] = {}  # decoded and judged, not yet committed
        self.judged_again: set[int] = set()  # judged without being opened, not yet committed
        self.refused: dict[int, MediaError] = {}
        self.recognised: dict[int, FileRead] = {}  # known by their content under another name, not yet committed
        self.unsaved: dict[int, FileRead] = {}  # yielded, but the catalog would not take them
        self.unsaved_again: set[int] = set()
        self.scored_here = np.empty(0, np.int64)  # by content id: the row under which it was judged in this run, + 1
        self.changes_taken = len(opened.changes)
        self.renewals = catalog.renewals
        self.told: set[type[SemblanceError]] = set()
        self.done = self.failed = 0
        self.fresh: deque[tuple[float, int]] = deque()  # (when, files decoded so far), for the rate
        self.fresh_count = 0
        self.last_progress = (-1, -1, -1)

    def _new_desk(self) -> Desk | None:
        if self.scorer.encodes:
            return Desk([self.scorer.encode], self.on_judged)
        return Desk([part.slow.judge_slowly for part in self.parts], self.on_judged) if self.scorer.appetite else None

    # --- the steps -------------------------------------------------------------------------------

    def steps(self, live: bool) -> Iterator[RankingEvent | None]:
        next_save = time.monotonic() + FIRST_SAVE_SECONDS
        settled = False
        while True:
            self._check_catalog()
            worked = True
            if self.changes_taken < len(self.opened.changes):
                yield from self._begin_anew()
            elif self.scorer.encodes and len(self.with_features):
                yield from self._glance()  # no scores are kept that would have to be told first
            elif self.opened.resolve_some(self.catalog) or len(self.settled) < self.opened.resolved:
                yield from self._absorb()
            elif len(self.with_features):
                yield from self._glance()
            elif self.doubtful:
                yield from self._look_closely()
            else:
                worked = False
            if not self.desk or len(self.settled) == self.opened.resolved:
                # A slow judge is only asked once all that is known has been shown.
                self._submit()
            worked |= self._collect()
            worked |= bool(self.identifying) and (yield from self._recognise())
            if self.desk:
                worked |= self._hear(self.desk)
            now = time.monotonic()
            if self._pending() and (now >= next_save or not self.under_way):
                yield from self._commit()
                next_save = now + SAVE_SECONDS
            yield from self._progress()
            if worked:
                settled = False
            elif self.finished:
                if not settled:
                    settled = True
                    self.fresh.clear()
                    yield from self._settle()
                if not live:
                    break
                yield None
            else:
                yield None

    def _check_catalog(self) -> None:
        """Raise CatalogDamaged if another job met the damage: content ids from before mean nothing after."""
        if self.catalog.renewals != self.renewals:
            notice, path = self.catalog.notice, str(self.catalog.path)
            raise notice if isinstance(notice, CatalogDamaged) else CatalogDamaged(path=path, kept=path, saved=0)

    @property
    def finished(self) -> bool:
        """Whether all that is there now was judged or has failed."""
        return (
            self.listing.complete
            and self.changes_taken == len(self.opened.changes)
            and self.opened.resolved == len(self.settled) == len(self.listing)
            and not (self.under_way or len(self.with_features) or self.doubtful or self._pending())
            and (self.opened.away or self._next_row() is None)
        )

    @property
    def told_all_known(self) -> bool:
        """Whether everything has been told that can be without opening a file."""
        absorbed = self.opened.resolved == len(self.settled) == len(self.listing)
        return absorbed and self.changes_taken == len(self.opened.changes) and not len(self.with_features)

    def withdraw(self) -> None:
        """Take back what is being read or is before the judge: it is done anew when its turn comes again."""
        for task in (*self.identifying.values(), *(reading.task for reading in self.flying.values())):
            task.cancel()
        rows = [*self.identifying, *self.flying]
        self.identifying, self.flying = {}, {}
        if self.desk:
            self.desk.close()
            with contextlib.suppress(JudgeNotLoaded):  # said when its turn comes again
                self._hear(self.desk)
            self.fresh.clear()  # the time until it goes on is no time of work
            rows += [row for case in self.at_judge.values() for row in case.rows]
            self.at_judge, self.tickets, self.rows_at_judge = {}, {}, set()
            self.desk = self._new_desk()
        self._enqueue(np.array(rows, np.int64))

    @property
    def under_way(self) -> bool:
        """Whether a file is being read, or is before the judge."""
        return bool(self.flying or self.identifying or self.at_judge)

    def _pending(self) -> bool:
        return bool(self.read or self.judged_again or self.refused or self.recognised)

    def _settle(self) -> Iterator[RankingEvent]:
        # What can't be read while the folder is away may yet speak of the words.
        remark = None if self._next_row() is not None else self.parts[0].question.remark()
        if remark:
            yield from self._tell(remark)
        yield Settled(remark)

    def stop(self) -> None:
        """Keep what was judged and not committed yet, and give back what waits in the pool."""
        for task in (*self.identifying.values(), *(reading.task for reading in self.flying.values())):
            task.cancel()
        if self.desk:
            self.desk.close()
            with contextlib.suppress(Exception):  # told already, or of a ranking that nobody listens to any more
                self._hear(self.desk)
        if self.catalog.renewals != self.renewals:
            # Content ids from before mean nothing in the new catalog; what was read carries its own names.
            self.recognised, self.judged_again, self.unsaved_again = {}, set(), set()
        if self._pending() or self.unsaved or self.unsaved_again:
            # What stands in the way was told when it first did; nobody listens any more.
            with contextlib.suppress(CatalogError):
                self._save(self.unsaved | self.read, self.refused, self.unsaved_again | self.judged_again)

    # --- what is known already -------------------------------------------------------------------

    def _absorb(self) -> Iterator[RankingEvent]:
        """Take in the rows that the listing and the catalog have newly brought."""
        start = len(self.settled)
        stop = min(start + (VECTOR_ROWS if self.scorer.encodes else RESOLVE_ROWS), self.opened.resolved)
        for judged in self.judged:
            judged.append(stop - start)
        self.settled = np.concatenate([self.settled, np.zeros(stop - start, bool)])
        self.outcome = np.concatenate([self.outcome, np.zeros(stop - start, np.uint8)])
        self.identifiable = np.concatenate([self.identifiable, np.zeros(stop - start, bool)])
        yield from self._sort_in(np.arange(start, stop))

    def _begin_anew(self) -> Iterator[RankingEvent]:
        """Forget what was found of rows that have changed since, and sort them in again."""
        rows = np.concatenate(self.opened.changes[self.changes_taken :])
        self.changes_taken = len(self.opened.changes)
        rows = np.unique(rows[rows < len(self.settled)])
        for row in rows.tolist():
            if reading := self.flying.pop(row, None):
                reading.task.cancel()
            if task := self.identifying.pop(row, None):
                task.cancel()
            for waiting in (self.read, self.refused, self.recognised, self.unsaved):
                waiting.pop(row, None)
            for again in (self.judged_again, self.unsaved_again, self.remembered):
                again.discard(row)
            if row in self.rows_at_judge:
                self.rows_at_judge.discard(row)
                for case in self.at_judge.values():
                    case.rows.pop(row, None)  # the judge's verdict on what it was is not for what it is now
        for judged in self.judged:
            judged.forget(rows)
        self._note(rows, _Outcome.NONE)
        self.settled[rows] = False
        yield from self._sort_in(rows)

    def _sort_in(self, rows: NDArray[np.int64]) -> Iterator[RankingEvent]:
        """Tell what is known of these rows, and put the rest where it is found out."""
        gone = self.listing.gone[rows]
        self.settled[rows[gone]] = True
        rows = rows[~gone]
        failures = self.opened.failures
        failed = {row: failures[row] for row in rows.tolist() if row in failures} if failures else {}
        if failed:
            self.settled[list(failed)] = True
            yield self._failed(failed)
        rows = rows[~self.settled[rows]]
        rest = rows
        if self.keeps_scores:
            known = self._take_known(rows, self.opened.contents[rows])
            self.settled[rows[known]] = True
            if known.any():
                yield self._scored(rows[known], known=True)
            rest = rows[~known]
        if not len(rest):
            return
        contents = self.opened.contents[rest]
        if self.extractor:
            self.with_features = np.concatenate([self.with_features, rest[contents > 0]])
            rest = rest[contents == 0]
        elif self.desk:
            self._recollect(rest[contents > 0])
        self._look_for_names(rest)
        self._enqueue(rest)

    def _take_known(self, rows: NDArray[np.int64], contents: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Put the scores that these contents have already in their rows' columns; which have all of them."""
        known = contents > 0
        for index in range(len(self.parts)):
            scores, evidence = self._known_scores(index, contents)
            self.judged[index].put(rows, scores, evidence)
            known &= ~np.isnan(scores)
        return known

    def _known_scores(self, part: int, contents: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the catalog knew of these contents, and what this run has found since; NaN for neither."""
        scores, evidence = self.parts[part].known.of(contents)
        new = np.flatnonzero(np.isnan(scores) & (contents > 0) & (contents < len(self.scored_here)))
        rows = self.scored_here[contents[new]] - 1
        # The row may hold another content by now.
        still = (rows >= 0) & (self.opened.contents[rows] == contents[new])
        scores[new[still]] = self.judged[part].scores[rows[still]]
        evidence[new[still]] = self.judged[part].evidence[rows[still]]
        return scores, evidence

    def _remember(self, rows: NDArray[np.int64], contents: NDArray[np.int64]) -> None:
        """Note under which rows these contents were judged: a copy or a renamed file need not be judged again."""
        if len(contents) and (most := int(contents.max())) >= len(self.scored_here):
            grown = np.zeros(max(most + 1, 2 * len(self.scored_here)), np.int64)
            grown[: len(self.scored_here)] = self.scored_here
            self.scored_here = grown
        self.scored_here[contents] = rows + 1

    def _recollect(self, rows: NDArray[np.int64]) -> None:
        """Note which of these rows, whose contents are known, a slow judge remembers."""
        contents = self.opened.contents[rows].tolist()
        fingerprints = self.catalog.fingerprints(contents)
        self.remembered.update(
            row
            for row, content in zip(rows.tolist(), contents, strict=True)
            if content in fingerprints and self.scorer.remembers(fingerprints[content])
        )

    def _look_for_names(self, rows: NDArray[np.int64]) -> None:
        """Note which of these rows look like files that are known elsewhere: likely moved, renamed or copied."""
        new = rows[self.opened.contents[rows] == 0]
        if len(new):
            listing = self.listing
            self.identifiable[new] = self.catalog.seen_elsewhere(listing.sizes[new], listing.mtimes[new])

    def _enqueue(self, rows: NDArray[np.int64]) -> None:
        """Add rows to be opened; the most promising by name first, else in the listing's order."""
        question = self.parts[0].question
        promise = np.zeros(len(rows), np.float32)
        if question.reads_names and len(rows):
            nothing = np.full((len(rows), question.columns), np.nan, np.float32)
            named = question.with_names(np.full(len(rows), np.nan, np.float32), nothing, self.opened.names(rows))
            promise = np.nan_to_num(named)
        self.queue.add(rows, promise)

    def _glance(self) -> Iterator[RankingEvent]:
        """Score the next rows from the features kept of their contents: nothing is opened."""
        count = VECTOR_ROWS if self.scorer.encodes else GLANCE_ROWS
        rows, self.with_features = self.with_features[:count], self.with_features[count:]
        rows = rows[~self.settled[rows]]
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
        rows = rows[self.settled[rows] & ~self.listing.gone[rows]]  # one that has changed since is sorted in again
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
        contents = self.opened.contents[rows]
        if self.keeps_scores:
            try:
                with self.catalog.writing():
                    self._save_scores(rows, contents.tolist())
            except CatalogDamaged:
                raise
            except CatalogError as error:
                yield from self._tell(error)  # they can be had from the features again at any time
        if self.keeps_scores:
            self._remember(rows, contents)
        yield self._scored(rows, known=False)

    # --- opening files ---------------------------------------------------------------------------

    def _next_row(self) -> int | None:
        while self.opened.first and not self.own_order:
            row = self.opened.first[0]
            waiting = row < len(self.settled) and self._is_waiting(row)
            # A content that is known waits for its features instead: no worker is needed.
            if waiting and not (self.extractor and self.opened.contents[row] > 0):
                return row
            self.opened.first.pop(0)
        for row in self.queue:
            if self._is_waiting(row):
                self.queue.put_back()
                return row
        return None

    def _is_waiting(self, row: int) -> bool:
        under_way = row in self.flying or row in self.identifying or row in self.rows_at_judge
        return not (self.settled[row] or under_way)

    def _submit(self) -> None:
        """Keep the workers busy, and so much before the judge as it likes; no more, for others wait for workers too."""
        if self.opened.away or self.held:
            return
        busy = self.pool.workers * 2 + 1
        while (reading := len(self.flying) + len(self.identifying)) < busy:
            if reading + len(self.at_judge) >= max(busy, self.scorer.appetite):
                return
            row = self._next_row()
            if row is None:
                return
            path, page = self.listing.path(row), int(self.listing.pages[row])
            if self.desk and row in self.remembered:
                self._put_remembered(self.desk, row)
            elif self.identifiable[row]:
                self.identifying[row] = self.pool.identify(path, page)
            else:
                self.flying[row] = Reading.of(path, self.scorer, self.pool, page=page, thumbnail=self.thumbnail)

    def _recognise(self) -> Generator[RankingEvent, None, bool]:
        """Take in what files are that looked like known ones; whether there was anything."""
        finished = [row for row, task in self.identifying.items() if task.done()]
        for row in finished:
            task = self.identifying.pop(row)
            self.identifiable[row] = False
            try:
                identity = task.result()
            except MediaError as error:
                self._refuse(row, error)
                continue
            content = self.catalog.content_of(identity.fingerprint)
            if content:
                folder, name, page = self._place(row)
                kind = self.listing.kind(row)
                self.recognised[row] = FileRead(
                    folder, name, identity.size, identity.mtime, identity.fingerprint, kind, Facts(), page=page
                )
                self.opened.contents[row] = content
                yield from self._sort_in(np.array([row]))
            else:
                self._enqueue(np.array([row]))
        return bool(finished)

    def _refuse(self, row: int, error: MediaError) -> None:
        if self.opened.away and not isinstance(error, REMEMBERED):
            # It failed for want of its folder, and is opened again when that is back.
            self.settled[row] = False
            self._enqueue(np.array([row], np.int64))
            return
        self.settled[row] = True
        self.refused[row] = error

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
                self._refuse(row, error)
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
        if self.scorer.encodes:
            self._have_encoded(answers)
            return
        contents = np.array([self._content_of(decoded) for _, decoded, _ in answers], np.int64)
        if self.desk:
            self._put_on_desk(self.desk, answers, contents)
            return
        rows = np.array([row for row, _, _ in answers], np.int64)
        documents = [Document(feature=feature) if feature else Document(decoded) for _, decoded, feature in answers]
        sound = np.ones(len(rows), bool)
        for index, (part, column) in enumerate(zip(self.parts, self.judged, strict=True)):
            # A moved or copied file is recognised by its content: it keeps the score it has.
            scores, evidence = self._known_scores(index, contents)
            new = np.flatnonzero(np.isnan(scores))
            if len(new):
                scores[new], evidence[new] = part.quick.judge([documents[place] for place in new])
            column.put(rows, scores, evidence)
            sound &= ~np.isnan(scores)
        for (row, decoded, feature), good in zip(answers, sound, strict=True):
            if good:
                self.read[row] = file_read(*self._place(row), decoded, feature)
            else:
                self._refuse(row, ScoreMissing(reason="no number came out"))

    def _content_of(self, decoded: Decoded) -> int:
        """The content whose scores this one has: its own, or for a judge of pixels alone one of the same pixels."""
        content = self.catalog.content_of(decoded.fingerprint)
        if not (self.scorer.reads_pixels_alone and decoded.pixels):
            return content
        twins = [content] if content else []
        twins += [twin for twin in self.catalog.contents_with(decoded.pixels) if twin != content]
        scored = np.ones(len(twins), bool)
        for part in range(len(self.parts)):
            scored &= ~np.isnan(self._known_scores(part, np.array(twins, np.int64))[0])
        return twins[int(scored.argmax())] if scored.any() else content

    # --- a judge that takes its time -------------------------------------------------------------

    def _put_on_desk(
        self, desk: Desk, answers: Sequence[tuple[int, Decoded, Feature | None]], contents: NDArray[np.int64]
    ) -> None:
        rows = np.array([row for row, _, _ in answers], np.int64)
        known = self._take_known(rows, contents)
        for (row, decoded, _), is_known in zip(answers, known, strict=True):
            read = file_read(*self._place(row), decoded, None)
            if is_known:
                self.read[row] = read
            else:
                self.settled[row] = False
                self._put(desk, row, read, Document(decoded, fingerprint=decoded.fingerprint))

    def _put_remembered(self, desk: Desk, row: int) -> None:
        contents = self.opened.contents[[row]]
        self._take_known(np.array([row], np.int64), contents)
        fingerprint = self.catalog.fingerprints(contents.tolist())[int(contents[0])]
        self._put(desk, row, None, Document(fingerprint=fingerprint))

    def _put(self, desk: Desk, row: int, read: FileRead | None, document: Document) -> None:
        """Have the judge see a document, unless it has the same one before it already."""
        self.rows_at_judge.add(row)
        ticket = self.tickets.get(document.fingerprint)
        if ticket is not None:
            self.at_judge[ticket].rows[row] = read
            return
        ticket = self.last_ticket = self.last_ticket + 1
        self.tickets[document.fingerprint] = ticket
        self.at_judge[ticket] = _AtJudge(document.fingerprint, {row: read})
        wanting = [part for part, judged in enumerate(self.judged) if np.isnan(judged.scores[row])]
        desk.put(ticket, document, frozenset([0] if self.scorer.encodes else wanting))

    def _hear(self, desk: Desk) -> bool:
        """Take in what a slow judge has found; whether there was anything. Raises JudgeError."""
        through = desk.take()
        for file in through:
            case = self.at_judge.pop(file.ticket)
            del self.tickets[case.fingerprint]
            self.rows_at_judge.difference_update(case.rows)
            for row, read in case.rows.items():
                self._take_in(row, file, read)
        self._count_fresh(sum(not file.forgotten for file in through))
        return bool(through)

    def _take_in(self, row: int, file: Judged, read: FileRead | None) -> None:
        self.remembered.discard(row)
        if file.forgotten:
            self._enqueue(np.array([row], np.int64))
            return
        if self.scorer.encodes:
            assert read is not None
            self._take_encoded(row, read, file.feature, file.reason)
            return
        self.settled[row] = True
        for part, score in file.scores.items():
            self.judged[part].scores[row] = score
        if np.isnan([judged.scores[row] for judged in self.judged]).any():
            self.refused[row] = ScoreMissing(reason=file.reason)
        elif read is None:
            self.judged_again.add(row)
        else:
            self.read[row] = read

    # --- a judge that encodes --------------------------------------------------------------------

    def _have_encoded(self, answers: Sequence[tuple[int, Decoded, Feature | None]]) -> None:
        assert self.desk is not None
        for row, decoded, _ in answers:
            read = file_read(*self._place(row), decoded, None)
            if feature := self._feature_of_twin(decoded):
                self._take_encoded(row, read, feature)
            else:
                self.settled[row] = False
                self._put(self.desk, row, read, Document(decoded, fingerprint=decoded.fingerprint))

    def _feature_of_twin(self, decoded: Decoded) -> Feature | None:
        """What is kept of this content under another name, or of one with the same pixels."""
        twins = self.catalog.contents_with(decoded.pixels) if decoded.pixels else []
        if content := self.catalog.content_of(decoded.fingerprint):
            twins.insert(0, content)
        kept = [Feature(data) for data in self.catalog.features(self.extractor, twins).values()] if twins else []
        # One that can't be read may be why this file was opened.
        sound = ~np.isnan(self.parts[0].quick.judge([Document(feature=feature) for feature in kept])[0])
        return next((feature for feature, good in zip(kept, sound, strict=True) if good), None)

    def _take_encoded(self, row: int, read: FileRead, feature: Feature | None, reason: str = "") -> None:
        self.settled[row] = True
        document = Document(feature=feature)
        for part, judged in zip(self.parts, self.judged, strict=True):
            judged.put(np.array([row]), *part.quick.judge([document]))
        if feature is None or np.isnan([judged.scores[row] for judged in self.judged]).any():
            self.refused[row] = VectorMissing(reason=reason or "no vector came out")
        else:
            self.read[row] = replace(read, feature=feature.data, detail=feature.detail)

    # --- committing, then telling ----------------------------------------------------------------

    def _commit(self) -> Iterator[RankingEvent]:
        """Keep what was judged, then yield it: a score that was seen is a score that is kept."""
        batch, again, refused = self.read, self.judged_again, self.refused
        try:
            self._save(self.unsaved | batch, refused, self.unsaved_again | again)
            self.unsaved, self.unsaved_again = {}, set()
        except CatalogDamaged:
            raise
        except CatalogError as error:
            if isinstance(error, CatalogLocked | CatalogFull):
                self.unsaved |= batch
                self.unsaved_again |= again
            yield from self._tell(error)
        self.read, self.judged_again, self.refused, self.recognised = {}, set(), {}, {}
        if batch or again:
            yield self._scored(np.array([*batch, *again], np.int64), known=False)
        if refused:
            self.opened.note_unfit(self.extractor, refused)
            # Another judge may have a score for what this one has none for.
            self.opened.failures |= {
                row: error for row, error in refused.items() if not isinstance(error, ScoreMissing)
            }
            yield self._failed(refused)

    def _save(self, batch: dict[int, FileRead], refused: dict[int, MediaError], judged_again: set[int]) -> None:
        rows, again = np.array(list(batch), np.int64), np.array(sorted(judged_again), np.int64)
        refusals = [self._file_refused(row, error) for row, error in refused.items()]
        with self.catalog.writing():
            self.catalog.save_files(list(self.recognised.values()), "")
            contents = self.catalog.save_files(list(batch.values()), self.extractor)
            self._save_scores(rows, contents)
            self._save_scores(again, self.opened.contents[again].tolist())
            self.catalog.save_refusals(refusals, DECODING_VERSION)
        if self.catalog.renewals != self.renewals:
            return  # what they are called in the new catalog is looked up there
        self.opened.contents[rows] = contents
        if self.keeps_scores:
            self._remember(np.concatenate([rows, again]), self.opened.contents[np.concatenate([rows, again])])
        if self.extractor:
            self.kept.add(contents, [read.feature for read in batch.values()])

    def _save_scores(self, rows: NDArray[np.int64], contents: Sequence[int]) -> None:
        """Keep what these rows were judged, under their contents. Call inside `writing()`."""
        if not self.keeps_scores:
            return
        for part, judged in zip(self.parts, self.judged, strict=True):
            self.catalog.save_scores(self.identity, part.digest, contents, judged.scores[rows], judged.evidence[rows])

    def _place(self, row: int) -> tuple[str, str, int]:
        """Folder, name and page."""
        listing = self.listing
        return listing.folders[listing.folder[row]], listing.names[row], int(listing.pages[row])

    def _file_refused(self, row: int, error: MediaError) -> FileRefused:
        folder, name, page = self._place(row)
        return FileRefused(folder, name, int(self.listing.sizes[row]), int(self.listing.mtimes[row]), error, page)

    def _tell(self, error: SemblanceError) -> Iterator[Notice]:
        if type(error) not in self.told:
            self.told.add(type(error))
            yield Notice(error)

    def _scored(self, rows: NDArray[np.int64], *, known: bool, final: bool = True) -> Scored:
        """The event for these rows; one that is not final is followed by another."""
        if final:
            self._note(rows, _Outcome.SCORED)
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

    def _failed(self, failures: dict[int, MediaError]) -> Failed:
        self._note(np.array(list(failures), np.int64), _Outcome.FAILED)
        return Failed(list(failures), list(failures.values()))

    def _note(self, rows: NDArray[np.int64], outcome: int) -> None:
        """Count what is told of these rows."""
        before = self.outcome[rows]
        self.done += (outcome != _Outcome.NONE) * len(rows) - int(np.count_nonzero(before))
        self.failed += (outcome == _Outcome.FAILED) * len(rows) - int(np.count_nonzero(before == _Outcome.FAILED))
        self.outcome[rows] = outcome

    def _progress(self) -> Iterator[Progress]:
        state = (self.done, self.listing.present, self.failed)
        if state == self.last_progress:
            return
        self.last_progress = state
        now = time.monotonic()
        while len(self.fresh) > 2 and now - self.fresh[0][0] > RATE_SECONDS:
            self.fresh.popleft()
        rate = 0.0
        if len(self.fresh) > 1 and now > self.fresh[0][0]:
            rate = (self.fresh[-1][1] - self.fresh[0][1]) / (now - self.fresh[0][0])
        left = state[1] - self.done
        yield Progress(*state, rate, left / rate if rate > 0 else None)


@dataclass
class _Judgement:
    """By row: the score that its content has, and the evidence. NaN where it was not judged."""

    scores: NDArray[np.float32]
    evidence: NDArray[np.float32]

    @classmethod
    def empty(cls, columns: int) -> _Judgement:
        return cls(np.empty(0, np.float32), np.empty((0, columns), np.float32))

    def append(self, rows: int) -> None:
        """Room for so many more rows."""
        self.scores = np.concatenate([self.scores, np.full(rows, np.nan, np.float32)])
        self.evidence = np.concatenate([self.evidence, np.full((rows, self.evidence.shape[1]), np.nan, np.float32)])

    def forget(self, rows: NDArray[np.int64]) -> None:
        self.scores[rows] = np.nan
        self.evidence[rows] = np.nan

    def put(self, rows: NDArray[np.int64], scores: NDArray[np.float32], evidence: NDArray[np.float32]) -> None:
        self.scores[rows] = scores
        self.evidence[rows] = evidence


class Promising:
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
