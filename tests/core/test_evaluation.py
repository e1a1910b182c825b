"""`semblance eval`: its measures against scikit-learn's, what a dataset may be, what is asked and what is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import (  # type: ignore[import-untyped]
    label_ranking_average_precision_score,
    ndcg_score,
    recall_score,
    top_k_accuracy_score,
)

from core import evaluation, models
from core.cli import main
from core.errors import (
    DatasetEmpty,
    DatasetFileMissing,
    DatasetUnfit,
    DatasetUnreadable,
    EvaluationError,
    FileEmpty,
    FolderMissing,
    NothingToGoOn,
    TextCut,
)
from core.evaluation import (
    Answered,
    Begun,
    Contender,
    Dataset,
    EvaluationEvent,
    LeftOut,
    Measured,
    Measures,
    Order,
    Part,
    Relevance,
    Topic,
    best_first,
    contenders,
    ndcg,
    read_dataset,
    recall,
    reciprocal_rank,
)
from core.jobs import (
    BUILTIN,
    ClearStorage,
    Event,
    Failed,
    Jobs,
    JudgeLoaded,
    LoadJudge,
    Notice,
    Preparation,
    Prepare,
    Rank,
    Request,
    Scan,
    ScanStarted,
    Scored,
)
from core.media import Listing, scan
from core.query import DEFAULT_INSTRUCTION, Query
from core.scorers import JudgeChoice

# --- the measures ------------------------------------------------------------------------------------


@st.composite
def judged_files(draw: st.DrawFn, least: int = 2, relevant: int | None = None) -> tuple[Relevance, Order]:
    """How relevant each of some files is, at least one of them, and an order of all of them."""
    count = draw(st.integers(least, 30))
    order = np.array(draw(st.permutations(range(count))), np.int64)
    if relevant is not None:
        relevance = np.zeros(count)
        relevance[draw(st.lists(st.integers(0, count - 1), min_size=relevant, max_size=relevant, unique=True))] = 1
        return relevance, order
    gains = arrays.arrays(np.float64, count, elements=st.sampled_from([0, 0, 0, 0.25, 0.5, 1, 3]))
    return draw(gains.filter(np.any)), order


def as_scores(order: Order) -> NDArray[np.float64]:
    """Scores that put the files in this order."""
    scores = np.empty(len(order))
    scores[order] = np.arange(len(order), 0, -1)
    return scores


@given(judged_files(), st.integers(1, 40))
def test_ndcg_is_scikit_learns(judged: tuple[Relevance, Order], first: int) -> None:
    relevance, order = judged
    assert ndcg(relevance, order, first) == pytest.approx(ndcg_score([relevance], [as_scores(order)], k=first))


@given(judged_files(), st.integers(1, 40))
def test_recall_is_scikit_learns_of_what_is_among_the_first(judged: tuple[Relevance, Order], first: int) -> None:
    relevance, order = judged
    among_first = np.isin(np.arange(len(order)), order[:first])
    assert recall(relevance, order, first) == pytest.approx(recall_score(relevance > 0, among_first))


@given(judged_files(least=3, relevant=1), st.integers(1, 40))
def test_of_one_relevant_file_recall_is_accuracy_and_the_reciprocal_rank_average_precision(
    judged: tuple[Relevance, Order], first: int
) -> None:
    relevance, order = judged
    scores, first = as_scores(order)[None], min(first, len(order) - 1)  # scikit-learn warns of a k that takes all
    accuracy = top_k_accuracy_score([relevance.argmax()], scores, k=first, labels=np.arange(len(order)))
    assert recall(relevance, order, first) == accuracy
    precision = label_ranking_average_precision_score(relevance[None] > 0, scores)
    assert reciprocal_rank(relevance, order) == pytest.approx(precision)


@given(judged_files(), st.randoms())
def test_measures_don_t_depend_on_how_files_are_numbered_and_are_fractions(
    judged: tuple[Relevance, Order], random: Any
) -> None:
    relevance, order = judged
    renumbered = np.array(random.sample(range(len(order)), len(order)))
    moved = np.empty_like(relevance)
    moved[renumbered] = relevance
    measures = Measures.of(relevance, order)
    assert measures == pytest.approx(Measures.of(moved, renumbered[order]))
    assert all(0 <= value <= 1 + 1e-12 for value in measures)
    assert measures.recall_at_1 <= measures.recall_at_5 <= measures.recall_at_10


@given(judged_files())
def test_the_best_order_has_an_ndcg_of_one_and_a_better_place_is_never_worth_less(
    judged: tuple[Relevance, Order],
) -> None:
    relevance, order = judged
    assert ndcg(relevance, best_first(relevance.astype(np.float32))) == pytest.approx(1)
    for place in range(len(order) - 1):
        if relevance[order[place]] < relevance[order[place + 1]]:
            better = order.copy()
            better[[place, place + 1]] = order[[place + 1, place]]
            assert ndcg(relevance, better) >= ndcg(relevance, order) - 1e-12
            assert reciprocal_rank(relevance, better) >= reciprocal_rank(relevance, order)
            return


def test_a_relevant_file_that_takes_no_part_is_not_found() -> None:
    relevance, order = np.array([1.0, 1.0, 0.0]), np.array([2, 1])
    assert recall(relevance, order, 10) == 0.5
    assert reciprocal_rank(np.array([1.0, 0.0, 0.0]), order) == 0


@given(arrays.arrays(np.float32, st.integers(0, 60), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan])))
def test_equal_scores_are_in_the_order_of_the_listing_and_none_is_last(scores: NDArray[np.float32]) -> None:
    expected = sorted(range(len(scores)), key=lambda file: (np.isnan(scores[file]), -np.nan_to_num(scores[file]), file))
    assert best_first(scores).tolist() == expected


# --- the dataset -------------------------------------------------------------------------------------


def write(place: Path, content: object) -> Path:
    path = place / "dataset.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_the_plain_shape(tmp_path: Path) -> None:
    read = read_dataset(
        write(
            tmp_path,
            {
                "folder": "pictures",
                "queries": [
                    {"text": "a red car", "minus": "rain", "relevant": ["b.jpg", "./sub/e\u0301.mp4", "b.jpg"]},
                    {"image": "a.jpg", "video": ["c.mp4", "d.mp4"], "relevant": {"b.jpg": 1, "c.mp4": 0.5, "d.mp4": 0}},
                    {"text": "loud", "instruction": "Find what is loud.", "relevant": {"b.jpg": 3}},
                ],
            },
        )
    )
    folder = tmp_path / "pictures"
    assert read.folder == str(folder)
    car, like, loud = read.topics
    assert car == Topic(Query("a red car", minus="rain"), {"b.jpg": 1.0, "sub/\u00e9.mp4": 1.0})
    assert car.query.instruction == DEFAULT_INSTRUCTION
    clips = (folder / "c.mp4", folder / "d.mp4")
    assert like == Topic(Query(images=(folder / "a.jpg",), videos=clips), {"b.jpg": 1.0, "c.mp4": 0.5})
    assert loud == Topic(Query("loud", instruction="Find what is loud."), {"b.jpg": 3.0})


def test_files_are_beside_the_dataset_unless_it_or_the_caller_says_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, {"queries": [{"text": "a", "relevant": ["b.jpg"]}]})
    assert read_dataset(path).folder == str(tmp_path)
    assert read_dataset(path, tmp_path / "other").folder == str(tmp_path / "other")


COCO = {
    "info": {"year": 2017},
    "images": [{"id": 7, "file_name": "a.jpg", "height": 480}, {"id": 9, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "A red car."},
        {"id": 2, "image_id": 9, "caption": "A dog."},
        {"id": 3, "image_id": 7, "caption": "A car in the rain."},
    ],
}


def test_each_caption_of_the_coco_shape_is_a_query_for_its_picture(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, COCO)).topics == (
        Topic(Query("A red car."), {"a.jpg": 1.0}),
        Topic(Query("A dog."), {"b.jpg": 1.0}),
        Topic(Query("A car in the rain."), {"a.jpg": 1.0}),
    )


def test_a_sample_is_even_repeatable_and_in_order() -> None:
    whole = Dataset("d.json", "d", tuple(Topic(Query(str(number)), {"a.jpg": 1.0}) for number in range(1000)))
    chosen = [int(topic.query.text) for topic in whole.sample(200).topics]
    assert chosen == [int(topic.query.text) for topic in whole.sample(200).topics]
    assert chosen == sorted(set(chosen))
    tenths = np.bincount(np.array(chosen) // 100, minlength=10)
    assert tenths.min() >= 8  # 20 in the mean; below 8 once in a thousand samples
    assert whole.sample(1000) == whole.sample(5000) == whole


QUERY = {"text": "a", "relevant": ["a.jpg"]}


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ("no json", DatasetUnreadable, "Expecting value"),
        ("[" * 100_000, DatasetUnreadable, "recursion"),
        ([QUERY], DatasetUnfit, "no object"),
        ({"pictures": []}, DatasetUnfit, "neither queries nor annotations"),
        ({"queries": QUERY}, DatasetUnfit, "queries is no list"),
        ({"queries": [QUERY, "b"]}, DatasetUnfit, "number 2 of queries"),
        ({"queries": [QUERY], "folder": 3}, DatasetUnfit, "folder is no text"),
        ({"queries": [QUERY, {"relevant": ["a.jpg"]}]}, DatasetUnfit, "query 2 has no text, image or video"),
        ({"queries": [{"text": 3, "relevant": ["a.jpg"]}]}, DatasetUnfit, "query 1: text is no text"),
        ({"queries": [{"image": [3], "relevant": ["a.jpg"]}]}, DatasetUnfit, "query 1: image is no path"),
        ({"queries": [{"text": "a"}]}, DatasetUnfit, "query 1: relevant is neither"),
        ({"queries": [{"text": "a", "relevant": [3]}]}, DatasetUnfit, "no path"),
        ({"queries": [{"text": "a", "relevant": {"a.jpg": 0}}]}, DatasetUnfit, "no relevant file"),
        ({"queries": [{"text": "a", "relevant": {"a.jpg": -1}}]}, DatasetUnfit, "a number from 0"),
        ({"queries": [{"text": "a", "relevant": {"a.jpg": True}}]}, DatasetUnfit, "a number from 0"),
        ('{"queries": [{"text": "a", "relevant": {"a.jpg": NaN}}]}', DatasetUnfit, "a number from 0"),
        ({**COCO, "images": []}, DatasetUnfit, "number 1 of annotations"),
        ({**COCO, "images": [{"id": 7}]}, DatasetUnfit, "number 1 of images"),
        ({**COCO, "images": [{"id": [7], "file_name": "a.jpg"}]}, DatasetUnfit, "number 1 of images"),
        ({**COCO, "annotations": [{"image_id": 7, "caption": " "}]}, DatasetUnfit, "no caption"),
        ({"queries": []}, DatasetEmpty, "no query"),
        ({**COCO, "annotations": []}, DatasetEmpty, "no query"),
    ],
)
def test_what_is_no_dataset_is_said_in_a_sentence(
    tmp_path: Path, content: object, kind: type[EvaluationError], words: str
) -> None:
    with pytest.raises(kind, match=words) as raised:
        read_dataset(write(tmp_path, content))
    assert raised.value.data["path"] == str(tmp_path / "dataset.json")


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnreadable, match="No such file"):
        read_dataset(tmp_path / "none.json")


# --- who is compared ---------------------------------------------------------------------------------

JUDGE, FINDER = JudgeChoice("2B"), JudgeChoice("SigLIP2")


def test_the_options_make_the_runs() -> None:
    long, short = JudgeChoice("SigLIP2", numbers=1024), JudgeChoice("SigLIP2", numbers=64)
    assert contenders() == [Contender(Part.JUDGE, BUILTIN)]
    assert contenders(judge=JUDGE) == [Contender(Part.JUDGE, JUDGE)]
    assert contenders(finder=FINDER, numbers=[1024, 64, 1024]) == [
        Contender(Part.FINDER, long),
        Contender(Part.FINDER, short),
    ]
    assert contenders(finder=FINDER, judge=JUDGE, judge_seconds=5, numbers=[64, 1024]) == [
        Contender(Part.FINDER, short),
        Contender(Part.FINDER, long),
        Contender(Part.BOTH, JUDGE, short, 5),
        Contender(Part.JUDGE, JudgeChoice("2B", numbers=64)),
    ]
    # The built-in matcher has no vectors, and as a judge needs nothing found first.
    assert contenders(finder=BUILTIN, numbers=[64, 1024]) == [Contender(Part.FINDER, BUILTIN)]
    assert contenders(finder=FINDER, judge=BUILTIN) == [
        Contender(Part.FINDER, FINDER),
        Contender(Part.JUDGE, BUILTIN),
    ]


# --- asking ------------------------------------------------------------------------------------------


class FakeEngine(Jobs):
    """Lists the real folder; says of each query's text what it was told to; remembers what was asked."""

    def __init__(self, answers: dict[str, list[Event]], embedders: Sequence[str] = ("SigLIP2",)) -> None:
        self.answers = answers
        self.embedders = embedders
        self.asked: list[Request] = []
        self.homes: list[str] = []
        self.closed = 0

    def __call__(self, home: str) -> FakeEngine:
        self.homes.append(home)
        return self

    def run(self, request: Request) -> Iterator[Event]:
        self.asked.append(request)
        match request:
            case Scan():
                yield ScanStarted(request.folder, True, "token")
                yield from scan(request.folder)
            case LoadJudge():
                embeds = request.judge.name in self.embedders
                yield JudgeLoaded(request.judge, f"The {request.judge.name}", "It fits.", 1, embeds)
            case Prepare():
                yield Preparation(3, 4, 1)
            case Rank():
                yield from self.answers[request.query.text]

    def look_at(self, listing: Listing, rows: Sequence[int]) -> None:
        raise AssertionError("there is no screen")

    def close(self) -> None:
        self.closed += 1

    def of(self, kind: type[Request]) -> list[Any]:
        return [request for request in self.asked if isinstance(request, kind)]


def scored(scores: dict[int, float], judged: bool = True) -> Scored:
    return Scored(np.array([*scores], np.int32), np.array([*scores.values()], np.float32), False, judged)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files; rows 0 to 3 by name."""
    place = tmp_path / "media"
    place.mkdir()
    for name in ("a.jpg", "b.jpg", "c.mp4", "d.jpg"):
        (place / name).write_bytes(b"not opened")
    return place


def topics(folder: Path, *entries: tuple[Query, dict[str, float]]) -> Dataset:
    return Dataset(str(folder.parent / "dataset.json"), str(folder), tuple(Topic(*entry) for entry in entries))


def measured(events: Iterator[EvaluationEvent]) -> list[Measured]:
    return [event for event in events if isinstance(event, Measured)]


def test_the_last_score_of_a_row_counts_and_what_has_none_is_last(folder: Path) -> None:
    engine = FakeEngine(
        {
            "car": [
                scored({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.1}, judged=False),
                scored({2: 0.95}),
                Failed([0], [FileEmpty()]),
            ],
            "dog": [scored({0: 0.5, 1: 0.5})],
        }
    )
    asked = topics(folder, (Query("car"), {"c.mp4": 1.0, "a.jpg": 1.0}), (Query("dog"), {"b.jpg": 1.0}))
    (run,) = measured(evaluation.evaluate(asked, [Contender(Part.BOTH, JUDGE, FINDER, 5)], open_engine=engine))
    # car: c b d a; dog: a b c d
    assert run.means.recall_at_1 == (0.5 + 0) / 2
    assert run.means.recall_at_5 == 1
    assert run.means.reciprocal_rank == (1 + 1 / 2) / 2
    assert (run.files, run.unscored, run.judged) == (4, 2, round((1 + 2) / 2))
    assert (run.judge, run.finder) == ("The 2B", "The SigLIP2")
    (first, _) = engine.of(Rank)
    assert (first.judge, first.finder, first.judge_seconds) == (JUDGE, FINDER, 5)
    assert [(request.judge, request.finder) for request in engine.of(LoadJudge)] == [(JUDGE, False), (FINDER, True)]


def test_each_run_has_an_engine_of_its_own_without_anothers_scores_in_a_home_that_is_gone(folder: Path) -> None:
    engine = FakeEngine({"car": [scored({0: 1})]})
    asked = topics(folder, (Query("car"), {"a.jpg": 1.0}))
    runs = contenders(judge=JUDGE, finder=FINDER)
    events = list(evaluation.evaluate(asked, runs, open_engine=engine))
    assert [event.contender.part for event in events if isinstance(event, Begun)] == ["finder", "both", "judge"]
    assert len(set(engine.homes)) == 1
    assert not Path(engine.homes[0]).exists()
    assert engine.closed == len(engine.homes) == 3
    assert engine.of(ClearStorage) == [ClearStorage(("scores",))] * 3
    # The reranker learns nothing; the finder's first time is told where it is used again.
    assert [request.finder for request in engine.of(Prepare)] == [FINDER, FINDER]
    finding, both, judging = measured(iter(events))
    assert finding.seconds_prepare == both.seconds_prepare > judging.seconds_prepare == 0
    assert [run.numbers for run in (finding, both, judging)] == [1024, 1024, 0]
    assert [event for event in events if isinstance(event, Answered)] == [Answered(1, 1, 0)] * 3


def test_an_embedder_as_the_judge_learns_the_files_and_needs_no_finder(folder: Path) -> None:
    engine = FakeEngine({"car": [scored({0: 1})]}, embedders=("SigLIP2", "Embedding-2B"))
    judge = JudgeChoice("Embedding-2B")
    runs = contenders(judge=judge, finder=FINDER)
    events = list(evaluation.evaluate(topics(folder, (Query("car"), {"a.jpg": 1.0})), runs, open_engine=engine))
    assert [run.judge for run in measured(iter(events))] == ["The SigLIP2", "The Embedding-2B"]
    assert [event.title for event in events if isinstance(event, LeftOut)] == ["The Embedding-2B"]
    assert [request.finder for request in engine.of(Prepare)] == [FINDER, judge]


def test_a_picture_that_the_query_shows_takes_no_part_unless_it_is_relevant(folder: Path) -> None:
    shown = Query("like this", images=(folder / "a.jpg",))
    engine = FakeEngine({"like this": [scored({0: 1.0, 1: 0.9, 2: 0.8, 3: 0.7})]})
    asked = topics(folder, (shown, {"b.jpg": 1.0}))
    (run,) = measured(evaluation.evaluate(asked, contenders(), open_engine=engine))
    assert run.means.recall_at_1 == 1
    asked = topics(folder, (shown, {"a.jpg": 1.0, "d.jpg": 1.0}))
    (run,) = measured(evaluation.evaluate(asked, contenders(), open_engine=engine))
    assert run.means.recall_at_1 == 0.5


def test_what_is_remarked_of_one_query_is_not_passed_on(folder: Path) -> None:
    remarks: list[Event] = [Notice(NothingToGoOn(words="car")), Notice(TextCut(count=1)), scored({0: 1})]
    events = evaluation.evaluate(
        topics(folder, (Query("car"), {"a.jpg": 1.0})), contenders(), open_engine=FakeEngine({"car": remarks})
    )
    assert [event for event in events if isinstance(event, Notice)] == [Notice(TextCut(count=1))]


@pytest.mark.parametrize("query", [Query("a"), Query(images=(Path("none.jpg"),))])
def test_a_file_that_is_not_there_is_told_before_anything_is_loaded(folder: Path, query: Query) -> None:
    engine = FakeEngine({})
    relevant = {"a.jpg": 1.0} if query.images else {"none.jpg": 1.0}
    with pytest.raises(DatasetFileMissing, match=r"none\.jpg"):
        list(evaluation.evaluate(topics(folder, (query, relevant)), contenders(judge=JUDGE), open_engine=engine))
    assert not engine.of(LoadJudge)


# --- the command, with the engine itself -------------------------------------------------------------


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """A folder of pictures of one colour each, one of them on the second page of its file, and a dataset about it."""
    place = tmp_path / "pictures"
    place.mkdir()
    for name, colour in {"1.png": "#d01010", "2.png": "#10c020", "4.png": "#e02020"}.items():
        Image.new("RGB", (64, 48), colour).save(place / name)
    grey, blue = (Image.new("RGB", (64, 48), colour) for colour in ("#808080", "#1020d0"))
    grey.save(place / "3.tif", save_all=True, append_images=[blue])
    (place / "notes.txt").write_text("of another matter")
    return write(
        tmp_path,
        {
            "folder": "pictures",
            "queries": [
                {"text": "green", "relevant": ["2.png"]},
                {"text": "blue", "relevant": ["3.tif"]},
                {"image": "1.png", "relevant": {"4.png": 1}},
            ],
        },
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    monkeypatch.setenv("SEMBLANCE_HOME", str(place))
    return place


def test_the_builtin_matcher_is_measured_and_the_persons_home_left_alone(
    coloured: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(coloured), "--format", "json"]) == 0
    out, err = capfd.readouterr()
    report = json.loads(out)
    (run,) = report.pop("runs")
    assert report == {"dataset": str(coloured), "queries": 3, "files": 5}
    assert (run["run"], run["name"], run["finder"], run["numbers"]) == ("judge", "builtin", None, None)
    assert [run[name] for name in ("recall@1", "recall@5", "recall@10", "ndcg@10", "mrr")] == [1, 1, 1, 1, 1]
    assert run["seconds_prepare"] > 0
    assert run["seconds_query"] > 0
    assert "1 of 1. Judging: builtin, 3 queries" in err
    assert not home.exists()


def test_the_table(coloured: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(coloured), "--finder", "Builtin", "--limit-queries", "2"]) == 0
    heads, line = capfd.readouterr().out.splitlines()
    assert heads.split() == [
        *("run", "name", "recall@1", "recall@5", "recall@10", "ndcg@10", "mrr", "numbers", "prepare", "query")
    ]
    assert line.split()[:8] == ["finder", "builtin", *["1.000"] * 5, "-"]


def test_a_folder_that_is_not_there(coloured: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gone = str(coloured.parent / "gone")
    assert main(["eval", str(coloured), "--folder", gone]) == 1
    assert capfd.readouterr().err == f"semblance: {FolderMissing(path=gone)}\n"


@pytest.mark.parametrize("typed", ["", "a", "1024,0", "64,", "-3"])
def test_vector_numbers_that_are_none(typed: str, coloured: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(coloured), "--vector-numbers", typed]) == 2
    assert "give whole numbers" in capfd.readouterr().err


def test_a_judge_that_is_not_there_is_said_before_the_finder_is_measured(
    coloured: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    for scorer, words in {"nobody": "called nobody", "2B": "2B is not on", "auto": "2B is not on"}.items():
        assert main(["eval", str(coloured), "--finder", "builtin", "--scorer", scorer]) == 1
        out, err = capfd.readouterr()
        assert not out
        assert words in err
        assert "1 of 3" not in err
    assert main(["eval", str(coloured), "--finder", "2B"]) == 1
    assert "is not an embedder" in capfd.readouterr().err


def test_what_was_measured_before_a_problem_is_printed(
    coloured: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> Iterator[EvaluationEvent]:
        yield Measured(Contender(Part.FINDER, BUILTIN), "Builtin", "", 5, Measures(1, 1, 1, 1, 1), 0, 3, 1, 0, 0)
        raise FolderMissing(path="gone")

    monkeypatch.setattr(evaluation, "evaluate", failing)
    assert main(["eval", str(coloured), "--finder", "builtin"]) == 1
    out, err = capfd.readouterr()
    assert out.splitlines()[1].startswith("finder  Builtin")
    assert str(FolderMissing(path="gone")) in err


def test_what_was_measured_before_an_interrupt_is_printed(
    coloured: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = Measured(
        Contender(Part.FINDER, FINDER), "SigLIP 2", "", 5, Measures(0.1, 0.2, 0.3, 0.4, 0.5), 768, 3, 1, 0, 2
    )

    def interrupted(*_: object, **__: object) -> Iterator[EvaluationEvent]:
        yield done
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "evaluate", interrupted)
    monkeypatch.setattr(models, "check", lambda *_, **__: None)
    assert main(["eval", str(coloured), "--finder", "SigLIP2", "--scorer", "2B"]) == 130
    out, err = capfd.readouterr()
    assert "interrupted: 1 of 3 runs were measured." in err
    _, line, unscored = out.splitlines()
    assert line.split() == [
        *("finder", "SigLIP", "2", "0.100", "0.200", "0.300", "0.400", "0.500", "768", "3.00", "s", "1.00", "s")
    ]
    assert unscored == "finder, SigLIP 2: 2 files without a score, which came last."
