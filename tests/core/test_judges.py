"""Which judge and which finder an engine has loaded, what it knows of those that are not, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import (
    JudgeNotLoaded,
    ModelDamaged,
    ModelIncomplete,
    ModelMissing,
    ModelNotEmbedder,
    ScorerUnknown,
)
from core.jobs import Cost, JudgeLoaded, Models
from core.judges import Judges
from core.media import Decoded, Kind
from core.query import Query
from core.scorers import VECTOR_NUMBERS, Budget, Document, JudgeChoice, Scorer
from core.scorers.builtin import BuiltinMatcher
from core.scorers.embedding import Embedder
from core.scorers.qwen import QwenJudge
from tests.core import tower_kit
from tests.core.qwen_kit import one_thread

QWEN = Path(__file__).parents[1] / "data" / "parity" / "model"
BUILTIN = JudgeChoice()


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """What is so small only waits for other threads."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tower_kit.write(tmp_path_factory.mktemp("models") / "towers", "siglip").folder


@pytest.fixture
def embedder(tmp_path: Path) -> Path:
    """A Qwen3-VL that says that it is an embedder."""
    return Path(shutil.copytree(QWEN, tmp_path / "my-embedder"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Judges]]:
    """Judges over the same record, as an engine has them after each start."""
    made: list[Judges] = []

    def begin() -> Judges:
        made.append(Judges(tmp_path / "judges.json"))
        return made[-1]

    yield begin
    for judges in made:
        judges.close()


@pytest.fixture
def judges(make: Callable[[], Judges]) -> Judges:
    return make()


def at(folder: Path, **more: object) -> JudgeChoice:
    return JudgeChoice(str(folder), "cpu", "float32", Budget.FAST, **more)  # type: ignore[arg-type]


def load(judges: Judges, choice: JudgeChoice, *, finder: bool = False) -> JudgeLoaded:
    *_, loaded = judges.load(choice, finder=finder)
    assert isinstance(loaded, JudgeLoaded)
    return loaded


def embedder_of(scorer: Scorer[object]) -> Embedder:
    assert isinstance(scorer, Embedder)
    return scorer


def picture(scorer: Embedder, seed: int = 0) -> Document:
    side = (scorer.pixels.shape.height, scorer.pixels.shape.width) if scorer.pixels.shape else (64, 64)
    frames = np.random.default_rng(seed).integers(0, 256, (1, *side, 3), np.uint8)
    return Document(Decoded(bytes([seed]) * 16, Kind.IMAGE, frames))


# --- two at a time -----------------------------------------------------------------------------------


def test_a_reranker_and_an_embedder_are_loaded_side_by_side(judges: Judges, towers: Path) -> None:
    assert isinstance(judges.of(BUILTIN), BuiltinMatcher)
    assert judges.finder(BUILTIN) is judges.of(BUILTIN)
    judge, finder = load(judges, at(QWEN)), load(judges, at(towers), finder=True)
    assert (judge.finder, finder.finder) == (False, True)
    assert (finder.title, finder.judge.precision) == ("towers", "float32")
    assert finder.memory > 0
    assert isinstance(judges.of(at(QWEN)), QwenJudge)
    encoder = embedder_of(judges.finder(at(towers))).encoder
    assert encoder is not None
    judges.unload(finder=True)
    assert encoder.closed
    assert isinstance(judges.of(at(QWEN)), QwenJudge), "the other stays"
    judges.unload()
    with pytest.raises(JudgeNotLoaded):
        list(judges.of(at(QWEN)).ask(Query("a"), []).judge_slowly([], lambda: False))  # type: ignore[union-attr]


def test_another_embedder_takes_the_place_of_the_first_alone(judges: Judges, towers: Path, embedder: Path) -> None:
    load(judges, at(QWEN))
    load(judges, at(towers))
    first = embedder_of(judges.finder(at(towers))).encoder
    assert load(judges, at(embedder)).finder, "it says itself what it is"
    assert first is not None
    assert first.closed
    assert isinstance(judges.of(at(QWEN)), QwenJudge)


def test_an_embedder_may_judge_by_itself(judges: Judges, towers: Path) -> None:
    assert load(judges, at(towers)).finder
    assert judges.of(at(towers)) is judges.finder(at(towers))
    assert embedder_of(judges.of(at(towers))).encoder is not None


def test_what_does_not_say_what_it_is_is_loaded_as_what_it_is_asked_for(judges: Judges) -> None:
    assert load(judges, at(QWEN), finder=True).finder
    assert embedder_of(judges.finder(at(QWEN))).encoder is not None
    with pytest.raises(JudgeNotLoaded):
        judges.of(at(QWEN))
    assert not load(judges, at(QWEN)).finder
    assert isinstance(judges.of(at(QWEN)), QwenJudge)
    assert isinstance(judges.finder(at(QWEN)), Embedder)


def test_auto_of_a_judge_does_not_mean_the_embedder_that_auto_found(towers: Path, tmp_path: Path) -> None:
    judges = Judges(tmp_path / "judges.json", lambda: [str(towers)])
    automatic = JudgeChoice("auto", "cpu", "float32")
    assert load(judges, automatic, finder=True).judge.name == str(towers)
    assert isinstance(judges.finder(automatic), Embedder)
    with pytest.raises(JudgeNotLoaded):
        judges.of(automatic)
    with pytest.raises(ModelMissing, match="get 2B"):
        load(judges, automatic)
    judges.close()


# --- the vectors that are kept -----------------------------------------------------------------------


def test_numbers_are_shortened_only_where_the_model_means_it(judges: Judges, towers: Path, embedder: Path) -> None:
    load(judges, at(towers), finder=True)
    assert embedder_of(judges.finder(at(towers, numbers=8))).numbers == 32
    load(judges, at(embedder), finder=True)
    assert embedder_of(judges.finder(at(embedder))).numbers == 64 < VECTOR_NUMBERS
    short = embedder_of(judges.finder(at(embedder, numbers=16)))
    assert short.numbers == 16
    assert short.extractor != embedder_of(judges.finder(at(embedder))).extractor
    (verdicts,) = short.encode([picture(short)], lambda: False)
    assert len(verdicts.features[0].data) >= 16


@pytest.mark.parametrize("kind", ["towers", "embedder"])
def test_one_that_is_not_loaded_answers_from_what_is_kept(
    make: Callable[[], Judges], kind: str, towers: Path, embedder: Path
) -> None:
    choice = at({"towers": towers, "embedder": embedder}[kind])
    before = make()
    with pytest.raises(JudgeNotLoaded):
        before.finder(choice)
    load(before, choice, finder=True)
    loaded = embedder_of(before.finder(choice))
    documents = [picture(loaded, seed) for seed in range(3)]
    kept = {}
    for verdicts in loaded.encode(documents, lambda: False):
        kept.update(verdicts.features)
    before.close()
    absent = embedder_of(make().finder(choice))
    assert absent.encoder is None
    assert (absent.extractor, absent.numbers, absent.pixels) == (loaded.extractor, loaded.numbers, loaded.pixels)
    shelf = absent.shelf()
    shelf.add([kept[index].data for index in range(3)])
    like = Query(images=(Path("a.png"),))
    scores, _, _ = absent.ask(like, [Document(feature=kept[1])]).glance(shelf, np.arange(3))
    assert np.argmax(scores) == 1
    assert scores[1] == pytest.approx(1, abs=1e-3)
    with pytest.raises(JudgeNotLoaded):
        absent.ask(Query("a dog"), [])
    with pytest.raises(JudgeNotLoaded):
        list(absent.encode(documents, lambda: False))


def test_nothing_of_the_old_is_used_when_another_model_lies_in_its_place(
    make: Callable[[], Judges], tmp_path: Path
) -> None:
    folder = tower_kit.write(tmp_path / "mine", "siglip").folder
    judges = make()
    load(judges, at(folder), finder=True)
    old = embedder_of(judges.finder(at(folder)))
    tower_kit.write(folder, "siglip", seed=1)
    assert judges.finder(at(folder)) is old, "what is in memory is what it was"
    load(judges, at(folder), finder=True)
    new = embedder_of(judges.finder(at(folder)))
    assert new.extractor != old.extractor
    assert old.encoder is not None
    assert old.encoder.closed
    judges.close()
    tower_kit.write(folder, "siglip", seed=2)
    absent = embedder_of(make().finder(at(folder)))
    assert absent.extractor not in (old.extractor, new.extractor)


def test_one_whose_folder_has_gone_is_still_good_while_it_is_loaded(make: Callable[[], Judges], tmp_path: Path) -> None:
    folder = tower_kit.write(tmp_path / "mine", "clip").folder
    judges = make()
    load(judges, at(folder))
    shutil.rmtree(folder)
    assert load(judges, at(folder)).finder
    again = embedder_of(judges.of(at(folder, numbers=7)))
    assert again.encoder is not None
    assert again.pixels.shape is not None


# --- what is refused ---------------------------------------------------------------------------------


def test_a_reranker_given_as_a_finder_is_refused(judges: Judges, tmp_path: Path) -> None:
    reranker = Path(shutil.copytree(QWEN, tmp_path / "my-reranker"))
    for name in (str(reranker), "2B", "Qwen3-VL-Reranker-8B"):
        with pytest.raises(ModelNotEmbedder, match="a reranker"):
            judges.finder(JudgeChoice(name))
        with pytest.raises(ModelNotEmbedder, match="a reranker"):
            list(judges.load(JudgeChoice(name), finder=True))
    load(judges, at(reranker))
    with pytest.raises(ModelNotEmbedder):
        judges.finder(at(reranker))
    assert isinstance(judges.of(at(reranker)), QwenJudge)


def test_what_is_not_here_or_nothing_is_said_before_anything_is_given_up(
    judges: Judges, towers: Path, tmp_path: Path
) -> None:
    load(judges, at(towers), finder=True)
    cut = tower_kit.write(tmp_path / "cut", "clip").folder
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-9])
    blind = tower_kit.write(tmp_path / "blind", "clip").folder
    (blind / "preprocessor_config.json").write_text("{}")
    lacking = tower_kit.write(tmp_path / "lacking", "clip").folder
    (lacking / "tokenizer.json").unlink()
    for name, error in (
        ("Embedding-2B", ModelMissing),
        ("SigLIP3", ScorerUnknown),
        (str(cut), ModelDamaged),
        (str(blind), ModelNotEmbedder),
        (str(lacking), ModelIncomplete),
    ):
        with pytest.raises(error):
            list(judges.load(JudgeChoice(name), finder=True))
    assert embedder_of(judges.finder(at(towers))).encoder is not None


def test_a_load_that_is_cancelled_leaves_nothing(judges: Judges, towers: Path) -> None:
    loading = judges.load(at(towers), finder=True)
    for event in loading:
        if getattr(event, "stage", "") == "weights":
            break
    loading.close()  # type: ignore[attr-defined]
    with pytest.raises(JudgeNotLoaded):
        judges.finder(at(towers))
    load(judges, at(towers), finder=True)


# --- what there is, and what it costs ----------------------------------------------------------------


def test_finders_are_listed_with_the_one_to_take(judges: Judges, towers: Path) -> None:
    (told,) = judges.models(str(towers))
    assert isinstance(told, Models)
    assert [model.name for model in told.known if model.finds] == [
        "SigLIP2",
        "Embedding-2B",
        "Embedding-8B",
        str(towers),
    ]
    assert told.known[-1].fits
    assert (told.auto, told.auto_finder) == ("", str(towers))
    (told,) = judges.models()
    assert told.auto_finder in ("SigLIP2", "Embedding-2B", "")


def test_what_an_embedder_costs_is_told_before_it_is_fetched(judges: Judges, towers: Path) -> None:
    for choice in (at(towers), JudgeChoice("SigLIP2", "cpu", "float32")):
        (cost,) = judges.cost(choice)
        assert isinstance(cost, Cost)
        assert cost.pictures_per_second > 0
        assert not cost.measured


def test_what_an_embedder_costs_is_what_was_measured(judges: Judges, towers: Path) -> None:
    load(judges, at(towers), finder=True)
    finder = embedder_of(judges.finder(at(towers)))
    assert finder.encoder is not None
    finder.encoder.rates[finder.pixels] = 17.0
    (cost,) = judges.cost(at(towers))
    assert (cost.pictures_per_second, cost.measured) == (17.0, True)
