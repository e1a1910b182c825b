"""What find-then-judge comes to with a judge that is always right and a finder of known noise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.jobs import RankingEvent, Scored, Staged
from core.ranking import staged
from core.ranking.calibration import FEWEST_PAIRS, REFIT_SECONDS
from core.ranking.staged import BestFound, Stages

FILES = 400
TOP = 20


class PlayedRun:
    """A run of the pipeline as `Stages` sees it: it scores `batch` files a step, in the queue's order or at once."""

    def __init__(self, opened: SimpleNamespace, scores: np.ndarray, clock: SimpleNamespace, queue: BestFound | None):
        self.opened, self.scores, self.clock, self.queue = opened, scores, clock, queue
        self.scorer = SimpleNamespace(encodes=queue is None, title="Played")
        self.held = self.under_way = False
        self.told_all_known = self.finished = queue is not None
        self.order: list[int] = []

    def withdraw(self) -> None:
        self.under_way = False

    def steps(self, live: bool) -> Iterator[RankingEvent | None]:
        rows = np.arange(len(self.scores))
        if self.queue is None:
            yield Scored(rows.astype(np.int32), self.scores, known=False)
            self.told_all_known = self.finished = True
            while True:
                yield None
        self.queue.add(rows, np.zeros(len(rows), np.float32))
        while True:
            batch = [row for _, row in zip(range(4), self.queue, strict=False)]
            self.under_way = bool(batch)
            self.finished = not batch
            if batch:
                yield None  # it is at work
                self.clock.now += 1.0
                if self.under_way:  # not taken back meanwhile
                    self.order += batch
                    yield Scored(np.array(batch, np.int32), self.scores[batch], known=False)
                self.under_way = False
            else:
                yield None


class Played:
    """A ranking of two stages of played runs, in time that a clock of its own tells: 4 files a second are judged."""

    def __init__(self, found: np.ndarray, truth: np.ndarray, seconds: float | None) -> None:
        clock = SimpleNamespace(now=0.0)
        staged.time = SimpleNamespace(monotonic=lambda: clock.now)  # type: ignore[attr-defined]
        listing = SimpleNamespace(present=len(found))
        opened = SimpleNamespace(resolved=len(found), changes=[], listing=listing)
        queue = BestFound()
        self.judge = PlayedRun(opened, truth, clock, queue)
        stages = Stages(PlayedRun(opened, found, clock, None), self.judge, queue, seconds)  # type: ignore[arg-type]
        self.scores = np.full(len(found), np.nan, np.float32)
        self.is_judged = np.zeros(len(found), bool)
        self.refits: list[float] = []
        self.last: Staged | None = None
        self.moments: list[tuple[np.ndarray, np.ndarray]] = []
        for event in stages.steps(False):
            if isinstance(event, Scored):
                self.scores[event.rows] = event.scores
                self.is_judged[event.rows] |= event.judged
                if not event.judged:
                    self.refits.append(clock.now)
                    self.moments.append((self.scores.copy(), self.is_judged.copy()))
            elif isinstance(event, Staged):
                self.last = event
        self.order = np.lexsort((np.arange(len(found)), ~self.is_judged, -self.scores)).tolist()


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    time = staged.time
    yield
    staged.time = time


def noisy(seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """(found, truth): few files answer, most hardly do; what finds sees them through noise, on a scale of its own."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(0.5, 4, FILES).astype(np.float32)
    seen = truth + rng.normal(0, noise, FILES)
    return (0.5 + 0.2 * seen).clip(0, 1).astype(np.float32), truth


@pytest.mark.parametrize(("noise", "seconds"), [(0.02, 10.0), (0.05, 20.0), (0.1, 25.0), (0.2, 50.0)])
def test_the_best_are_the_oracles_where_the_finder_brought_them_before_the_judge(noise: float, seconds: float) -> None:
    possible = right = 0
    for seed in range(40):
        found, truth = noisy(seed, noise)
        played = Played(found, truth, seconds)
        best = np.argsort(-truth, kind="stable")[:TOP].tolist()
        if set(best) <= set(played.judge.order):
            possible += 1
            right += played.order[:TOP] == best
    assert possible >= 5
    assert right >= 0.9 * possible, f"{right} of {possible}"


def test_the_judge_takes_what_is_found_best_first_and_no_more_than_its_time() -> None:
    found, truth = noisy(1, 0.1)
    played = Played(found, truth, 25.0)
    assert played.judge.order == np.argsort(-found, kind="stable")[: len(played.judge.order)].tolist()
    assert 4 * 24 <= len(played.judge.order) <= 4 * 26
    assert played.last is not None
    assert played.last.judged == len(played.judge.order)
    assert played.last.seconds_left == 0
    assert played.last.calibrated


def test_without_a_limit_the_order_is_the_judges() -> None:
    found, truth = noisy(2, 0.3)
    played = Played(found, truth, None)
    assert played.order == np.argsort(-truth, kind="stable").tolist()
    assert played.is_judged.all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.2, 0.5]), st.integers(0, 40))
def test_the_order_obeys_the_rule_at_every_moment(seed: int, noise: float, seconds: int) -> None:
    found, truth = noisy(seed, noise)
    played = Played(found, truth, float(seconds))
    for scores, is_judged in [*played.moments, (played.scores, played.is_judged)]:
        only = np.flatnonzero(~is_judged)
        by_finder = only[np.argsort(-found[only], kind="stable")]
        by_score = only[np.argsort(-scores[only], kind="stable")]
        assert by_score.tolist() == by_finder.tolist()
        assert np.array_equal(scores[is_judged], truth[is_judged])
        if 0 < is_judged.sum() < FEWEST_PAIRS:
            assert scores[only].max() < scores[is_judged].min()
    # Anew at most every few seconds, once more at the end, and before there is a curve whenever it is needed.
    told = [at for (_, is_judged), at in zip(played.moments, played.refits, strict=True) if is_judged.sum() >= 20]
    assert all(after - before >= REFIT_SECONDS for before, after in itertools.pairwise(told[:-1]))
