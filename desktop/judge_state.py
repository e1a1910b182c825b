"""Which judge is chosen, which one is loaded, and what is under way with a model. No widgets.

Everything that the model panel, the judge's chip and the notices show of judges is read here; what a person does with
them is asked of the engine here. Nothing is loaded, listed or tried out unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from core import (
    Budget,
    Cost,
    Downloading,
    DownloadModel,
    EstimateCost,
    Event,
    JudgeChoice,
    JudgeLoaded,
    ListModels,
    Loading,
    LoadJudge,
    ModelInfo,
    Models,
    UnloadJudge,
    Verifying,
    VerifyModel,
)
from core.errors import ModelFolderWrong, ModelMissing
from desktop.engine_thread import EngineLink


@dataclass(frozen=True)
class Underway:
    """Something that takes its time with one model, and how far it is (None before the first word of it)."""

    name: str
    step: Loading | Downloading | Verifying | None = None

    @property
    def share(self) -> float | None:
        """0..1, or None while it can't be said."""
        if self.step is None or self.step.total <= 0:
            return None
        return min(self.step.done / self.step.total, 1.0)


class Judges(QObject):
    """The judges of this machine as the window knows them."""

    changed = Signal()
    """Anything below."""
    chosen = Signal(object)
    """JudgeChoice: another judge, or the same to be run in another way."""
    loaded = Signal(object)
    """JudgeLoaded."""
    load_refused = Signal(object, object)
    """Name and error: loading ended without a judge."""
    fetch_refused = Signal(object, object)
    """Name and error: a download, or the check of a model's files, found something wrong."""

    def __init__(
        self, link: EngineLink, choice: JudgeChoice, folders: Iterable[str] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._link = link
        self.choice = choice
        self.folders = list(folders)
        """Of the person's, each with a model in it or so they say."""
        self.models: dict[str, ModelInfo] = {}
        """By name, in the order to be shown; empty until `refresh` was answered."""
        self.devices: tuple[tuple[str, str, int], ...] = ()
        self.auto = ""
        self.is_listing = False
        self.listing_error: BaseException | None = None
        """Why the models could not be listed."""
        self.errors: dict[str, BaseException] = {}
        """By name: why the last thing that was tried with a model failed, until it is tried again."""
        self.absent: dict[str, BaseException] = {}
        """By name: why there is no model where one was chosen; what is listed holds only models."""
        self.resident: JudgeLoaded | None = None
        """The model in memory, chosen or not."""
        self._asked_weights: tuple[str, str, str] | None = None  # what was asked for to get `resident`, or to lose it
        self.loading: Underway | None = None
        self.fetching: Underway | None = None
        """A download; goes on whatever else is done."""
        self.checking: Underway | None = None
        self._costs: dict[JudgeChoice, Cost] = {}
        self._priced: set[JudgeChoice] = set()  # that need not be tried out again, whether or not it came to a figure
        self.estimating: JudgeChoice | None = None
        self._load_job = self._fetch_job = self._check_job = self._cost_job = 0
        self._list_jobs: list[int] = []

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
        return self.fetching is not None and self.fetching.name == self.choice.name

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
        model = self.models.get(self.choice.name)
        if model is None:
            return self.absent.get(self.choice.name)
        return model.problem or (None if model.folder else ModelMissing(name=model.title))

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
        if folder not in self.folders:
            self.folders.append(folder)
        self.choose(folder)
        self.refresh()

    def forget_folder(self, folder: str) -> None:
        """It is shown no longer, and takes no memory; nothing on the disk changes."""
        self.folders = [other for other in self.folders if other != folder]
        for of_models in (self.models, self.errors, self.absent):
            of_models.pop(folder, None)
        if self.choice.name == folder:
            self.choose("builtin")
        # Nothing on the screen could do it later.
        if self.loading is not None and self.loading.name == folder:
            self.stop_loading()
        elif self.resident is not None and self.resident.judge.name == folder:
            self.unload()
        self.changed.emit()

    # --- what is here ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask which models there are. What is shown stays until the answer comes."""
        for job in self._list_jobs:
            self._link.cancel(job)
        self.is_listing = True
        if self.is_ready:
            self._priced.discard(self.choice)  # by now it may have been measured
        if self.choice.name in self.absent:
            self._priced.discard(self.choice)  # by now it may be there
        found: dict[str, ModelInfo] = {}
        errors: list[BaseException] = []
        suggested = [""]
        left = list(self.folders or [""])

        def note(event: Event) -> None:
            if isinstance(event, Models):
                # With each folder the known ones are told again; one of them may lie in that folder.
                for model in event.known:
                    if model.name not in found or model.folder:
                        found[model.name] = model
                self.devices = event.devices
                suggested.append(event.auto or suggested[-1])

        def end(error: BaseException | None = None) -> None:
            left.pop()
            if error is not None:
                errors.append(error)
            if not left:
                self.is_listing = False
                self.listing_error = errors[0] if errors and not found else None
                if found:
                    self.models, self.auto = found, suggested[-1]
                    self.absent = {name: error for name, error in self.absent.items() if name not in found}
                self.changed.emit()

        # One after the other: the engine lists the known ones with each folder.
        self._list_jobs = [self._link.run(ListModels(folder), note, end, end) for folder in list(left)]
        self.changed.emit()

    # --- loading -----------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the chosen judge; one that is being loaded gives way."""
        self._link.cancel(self._load_job)
        choice = self.choice
        self.errors.pop(choice.name, None)
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
            self.errors[choice.name] = error
            self.changed.emit()
            self.load_refused.emit(choice.name, error)

        self._load_job = self._link.run(LoadJudge(choice), note, on_error=fail)
        self.changed.emit()

    def stop_loading(self) -> None:
        """What was loaded so far is given back."""
        self._link.cancel(self._load_job)
        self.loading = self._asked_weights = None
        self.changed.emit()

    def unload(self) -> None:
        """Give the memory back; the judge stays chosen."""
        self._link.run(UnloadJudge(), lambda _: None)
        self.resident = self._asked_weights = None
        self.changed.emit()

    def note_lost(self) -> None:
        """The engine says that the judge is not loaded: it was started again."""
        self.resident = None
        self.changed.emit()

    # --- files -------------------------------------------------------------------------------------

    def fetch(self, name: str) -> None:
        """Download a known model, going on where it stopped. The only thing here that opens a connection."""
        self._link.cancel(self._fetch_job)
        self.errors.pop(name, None)
        self.fetching = Underway(name)

        def note(event: Event) -> None:
            if isinstance(event, Downloading):
                self.fetching = Underway(name, event)
                self.changed.emit()

        def end(error: BaseException | None = None) -> None:
            self.fetching = None
            self._end_with_files(name, error)

        self._fetch_job = self._link.run(DownloadModel(name), note, end, end)
        self.changed.emit()

    def stop_fetching(self) -> None:
        """What has arrived is kept."""
        self._link.cancel(self._fetch_job)
        self.fetching = None
        self.refresh()

    def check(self, name: str) -> None:
        """Compare every file of a model with what it should be."""
        self._link.cancel(self._check_job)
        self.errors.pop(name, None)
        self.checking = Underway(name)

        def note(event: Event) -> None:
            if isinstance(event, Verifying):
                self.checking = Underway(name, event)
                self.changed.emit()

        def end(error: BaseException | None = None) -> None:
            self.checking = None
            self._end_with_files(name, error)

        self._check_job = self._link.run(VerifyModel(name), note, end, end)
        self.changed.emit()

    def stop_checking(self) -> None:
        self._link.cancel(self._check_job)
        self.checking = None
        self.changed.emit()

    def _end_with_files(self, name: str, error: BaseException | None) -> None:
        if error is not None:
            self.errors[name] = error
            self.fetch_refused.emit(name, error)
        self.refresh()

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
                self.absent.pop(choice.name, None)
                self.changed.emit()

        def fail(error: BaseException) -> None:
            if isinstance(error, ModelFolderWrong):
                self.absent[choice.name] = error
            self._estimated(choice)()

        self._cost_job = self._link.run(EstimateCost(choice), note, self._estimated(choice), fail)
        self.changed.emit()

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
