"""Which judges and finders an engine has: the built-in matcher always, and at most one reranker and one embedder.

What takes long here (loading, trying out the machine, fetching) is a generator that the engine runs in a thread of its
own.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from core import models
from core.checkpoints import EMBEDDER, TOWERS, Checkpoint
from core.errors import JudgeError, JudgeNotLoaded, LibrariesBroken, LibrariesMissing, ModelNotEmbedder
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
    qwen_pixels,
    tower_pixels,
)
from core.scorers.builtin import BuiltinMatcher
from core.scorers.embedding import Embedder, Encoder

if TYPE_CHECKING:
    from core.scorers.qwen import QwenModel

T = TypeVar("T")

PROGRESS_SECONDS = 0.1


@dataclass
class _Loaded:
    """A model in memory."""

    model: QwenModel | Encoder
    checkpoint: Checkpoint
    asked: JudgeChoice
    filled: JudgeChoice
    """As asked, with what `auto` came to filled in."""
    why: str
    towers_pixels: PixelPolicy | None
    """How a two-tower model wants its pictures, as its folder said when it was loaded."""
    views: dict[JudgeChoice, Scorer[Any]] = field(default_factory=dict)

    def answers(self, choice: JudgeChoice) -> bool:
        """Whether these weights are those of the choice, as it was asked for or as `auto` was filled in."""
        pairs = zip(choice.weights, self.asked.weights, self.filled.weights, strict=True)
        return all(wanted in (asked, filled) for wanted, asked, filled in pairs)


class Judges:
    """The judges and finders of one engine.

    `folders` tells the person's own folders of models; `record` is a file for what `auto` came to when models were
    loaded: what they scored or encoded then can be shown without loading them again.
    """

    def __init__(self, record: Path, folders: Callable[[], Sequence[str]] = tuple) -> None:
        self._record = record
        self._folders = folders
        self._builtin = BuiltinMatcher()
        self._slots: dict[bool, _Loaded | None] = {False: None, True: None}
        """By whether it is an embedder."""
        self._loading = threading.Lock()

    def of(self, choice: JudgeChoice) -> Scorer[Any]:
        """The judge that is meant, an embedder too; of a model that is not loaded but was, one that knows what is kept.

        Raises JudgeNotLoaded, or why the model can't be used.
        """
        if choice.is_builtin:
            return self._builtin
        finder = self._is_embedder(choice)
        return self._view(choice, finder=finder) or self._absent(choice, finder=finder)

    def nobody(self, choice: JudgeChoice) -> Scorer[Any]:
        """In the place of a reranker that was never loaded: it knows nothing, and asks to be loaded.

        Raises JudgeNotLoaded for an embedder.
        """
        if self._is_embedder(choice):
            raise JudgeNotLoaded(name=models.title_of(choice.name))
        return AbsentJudge(models.title_of(choice.name), "never loaded", choice.precision, _pixels(choice))

    def finder(self, choice: JudgeChoice) -> Scorer[Any]:
        """The finder that is meant; of an embedder that is not loaded but was, one that answers from what is kept.

        Raises ModelNotEmbedder for a reranker, JudgeNotLoaded, or why the model can't be used.
        """
        if choice.is_builtin:
            return self._builtin
        if view := self._view(choice, finder=True):
            return view
        if self._recorded(choice, finder=True) is None and choice.name != "auto":
            self._refuse_reranker(choice.name)
        return self._absent(choice, finder=True)

    def _is_embedder(self, choice: JudgeChoice) -> bool:
        """Whether a choice that does not say for what it is made means an embedder."""
        loaded = self._slots[True]
        if loaded and choice.name != "auto" and loaded.answers(choice):
            return loaded.checkpoint.role == EMBEDDER  # known even if its folder has gone
        return models.role_of(choice.name) == EMBEDDER

    def _refuse_reranker(self, name: str) -> None:
        try:
            models.find(name, self._folders(), embedder=True)
        except ModelNotEmbedder:
            raise
        except JudgeError:
            return  # said when it is to be loaded

    def _view(self, choice: JudgeChoice, *, finder: bool) -> Scorer[Any] | None:
        """The loaded model as it is to look at pictures; None where another is loaded."""
        loaded = self._slots[finder]
        if loaded is None or not loaded.answers(choice):
            return None
        if choice not in loaded.views:
            loaded.views[choice] = _seeing(loaded, choice, finder=finder)
        return loaded.views[choice]

    def _absent(self, choice: JudgeChoice, *, finder: bool) -> Scorer[Any]:
        recorded = self._recorded(choice, finder=finder)
        if recorded is None:
            raise JudgeNotLoaded(name=models.title_of(choice.name))
        name, precision = recorded
        checkpoint = models.find(name, self._folders(), embedder=finder)
        if finder:
            return _embedder(checkpoint, precision, _pixels_of(checkpoint) or _pixels(choice), choice.numbers)
        return AbsentJudge(checkpoint.title, checkpoint.digest, precision, _pixels(choice))

    def _recorded(self, choice: JudgeChoice, *, finder: bool) -> tuple[str, str] | None:
        """Which model in which precision a choice came to when it was loaded."""
        # Which model `auto` means may have changed since.
        return None if choice.name == "auto" else _read_record(self._record).get(_asked(choice, finder=finder))

    # --- loading ---------------------------------------------------------------------------------

    def load(self, choice: JudgeChoice, *, finder: bool = False) -> Iterator[Loading | JudgeLoaded]:
        """Load the weights of a choice; closed before its end, it gives back what it has.

        With `finder` they must be an embedder's; else a folder that doesn't say what it holds counts as a reranker.
        Raises JudgeError.
        """
        if choice.is_builtin:
            return
        with self._loading:  # one that is being cancelled must have given its memory back
            is_embedder = finder or self._is_embedder(choice)
            yield from self._load(choice, finder=is_embedder, asked_to_find=finder)

    def _load(self, choice: JudgeChoice, *, finder: bool, asked_to_find: bool) -> Iterator[Loading | JudgeLoaded]:
        loaded = self._slots[finder]
        if loaded is None or not loaded.answers(choice) or self._is_replaced(loaded, finder=finder):
            found = models.candidates(choice.name, self._folders(), embedder=finder)
            if choice.name != "auto":  # what is wrong with it is said before anything is given up or loaded
                _pixels_of(models.find(choice.name, self._folders(), embedder=finder))
            self.unload(finder=finder)
            yield Loading("libraries", 0, 0)
            machine = _machine()
            yield Loading("checking", 0, 0)
            filled, why = machine.choose(_named(choice, found), found)
            checkpoint = models.find(filled.name, self._folders(), embedder=finder)
            pixels = _pixels_of(checkpoint)
            model = yield from _sparsely(_weights(checkpoint, filled, finder=finder))
            try:
                yield Loading("warming", model.memory, model.memory)
                model.warm_up()
            except BaseException:
                model.close()
                raise
            loaded = self._slots[finder] = _Loaded(model, checkpoint, choice, filled, why, pixels)
            _write_record(self._record, _asked(choice, finder=finder), (filled.name, filled.precision))
        filled, why = loaded.filled, loaded.why
        if finder and isinstance(view := self._view(choice, finder=True), Embedder):
            filled = replace(filled, numbers=view.numbers)
        if finder and not asked_to_find:
            why += " It is an embedder: it puts everything in order by itself, and judges nothing more closely."
        yield JudgeLoaded(filled, loaded.model.title, why, loaded.model.memory, finder)

    def _is_replaced(self, loaded: _Loaded, *, finder: bool) -> bool:
        """Whether another model lies in its place since it was loaded; one that has gone is still good."""
        try:
            return models.find(loaded.filled.name, self._folders(), embedder=finder).digest != loaded.checkpoint.digest
        except JudgeError:
            return False

    def download(self, name: str) -> Iterator[Downloading]:
        """Fetch a known model. Raises JudgeError."""
        return models.download(name, self._folders())

    def verify(self, name: str) -> Iterator[Verifying]:
        """Check every file of a model. Raises JudgeError."""
        return models.verify(name, self._folders())

    def unload(self, *, finder: bool = False) -> None:
        """Give back the memory of the reranker, or of the embedder, if one is loaded.

        A ranking that uses it ends with JudgeNotLoaded.
        """
        loaded, self._slots[finder] = self._slots[finder], None
        if loaded is not None:
            loaded.model.close()

    def unloaded(self, *, finder: bool = False) -> Iterator[None]:
        """`unload` as a generator of nothing."""
        self.unload(finder=finder)
        yield from ()

    def close(self) -> None:
        """Unload all."""
        for finder in self._slots:
            self.unload(finder=finder)

    # --- what there is, and what it costs --------------------------------------------------------

    def models(self, folder: str = "") -> Iterator[Models]:
        """Every model there is, and how each would run here. Raises LibrariesMissing."""
        machine = _machine()
        found = models.known_models([*self._folders(), *filter(None, [folder])])
        # A model takes the place of the one of its kind, beside the one of the other.
        here = {finder: self._without(finder=finder) for finder in self._slots}
        known = []
        for model in found:
            fits, advice = machine.advice(model, here[model.finds])
            known.append(
                ModelInfo(
                    name=model.name,
                    finds=model.finds,
                    title=model.title,
                    folder=str(model.folder or ""),
                    size=model.size,
                    arrived=model.arrived,
                    problem=model.problem,
                    fits=fits,
                    advice=advice,
                )
            )
        auto, auto_finder = machine.best(found, here[False]), machine.best_finder(found, here[True])
        yield Models(tuple(known), auto, machine.devices(here[False]), auto_finder)

    def cost(self, choice: JudgeChoice) -> Iterator[Cost]:
        """What a picture costs: measured if the model is loaded and has worked, else tried out. Raises JudgeError."""
        finder = self._is_embedder(choice)
        loaded, view = self._slots[finder], self._view(choice, finder=finder)
        if loaded and view and (rate := loaded.model.rates.get(view.pixels)):
            yield Cost(replace(loaded.filled, budget=choice.budget), rate, measured=True)
            return
        machine = _machine()
        found = models.candidates(choice.name, self._folders())
        here = self._without(finder=finder)
        filled, _ = machine.choose(_named(choice, found), found, here, planned=True)
        meant = next(model for model in found if model.name == filled.name)
        yield Cost(filled, machine.estimate(machine.shape_of(meant), filled), measured=False)

    def _without(self, *, finder: bool) -> Any:
        """This machine (`core.machine.Machine`) as it is once the loaded model of this kind has made room."""
        going, staying = self._slots[finder], self._slots[not finder]
        held = going.model.memory if going and going.filled.device == "cpu" else 0
        kept = {staying.filled.device: staying.model.memory} if staying else {}
        return _machine().look(held, kept)


def _seeing(loaded: _Loaded, choice: JudgeChoice, *, finder: bool) -> Scorer[Any]:
    pixels = loaded.towers_pixels or _pixels(choice)
    if finder:
        encoder = cast("Encoder", loaded.model)
        return _embedder(loaded.checkpoint, encoder.precision, pixels, choice.numbers, encoder)
    from core.scorers.qwen import QwenJudge

    return QwenJudge(cast("QwenModel", loaded.model), pixels)


def _embedder(
    checkpoint: Checkpoint, precision: str, pixels: PixelPolicy, numbers: int, encoder: Encoder | None = None
) -> Embedder:
    """An embedder that keeps at most so many numbers of a vector, where its model offers shorter ones."""
    towers = checkpoint.family in TOWERS
    dimensions = encoder.dimensions if encoder else checkpoint.dimensions
    return Embedder(
        title=checkpoint.title,
        digest=checkpoint.digest,
        precision=precision,
        pixels=pixels,
        seen_as=tower_pixels.identity(pixels) if towers else qwen_pixels.identity(pixels),
        version=tower_pixels.VERSION if towers else qwen_pixels.EMBEDDING_VERSION,
        numbers=dimensions if towers else min(numbers, dimensions),
        encoder=encoder,
    )


def _pixels_of(checkpoint: Checkpoint) -> PixelPolicy | None:
    """How a two-tower model wants its pictures; None of others. Raises JudgeError where that can't be had."""
    return tower_pixels.policy(checkpoint.folder) if checkpoint.family in TOWERS else None


class AbsentJudge(KeepsNoFeatures):
    """A model that is not loaded: what it scored when it was is known, anything else asks for it."""

    appetite = 1
    reads_pixels_alone = True

    def __init__(self, title: str, digest: str, precision: str, pixels: PixelPolicy) -> None:
        self.title = title
        self.pixels = pixels
        self.identity = qwen_pixels.judge_identity(digest, precision, pixels)

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


def _asked(choice: JudgeChoice, *, finder: bool) -> str:
    """The name of a choice in the record. Apart by kind: a folder that doesn't say what it holds may be either."""
    return " ".join((*(["finder"] if finder else []), *choice.weights))


def _named(choice: JudgeChoice, found: Sequence[models.Found]) -> JudgeChoice:
    """The choice by the name under which its model was found."""
    return choice if choice.name == "auto" else replace(choice, name=found[0].name)


def _pixels(choice: JudgeChoice) -> PixelPolicy:
    return qwen_pixels.policy(choice.budget, max_pixels=choice.max_pixels, fps=choice.fps)


@contextlib.contextmanager
def _libraries() -> Iterator[None]:
    """Around an import of a module that needs torch. Raises LibrariesMissing, LibrariesBroken."""
    import core.scorers.threads  # noqa: F401

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "core":
            raise
        raise LibrariesMissing(detail=str(error.name or error)) from error
    except (ImportError, OSError) as error:  # a shared library that is missing, or for which there is no memory
        raise LibrariesBroken(detail=str(error).splitlines()[0]) from error


def _machine() -> Any:
    """`core.machine`. Raises LibrariesMissing, LibrariesBroken."""
    with _libraries():
        from core import machine
    return machine


def _weights(
    checkpoint: Checkpoint, filled: JudgeChoice, *, finder: bool
) -> Generator[tuple[int, int], None, QwenModel | Encoder]:
    """Loads a model: yields (bytes in place, bytes in all) and returns it."""
    loading: Generator[tuple[int, int], None, QwenModel | Encoder]
    with _libraries():
        if not finder:
            from core.scorers.qwen import QwenModel

            loading = QwenModel.load(checkpoint, filled)
        elif checkpoint.family in TOWERS:
            from core.scorers.towers import TowerEncoder

            loading = TowerEncoder.load(checkpoint, filled)
        else:
            from core.scorers.qwen_embedding import QwenEncoder

            loading = QwenEncoder.load(checkpoint, filled)
    return loading


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
