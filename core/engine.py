"""The engine itself: catalog, decoding workers and judges under one roof."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.catalog import Catalog
from core.decoding import Thumbnail
from core.decoding.pool import DecodingPool, Task
from core.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogOnShare,
    FinderNotLoaded,
    JudgeError,
    JudgeNotLoaded,
    ListingUnknown,
    MediaError,
    PreparedInPart,
    PreparedOtherwise,
    TooFewPrepared,
)
from core.following import Compared, Counted, follow
from core.jobs import (
    BUILTIN,
    Adopt,
    BackUp,
    ClearStorage,
    CountPrepared,
    DownloadModel,
    EstimateCost,
    Event,
    Explain,
    FindStacks,
    Jobs,
    ListModels,
    ListSubfolders,
    LoadJudge,
    MakeFilmstrip,
    MakePreview,
    MakeThumbnails,
    MeasureStorage,
    Notice,
    Preparation,
    Prepare,
    Rank,
    Request,
    Restore,
    Scan,
    ScanFinished,
    ScanStarted,
    Settled,
    Stacked,
    Subfolders,
    ThumbnailMade,
    UnloadJudge,
    VerifyModel,
)
from core.judges import Judges
from core.media import Away, Changed, Gone, Listed, Listing, subfolders
from core.query import Query
from core.ranking import Means, find_and_judge, prepare, rank
from core.ranking.asking import explain, is_at_hand
from core.ranking.kept import Kept, kept_under
from core.ranking.opened import ListingRecord, OpenListing
from core.scorers import JudgeChoice, Scorer
from core.scorers.embedding import VECTORS, Embedder
from core.settings import Home, load_settings
from core.stacks import Vectors, find_stacks, nearness_of
from core.storage import back_up, clear, measure, restore

T = TypeVar("T")
Steps = Generator[Event | None, None, None]
"""A job to be stepped: it yields None when it can do nothing until `Engine.answered` is set."""

ENOUGH_PREPARED = 0.5
"""The share of a folder that an embedder must know to find in it; else the built-in matcher does."""
HELD_LISTINGS = 8
"""Listings kept by token; the oldest is forgotten first."""


class Engine(Jobs):
    """The engine in this process. Used by one thread; `home` overrides SEMBLANCE_HOME."""

    def __init__(
        self, home: str | os.PathLike[str] | None = None, *, workers: int | None = None, time_limit: float = 20.0
    ) -> None:
        self.home = Home.find(home)
        self.answered = threading.Event()
        """Set whenever a job that had nothing to do may go on."""
        self.catalog = Catalog(self.home.catalog)
        self._pool = DecodingPool(workers=workers, time_limit=time_limit, on_done=self.answered.set)
        self._listings: OrderedDict[str, OpenListing] = OrderedDict()
        self._judges = Judges(self.home.judges, lambda: load_settings(self.home.settings)[0].model_folders)
        self._kept: dict[str, Kept] = {}
        self._rankings: set[object] = set()  # those that have something to do: whatever is prepared waits for them
        self._pruned = False
        self._told: list[CatalogError] = []

    def close(self) -> None:
        self._judges.close()
        self._pool.close()
        self.catalog.close()

    def run(self, request: Request) -> Iterator[Event]:
        steps = self.steps(request)
        with contextlib.closing(steps):
            for event in steps:
                if event is None:
                    self.answered.wait(0.2)
                    self.answered.clear()
                else:
                    yield event

    def look_at(self, listing: Listing | str, rows: Sequence[int]) -> None:
        if opened := self._listings.get(_token(listing)):
            opened.first = list(rows)

    def steps(self, request: Request) -> Steps:
        """The request as a generator to be stepped: it yields None while it waits (see `answered`)."""
        match request:
            case Rank():
                return self._rank(request)
            case Prepare():
                return self._prepare(request)
            case CountPrepared():
                return self._count_prepared(request)
            case MakeThumbnails():
                return self._thumbnails(request)
            case MakePreview():
                return _await(self._pool.preview(request.path, request.pixels, request.at, request.page))
            case MakeFilmstrip():
                return _await(self._pool.filmstrip(request.path, request.pixels, request.frames))
            case Scan():
                return self._scan(request)
            case FindStacks():
                return self._stacks(request)
            case ListSubfolders():
                return self._once(lambda: Subfolders(request.folder, subfolders(request.folder)))
            case Explain():
                return self._explain(request)
            case Adopt():
                return self._adopt(request)
            case ListModels():
                return self._threaded(self._judges.models(request.folder))
            case EstimateCost():
                return self._threaded(self._judges.cost(request.judge))
            case LoadJudge():
                return self._threaded(self._judges.load(request.judge, finder=request.finder))
            case UnloadJudge():
                # In a thread: it waits for the judge's present batch.
                return self._threaded(self._judges.unloaded(finder=request.finder))
            case DownloadModel():
                return self._threaded(self._judges.download(request.name))
            case VerifyModel():
                return self._threaded(self._judges.verify(request.name))
            case MeasureStorage():
                return self._once(lambda: measure(self.home))
            case ClearStorage():
                return self._clear(request)
            case BackUp():
                return self._once(lambda: back_up(self.home, request.path))
            case Restore():
                return self._once(lambda: restore(self.home, request.path))

    # --- jobs ------------------------------------------------------------------------------------

    def _scan(self, request: Scan) -> Steps:
        began = time.monotonic()
        if request.listing is None:
            opened = OpenListing(Listing(request.folder, recursive=request.recursive), renewals=self.catalog.renewals)
        else:
            opened = self._opened(request.listing)
        listing = opened.listing
        record = ListingRecord(listing, self.catalog)
        started = False
        found = follow(
            request.folder,
            recursive=request.recursive,
            kept=listing if request.listing else record.load() if request.live else None,
            pages=self._count_pages,
            known_pages=record.page_counts(),
            live=request.live,
        )
        try:
            # In a thread: a disk or share that answers slowly must not hold up the other jobs.
            for event in self._threaded(found):
                if event is not None and not started:
                    # Only now: a folder that can't be listed has no listing.
                    started = True
                    self._hold(opened)
                    yield ScanStarted(listing.root, listing.recursive, listing.token)
                match event:
                    case Listed():
                        listing.append(event)
                        record.outdated = request.live
                        yield event
                    case Changed() | Gone():
                        opened.take(event, self.catalog)
                        record.outdated = request.live
                        yield event
                    case Away():
                        opened.set_away(event.away)
                        yield event
                    case Counted():
                        record.note(event)
                    case Compared():
                        listing.complete = True
                        record.mounted = event.mounted
                        record.save()
                        self._prune()
                        yield ScanFinished(listing.present, time.monotonic() - began)
                    case _:
                        yield event
        finally:
            record.save()

    def _adopt(self, request: Adopt) -> Steps:
        self._hold(OpenListing(request.listing, renewals=self.catalog.renewals))
        yield from ()

    def _rank(self, request: Rank) -> Steps:
        opened, scorer = self._opened(request.listing), self._judge(request)
        notice = self.catalog.notice
        if notice and notice not in self._told:
            if isinstance(notice, CatalogOnShare | CatalogDamaged):
                self._told.append(notice)  # it stays so; the others stand in the way of each ranking anew
            yield Notice(notice)
        means = self._means(opened, request.thumbnail_pixels)
        under_way = object()
        self._rankings.add(under_way)  # before its query is encoded, which waits for what the model is at
        try:
            for event in _anew_if_damaged(lambda: self._ranked(request, scorer, means)):
                if isinstance(event, Settled):
                    self._rankings.discard(under_way)
                elif event is not None:
                    self._rankings.add(under_way)
                yield event
        finally:
            self._rankings.discard(under_way)

    def _judge(self, request: Rank) -> Scorer[Any]:
        """Who judges. With a finder one that was never loaded may be meant: what is found is told before that is."""
        try:
            return self._judges.of(request.judge)
        except JudgeNotLoaded:
            if request.finder is None:
                raise
            return self._judges.nobody(request.judge)

    def _ranked(self, request: Rank, scorer: Scorer[Any], means: Means) -> Steps:
        """A ranking of one stage, or of two."""
        judge = scorer, self._kept_of(scorer)
        is_slow = scorer.appetite and not scorer.encodes
        if request.finder is None or not is_slow:
            if scorer.encodes:
                yield from self._tell_prepared(scorer, means.opened)
            yield from rank(request.query, *judge, means, live=request.live)
            return
        finder = yield from self._finder(request.finder, request.query, means.opened)
        yield from find_and_judge(
            request.query,
            (finder, self._kept_of(finder)),
            judge,
            means,
            judge_seconds=request.judge_seconds,
            live=request.live,
        )

    def _finder(
        self, choice: JudgeChoice, query: Query, opened: OpenListing
    ) -> Generator[Event | None, None, Scorer[Any]]:
        """Who finds: the one that was chosen if it can, else the built-in matcher."""
        try:
            finder = self._judges.finder(choice)
        except JudgeNotLoaded as error:
            yield Notice(FinderNotLoaded(name=str(error.data["name"])))
            return self._judges.finder(BUILTIN)
        if not finder.encodes:
            return finder
        prepared, total = yield from self._tell_prepared(finder, opened)
        is_loaded = isinstance(finder, Embedder) and finder.encoder is not None
        if not is_loaded and not all(is_at_hand(asked, finder, self.catalog) for asked in _asked(query)):
            yield Notice(FinderNotLoaded(name=finder.title))
            return self._judges.finder(BUILTIN)
        if prepared < total * ENOUGH_PREPARED:
            yield Notice(TooFewPrepared(prepared=prepared, total=total, name=finder.title))
            return self._judges.finder(BUILTIN)
        return finder

    def _tell_prepared(
        self, scorer: Scorer[Any], opened: OpenListing
    ) -> Generator[Event | None, None, tuple[int, int]]:
        """How many files of how many it knows; what it does not know is told."""
        contents, known = yield from self._known(scorer, opened)
        prepared, total = int(np.count_nonzero(known)), len(contents)
        if prepared < total:
            extractor = kept_under(scorer)
            others = self.catalog.have_features_of_others(extractor, VECTORS, contents[~known & (contents > 0)])
            if count := int(np.count_nonzero(others)):
                yield Notice(PreparedOtherwise(count=count, name=scorer.title))
            elif prepared:
                yield Notice(PreparedInPart(missing=total - prepared, total=total, name=scorer.title))
        return prepared, total

    def _known(
        self, scorer: Scorer[Any], opened: OpenListing
    ) -> Generator[None, None, tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """The contents of the files that can be prepared for a scorer, and which of them are."""
        yield from self._resolved(opened)
        contents = opened.contents[opened.waiting_for(kept_under(scorer))]
        return contents, self._kept_of(scorer).knows(contents, self.catalog)

    def _prepare(self, request: Prepare) -> Steps:
        opened, scorer = self._opened(request.listing), self._judges.finder(request.finder)
        kept, means = self._kept_of(scorer), self._means(opened)
        yield from _anew_if_damaged(
            lambda: prepare(scorer, kept, means, may_work=lambda: not self._rankings, live=request.live)
        )

    def _count_prepared(self, request: CountPrepared) -> Steps:
        opened, scorer = self._opened(request.listing), self._judges.finder(request.finder)
        contents, known = yield from self._known(scorer, opened)
        total = int(np.count_nonzero(~opened.listing.gone[: opened.resolved]))
        yield Preparation(int(np.count_nonzero(known)), total, total - len(contents))

    def _means(self, opened: OpenListing, thumbnail_pixels: int = 0) -> Means:
        thumbnail = (thumbnail_pixels, str(self.home.thumbnails)) if thumbnail_pixels else None
        return Means(opened, self.catalog, self._pool, self.answered.set, thumbnail)

    def _resolved(self, opened: OpenListing) -> Generator[None, None, None]:
        """Look up what the catalog knows of a listing, as far as that goes by now; others have their turn meanwhile."""
        opened.forget_if_renewed(self.catalog)
        while opened.resolve_some(self.catalog):
            self.answered.set()
            yield None

    def _stacks(self, request: FindStacks) -> Steps:
        opened = self._opened(request.listing)
        yield from self._resolved(opened)
        contents, kinds = opened.contents.copy(), opened.listing.kinds[: opened.resolved].copy()
        identities = self.catalog.identities(np.unique(contents))
        vectors = self._vectors(request.finder, contents)
        yield from self._once(lambda: Stacked(find_stacks(contents, identities, kinds, vectors)))

    def _vectors(self, choice: JudgeChoice | None, contents: NDArray[np.int64]) -> Vectors | None:
        """What a finder's vectors say of these contents, as far as they are in memory."""
        if choice is None or choice.is_builtin:
            return None
        try:
            finder = self._judges.finder(choice)
        except JudgeError:
            return None  # it is told where it is wanted
        kept = self._kept_of(finder)
        rows = kept.rows(contents)
        rows[contents == 0] = -1
        return Vectors(kept.shelf, rows, nearness_of(kept.shelf, rows))

    def _clear(self, request: ClearStorage) -> Steps:
        yield from self._once(lambda: clear(self.home, request.parts))
        # What is in memory may stand for rows that are gone from the catalog.
        self._kept.clear()

    def _explain(self, request: Explain) -> Steps:
        opened, scorer = self._opened(request.listing), self._judges.of(request.judge)
        yield from explain(request.query, opened, request.row, scorer, self.catalog, self._pool)

    def _thumbnails(self, request: MakeThumbnails) -> Steps:
        listing = self._opened(request.listing).listing
        waiting = list(reversed(request.rows))
        flying: dict[int, Task[Thumbnail]] = {}
        try:
            while waiting or flying:
                while waiting and len(flying) < self._pool.workers * 2:
                    row = waiting.pop()
                    if row < len(listing):
                        flying[row] = self._thumbnail(listing, row, request.pixels)
                finished = [row for row, task in flying.items() if task.done()]
                for row in finished:
                    try:
                        yield ThumbnailMade(row, flying.pop(row).result(), None)
                    except MediaError as error:
                        yield ThumbnailMade(row, None, error)
                if not finished:
                    yield None
        finally:
            for task in flying.values():
                task.cancel()

    def _thumbnail(self, listing: Listing, row: int, pixels: int) -> Task[Thumbnail]:
        return self._pool.thumbnail(
            listing.path(row),
            pixels,
            str(self.home.thumbnails),
            int(listing.pages[row]),
            str(self.home.shared_thumbnails or ""),
            (int(listing.sizes[row]), int(listing.mtimes[row])),
        )

    # --- parts -----------------------------------------------------------------------------------

    def _kept_of(self, scorer: Scorer[Any]) -> Kept:
        name = kept_under(scorer)
        if name not in self._kept:
            self._kept[name] = Kept(scorer)
        return self._kept[name]

    def _prune(self) -> None:
        """Once, when the first folder is there and nobody waits: let thumbnails take no more than their room."""
        if not self._pruned:
            self._pruned = True
            threading.Thread(target=_prune, args=(str(self.home.thumbnails),), name="pruning", daemon=True).start()

    def _count_pages(self, paths: Sequence[str]) -> list[int]:
        """How many pages each of these files has; 1 of one that can't be read. Called in a scan's thread; waits."""
        tasks = [self._pool.count_pages(path) for path in paths]
        counts = []
        for task in tasks:
            try:
                counts.append(task.result())
            except MediaError:
                counts.append(1)
        return counts

    def _hold(self, opened: OpenListing) -> None:
        self._listings[opened.listing.token] = opened
        while len(self._listings) > HELD_LISTINGS:
            self._listings.popitem(last=False)

    def _opened(self, listing: Listing | str) -> OpenListing:
        token = _token(listing)
        if token not in self._listings and isinstance(listing, Listing):
            self._hold(OpenListing(listing, renewals=self.catalog.renewals))
        if token not in self._listings:
            raise ListingUnknown
        self._listings.move_to_end(token)
        return self._listings[token]

    def _once(self, make: Callable[[], T]) -> Generator[T | None, None, None]:
        """One item, made by a thread of its own."""
        return self._threaded(_made(make))

    def _threaded(self, items: Iterator[T]) -> Generator[T | None, None, None]:
        """The items, made by a thread of their own; None while the next one is not there yet.

        Closed early, the thread closes `items` as soon as the next one is made.
        """
        made: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(maxsize=8)
        stopped = threading.Event()

        def make() -> None:
            failure: BaseException | None = None
            try:
                for item in items:
                    put((item, None, False))
                    if stopped.is_set():
                        break
            except BaseException as error:  # handed to the thread that asked
                failure = error
            if isinstance(items, Generator):
                items.close()
            put((None, failure, True))

        def put(entry: tuple[T | None, BaseException | None, bool]) -> None:
            while not stopped.is_set():
                try:
                    made.put(entry, timeout=0.1)
                except queue.Full:
                    continue
                self.answered.set()
                return

        threading.Thread(target=make, name="listing", daemon=True).start()
        try:
            while True:
                try:
                    item, failure, ended = made.get_nowait()
                except queue.Empty:
                    yield None
                    continue
                if failure:
                    raise failure
                if ended:
                    return
                yield item
        finally:
            stopped.set()


def _anew_if_damaged(begin: Callable[[], Steps]) -> Steps:
    """The steps of a job; from the start, once, if it met a damaged catalog: that is set aside by then, and a new one
    begun."""
    try:
        yield from begin()
    except CatalogDamaged as error:
        yield Notice(error)
        yield from begin()


def _asked(query: Query) -> list[Query]:
    """The query, and its minus if it has one."""
    return [query.wanted, *filter(None, [query.unwanted])]


def _prune(thumbnails: str) -> None:
    from core.decoding.thumbnails import prune  # with Pillow, which the engine needs for nothing else

    prune(thumbnails)


def _made(make: Callable[[], T]) -> Iterator[T]:
    yield make()


def _await(task: Task[T]) -> Generator[T | None, None, None]:
    try:
        while not task.done():
            yield None
        yield task.result()
    finally:
        task.cancel()


def _token(listing: Listing | str) -> str:
    return listing if isinstance(listing, str) else listing.token
