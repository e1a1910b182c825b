"""The list of files that can't be scored: finding, sorting and copying reasons."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester

from desktop.failures_panel import Failure, FailuresModel, FailuresPanel

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

FAILURES = [
    Failure("/photos/b.jpg", "The file is empty."),
    Failure("/photos/prague/A.jpg", "The file is damaged or incomplete (truncated)."),
    Failure("/clips/c.mp4", "No permission to read the file."),
]


@pytest.fixture
def panel(qtbot: Any) -> FailuresPanel:
    panel = FailuresPanel()
    qtbot.addWidget(panel)
    panel.set_failures(FAILURES)
    panel.show()
    return panel


def names(panel: FailuresPanel) -> list[str]:
    return [panel.model.index(row, 0).data() for row in range(panel.model.rowCount())]


def test_each_failure_is_a_name_a_folder_and_a_reason(panel: FailuresPanel) -> None:
    model = panel.model
    assert [model.index(1, column).data() for column in range(3)] == ["A.jpg", "/photos/prague", FAILURES[1].reason]
    assert model.index(1, 0).data(Qt.ItemDataRole.ToolTipRole) == "/photos/prague/A.jpg"


def test_a_page_that_fails_is_told_from_its_file_and_shown_by_its_file(panel: FailuresPanel, qtbot: Any) -> None:
    panel.set_failures([Failure("/scans/deed.pdf", "The file is damaged or incomplete (page).", 3)])
    assert names(panel) == ["deed.pdf · page 3"]
    panel.copy()
    assert QGuiApplication.clipboard().text().startswith("/scans/deed.pdf · page 3\t")
    panel.table.selectRow(0)
    with qtbot.waitSignal(panel.reveal_wanted) as told:
        panel.reveal_button.click()
    assert told.args == ["/scans/deed.pdf"]


def test_the_model_keeps_qt_s_rules(panel: FailuresPanel) -> None:
    tester = QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Warning)
    panel.model.set_filter("jpg")
    panel.model.sort(0)
    panel.set_failures([])
    panel.set_failures(FAILURES)
    del tester


def test_words_filter_every_column_in_any_order(panel: FailuresPanel, qtbot: Any) -> None:
    qtbot.keyClicks(panel.filter, "DAMAGED prague")
    assert names(panel) == ["A.jpg"]
    panel.filter.setText("photos")
    assert names(panel) == ["b.jpg", "A.jpg"]
    panel.filter.clear()
    assert len(names(panel)) == 3


def test_a_column_sorts_and_the_order_as_found_comes_back(panel: FailuresPanel) -> None:
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert names(panel) == ["A.jpg", "b.jpg", "c.mp4"]
    panel.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert names(panel) == ["A.jpg", "b.jpg", "c.mp4"]
    panel.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert names(panel) == ["b.jpg", "A.jpg", "c.mp4"]


def test_the_list_is_copied_as_shown_or_as_selected(panel: FailuresPanel) -> None:
    clipboard = QGuiApplication.clipboard()
    panel.filter.setText("photos")
    panel.copy_button.click()
    assert clipboard.text().splitlines() == [f"{failure.path}\t{failure.reason}" for failure in FAILURES[:2]]
    panel.table.selectRow(1)
    panel.copy_button.click()
    assert clipboard.text() == f"{FAILURES[1].path}\t{FAILURES[1].reason}"


def test_copy_by_keyboard(panel: FailuresPanel, qtbot: Any) -> None:
    panel.activateWindow()
    panel.table.setFocus()
    panel.table.selectRow(2)
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{FAILURES[2].path}\t{FAILURES[2].reason}"


def test_one_file_is_shown_in_the_file_manager(panel: FailuresPanel) -> None:
    revealed: list[str] = []
    panel.reveal_wanted.connect(revealed.append)
    assert not panel.reveal_button.isEnabled()
    assert panel.reveal_button.toolTip()  # says why
    panel.table.selectRow(1)
    panel.reveal_button.click()
    assert revealed == [FAILURES[1].path]
    rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    panel.table.selectionModel().select(panel.model.index(0, 0), rows)
    assert not panel.reveal_button.isEnabled()


def test_new_failures_take_the_old_ones_place(panel: FailuresPanel) -> None:
    panel.table.selectRow(0)
    panel.set_failures(FAILURES[2:])
    assert names(panel) == ["c.mp4"]
    assert not panel.reveal_button.isEnabled()
    panel.set_failures([])
    assert not panel.copy_button.isEnabled()


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_an_undecodable_name_is_shown_copied_and_revealed(panel: FailuresPanel) -> None:
    path = os.fsdecode(b"/photos/caf\xe9.jpg")
    revealed: list[str] = []
    panel.reveal_wanted.connect(revealed.append)
    panel.set_failures([Failure(path, "The file is empty.")])
    panel.grab()
    panel.copy_button.click()
    assert QGuiApplication.clipboard().text() == "/photos/caf�.jpg\tThe file is empty."
    panel.table.selectRow(0)
    panel.reveal_button.click()
    assert revealed == [path]


def test_ten_thousand_are_listed_without_a_widget_each(panel: FailuresPanel) -> None:
    panel.set_failures([Failure(f"/photos/{number}.jpg", "The file is empty.") for number in range(10_000)])
    panel.filter.setText("9999")
    assert names(panel) == ["9999.jpg"]


@given(st.lists(st.text("ab/ ", max_size=4), max_size=8), st.text("ab ", max_size=3))
def test_filtering_is_what_each_word_says(names: list[str], words: str) -> None:
    model = FailuresModel()
    model.set_failures([Failure(f"/{name}", "") for name in names])
    model.set_filter(words)
    shown = [model.failure(row)[0] for row in range(model.rowCount())]
    assert len(shown) + sum(any(word not in f"/{name}" for word in words.split()) for name in names) == len(names)


def test_every_control_has_a_name(panel: FailuresPanel) -> None:
    controls = [panel, panel.filter, panel.table, panel.copy_button, panel.reveal_button, panel.close_button]
    assert all(control.accessibleName() for control in controls)
