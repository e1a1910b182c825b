from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QGuiApplication,
    QImage,
    QMouseEvent,
    QPainter,
    QPalette,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from core.media import Kind, Listed, Listing
from desktop.results_cells import CellPainter, CellState
from desktop.results_grid import GAP, MARGIN, Grid, Page
from desktop.results_model import ResultsModel, Sort
from desktop.results_selection import Selection
from desktop.results_view import MAX_CELL, MIN_CELL, ResultsView

LEFT = Qt.MouseButton.LeftButton
CONTROL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)

Show = Callable[..., ResultsView]


def listing_of(count: int, kind: Kind = Kind.IMAGE) -> Listing:
    listing = Listing("/photos")
    listing.append(
        Listed(
            0,
            ["/photos"],
            np.zeros(count, np.int32),
            [f"{chr(97 + number % 26)}{number}.jpg" for number in range(count)],
            np.full(count, kind, np.uint8),
            np.ones(count, np.int64),
            np.zeros(count, np.int64),
        )
    )
    return listing


@pytest.fixture
def show(qtbot: QtBot) -> Show:
    """A shown view of five columns over so many files, none judged."""

    def make(count: int = 100, *, kind: Kind = Kind.IMAGE, cell: int = 96, thumbnail_bytes: int = 2**26) -> ResultsView:
        view = ResultsView(thumbnail_bytes=thumbnail_bytes)
        qtbot.addWidget(view)
        model = ResultsModel(view)
        model.open(listing_of(count, kind))
        view.setModel(model)
        view.set_cell_size(cell)
        view.reduced_motion = True
        bar = view.verticalScrollBar().sizeHint().width()
        view.resize(2 * MARGIN + 5 * (cell + GAP) - GAP + bar, 420)
        view.show()
        qtbot.waitExposed(view)
        QTest.mouseMove(view.viewport(), QPoint(1, 1))
        forget_pointer(view)
        return view

    return make


def forget_pointer(view: ResultsView) -> None:
    """As if the person had not pointed at the grid for a while."""
    view._hold.forget_pointer()


def model_of(view: ResultsView) -> ResultsModel:
    model = view.model()
    assert isinstance(model, ResultsModel)
    return model


def judge(view: ResultsView, scores: dict[int, float]) -> None:
    model_of(view).set_scores(np.array(list(scores), np.int32), np.array(list(scores.values()), np.float32))


def rect_of(view: ResultsView, id_: int) -> QRect:
    place = model_of(view).position_of(id_)
    assert place is not None
    return view.visualRect(model_of(view).index(place))


def click(view: ResultsView, id_: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(view.viewport(), LEFT, modifiers, rect_of(view, id_).center())


def pill_of(view: ResultsView) -> QPushButton:
    return next(button for button in view.findChildren(QPushButton) if button.parent() is view)


# --- the grid's arithmetic


@given(st.integers(1, 4000), st.integers(MIN_CELL, MAX_CELL), st.sampled_from([0, 22]), st.integers(0, 500_000))
def test_a_cell_is_found_where_it_is(width: int, wanted: int, caption: int, place: int) -> None:
    grid = Grid(width, wanted, caption)
    rect = grid.rect(place)
    for point in (rect.topLeft(), rect.center(), rect.bottomRight()):
        assert grid.position_at(point.x(), point.y(), place + 1) == place
    assert grid.position_at(rect.center().x(), rect.center().y(), place) is None
    assert grid.position_at(rect.center().x(), rect.bottom() + GAP // 2, place + 1) is None
    assert place in grid.places(rect.top(), rect.top(), place + 1)
    assert grid.places(rect.top(), rect.bottom(), place + 1).start % grid.columns == 0
    assert grid.places_in(rect, place + 1).tolist() == [place]
    assert rect.bottom() + MARGIN < grid.height(place + 1) < 2**31


@given(st.integers(MIN_CELL + 2 * MARGIN, 4000), st.integers(MIN_CELL, MAX_CELL))
def test_the_columns_fill_the_width(width: int, wanted: int) -> None:
    grid = Grid(width, wanted, 0)
    right = grid.rect(grid.columns - 1).right()
    assert right < width
    if grid.columns > 1:
        assert width - MARGIN - right <= grid.columns + MARGIN
        assert 0.6 * wanted < grid.cell < 1.5 * wanted


@given(
    st.integers(1, 2000),
    st.integers(MIN_CELL, MAX_CELL),
    st.integers(1, 3000),
    st.integers(0, 10**6),
    st.integers(50, 1500),
)
def test_a_cell_is_shown_by_scrolling_no_farther_than_needed(
    width: int, wanted: int, count: int, offset: int, height: int
) -> None:
    grid = Grid(width, wanted, 22)
    page = Page(grid, count, min(offset, max(0, grid.height(count) - height)), height)
    for place in (0, count // 2, count - 1):
        target = page.offset_showing(place)
        after = Page(grid, count, target, height)
        rect = after.rect(place)
        assert place in after.visible
        assert after.place_at(rect.topLeft()) == place
        assert rect.top() >= 0
        assert rect.bottom() < height or rect.top() <= MARGIN  # all of it, or its top if it is too high
        assert after.offset_showing(place) == target
        if place in page.visible and page.rect(place).top() >= MARGIN and page.rect(place).bottom() + MARGIN < height:
            assert target == page.offset


@given(st.integers(1, 60), st.integers(1, 7), st.data())
def test_a_key_of_movement_leads_to_a_file_and_back(count: int, columns: int, data: st.DataObject) -> None:
    grid = Grid(2 * MARGIN + columns * (96 + GAP) - GAP, 96, 0)
    assert grid.columns == columns
    place = data.draw(st.integers(0, count - 1))
    for key, back in ((Qt.Key.Key_Down, Qt.Key.Key_Up), (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)):
        there = grid.place_after(key, place, 0, 420, count)
        assert there is not None
        assert place <= there < count
        if there % columns == place % columns:
            again = grid.place_after(back, there, 0, 420, count)
            assert again is not None
            assert again <= place
            assert again % columns == place % columns
    assert grid.place_after(Qt.Key.Key_A, place, 0, 420, count) is None
    assert grid.place_after(Qt.Key.Key_Down, None, 0, 420, count) == 0
    assert grid.place_after(Qt.Key.Key_Down, None, 0, 420, 0) is None


# --- selection


def test_clicks_select_one_several_or_a_stretch(show: Show, qtbot: QtBot) -> None:
    view = show()
    with qtbot.waitSignal(view.current_changed) as changed:
        click(view, 2)
    assert changed.args == [2]
    click(view, 6, CONTROL)
    click(view, 8, CONTROL)
    click(view, 6, CONTROL)
    assert view.selected_ids() == [2, 8]
    click(view, 4)
    click(view, 11, SHIFT)
    assert view.selected_ids() == list(range(4, 12))
    click(view, 1, SHIFT)
    assert view.selected_ids() == [1, 2, 3, 4]


def test_the_selection_follows_the_files_through_a_resort(show: Show) -> None:
    view = show()
    click(view, 3)
    click(view, 7, CONTROL)
    judge(view, {3: 0.1, 7: 0.9, 50: 0.5})
    view.release()
    assert view.selected_ids() == [7, 3]
    assert view.current_id == 7
    assert model_of(view).position_of(7) == 0


def test_select_all_and_none_with_100_000_files(show: Show, qtbot: QtBot) -> None:
    view = show(100_000)
    with qtbot.waitSignal(view.selection_changed) as changed:
        QTest.keyClick(view, Qt.Key.Key_A, CONTROL)
    assert changed.args == [100_000]
    assert not view.selectionModel().hasSelection()  # Qt's own would take a second for them
    with qtbot.waitSignal(view.selection_changed) as changed:
        view.clearSelection()
    assert changed.args == [0]


def test_a_rubber_band_selects_what_it_touches(show: Show) -> None:
    view = show()
    start = rect_of(view, 6).topLeft() - QPoint(3, 3)
    end = rect_of(view, 12).center()
    QTest.mousePress(view.viewport(), LEFT, NONE, start)
    QTest.mouseMove(view.viewport(), end)
    QTest.mouseRelease(view.viewport(), LEFT, NONE, end)
    assert view.selected_ids() == [6, 7, 11, 12]
    QTest.mouseClick(view.viewport(), LEFT, NONE, start)
    assert view.selected_ids() == []


def test_a_rubber_band_pulled_over_the_edge_scrolls_on(show: Show, qtbot: QtBot) -> None:
    view = show(500)
    click(view, 0)
    below = QPoint(rect_of(view, 7).center().x(), view.viewport().height() + 40)
    QTest.mousePress(view.viewport(), LEFT, CONTROL, rect_of(view, 6).topLeft() - QPoint(3, 3))
    QTest.mouseMove(view.viewport(), below)
    qtbot.waitUntil(lambda: view.verticalScrollBar().value() > 500)
    QTest.mouseRelease(view.viewport(), LEFT, CONTROL, below)
    scrolled = view.verticalScrollBar().value()
    chosen = view.selected_ids()
    assert chosen[:5] == [0, 6, 7, 11, 12]
    assert {id_ % 5 for id_ in chosen[1:]} == {1, 2}
    assert rect_of(view, chosen[-1]).bottom() > view.viewport().height()
    qtbot.wait(50)
    assert view.verticalScrollBar().value() == scrolled


Dragged = list[tuple[list[str], Qt.DropAction]]


@pytest.fixture
def dragged(monkeypatch: pytest.MonkeyPatch) -> Dragged:
    """The names of the files of each drag, and what may be done with them; nobody takes any."""
    drags: Dragged = []

    def run(drag: QDrag, actions: Qt.DropAction, _default: Qt.DropAction) -> Qt.DropAction:
        drags.append(([url.fileName() for url in drag.mimeData().urls()], actions))
        return Qt.DropAction.IgnoreAction

    monkeypatch.setattr(QDrag, "exec", run)
    return drags


@pytest.mark.parametrize("modifier", [NONE, CONTROL])
def test_files_are_dragged_out_as_copies(show: Show, dragged: Dragged, modifier: Qt.KeyboardModifier) -> None:
    view = show()
    click(view, 0)
    click(view, 1, CONTROL)
    start = rect_of(view, 1).center()
    QTest.mousePress(view.viewport(), LEFT, modifier, start)
    QTest.mouseMove(view.viewport(), start + QPoint(30, 0))
    QTest.mouseRelease(view.viewport(), LEFT, modifier, start)
    assert dragged == [(["a0.jpg", "b1.jpg"], Qt.DropAction.CopyAction)]
    assert view.selected_ids() == [0, 1]


def press_between_the_cells(view: ResultsView) -> None:
    """The beginning of a rubber band around the files 6 and 7."""
    QTest.mousePress(view.viewport(), LEFT, NONE, rect_of(view, 6).topLeft() - QPoint(3, 3))
    QTest.mouseMove(view.viewport(), rect_of(view, 7).center())
    assert view.selected_ids() == [6, 7]


def test_another_listing_ends_a_rubber_band(show: Show) -> None:
    view = show()
    press_between_the_cells(view)
    model_of(view).open(listing_of(50))
    QTest.mouseMove(view.viewport(), QPoint(300, 300))
    assert view.selected_ids() == []
    QTest.mouseRelease(view.viewport(), LEFT, NONE, QPoint(300, 300))


def test_a_new_ranking_ends_a_rubber_band(show: Show) -> None:
    view = show()
    press_between_the_cells(view)
    view.release()
    QTest.mouseMove(view.viewport(), QPoint(300, 300))
    assert view.selected_ids() == [6, 7]
    QTest.mouseRelease(view.viewport(), LEFT, NONE, QPoint(300, 300))


@pytest.mark.parametrize("what", ["band", "drag"])
def test_a_gesture_whose_end_was_taken_by_another_window_does_not_go_on(
    show: Show, qtbot: QtBot, dragged: Dragged, what: str
) -> None:
    view = show()
    if what == "band":
        press_between_the_cells(view)
    else:
        QTest.mousePress(view.viewport(), LEFT, NONE, rect_of(view, 6).center())
    selected = view.selected_ids()
    where = QPointF(300, 300)
    move = QMouseEvent(
        QEvent.Type.MouseMove, where, view.viewport().mapToGlobal(where), Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton, NONE,
    )  # fmt: skip
    QApplication.sendEvent(view.viewport(), move)
    assert not dragged
    assert view.selected_ids() == selected
    view.release()
    judge(view, {42: 0.9})
    qtbot.waitUntil(lambda: model_of(view).order[0] == 42)  # a rubber band would hold the list
    QTest.mouseRelease(view.viewport(), LEFT)


@given(
    st.lists(st.tuples(st.sampled_from(["choose", "add", "toggle"]), st.lists(st.integers(0, 40), max_size=6))),
    st.permutations(range(41)),
)
def test_the_selection_is_a_set_of_files(steps: list[tuple[str, list[int]]], order: list[int]) -> None:
    selection, expected = Selection(), set[int]()
    for what, ids in steps:
        if what == "toggle":
            for id_ in ids:
                selection.toggle(id_)
                expected ^= {id_}
        elif what == "add":
            selection.add(ids)
            expected |= set(ids)
        else:
            selection.choose(np.array(ids, np.int32))
            expected = set(ids)
    assert len(selection) == len(expected)
    assert set(selection.ids().tolist()) == expected
    assert all((id_ in selection) == (id_ in expected) for id_ in range(-1, 45))
    shown = np.array(order[:20], np.int32)
    hidden = sorted(expected - set(order[:20]))
    assert selection.in_order(shown) == [id_ for id_ in order[:20] if id_ in expected] + hidden
    assert selection.marks(shown).tolist() == [id_ in expected for id_ in order[:20]]


def test_a_hidden_file_stays_selected(show: Show) -> None:
    view = show()
    click(view, 3)
    judge(view, {3: 0.1, 4: 0.9})
    model_of(view).set_minimum(0.5)
    view.apply_order()
    assert view.selected_ids() == [3]
    model_of(view).set_minimum(0.0)
    view.apply_order()
    assert view.selected_ids() == [3]


# --- the keyboard


def test_arrows_move_and_shift_extends(show: Show) -> None:
    view = show(13)
    click(view, 0)
    for key, expected in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Down, 6),
        (Qt.Key.Key_Down, 11),
        (Qt.Key.Key_Down, 11),
        (Qt.Key.Key_Up, 6),
        (Qt.Key.Key_Left, 5),
        (Qt.Key.Key_End, 12),
        (Qt.Key.Key_Right, 12),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Left, 0),
    ):
        QTest.keyClick(view, key)
        assert view.current_id == expected
        assert view.selected_ids() == [expected]
    QTest.keyClick(view, Qt.Key.Key_Down, SHIFT)
    assert view.selected_ids() == list(range(6))
    QTest.keyClick(view, Qt.Key.Key_Right, CONTROL)
    assert (view.current_id, len(view.selected_ids())) == (6, 6)
    QTest.keyClick(view, Qt.Key.Key_Space, CONTROL)
    assert view.selected_ids() == list(range(7))


def test_pages_keep_the_column_and_bring_the_file_on_screen(show: Show) -> None:
    view = show(500)
    click(view, 2)
    for _ in range(5):
        QTest.keyClick(view, Qt.Key.Key_PageDown)
    assert view.current_id % 5 == 2
    assert view.current_id > 50
    assert view.viewport().rect().contains(rect_of(view, view.current_id))
    for _ in range(9):
        QTest.keyClick(view, Qt.Key.Key_PageUp)
    assert view.current_id == 2


@pytest.mark.parametrize(
    ("key", "signal"),
    [
        (Qt.Key.Key_Return, "opened"),
        (Qt.Key.Key_Enter, "opened"),
        (Qt.Key.Key_Space, "looked_at"),
        (Qt.Key.Key_F, "similar_wanted"),
    ],
)
def test_keys_act_on_the_current_file(show: Show, qtbot: QtBot, key: Qt.Key, signal: str) -> None:
    view = show()
    click(view, 3)
    with qtbot.waitSignal(getattr(view, signal)) as done:
        QTest.keyClick(view, key)
    assert done.args == [3]


def test_a_double_click_opens(show: Show, qtbot: QtBot) -> None:
    view = show()
    with qtbot.waitSignal(view.opened) as opened:
        QTest.mouseDClick(view.viewport(), LEFT, NONE, rect_of(view, 4).center())
    assert opened.args == [4]


def test_typing_finds_a_name_however_far_away(show: Show, qtbot: QtBot) -> None:
    view = show(20_000)
    QTest.keyClicks(view, "H190")
    qtbot.waitUntil(lambda: view.current_id == 1905)
    QTest.keyClicks(view, "13")
    qtbot.waitUntil(lambda: view.current_id == 19_013)


def test_typing_with_nothing_to_find_does_nothing(show: Show, qtbot: QtBot) -> None:
    view = ResultsView()
    qtbot.addWidget(view)
    for model in (None, ResultsModel(view)):
        view.setModel(model)
        QTest.keyClicks(view, "cup")
        assert view.current_id == -1


def test_control_and_space_leave_a_hidden_current_file_alone(show: Show) -> None:
    view = show()
    click(view, 3)
    view.clearSelection()
    judge(view, {3: 0.1, 4: 0.9})
    model_of(view).set_minimum(0.5)
    view.apply_order()
    QTest.keyClick(view, Qt.Key.Key_Space, CONTROL)
    assert view.selected_ids() == []


def test_f_is_a_letter_while_a_name_is_typed(show: Show, qtbot: QtBot) -> None:
    view = show()
    click(view, 0)
    with qtbot.assertNotEmitted(view.similar_wanted):
        QTest.keyClicks(view, "zf")


def test_keys_that_are_not_the_grids_go_on_to_the_window(show: Show, qtbot: QtBot) -> None:
    view = show()
    click(view, 0)
    with qtbot.assertNotEmitted(view.current_changed):
        QTest.keyClick(view, Qt.Key.Key_Escape)
        QTest.keyClick(view, Qt.Key.Key_L, CONTROL)
    assert view.selected_ids() == [0]


def test_copy_puts_the_files_on_the_clipboard(show: Show) -> None:
    view = show()
    click(view, 0)
    click(view, 1, CONTROL)
    QTest.keyClick(view, Qt.Key.Key_C, CONTROL)
    names = [url.fileName() for url in QGuiApplication.clipboard().mimeData().urls()]
    assert names == ["a0.jpg", "b1.jpg"]


def test_the_context_menu_is_about_the_file_under_the_pointer(show: Show, qtbot: QtBot) -> None:
    view = show()
    click(view, 0)
    point = rect_of(view, 7).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, NONE, point)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, point, view.viewport().mapToGlobal(point))
    with qtbot.waitSignal(view.context_menu_wanted) as wanted:
        QApplication.sendEvent(view.viewport(), event)
    assert wanted.args == [view.viewport().mapToGlobal(point), [7]]


# --- size


def test_control_and_the_wheel_change_the_size_around_the_pointer(show: Show, qtbot: QtBot) -> None:
    view = show(1000)
    view.verticalScrollBar().setValue(4000)
    point = QPoint(200, 200)
    under = view.indexAt(point)
    id_ = int(model_of(view).order[under.row()])
    before = rect_of(view, id_).center().y()
    with qtbot.waitSignal(view.cell_size_changed) as changed:
        wheel(view, 120, point, CONTROL)
    assert changed.args == [112]
    assert abs(rect_of(view, id_).center().y() - before) <= 1


def test_keys_change_the_size_within_limits(show: Show) -> None:
    view = show()
    for _ in range(30):
        QTest.keyClick(view, Qt.Key.Key_Plus, CONTROL)
    assert view.cell_size == MAX_CELL
    for _ in range(30):
        QTest.keyClick(view, Qt.Key.Key_Minus, CONTROL)
    assert view.cell_size == MIN_CELL


def wheel(view: ResultsView, delta: int, point: QPoint, modifiers: Qt.KeyboardModifier = NONE) -> None:
    where = QPointF(point)
    event = QWheelEvent(
        where,
        QPointF(view.viewport().mapToGlobal(point)),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def test_a_wheel_notch_scrolls_smoothly(show: Show, qtbot: QtBot) -> None:
    view = show(1000)
    view.reduced_motion = False
    bar = view.verticalScrollBar()
    seen: list[int] = []
    bar.valueChanged.connect(seen.append)
    wheel(view, -120, QPoint(100, 100))
    wheel(view, -120, QPoint(100, 100))
    qtbot.waitUntil(lambda: bar.value() == 192)
    assert len(seen) > 3


def test_a_resort_does_not_cut_smooth_scrolling_short(show: Show, qtbot: QtBot) -> None:
    view = show(1000)
    view.reduced_motion = False
    bar = view.verticalScrollBar()
    bar.setValue(2000)
    wheel(view, -120, QPoint(100, 100))
    judge(view, dict.fromkeys(range(500, 510), 0.9))
    view.apply_order()  # two rows come in above
    rows = 2 * (rect_of(view, 5).top() - rect_of(view, 0).top())
    assert bar.value() < 2000 + rows + 96
    qtbot.waitUntil(lambda: bar.value() == 2000 + rows + 96)


# --- the list settles


def test_at_the_top_results_stream_in(show: Show, qtbot: QtBot) -> None:
    view = show()
    judge(view, {42: 0.9, 43: 0.8})
    qtbot.waitUntil(lambda: model_of(view).order[:2].tolist() == [42, 43])
    assert not pill_of(view).isVisible()


def test_what_is_on_the_screen_stays_put_and_a_pill_leads_to_the_better_ones(show: Show, qtbot: QtBot) -> None:
    view = show(200)
    view.verticalScrollBar().setValue(1000)
    id_ = int(model_of(view).order[view.indexAt(QPoint(200, 200)).row()])
    before = rect_of(view, id_)
    judge(view, {number: 0.5 + number / 1000 for number in range(170, 182)})
    view.apply_order()
    assert rect_of(view, id_) == before
    assert view.engaged
    assert pill_of(view).isVisible()
    assert pill_of(view).text() == "12 better results above"
    QTest.mouseClick(pill_of(view), LEFT)
    assert view.verticalScrollBar().value() == 0
    assert model_of(view).order[:12].tolist() == list(range(181, 169, -1))
    assert not pill_of(view).isVisible()


def test_scrolling_under_the_pill_leaves_nothing_behind(show: Show, qtbot: QtBot) -> None:
    view = show(200)
    bar = view.verticalScrollBar()
    bar.setValue(1000)
    judge(view, {number: 0.5 + number / 1000 for number in range(170, 182)})
    view.apply_order()
    assert pill_of(view).isVisible()
    for step in (7, 30, -51, 12):
        bar.setValue(bar.value() + step)
        QApplication.processEvents()
    shown = view.screen().grabWindow(view.winId()).toImage()
    view.viewport().repaint()
    assert shown == view.screen().grabWindow(view.winId()).toImage()


def test_scrolling_to_the_top_by_hand_lets_go(show: Show, qtbot: QtBot) -> None:
    view = show(200)
    bar = view.verticalScrollBar()
    bar.setValue(1000)
    judge(view, {number: number / 1000 for number in range(150, 170)})
    view.apply_order()
    with qtbot.waitSignal(view.engaged_changed) as changed:
        bar.setValue(0)
    assert changed.args == [False]
    qtbot.waitUntil(lambda: model_of(view).order[:2].tolist() == [169, 168])
    assert not pill_of(view).isVisible()


@pytest.mark.parametrize("by", ["selecting", "pointing"])
def test_selecting_or_pointing_holds_the_list_too(show: Show, by: str) -> None:
    view = show(200)
    if by == "selecting":
        click(view, 3)
        forget_pointer(view)
    else:
        QTest.mouseMove(view.viewport(), QPoint(150, 150))
        QTest.mouseMove(view.viewport(), QPoint(152, 150))
    before = rect_of(view, 7)
    judge(view, {number: number / 1000 for number in range(150, 170)})
    view.apply_order()
    assert rect_of(view, 7) == before
    assert view.verticalScrollBar().value() > 0


def test_a_new_question_is_answered_from_the_top_though_a_file_is_selected(show: Show) -> None:
    view = show(200)
    click(view, 3)
    view.release()
    judge(view, {number: number / 1000 for number in range(150, 170)})
    view.apply_order()
    assert model_of(view).order[:2].tolist() == [169, 168]
    assert view.selected_ids() == [3]
    assert not pill_of(view).isVisible()
    click(view, 169)  # at work again: held again
    judge(view, {5: 0.9})
    view.apply_order()
    assert pill_of(view).isVisible()


def test_another_arrangement_starts_at_its_beginning(show: Show) -> None:
    view = show(200)
    view.verticalScrollBar().setValue(1000)
    model_of(view).set_sort_mode(Sort.NAME)
    view.apply_order()
    assert view.verticalScrollBar().value() == 0


def test_it_resorts_at_most_four_times_a_second(show: Show, qtbot: QtBot) -> None:
    view = show()
    view.release()
    resorts: list[float] = []
    model_of(view).layoutChanged.connect(lambda *_: resorts.append(time.monotonic()))
    start = time.monotonic()
    for number in range(60):
        judge(view, {number: number / 100})
        qtbot.wait(10)
    assert 2 <= len(resorts) <= (time.monotonic() - start) / 0.25 + 1


def test_it_does_nothing_while_nothing_changes(show: Show, qtbot: QtBot) -> None:
    view = show()
    qtbot.wait(400)
    resorted = []
    model_of(view).dataChanged.connect(lambda *_: resorted.append(1))
    qtbot.wait(400)
    assert resorted == []


def test_another_listing_forgets_the_old(show: Show) -> None:
    view = show()
    click(view, 3)
    view.set_thumbnail(3, picture("#ff0000"))
    model_of(view).open(listing_of(50))
    assert view.current_id == -1
    assert view.selected_ids() == []
    assert view.thumbnail(3) is None


def test_a_listing_that_is_there_at_once_is_shown_at_once(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    view.release()  # so that nothing is held whose end would bring the grid up to date
    with qtbot.waitSignal(view.thumbnails_wanted):
        pass
    with qtbot.waitSignal(view.thumbnails_wanted, check_params_cb=lambda ids, _: ids[:2] == [0, 1]):
        model_of(view).open(listing_of(30))


def test_thumbnails_of_another_listing_are_not_wanted_any_more(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    with qtbot.waitSignal(view.thumbnails_wanted):
        pass
    wanted: list[list[int]] = []
    view.thumbnails_wanted.connect(lambda ids, _: wanted.append(ids))
    model_of(view).open(listing_of(30))
    assert wanted == [[]]  # before anything can come in under an id that now means another file


# --- thumbnails and looks


def picture(color: str, width: int = 128, height: int = 64) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return image


def test_thumbnails_are_asked_for_visible_first_then_near(show: Show, qtbot: QtBot) -> None:
    view = show(2000)
    bar = view.verticalScrollBar()
    with qtbot.waitSignal(view.thumbnails_wanted) as wanted:
        bar.setValue(5000)
    ids, pixels = wanted.args
    first = view.indexAt(QPoint(30, 60)).row() // 5 * 5
    assert pixels == 128
    assert first - 5 <= ids[0] <= first
    assert ids[0] - 1 in ids
    assert ids.index(ids[0] - 1) > ids.index(ids[0] + 20)
    assert len(ids) < 100
    for id_ in ids:
        view.set_thumbnail(id_, picture("#00ff00"))
    with qtbot.waitSignal(view.thumbnails_wanted) as wanted:
        view.set_cell_size(300)
    assert wanted.args[1] == 256


def test_thumbnails_asked_for_once_are_not_asked_for_again(show: Show, qtbot: QtBot) -> None:
    view = show(2000)
    bar = view.verticalScrollBar()
    with qtbot.waitSignal(view.thumbnails_wanted) as wanted:
        bar.setValue(5000)
    have = set(wanted.args[0])
    for id_ in have:
        view.set_thumbnail(id_, picture("#00ff00"))
    with qtbot.waitSignal(view.thumbnails_wanted) as wanted:
        bar.setValue(5210)
    assert wanted.args[0]
    assert not have & set(wanted.args[0])


def test_thumbnails_are_forgotten_when_they_take_too_much(show: Show, qtbot: QtBot) -> None:
    view = show(2000, thumbnail_bytes=2**20)
    for id_ in range(100):
        view.set_thumbnail(id_, picture("#00ff00"))  # 32 KiB each
    assert view.thumbnail(0) is not None  # it is on the screen
    kept = sum(view.thumbnail(id_) is not None for id_ in range(100))
    assert 20 <= kept <= 40


def test_a_picture_is_drawn_whole_with_its_score_at_the_foot(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    palette = view.palette()
    palette.setColor(QPalette.ColorRole.Highlight, QColor("#0000ff"))
    palette.setColor(QPalette.ColorRole.AlternateBase, QColor("#303030"))
    view.setPalette(palette)
    judge(view, {0: 1.0, 1: 0.5})
    view.release()
    view.set_thumbnail(0, picture("#ff0000"))
    cell = rect_of(view, 0)
    qtbot.waitUntil(lambda: color_at(view, cell.center()) == QColor("#ff0000"))
    assert color_at(view, cell.center() - QPoint(0, 35)) == QColor("#303030")  # twice as wide as high
    other = rect_of(view, 1)
    assert share_of_blue(view, cell) == pytest.approx(1.0, abs=0.02)
    assert share_of_blue(view, other) == pytest.approx(0.5, abs=0.02)


def color_at(view: ResultsView, point: QPoint) -> QColor:
    return view.viewport().grab().toImage().pixelColor(point)


def share_of_blue(view: ResultsView, cell: QRect) -> float:
    image = view.viewport().grab(cell).toImage()
    y = image.height() - 4
    blue = sum(image.pixelColor(x, y) == QColor("#0000ff") for x in range(image.width()))
    return blue / (cell.width() - 10)


@pytest.mark.parametrize("text", ["#1e1e1e", "#e3e3e3"])
def test_selection_frames_the_cell_and_tints_nothing(show: Show, qtbot: QtBot, text: str) -> None:
    view = show(20)
    palette = view.palette()
    for role, name in (
        (QPalette.ColorRole.AlternateBase, "#808080"),
        (QPalette.ColorRole.Text, text),
        (QPalette.ColorRole.Highlight, "#0000ff"),
    ):
        palette.setColor(role, QColor(name))
    view.setPalette(palette)
    view.set_thumbnail(0, picture("#a06040"))
    cell = rect_of(view, 0)
    center, beside, frame = cell.center(), cell.center() - QPoint(0, 38), QPoint(cell.left(), cell.center().y())
    qtbot.waitUntil(lambda: color_at(view, center) == QColor("#a06040"))
    assert color_at(view, frame) == QColor("#808080")
    view.selectAll()
    assert color_at(view, center) == QColor("#a06040")
    ground = color_at(view, beside)
    assert ground.red() == ground.green() == ground.blue()
    assert abs(ground.red() - 0x80) <= 12
    assert color_at(view, frame) == QColor("#0000ff")


def test_a_score_taken_back_is_not_shown_even_before_the_next_resort(qtbot: QtBot) -> None:
    def drawn(rank: int, score: float) -> QImage:
        image = QImage(200, 220, QImage.Format.Format_RGB32)
        image.fill(QColor("#202020"))
        cells = CellPainter()
        cells.prepare(QPalette(), QGuiApplication.font(), 160, 1.0, has_caption=True)
        with QPainter(image) as painter:
            cells.paint(painter, QPoint(10, 10), state(rank, score), None, None, 1.0)
        return image

    def state(rank: int, score: float) -> CellState:
        return CellState(0, "a.jpg", rank, score, is_failed=False, is_clip=False, is_selected=False, is_hovered=False)

    assert drawn(3, float("nan")) == drawn(0, float("nan"))
    assert drawn(3, 0.5) != drawn(0, float("nan"))


def test_a_thumbnail_fades_in_unless_motion_is_reduced(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    view.reduced_motion = False
    center = rect_of(view, 0).center()
    view.set_thumbnail(0, picture("#ff0000"))
    flat = color_at(view, center)
    assert flat != QColor("#ff0000")
    qtbot.waitUntil(lambda: color_at(view, center) == QColor("#ff0000"))


def test_a_clip_scrubs_under_the_pointer(show: Show, qtbot: QtBot) -> None:
    view = show(20, kind=Kind.VIDEO)
    view.set_thumbnail(3, picture("#808080", 128, 128), "", 12.0)
    cell = rect_of(view, 3)
    left, right = cell.center() - QPoint(25, 0), cell.center() + QPoint(25, 0)
    QTest.mouseMove(view.viewport(), left)
    with qtbot.waitSignal(view.filmstrip_wanted) as wanted:
        QTest.mouseMove(view.viewport(), left + QPoint(1, 0))
    assert wanted.args == [3]
    view.set_filmstrip(3, [picture("#ff0000", 128, 128), picture("#00ff00", 128, 128)])
    assert color_at(view, cell.center() - QPoint(10, 10)) == QColor("#ff0000")
    QTest.mouseMove(view.viewport(), right)
    assert color_at(view, cell.center() - QPoint(10, 10)) == QColor("#00ff00")
    QApplication.sendEvent(view.viewport(), QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(lambda: color_at(view, cell.center() - QPoint(10, 10)) == QColor("#808080"))


def test_few_files_glide_to_their_new_place(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    view.reduced_motion = False
    view.set_thumbnail(4, picture("#ff0000", 128, 128))
    target, start = rect_of(view, 0).center(), rect_of(view, 4).center()
    qtbot.waitUntil(lambda: color_at(view, start) == QColor("#ff0000"))
    judge(view, {4: 0.9})
    view.apply_order()
    assert model_of(view).position_of(4) == 0
    assert color_at(view, target) != QColor("#ff0000")  # on its way
    qtbot.waitUntil(lambda: color_at(view, target) == QColor("#ff0000"))


def test_a_message_takes_the_grids_place(show: Show, qtbot: QtBot) -> None:
    view = show(20)
    view.set_message("Nothing over the line", "Lower it.", "Show all")
    button = next(button for button in view.findChildren(QPushButton) if button.text() == "Show all")
    assert button.isVisible()
    assert button.accessibleName() == "Show all"
    with qtbot.waitSignal(view.message_action):
        QTest.mouseClick(button, LEFT)
    view.clear_message()
    assert not button.isVisible()
