"""What the chosen finder knows of the open folder, and when it goes on learning by itself. No widgets."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from core import CountPrepared, Event, Preparation, Settings
from core.errors import JudgeNotLoaded
from desktop.engine_thread import EngineLink
from desktop.judge_state import Judges
from desktop.session import Session


class Preparer(QObject):
    """Has the finder learn the folder that is shown: when it is told to, and when nothing speaks against it."""

    changed = Signal()
    """Anything below."""
    done = Signal()
    """The last file was learnt."""

    def __init__(
        self, session: Session, link: EngineLink, finders: Judges, settings: Settings, save: Callable[[], object]
    ) -> None:
        super().__init__(session)
        self._session, self._link, self.finders = session, link, finders
        self._count_job = 0
        self._settings, self._save = settings, save
        self.is_paused = False
        """By the person, for this folder and finder."""
        self.preparation: Preparation | None = None
        """How far it is, as far as that has been asked."""
        self.error: BaseException | None = None
        """Why it ended before its end."""
        session.listing_opened.connect(lambda _listing: self._begin_anew())
        session.listing_finished.connect(self._begin_by_itself)
        session.prepared.connect(self._note)
        session.preparing_refused.connect(self._note_refused)
        finders.chosen.connect(lambda _choice: self._begin_anew())
        finders.loaded.connect(lambda _loaded: self._begin_by_itself())

    # --- what can be asked of it -------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether the finder is at it, or waits for a ranking to end."""
        return self._session.preparing

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to learn."""
        known = self.preparation
        return known is not None and known.prepared + known.failed >= known.total

    @property
    def can_start(self) -> bool:
        listing = self._session.listing
        return listing is not None and listing.complete and self.finders.is_ready and not self.is_on

    @property
    def when_idle(self) -> bool:
        return self._settings.prepare_when_idle

    # --- what a person does ------------------------------------------------------------------------

    def start(self) -> None:
        self.is_paused, self.error = False, None
        self._session.prepare()
        self.changed.emit()

    def pause(self) -> None:
        """What is learnt is kept."""
        self.is_paused = True
        self._session.stop_preparing()
        self.changed.emit()

    def set_when_idle(self, wanted: bool) -> None:
        self._settings.prepare_when_idle = wanted
        self._save()
        if wanted:
            self.is_paused = False
            self._begin_by_itself()
        self.changed.emit()

    def count(self) -> None:
        """Ask how much is learnt already, unless it is told all the time."""
        listing = self._session.listing
        if listing is not None and listing.complete and not self.is_on:
            self._link.cancel(self._count_job)
            request = CountPrepared(listing, self.finders.choice)
            # Of a finder that was never loaded nothing is known; what else stands against it is said beside its name.
            self._count_job = self._link.run(request, self._take, on_error=lambda _: None)

    # --- what happens by itself --------------------------------------------------------------------

    def _begin_anew(self) -> None:
        self._session.stop_preparing()
        self._link.cancel(self._count_job)
        self.is_paused = False
        self.preparation = self.error = None
        self._begin_by_itself()
        self.changed.emit()

    def _begin_by_itself(self) -> None:
        """The built-in matcher learns while it ranks, and quickly: only a model's vectors are worth going ahead for."""
        wanted = self.when_idle and not self.is_paused and not self.finders.choice.is_builtin
        if wanted and self.can_start:
            self._session.prepare()
            self.changed.emit()

    def _take(self, event: Event) -> None:
        if isinstance(event, Preparation):
            self._note(event)

    def _note(self, preparation: Preparation) -> None:
        was_done = self.is_done
        self.preparation, self.error = preparation, None
        self.changed.emit()
        if self.is_on and self.is_done and not was_done:
            self.done.emit()

    def _note_refused(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, JudgeNotLoaded):
            self.finders.note_lost()
        self.changed.emit()
