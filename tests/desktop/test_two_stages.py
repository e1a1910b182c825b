"""Finder and judge in the assembled window: who is asked what, how found and judged are told apart, preparing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from core import (
    CountPrepared,
    JudgeChoice,
    JudgeLoaded,
    LoadJudge,
    Preparation,
    Prepare,
    Progress,
    Query,
    Rank,
    Scored,
    Settled,
    UnloadJudge,
)
from core.errors import FinderNotLoaded, JudgeNotLoaded, ModelNotEmbedder, PreparedInPart, TooFewPrepared
from desktop.engine_thread import merged
from desktop.main_window import MainWindow
from desktop.session import Phase

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

FOLDER = "/people/ada/Photos"
FILES = ["apple.jpg", "bread.jpg", "cup.png", "door.mp4", "essay.txt"]
QUERY = Query("wood")
GB = 1_000_000_000
FOUND = {name: 0.1 * place for place, name in enumerate(FILES, 1)}


class Person:
    """Uses the window over the played engine."""

    def __init__(self, window: MainWindow, engine: Any, qtbot: Any) -> None:
        self.window, self.engine, self.qtbot = window, engine, qtbot

    def wait(self, until: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(until()), timeout=10_000)

    def asked(self, kind: Any, count: int = 1) -> int:
        """The number of the newest request of this kind, once there have been so many."""
        self.wait(lambda: len(self.engine.asked(kind)) >= count)
        numbers: list[int] = self.engine.asked(kind)
        assert len(numbers) == count
        return numbers[-1]

    def ranked(self, count: int) -> Rank:
        request: Rank = self.engine.requests[self.asked(Rank, count)]
        return request

    def load(self, count: int = 1) -> LoadJudge:
        """The newest load comes to its end."""
        number = self.asked(LoadJudge, count)
        request: LoadJudge = self.engine.requests[number]
        filled = JudgeChoice(request.judge.name, "cuda", "bfloat16")
        self.engine.say(number, JudgeLoaded(filled, request.judge.name, "it fits", GB, request.finder))
        self.engine.end(number)
        slot = self.window.desk.finders if request.finder else self.window.desk.judges
        self.wait(lambda: slot.is_ready)
        return request

    def open_panel(self, stage: str) -> QWidget:
        self.window.show_models()
        panel = self.window.models
        assert panel is not None
        self.wait(lambda: panel.isVisible() and not self.window.desk.stock.is_listing)
        self.press(panel, stage)
        return panel

    def press(self, inside: QWidget, name: str) -> None:
        (found,) = [one for one in _buttons(inside) if name in (one.text(), one.accessibleName())]
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)

    @property
    def bar(self) -> str:
        return self.window.judge_bar.text


def _buttons(inside: QWidget) -> list[QAbstractButton]:
    return [one for one in inside.findChildren(QAbstractButton) if one.isVisible()]


def _names(inside: QWidget) -> set[str]:
    return {one.text() for one in _buttons(inside)}


def _said(inside: QWidget) -> str:
    return "\n".join(one.text() for one in inside.findChildren(QLabel) if one.isVisible())


@pytest.fixture
def begin(open_window: Callable[..., MainWindow], engine: Any, qtbot: Any, home: Path) -> Callable[..., Person]:
    """The window on FOLDER with what the settings file remembers from last time."""

    def make(query: Query | None = None, *, finder: str = "builtin", judge: str = "builtin", more: str = "") -> Person:
        engine.folders = {FOLDER: FILES}
        home.mkdir(exist_ok=True)
        (home / "settings.toml").write_text(f'finder = "{finder}"\njudge = "{judge}"\n{more}')
        person = Person(open_window(FOLDER, query), engine, qtbot)
        person.wait(lambda: person.window.session.listing and person.window.session.listing.complete)
        return person

    return make


@pytest.fixture
def staged(begin: Callable[..., Person], engine: Any) -> Person:
    """2B judges what the built-in matcher finds; everything is found, the two best are judged."""
    person = begin(QUERY, judge="2B")
    person.ranked(1)
    engine.find_or_judge(FOUND, judged=False)
    engine.find_or_judge({"essay.txt": 0.9, "door.mp4": 0.2}, judged=True, judged_count=2)
    return person


# --- who is asked what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finder", "judge", "asked", "seconds"),
    [
        ("builtin", "builtin", "builtin", 20.0),
        ("SigLIP2", "builtin", "SigLIP2", 20.0),
        ("builtin", "2B", "2B", 20.0),
        ("SigLIP2", "8B", "8B", 20.0),
    ],
)
def test_the_judge_is_asked_or_else_the_finder(
    begin: Callable[..., Person], finder: str, judge: str, asked: str, seconds: float
) -> None:
    request = begin(QUERY, finder=finder, judge=judge).ranked(1)
    assert request.judge.name == asked
    assert request.finder is not None
    assert request.finder.name == finder
    assert request.judge_seconds == seconds


def test_the_settings_say_how_long_the_judge_has_and_the_panel_changes_it(begin: Callable[..., Person]) -> None:
    person = begin(QUERY, judge="2B", more="judge_seconds = 0.0\nvector_numbers = 256\n")
    first = person.ranked(1)
    assert first.judge_seconds is None
    assert first.finder is not None
    assert first.finder.numbers == 256
    panel = person.open_panel("Judges")
    assert "Until all is judged" in _names(panel)
    person.press(panel, "1 min")
    person.window.ask(Query("grain"))
    assert person.ranked(2).judge_seconds == 60.0
    assert person.window._settings.judge_seconds == 60.0


def test_find_similar_is_asked_of_the_finder_alone_and_the_judge_can_follow(
    begin: Callable[..., Person], engine: Any
) -> None:
    person = begin(QUERY, finder="SigLIP2", judge="2B")
    person.ranked(1)
    person.window.find_similar(f"{FOLDER}/apple.jpg")
    request = person.ranked(2)
    assert (request.judge.name, request.query.images) == ("SigLIP2", (Path(FOLDER, "apple.jpg"),))
    engine.score(FOUND)
    engine.say(engine.ranking, Settled())
    person.wait(lambda: "Judge the best" in _names(person.window.judge_bar))
    person.press(person.window.judge_bar, "Judge the best")
    assert person.ranked(3).judge.name == "2B"
    assert person.window.results.model.counts.scored == 5  # what was found stays
    person.window.ask(Query("grain"))
    assert person.ranked(4).judge.name == "2B"


def test_a_looks_finder_leaves_find_similar_to_the_judge(begin: Callable[..., Person]) -> None:
    person = begin(QUERY, judge="2B")
    person.window.find_similar(f"{FOLDER}/apple.jpg")
    assert person.ranked(2).judge.name == "2B"


# --- found and judged ----------------------------------------------------------------------------------


def test_found_and_judged_are_told_apart_in_words(staged: Person, engine: Any) -> None:
    window, model = staged.window, staged.window.results.model
    staged.wait(lambda: model.counts.judged == 2)
    assert model.counts.found == 3
    staged.wait(lambda: model.rank_of(4) == 1)
    index = {name: model.index(int(model.position_of(row) or 0)) for row, name in enumerate(FILES)}
    role = Qt.ItemDataRole
    assert "≈0.30: Found by SigLIP 2, not judged yet" in str(model.data(index["cup.png"], role.ToolTipRole))
    assert "0.90: the judge" in str(model.data(index["essay.txt"], role.ToolTipRole))
    assert "found, not judged yet" in str(model.data(index["cup.png"], role.AccessibleTextRole))
    assert "not judged" not in str(model.data(index["essay.txt"], role.AccessibleTextRole))
    staged.wait(lambda: "2 judged" in window.results._count.text())
    for name, words in (("cup.png", "not judged yet"), ("essay.txt", "Qwen3-VL-Reranker-2B")):
        place = window.results.view.visualRect(index[name]).center()
        QTest.mouseClick(window.results.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        staged.wait(lambda name=name, words=words: name in _said(window.inspector) and words in _said(window.inspector))


def test_and_in_their_cells(staged: Person) -> None:
    view, model = staged.window.results.view, staged.window.results.model
    staged.wait(lambda: model.counts.judged == 2 and model.rank_of(4) == 1)
    marks = {state.name: (state.is_found, state.written_score) for state in view._states(range(5))}
    assert marks["cup.png"] == (True, "≈0.30")
    assert marks["essay.txt"] == (False, "0.90")


def test_a_judged_score_takes_the_place_of_a_found_one_and_another_query_forgets_both(staged: Person) -> None:
    model = staged.window.results.model
    staged.wait(lambda: model.counts.judged == 2)
    model.set_scores(np.arange(5, dtype=np.int32), np.full(5, 0.5, np.float32))
    assert (model.counts.found, model.counts.judged) == (0, 5)
    staged.window.ask(Query("grain"))
    assert (model.counts.found, model.counts.scored) == (0, 0)


def test_found_scores_are_never_joined_with_judged_ones_on_their_way() -> None:
    rows, scores = np.array([1], np.int32), np.array([0.5], np.float32)
    found, judged = Scored(rows, scores, False, judged=False), Scored(rows, scores, False)
    told = merged([(1, found), (1, found), (1, judged)])
    assert [(event.judged, len(event.rows)) for _, event in told if isinstance(event, Scored)] == [
        (False, 2),
        (True, 1),
    ]


# --- how far it is -------------------------------------------------------------------------------------


def test_the_bar_says_how_far_and_offers_to_judge_on(staged: Person, engine: Any) -> None:
    bar = staged.window.judge_bar
    engine.find_or_judge({}, judged=True, judged_count=2, rate=4.0, seconds_left=12.0)
    staged.wait(lambda: staged.bar == "Found 5 · 2 of the best judged · 4.0/s · 12 s left")
    assert "Stop" in _names(bar)
    engine.find_or_judge({}, judged=True, judged_count=2, judging=False, seconds_left=0.0, seconds_for_all=10_800.0)
    engine.say(engine.ranking, Settled())
    staged.wait(lambda: staged.bar == "2 judged of 5")
    assert {"Judge on 20 s", "Judge all (about 3.0 h)"} <= _names(bar)
    staged.press(bar, "Judge on 20 s")
    assert staged.ranked(2).judge_seconds == 20.0
    assert staged.window.results.model.counts.judged == 2
    engine.find_or_judge({}, judged=True, judged_count=2, judging=False)
    engine.say(engine.ranking, Settled())
    staged.wait(lambda: "Judge all" in _names(bar))
    staged.press(bar, "Judge all")
    assert staged.ranked(3).judge_seconds is None
    engine.find_or_judge({}, judged=True, judged_count=5, judging=False)
    engine.say(engine.ranking, Settled())
    staged.wait(lambda: staged.bar == "All 5 judged")
    assert not {"Judge all", "Judge on 20 s"} & _names(bar)


def test_where_all_is_as_soon_judged_only_that_is_offered(staged: Person, engine: Any) -> None:
    engine.find_or_judge({}, judged=True, judged_count=2, rate=4.0, judging=False, seconds_for_all=4.0)
    engine.say(engine.ranking, Settled())
    staged.wait(lambda: "Judge all (about 4 s)" in _names(staged.window.judge_bar))
    assert "Judge on 20 s" not in _names(staged.window.judge_bar)


def test_it_says_how_long_finding_takes_and_judging_all(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, judge="2B", more="judge_seconds = 0.0\n")
    person.ranked(1)
    engine.say(engine.ranking, Progress(2, 5, 0, 0.5, 6.0))
    engine.find_or_judge({}, judged=False, found=2, judging=False)
    person.wait(lambda: person.bar == "Found 2 of 5 · 0.5/s · 6 s left")
    engine.find_or_judge(FOUND, judged=False, judged_count=1, rate=0.1, seconds_for_all=40.0)
    person.wait(lambda: person.bar == "Found 5 · 1 of the best judged · 0.1/s · 40 s left")


# --- a finder that comes by itself ---------------------------------------------------------------------


def test_the_chosen_finder_is_loaded_by_itself_then_the_folder_is_prepared(
    begin: Callable[..., Person], engine: Any
) -> None:
    person = begin(finder="SigLIP2")
    request = person.load()
    assert (request.judge.name, request.finder) == ("SigLIP2", True)
    number = person.asked(Prepare)
    assert engine.requests[number].finder.name == "SigLIP2"
    assert person.window.judge_bar.chip.text() == "SigLIP 2 · bfloat16"
    engine.say(number, Preparation(2, 5, 0, 3.0, 1.0))
    person.wait(lambda: person.bar == "2 of 5 prepared · 3.0/s · 1 s left")
    panel = person.open_panel("Finds")
    assert "2 of 5 prepared" in _said(panel)
    person.press(panel, "Pause")
    person.wait(lambda: number in engine.cancelled)
    assert "Resume" in _names(panel)
    assert "2 of 5 prepared · paused" in _said(panel)  # and no pace of something that rests
    person.press(panel, "Resume")
    engine.say(person.asked(Prepare, 2), Preparation(5, 5, 0))
    person.wait(lambda: "All 5 files are prepared" in _said(panel))
    assert not {"Pause", "Resume"} & _names(panel)


def test_a_judge_is_not_and_nothing_is_prepared_unless_wanted(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(finder="SigLIP2", judge="2B", more="prepare_when_idle = false\n")
    assert person.load().judge.name == "SigLIP2"
    person.qtbot.wait(50)
    assert engine.asked(Prepare) == []
    panel = person.open_panel("Finds")
    person.asked(CountPrepared)
    person.press(panel, "When idle, by itself")
    person.asked(Prepare)
    assert person.window._settings.prepare_when_idle


def test_a_finder_that_comes_late_takes_its_place(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, finder="SigLIP2", judge="2B")
    person.ranked(1)
    engine.remark(FinderNotLoaded(name="SigLIP 2"))
    engine.find_or_judge(FOUND, judged=False)
    person.wait(lambda: person.window.results.model.counts.found == 5)
    person.load()
    assert person.ranked(2).query == QUERY
    assert person.window.results.model.counts.found == 5
    assert person.window.notice.text == ""


def test_what_is_found_stays_while_the_judge_is_loaded(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, judge="2B")
    person.ranked(1)
    engine.find_or_judge(FOUND, judged=False)
    engine.end(engine.ranking, JudgeNotLoaded(name="Qwen3-VL-Reranker-2B"))
    person.wait(lambda: "is not loaded" in person.window.notice.text)
    person.press(person.window.notice, "Load it")
    assert person.load().finder is False
    person.ranked(2)
    assert person.window.results.model.counts.found == 5


def test_files_that_are_not_prepared_are_told_with_what_to_do(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, finder="SigLIP2", more="prepare_when_idle = false\n")
    person.load()
    person.wait(lambda: len(engine.asked(Rank)) == 2)
    engine.remark(PreparedInPart(missing=3, total=5, name="SigLIP 2"))
    person.wait(lambda: "3 of 5 files are not prepared" in person.window.notice.text)
    person.press(person.window.notice, "Prepare this folder")
    person.asked(Prepare)


def test_the_chip_says_so_while_the_builtin_matcher_finds(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, finder="SigLIP2", judge="2B")
    person.load()
    person.wait(lambda: len(engine.asked(Rank)) == 1)
    chip = person.window.judge_bar.chip
    assert chip.text() == "SigLIP 2 finds, Qwen3-VL-Reranker-2B is not loaded"
    engine.remark(TooFewPrepared(prepared=1, total=5, name="SigLIP 2"))
    person.wait(lambda: chip.text() == "Built-in finds, Qwen3-VL-Reranker-2B is not loaded")
    person.window.ask(Query("grain"))
    assert chip.text() == "SigLIP 2 finds, Qwen3-VL-Reranker-2B is not loaded"


def test_without_its_judge_a_question_is_left_to_the_finder(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(QUERY, finder="SigLIP2", judge="2B")
    person.load()
    engine.end(engine.ranking, JudgeNotLoaded(name="Qwen3-VL-Reranker-2B"))
    text = "Qwen3-VL-Reranker-2B is not loaded. Load it, or leave the order to SigLIP 2."
    person.wait(lambda: person.window.notice.text == text)
    assert "Use SigLIP 2 alone" in _names(person.window.notice)
    person.window.query_bar.setFocus()
    person.press(person.window.notice, "Load it")
    focused = person.window.focusWidget()
    assert focused is not None
    assert person.window.query_bar.isAncestorOf(focused) or focused is person.window.query_bar  # nothing took it along


# --- the panel -----------------------------------------------------------------------------------------


def test_both_places_hold_a_model_and_each_is_given_back_by_itself(begin: Callable[..., Person], engine: Any) -> None:
    person = begin()
    panel = person.open_panel("Finds")
    person.press(panel, "SigLIP 2")
    person.press(panel, "Load")
    person.load()
    person.press(panel, "Judges")
    person.press(panel, "Qwen3-VL-Reranker-2B")
    person.press(panel, "Load")
    person.load(2)
    desk = person.window.desk
    assert (desk.finders.is_ready, desk.judges.is_ready) == (True, True)
    assert person.window.judge_bar.chip.text() == "SigLIP 2 finds, 2B judges"
    person.press(panel, "Finds")
    person.press(panel, "Unload")
    assert engine.requests[person.asked(UnloadJudge)].finder is True
    assert (desk.finders.is_ready, desk.judges.is_ready) == (False, True)
    settings = person.window._settings
    assert (settings.finder, settings.judge) == ("SigLIP2", "2B")


def test_preparing_needs_the_finder_and_says_so(begin: Callable[..., Person], engine: Any) -> None:
    engine.prepared = 2
    person = begin()
    panel = person.open_panel("Finds")
    person.press(panel, "SigLIP 2")
    person.window.desk.preparer.count()
    person.wait(lambda: "2 of 5 prepared. SigLIP 2 must be loaded to prepare more." in _said(panel))
    (start,) = [one for one in _buttons(panel) if one.text() == "Resume"]
    assert not start.isEnabled()
    assert start.toolTip() == "SigLIP 2 is not loaded"
    assert person.window.session.phase is Phase.NONE


def test_a_reranker_tried_as_a_finder_is_warned_of_only_there(begin: Callable[..., Person], engine: Any) -> None:
    person = begin(finder="2B", judge="8B")
    engine.end(person.asked(LoadJudge), ModelNotEmbedder(path="/models/2B", found="a reranker"))
    person.wait(lambda: "is not an embedder" in person.window.notice.text)
    assert "Other models …" in _names(person.window.notice)
    panel = person.open_panel("Finds")
    assert "is not an embedder" in _said(panel)
    person.press(panel, "Judges")
    assert "is not an embedder" not in _said(panel)
