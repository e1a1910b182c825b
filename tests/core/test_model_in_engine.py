"""A model as the engine's judge: loaded, asked, given back, killed, out of memory. With the tiny one of the kit."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from core import (
    Aspect,
    Budget,
    Cost,
    Engine,
    EngineProcess,
    EstimateCost,
    Event,
    Failed,
    Jobs,
    JudgeChoice,
    JudgeLoaded,
    Listing,
    ListModels,
    Loading,
    Models,
    Query,
    Qwen3VLReranker,
    Scored,
    Settings,
    Verifying,
    VerifyModel,
    save_settings,
)
from core.errors import DeviceMissing, EngineStopped, JudgeNotLoaded, MemoryTooSmall, ModelNotReranker, TextCut
from core.jobs import Notice

PARITY = Path(__file__).parents[1] / "data" / "parity"
MODEL = str(PARITY / "model")
TINY = JudgeChoice(MODEL, "cpu", "float32", Budget.FULL)


@pytest.fixture(params=["in this process", "in its own"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    kind = Engine if request.param == "in this process" else EngineProcess
    with kind(tmp_path / "home", workers=1) as engine:
        yield engine


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "home", workers=1) as engine:
        yield engine


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Pictures of the kit, a clip and a text."""
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("photo0.jpg", "photo1.jpg", "photo3.jpg", "alpha.png", "tall.mp4"):
        shutil.copy(PARITY / "media" / name, folder)
    (folder / "boat.txt").write_text("a boat in the rain")
    return folder


def draw(folder: Path, count: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / f"{index:03d}.png")
    return folder


def scores_of(events: Iterator[Event], listing: Listing) -> dict[str, float]:
    scores: dict[str, float] = {}
    for event in events:
        if isinstance(event, Failed):
            raise event.errors[0]
        if isinstance(event, Scored):
            scores.update((listing.names[row], score) for row, score in zip(event.rows, event.scores, strict=True))
    return scores


def load(engine: Jobs, judge: JudgeChoice = TINY) -> JudgeLoaded:
    *before, loaded = engine.load(judge)
    assert isinstance(loaded, JudgeLoaded)
    assert all(isinstance(event, Loading) for event in before)
    return loaded


def test_it_is_loaded_asked_and_given_back(engine: Jobs, media: Path) -> None:
    loaded = load(engine)
    assert (loaded.title, loaded.judge.device, loaded.judge.precision) == ("model", "cpu", "float32")
    assert "model in float32" in loaded.why
    assert 1e6 < loaded.memory < 4e6
    listing = engine.list_folder(media)
    query = Query("a dog on a beach", instruction="Find pictures in the same style.")
    found = scores_of(engine.rank(query, listing, judge=TINY), listing)
    with Qwen3VLReranker(MODEL, device="cpu", torch_dtype="float32") as model:
        documents = [
            {"text": (media / name).read_text()} if name.endswith("txt") else
            {"video" if name.endswith("mp4") else "image": str(media / name)}
            for name in listing.names
        ]  # fmt: skip
        request = {"instruction": query.instruction, "query": {"text": query.text}, "documents": documents}
        expected = model.process(request)
    assert [found[name] for name in listing.names] == pytest.approx(expected, abs=1e-5)
    assert scores_of(engine.rank(Query("red"), listing), listing).keys() == found.keys()  # the built-in one meanwhile
    engine.unload()
    # What it scored needs no model any more, anything else does.
    events = [event for event in engine.rank(query, listing, judge=TINY) if isinstance(event, Scored)]
    assert [event.known for event in events] == [True]
    with pytest.raises(JudgeNotLoaded, match="model"):
        list(engine.rank(Query("another question"), listing, judge=TINY))


def test_what_auto_means_is_looked_at_anew(own: Engine, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that it meant last time may be gone, or a better one here."""
    shutil.copytree(MODEL, folder := media.parent / "hub" / "Qwen3-VL-Reranker-2B")
    save_settings(Settings(model_folders=[str(folder.parent)]), own.home.settings)
    auto = JudgeChoice("auto", "cpu", "float32")
    assert load(own, auto).judge.name == "2B"
    listing = own.list_folder(media)
    list(own.rank(Query("a"), listing, judge=auto))
    own.unload()
    with pytest.raises(JudgeNotLoaded):
        list(own.rank(Query("a"), listing, judge=auto))


def test_a_file_that_came_after_the_model_had_gone_asks_for_it(own: Engine, media: Path) -> None:
    load(own)
    list(own.rank(Query("a"), own.list_folder(media), judge=TINY))
    own.unload()
    shutil.copy(PARITY / "media" / "photo2.jpg", media)
    listing = own.list_folder(media)
    scored: set[str] = set()
    with pytest.raises(JudgeNotLoaded):
        for event in own.rank(Query("a"), listing, judge=TINY):
            if isinstance(event, Scored):
                scored.update(listing.names[row] for row in event.rows)
    assert scored == set(listing.names) - {"photo2.jpg"}


def test_pictures_clips_and_mixtures_can_be_asked(own: Engine, media: Path) -> None:
    load(own)
    listing = own.list_folder(media)
    queries = [
        Query(images=(media / "photo1.jpg",)),
        Query(videos=(media / "tall.mp4",)),
        Query("at night", images=(media / "photo1.jpg",), minus="a boat"),
        Query(images=(media / "photo1.jpg",), aspect=Aspect.PALETTE),
    ]
    answers = [scores_of(own.rank(query, listing, judge=TINY), listing) for query in queries]
    assert all(len(answer) == len(listing) for answer in answers)
    assert len({round(answer["photo0.jpg"], 5) for answer in answers}) == len(queries)


def test_another_budget_needs_no_other_weights_and_has_scores_of_its_own(own: Engine, media: Path) -> None:
    load(own)
    with Image.open(media / "photo0.jpg") as photo:
        photo.resize((800, 640)).save(media / "large.png")
    listing = own.list_folder(media)
    fast = JudgeChoice(MODEL, "cpu", "float32", Budget.FAST)
    full, quick = (scores_of(own.rank(Query("a"), listing, judge=judge), listing) for judge in (TINY, fast))
    assert full["large.png"] != quick["large.png"]
    assert full["boat.txt"] == pytest.approx(quick["boat.txt"], abs=1e-5)  # of other batches
    events = [event for event in own.rank(Query("a"), listing, judge=TINY) if isinstance(event, Scored)]
    assert [event.known for event in events] == [True]


def test_what_was_cut_is_said(own: Engine, media: Path) -> None:
    (media / "long.txt").write_text(" ".join(map(str, range(20_000))))
    load(own)
    listing = own.list_folder(media)
    notices = [event.error for event in own.rank(Query("a"), listing, judge=TINY) if isinstance(event, Notice)]
    assert notices == [TextCut(count=1)]


def test_models_are_listed_estimated_and_verified(own: Engine) -> None:
    (told,) = own.run(ListModels(MODEL))
    assert isinstance(told, Models)
    assert [model.name for model in told.known if not model.finds] == ["2B", "8B", MODEL]
    assert told.devices[-1][0] == "cpu"
    assert told.known[-1].fits
    (cost,) = own.run(EstimateCost(JudgeChoice(MODEL, "cpu", "float32", Budget.FAST)))
    assert isinstance(cost, Cost)
    assert cost.pictures_per_second > 1
    assert not cost.measured
    *_, last = own.run(VerifyModel(MODEL))
    assert isinstance(last, Verifying)
    assert last.done == last.total


def test_what_can_not_be_loaded_is_a_known_error(own: Engine, media: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(ModelNotReranker, match="Llama"):
        list(own.load(JudgeChoice(str(other))))
    with pytest.raises(DeviceMissing):
        list(own.load(JudgeChoice(MODEL, "cuda:7")))
    listing = own.list_folder(media)
    assert scores_of(own.rank(Query("red"), listing), listing)


def test_loading_can_be_called_off(own: Engine) -> None:
    loading = own.load(TINY)
    assert isinstance(next(loading), Loading)
    loading.close()  # type: ignore[attr-defined]
    assert load(own).title == "model"  # waits for the other to have given back what it had


def test_unloaded_in_the_middle_a_ranking_ends_with_a_known_error(own: Engine, tmp_path: Path) -> None:
    load(own)
    listing = own.list_folder(draw(tmp_path / "many", 40))
    ranking = own.rank(Query("a"), listing, judge=TINY)
    for event in ranking:
        if isinstance(event, Scored):
            break
    unloading = threading.Thread(target=own.unload)
    unloading.start()
    unloading.join(20)
    assert not unloading.is_alive()
    with pytest.raises(JudgeNotLoaded):
        list(ranking)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows")
def test_killed_in_the_middle_nothing_that_was_seen_is_lost(tmp_path: Path) -> None:
    with EngineProcess(tmp_path / "home", workers=1) as engine:
        load(engine)
        listing = engine.list_folder(draw(tmp_path / "many", 60))
        seen: set[int] = set()
        with pytest.raises(EngineStopped):
            for event in engine.rank(Query("a"), listing, judge=TINY):
                if isinstance(event, Scored):
                    seen.update(event.rows.tolist())
                    os.kill(engine.process_id, signal.SIGKILL)
        assert 0 < len(seen) < len(listing)
        load(engine)
        events = [event for event in engine.rank(Query("a"), listing, judge=TINY) if isinstance(event, Scored)]
        known = {row for event in events if event.known for row in event.rows.tolist()}
        assert seen <= known
        assert {row for event in events for row in event.rows.tolist()} == set(range(len(listing)))


# --- out of memory -----------------------------------------------------------------------------------


class OutOfMemoryAt(TorchDispatchMode):
    """Raises what torch raises where an allocation fails, at the operation of that number, once."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def __torch_dispatch__(self, function, types, arguments=(), named=None):  # type: ignore[no-untyped-def]
        self.left -= 1
        if self.left == 0:
            raise torch.OutOfMemoryError("CUDA out of memory (a test)")
        return function(*arguments, **(named or {}))


def test_out_of_memory_while_loading_is_told_and_leaves_nothing(own: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.scorers import qwen_weights

    empty = torch.empty
    left = [20]

    def failing(*arguments: object, **named: object) -> torch.Tensor:
        left[0] -= 1
        if left[0] == 0:
            raise torch.OutOfMemoryError("CUDA out of memory (a test)")
        return empty(*arguments, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(qwen_weights.torch, "empty", failing)
    with pytest.raises(MemoryTooSmall):
        list(own.load(TINY))
    monkeypatch.undo()
    assert load(own).title == "model"


def test_out_of_memory_anywhere_in_a_ranking_loses_no_score(own: Engine, tmp_path: Path) -> None:
    load(own)
    listing = own.list_folder(draw(tmp_path / "few", 5))
    judge = own._judges.of(TINY)
    forward = judge.model.forward  # type: ignore[attr-defined]
    undisturbed = forward.logits
    counted = OutOfMemoryAt(0)

    def under(mode: OutOfMemoryAt):  # type: ignore[no-untyped-def]
        def logits(*arguments, **named):  # type: ignore[no-untyped-def]
            with mode:  # of this thread, which is the judge's
                yield from undisturbed(*arguments, **named)

        return logits

    forward.logits = under(counted)
    expected = scores_of(own.rank(Query("a 0", instruction="Attempt."), listing, judge=TINY), listing)
    operations = -counted.left
    assert operations > 500
    for index, number in enumerate(np.linspace(1, operations, 50).astype(int)):
        forward.give_back()
        forward.logits = under(OutOfMemoryAt(int(number)))
        query = Query("a 0", instruction=f"Attempt {index}.")
        found = scores_of(own.rank(query, listing, judge=TINY), listing)
        assert found.keys() == expected.keys()
    forward.logits = undisturbed
