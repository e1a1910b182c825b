"""The panel of what is kept: sizes, clearing with one question in place, backup and restore."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QFileDialog

from core import BackedUp, BackUp, ClearStorage, MeasureStorage, Restore, Restored, Storage, StoragePart
from core.errors import BackupUnfit, CatalogLocked
from desktop.engine_thread import EngineLink
from desktop.storage_panel import StoragePanel

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

CATALOG = "/people/ada/.local/share/semblance/catalog.sqlite3"
LEFT = Qt.MouseButton.LeftButton


def storage(scores: int = 120_000) -> Storage:
    return Storage(
        CATALOG,
        48_200_000,
        (
            StoragePart("scores", 3_100_000, scores),
            StoragePart("features", 40_000_000, 9000),
            StoragePart("listings", 0, 0),
            StoragePart("missing", 1000, 3),
            StoragePart("thumbnails", 77_000_000, 9100),
        ),
    )


@pytest.fixture
def panel(qtbot: Any, link: EngineLink, engine: Any) -> StoragePanel:
    engine.storage = storage()
    panel = StoragePanel(link)
    panel.setLocale(QLocale("en_GB"))
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.path.text() == CATALOG)
    return panel


def newest(engine: Any, kind: type, qtbot: Any) -> tuple[int, Any]:
    qtbot.waitUntil(lambda: bool(engine.asked(kind)))
    number = engine.asked(kind)[-1]
    return number, engine.requests[number]


def test_it_says_what_is_kept_and_how_large_it_is(panel: StoragePanel) -> None:
    assert panel.size_line.text() == "48.2 MB"
    assert panel.row("scores").amount.text() == "3.1 MB · 120,000 scores"
    assert panel.row("scores").clear_button.isEnabled()
    assert "judged again" in panel.row("scores").clear_button.accessibleDescription()
    empty = panel.row("listings").clear_button
    assert not empty.isEnabled()
    assert empty.toolTip() == "There is nothing to clear"


def test_clearing_is_asked_for_twice_in_place(panel: StoragePanel, engine: Any, qtbot: Any) -> None:
    row = panel.row("scores")
    qtbot.mouseClick(row.clear_button, LEFT)
    assert row.confirm_button.isVisible()
    qtbot.mouseClick(row.clear_button, LEFT)  # a second click in the same place takes it back
    assert not row.confirm_button.isVisible()
    assert engine.asked(ClearStorage) == []
    qtbot.mouseClick(row.clear_button, LEFT)
    qtbot.mouseClick(row.confirm_button, LEFT)
    number, request = newest(engine, ClearStorage, qtbot)
    assert request == ClearStorage(("scores",))
    assert not panel.backup_button.isEnabled()
    assert not panel.row("features").clear_button.isEnabled()
    engine.say(number, storage(scores=0))
    engine.end(number)
    qtbot.waitUntil(panel.backup_button.isEnabled)
    assert row.amount.text().endswith("0 scores")
    assert "cleared" in panel.news.text()


def test_a_question_does_not_outlive_the_panel(panel: StoragePanel, qtbot: Any) -> None:
    row = panel.row("features")
    qtbot.mouseClick(row.clear_button, LEFT)
    panel.hide()
    panel.show()
    assert not row.confirm_button.isVisible()


def test_backup_and_restore_end_in_a_sentence(panel: StoragePanel, engine: Any, qtbot: Any) -> None:
    qtbot.mouseClick(panel.backup_button, LEFT)
    dialog = panel.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.selectedFiles()[0].endswith(".semblance-backup")
    dialog.fileSelected.emit("/stick/mine.semblance-backup")
    dialog.close()
    qtbot.waitUntil(lambda: panel.findChild(QFileDialog) is None)
    number, request = newest(engine, BackUp, qtbot)
    assert request.path == "/stick/mine.semblance-backup"
    assert panel.news.text() == "Writing the backup …"
    engine.say(number, BackedUp(request.path, 1_500_000))
    engine.end(number)
    qtbot.waitUntil(lambda: "1.5 MB" in panel.news.text())
    qtbot.mouseClick(panel.restore_button, LEFT)
    dialog = panel.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.nameFilters() == ["Backups of Semblance (*.semblance-backup)", "All files (*)"]  # of any name
    dialog.fileSelected.emit("/stick/mine.semblance-backup")
    dialog.close()
    number, _ = newest(engine, Restore, qtbot)
    measured = len(engine.asked(MeasureStorage))
    engine.say(number, Restored(10, 2500))
    engine.end(number)
    qtbot.waitUntil(lambda: "2,500 scores" in panel.news.text())
    qtbot.waitUntil(lambda: len(engine.asked(MeasureStorage)) == measured + 1)


def test_what_goes_wrong_is_a_sentence_in_the_panel(panel: StoragePanel, engine: Any, qtbot: Any) -> None:
    panel.restore("/stick/holiday.jpg")
    number, request = newest(engine, Restore, qtbot)
    engine.end(number, BackupUnfit(path=request.path))
    qtbot.waitUntil(lambda: "not a backup" in panel.news.text())
    assert panel.restore_button.isEnabled()
    panel.clear_part("scores")
    number, _ = newest(engine, ClearStorage, qtbot)
    engine.end(number, CatalogLocked(path=CATALOG))
    qtbot.waitUntil(lambda: "holds the catalog" in panel.news.text())
