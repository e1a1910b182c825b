"""The library panel: folders as a tree that is told, never reads; choosing, adding, removing them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QTreeWidgetItem

from desktop.drops import file_url
from desktop.library_panel import MOST_RECENT, LibraryPanel

# What the offscreen platform says of menus, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

PHOTOS, CLIENT = os.path.abspath("/home/a/Photos"), os.path.abspath("/mnt/Client A")
YEAR = os.path.join(PHOTOS, "2026")
PRAGUE = os.path.join(YEAR, "Prague")
UNDECODABLE = os.fsdecode(b"/media/caf\xe9 \xff")


class Told:
    """What the panel said to the window."""

    def __init__(self, panel: LibraryPanel) -> None:
        self.chosen: list[str] = []
        self.added: list[str] = []
        self.removed: list[str] = []
        self.revealed: list[str] = []
        self.wanted: list[str] = []
        self.recursive: list[bool] = []
        panel.folder_chosen.connect(self.chosen.append)
        panel.root_added.connect(self.added.append)
        panel.root_removed.connect(self.removed.append)
        panel.reveal_wanted.connect(self.revealed.append)
        panel.subfolders_wanted.connect(self.wanted.append)
        panel.recursive_changed.connect(self.recursive.append)


@pytest.fixture
def panel(qtbot: Any) -> LibraryPanel:
    panel = LibraryPanel()
    qtbot.addWidget(panel)
    panel.resize(220, 700)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    return panel


@pytest.fixture
def told(panel: LibraryPanel) -> Told:
    return Told(panel)


def texts(panel: LibraryPanel) -> list[str]:
    """Every row that can be seen, with its depth."""
    seen = []
    item: QTreeWidgetItem | None = panel.tree.topLevelItem(0)
    while item is not None:
        depth, parent = 0, item.parent()
        while parent is not None:
            depth, parent = depth + 1, parent.parent()
        seen.append("  " * depth + item.text(0))
        item = panel.tree.itemBelow(item)
    return seen


def row(panel: LibraryPanel, path: str) -> QTreeWidgetItem:
    return panel.tree.folder_items(path)[0]


def click(qtbot: Any, panel: LibraryPanel, path: str) -> None:
    place = panel.tree.visualItemRect(row(panel, path)).center()
    qtbot.mouseClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)


def menu_of(panel: LibraryPanel, path: str) -> dict[str, QAction]:
    panel.tree.menu_wanted.emit(row(panel, path), QPoint(10, 10))
    menu = panel.findChildren(QMenu)[-1]
    return {action.text(): action for action in menu.actions() if action.text()}


def test_empty_it_says_what_to_do(panel: LibraryPanel) -> None:
    assert texts(panel) == ["LIBRARY", "Add a folder or drop one here"]
    panel.set_roots([PHOTOS])
    assert texts(panel) == ["LIBRARY", "Photos"]
    panel.set_roots([])
    assert texts(panel) == ["LIBRARY", "Add a folder or drop one here"]


def test_sections_come_in_order_whichever_is_fed_first(panel: LibraryPanel) -> None:
    panel.set_samples("/opt/samples")
    panel.set_recent([YEAR])
    panel.set_roots([PHOTOS, CLIENT], away=[CLIENT])
    assert texts(panel) == [
        "LIBRARY", "Photos", "Client A (not connected)", "RECENT", "2026", "SAMPLES", "Sample library",
    ]  # fmt: skip
    panel.set_samples(None)
    panel.set_recent([])
    assert texts(panel) == ["LIBRARY", "Photos", "Client A (not connected)"]


def test_recent_shows_the_last_eight_and_tells_equal_names_apart(panel: LibraryPanel) -> None:
    panel.set_recent(["/x/Prague", "/y/Prague", *(f"/z/{number}" for number in range(20))])
    recent = texts(panel)[3:]
    assert len(recent) == MOST_RECENT
    assert recent[:3] == ["Prague x", "Prague y", "0"]


def test_folders_are_asked_for_when_opened_and_shown_when_told(panel: LibraryPanel, told: Told) -> None:
    panel.set_roots([PHOTOS])
    assert told.wanted == []
    row(panel, PHOTOS).setExpanded(True)
    assert told.wanted == [PHOTOS]
    panel.set_subfolders(PHOTOS, [("2025", False), ("2026", True)])
    assert texts(panel) == ["LIBRARY", "Photos", "  2025", "  2026"]
    row(panel, YEAR).setExpanded(True)
    assert told.wanted == [PHOTOS, YEAR]


def test_told_again_only_what_changed_moves(panel: LibraryPanel, told: Told) -> None:
    panel.set_roots([PHOTOS])
    row(panel, PHOTOS).setExpanded(True)
    panel.set_subfolders(PHOTOS, [("2025", False), ("2026", True)])
    row(panel, YEAR).setExpanded(True)
    panel.set_subfolders(YEAR, [("Prague", False)])
    panel.set_subfolders(PHOTOS, [("2024", False), ("2026", True), ("2027", False)])
    panel.set_roots([CLIENT, PHOTOS])
    assert texts(panel) == ["LIBRARY", "Client A", "Photos", "  2024", "  2026", "    Prague", "  2027"]


def test_an_answer_for_a_folder_that_is_gone_is_ignored(panel: LibraryPanel) -> None:
    panel.set_roots([PHOTOS])
    panel.set_subfolders(CLIENT, [("a", True)])
    assert texts(panel) == ["LIBRARY", "Photos"]


def test_a_click_chooses_a_folder_once(panel: LibraryPanel, told: Told, qtbot: Any) -> None:
    panel.set_roots([PHOTOS, CLIENT])
    click(qtbot, panel, CLIENT)
    assert told.chosen == [CLIENT]


def test_headings_and_hints_choose_nothing(panel: LibraryPanel, told: Told, qtbot: Any) -> None:
    for at in range(2):
        item = panel.tree.topLevelItem(at)
        assert item is not None
        place = panel.tree.visualItemRect(item).center()
        qtbot.mouseClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.chosen == []


def test_the_keyboard_walks_opens_and_chooses(panel: LibraryPanel, told: Told, qtbot: Any) -> None:
    panel.set_roots([PHOTOS, CLIENT])
    panel.set_recent([YEAR])
    panel.setFocus()
    qtbot.keyClick(panel.tree, Qt.Key.Key_Right)
    assert told.wanted == [PHOTOS]
    panel.set_subfolders(PHOTOS, [("2026", False)])
    for _ in range(2):
        qtbot.keyClick(panel.tree, Qt.Key.Key_Down)
    qtbot.keyClick(panel.tree, Qt.Key.Key_Return)
    qtbot.keyClick(panel.tree, Qt.Key.Key_Down)  # over the heading
    qtbot.keyClick(panel.tree, Qt.Key.Key_Return)
    assert told.chosen == [CLIENT, YEAR]


def test_the_open_folder_is_brought_into_sight(panel: LibraryPanel, told: Told) -> None:
    panel.set_roots([PHOTOS])
    panel.set_current(PRAGUE)
    assert told.wanted == [PHOTOS]
    panel.set_subfolders(PHOTOS, [("2026", True)])
    assert told.wanted == [PHOTOS, YEAR]
    panel.set_subfolders(YEAR, [("Prague", False), ("Wien", False)])
    assert panel.tree.currentItem() is row(panel, PRAGUE)


def test_the_open_folder_is_marked(panel: LibraryPanel) -> None:
    panel.set_roots([PHOTOS, CLIENT])
    before = panel.grab().toImage()
    panel.set_current(CLIENT)
    assert panel.grab().toImage() != before


def test_what_is_open_in_the_tree_comes_back(panel: LibraryPanel, told: Told, qtbot: Any) -> None:
    panel.set_roots([PHOTOS])
    row(panel, PHOTOS).setExpanded(True)
    panel.set_subfolders(PHOTOS, [("2026", True)])
    row(panel, YEAR).setExpanded(True)
    state = panel.save_state()
    assert state == [PHOTOS, YEAR]
    other = LibraryPanel()
    qtbot.addWidget(other)
    asked: list[str] = []
    other.subfolders_wanted.connect(asked.append)
    other.restore_state(state)
    assert other.save_state() == state  # also before anything is known
    other.set_roots([PHOTOS])
    other.set_subfolders(PHOTOS, [("2026", True)])
    assert asked == [PHOTOS, YEAR]
    assert other.save_state() == state


def test_the_menu_removes_from_the_library_and_says_files_stay(panel: LibraryPanel, told: Told) -> None:
    panel.set_roots([PHOTOS])
    actions = menu_of(panel, PHOTOS)
    (remove,) = (action for text, action in actions.items() if "Remove" in text)
    assert "untouched" in remove.text()
    remove.trigger()
    actions["Show in file manager"].trigger()
    actions["Open"].trigger()
    assert (told.removed, told.revealed, told.chosen) == ([PHOTOS], [PHOTOS], [PHOTOS])


def test_the_menu_adds_a_recent_folder(panel: LibraryPanel, told: Told) -> None:
    panel.set_recent([YEAR])
    menu_of(panel, YEAR)["Add to library"].trigger()
    assert told.added == [YEAR]


def test_a_folder_is_added_by_the_button(panel: LibraryPanel, told: Told, qtbot: Any, tmp_path: Path) -> None:
    panel.add_button.click()
    dialog = panel.findChild(QFileDialog)
    assert dialog is not None
    name = dialog.findChild(QLineEdit)
    assert name is not None
    name.setText(str(tmp_path))
    qtbot.keyClick(name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: told.added == [str(tmp_path)])


def drag(mime: QMimeData) -> QDragEnterEvent:
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    actions = Qt.DropAction.CopyAction | Qt.DropAction.LinkAction
    return QDragEnterEvent(QPoint(9, 9), actions, mime, buttons, modifiers)


def test_a_dropped_folder_is_added(panel: LibraryPanel, told: Told, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([file_url(str(tmp_path))])
    entering = drag(mime)
    panel.dragEnterEvent(entering)
    assert entering.isAccepted()
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    panel.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.LinkAction, mime, buttons, modifiers))
    assert told.added == [str(tmp_path)]


def test_anything_but_a_folder_is_left_to_the_window(panel: LibraryPanel, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    for url in (file_url(str(tmp_path / "a.jpg")), QUrl("https://example.org/"), file_url(str(tmp_path / "gone"))):
        mime = QMimeData()
        mime.setUrls([url])
        entering = drag(mime)
        entering.accept()
        panel.dragEnterEvent(entering)
        assert not entering.isAccepted()


def test_subfolders_are_included_or_not(panel: LibraryPanel, told: Told) -> None:
    panel.recursive_box.click()
    panel.set_recursive(False)
    panel.set_recursive(True)
    assert told.recursive == [False, True]


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_undecodable_and_odd_names(panel: LibraryPanel, told: Told, qtbot: Any) -> None:
    odd = ["/x/‮صور", "/x/👩‍👩‍👧 a\nb", "/x/" + "n" * 255]
    panel.set_roots([UNDECODABLE, *odd, "/"])
    row(panel, UNDECODABLE).setExpanded(True)
    name = os.path.basename(UNDECODABLE)
    panel.set_subfolders(UNDECODABLE, [(name, False)])
    panel.grab()
    click(qtbot, panel, os.path.join(UNDECODABLE, name))
    assert told.wanted == [UNDECODABLE]
    assert told.chosen == [os.path.join(UNDECODABLE, name)]
    assert panel.save_state() == []  # a settings file holds Unicode only
    assert "caf�" in texts(panel)[1]


def test_every_control_has_a_name(panel: LibraryPanel) -> None:
    assert all(control.accessibleName() for control in (panel, panel.tree, panel.recursive_box, panel.add_button))
