"""What is open and what is being asked: the folder, the query, the ranking under way. No widgets.

The folder is watched: files that come, change and go while it is open are taken in, and judged if a question stands.

The main window shows what the session says and passes on what the person does. One folder and one ranking at a time;
a new one replaces the old at once. If the engine is started again, the session asks again by itself.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from core import (
    Away,
    Changed,
    Event,
    Failed,
    FindStacks,
    Gone,
    JudgeChoice,
    Listed,
    Listing,
    Notice,
    Preparation,
    Prepare,
    Progress,
    Query,
    Rank,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
    Settled,
    Stacked,
    Staged,
    Understood,
    Unlisted,
)
from core.errors import EngineStopped, FileUnreadable, FileVanished, MediaError, QueryError, ScoreMissing
from desktop.engine_thread import EngineLink

ASK_AGAIN = 3
"""How often a listing or a ranking that the engine's end broke off is asked for again by itself."""

AWAY_ERRORS: tuple[type[MediaError], ...] = (FileVanished, FileUnreadable)
"""What every file says while its folder can't be reached; then it says nothing of the file."""

STACKING_SECONDS = 1.5
"""How soon after something has become known duplicates are looked for again; and at least eight times as long as the
looking took the last time."""


class Phase(enum.Enum):
    """How far the ranking is."""

    NONE = enum.auto()
    RUNNING = enum.auto()
    FINISHED = enum.auto()
    STOPPED = enum.auto()
    FAILED = enum.auto()


class Session(QObject):
    """One open folder and the question asked of it."""

    listing_opened = Signal(object)
    """Listing: a new one, still empty."""
    listing_grew = Signal()
    listing_finished = Signal()
    listing_changed = Signal(object)
    """Changed or Gone: what became of files on the disk. The listing has taken it in."""
    away_changed = Signal(bool)
    """Whether the open folder can't be reached: what is known of it is shown."""
    stacked = Signal(object)
    """By row, the first row of its stack: files that show the same, or nearly."""
    folder_refused = Signal(object, object)
    """Path and error: the folder can't be listed."""
    ranking_started = Signal(object)
    """Query."""
    scored = Signal(object, object, bool)
    """Rows, scores, and whether they were judged; else only found."""
    staged = Signal(object)
    """Staged: how far a ranking with a finder is."""
    prepared = Signal(object)
    """Preparation: how much of the folder the finder knows."""
    failed = Signal(object, object)
    """Rows and errors."""
    understood = Signal(object)
    """Understood: how the judge took the words, once, near a ranking's start."""
    progressed = Signal(object)
    preparing_refused = Signal(object)
    """An exception: the folder can't be prepared, or not any further."""
    phase_changed = Signal(object)
    noticed = Signal(object)
    """An exception worth a sentence; work goes on."""
    remark_lapsed = Signal()
    """What was noticed of the query as it was answered at first holds no longer: other files have come."""
    ranking_refused = Signal(object)
    """An exception: the query could not be asked."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._scan_job = self._rank_job = self._stack_job = self._prepare_job = 0
        self._stack_timer = QTimer(self, singleShot=True)
        self._stack_timer.timeout.connect(self._find_stacks)
        self._stacking_seconds = STACKING_SECONDS
        self._scanned_again = self._asked_again = self._prepared_again = 0
        self._asked_seconds: float | None = None
        self._refused = self._is_remarked = False
        self.listing: Listing | None = None
        self.query: Query | None = None
        self.judge = JudgeChoice()
        self.ranked_by = JudgeChoice()
        """Which judge the ranking shown was asked of; `judge` is the one that the next question goes to."""
        self.finder: JudgeChoice | None = None
        """Who finds for the next question, so that the judge takes the most promising first; None: nobody does."""
        self.judge_seconds: float | None = None
        """For how long the judge works at what was found; None: until all is judged."""
        self.preparing = False
        """Whether the finder is learning the folder, or waits for a ranking before it goes on."""
        self.thumbnail_pixels = 256
        self.phase = Phase.NONE
        self.failures: dict[int, MediaError] = {}
        self.unlisted: list[Unlisted] = []
        self.away = False
        """Whether the open folder can't be reached now."""

    # --- the folder ------------------------------------------------------------------------------

    def open_folder(self, folder: str, *, recursive: bool = True) -> None:
        """List the folder; a query that was asked before is asked of the new one."""
        self._scanned_again = 0
        self._scan(folder, recursive)

    def _scan(self, folder: str, recursive: bool) -> None:
        self._stop_ranking()
        self.stop_preparing()
        self._stop_stacking()
        self.unlisted = []
        self._follow(folder, recursive, None)

    def _follow(self, folder: str, recursive: bool, listing: Listing | None) -> None:
        """List and watch; a listing that is given is gone on with."""
        self._link.cancel(self._scan_job)
        self._scan_job = self._link.run(
            Scan(folder, recursive, live=True, listing=listing),
            self._on_scan,
            on_error=lambda error: self._scan_failed(folder, recursive, error),
        )

    def _on_scan(self, event: Event) -> None:
        match event:
            case ScanStarted() if self.listing is None or event.token != self.listing.token:
                self.listing = Listing(event.root, recursive=event.recursive)
                self.listing.token = event.token
                self.failures = {}
                self._refused = False
                self._note_away(False)
                self.listing_opened.emit(self.listing)
                if self.query:
                    self.rank(self.query)
                else:
                    self._enter(Phase.NONE)
            case Listed() if self.listing is not None:
                self.listing.append(event)
                self.listing_grew.emit()
            case Changed() | Gone() if self.listing is not None:
                self.listing.change(event)
                for row in event.rows.tolist():
                    self.failures.pop(row, None)
                self.listing_changed.emit(event)
                self._stack_soon()
            case Away():
                self._note_away(event.away)
            case Unlisted():
                self.unlisted.append(event)
            case ScanFinished() if self.listing is not None:
                self._scanned_again = 0
                self.listing.complete = True
                self.listing_finished.emit()
                self._stack_soon()

    def _note_away(self, away: bool) -> None:
        if away != self.away:
            self.away = away
            # They were the folder's, not the files'. What still fails when it is back is told again.
            self.failures = {row: error for row, error in self.failures.items() if not isinstance(error, AWAY_ERRORS)}
            self.away_changed.emit(away)

    def _scan_failed(self, folder: str, recursive: bool, error: BaseException) -> None:
        if isinstance(error, EngineStopped) and self._scanned_again < ASK_AGAIN:
            self._scanned_again += 1
            if self.listing is None or not self.listing.complete or self._refused:
                self.noticed.emit(error)
                self._scan(folder, recursive)
                return
            if self.phase not in (Phase.RUNNING, Phase.FINISHED):
                self.noticed.emit(error)  # else the ranking tells it
            self._follow(folder, recursive, self.listing)  # what is shown stays
            return
        if isinstance(error, EngineStopped) and self.listing and self.listing.complete and not self._refused:
            self.noticed.emit(error)  # what is shown stays, though it is not followed until it is opened again
            return
        # A ranking would wait for ever for the rest of this listing.
        self._stop_ranking()
        self._refused = True
        self._enter(Phase.FAILED)
        self.folder_refused.emit(folder, error)

    # --- the question ----------------------------------------------------------------------------

    def rank(self, query: Query) -> None:
        """Ask; replaces a ranking that runs. Without a folder it is asked as soon as one is open."""
        self._stop_ranking()
        self.query = query
        if self.listing is None or self._refused:
            return
        self._asked_again = 0
        self.failures = {}
        self._ask(query, self.listing, self.judge_seconds)
        self.ranking_started.emit(query)
        self._enter(Phase.RUNNING)

    def ask_again(self) -> None:
        """Ask the same question again and keep what is shown: its judge had been lost, and is back."""
        self._go_on(self.judge_seconds)

    def judge_on(self, seconds: float | None) -> None:
        """Have the judge go on with the question, for so many seconds, or until all is judged."""
        self._go_on(seconds)

    def _go_on(self, seconds: float | None) -> None:
        if self.query is not None and self.listing is not None and not self._refused:
            self._stop_ranking()
            self._ask(self.query, self.listing, seconds)
            self._enter(Phase.RUNNING)

    def _ask(self, query: Query, listing: Listing, judge_seconds: float | None) -> None:
        self.ranked_by = self.judge
        self._asked_seconds = judge_seconds
        self._is_remarked = False
        self._rank_job = self._link.run(
            Rank(
                query,
                listing,
                self.judge,
                self.thumbnail_pixels,
                live=True,
                finder=self.finder,
                judge_seconds=judge_seconds,
            ),
            self._on_ranking,
            on_end=lambda: self._enter(Phase.FINISHED),
            on_error=self._ranking_failed,
        )

    def stop(self) -> None:
        """Stop the ranking; what is scored stays."""
        if self.phase is Phase.RUNNING:
            self._stop_ranking()
            self._enter(Phase.STOPPED)

    def clear(self) -> None:
        """No query: the folder as it is."""
        self._stop_ranking()
        self.query = None
        self._enter(Phase.NONE)

    def look_at(self, rows: Sequence[int]) -> None:
        """Say which rows are on the screen: they are judged first."""
        if self.listing is not None and self.phase is Phase.RUNNING:
            self._link.look_at(self.listing, rows)

    def note_failure(self, row: int, error: MediaError) -> None:
        """A file that turned out unreadable while it was looked at, not judged."""
        if row not in self.failures:
            self.failures[row] = error
            self.failed.emit([row], [error])

    def _stop_ranking(self) -> None:
        self._link.cancel(self._rank_job)

    def _on_ranking(self, event: Event) -> None:
        match event:
            case Scored():
                if self.failures:
                    for row in event.rows.tolist():
                        self.failures.pop(row, None)
                self.scored.emit(event.rows, event.scores, event.judged)
                self._stack_soon()
            case Failed():
                self.failures.update(zip(event.rows, event.errors, strict=True))
                self.failed.emit(event.rows, event.errors)
            case Understood():
                self.understood.emit(event)
            case Staged():
                self.staged.emit(event)
            case Progress():
                if self.phase is Phase.FINISHED and event.done < event.total:
                    self._enter(Phase.RUNNING)  # something has come or changed since
                self.progressed.emit(event)
            case Settled():
                self._asked_again = 0
                if event.remark is None and self._is_remarked:
                    self._is_remarked = False
                    self.remark_lapsed.emit()
                self._enter(Phase.FINISHED)
                self._stack_soon()
            case Notice():
                self._is_remarked |= isinstance(event.error, QueryError)
                self.noticed.emit(event.error)

    def _ranking_failed(self, error: BaseException) -> None:
        again = isinstance(error, EngineStopped) and self._asked_again < ASK_AGAIN
        if again and self.query is not None and self.listing is not None:
            self._asked_again += 1
            self.noticed.emit(error)
            # What is shown stays: the scores so far come back first, from the catalog.
            self._ask(self.query, self.listing, self._asked_seconds)
            return
        self._enter(Phase.FAILED)
        self.ranking_refused.emit(error)

    # --- preparing -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have the finder learn the open folder, now and as files come; rankings go first."""
        if self.listing is None or self._refused or self.finder is None:
            return
        self._link.cancel(self._prepare_job)
        self.preparing = True
        self._prepare_job = self._link.run(
            Prepare(self.listing, self.finder, live=True),
            self._on_preparation,
            on_end=self._preparation_ended,
            on_error=self._preparation_ended,
        )

    def stop_preparing(self) -> None:
        """What is prepared stays."""
        self._link.cancel(self._prepare_job)
        self.preparing = False

    def _on_preparation(self, event: Event) -> None:
        match event:
            case Preparation():
                self._prepared_again = 0
                self.prepared.emit(event)
            case Failed():
                for row, error in zip(event.rows, event.errors, strict=True):
                    if not isinstance(error, ScoreMissing):  # of this finder alone: a judge may well take it
                        self.note_failure(row, error)
            case Notice():
                self.noticed.emit(event.error)

    def _preparation_ended(self, error: BaseException | None = None) -> None:
        self.preparing = False
        if isinstance(error, EngineStopped) and self._prepared_again < ASK_AGAIN:
            self._prepared_again += 1
            self.prepare()
        elif error is not None:
            self.preparing_refused.emit(error)

    # --- duplicates ------------------------------------------------------------------------------

    def _stack_soon(self) -> None:
        if not self._stack_timer.isActive():
            self._stack_timer.start(int(1000 * self._stacking_seconds))

    def _find_stacks(self) -> None:
        if self.listing is None or self._refused:
            return
        began = time.monotonic()
        token = self.listing.token

        def show(event: Event) -> None:
            if isinstance(event, Stacked) and self.listing is not None and self.listing.token == token:
                self._stacking_seconds = max(STACKING_SECONDS, 8 * (time.monotonic() - began))
                self.stacked.emit(event.stacks)

        self._link.cancel(self._stack_job)
        # Whatever stands in the way is told by the ranking too; stacks are found again after the next scores.
        self._stack_job = self._link.run(FindStacks(self.listing, self.finder), show, on_error=lambda _: None)

    def _stop_stacking(self) -> None:
        self._stack_timer.stop()
        self._link.cancel(self._stack_job)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.phase_changed.emit(phase)
