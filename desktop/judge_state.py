"""Which judge, or finder, is chosen, which one is loaded, and what it costs. No widgets.

Everything that the model panel, the judge's chip and the notices show of them is read here, and in the stock of
models; what a person does with them is asked of the engine here. Nothing is loaded or tried out unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from core import (
    Budget,
    Cost,
    EstimateCost,
    Event,
    JudgeChoice,
    JudgeLoaded,
    Loading,
    LoadJudge,
    UnloadJudge,
)
from core.errors import ModelFolderWrong, ModelMissing
from desktop.engine_thread import EngineLink
from desktop.judge_words import FINDERS, RERANKERS
from desktop.model_stock import ModelStock, Underway


class Judges(QObject):
    """One of the two places for a model: the judge's, or, with `finds`, the finder's."""

    changed = Signal()
    """Anything below, or of the stock."""
    chosen = Signal(object)
    """JudgeChoice: another judge, or the same to be run in another way."""
    loaded = Signal(object)
    """JudgeLoaded."""
    load_refused = Signal(object, object)
    """Name and error: loading ended without a judge."""

    def __init__(
        self,
        link: EngineLink,
        stock: ModelStock,
        choice: JudgeChoice,
        *,
        finds: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._link = link
        self.stock = stock
        self.choice = choice
        """The built-in matcher in the judge's place means that nothing is judged beyond what is found."""
        self.finds = finds
        self.resident: JudgeLoaded | None = None
        """The model in memory, chosen or not."""
        self._asked_weights: tuple[str, str, str] | None = None  # what was asked for to get `resident`, or to lose it
        self.loading: Underway | None = None
        self._costs: dict[JudgeChoice, Cost] = {}
        self._priced: set[JudgeChoice] = set()  # that need not be tried out again, whether or not it came to a figure
        self.estimating: JudgeChoice | None = None
        self._load_job = self._cost_job = 0
        stock.changed.connect(self.changed)
        stock.listing_began.connect(self._forget_price)
        stock.folder_forgotten.connect(self._forget_folder)

    # --- what can be asked of it -------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the chosen judge can judge now."""
        return self.choice.is_builtin or self._is_resident(self.choice)

    @property
    def is_chosen_loading(self) -> bool:
        return self.loading is not None and self.loading.name == self.choice.name

    @property
    def is_chosen_fetched(self) -> bool:
        """Whether it is being downloaded."""
        return self.stock.fetching is not None and self.stock.fetching.name == self.choice.name

    @property
    def was_loaded(self) -> bool:
        """Whether the chosen judge was loaded as it is chosen now, even if the engine has lost it since."""
        return self._asked_weights == self.choice.weights

    def _is_resident(self, choice: JudgeChoice) -> bool:
        if self.resident is None or self._asked_weights is None:
            return False
        # As the engine sees it: each as it was asked for, or as `auto` was filled in.
        pairs = zip(choice.weights, self._asked_weights, self.resident.judge.weights, strict=True)
        return all(wanted in (asked, filled) for wanted, asked, filled in pairs)

    @property
    def obstacle(self) -> BaseException | None:
        """Why the chosen judge can't be loaded, as far as that is known."""
        model = self.stock.models.get(self.choice.name)
        if model is None:
            return self.stock.absent.get(self.choice.name)
        return model.problem or (None if model.folder else ModelMissing(name=model.title))

    @property
    def is_missing(self) -> bool:
        """Whether the chosen judge is known not to be on this machine."""
        return isinstance(self.obstacle, ModelMissing)

    @property
    def suggested(self) -> str:
        """The name of the model that is best here; empty if there is none."""
        return self.stock.suggested[self.finds]

    @property
    def names(self) -> list[str]:
        """What there is to choose from, in the order to be shown."""
        models = self.stock.models
        # The person's folders in their order, with a model in them or not: nothing moves when that is known.
        folders = [folder for folder in self.stock.folders if folder in models or not self.finds]
        others = [name for name in (*folders, *models) if name not in models or models[name].finds is self.finds]
        return list(dict.fromkeys(["builtin", *(FINDERS if self.finds else RERANKERS), *others, self.choice.name]))

    def cost(self) -> Cost | None:
        """What judging as it is chosen now costs here, if that has been tried out."""
        return self._costs.get(self.choice)

    # --- choosing ----------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        self._choose(replace(self.choice, name=name))

    def set_budget(self, budget: Budget) -> None:
        self._choose(replace(self.choice, budget=budget))

    def set_device(self, device: str) -> None:
        self._choose(replace(self.choice, device=device))

    def set_precision(self, precision: str) -> None:
        self._choose(replace(self.choice, precision=precision))

    def _choose(self, choice: JudgeChoice) -> None:
        if choice != self.choice:
            self.choice = choice
            self.chosen.emit(choice)
            self.changed.emit()

    def add_folder(self, folder: str) -> None:
        """A folder of the person's with a model; it is chosen, and whatever is wrong with it said in its place."""
        self.choose(folder)
        self.stock.add_folder(folder)

    def _forget_folder(self, folder: str) -> None:
        if self.choice.name == folder:
            self.choose("builtin")
        # Nothing on the screen could do it later.
        if self.loading is not None and self.loading.name == folder:
            self.stop_loading()
        elif self.resident is not None and self.resident.judge.name == folder:
            self.unload()

    # --- loading -----------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the chosen judge; one that is being loaded gives way."""
        self._link.cancel(self._load_job)
        choice = self.choice
        self.stock.errors.pop(choice.name, None)
        self.resident = None  # the engine gives it back first
        self._asked_weights = choice.weights
        self.loading = Underway(choice.name)

        def note(event: Event) -> None:
            if isinstance(event, Loading):
                self.loading = Underway(choice.name, event)
                self.changed.emit()
            elif isinstance(event, JudgeLoaded):
                self.resident, self.loading = event, None
                self.changed.emit()
                self.loaded.emit(event)

        def fail(error: BaseException) -> None:
            self.loading = self._asked_weights = None
            self.stock.errors[choice.name] = error
            self.changed.emit()
            self.load_refused.emit(choice.name, error)

        self._load_job = self._link.run(LoadJudge(choice, self.finds), note, on_error=fail)
        self.changed.emit()

    def stop_loading(self) -> None:
        """What was loaded so far is given back."""
        self._link.cancel(self._load_job)
        self.loading = self._asked_weights = None
        self.changed.emit()

    def unload(self) -> None:
        """Give the memory back; the judge stays chosen."""
        self._link.run(UnloadJudge(self.finds), lambda _: None)
        self.resident = self._asked_weights = None
        self.changed.emit()

    def note_lost(self) -> None:
        """The engine says that the judge is not loaded: it was started again."""
        self.resident = None
        self.changed.emit()

    # --- cost --------------------------------------------------------------------------------------

    def estimate(self) -> None:
        """Try out what the chosen judge would cost, unless that is known, or being tried out."""
        choice = self.choice
        if choice.is_builtin or choice in self._priced or choice == self.estimating:
            return
        self._link.cancel(self._cost_job)
        self.estimating = choice

        def note(event: Event) -> None:
            if isinstance(event, Cost):
                self._costs[choice] = event
                self.stock.absent.pop(choice.name, None)
                self.changed.emit()

        def fail(error: BaseException) -> None:
            if isinstance(error, ModelFolderWrong):
                self.stock.absent[choice.name] = error
            self._estimated(choice)()

        self._cost_job = self._link.run(EstimateCost(choice), note, self._estimated(choice), fail)
        self.changed.emit()

    def _forget_price(self) -> None:
        if self.is_ready or self.choice.name in self.stock.absent:
            self._priced.discard(self.choice)  # by now it may have been measured, or may be there

    def stop_estimating(self) -> None:
        """It would slow down, or be slowed by, something that was asked for."""
        self._link.cancel(self._cost_job)
        self.estimating = None

    def _estimated(self, choice: JudgeChoice) -> Callable[[], None]:
        def end() -> None:
            self.estimating = None
            self._priced.add(choice)  # what stands against it, if so, is said when it is loaded
            self.changed.emit()

        return end
