"""Rankings, and the preparing of folders for them, as generators of small events.

- `pipeline`: one judge at work on one listing; `staged`: a finder and a judge, and the one order that comes of both.
- `asking` makes a query ready, `judging` lets a model work beside the pipeline, `kept` holds features in memory,
  `opened` is a listing with what the catalog knows of it.

They are stepped: each yields None when it can do nothing until somebody answers, so that one process can step several
jobs in turn. Closing one cancels it; what was scored or encoded is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from core.catalog import Catalog
from core.decoding.pool import DecodingPool
from core.errors import CatalogError, CatalogLocked, QueryEmpty
from core.jobs import Failed, Notice, Preparation, Progress, RankingEvent, Settled
from core.query import Query
from core.ranking.kept import Kept
from core.ranking.opened import OpenListing
from core.ranking.pipeline import Part, Promising, Run, nothing_asked, parts_of
from core.ranking.staged import BestFound, Stages
from core.scorers import Scorer


@dataclass(frozen=True)
class Means:
    """What rankings work with."""

    opened: OpenListing
    catalog: Catalog
    pool: DecodingPool
    on_judged: Callable[[], None]
    """Called, from any thread, when a model has found something, so that it is time for the next step."""
    thumbnail: tuple[int, str] | None = None
    """(pixels, cache folder): also leave a thumbnail while a file is open."""

    def forget_if_renewed(self, kept: Kept) -> None:
        """Content ids of a catalog that was replaced mean nothing any more."""
        self.opened.forget_if_renewed(self.catalog)
        kept.forget_if_renewed(self.catalog)

    def run(
        self,
        parts: list[Part],
        scorer: Scorer[Any],
        kept: Kept,
        *,
        queue: Promising | None = None,
        keeps_scores: bool = True,
    ) -> Run:
        """One judge at work on the listing (see `Run`)."""
        return Run(
            parts,
            self.opened,
            scorer,
            kept,
            self.catalog,
            self.pool,
            on_judged=self.on_judged,
            thumbnail=self.thumbnail,
            queue=queue,
            keeps_scores=keeps_scores,
        )


def rank(
    query: Query, scorer: Scorer[Any], kept: Kept, means: Means, *, live: bool = False
) -> Generator[RankingEvent | None, None, None]:
    """Judge every file of the listing, which may still be growing. Raises QueryError, JudgeError, CatalogDamaged.

    `kept`: the scorer's features. `live`: go on after all was judged, as the listing changes.
    """
    if not query:
        raise QueryEmpty
    means.forget_if_renewed(kept)
    parts = yield from parts_of(query, scorer, means.catalog, means.pool, means.on_judged)
    if understood := parts[0].question.understood:
        yield understood
    run = means.run(parts, scorer, kept)
    try:
        yield from run.steps(live)
    finally:
        run.stop()


def find_and_judge(
    query: Query,
    finder: tuple[Scorer[Any], Kept],
    judge: tuple[Scorer[Any], Kept],
    means: Means,
    *,
    judge_seconds: float | None,
    live: bool = False,
) -> Generator[RankingEvent | None, None, None]:
    """Put every file in order by the finder, and have the most promising judged. Raises as `rank` does.

    `judge_seconds`: for how long the judge may work; None: until all is judged.
    """
    if not query:
        raise QueryEmpty
    queue = BestFound()
    runs = []
    for (scorer, kept), order in ((finder, None), (judge, queue)):
        means.forget_if_renewed(kept)
        parts = yield from parts_of(query, scorer, means.catalog, means.pool, means.on_judged)
        runs.append(means.run(parts, scorer, kept, queue=order))
    stages = Stages(runs[0], runs[1], queue, judge_seconds)
    try:
        yield from stages.steps(live)
    finally:
        stages.stop()


def prepare(
    scorer: Scorer[Any], kept: Kept, means: Means, *, may_work: Callable[[], bool], live: bool = False
) -> Generator[Preparation | Failed | Notice | Settled | None, None, None]:
    """Have a judge that keeps features learn what it keeps of every file of the listing.

    Raises JudgeError, and CatalogError where nothing can be kept. A file counts as prepared once it is kept. While
    `may_work` says no it waits, and what it was at is begun anew afterwards: rankings go first.
    """
    means.forget_if_renewed(kept)
    parts = nothing_asked(scorer, means.catalog)
    run = means.run(parts, scorer, kept, keeps_scores=False)
    progress = Progress(0, 0, 0, 0.0, None)
    told: Preparation | None = None
    run.held = not may_work()
    try:
        for event in run.steps(live):
            if run.held == may_work():
                run.held = not run.held
                if run.held:
                    run.withdraw()
            match event:
                case Progress():
                    progress = event
                case Notice(error=CatalogError() as error) if not isinstance(error, CatalogLocked):
                    raise error
                case Failed() | Notice() | Settled():
                    yield event
            here = Preparation(
                max(0, progress.done - progress.failed - len(run.unsaved)),
                progress.total,
                progress.failed,
                0.0 if run.held else progress.rate,
                None if run.held else progress.seconds_left,
                waiting=run.held,
            )
            if here != told:
                told = here
                yield here
            if event is None:
                yield None
    finally:
        run.stop()
