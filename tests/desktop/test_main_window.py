"""The assembled window, used as a person uses it: over a played engine, and the whole story over the real one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPalette,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSlider,
    QWidget,
)

from core import Kind, MakeThumbnails, Query, Rank, Scan, Unlisted
from core.errors import (
    AddressRefused,
    CatalogReadOnly,
    EngineStopped,
    FileEmpty,
    FolderForbidden,
    FolderMissing,
    QueryEmpty,
    ReferenceUnreadable,
)
from core.jobs import Notice
from desktop.main_window import MainWindow
from desktop.preview import ElidedLabel
from desktop.session import Phase
from resources import SAMPLE_QUERY, samples_folder

# What the offscreen platform says of menus, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

Open = Callable[..., MainWindow]
FOLDER, OTHER = "/people/ada/Photos", "/people/ada/Client A"
FILES = ["apple.jpg", "bread.jpg", "cup.png", "door.mp4", "essay.txt"]
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture(autouse=True)
def some_folders(engine: Any) -> None:
    engine.folders = {
        FOLDER: FILES,
        OTHER: ["fox.jpg", "goat.jpg"],
        "/people/ada/empty": [],
        str(samples_folder()): [SAMPLE_QUERY.name, "forest.jpg"],
    }


# --- what a person sees and does ---------------------------------------------------------------------


def phase(window: MainWindow) -> Phase:
    return window.session.phase


def names(window: MainWindow) -> list[str]:
    """The grid's files in the order shown."""
    model = window.results.model
    return [model.name_of(int(id_)) for id_ in model.order]


def said(window: QWidget) -> str:
    """Every word that can be read, top to bottom of the widget tree."""
    widgets = [widget for widget in window.findChildren(QWidget) if widget.isVisible()]
    return "\n".join(widget.text() for widget in widgets if isinstance(widget, QLabel | QAbstractButton))


def button(window: QWidget, name: str) -> QAbstractButton:
    """The visible button that says, or that a screen reader calls, this."""
    found = [
        widget
        for widget in window.findChildren(QAbstractButton)
        if widget.isVisible() and name in (widget.text(), widget.accessibleName())
    ]
    assert len(found) == 1, f"{len(found)} buttons are called {name}"
    return found[0]


def click(widget: QWidget, at: QPoint | None = None) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, NONE, at or widget.rect().center())


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """A key, wherever the focus is."""
    focus = QApplication.focusWidget() or QApplication.activeWindow()
    assert focus is not None
    QTest.keyClick(focus, key, modifiers)


def ask_words(window: MainWindow, words: str) -> None:
    press(Qt.Key.Key_L, CONTROL)
    focus = QApplication.focusWidget()
    assert isinstance(focus, QLineEdit)
    QTest.keyClicks(focus, words)
    press(Qt.Key.Key_Return)


def drop(window: MainWindow, mime: QMimeData, at: QPoint | None = None) -> None:
    """As the system does: the widget under the pointer that takes drops is asked, then given it."""
    point = at or window.results.mapTo(window, window.results.rect().center())
    target: QWidget | None = window.childAt(point)
    while target is not None and not target.acceptDrops():
        target = target.parentWidget()
    assert target is not None
    inside = target.mapFrom(window, point)
    copy, left = Qt.DropAction.CopyAction | Qt.DropAction.LinkAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(inside, copy, mime, left, NONE)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(inside), copy, mime, left, NONE))
    QApplication.processEvents()


def files(*paths: str | Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def choose(window: MainWindow, monkeypatch: pytest.MonkeyPatch, folder: str | Path) -> None:
    """Add a folder through the dialog, which is the system's: here it answers at once."""
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: dialog.fileSelected.emit(str(folder)))
    click(button(window, "Add a folder to the library"))


def select(window: MainWindow, name: str) -> None:
    """Click a file in the grid."""
    view, model = window.results.view, window.results.model
    index = model.index(names(window).index(name))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, view.visualRect(index).center())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was given to other programs, in place of starting them."""
    urls: list[str] = []

    class Desktop:
        @staticmethod
        def openUrl(url: QUrl) -> bool:
            urls.append(url.toLocalFile())
            return True

    for place in ("desktop.main_window", "desktop.opening"):
        monkeypatch.setattr(f"{place}.QDesktopServices", Desktop)
    return urls


Ranked = Callable[..., MainWindow]


@pytest.fixture
def ranked(open_window: Open, engine: Any, qtbot: Any) -> Ranked:
    """The window on FOLDER, ranked by words: essay, door, cup, bread, apple; half a tenth apart."""

    def make(*, finish: bool = True) -> MainWindow:
        window = open_window(FOLDER, Query(text="wood"))
        qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
        engine.score({name: 0.1 * place for place, name in enumerate(FILES, 1)})
        if finish:
            engine.finish()
            qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED)
        qtbot.waitUntil(lambda: names(window) == FILES[::-1])
        return window

    return make


# --- the whole story, on the real engine ---------------------------------------------------------------


@pytest.mark.usefixtures("untouched")
def test_a_new_person_picks_a_folder_drops_a_picture_types_words_drops_a_clip(
    open_window: Open, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    reference = tmp_path / "elsewhere.png"
    Image.new("RGB", (80, 60), "#d01818").save(reference)

    # The first start: not an empty window but the samples, ranked, and what to do next.
    window = open_window(real=True)
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED, timeout=30_000)
    assert names(window)[0] == SAMPLE_QUERY.name
    assert "These are sample pictures" in window.notice.text

    choose(window, monkeypatch, photos)
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED and "red.png" in names(window), timeout=20_000)
    # It is finished for the moment: what is still being listed, or turns out broken, comes after.
    qtbot.waitUntil(lambda: window.notice.text == "" and "2 can't be scored" in said(window), timeout=20_000)

    drop(window, files(reference))
    qtbot.waitUntil(lambda: window.session.query == Query(images=(SAMPLE_QUERY, reference)))
    window.query_bar.chips()[0].removed.emit()  # the sample's chip is still there: take it out
    qtbot.waitUntil(
        lambda: phase(window) is Phase.FINISHED and window.session.query == Query(images=(reference,)),
        timeout=20_000,
    )
    # The clip begins in this red too: they may share the first place.
    qtbot.waitUntil(lambda: set(names(window)[:2]) == {"red.png", "ember.mp4"}, timeout=20_000)
    qtbot.waitUntil(lambda: len(names(window)) == 7)  # the two broken ones are not among them
    # Thumbnails of everything on the screen.
    model, view = window.results.model, window.results.view
    pictures = [int(id_) for id_ in model.order if model.kind_of(int(id_)) is not Kind.TEXT]
    qtbot.waitUntil(lambda: all(view.thumbnail(id_) is not None for id_ in pictures), timeout=20_000)

    # Words, with Enter.
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED)  # else Esc would stop, not clear
    press(Qt.Key.Key_Escape)
    assert phase(window) is Phase.NONE
    ask_words(window, "green")
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED and names(window)[0] == "green.webp", timeout=20_000)

    # A clip.
    press(Qt.Key.Key_Escape)
    drop(window, files(photos / "ember.mp4"))
    qtbot.waitUntil(
        lambda: (
            phase(window) is Phase.FINISHED
            # It goes from the one red to the other: all three are as near as can be.
            and set(names(window)[:3]) == {"ember.mp4", "red.png", "dark red.jpg"}
        ),
        timeout=20_000,
    )

    # The same again is answered from the catalog, by a new engine.
    scores = window.results.model.scores.tolist()
    window.close()
    again = open_window(real=True)
    known: list[bool] = []
    again._link.produced.connect(
        lambda messages: known.extend(event.known for _, event in messages if hasattr(event, "known"))
    )
    drop(again, files(photos / "ember.mp4"))
    qtbot.waitUntil(lambda: phase(again) is Phase.FINISHED, timeout=20_000)
    same = pytest.approx(scores, nan_ok=True)
    qtbot.waitUntil(lambda: again.results.model.scores.tolist() == same, timeout=20_000)
    assert known
    assert all(known)


# --- picking, dropping, typing ---------------------------------------------------------------------------


def test_the_first_start_shows_the_samples_being_ranked(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window()
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    assert engine.requests[engine.ranking].query == Query(images=(SAMPLE_QUERY,))
    assert "Sample library" in window.windowTitle()
    assert "add a folder of your own" in window.notice.text
    assert button(window.notice, "Add folder …").isEnabled()


def test_a_folder_without_a_query_is_shown_by_date(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: names(window) == FILES)
    assert engine.asked(Rank) == []
    qtbot.waitUntil(lambda: "5 files" in said(window))
    assert window.results.sort.currentText() == "Newest first"
    assert "Photos" in window.windowTitle()


def test_a_dropped_picture_starts_by_itself_and_the_rest_dims_meanwhile(
    open_window: Open, engine: Any, qtbot: Any
) -> None:
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: names(window) == FILES)
    mime = files("/pictures/tree.jpg")
    enter = QDragEnterEvent(QPoint(300, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, NONE)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.drop_place.isVisible()
    assert window.drop_place.text() == "Drop to find what looks like it"
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert window.drop_place.isHidden()
    drop(window, mime)
    assert window.drop_place.isHidden()
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    assert engine.requests[engine.ranking].query == Query(images=(Path("/pictures/tree.jpg"),))


def test_results_come_in_best_first_and_the_bar_says_how_far_it_is(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: names(window) == FILES)
    ask_words(window, "warm light")
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    assert engine.requests[engine.ranking].query == Query(text="warm light")
    assert window.results.sort.currentText() == "Best first"
    engine.score({"cup.png": 0.4})
    qtbot.waitUntil(lambda: names(window)[0] == "cup.png")
    engine.score({"door.mp4": 0.9, "apple.jpg": 0.1})
    qtbot.waitUntil(lambda: names(window)[:3] == ["door.mp4", "cup.png", "apple.jpg"])
    assert window.judge_bar.text == "2 of 5 · 12/s · 3 s left"
    assert button(window.judge_bar, "Stop").isEnabled()
    engine.refuse({"bread.jpg": FileEmpty()})
    qtbot.waitUntil(lambda: "1 can't be scored" in said(window.judge_bar))
    engine.finish()
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED)
    assert window.query_bar.rank_button.text() == "Rank"
    qtbot.waitUntil(lambda: "4 results · 1 can't be scored" in said(window))


def test_a_new_query_replaces_the_running_one_at_once(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    first = engine.ranking
    drop(window, files("/pictures/tree.jpg"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert first in engine.cancelled
    engine.score({"apple.jpg": 0.8})
    qtbot.waitUntil(lambda: names(window)[0] == "apple.jpg")


def test_a_picture_from_a_browser_is_taken_and_its_address_alone_refused(
    open_window: Open, engine: Any, home: Path, qtbot: Any
) -> None:
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: names(window) == FILES)
    address = QMimeData()
    address.setUrls([QUrl("https://example.org/cat.jpg")])
    drop(window, address)
    qtbot.waitUntil(lambda: window.query_bar.message() == AddressRefused.sentence)
    assert engine.asked(Rank) == []
    picture, buffer = QImage(8, 8, QImage.Format.Format_RGB32), QBuffer()
    picture.fill(Qt.GlobalColor.red)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    address.setData("image/png", buffer.data())
    drop(window, address)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    (kept,) = engine.requests[engine.ranking].query.images
    assert kept.parent == home / "pasted"
    assert kept.read_bytes() == bytes(buffer.data().data())


def test_selected_text_dropped_becomes_words(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER)
    mime = QMimeData()
    mime.setText("  a wooden\n table ")
    drop(window, mime)
    qtbot.waitUntil(lambda: window.query_bar.words.text() == "a wooden table")


def test_pasting_works_as_dropping_does(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: names(window) == FILES)
    QApplication.clipboard().setMimeData(files("/pictures/tree.jpg"))
    press(Qt.Key.Key_2, CONTROL)
    press(Qt.Key.Key_V, CONTROL)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)


@pytest.mark.parametrize("over_library", [False, True])
def test_a_folder_dropped_anywhere_is_opened_and_remembered(
    open_window: Open, engine: Any, tmp_path: Path, over_library: bool, qtbot: Any
) -> None:
    (tmp_path / "dropped").mkdir()
    engine.folders[str(tmp_path / "dropped")] = ["leaf.jpg"]
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: window._settings.roots == [FOLDER])
    point = window.library.mapTo(window, window.library.rect().center()) if over_library else None
    drop(window, files(tmp_path / "dropped"), point)
    qtbot.waitUntil(lambda: names(window) == ["leaf.jpg"])
    assert window._settings.roots == [FOLDER, str(tmp_path / "dropped")]
    assert window._settings.recent[0] == str(tmp_path / "dropped")


def test_enter_on_an_empty_bar_says_what_to_do(open_window: Open, engine: Any) -> None:
    window = open_window(FOLDER)
    press(Qt.Key.Key_L, CONTROL)
    press(Qt.Key.Key_Return)
    assert window.query_bar.message() == QueryEmpty.sentence
    assert engine.asked(Rank) == []


# --- stopping, clearing, asking again --------------------------------------------------------------------


def test_esc_stops_then_clears(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    press(Qt.Key.Key_Escape)
    assert phase(window) is Phase.STOPPED
    assert "stopped" in window.judge_bar.text
    assert names(window) == FILES[::-1]  # what is scored stays
    press(Qt.Key.Key_Escape)
    assert phase(window) is Phase.NONE
    assert not window.query_bar.query()
    qtbot.waitUntil(lambda: names(window) == FILES)  # by date, as before any query


@pytest.mark.parametrize("where", ["query bar", "judge bar"])
def test_either_stop_button_stops(ranked: Ranked, where: str) -> None:
    window = ranked(finish=False)
    click(button(window.query_bar, "Stop ranking") if where == "query bar" else button(window.judge_bar, "Stop"))
    assert phase(window) is Phase.STOPPED


def test_f_makes_the_current_file_the_query(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    select(window, "cup.png")
    press(Qt.Key.Key_F)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert engine.requests[engine.ranking].query == Query(images=(Path(FOLDER, "cup.png"),))
    assert [chip.path.name for chip in window.query_bar.chips()] == ["cup.png"]
    assert window.query_bar.words.text() == ""


def context_menu(window: MainWindow, qtbot: Any) -> QMenu:
    view = window.results.view
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), view.mapToGlobal(QPoint(0, 0)))
    QApplication.sendEvent(view.viewport(), event)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def pick(menu: QMenu, text: str) -> None:
    action = next(action for action in menu.actions() if action.text() == text)
    assert action.isEnabled()
    action.trigger()
    menu.close()


def test_the_context_menu_finds_similar_opens_and_copies(
    ranked: Ranked, engine: Any, opened: list[str], qtbot: Any
) -> None:
    window = ranked()
    select(window, "door.mp4")
    pick(context_menu(window, qtbot), "Open")
    assert opened == [f"{FOLDER}/door.mp4"]
    pick(context_menu(window, qtbot), "Copy path")
    clipboard = QApplication.clipboard()
    assert clipboard.text() == f"{FOLDER}/door.mp4"
    assert [url.toLocalFile() for url in clipboard.mimeData().urls()] == [f"{FOLDER}/door.mp4"]
    pick(context_menu(window, qtbot), "Find similar")
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert engine.requests[engine.ranking].query == Query(videos=(Path(FOLDER, "door.mp4"),))


def test_a_text_cannot_be_the_query_and_says_why(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    select(window, "essay.txt")
    press(Qt.Key.Key_F)
    assert "A document can't be the query" in window.query_bar.message()
    similar = next(action for action in context_menu(window, qtbot).actions() if action.text() == "Find similar")
    assert not similar.isEnabled()
    assert len(engine.asked(Rank)) == 1
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.close()


def test_the_query_follows_to_another_folder(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    window.open_folder(OTHER)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert engine.requests[engine.ranking].query == Query(text="wood")
    engine.score({"goat.jpg": 0.9, "fox.jpg": 0.2})
    qtbot.waitUntil(lambda: names(window) == ["goat.jpg", "fox.jpg"])


def test_a_click_in_the_library_opens_that_folder(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    window.open_folder(OTHER)
    qtbot.waitUntil(lambda: "fox.jpg" in names(window))
    tree = window.library.tree
    (row, *_) = [item for item in tree.all_items() if item.text(0) == "Photos"]
    click(tree.viewport(), tree.visualItemRect(row).center())
    qtbot.waitUntil(lambda: "apple.jpg" in names(window))


# --- sorting and filtering ---------------------------------------------------------------------------


def test_results_are_sorted_by_name_date_or_score(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    for text, order in (("Name", FILES), ("Best first", FILES[::-1]), ("Newest first", FILES)):
        window.results.sort.setCurrentText(text)
        qtbot.waitUntil(lambda order=order: names(window) == order)


def test_kinds_can_be_left_out_and_taken_back(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    click(button(window, "Show pictures"))
    qtbot.waitUntil(lambda: names(window) == ["essay.txt", "door.mp4"])
    click(button(window, "Show documents"))
    qtbot.waitUntil(lambda: names(window) == ["door.mp4"])
    click(button(window, "Show clips"))
    qtbot.waitUntil(lambda: "Nothing of this kind here" in said(window))
    click(button(window, "Show all kinds"))
    qtbot.waitUntil(lambda: names(window) == FILES[::-1])
    qtbot.waitUntil(lambda: "Nothing of this kind here" not in said(window))


def test_the_line_is_drawn_by_the_slider_and_lowered_by_one_click(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    (slider,) = [slider for slider in window.findChildren(QSlider) if slider.accessibleName() == "Minimum score"]
    assert slider.isVisible()
    slider.setFocus()
    for _ in range(3):
        press(Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: names(window) == ["essay.txt", "door.mp4", "cup.png"])
    qtbot.waitUntil(lambda: "3 results" in said(window))
    press(Qt.Key.Key_End)
    qtbot.waitUntil(lambda: "Nothing over the line" in said(window))
    assert "No result scores 1.00 or more." in said(window)
    click(button(window, "Lower the line"))
    qtbot.waitUntil(lambda: names(window) == FILES[::-1])


# --- the keyboard ------------------------------------------------------------------------------------


def test_keys_lead_to_every_panel(ranked: Ranked) -> None:
    window = ranked()
    for key, panel in (
        (Qt.Key.Key_1, window.library),
        (Qt.Key.Key_2, window.results),
        (Qt.Key.Key_3, window.inspector),
        (Qt.Key.Key_L, window.query_bar),
    ):
        press(key, CONTROL)
        focus = QApplication.focusWidget()
        assert focus is not None, panel
        assert panel is focus or panel.isAncestorOf(focus), panel


@pytest.mark.parametrize(("hide", "key"), [(Qt.Key.Key_F9, Qt.Key.Key_1), (Qt.Key.Key_F10, Qt.Key.Key_3)])
def test_a_panel_folded_away_comes_back_when_it_is_gone_to(ranked: Ranked, hide: Qt.Key, key: Qt.Key) -> None:
    window = ranked()
    panel = window.library if hide == Qt.Key.Key_F9 else window.inspector
    press(hide)
    assert panel.isHidden()
    press(key, CONTROL)
    assert panel.isVisible()


def test_space_shows_large_arrows_move_there_and_esc_or_space_close(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    select(window, "door.mp4")
    press(Qt.Key.Key_Space)
    assert window.loupe.isVisible()
    assert "door.mp4" in window.loupe.accessibleDescription() or "2 of 5" in window.loupe.words()
    press(Qt.Key.Key_Right)
    assert window.loupe.words().startswith("3 of 5")
    assert names(window)[window.results.model.position_of(window.results.view.current_id) or 0] == "cup.png"
    press(Qt.Key.Key_Left)
    press(Qt.Key.Key_Left)
    assert window.loupe.words().startswith("1 of 5")
    press(Qt.Key.Key_Left)  # there is nothing before the first
    assert window.loupe.words().startswith("1 of 5")
    press(Qt.Key.Key_Escape)
    assert window.loupe.isHidden()
    assert phase(window) is Phase.FINISHED  # that Esc was the loupe's alone
    assert window.query_bar.query() == Query(text="wood")
    assert window.results.view.hasFocus()
    press(Qt.Key.Key_Space)
    press(Qt.Key.Key_Space)
    assert window.loupe.isHidden()


def test_enter_and_double_click_open_in_the_files_own_program(ranked: Ranked, opened: list[str]) -> None:
    window = ranked()
    select(window, "cup.png")
    press(Qt.Key.Key_Return)
    assert opened == [f"{FOLDER}/cup.png"]
    view = window.results.view
    at = view.visualRect(window.results.model.index(0)).center()
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, at)
    assert opened[1:] == [f"{FOLDER}/essay.txt"]


def test_what_no_program_opens_is_told(ranked: Ranked, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        @staticmethod
        def openUrl(url: QUrl) -> bool:
            return False

    monkeypatch.setattr("desktop.opening.QDesktopServices", Nothing)
    window = ranked()
    select(window, "cup.png")
    press(Qt.Key.Key_Return)
    assert window.notice.text == f"No program on this computer opens {FOLDER}/cup.png."


def test_in_the_loupe_too_enter_opens_and_f_finds_similar(
    ranked: Ranked, engine: Any, opened: list[str], qtbot: Any
) -> None:
    window = ranked()
    select(window, "cup.png")
    press(Qt.Key.Key_Space)
    press(Qt.Key.Key_Return)
    assert opened == [f"{FOLDER}/cup.png"]
    press(Qt.Key.Key_F)
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert engine.requests[engine.ranking].query == Query(images=(Path(FOLDER, "cup.png"),))


def test_control_plus_and_minus_change_the_size_wherever_the_focus_is(ranked: Ranked) -> None:
    window = ranked()
    view = window.results.view
    for key in (Qt.Key.Key_L, Qt.Key.Key_2):
        press(key, CONTROL)
        before = view.cell_size
        press(Qt.Key.Key_Plus, CONTROL)
        larger = view.cell_size
        assert larger > before
        assert window.results.cells.value() == larger
        press(Qt.Key.Key_Minus, CONTROL)
        assert view.cell_size < larger


def test_f5_reads_the_folder_again(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    engine.folders[FOLDER] = [*FILES, "fig.jpg"]
    press(Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: "fig.jpg" in names(window))
    assert len(engine.asked(Rank)) == 2


def test_f5_on_the_samples_reads_the_samples_again(open_window: Open, engine: Any, qtbot: Any) -> None:
    open_window()
    qtbot.waitUntil(lambda: len(engine.asked(Scan)) == 1)
    press(Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: len(engine.asked(Scan)) == 2)
    assert {engine.requests[number].folder for number in engine.asked(Scan)} == {str(samples_folder())}


# --- the inspector -----------------------------------------------------------------------------------


def test_the_inspector_follows_the_selection(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    assert "Select a result to see it large" in said(window.inspector)
    select(window, "door.mp4")
    qtbot.waitUntil(lambda: "2 of 5" in said(window.inspector))
    assert "door.mp4" in said(window.inspector)
    assert "0.40" in said(window.inspector)
    press(Qt.Key.Key_A, CONTROL)
    qtbot.waitUntil(lambda: "5 selected" in said(window.inspector))


def test_the_inspectors_buttons_act_on_its_file(ranked: Ranked, engine: Any, opened: list[str], qtbot: Any) -> None:
    window = ranked()
    select(window, "cup.png")
    qtbot.waitUntil(lambda: "cup.png" in said(window.inspector))
    click(button(window.inspector, "Open"))
    assert opened == [f"{FOLDER}/cup.png"]
    click(button(window.inspector, "Copy path"))
    assert QApplication.clipboard().text() == f"{FOLDER}/cup.png"
    click(button(window.inspector, "Find similar files"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)


def test_the_selection_survives_what_comes_in_later(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    select(window, "cup.png")
    engine.score({"apple.jpg": 0.99})
    qtbot.waitUntil(lambda: window.results.model.rank_of(FILES.index("apple.jpg")) == 1)
    chosen = [FILES[int(id_)] for id_ in window.results.view.selected_ids()]
    assert chosen == ["cup.png"]


# --- states ------------------------------------------------------------------------------------------


def test_an_empty_folder_says_so_and_offers_another(open_window: Open, qtbot: Any) -> None:
    window = open_window("/people/ada/empty")
    qtbot.waitUntil(lambda: "No pictures, clips or documents here" in said(window))
    assert "Choose another folder, or drop one here." in said(window)
    assert button(window.results, "Add folder …").isEnabled()


def test_without_subfolders_an_empty_folder_offers_to_look_inside(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window("/people/ada/empty")
    window.library.recursive_box.click()
    qtbot.waitUntil(lambda: "There may be some in the folders inside." in said(window))
    engine.folders["/people/ada/empty"] = ["inside.jpg"]
    click(button(window.results, "Include subfolders"))
    qtbot.waitUntil(lambda: names(window) == ["inside.jpg"])
    assert engine.requests[engine.asked(Scan)[-1]].recursive


def test_a_folder_that_is_away_is_tried_again(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window("/media/drive", Query(text="wood"))
    qtbot.waitUntil(lambda: "This folder can't be opened" in said(window))
    assert str(FolderMissing(path="/media/drive")) in said(window)
    assert window.query_bar.rank_button.text() == "Rank"  # nothing runs
    engine.folders["/media/drive"] = ["back.jpg"]
    click(button(window, "Try again"))
    qtbot.waitUntil(lambda: names(window) == ["back.jpg"])
    assert "This folder can't be opened" not in said(window)
    qtbot.waitUntil(lambda: phase(window) is Phase.RUNNING)  # and the question is asked


def test_files_of_which_none_can_be_scored(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(OTHER, Query(text="wood"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    engine.refuse({"fox.jpg": FileEmpty(), "goat.jpg": FileEmpty()})
    engine.finish()
    qtbot.waitUntil(lambda: "None of these files can be scored" in said(window))


def test_a_reference_that_cannot_be_used_is_told_with_its_reason(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER, Query(images=(Path("/q/cat.jpg"),)))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    engine.end(engine.ranking, ReferenceUnreadable(path="/q/cat.jpg", reason=FileEmpty()))
    qtbot.waitUntil(lambda: window.notice.text == "The reference /q/cat.jpg can't be used. The file is empty.")
    assert window.query_bar.rank_button.text() == "Rank"
    ask_words(window, "tree")
    assert window.notice.text == ""


def test_a_catalog_that_cannot_be_written_is_told_and_ranking_goes_on(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    engine.say(engine.ranking, Notice(CatalogReadOnly(path="/home/catalog.sqlite3")))
    qtbot.waitUntil(lambda: "can't be written, so new scores are not kept" in window.notice.text)
    engine.score({"apple.jpg": 0.99})
    qtbot.waitUntil(lambda: window.results.model.rank_of(0) == 1)
    click(button(window.notice, "Close this notice"))
    assert window.notice.isHidden()


def test_damaged_settings_are_told_and_the_window_works(open_window: Open, home: Path, qtbot: Any) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("theme = ")
    window = open_window()
    assert "The settings could not be read; they were set aside" in window.notice.text
    assert [path.read_text() for path in home.glob("settings-damaged-*")] == ["theme = "]


def test_an_engine_that_ended_is_told_and_the_work_goes_on(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    shown = names(window)
    engine.end(engine.ranking, EngineStopped())
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    assert window.notice.text == EngineStopped.sentence
    assert names(window) == shown  # nothing jumps
    engine.finish()
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED)


def test_thumbnails_lost_with_the_engine_are_asked_for_again(open_window: Open, engine: Any, qtbot: Any) -> None:
    start, broken = engine.start, [True]

    def start_broken(request: Any) -> int:
        if isinstance(request, MakeThumbnails) and broken.pop():
            engine.start = start
            number = len(engine.requests) + 1
            engine.requests[number] = request
            engine.end(number, EngineStopped())
            return number
        return start(request)  # type: ignore[no-any-return]

    engine.start = start_broken
    window = open_window(OTHER)
    qtbot.waitUntil(lambda: window.results.view.thumbnail(0) is not None)


def test_results_that_hardly_differ_are_said_to(open_window: Open, engine: Any, qtbot: Any) -> None:
    many = [f"{number:02}.jpg" for number in range(20)]
    engine.folders["/people/ada/fog"] = many
    window = open_window("/people/ada/fog", Query(text="fog"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    engine.score({name: 0.5 + number / 1000 for number, name in enumerate(many)})
    engine.finish()
    qtbot.waitUntil(lambda: "These results hardly differ" in window.notice.text)
    ask_words(window, "er tree")
    assert window.notice.text == ""


def test_a_few_that_stand_out_are_not_said_to_hardly_differ(open_window: Open, engine: Any, qtbot: Any) -> None:
    many = [f"{number:03}.jpg" for number in range(100)]
    engine.folders["/people/ada/fog"] = many
    window = open_window("/people/ada/fog", Query(text="fog"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    engine.score({name: 0.7 if name == "042.jpg" else 0.0 for name in many})
    engine.finish()
    qtbot.waitUntil(lambda: window.session.phase is Phase.FINISHED)
    qtbot.waitUntil(lambda: names(window)[0] == "042.jpg")
    assert window.notice.text == ""


def test_where_there_is_little_room_the_number_of_results_is_what_is_said(ranked: Ranked, qtbot: Any) -> None:
    window = ranked()
    window.resize(820, 620)
    count = next(label for label in window.results.findChildren(ElidedLabel) if "results" in label.text())
    count.setText("483 results · 100 duplicates folded · 12 can't be scored")
    qtbot.waitUntil(lambda: count.shown_text() != count.text())
    assert count.shown_text().startswith("483 results")


def test_the_failures_list_says_which_and_why(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    engine.refuse({"bread.jpg": FileEmpty(), "cup.png": FileEmpty()})
    qtbot.waitUntil(lambda: "2 can't be scored" in said(window.judge_bar))
    click(button(window.judge_bar, "2 can't be scored"))
    panel = window.failures
    assert panel is not None
    assert panel.isVisible()
    rows = [panel.model.failure(row) for row in range(panel.model.rowCount())]
    assert rows == [(f"{FOLDER}/{name}", FileEmpty.sentence) for name in ("bread.jpg", "cup.png")]
    engine.refuse({"apple.jpg": FileEmpty()})  # it grows while it is open
    qtbot.waitUntil(lambda: panel.model.rowCount() == 3)
    panel.close()


def test_a_file_that_has_no_thumbnail_is_listed_with_its_reason(open_window: Open, engine: Any, qtbot: Any) -> None:
    engine.unreadable = {"fox.jpg": FileEmpty()}
    window = open_window(OTHER)
    qtbot.waitUntil(lambda: "1 can't be read" in said(window.judge_bar))
    qtbot.waitUntil(lambda: "2 files · 1 can't be read" in said(window))
    ask_words(window, "fox")
    qtbot.waitUntil(lambda: bool(engine.asked(Rank)))
    engine.refuse({"fox.jpg": FileEmpty()})
    qtbot.waitUntil(lambda: "1 can't be scored" in said(window.judge_bar))


def test_a_folder_inside_that_cannot_be_read_stays_listed_when_a_ranking_starts(
    open_window: Open, engine: Any, qtbot: Any
) -> None:
    window = open_window(OTHER)
    qtbot.waitUntil(lambda: "fox.jpg" in names(window))
    window.session.unlisted.append(Unlisted(FolderForbidden(path=f"{OTHER}/closed")))
    ask_words(window, "fox")
    qtbot.waitUntil(lambda: "1 can't be scored" in said(window.judge_bar))


def test_what_judges_is_always_said(open_window: Open) -> None:
    assert "Built-in matcher: looks and words, not meaning" in said(open_window(FOLDER).judge_bar)


# --- what is remembered ------------------------------------------------------------------------------


def test_the_second_start_is_as_the_first_was_left(open_window: Open, engine: Any, qtbot: Any) -> None:
    window = open_window(FOLDER)
    window.open_folder(OTHER)
    qtbot.waitUntil(lambda: "fox.jpg" in names(window))
    press(Qt.Key.Key_F10)
    window.resize(window.width(), 640)  # only the height: the offscreen platform's screen is too narrow
    window.results.cells.setValue(256)
    window.library.recursive_box.click()
    window.close()

    again = open_window()
    qtbot.waitUntil(lambda: "fox.jpg" in names(again))
    assert again.height() == 640
    assert again.inspector.isHidden()
    assert again.library.isVisible()
    assert again.results.view.cell_size == 256
    assert not again.library.recursive_box.isChecked()
    assert not engine.requests[engine.asked(Scan)[-1]].recursive
    assert again.notice.text == ""  # no samples, no introduction
    shown = [item.text(0) for item in again.library.tree.all_items()]
    assert shown.count("Photos") == 2  # in the library and among the recent ones
    assert engine.asked(Rank) == []


def test_a_root_taken_away_is_forgotten_and_nothing_else_happens(ranked: Ranked, engine: Any) -> None:
    window = ranked()
    window.library.root_removed.emit(FOLDER)
    assert window._settings.roots == []
    assert names(window) == FILES[::-1]


def test_settings_that_cannot_be_saved_are_told(open_window: Open, home: Path, qtbot: Any) -> None:
    home.write_text("a file where the folder should be")
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: "The settings could not be saved" in window.notice.text)


# --- how it looks ------------------------------------------------------------------------------------


def test_light_and_dark_change_live(ranked: Ranked) -> None:
    window = ranked()
    themes = {action.text(): action for menu in window.menu.findChildren(QMenu) for action in menu.actions()}

    def lightness() -> tuple[int, int]:
        colour, ground = QPalette.ColorRole.Window, window.results.view.palette().color(QPalette.ColorRole.Base)
        return window.palette().color(colour).lightness(), ground.lightness()

    themes["Light"].trigger()
    assert min(lightness()) > 160
    bright = window.grab().toImage().pixelColor(4, window.height() - 4).lightness()
    themes["Dark"].trigger()
    assert max(lightness()) < 90
    assert window.grab().toImage().pixelColor(4, window.height() - 4).lightness() < bright
    assert window._settings.theme == "dark"


# --- for those who don't see it ------------------------------------------------------------------------

CONTROLS = QAbstractButton | QLineEdit | QSlider | QComboBox | QAbstractItemView | QPlainTextEdit | QProgressBar


def unnamed(window: QWidget) -> list[str]:
    """The controls that a screen reader could not name."""
    found = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, CONTROLS) or isinstance(widget, QHeaderView) or not widget.isVisible():
            continue
        if type(widget).__name__ == "QTableCornerButton" or widget.metaObject().className() == "QTableCornerButton":
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(QAccessible.Text.Name).strip():
            found.append(f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}: {widget.toolTip()}")
    return found


def test_every_control_has_an_accessible_name_in_every_state(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked(finish=False)
    drop(window, files("/pictures/tree.jpg", "/pictures/river.mp4"))
    window.query_bar.exclude_button.click()
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 2)
    engine.score({"cup.png": 0.4})
    engine.refuse({"bread.jpg": FileEmpty()})
    engine.say(engine.ranking, Notice(CatalogReadOnly(path="/c")))
    qtbot.waitUntil(lambda: window.notice.isVisible() and "1 can't be scored" in said(window))
    assert unnamed(window) == []
    for name in ("cup.png", "door.mp4", "essay.txt"):
        select(window, name)
        qtbot.waitUntil(lambda name=name: name in said(window.inspector))
        assert unnamed(window) == []
        press(Qt.Key.Key_Space)
        assert window.loupe.isVisible()
        assert unnamed(window) == []
        press(Qt.Key.Key_Escape)
    window.show_failures()
    assert window.failures is not None
    assert unnamed(window.failures) == []
    window.failures.close()
    engine.finish()
    window.open_folder("/people/ada/empty")
    qtbot.waitUntil(lambda: "No pictures, clips or documents here" in said(window))
    assert unnamed(window) == []


def test_every_control_that_cannot_be_used_now_says_why(ranked: Ranked, engine: Any, qtbot: Any) -> None:
    window = ranked()
    for name in FILES:
        select(window, name)
        qtbot.waitUntil(lambda name=name: name in said(window.inspector))
        dead = [
            widget for widget in window.findChildren(QAbstractButton) if widget.isVisible() and not widget.isEnabled()
        ]
        assert [widget.text() for widget in dead if not widget.toolTip()] == []


def test_tab_reaches_every_control_and_comes_round(ranked: Ranked) -> None:
    window = ranked()
    press(Qt.Key.Key_L, CONTROL)
    first = QApplication.focusWidget()
    reached: list[QWidget | None] = []
    while not reached or reached[-1] is not first:
        press(Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
        assert len(reached) < 100
    for panel in (window.query_bar, window.library, window.results, window.judge_bar):
        controls = [
            widget
            for widget in panel.findChildren(QWidget)
            if isinstance(widget, QPushButton | QSlider | QComboBox | QLineEdit)
            and widget.isVisible()
            and widget.isEnabled()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        assert set(controls) <= set(reached)


# --- nothing of the person's -----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder the program is started in."""
    (tmp_path / "started here").mkdir()
    monkeypatch.chdir(tmp_path / "started here")
    yield tmp_path / "started here"
    assert os.listdir(tmp_path / "started here") == []


@pytest.mark.usefixtures("untouched")
def test_everything_written_is_in_the_programs_own_folder(
    open_window: Open, photos: Path, home: Path, elsewhere: Path, tmp_path: Path, qtbot: Any
) -> None:
    window = open_window(photos, Query(text="red"), real=True)
    qtbot.waitUntil(lambda: phase(window) is Phase.FINISHED, timeout=20_000)
    select(window, "ember.mp4")
    press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not window.loupe.preview.picture.image().isNull(), timeout=20_000)
    press(Qt.Key.Key_Escape)
    window.close()
    assert (home / "catalog.sqlite3").exists()
    assert (home / "settings.toml").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "home", "started here"}
