"""Judges in the assembled window: choosing, loading, fetching, what is said meanwhile, and who answers the question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QLabel, QProgressBar, QWidget

from core import (
    Aspect,
    Budget,
    Downloading,
    DownloadModel,
    EstimateCost,
    Explain,
    JudgeChoice,
    JudgeLoaded,
    Listing,
    ListModels,
    Loading,
    LoadJudge,
    ModelInfo,
    Models,
    Progress,
    Query,
    Rank,
    UnloadJudge,
    Verifying,
    VerifyModel,
)
from core.errors import (
    DownloadBroken,
    EngineStopped,
    JudgeNotLoaded,
    LibrariesMissing,
    MemoryTooSmall,
    ModelDamaged,
    ModelFolderWrong,
    ModelMissing,
    ModelNotReranker,
)
from desktop.main_window import MainWindow
from desktop.session import Phase
from resources import SAMPLE_QUERY, samples_folder

# What the offscreen platform says of popups, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

Open = Callable[..., MainWindow]
FOLDER = "/people/ada/Photos"
FILES = ["apple.jpg", "bread.jpg", "cup.png", "door.mp4", "essay.txt"]
QUERY = Query("wood")
GB = 1_000_000_000
CONTROLS = QAbstractButton | QComboBox | QProgressBar
TINY = Path(__file__).parents[1] / "data" / "parity" / "model"


@pytest.fixture(autouse=True)
def some_folders(engine: Any) -> None:
    engine.folders = {FOLDER: FILES, str(samples_folder()): [SAMPLE_QUERY.name, "forest.jpg"]}


class Person:
    """Uses the window over the played engine."""

    def __init__(self, window: MainWindow, engine: Any, qtbot: Any) -> None:
        self.window, self.engine, self.qtbot = window, engine, qtbot

    def open_panel(self, stage: str = "Judges") -> QWidget:
        """At this stage of it."""
        chip = self.window.judge_bar.chip
        chip.setFocus()
        QTest.keyClick(chip, Qt.Key.Key_Space)
        panel = self.window.models
        assert panel is not None
        self.wait(lambda: panel.isVisible() and not self.window.desk.stock.is_listing)
        click(button(panel, stage))
        return panel

    def choose(self, title: str) -> None:
        """In the panel, which is then closed."""
        click(button(self.open_panel(), title))
        self.close_panel()

    def close_panel(self) -> None:
        panel = self.window.models
        assert panel is not None
        QTest.keyClick(panel, Qt.Key.Key_Escape)
        assert panel.isHidden()

    def wait(self, until: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(until()), timeout=10_000)

    def asked(self, kind: Any, count: int = 1) -> int:
        """The number of the newest request of this kind, once there have been so many."""
        self.wait(lambda: len(self.engine.asked(kind)) >= count)
        numbers: list[int] = self.engine.asked(kind)
        assert len(numbers) == count
        return numbers[-1]

    def ranked(self, count: int) -> Rank:
        """The newest ranking, of so many."""
        request: Rank = self.engine.requests[self.asked(Rank, count)]
        return request

    def refuse(self, count: int = 1) -> None:
        """The newest ranking, for want of its judge, as the engine does."""
        title = f"Qwen3-VL-Reranker-{self.ranked(count).judge.name}"
        self.engine.end(self.engine.ranking, JudgeNotLoaded(name=title))

    def finish_load(self, count: int = 1) -> None:
        number = self.asked(LoadJudge, count)
        judge = self.engine.requests[number].judge
        filled = JudgeChoice(judge.name, "cuda", "bfloat16", judge.budget)
        title = f"Qwen3-VL-Reranker-{judge.name}"
        self.engine.say(number, JudgeLoaded(filled, title, "bfloat16 on the graphics card: it fits", 5 * GB))
        self.engine.end(number)

    @property
    def chip(self) -> str:
        return self.window.judge_bar.chip.text()

    @property
    def notice(self) -> str:
        return self.window.notice.text

    def answer(self, words: str) -> None:
        """Press a button of the notice."""
        click(button(self.window.notice, words))


def said(widget: QWidget) -> str:
    """Every word that can be read in it."""
    inside = [one for one in widget.findChildren(QWidget) if one.isVisible()]
    return "\n".join(one.text() for one in inside if isinstance(one, QLabel | QAbstractButton))


def button(widget: QWidget, name: str) -> QAbstractButton:
    """The visible button that says this, or is called this by a screen reader."""
    found = [
        one
        for one in widget.findChildren(QAbstractButton)
        if one.isVisible() and name in (one.text(), one.accessibleName())
    ]
    assert len(found) == 1, f"{len(found)} buttons are called {name} in: {said(widget)}"
    return found[0]


def buttons(widget: QWidget) -> set[str]:
    return {one.text() for one in widget.findChildren(QAbstractButton) if one.isVisible() and one.text()}


def click(one: QWidget) -> None:
    QTest.mouseClick(one, Qt.MouseButton.LeftButton)


Begin = Callable[..., Person]


@pytest.fixture
def begin(open_window: Open, engine: Any, qtbot: Any, home: Path) -> Begin:
    """The window on FOLDER with the judge `remembered` from last time; with a query if one is given."""

    def make(query: Query | None = None, *, remembered: str = "builtin") -> Person:
        home.mkdir(exist_ok=True)
        (home / "settings.toml").write_text(f'judge = "{remembered}"\n')
        person = Person(open_window(FOLDER, query), engine, qtbot)
        person.wait(lambda: person.window.session.listing and person.window.session.listing.complete)
        return person

    return make


# --- the whole story, on the real engine ---------------------------------------------------------------


@pytest.mark.usefixtures("untouched")
def test_a_person_loads_a_model_of_their_own_ranks_with_it_and_unloads_it(
    open_window: Open, photos: Path, engine: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the libraries that a model runs on")
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: dialog.fileSelected.emit(str(TINY)))
    window = open_window(photos, Query("a red door"), real=True)
    session, judges = window.session, window.desk.judges

    def wait(until: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(until()), timeout=120_000)

    wait(lambda: session.phase is Phase.FINISHED)
    by_builtin = window.results.model.scores.copy()
    window.show_models()
    panel = window.models
    assert panel is not None
    click(button(panel, "Judges"))
    click(button(panel, "Choose a folder …"))
    wait(lambda: "Load" in buttons(panel))
    click(button(panel, "Load"))
    assert session.phase is Phase.FINISHED  # the window goes on
    wait(lambda: judges.is_ready)
    wait(lambda: session.phase is Phase.FINISHED and not session.ranked_by.is_builtin)
    counts = window.results.model.counts
    assert (counts.judged, counts.failed) == (7, 2)
    assert (window.results.model.scores[:] != by_builtin).any()
    assert "Balanced" in window.judge_bar.chip.text()
    click(button(panel, "Unload"))
    assert "is not loaded" in window.judge_bar.chip.text()
    click(button(panel, "The finder alone"))
    wait(lambda: session.phase is Phase.FINISHED and session.ranked_by.is_builtin)
    assert (window.results.model.scores == by_builtin)[~np.isnan(by_builtin)].all()


# --- nothing by itself ---------------------------------------------------------------------------------


def test_at_the_start_nothing_is_loaded_listed_or_tried_out(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    assert person.ranked(1).judge == JudgeChoice("2B")
    assert person.chip == "Qwen3-VL-Reranker-2B is not loaded"
    assert [engine.asked(kind) for kind in (ListModels, LoadJudge, EstimateCost, DownloadModel)] == [[]] * 4


def test_with_nothing_chosen_the_samples_open_with_the_built_in_matcher(
    open_window: Open, engine: Any, qtbot: Any
) -> None:
    person = Person(open_window(), engine, qtbot)
    assert person.ranked(1).judge.is_builtin
    assert person.chip == "Built-in matcher: looks and words, not meaning"


# --- the panel -----------------------------------------------------------------------------------------


def test_the_panel_says_what_is_here_and_how_it_would_run(begin: Begin) -> None:
    person = begin()
    panel = person.open_panel("Finds")
    words = said(panel)
    assert "Looks and words, not meaning" in words
    assert "Can't see what is in a picture" in words  # the built-in matcher is chosen
    assert "suggested · 800.0 MB\nfits; quick on any machine" in words
    assert "Qwen3-VL-Reranker-2B" not in words
    click(button(panel, "Judges"))
    words = said(panel)
    assert "most promising first" in words  # no judge is chosen
    assert "SigLIP 2" not in words
    assert "suggested · 4.4 GB\nfits; bfloat16 on the graphics card" in words
    assert "not here · 17.5 GB\nfits in 4-bit; the better judge" in words
    assert "Precision" not in words
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    words = said(panel)
    assert "most promising first" not in words
    assert {"Fast", "Balanced", "Full", "Load", "Check files"} <= buttons(panel)
    boxes = {box.accessibleName(): box for box in panel.findChildren(QComboBox)}
    assert boxes["Device"].itemText(1) == "Graphics card (H200)"
    assert [boxes["Precision"].itemData(at) for at in (0, 1)] == ["auto", "bfloat16"]


def test_the_panel_is_used_by_keys_alone(begin: Begin) -> None:
    person = begin()
    panel = person.open_panel()
    QTest.keyClick(QApplication.focusWidget() or panel, Qt.Key.Key_Down)
    assert person.window.desk.judges.choice.name == "2B"
    reached = []
    for _ in range(30):
        QTest.keyClick(QApplication.focusWidget() or panel, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        reached.append(focus.accessibleName() or (focus.text() if isinstance(focus, QAbstractButton) else ""))
    assert "Fast" not in reached  # arrows lead there
    assert {"Choose a folder …", "Balanced", "Device", "Precision", "Check files", "Load"} <= set(reached)
    person.close_panel()
    assert person.window.session.phase is Phase.NONE  # Esc closed the panel and nothing else


def test_every_control_of_the_panel_is_named_in_every_state(begin: Begin, engine: Any) -> None:
    person = begin()

    def nameless() -> list[str]:
        controls = [one for one in panel.findChildren(QWidget) if isinstance(one, CONTROLS) and one.isVisible()]
        assert controls
        names = [QAccessible.queryAccessibleInterface(one).text(QAccessible.Text.Name) for one in controls]
        return [type(one).__name__ for one, name in zip(controls, names, strict=True) if not name.strip()]

    panel = person.open_panel()
    assert panel.accessibleName()
    assert nameless() == []
    person.window.desk.judges.add_folder("/models/mine")
    assert nameless() == []
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    row = button(panel, "Qwen3-VL-Reranker-2B").accessibleDescription()
    assert row == "suggested · 4.4 GB. fits; bfloat16 on the graphics card"
    click(button(panel, "Load"))
    assert nameless() == []


def test_the_focus_stays_among_the_actions(begin: Begin, engine: Any) -> None:
    person = begin()
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    button(panel, "Load").setFocus()
    for now, then in (("Load", "Cancel"), ("Cancel", "Load")):
        QTest.keyClick(button(panel, now), Qt.Key.Key_Space)
        focus = QApplication.focusWidget()
        assert isinstance(focus, QAbstractButton)
        assert focus.text() == then


def test_the_whole_panel_is_on_the_screen_and_its_words_are_whole(begin: Begin) -> None:
    person = begin()
    panel = person.open_panel()
    screen = person.window.screen().availableGeometry()
    for title in ("Qwen3-VL-Reranker-2B", "Qwen3-VL-Reranker-8B", "The finder alone"):
        click(button(panel, title))
        QApplication.processEvents()
        assert screen.contains(panel.geometry())
        for label in panel.findChildren(QLabel):
            if label.isVisible() and label.wordWrap():
                assert label.height() >= label.heightForWidth(label.width()), label.text()


def test_a_choice_that_stands_is_tried_out_and_its_cost_told_for_this_folder(begin: Begin, engine: Any) -> None:
    person = begin()
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-8B"))
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    person.wait(lambda: "2B: about 40 pictures/s here, 1 s for this folder" in said(panel))
    assert [engine.requests[number].judge.name for number in engine.asked(EstimateCost)] == ["2B"]
    click(button(panel, "Fast"))  # another budget costs something else
    person.asked(EstimateCost, 2)
    click(button(panel, "Balanced"))
    assert "about 40 pictures/s" in said(panel)
    person.qtbot.wait(600)
    person.asked(EstimateCost, 2)  # it is known


def test_what_is_wrong_with_a_model_stands_beside_it(begin: Begin, engine: Any) -> None:
    damaged = ModelDamaged(path="/hub/2B", file="model.safetensors", detail="truncated")
    known = (
        ModelInfo("2B", False, "Qwen3-VL-Reranker-2B", "/hub/2B", 4 * GB, 4 * GB, damaged, True, ""),
        ModelInfo("8B", False, "Qwen3-VL-Reranker-8B", "", 17 * GB, 3 * GB, None, False, "needs 20 GB; 8 GB are there"),
    )
    engine.models = Models(known, "", (("cpu", "", GB),))
    person = begin()
    panel = person.open_panel()
    assert str(damaged) in said(panel)
    assert "3.0 of 17.0 GB here\nneeds 20 GB; 8 GB are there" in said(panel)
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    assert "Load" not in buttons(panel)  # it could only fail
    assert "Download again …" in buttons(panel)
    click(button(panel, "Qwen3-VL-Reranker-8B"))
    assert "Go on downloading …" in buttons(panel)


def test_without_the_libraries_the_panel_says_how_to_get_them_and_the_rest_works(begin: Begin, engine: Any) -> None:
    engine.models = LibrariesMissing(detail="torch")
    person = begin(QUERY)
    panel = person.open_panel()
    assert "pip install 'semblance[qwen]'" in said(panel)
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    assert not {"Load", "Download …"} & buttons(panel)
    click(button(panel, "The finder alone"))
    person.close_panel()
    assert person.ranked(2).judge.is_builtin


def test_a_folder_of_the_persons_is_listed_chosen_remembered_and_taken_off(
    begin: Begin, engine: Any, open_window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = "/models/mine"
    error = ModelNotReranker(path=mine, found="LlamaForCausalLM")
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: dialog.fileSelected.emit(mine))
    person = begin()
    engine.models = Models(
        (*engine.models.known, ModelInfo(mine, False, "mine", mine, GB, GB, error, True, "")),
        "2B",
        engine.models.devices,
    )
    click(button(person.open_panel(), "Choose a folder …"))
    panel = person.window.models
    assert panel is not None
    person.wait(lambda: str(error) in said(panel))
    assert panel.isVisible()
    assert button(panel, "mine").isChecked()
    person.wait(lambda: engine.requests[engine.asked(ListModels)[-1]].folder == mine)
    person.window.close()
    again = Person(open_window(FOLDER), engine, person.qtbot)
    assert again.chip == "mine is not loaded"
    panel = again.open_panel()
    click(button(panel, "Take mine off the list"))
    assert "mine" not in buttons(panel)
    assert button(panel, "The finder alone").isChecked()
    assert again.window._settings.model_folders == []


def test_a_folder_that_is_taken_off_the_list_takes_no_memory_either(begin: Begin, engine: Any) -> None:
    person = _with_a_model_of_their_own(begin, engine)
    panel = person.open_panel()
    click(button(panel, "Load"))
    person.finish_load()
    person.wait(lambda: "loaded" in said(panel))
    click(button(panel, "Take mine off the list"))
    person.asked(UnloadJudge)
    assert person.window.desk.judges.resident is None
    assert person.chip.startswith("Built-in matcher")


def test_nor_is_it_loaded_any_further(begin: Begin, engine: Any) -> None:
    person = _with_a_model_of_their_own(begin, engine)
    panel = person.open_panel()
    click(button(panel, "Load"))
    number = person.asked(LoadJudge)
    click(button(panel, "Take mine off the list"))
    person.wait(lambda: number in engine.cancelled)
    assert person.chip == "Built-in matcher: looks and words, not meaning"


def _with_a_model_of_their_own(begin: Begin, engine: Any) -> Person:
    mine = "/models/mine"
    engine.models = Models(
        (*engine.models.known, ModelInfo(mine, False, "mine", mine, GB, GB, None, True, "fits")),
        "2B",
        engine.models.devices,
    )
    person = begin()
    person.window.desk.judges.add_folder(mine)
    return person


def test_a_folder_without_a_model_says_so_before_it_is_loaded(begin: Begin, engine: Any) -> None:
    empty = "/models/empty"
    error = ModelFolderWrong(path=empty)
    engine.costless[empty] = error
    person = begin(QUERY)
    person.window.desk.judges.add_folder(empty)
    panel = person.open_panel()
    person.wait(lambda: str(error) in said(panel))
    assert "Load" not in buttons(panel)
    person.wait(lambda: person.notice == str(error))
    assert {"Other judges …", "Use the built-in matcher"} <= buttons(person.window.notice)
    # The person puts one there, and looks again.
    person.close_panel()
    engine.models = Models(
        (*engine.models.known, ModelInfo(empty, False, "empty", empty, GB, GB, None, True, "")),
        "2B",
        engine.models.devices,
    )
    panel = person.open_panel()
    assert str(error) not in said(panel)
    assert "Load" in buttons(panel)


def test_of_two_folders_with_one_name_a_tip_tells_which_is_which(begin: Begin, engine: Any) -> None:
    person = begin()
    for folder in ("/old/mine", "/new/mine"):
        person.window.desk.judges.add_folder(folder)
    tips = [one.toolTip() for one in person.open_panel().findChildren(QAbstractButton) if one.text() == "mine"]
    assert ["/old/mine" in tips[0], "/new/mine" in tips[1]] == [True, True]


def test_the_chosen_judge_is_in_sight_when_the_list_is_long(begin: Begin, engine: Any) -> None:
    many = [f"/models/{number:02}" for number in range(20)]
    engine.models = Models(
        (*engine.models.known, *(ModelInfo(one, False, one[-2:], one, GB, GB, None, True, "fits") for one in many)),
        "2B",
        engine.models.devices,
    )
    person = begin(remembered=many[-1])
    panel = person.open_panel()

    def in_sight(name: str) -> bool:
        radio = button(panel, name)
        return radio.visibleRegion().boundingRect().height() == radio.height()

    person.wait(lambda: in_sight("18") and in_sight("19"))
    for _ in range(18):  # past those that were not known yet when the chosen one was first shown
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Up)
    person.wait(lambda: button(panel, "01").isChecked() and in_sight("01"))


def test_the_panel_is_never_higher_than_what_is_in_it(begin: Begin, engine: Any) -> None:
    many = [f"/models/{number:02}" for number in range(9)]
    engine.models = LibrariesMissing(detail="torch")
    person = begin(remembered="2B")
    person.window.desk.stock.folders = many
    panel = person.open_panel()
    person.wait(lambda: str(engine.models) in said(panel))
    person.qtbot.wait(200)
    last = button(panel, "Choose a folder …")
    assert panel.height() - last.mapTo(panel, last.rect().bottomLeft()).y() < 24
    (note,) = [one for one in panel.findChildren(QLabel) if one.isVisible() and one.text() == str(engine.models)]
    assert note.height() <= note.heightForWidth(note.width()) + 4


# --- loading -------------------------------------------------------------------------------------------


def test_loading_is_seen_in_the_chip_and_then_the_question_is_asked_by_itself(begin: Begin, engine: Any) -> None:
    person = begin(QUERY)
    person.ranked(1)
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    click(button(panel, "Load"))
    number = person.asked(LoadJudge)
    engine.say(number, Loading("libraries", 0, 0))
    person.wait(lambda: "Loading the libraries it runs on" in said(panel))
    engine.say(number, Loading("weights", 1_900_000_000, 4_400_000_000))
    person.wait(lambda: person.chip == "Loading Qwen3-VL-Reranker-2B … 43 %")
    assert "Loading weights: 1.9 of 4.4 GB" in said(panel)
    assert person.window.judge_bar.chip.share() == pytest.approx(0.43, abs=0.01)
    (bar,) = [one for one in panel.findChildren(QProgressBar) if one.isVisible()]
    assert bar.value() / bar.maximum() == pytest.approx(0.43, abs=0.01)
    person.finish_load()
    assert person.ranked(2).judge == JudgeChoice("2B")
    assert person.ranked(2).query == QUERY
    assert person.chip == "Qwen3-VL-Reranker-2B · bfloat16 · Balanced"
    assert person.window.judge_bar.chip.share() is None
    assert "5.0 GB of memory in use. bfloat16 on the graphics card: it fits" in said(panel)
    click(button(panel, "Unload"))
    person.asked(UnloadJudge)
    assert person.chip == "Qwen3-VL-Reranker-2B is not loaded"


def test_loading_can_be_cancelled(begin: Begin, engine: Any) -> None:
    person = begin()
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    click(button(panel, "Load"))
    number = person.asked(LoadJudge)
    click(button(panel, "Cancel"))
    person.wait(lambda: number in engine.cancelled)
    assert person.chip == "Qwen3-VL-Reranker-2B is not loaded"
    assert "Load" in buttons(panel)


def test_ranking_with_a_model_that_is_not_loaded_offers_to_load_it(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(
        lambda: person.notice == "Qwen3-VL-Reranker-2B is not loaded. Load it, or rank with the built-in matcher."
    )
    person.answer("Load it")
    person.asked(LoadJudge)
    assert "ranking starts by itself" in person.notice
    person.finish_load()
    assert person.ranked(2).judge == JudgeChoice("2B")
    assert person.notice == ""


@pytest.mark.parametrize(
    ("error", "sentence", "other"),
    [
        (ModelMissing(name="2B"), "Qwen3-VL-Reranker-2B is not on this machine. Download it", "Download …"),
        (ModelFolderWrong(path="/models/2B"), "There is no model in /models/2B", "Other judges …"),
    ],
)
def test_a_model_whose_files_have_gone_since_it_ranked_is_told_with_what_to_do(
    begin: Begin, engine: Any, error: Exception, sentence: str, other: str
) -> None:
    person = begin(QUERY, remembered="2B")
    person.ranked(1)
    engine.end(engine.ranking, error)
    person.wait(lambda: person.notice.startswith(sentence))
    assert {other, "Use the built-in matcher"} == buttons(person.window.notice)
    person.answer("Use the built-in matcher")
    assert person.ranked(2).judge.is_builtin


def test_or_the_built_in_matcher_which_is_then_the_judge(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Use the built-in matcher")
    assert person.ranked(2).judge.is_builtin
    assert person.notice == ""
    assert person.window._settings.judge == "builtin"


def test_while_it_is_loaded_the_built_in_matcher_can_rank_and_the_model_takes_over(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Load it")
    engine.say(person.asked(LoadJudge), Loading("weights", 1, 4))
    person.answer("Use the built-in matcher meanwhile")
    assert person.ranked(2).judge.is_builtin
    person.wait(lambda: person.chip == "Built-in matcher · loading 2B … 25 %")
    engine.finish()
    person.wait(lambda: person.window.session.phase is Phase.FINISHED)
    person.finish_load()
    assert person.ranked(3).judge == JudgeChoice("2B")
    assert person.window._settings.judge == "2B"


def test_a_load_that_ends_badly_is_told_in_both_places_and_the_person_can_go_on(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Load it")
    error = MemoryTooSmall(name="2B", needed=5, available=3, device="cuda")
    engine.end(person.asked(LoadJudge), error)
    person.wait(lambda: person.notice == str(error))
    person.answer("Other judges …")
    panel = person.window.models
    assert panel is not None
    person.wait(lambda: str(error) in said(panel))
    assert "Load" in buttons(panel)  # other programs may have been closed by now
    click(button(panel, "Load"))
    person.asked(LoadJudge, 2)
    assert str(error) not in said(panel)


def test_a_model_that_is_not_here_is_downloaded_only_when_asked_twice(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="8B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Load it")
    engine.end(person.asked(LoadJudge), ModelMissing(name="Qwen3-VL-Reranker-8B"))
    person.wait(lambda: "is not on this machine" in person.notice)
    person.answer("Download …")
    panel = person.window.models
    assert panel is not None
    person.wait(lambda: "Download …" in buttons(panel))
    click(button(panel, "Download …"))
    assert engine.asked(DownloadModel) == []
    assert "17.5 GB" in said(panel)
    assert "the one connection" in said(panel)
    click(button(panel, "Cancel"))
    click(button(panel, "Download …"))
    click(button(panel, "Download 17.5 GB"))
    number = person.asked(DownloadModel)
    engine.say(number, Downloading("model-00001.safetensors", 1_900_000_000, 17_500_000_000, 31e6, 500.0))
    person.wait(lambda: "1.9 of 17.5 GB · 31.0 MB/s · 8 min left" in said(panel))
    assert person.chip == "Qwen3-VL-Reranker-8B is not on this machine · fetching 8B … 11 %"
    # It goes on while another judge ranks, and is seen.
    person.close_panel()
    person.choose("The finder alone")
    assert person.ranked(2).judge.is_builtin
    assert person.chip == "Built-in matcher: looks and words, not meaning · fetching 8B … 11 %"
    engine.end(number, DownloadBroken(name="Qwen3-VL-Reranker-8B", detail="timed out"))
    person.wait(lambda: "What has arrived is kept" in person.notice)
    assert person.chip == "Built-in matcher: looks and words, not meaning"


def test_a_download_can_be_stopped_and_when_it_has_arrived_it_can_be_loaded(begin: Begin, engine: Any) -> None:
    person = begin(QUERY)
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-8B"))
    for name in ("Download …", "Download 17.5 GB"):
        click(button(panel, name))
    first = person.asked(DownloadModel)
    click(button(panel, "Cancel"))
    person.wait(lambda: first in engine.cancelled)
    for name in ("Download …", "Download 17.5 GB"):
        click(button(panel, name))
    second = person.asked(DownloadModel, 2)
    person.wait(lambda: "is being downloaded" in person.notice)
    engine.models = Models(
        (ModelInfo("8B", False, "Qwen3-VL-Reranker-8B", "/hub/8B", 17 * GB, 17 * GB, None, True, ""),), "8B", ()
    )
    engine.end(second)
    person.wait(lambda: "Load" in buttons(panel))
    assert person.notice == "Qwen3-VL-Reranker-8B is not loaded. Load it, or rank with the built-in matcher."


def test_a_check_of_the_files_names_the_damaged_one(begin: Begin, engine: Any) -> None:
    person = begin()
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    click(button(panel, "Check files"))
    number = person.asked(VerifyModel)
    engine.say(number, Verifying("model.safetensors", 1 * GB, 4 * GB))
    person.wait(lambda: "Checking model.safetensors: 1.0 of 4.0 GB" in said(panel))
    error = ModelDamaged(path="/hub/2B", file="model.safetensors", detail="its hash is another")
    engine.end(number, error)
    person.wait(lambda: str(error) in said(panel))


# --- which judge answers -------------------------------------------------------------------------------


@pytest.fixture
def loaded(begin: Begin, engine: Any) -> Person:
    """2B is chosen and loaded; the first question has been answered by it."""
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Load it")
    person.finish_load()
    person.ranked(2)
    return person


def test_another_judge_and_another_budget_are_asked_the_same_question(loaded: Person) -> None:
    loaded.choose("The finder alone")
    assert loaded.ranked(3).judge.is_builtin
    loaded.choose("Qwen3-VL-Reranker-2B")  # still in memory
    assert loaded.ranked(4).judge == JudgeChoice("2B")
    click(button(loaded.open_panel(), "Fast"))
    assert loaded.ranked(5).judge == JudgeChoice("2B", budget=Budget.FAST)
    assert {loaded.ranked(5).query} == {QUERY}
    assert loaded.chip == "Qwen3-VL-Reranker-2B · bfloat16 · Fast"
    settings = loaded.window._settings
    assert (settings.judge, settings.budget, settings.device) == ("2B", "fast", "auto")


def test_choosing_a_model_that_is_not_loaded_leaves_the_ranking_to_be_looked_at(begin: Begin, engine: Any) -> None:
    person = begin(QUERY)
    person.ranked(1)
    engine.score({name: 0.1 * place for place, name in enumerate(FILES, 1)})
    engine.finish()
    person.wait(lambda: person.window.results.model.counts.judged == 5)
    person.choose("Qwen3-VL-Reranker-2B")
    assert "is not loaded" in person.notice
    assert person.window.results.model.counts.judged == 5
    person.ranked(1)


def test_an_aspect_is_asked_of_a_model_too(loaded: Person) -> None:
    """It is told in words what counts."""
    loaded.window.query_bar.set_query(Query(images=(Path("/q/a.png"),), aspect=Aspect.PALETTE))
    assert loaded.window.query_bar.aspect_choice.isEnabled()
    loaded.window.query_bar.submit()
    assert loaded.ranked(3).query.aspect is Aspect.PALETTE


def test_of_a_models_score_no_reasons_are_asked_and_its_judge_is_named(loaded: Person, engine: Any) -> None:
    window = loaded.window
    engine.score({name: 0.1 * place for place, name in enumerate(FILES, 1)})
    engine.finish()
    loaded.wait(lambda: window.session.phase is Phase.FINISHED)
    view, model = window.results.view, window.results.model
    loaded.wait(lambda: model.rank_of(FILES.index("essay.txt")) == 1)
    place = view.visualRect(model.index(0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    loaded.wait(lambda: "essay.txt" in said(window.inspector))
    assert "Qwen3-VL-Reranker-2B" in said(window.inspector)
    assert "0.50" in said(window.inspector)
    assert "1 of 5" in said(window.inspector)
    # Known scores of another question come all at once, just after an update: the place follows the score.
    window.ask(Query("grain"))
    loaded.ranked(3)
    engine.score({"apple.jpg": 0.1})
    loaded.wait(lambda: model.rank_of(FILES.index("apple.jpg")) == 1)
    engine.score({name: 0.1 * place for place, name in enumerate(FILES, 1)}, known=True)
    engine.finish()
    loaded.wait(lambda: "1 of 5" in said(window.inspector))
    loaded.qtbot.wait(150)
    assert engine.asked(Explain) == []


def test_scores_that_lie_together_are_said_to_with_what_helps(loaded: Person, engine: Any) -> None:
    many = [f"{number:02}.jpg" for number in range(20)]
    engine.folders["/people/ada/fog"] = many
    loaded.window.open_folder("/people/ada/fog")
    loaded.ranked(3)
    engine.score({name: 0.5 + number / 1000 for number, name in enumerate(many)})
    engine.finish()
    loaded.wait(lambda: "These results hardly differ: say more exactly what you look for" in loaded.notice)


# --- the engine's end ----------------------------------------------------------------------------------


def test_a_model_lost_with_the_engine_is_loaded_again_once_and_asked_again(loaded: Person, engine: Any) -> None:
    window = loaded.window
    engine.score({"apple.jpg": 0.9})
    loaded.wait(lambda: window.results.model.counts.judged == 1)
    engine.end(engine.ranking, EngineStopped())
    loaded.refuse(3)  # the new engine has no model
    loaded.asked(LoadJudge, 2)
    assert window.results.model.counts.judged == 1  # nothing is cleared
    loaded.finish_load(2)
    assert loaded.ranked(4).judge == JudgeChoice("2B")
    assert window.results.model.counts.judged == 1
    # It takes the engine down once more: this time the person decides.
    engine.end(engine.ranking, EngineStopped())
    loaded.refuse(5)
    loaded.wait(lambda: "is not loaded. Load it" in loaded.notice)
    loaded.asked(LoadJudge, 2)


def test_an_engine_that_ends_while_loading_is_told_and_not_tried_for_ever(begin: Begin, engine: Any) -> None:
    person = begin(QUERY, remembered="2B")
    person.refuse()
    person.wait(lambda: person.notice)
    person.answer("Load it")
    engine.end(person.asked(LoadJudge), EngineStopped())
    person.wait(lambda: person.notice == EngineStopped.sentence)
    assert person.chip == "Qwen3-VL-Reranker-2B is not loaded"
    person.qtbot.wait(100)
    person.asked(LoadJudge)


# --- long jobs -----------------------------------------------------------------------------------------


def test_a_long_job_says_what_it_will_cost_and_offers_a_glance(loaded: Person, engine: Any) -> None:
    loaded.window.desk.set_judge_seconds(0)
    engine.say(engine.ranking, Progress(3, 5, 0, 0.2, 7200.0))
    loaded.wait(lambda: loaded.notice.startswith("2B: 2.0 h to go for this folder."))
    loaded.answer("Use Fast")
    assert loaded.ranked(3).judge == JudgeChoice("2B", budget=Budget.FAST)
    assert loaded.notice == ""
    engine.say(engine.ranking, Progress(3, 5, 0, 0.2, 3600.0))
    loaded.wait(lambda: "60 min to go" in loaded.notice)
    loaded.answer("Go on")
    engine.say(engine.ranking, Progress(4, 5, 0, 0.2, 3500.0))
    loaded.wait(lambda: "4 of 5" in loaded.window.judge_bar.text)
    assert loaded.notice == ""  # said once


def test_what_was_tried_out_is_told_before_the_first_picture(begin: Begin, engine: Any) -> None:
    engine.speeds["2B"] = 0.005
    person = begin(QUERY)
    person.window.desk.set_judge_seconds(0)
    person.ranked(1)
    panel = person.open_panel()
    click(button(panel, "Qwen3-VL-Reranker-2B"))
    person.wait(lambda: "2B: about 0.01 pictures/s here, 17 min for this folder" in said(panel))
    click(button(panel, "Load"))
    person.finish_load()
    person.ranked(2)
    person.wait(lambda: "17 min for this folder" in person.notice)
    engine.say(engine.ranking, Progress(4, 5, 0, 30.0, 2.0))  # most of it was known already
    person.wait(lambda: person.notice == "")


def test_the_built_in_matcher_never_warns(begin: Begin, engine: Any) -> None:
    person = begin(QUERY)
    listing = person.ranked(1).listing
    assert isinstance(listing, Listing)
    engine.say(engine.ranking, Progress(3, 5, 0, 0.2, 7200.0))
    person.wait(lambda: "3 of 5" in person.window.judge_bar.text)
    assert person.notice == ""
