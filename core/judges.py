"""Which judges an engine has: the built-in matcher always, and at most one model, loaded when asked.

What takes long here (loading, trying out the machine, fetching) is a generator that the engine runs in a thread of its
own.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core import models
from core.errors import JudgeNotLoaded, LibrariesBroken, LibrariesMissing
from core.jobs import Cost, Downloading, JudgeLoaded, Loading, ModelInfo, Models, Verifying
from core.media import PixelPolicy
from core.query import Query
from core.scorers import (
    Document,
    JudgeChoice,
    KeepsNoFeatures,
    OnlyScores,
    Scorer,
    Verdicts,
)
from core.scorers.builtin import BuiltinMatcher
from core.scorers.qwen_pixels import judge_identity, policy

if TYPE_CHECKING:
    from core.scorers.qwen import QwenModel

T = TypeVar("T")

PROGRESS_SECONDS = 0.1


class Judges:
    """The judges of one engine.

    `folders` tells the person's own folders of models; `record` is a file for what `auto` came to when models were
    loaded: what they scored then can be shown without loading them again.
    """

    def __init__(self, record: Path, folders: Callable[[], Sequence[str]] = tuple) -> None:
        self._record = record
        self._folders = folders
        self._builtin = BuiltinMatcher()
        self._model: QwenModel | None = None
        self._asked = self._filled = JudgeChoice()
        self._why = ""
        self._loading = threading.Lock()
        self._views: dict[JudgeChoice, Scorer[Any]] = {}

    def of(self, choice: JudgeChoice) -> Scorer[Any]:
        """The judge that is meant; of a model that is not loaded but was, one that knows what is kept.

        Raises JudgeNotLoaded, or why the model can't be used.
        """
        if choice.is_builtin:
            return self._builtin
        model = self._model
        if model is None or not self._is_loaded(choice):
            return self._absent(choice)
        if choice not in self._views:
            from core.scorers.qwen import QwenJudge

            self._views[choice] = QwenJudge(model, _pixels(choice))
        return self._views[choice]

    def _absent(self, choice: JudgeChoice) -> AbsentJudge:
        # Which model `auto` means may have changed since.
        recorded = None if choice.name == "auto" else _read_record(self._record).get(" ".join(choice.weights))
        if recorded is None:
            raise JudgeNotLoaded(name=models.title_of(choice.name))
        name, precision = recorded
        checkpoint = models.find(name, self._folders())
        return AbsentJudge(checkpoint.title, checkpoint.digest, precision, _pixels(choice))

    def _is_loaded(self, choice: JudgeChoice) -> bool:
        """Whether the loaded weights are those of the choice, as it was asked for or as `auto` was filled in."""
        pairs = zip(choice.weights, self._asked.weights, self._filled.weights, strict=True)
        return all(wanted in (asked, filled) for wanted, asked, filled in pairs)

    # --- loading ---------------------------------------------------------------------------------

    def load(self, choice: JudgeChoice) -> Iterator[Loading | JudgeLoaded]:
        """Load the weights of a choice; closed before its end, it gives back what it has. Raises JudgeError."""
        if choice.is_builtin:
            return
        with self._loading:  # one that is being cancelled must have given its memory back
            yield from self._load(choice)

    def _load(self, choice: JudgeChoice) -> Iterator[Loading | JudgeLoaded]:
        if self._model is None or not self._is_loaded(choice):
            found = models.candidates(choice.name, self._folders())
            if choice.name != "auto":  # what is wrong with it is said before anything is given up or loaded
                models.find(choice.name, self._folders())
            self.unload()
            yield Loading("libraries", 0, 0)
            machine, qwen = _libraries()
            yield Loading("checking", 0, 0)
            filled, why = machine.choose(_named(choice, found), found)
            loading = qwen.QwenModel.load(models.find(filled.name, self._folders()), filled)
            model = yield from _sparsely(loading)
            try:
                yield Loading("warming", model.memory, model.memory)
                model.warm_up()
            except BaseException:
                model.close()
                raise
            self._model, self._asked, self._filled, self._why = model, choice, filled, why
            _write_record(self._record, " ".join(choice.weights), (filled.name, filled.precision))
        yield JudgeLoaded(self._filled, self._model.title, self._why, self._model.memory)

    def download(self, name: str) -> Iterator[Downloading]:
        """Fetch a known model. Raises JudgeError."""
        return models.download(name, self._folders())

    def verify(self, name: str) -> Iterator[Verifying]:
        """Check every file of a model. Raises JudgeError."""
        return models.verify(name, self._folders())

    def unload(self) -> None:
        """Give back the memory of the model, if one is loaded. A ranking that uses it ends with JudgeNotLoaded."""
        model, self._model = self._model, None
        self._views.clear()
        if model is not None:
            model.close()

    def unloaded(self) -> Iterator[None]:
        """`unload` as a generator of nothing."""
        self.unload()
        yield from ()

    # --- what there is, and what it costs --------------------------------------------------------

    def models(self, folder: str = "") -> Iterator[Models]:
        """Every model there is, and how each would run here. Raises LibrariesMissing."""
        machine, _ = _libraries()
        found = models.known_models([*self._folders(), *filter(None, [folder])])
        here = machine.look(held=self._held)
        known = []
        for model in found:
            fits, advice = machine.advice(model, here)
            folder = str(model.folder or "")
            known.append(
                ModelInfo(
                    model.name, model.title, folder, model.size, model.arrived, model.problem, fits=fits, advice=advice
                )
            )
        yield Models(tuple(known), machine.best(found, here), machine.devices(here))

    def cost(self, choice: JudgeChoice) -> Iterator[Cost]:
        """What a picture costs: measured if the model is loaded and has worked, else tried out. Raises JudgeError."""
        model = self._model
        if model is not None and self._is_loaded(choice) and (rate := model.rates.get(_pixels(choice))):
            yield Cost(replace(self._filled, budget=choice.budget), rate, measured=True)
            return
        machine, _ = _libraries()
        found = models.candidates(choice.name, self._folders())
        filled, _ = machine.choose(_named(choice, found), found, machine.look(held=self._held), planned=True)
        meant = next(model for model in found if model.name == filled.name)
        yield Cost(filled, machine.estimate(machine.shape_of(meant), filled), measured=False)

    @property
    def _held(self) -> int:
        """Bytes of main memory that the loaded model would give back."""
        return self._model.memory if self._model is not None and self._filled.device == "cpu" else 0


class AbsentJudge(KeepsNoFeatures):
    """A model that is not loaded: what it scored when it was is known, anything else asks for it."""

    appetite = 1
    reads_pixels_alone = True

    def __init__(self, title: str, digest: str, precision: str, pixels: PixelPolicy) -> None:
        self.title = title
        self.pixels = pixels
        self.identity = judge_identity(digest, precision, pixels)

    def remembers(self, fingerprint: bytes) -> bool:
        return False

    def ask(self, query: Query, references: Sequence[Document]) -> AbsentQuestion:
        return AbsentQuestion(self.title)


class AbsentQuestion(OnlyScores):
    def __init__(self, title: str) -> None:
        self._title = title

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        raise JudgeNotLoaded(name=self._title)


def _read_record(path: Path) -> dict[str, tuple[str, str]]:
    """By what was asked for (name, device, precision): which model in which precision it came to."""
    try:
        return {asked: (name, precision) for asked, (name, precision) in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_record(path: Path, asked: str, came_to: tuple[str, str]) -> None:
    with contextlib.suppress(OSError):  # it only spares a loading
        path.write_text(json.dumps({**_read_record(path), asked: came_to}), "utf-8")


def _named(choice: JudgeChoice, found: Sequence[models.Found]) -> JudgeChoice:
    """The choice by the name under which its model was found."""
    return choice if choice.name == "auto" else replace(choice, name=found[0].name)


def _pixels(choice: JudgeChoice) -> PixelPolicy:
    return policy(choice.budget, max_pixels=choice.max_pixels, fps=choice.fps)


def _libraries() -> tuple[Any, Any]:
    """The modules that need torch. Raises LibrariesMissing, LibrariesBroken."""
    import core.scorers.threads  # noqa: F401

    try:
        from core import machine
        from core.scorers import qwen
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "core":
            raise
        raise LibrariesMissing(detail=str(error.name or error)) from error
    except (ImportError, OSError) as error:  # a shared library that is missing, or for which there is no memory
        raise LibrariesBroken(detail=str(error).splitlines()[0]) from error
    return machine, qwen


def _sparsely(loading: Generator[tuple[int, int], None, T]) -> Generator[Loading, None, T]:
    """How far loading is, at most ten times a second; returns what was loaded."""
    told = 0.0
    while True:
        try:
            done, total = next(loading)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if done >= total or time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            yield Loading("weights", done, total)
