"""Who answers the session's question: the chosen finder and judge, and what happens while one is not there.

It stands between session, judges and notices. Ranking never waits for a judge in silence: what stands in its way is
said, with the two things that can be done.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from core import Budget, JudgeChoice, Progress, Query, Settings
from core.errors import (
    FinderNotLoaded,
    JudgeError,
    JudgeNotLoaded,
    ModelMissing,
    PreparedInPart,
    PreparedOtherwise,
    TooFewPrepared,
)
from desktop.engine_thread import EngineLink
from desktop.judge_bar import JudgeChip
from desktop.judge_state import Judges
from desktop.judge_words import (
    budget_name,
    builtin_lines,
    bytes_text,
    chosen_text,
    duration_text,
    estimate_text,
    judge_title,
    short_title,
    step_text,
)
from desktop.messages import sentence
from desktop.model_stock import ModelStock
from desktop.notice_bar import Action, NoticeBar
from desktop.preparing import Preparer
from desktop.score_words import Scale
from desktop.session import Phase, Session

LONG_SECONDS = 600.0
"""A ranking that takes longer than this is not begun without a word."""
FINDER_MS = 1000
"""How long after the first folder is shown the chosen finder is loaded: what is on the screen comes first."""


class JudgeDesk(QObject):
    """Lets the chosen judge answer the session's question as soon as it can, and says what is in the way."""

    changed = Signal()
    """Anything that can be read here or in its parts."""
    asked = Signal()
    """The session's question was asked, or asked again."""
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
        self._is_shown = False  # whether anything of the present question's answer is on the screen
        self._stood_in = False  # whether the built-in matcher found in the finder's place in the present ranking
        self._accepted: tuple[JudgeChoice, str] | None = None  # a long job the person knows of: judge and folder
        self.stock = ModelStock(link, settings.model_folders, self)
        self.judges = Judges(link, self.stock, _remembered_judge(settings), parent=self)
        self.finders = Judges(link, self.stock, _remembered_finder(settings), finds=True, parent=self)
        self._asks_finder = self.judges.choice.is_builtin  # whether the finder alone answers
        self._take_places()
        session.judge_seconds = settings.judge_seconds or None
        for judges in (self.judges, self.finders):
            judges.changed.connect(self._follow_judges)
            judges.loaded.connect(lambda loaded, judges=judges: self._take_loaded(judges))
            judges.load_refused.connect(self._tell_refused)
        self.judges.chosen.connect(lambda _choice: self._take_choice())
        self.finders.chosen.connect(lambda _choice: self._take_finder())
        self.stock.fetch_refused.connect(self._tell_refused)
        self.preparer = Preparer(session, link, self.finders, settings, save)  # told of a choice after the session was
        self.preparer.done.connect(self._find_anew)
        self._finder_timer = QTimer(self, singleShot=True, interval=FINDER_MS)
        self._finder_timer.timeout.connect(self._load_finder)
        session.listing_finished.connect(self._load_finder_once)
        session.ranking_started.connect(self._begin)
        session.scored.connect(self._note_shown)
        session.progressed.connect(self._weigh)
        session.phase_changed.connect(self._follow)
        self._show_chip()

    # --- choosing --------------------------------------------------------------------------------

    @property
    def judge_seconds(self) -> float:
        """For how long the judge works at a ranking; 0: until all is judged."""
        return self._settings.judge_seconds

    def set_judge_seconds(self, seconds: float) -> None:
        """From the next ranking on."""
        self._settings.judge_seconds = seconds
        self._session.judge_seconds = seconds or None
        self._save()
        self.changed.emit()

    @property
    def _asked(self) -> Judges:
        """Who is to answer: the judge, or, where there is none, the finder."""
        return self.finders if self._asks_finder else self.judges

    @property
    def scale(self) -> Scale:
        """By whose measure the present question is answered."""
        if self._session.ranked_by.is_builtin:
            return Scale.LOOKS
        return Scale.NEARNESS if self._asks_finder else Scale.ANSWER

    def _take_places(self) -> None:
        """The next question goes to those that are chosen."""
        self._session.judge, self._session.finder = self._asked.choice, self.finders.choice

    def _take_finder(self) -> None:
        if self.judges.choice.is_builtin:
            self._take_choice()
            return
        self._remember()
        self._notice.withdraw("finder")
        self._asks_finder = False
        self._take_places()
        if self.judges.is_ready and self.finders.is_ready and self._session.phase is not Phase.NONE:
            self._ask_again()  # what is judged stays

    def _take_choice(self) -> None:
        self._remember()
        self._notice.withdraw("judge")
        self._waits = self._loaded_again = False
        self._asks_finder = self.judges.choice.is_builtin
        self._take_places()
        if self._asked.is_ready:
            self._ask()
        elif self._session.query is not None:
            # What another judge ranked stays to be looked at.
            self._offer()

    def _remember(self) -> None:
        settings, judge, finder = self._settings, self.judges.choice, self.finders.choice
        settings.judge, settings.device = judge.name, judge.device
        settings.precision, settings.budget = judge.precision, judge.budget.value
        settings.finder, settings.finder_device = finder.name, finder.device
        settings.finder_precision = finder.precision
        self._save()

    def _follow_judges(self) -> None:
        asked = self._asked
        if asked.loading is None and self.stock.fetching is None:
            self._take_places()  # the built-in matcher stood in meanwhile
        if self._waits and not asked.is_ready and self._in_the_way() != self._told:
            self._offer()
        self._show_chip()
        if self._settings.model_folders != self.stock.folders:
            self._settings.model_folders = list(self.stock.folders)
            self._save()
        self.changed.emit()

    def ask(self, query: Query) -> None:
        """Have those that are chosen answer it."""
        self._asks_finder = self.judges.choice.is_builtin
        self._take_places()
        self._session.rank(query)

    def ask_finder(self, query: Query) -> None:
        """Have the finder alone answer it, if it is a model: at once, from what it has learnt of the files."""
        if self.finders.choice.is_builtin:
            self.ask(query)
            return
        self._asks_finder = True
        self._take_places()
        self._session.rank(query)

    @property
    def can_judge_too(self) -> bool:
        """Whether the present question was asked of the finder alone, though a judge is there."""
        return self._asks_finder and not self.judges.choice.is_builtin and self._session.query is not None

    def judge_too(self) -> None:
        """Have the judge look at the best of what the finder alone has found; what is shown stays."""
        self._asks_finder = False
        self._take_places()
        self._ask_again()

    def _ask(self) -> None:
        """The present question, of those that are chosen now."""
        self._take_places()
        if self._session.query is not None:
            self._session.rank(self._session.query)

    def use_builtin(self) -> None:
        """In place of the one that can't answer: the finder alone, or the built-in matcher for the finder."""
        self._asked.choose("builtin")

    def _use_builtin_meanwhile(self) -> None:
        """Until the model is loaded; it stays chosen."""
        self._session.judge = JudgeChoice()
        if self._session.query is not None:
            self._session.rank(self._session.query)

    # --- a finder that comes by itself -----------------------------------------------------------

    def _load_finder_once(self) -> None:
        self._session.listing_finished.disconnect(self._load_finder_once)
        self._finder_timer.start()

    def _load_finder(self) -> None:
        """It was chosen before, and every folder is worth more with it; a judge is loaded only when asked for."""
        finders = self.finders
        if not finders.is_ready and finders.loading is None:
            finders.load()

    def tells(self, error: BaseException) -> bool:
        """Say what a ranking had to tell of its finder, if it was that."""
        finders = self.finders
        if isinstance(error, FinderNotLoaded):
            self._stood_in = True
            finders.note_lost()
            if finders.was_loaded and not finders.is_chosen_loading and not self._loaded_again:
                self._loaded_again = True
                finders.load()
            if not finders.is_chosen_loading and not self._finder_timer.isActive():
                self._notice.say("finder", sentence(error), (self.tr("Load it"), finders.load), warning=False)
            return True
        if isinstance(error, TooFewPrepared | PreparedInPart | PreparedOtherwise):
            self._stood_in |= isinstance(error, TooFewPrepared)
            self._show_chip()
            if not self._session.preparing:  # else that it is being prepared is said all the time
                prepare = [(self.tr("Prepare this folder"), self.preparer.start)] if self.preparer.can_start else []
                self._notice.say("finder", sentence(error), *prepare, warning=False)
            return True
        return False

    def _find_anew(self) -> None:
        """The finder can take the place of the built-in matcher, which had to find until now."""
        if self._stood_in:
            self._notice.withdraw("finder")
            self._ask_again()

    # --- a judge that is not there ---------------------------------------------------------------

    def takes(self, error: BaseException) -> bool:
        """Deal with a ranking that was refused, if it was for want of the judge."""
        asked = self._asked
        if not isinstance(error, JudgeError):
            return False
        if not isinstance(error, JudgeNotLoaded):
            # Something is wrong with the judge itself: its files are gone since it ranked last, or memory ran out.
            self._waits, self._told = True, self._in_the_way()
            self._tell_obstacle(error)
            return True
        asked.note_lost()
        if asked.was_loaded and not asked.is_chosen_loading and not self._loaded_again:
            self._loaded_again = True
            asked.load()
        self._offer()
        return True

    def _in_the_way(self) -> tuple[object, ...]:
        asked = self._asked
        return asked.is_chosen_loading, asked.is_chosen_fetched, asked.obstacle

    def _offer(self) -> None:
        asked, title = self._asked, judge_title(self._asked.choice.name)
        self._waits, self._told = True, self._in_the_way()
        if asked.is_chosen_loading or asked.is_chosen_fetched:
            text = self.tr("{title} is being loaded; ranking starts by itself when it is there.")
            if asked.is_chosen_fetched:
                text = self.tr("{title} is being downloaded; then it can be loaded.")
            meanwhile = (self.tr("Use the built-in matcher meanwhile"), self._use_builtin_meanwhile)
            self._notice.say("judge", text.format(title=title), meanwhile, warning=False)
        elif asked.obstacle is not None:
            self._tell_obstacle(asked.obstacle)
        else:
            text = sentence(JudgeNotLoaded(name=title))
            if self._has_finder_besides:
                finder = judge_title(self.finders.choice.name)
                text = self.tr("{title} is not loaded. Load it, or leave the order to {finder}.")
                text = text.format(title=title, finder=finder)
            self._notice.say("judge", text, (self.tr("Load it"), asked.load), self._builtin_action())

    def _tell_obstacle(self, error: BaseException) -> None:
        """The chosen judge can't be had as things are."""
        if isinstance(error, ModelMissing):
            title = judge_title(self._asked.choice.name)
            text = self.tr("{title} is not on this machine. Download it, or rank with the built-in matcher.")
            if self._has_finder_besides:
                text = self.tr("{title} is not on this machine. Download it, or leave the order to {finder}.")
            text = text.format(title=title, finder=judge_title(self.finders.choice.name))
            other = (self.tr("Download …"), self.panel_wanted.emit)
            self._notice.say("judge", text, other, self._builtin_action())
        else:
            other = (self.tr("Other judges …"), self.panel_wanted.emit)
            self._notice.say("judge", sentence(error), other, self._builtin_action())

    @property
    def _has_finder_besides(self) -> bool:
        """Whether a model finds, so that there is an order without the judge."""
        return not self._asks_finder and not self.finders.choice.is_builtin

    def _builtin_action(self) -> Action:
        if self._has_finder_besides:
            return self.tr("Use {name} alone").format(name=judge_title(self.finders.choice.name)), self.use_builtin
        return self.tr("Use the built-in matcher"), self.use_builtin

    def _take_loaded(self, judges: Judges) -> None:
        if not judges.is_ready or judges.choice.is_builtin:
            return  # another has been chosen meanwhile
        session = self._session
        if judges is not self._asked:
            if judges.finds:
                self._find_anew()
            return
        self._notice.withdraw("judge")
        self._take_places()
        if session.query is None:
            return
        if session.ranked_by == session.judge and self._is_shown:
            self._ask_again()  # what was shown before it was lost, or what was found without it, is still there
        else:
            self._ask()

    def _ask_again(self) -> None:
        """The present question, and keep what is shown."""
        if self._session.query is not None:
            self._session.ask_again()
            self._note_asked()

    def _note_shown(self, _rows: object, _scores: object, _judged: bool) -> None:
        self._is_shown = True

    def _tell_refused(self, name: str, error: BaseException) -> None:
        if name == self._asked.choice.name and not self._asked.is_ready:
            self._tell_obstacle(error)
        else:
            self._notice.say("judge", sentence(error), (self.tr("Other models …"), self.panel_wanted.emit))

    # --- a judge that takes long -----------------------------------------------------------------

    def _begin(self, _query: Query) -> None:
        self._is_shown = False
        self._note_asked()

    def _note_asked(self) -> None:
        """What was told of the question before holds no longer."""
        self._stood_in = False
        self._show_chip()
        self.asked.emit()
        if self._session.judge.is_builtin != self._asked.choice.is_builtin:
            return  # the built-in matcher meanwhile; the notice stays
        self._waits = False
        for key in ("judge", "long", "finder"):
            self._notice.withdraw(key)
        cost, listing = self._asked.cost(), self._session.listing
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
        if session.finder is not None and session.judge_seconds is not None:
            return  # it ends by itself
        choice, root = session.ranked_by, session.listing.root if session.listing else ""
        if choice.is_builtin or seconds < LONG_SECONDS or self._accepted == (choice, root):
            return
        self._accepted = choice, root
        go_on = (self.tr("Go on"), lambda: None)
        text = self.tr("{estimate}. What is scored is kept; it can be stopped at any time.").format(estimate=text)
        if self._asks_finder or choice.budget is Budget.FAST:
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
        under_way = self.judges.loading or self.finders.loading or self.stock.fetching
        if under_way is None:
            self._chip.set_state(self._judge_text(), self._tip())
            return
        share = under_way.share
        percent = f" {share * 100:.0f} %" if share is not None else ""
        name = under_way.name
        if under_way is self.stock.fetching:
            text = self.tr("{judge} · fetching {name} …").format(judge=self._judge_text(), name=short_title(name))
        elif self._session.judge.is_builtin or under_way is not self._asked.loading:
            judge = judge_title("builtin") if self._session.judge.is_builtin else self._judge_text()
            text = self.tr("{judge} · loading {name} …").format(judge=judge, name=short_title(name))
        else:
            text = self.tr("Loading {title} …").format(title=judge_title(name))
        tip = f"{judge_title(name)}: {step_text(under_way.step)}"
        self._chip.set_state(text + percent, tip, busy=True, share=share)

    def _judge_text(self) -> str:
        judges, finders = self.judges, self.finders
        if judges.choice.is_builtin and finders.choice.is_builtin:
            return self.tr("Built-in matcher: looks and words, not meaning")
        chosen = finders if judges.choice.is_builtin else judges
        if not chosen.is_ready:
            text = self.tr("{title} is not on this machine") if chosen.is_missing else self.tr("{title} is not loaded")
            text = text.format(title=judge_title(chosen.choice.name))
            if chosen is judges and not finders.choice.is_builtin and finders.is_ready:
                return self.tr("{finder} finds, {rest}").format(finder=self._finder_title(), rest=text)
            return text
        assert chosen.resident is not None
        if chosen is finders:
            return f"{judge_title(finders.choice.name)} · {chosen.resident.judge.precision}"
        if finders.choice.is_builtin:
            return chosen_text(judges.choice, chosen.resident.judge.precision)
        if not finders.is_ready:
            return self.tr("{judge} judges, {finder} is not loaded").format(
                judge=short_title(judges.choice.name), finder=short_title(finders.choice.name)
            )
        return self.tr("{finder} finds, {judge} judges").format(
            finder=self._finder_title(), judge=short_title(judges.choice.name)
        )

    def _finder_title(self) -> str:
        """Who finds for the question that stands."""
        return short_title("builtin" if self._stood_in else self.finders.choice.name)

    def _tip(self) -> str:
        lines = []
        for judges in (self.finders, self.judges):
            if judges.choice.is_builtin:
                continue
            if judges.is_ready and judges.resident is not None:
                loaded = judges.resident
                why = loaded.why or self.tr("Reads what pictures, clips and texts mean.")
                lines.append(f"{loaded.title}, {bytes_text(loaded.memory)}: {why}")
            else:
                title = judge_title(judges.choice.name)
                lines.append(self.tr("{title}: press to load it, or to choose another.").format(title=title))
        return "\n".join(lines or builtin_lines())


def _remembered_judge(settings: Settings) -> JudgeChoice:
    """The judge as the settings say; what makes no sense there is as if it were not there."""
    known = [budget.value for budget in Budget]
    budget = Budget(settings.budget) if settings.budget in known else Budget.BALANCED
    return JudgeChoice(settings.judge or "builtin", settings.device, settings.precision, budget)


def _remembered_finder(settings: Settings) -> JudgeChoice:
    return JudgeChoice(
        settings.finder or "builtin",
        settings.finder_device,
        settings.finder_precision,
        numbers=max(settings.vector_numbers, 1),
    )
