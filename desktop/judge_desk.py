"""What happens when the judge that was chosen is not there, comes, or takes long: between session, judges and notices.

Ranking never waits for a judge in silence: what stands in its way is said, with the two things that can be done.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from core import Budget, JudgeChoice, JudgeLoaded, Progress, Query, Settings
from core.errors import JudgeError, JudgeNotLoaded, ModelMissing
from desktop.engine_thread import EngineLink
from desktop.judge_bar import JudgeChip
from desktop.judge_state import Judges
from desktop.judge_words import (
    budget_name,
    builtin_lines,
    chosen_text,
    duration_text,
    estimate_text,
    judge_title,
    short_title,
    step_text,
)
from desktop.messages import sentence
from desktop.notice_bar import Action, NoticeBar
from desktop.session import Phase, Session

LONG_SECONDS = 600.0
"""A ranking that takes longer than this is not begun without a word."""


class JudgeDesk(QObject):
    """Lets the chosen judge answer the session's question as soon as it can, and says what is in the way."""

    panel_wanted = Signal()
    """The judges are to be shown: the person may want another, or to download this one."""

    def __init__(
        self,
        session: Session,
        link: EngineLink,
        notice: NoticeBar,
        chip: JudgeChip,
        settings: Settings,
        save: Callable[[], object],
    ) -> None:
        super().__init__(session)
        self._session, self._notice, self._chip = session, notice, chip
        self._settings, self._save = settings, save
        self._waits = False  # a question was asked that the chosen judge could not take
        self._told: tuple[object, ...] = ()  # what stood in its way when that was told last
        self._loaded_again = False  # by itself, since the last ranking that came to its end
        self._accepted: tuple[JudgeChoice, str] | None = None  # a long job the person knows of: judge and folder
        self.judges = Judges(link, _remembered(settings), settings.model_folders, self)
        session.judge = self.judges.choice
        self.judges.changed.connect(self._follow_judges)
        self.judges.chosen.connect(self._take_choice)
        self.judges.loaded.connect(self._take_loaded)
        self.judges.load_refused.connect(self._tell_refused)
        self.judges.fetch_refused.connect(self._tell_refused)
        session.ranking_started.connect(self._begin)
        session.progressed.connect(self._weigh)
        session.phase_changed.connect(self._follow)
        self._show_chip()

    # --- choosing --------------------------------------------------------------------------------

    def _take_choice(self, choice: JudgeChoice) -> None:
        settings = self._settings
        settings.judge, settings.device = choice.name, choice.device
        settings.precision, settings.budget = choice.precision, choice.budget.value
        self._save()
        self._session.judge = choice
        self._notice.withdraw("judge")
        self._waits = self._loaded_again = False
        if self.judges.is_ready:
            self._ask()
        elif self._session.query is not None:
            # What another judge ranked stays to be looked at.
            self._offer()

    def _follow_judges(self) -> None:
        judges = self.judges
        if judges.loading is None and judges.fetching is None:
            self._session.judge = judges.choice  # the built-in matcher stood in for it meanwhile
        if self._waits and not judges.is_ready and self._in_the_way() != self._told:
            self._offer()
        self._show_chip()
        if self._settings.model_folders != self.judges.folders:
            self._settings.model_folders = list(self.judges.folders)
            self._save()

    def _ask(self) -> None:
        """The present question, of the judge that is chosen now."""
        self._session.judge = self.judges.choice
        if self._session.query is not None:
            self._session.rank(self._session.query)

    def use_builtin(self) -> None:
        self.judges.choose("builtin")

    def _use_builtin_meanwhile(self) -> None:
        """Until the model is loaded; it stays chosen."""
        self._session.judge = JudgeChoice()
        if self._session.query is not None:
            self._session.rank(self._session.query)

    # --- a judge that is not there ---------------------------------------------------------------

    def takes(self, error: BaseException) -> bool:
        """Deal with a ranking that was refused, if it was for want of the judge."""
        judges = self.judges
        if not isinstance(error, JudgeError):
            return False
        if not isinstance(error, JudgeNotLoaded):
            # Something is wrong with the judge itself: its files are gone since it ranked last, or memory ran out.
            self._waits, self._told = True, self._in_the_way()
            self._tell_obstacle(error)
            return True
        judges.note_lost()
        if judges.was_loaded and not judges.is_chosen_loading and not self._loaded_again:
            self._loaded_again = True
            judges.load()
        self._offer()
        return True

    def _in_the_way(self) -> tuple[object, ...]:
        judges = self.judges
        return judges.is_chosen_loading, judges.is_chosen_fetched, judges.obstacle

    def _offer(self) -> None:
        judges, title = self.judges, judge_title(self.judges.choice.name)
        self._waits, self._told = True, self._in_the_way()
        if judges.is_chosen_loading or judges.is_chosen_fetched:
            text = self.tr("{title} is being loaded; ranking starts by itself when it is there.")
            if judges.is_chosen_fetched:
                text = self.tr("{title} is being downloaded; then it can be loaded.")
            meanwhile = (self.tr("Use the built-in matcher meanwhile"), self._use_builtin_meanwhile)
            self._notice.say("judge", text.format(title=title), meanwhile, warning=False)
        elif judges.obstacle is not None:
            self._tell_obstacle(judges.obstacle)
        else:
            error = JudgeNotLoaded(name=title)
            self._notice.say("judge", sentence(error), (self.tr("Load it"), self.judges.load), self._builtin_action())

    def _tell_obstacle(self, error: BaseException) -> None:
        """The chosen judge can't be had as things are."""
        if isinstance(error, ModelMissing):
            title = judge_title(self.judges.choice.name)
            text = self.tr("{title} is not on this machine. Download it, or rank with the built-in matcher.")
            other = (self.tr("Download …"), self.panel_wanted.emit)
            self._notice.say("judge", text.format(title=title), other, self._builtin_action())
        else:
            other = (self.tr("Other judges …"), self.panel_wanted.emit)
            self._notice.say("judge", sentence(error), other, self._builtin_action())

    def _builtin_action(self) -> Action:
        return self.tr("Use the built-in matcher"), self.use_builtin

    def _take_loaded(self, loaded: JudgeLoaded) -> None:
        if not self.judges.is_ready or self.judges.choice.is_builtin:
            return  # another has been chosen meanwhile
        self._notice.withdraw("judge")
        session = self._session
        session.judge = self.judges.choice
        if session.query is None:
            return
        if session.ranked_by == session.judge and self._loaded_again:
            session.ask_again()  # what was shown before it was lost is still there
        else:
            self._ask()

    def _tell_refused(self, name: str, error: BaseException) -> None:
        if name == self.judges.choice.name and not self.judges.is_ready:
            self._tell_obstacle(error)
        else:
            self._notice.say("judge", sentence(error))

    # --- a judge that takes long -----------------------------------------------------------------

    def _begin(self, _query: Query) -> None:
        if self._session.judge.is_builtin != self.judges.choice.is_builtin:
            return  # the built-in matcher meanwhile; the notice stays
        self._waits = False
        for key in ("judge", "long"):
            self._notice.withdraw(key)
        cost, listing = self.judges.cost(), self._session.listing
        if cost is not None and listing is not None and cost.pictures_per_second > 0 and listing.complete:
            files = len(listing.names)
            self._warn_of(files / cost.pictures_per_second, estimate_text(cost, files))

    def _weigh(self, progress: Progress) -> None:
        """What the ranking itself shows is closer than any estimate."""
        if self._session.ranked_by.is_builtin or progress.seconds_left is None:
            return
        if progress.seconds_left < LONG_SECONDS:
            self._notice.withdraw("long")
            return
        name = short_title(self._session.ranked_by.name)
        text = self.tr("{name}: {time} to go for this folder").format(
            name=name, time=duration_text(progress.seconds_left)
        )
        self._warn_of(progress.seconds_left, text)

    def _warn_of(self, seconds: float, text: str) -> None:
        """Say once what it will cost; ranking goes on meanwhile, best guesses first."""
        session = self._session
        choice, root = session.ranked_by, session.listing.root if session.listing else ""
        if choice.is_builtin or seconds < LONG_SECONDS or self._accepted == (choice, root):
            return
        self._accepted = choice, root
        go_on = (self.tr("Go on"), lambda: None)
        text = self.tr("{estimate}. What is scored is kept; it can be stopped at any time.").format(estimate=text)
        if choice.budget is Budget.FAST:
            self._notice.say("long", text, (self.tr("Stop"), session.stop), go_on, warning=False)
            return
        use_fast = self.tr("Use {budget}").format(budget=budget_name(Budget.FAST))
        self._notice.say("long", text, (use_fast, lambda: self.judges.set_budget(Budget.FAST)), go_on, warning=False)

    def _follow(self, phase: Phase) -> None:
        if phase is Phase.FINISHED and not self._session.ranked_by.is_builtin:
            self._loaded_again = False
        if phase is not Phase.RUNNING:
            self._notice.withdraw("long")
        self._show_chip()

    # --- the chip --------------------------------------------------------------------------------

    def _show_chip(self) -> None:
        judges = self.judges
        under_way = judges.loading or judges.fetching
        if under_way is None:
            self._chip.set_state(self._judge_text(), self._tip())
            return
        share = under_way.share
        percent = f" {share * 100:.0f} %" if share is not None else ""
        name = under_way.name
        if judges.loading is None:
            text = self.tr("{judge} · fetching {name} …").format(judge=self._judge_text(), name=short_title(name))
        elif self._session.judge.is_builtin:
            text = self.tr("{judge} · loading {name} …").format(judge=judge_title("builtin"), name=short_title(name))
        else:
            text = self.tr("Loading {title} …").format(title=judge_title(name))
        tip = f"{judge_title(name)}: {step_text(under_way.step)}"
        self._chip.set_state(text + percent, tip, busy=True, share=share)

    def _judge_text(self) -> str:
        judges = self.judges
        if judges.choice.is_builtin:
            return self.tr("Built-in matcher: looks and words, not meaning")
        if judges.is_ready and judges.resident is not None:
            return chosen_text(judges.choice, judges.resident.judge.precision)
        missing = isinstance(judges.obstacle, ModelMissing)
        text = self.tr("{title} is not on this machine") if missing else self.tr("{title} is not loaded")
        return text.format(title=judge_title(judges.choice.name))

    def _tip(self) -> str:
        judges = self.judges
        if judges.choice.is_builtin:
            return "\n".join(builtin_lines())
        if judges.is_ready and judges.resident is not None:
            return judges.resident.why or self.tr("Reads what pictures, clips and texts mean.")
        return self.tr("Press to load it, or to choose another judge.")


def _remembered(settings: Settings) -> JudgeChoice:
    """The judge as the settings say; what makes no sense there is as if it were not there."""
    known = [budget.value for budget in Budget]
    budget = Budget(settings.budget) if settings.budget in known else Budget.BALANCED
    return JudgeChoice(settings.judge or "builtin", settings.device, settings.precision, budget)
