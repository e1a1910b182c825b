"""Which models lie on this machine or could, and what is under way with their files. No widgets.

Nothing is listed, fetched or checked unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from core import Downloading, DownloadModel, Event, ListModels, Loading, ModelInfo, Models, Verifying, VerifyModel
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


class ModelStock(QObject):
    """The models of this machine as the window knows them."""

    changed = Signal()
    """Anything below."""
    listing_began = Signal()
    folder_forgotten = Signal(object)
    """A folder (str) that is no longer to be used."""
    fetch_refused = Signal(object, object)
    """Name and error: a download, or the check of a model's files, found something wrong."""

    def __init__(self, link: EngineLink, folders: Iterable[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.folders = list(folders)
        """Of the person's, each with a model in it or so they say."""
        self.models: dict[str, ModelInfo] = {}
        """By name, in the order to be shown; empty until `refresh` was answered."""
        self.devices: tuple[tuple[str, str, int], ...] = ()
        self.suggested: tuple[str, str] = "", ""
        """The names of the judge and of the finder that are best for this machine; empty where there is none."""
        self.is_listing = False
        self.listing_error: BaseException | None = None
        """Why the models could not be listed."""
        self.errors: dict[str, BaseException] = {}
        """By name: why the last thing that was tried with a model failed, until it is tried again."""
        self.absent: dict[str, BaseException] = {}
        """By name: why there is no model where one was chosen; what is listed holds only models."""
        self.fetching: Underway | None = None
        """A download; goes on whatever else is done."""
        self.checking: Underway | None = None
        self._fetch_job = self._check_job = 0
        self._list_jobs: list[int] = []

    # --- what is here ------------------------------------------------------------------------------

    def add_folder(self, folder: str) -> None:
        """A folder of the person's with a model."""
        if folder not in self.folders:
            self.folders.append(folder)
        self.refresh()

    def forget_folder(self, folder: str) -> None:
        """It is shown no longer, and takes no memory; nothing on the disk changes."""
        self.folders = [other for other in self.folders if other != folder]
        for of_models in (self.models, self.errors, self.absent):
            of_models.pop(folder, None)
        self.folder_forgotten.emit(folder)
        self.changed.emit()

    def refresh(self) -> None:
        """Ask which models there are. What is shown stays until the answer comes."""
        for job in self._list_jobs:
            self._link.cancel(job)
        self.is_listing = True
        self.listing_began.emit()
        found: dict[str, ModelInfo] = {}
        errors: list[BaseException] = []
        suggested = [("", "")]
        left = list(self.folders or [""])

        def note(event: Event) -> None:
            if isinstance(event, Models):
                # With each folder the known ones are told again; one of them may lie in that folder.
                for model in event.known:
                    if model.name not in found or model.folder:
                        found[model.name] = model
                self.devices = event.devices
                suggested.append((event.auto or suggested[-1][0], event.auto_finder or suggested[-1][1]))

        def end(error: BaseException | None = None) -> None:
            left.pop()
            if error is not None:
                errors.append(error)
            if not left:
                self.is_listing = False
                self.listing_error = errors[0] if errors and not found else None
                if found:
                    self.models, self.suggested = found, suggested[-1]
                    self.absent = {name: error for name, error in self.absent.items() if name not in found}
                self.changed.emit()

        # One after the other: the engine lists the known ones with each folder.
        self._list_jobs = [self._link.run(ListModels(folder), note, end, end) for folder in list(left)]
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
