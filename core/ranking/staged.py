"""Find, then judge: two judges at work on one listing, and the one order that comes of it.

The finder puts everything in order at once; the judge takes the most promising first, for as long as it may. Each is
a `Run` of the one pipeline. Here is decided who may open files when, and what is told of a row that only the finder
knows (see `calibration`).

A finder that encodes computes on the same device as the judge, so it waits while the judge is at work; what is not
encoded yet joins the order afterwards. If it is not loaded, or no longer, the judge takes that after all else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.errors import CatalogError, JudgeNotLoaded, MediaError, ScoreMissing
from core.jobs import Failed, Notice, Progress, RankingEvent, Scored, Settled, Staged
from core.ranking.calibration import Calibration
from core.ranking.pipeline import Promising, Run

TELL_SECONDS = 0.25
"""How often it is told how far the stages are."""


class BestFound(Promising):
    """Rows that want judging, those that the finder has put first before the others."""

    def __init__(self) -> None:
        super().__init__()
        self.open = False
        """While it is not set there is nothing to judge."""
        self.takes_unfound = False
        """Whether rows that the finder says nothing of want judging too, after all others."""
        self._wanting = np.empty(0, bool)
        self._worth = np.empty(0, np.float32)
        self._outdated = False

    def add(self, rows: NDArray[np.int64], promise: NDArray[np.float32]) -> None:
        """These rows want judging. What their names promise is not asked: the finder knows better."""
        if len(rows):
            self._grow(int(rows.max()) + 1)
            self._wanting[rows] = True
            self._outdated = True

    def found(self, rows: NDArray[np.int64], worth: NDArray[np.float32]) -> None:
        """What the finder says of these rows; NaN: not worth judging, or not known yet."""
        if len(rows):
            self._grow(int(rows.max()) + 1)
            self._worth[rows] = worth
            self._outdated = True

    def _grow(self, rows: int) -> None:
        if (more := rows - len(self._wanting)) > 0:
            more = max(more, len(self._wanting))
            self._wanting = np.concatenate([self._wanting, np.zeros(more, bool)])
            self._worth = np.concatenate([self._worth, np.full(more, np.nan, np.float32)])

    def take_unfound(self) -> None:
        """From now on also those rows: the finder will say nothing more of them."""
        self.takes_unfound = self._outdated = True

    def _bring_up_to_date(self) -> None:
        if self._outdated:
            self._outdated = False
            worth = np.where(np.isnan(self._worth), -1, self._worth) if self.takes_unfound else self._worth
            candidates = np.flatnonzero(self._wanting & ~np.isnan(worth))
            self._rows = candidates[np.argsort(-worth[candidates], kind="stable")]
            self._at = 0

    def __bool__(self) -> bool:
        if not self.open:
            return False
        self._bring_up_to_date()
        return super().__bool__()

    def __next__(self) -> int:
        row = super().__next__()
        self._wanting[row] = False
        return row

    def put_back(self) -> None:
        super().put_back()
        self._wanting[self._rows[self._at]] = True


class Stages:
    """One ranking of two stages under way."""

    def __init__(self, finder: Run, judge: Run, queue: BestFound, judge_seconds: float | None) -> None:
        """`queue` is the order in which the judge's run opens files."""
        self.finder = finder
        self.judge = judge
        self._queue = queue
        finder.held = finder.scorer.encodes  # until it is known what the judge will do
        self._opened = finder.opened
        self._changes_taken = len(self._opened.changes)
        self._seconds = judge_seconds
        self._spent = 0.0
        self._looked_at = time.monotonic()
        self._calibration = Calibration()
        # By row.
        self._found = np.empty(0, np.float32)
        self._judged = np.empty(0, np.float32)
        self._failed = np.empty(0, bool)
        self._new: list[NDArray[np.int64]] = []  # found, and not told
        self._is_judged_anew = False  # something was, since the scales were compared last
        self._rate = 0.0
        self._told: Staged | None = None
        self._told_at = 0.0
        self._told_last = False  # everything was told, and nothing was to come for then
        self._judge_is_lost: JudgeNotLoaded | None = None
        self._remark: Settled | None = None

    def steps(self, live: bool) -> Iterator[RankingEvent | None]:
        finder, judge = self.finder.steps(True), self.judge.steps(True)
        settled = False
        while True:
            self._forget_changed()
            worked = False
            try:
                for event in _until_idle(finder):
                    worked = True
                    yield from self._of_finder(event)
            except JudgeNotLoaded:
                # It goes on telling what is kept of files; the others are left to the judge.
                self.finder.withdraw()
                self._queue.take_unfound()
                finder = self.finder.steps(True)
            self._allot()
            try:
                for event in _until_idle(judge):
                    worked = True
                    yield from self._of_judge(event)
            except JudgeNotLoaded as error:
                # What is found is told all the same, before it is said that somebody has to load it.
                self._judge_is_lost, judge = error, iter(lambda: None, 0)
                self._queue.open = False
            self._allot()
            done = self._finder_is_done and (self.judge.finished or self._judge_is_lost is not None)
            yield from self._tell(last=done)
            if done and self._judge_is_lost:
                raise self._judge_is_lost
            if worked or not done:
                settled = False
            if not worked:
                if done and not settled:
                    settled = True
                    yield self._remark or Settled()
                if done and not live:
                    return
                yield None

    def stop(self) -> None:
        """Keep what was judged, and give back what waits in the pool."""
        self.finder.stop()
        self.judge.stop()

    # --- who may do what -------------------------------------------------------------------------

    def _allot(self) -> None:
        """Let the judge work while it has time and something to judge, and a finder that encodes while it does not."""
        now = time.monotonic()
        if self.judge.under_way:
            self._spent += now - self._looked_at
        self._looked_at = now
        in_time = self._seconds is None or self._spent < self._seconds
        if not in_time and self._queue.open:
            self.judge.withdraw()
        self._queue.open = in_time and self._judge_is_lost is None and self.finder.told_all_known
        if self.finder.scorer.encodes:
            self.finder.held = self._judging or self._queue.takes_unfound

    @property
    def _finder_is_done(self) -> bool:
        has_told = self.finder.told_all_known and not self.finder.under_way
        return self.finder.finished or (self._queue.takes_unfound and has_told and self._opened.listing.complete)

    @property
    def _judging(self) -> bool:
        """Whether the judge is at work, or has something to begin."""
        return self._judge_is_lost is None and (self.judge.under_way or bool(self._queue))

    def _room(self) -> None:
        more = self._opened.resolved - len(self._found)
        if more > 0:
            nothing = np.full(more, np.nan, np.float32)
            self._found, self._judged = np.concatenate([self._found, nothing]), np.concatenate([self._judged, nothing])
            self._failed = np.concatenate([self._failed, np.zeros(more, bool)])

    def _forget_changed(self) -> None:
        self._room()
        if self._changes_taken == len(self._opened.changes):
            return
        rows = np.concatenate(self._opened.changes[self._changes_taken :])
        self._changes_taken = len(self._opened.changes)
        rows = rows[rows < len(self._found)].astype(np.int64)
        self._found[rows] = self._judged[rows] = np.nan
        self._failed[rows] = False
        self._queue.found(rows, self._found[rows])
        self._is_judged_anew = True

    # --- what the two say ------------------------------------------------------------------------

    def _of_finder(self, event: RankingEvent) -> Iterator[RankingEvent]:
        self._forget_changed()  # a file may have changed since the last event, and the finder know it by now
        match event:
            case Scored():
                rows = event.rows.astype(np.int64)
                self._found[rows] = event.scores
                self._failed[rows] = False
                self._queue.found(rows, event.scores)
                self._new.append(rows)
            case Failed():
                # What the finder alone has no number for is judged after all that is found.
                rows = np.array(event.rows, np.int64)[[_is_missing(error) for error in event.errors]]
                self._queue.found(rows, np.full(len(rows), -1, np.float32))
                yield from self._tell_failures(event, except_for=set(rows.tolist()))
            case Progress() | Notice(error=CatalogError()):
                yield event

    def _of_judge(self, event: RankingEvent) -> Iterator[RankingEvent]:
        self._forget_changed()
        match event:
            case Scored():
                rows = event.rows.astype(np.int64)
                self._judged[rows] = event.scores
                self._failed[rows] = False
                self._is_judged_anew = True
                yield event
            case Failed():
                # What is found stays so, though the judge has no number for it.
                found = {row for row in event.rows if not np.isnan(self._found[row])}
                missing = {row for row, error in zip(event.rows, event.errors, strict=True) if _is_missing(error)}
                yield from self._tell_failures(event, except_for=found & missing)
            case Progress():
                self._rate = event.rate or self._rate
            case Settled():
                self._remark = event
            case _:
                yield event

    def _tell_failures(self, event: Failed, except_for: set[int]) -> Iterator[Failed]:
        """Once for both: they meet the same files."""
        failed = {
            row: error
            for row, error in zip(event.rows, event.errors, strict=True)
            if row not in except_for and not self._failed[row]
        }
        if failed:
            self._failed[list(failed)] = True
            yield Failed(list(failed), list(failed.values()))

    # --- what is told of both --------------------------------------------------------------------

    def _tell(self, *, last: bool) -> Iterator[RankingEvent]:
        if last and self._told_last and not (self._new or self._is_judged_anew):
            return
        self._told_last = last
        now = time.monotonic()
        changed = False
        if self._is_judged_anew or last:
            self._is_judged_anew = False
            self._room()
            changed = self._calibration.update(self._found, self._judged, now, last=last)
        rows = np.arange(len(self._found)) if changed else np.concatenate([np.empty(0, np.int64), *self._new])
        rows = rows[~np.isnan(self._found[rows]) & np.isnan(self._judged[rows])]
        self._new = []
        if len(rows):
            scores = self._calibration.scores(self._found[rows])
            yield Scored(rows.astype(np.int32), scores, known=False, judged=False)
        yield from self._tell_how_far(now, last)

    def _tell_how_far(self, now: float, last: bool) -> Iterator[Staged]:
        if not last and now - self._told_at < TELL_SECONDS:
            return
        total, judged = self._opened.listing.present, int(np.count_nonzero(~np.isnan(self._judged)))
        left = total - judged - int(np.count_nonzero(self._failed))
        told = Staged(
            finder=self.finder.scorer.title,
            found=int(np.count_nonzero(~np.isnan(self._found))),
            judged=judged,
            total=total,
            rate=self._rate,
            judging=self._judging,
            seconds_left=None if self._seconds is None else max(0.0, self._seconds - self._spent),
            seconds_for_all=left / self._rate if self._rate else None,
            calibrated=self._calibration.calibrated,
        )
        if told != self._told:
            self._told, self._told_at = told, now
            yield told


def _is_missing(error: MediaError) -> bool:
    return isinstance(error, ScoreMissing)


def _until_idle(steps: Iterator[RankingEvent | None]) -> Iterator[RankingEvent]:
    """The events there are now."""
    while (event := next(steps)) is not None:
        yield event
