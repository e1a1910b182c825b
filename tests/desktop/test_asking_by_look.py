"""Asking by look in the assembled window: aspects, parts of pictures, why a score, and honesty about what is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu

from core import Aspect, Explain, Explanation, MakePreview, Query, Rank, Region, Settled, Where, WordMet
from core.errors import NothingToGoOn
from desktop.main_window import MainWindow
from desktop.session import Phase

# What the offscreen platform says of menus and popups, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

FOLDER, OTHER = "/people/ada/Photos", "/people/ada/Client A"
FILES = ["apple.jpg", "bread.jpg", "cup.png", "door.mp4", "essay.txt"]
TREE = Path("/pictures/tree.jpg")
PART = Region(0.25, 0.25, 0.75, 0.75)
NONE = Qt.KeyboardModifier.NoModifier

Ranked = Callable[..., MainWindow]


@pytest.fixture
def ranked(open_window: Callable[..., MainWindow], engine: Any, qtbot: Any) -> Ranked:
    """The window on FOLDER, ranked by a query: essay, door, cup, bread, apple; a tenth apart."""
    engine.folders = {FOLDER: FILES, OTHER: ["fox.jpg", "goat.jpg"]}

    def make(query: Query, *, finish: bool = True, best: float = 0.5) -> MainWindow:
        window = open_window(FOLDER, query)
        qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
        engine.score({name: best * place / 5 for place, name in enumerate(FILES, 1)})
        if finish:
            engine.finish()
            qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
        qtbot.waitUntil(lambda: window.results.model.counts.judged == 5)
        return window

    return make


def newest(engine: Any, kind: Any) -> Any:
    return engine.requests[engine.asked(kind)[-1]]


def select(window: MainWindow, name: str, qtbot: Any) -> None:
    view, model = window.results.view, window.results.model
    names = [model.name_of(int(id_)) for id_ in model.order]
    rect = view.visualRect(model.index(names.index(name)))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, rect.center())

    def is_inspected() -> bool:
        file = window.inspector.preview.file()
        return file is not None and file.name == name

    qtbot.waitUntil(is_inspected)


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, key, modifiers)


# --- the aspect ------------------------------------------------------------------------------------------


def test_another_aspect_ranks_again_at_once_and_find_similar_keeps_it(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query(images=(TREE,)))
    window.query_bar.aspect_choice.setFocus()
    press(Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert newest(engine, Rank).query == Query(images=(TREE,), aspect=Aspect.PALETTE)
    window.find_similar(f"{FOLDER}/cup.png")
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 3)
    assert newest(engine, Rank).query == Query(images=(Path(FOLDER, "cup.png"),), aspect=Aspect.PALETTE)


# --- a part of a picture ---------------------------------------------------------------------------------


def test_a_part_of_the_querys_picture_is_chosen_and_ranked_by(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("warm", images=(TREE,)))
    (chip,) = window.query_bar.chips()
    chip.setFocus()
    press(Qt.Key.Key_Return)
    picker = window.region_picker
    assert picker.isVisible()
    qtbot.waitUntil(picker.view.hasFocus)  # the picture is there
    assert newest(engine, MakePreview).path == str(TREE)
    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Return)
    assert picker.isHidden()
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert newest(engine, Rank).query == Query("warm", images=(TREE,), regions=(PART,))
    assert window.query_bar.chips()[0].text() == "part of tree.jpg"
    # And back to the whole.
    QTest.mouseClick(window.query_bar.chips()[0], Qt.MouseButton.LeftButton, NONE, QPoint(10, 10))
    assert picker.view.region() == PART
    qtbot.waitUntil(picker.view.has_picture)
    picker.whole_button.click()
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 3)
    assert newest(engine, Rank).query == Query("warm", images=(TREE,))


def test_esc_in_the_picker_neither_stops_nor_clears(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query(images=(TREE,)), finish=False)
    window.query_bar.chips()[0].region_wanted.emit()
    qtbot.waitUntil(window.region_picker.view.hasFocus)
    press(Qt.Key.Key_Escape)
    assert window.region_picker.isHidden()
    assert window.session.phase is Phase.RUNNING
    assert window.query_bar.query() == Query(images=(TREE,))


@pytest.mark.parametrize("place", ["inspector", "loupe", "menu"])
def test_a_part_of_a_result_becomes_the_query(ranked: Ranked, engine: Any, qtbot: Any, place: str) -> None:
    window = ranked(Query("wood"))
    select(window, "cup.png", qtbot)
    if place == "inspector":
        window.inspector.part_button.click()
    elif place == "loupe":
        press(Qt.Key.Key_Space)
        press(Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    else:
        view = window.results.view
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), view.mapToGlobal(QPoint()))
        QApplication.sendEvent(view.viewport(), event)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        next(action for action in menu.actions() if action.text() == "Find similar to a part …").trigger()
        menu.close()
        window.activateWindow()  # which the offscreen platform may leave to the menu that is gone
        qtbot.waitUntil(window.isActiveWindow)
    picker = window.region_picker
    assert picker.isVisible()
    qtbot.waitUntil(picker.view.has_picture)
    picker.view.setFocus()
    press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert newest(engine, Rank).query == Query(images=(Path(FOLDER, "cup.png"),), regions=(PART,))
    assert window.loupe.isHidden()


# --- why -------------------------------------------------------------------------------------------------

WHY = Explanation((("palette", 0.8), ("layout", 0.1)), (WordMet("wood", 1.0, Where.NAME),))


def test_why_is_asked_of_the_selected_file_and_shown(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    engine.explanations = {"cup.png": WHY, "door.mp4": Explanation(stretch=(12, 18))}
    window = ranked(Query("wood"))
    assert engine.asked(Explain) == []
    select(window, "cup.png", qtbot)
    qtbot.waitUntil(lambda: window.inspector.why.said() == ["Palette 0.80", "Layout 0.10", "wood: in the name"])
    request = newest(engine, Explain)
    assert (request.query, request.row) == (Query("wood"), FILES.index("cup.png"))
    assert request.judge.is_builtin
    select(window, "door.mp4", qtbot)
    qtbot.waitUntil(lambda: window.inspector.why.said() == ["Best from 0:12 to 0:18"])
    select(window, "apple.jpg", qtbot)  # of which the engine says nothing
    qtbot.waitUntil(lambda: window.inspector.why.isHidden())
    assert len(engine.asked(Explain)) == 3


def test_why_is_asked_again_when_the_score_changes_and_only_then(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    engine.explanations = {"cup.png": WHY}
    window = ranked(Query("wood"), finish=False)
    select(window, "cup.png", qtbot)
    qtbot.waitUntil(lambda: bool(window.inspector.why.said()))
    engine.score({"apple.jpg": 0.9})
    engine.score({"cup.png": 0.95})
    qtbot.waitUntil(lambda: len(engine.asked(Explain)) == 2)
    engine.finish()
    qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
    window._inspect()
    assert len(engine.asked(Explain)) == 2
    assert window.inspector.why.said()


def test_why_is_not_asked_before_there_is_a_score(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("wood"))
    window.open_folder(OTHER)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    qtbot.waitUntil(lambda: window.results.model.counts.shown == 2)
    select(window, "fox.jpg", qtbot)
    assert engine.asked(Explain) == []
    engine.score({"fox.jpg": 0.4})
    qtbot.waitUntil(lambda: len(engine.asked(Explain)) == 1)


def test_an_explanation_that_is_no_longer_wanted_is_given_up(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("wood"))
    # An engine that has not answered yet.
    start: Callable[[Any], int] = engine.start
    engine.start = lambda request: _number(engine, request, start)
    select(window, "cup.png", qtbot)
    qtbot.waitUntil(lambda: len(engine.asked(Explain)) == 1)
    first = engine.asked(Explain)[0]
    select(window, "bread.jpg", qtbot)
    qtbot.waitUntil(lambda: first in engine.cancelled)
    qtbot.waitUntil(lambda: len(engine.asked(Explain)) == 2)
    engine.say(first, WHY)
    engine.say(engine.asked(Explain)[1], Explanation((("same", 1.0),)))
    qtbot.waitUntil(lambda: window.inspector.why.said() == ["Same picture 1.00"])
    window.query_bar.clear()
    assert window.inspector.why.isHidden()


def _number(engine: Any, request: Any, start: Callable[[Any], int]) -> int:
    if not isinstance(request, Explain):
        return start(request)
    number = len(engine.requests) + 1
    engine.requests[number] = request
    return number


# --- honesty ---------------------------------------------------------------------------------------------


def test_how_the_words_were_taken_is_said_while_they_are_asked(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("pale blue background dog"), finish=False)
    engine.understand(("pale blue background",), ("dog",))
    qtbot.waitUntil(
        lambda: window.results.words_on_order() == "Looks: pale blue background · Words in names and texts: dog"
    )
    window.query_bar.set_query(Query("黑白竖图"))
    window.query_bar.submit()
    assert window.results.words_on_order() == ""
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    engine.understand(("黑白", "竖图"), ())
    qtbot.waitUntil(lambda: window.results.words_on_order() == "Looks: 黑白, 竖图")
    window.query_bar.clear()
    assert window.results.words_on_order() == ""


def test_without_words_nothing_is_said_of_them(ranked: Ranked, engine: Any) -> None:
    window = ranked(Query(images=(TREE,)))
    assert window.results.words_on_order() == ""


def test_nothing_to_go_on_is_told_and_no_result_pretends_to_be_better(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("a happy dog"), finish=False, best=0.0)
    engine.understand((), ("a", "happy", "dog"))
    engine.remark(NothingToGoOn(words="a happy dog"))
    engine.finish()
    qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
    qtbot.waitUntil(lambda: window.results.words_on_order() == "No result is better than another")
    model = window.results.model
    assert [model.name_of(int(id_)) for id_ in model.order] == FILES  # as listed
    assert "“a happy dog”" in window.notice.text
    select(window, "cup.png", qtbot)
    assert window.inspector.words() == ""  # no rank
    assert "“a happy dog”" in window.notice.text
    window.query_bar.set_query(Query("oak"))
    window.query_bar.submit()
    assert window.notice.text == ""


def test_the_notice_lapses_once_a_file_comes_that_speaks_of_the_words(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("a happy dog"), finish=False, best=0.0)
    nothing = NothingToGoOn(words="a happy dog")
    engine.remark(nothing)
    engine.say(engine.ranking, Settled(nothing))
    qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
    assert "“a happy dog”" in window.notice.text
    engine.say(engine.ranking, Settled())
    qtbot.waitUntil(lambda: window.notice.text == "")


def test_another_folder_takes_the_notice_of_the_last_one_away(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(Query("a happy dog"), finish=False, best=0.0)
    engine.remark(NothingToGoOn(words="a happy dog"))
    engine.finish()
    qtbot.waitUntil(lambda: "“a happy dog”" in window.notice.text)
    window.open_folder(OTHER)
    qtbot.waitUntil(lambda: window.notice.text == "")


def test_what_the_judge_sees_and_does_not_see_is_told_on_request(ranked: Ranked, qtbot: Any) -> None:
    window = ranked(Query("wood"))
    chip = window.judge_bar.chip
    lines = chip.accessibleDescription().split("\n")
    assert len(lines) == 3
    assert "Can't see what is in a picture" in lines[2]
    assert all(line.split("'")[0] in chip.toolTip() for line in lines)
    chip.setFocus()
    press(Qt.Key.Key_Space)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    said = "\n".join(label.text() for label in popup.findChildren(QLabel) if label.isVisible())
    assert all(line in said for line in lines)
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert popup.isHidden()


@pytest.mark.parametrize("words", ["", "long words " * 60])
def test_a_narrow_window_stays_usable(ranked: Ranked, engine: Any, qtbot: Any, words: str) -> None:
    window = ranked(Query(words, images=(TREE, Path("/pictures/" + "x" * 200 + ".jpg"), Path("/a.png"))), finish=False)
    engine.understand(tuple(words.split()), tuple(words.split()))
    engine.finish()
    window.resize(820, 620)
    qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
    QApplication.processEvents()
    assert window.width() == 820
    assert window.query_bar.words.width() >= 200
    window.grab()
