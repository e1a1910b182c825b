"""Files that show the same share a cell, and files that go or change: in the model and in the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core import Changed, Gone, Kind, Listed, Listing
from core.errors import FileEmpty, FileVanished
from desktop.results_grid import GAP, MARGIN
from desktop.results_model import ResultsModel, Sort
from desktop.results_stacks import Stacks
from desktop.results_view import ResultsView

Make = Callable[..., ResultsView]


def rows_of(rows: Sequence[int]) -> np.ndarray:
    return np.array(rows, np.int32)


def listing_of(names: Sequence[str], pages: Sequence[int] | None = None) -> Listing:
    listing = Listing("/photos")
    count = len(names)
    listing.append(
        Listed(
            0, ["/photos"], np.zeros(count, np.int32), list(names), np.full(count, Kind.IMAGE, np.uint8),
            np.ones(count, np.int64), np.arange(count, dtype=np.int64),
            None if pages is None else rows_of(pages),
        )
    )  # fmt: skip
    return listing


def model_of(count: int, stacks: Sequence[int] | None = None) -> ResultsModel:
    """The first file is the best, and so on; stacks by row."""
    model = ResultsModel()
    model.open(listing_of([f"{number}.jpg" for number in range(count)]))
    judge(model, {row: 0.9 - 0.9 * row / (count + 1) for row in range(count)})
    if stacks is not None:
        model.set_stacks(rows_of(stacks))
    model.resort()
    return model


def judge(model: ResultsModel, scores: dict[int, float]) -> None:
    model.set_scores(rows_of(list(scores)), np.array(list(scores.values()), np.float32))


def tell(model: ResultsModel, change: Changed | Gone) -> None:
    assert model.listing is not None
    model.listing.change(change)
    model.change(change)


def changed(rows: Sequence[int], mtime: int = 10**6) -> Changed:
    return Changed(rows_of(rows), np.full(len(rows), 7, np.int64), np.full(len(rows), mtime, np.int64))


def order(model: ResultsModel) -> list[int]:
    return [int(id_) for id_ in model.order]


# --- stacks in the model


def test_the_best_of_a_stack_stands_for_it(qtbot: QtBot) -> None:
    model = model_of(6, [0, 1, 0, 3, 1, 0])
    assert order(model) == [0, 1, 3]
    assert (model.stack_size(0), model.stack_size(1), model.stack_size(3)) == (3, 2, 0)
    judge(model, {5: 0.99})
    model.resort()
    assert order(model) == [5, 1, 3]
    assert [model.rank_of(id_) for id_ in (5, 0, 1)] == [1, 2, 3]  # ranks stay those of files
    counts = model.counts
    assert (counts.listed, counts.shown, counts.folded) == (6, 6, 3)


def test_folding_can_be_switched_off_and_on(qtbot: QtBot) -> None:
    model = model_of(4, [0, 0, 2, 0])
    model.set_folding(False)
    model.resort()
    assert order(model) == [0, 1, 2, 3]
    assert model.stack_size(0) == 0
    assert model.counts.folded == 0
    model.set_folding(True)
    model.resort()
    assert order(model) == [0, 2]


def test_only_files_that_are_shown_count_in_a_stack(qtbot: QtBot) -> None:
    model = model_of(4, [0, 0, 2, 0])
    model.set_minimum(0.5)  # the last has 0.36
    model.resort()
    assert model.stack_size(0) == 2
    tell(model, Gone(rows_of([0])))
    model.resort()
    assert order(model) == [1, 2]
    assert model.stack_size(1) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40))
def test_folding_agrees_with_a_plain_loop(rows: list[tuple[int, bool]]) -> None:
    names = [stack for stack, _ in rows]
    of = [names.index(stack) for stack in names]
    unfolded = {of[row] for row, (_, is_open) in enumerate(rows) if is_open}
    stacks = Stacks()
    stacks.cover(len(rows))
    stacks.tell(rows_of(of))
    for stack in unfolded:
        stacks.toggle(stack)
    given_order = list(range(len(rows)))[::-1]
    expected: list[int] = []
    for row in given_order:
        if of[row] in {of[other] for other in expected}:
            continue
        expected += [other for other in given_order if of[other] == of[row]] if of[row] in unfolded else [row]
    assert stacks.fold(rows_of(given_order)).tolist() == expected
    assert stacks.hidden == len(rows) - len(expected)


def test_unfolding_moves_nothing_before_it_and_folding_brings_it_back(qtbot: QtBot) -> None:
    model = model_of(6, [0, 1, 2, 1, 4, 1])
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    assert order(model) == [0, 1, 2, 4]
    assert model.toggle_stack(1) == 1
    assert order(model) == [0, 1, 3, 5, 2, 4]
    assert model.counts.folded == 0
    model.resort()
    assert order(model) == [0, 1, 3, 5, 2, 4]
    sizes, are_open, begin = model.stack_columns(range(1, 5))
    assert (sizes.tolist(), are_open.tolist()) == ([3, 3, 3, 0], [True, True, True, False])
    assert begin.tolist() == [True, False, False, True]
    assert model.toggle_stack(5) == 1
    assert order(model) == [0, 1, 2, 4]
    del tester


def test_what_is_on_the_screen_goes_on_standing_for_its_stack_while_it_is_held(qtbot: QtBot) -> None:
    model = model_of(6, [0, 1, 2, 3, 4, 1])
    assert order(model) == [0, 1, 2, 3, 4]
    judge(model, {5: 0.999})
    model.resort(range(0, 5), 5)
    assert order(model) == [0, 1, 2, 3, 4]  # the better one of the stack waits
    model.resort()
    assert order(model) == [5, 0, 2, 3, 4]


def test_duplicates_found_under_the_eyes_of_the_person_stay_until_they_let_go(qtbot: QtBot) -> None:
    model = model_of(4)
    model.set_stacks(rows_of([0, 0, 2, 2]))
    model.resort(range(0, 4), 2)
    assert order(model) == [0, 1, 2, 3]
    model.resort()
    assert order(model) == [0, 2]


def test_a_folded_cell_says_what_it_stands_for(qtbot: QtBot) -> None:
    model = model_of(3, [0, 0, 2])
    tip = str(model.data(model.index(0), Qt.ItemDataRole.ToolTipRole))
    assert "Stands for 2 alike" in tip
    assert "alone" in tip
    assert "2 alike" in str(model.data(model.index(0), Qt.ItemDataRole.AccessibleTextRole))
    assert "Stands for" not in str(model.data(model.index(1), Qt.ItemDataRole.ToolTipRole))


# --- files that change and go


def test_what_is_gone_is_not_shown_counted_or_ranked(qtbot: QtBot) -> None:
    model = model_of(4)
    model.set_failed(rows_of([3]), [FileEmpty()])
    tell(model, Gone(rows_of([0, 3])))
    model.resort()
    assert order(model) == [1, 2]
    assert model.rank_of(1) == 1
    counts = model.counts
    assert (counts.listed, counts.shown, counts.judged, counts.failed) == (2, 2, 2, 0)
    assert model.error_of(3) is None


def test_what_is_said_of_a_file_after_it_went_is_not_heard(qtbot: QtBot) -> None:
    model = model_of(3)
    tell(model, Gone(rows_of([1, 2])))
    judge(model, {1: 0.9})
    model.set_failed(rows_of([2]), [FileVanished()])
    model.resort()
    assert order(model) == [0]
    assert (model.counts.judged, model.counts.failed) == (1, 0)


def test_a_changed_file_keeps_its_place_without_a_score_until_it_is_judged_again(qtbot: QtBot) -> None:
    model = model_of(3)
    tell(model, changed([1]))
    model.resort()
    assert order(model) == [0, 1, 2]
    assert model.score_of(1) is None
    judge(model, {1: 0.01})
    model.resort()
    assert order(model) == [0, 2, 1]


def test_dates_that_change_and_files_that_come_back_find_their_place(qtbot: QtBot) -> None:
    model = model_of(4)
    model.set_sort_mode(Sort.NEWEST)
    model.resort()
    assert order(model) == [3, 2, 1, 0]
    tell(model, Gone(rows_of([2])))
    tell(model, changed([0], mtime=99))
    model.resort()
    assert order(model) == [0, 3, 1]
    tell(model, changed([2], mtime=0))
    model.resort()
    assert order(model) == [0, 3, 1, 2]


def test_a_held_file_that_is_gone_goes_and_the_others_stay_together(qtbot: QtBot) -> None:
    model = model_of(12)
    tell(model, Gone(rows_of([5])))
    model.resort(range(4, 8), 4)
    assert order(model) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


# --- pages


def test_pages_are_named_where_a_file_has_several(qtbot: QtBot) -> None:
    model = ResultsModel()
    model.open(listing_of(["a.pdf", "b.tif", "a.pdf", "a.pdf", "one.pdf"], pages=[0, 0, 1, 2, 0]))
    assert [model.name_of(row) for row in range(5)] == [
        "a.pdf · page 1", "b.tif", "a.pdf · page 2", "a.pdf · page 3", "one.pdf",
    ]  # fmt: skip
    index = model.index(model.position_of(3) or 0)
    assert "a.pdf · page 3" in str(model.data(index, Qt.ItemDataRole.ToolTipRole))
    assert str(model.data(index, Qt.ItemDataRole.AccessibleTextRole)).startswith("a.pdf · page 3")


def test_pages_of_one_file_are_dragged_out_as_that_file(qtbot: QtBot) -> None:
    model = ResultsModel()
    model.open(listing_of(["a.pdf", "b.jpg", "a.pdf"], pages=[0, 0, 1]))
    urls = [url.toString() for url in model.mime_data([2, 1, 0]).urls()]
    assert urls == ["file:///photos/a.pdf", "file:///photos/b.jpg"]


# --- the grid


@pytest.fixture
def show(qtbot: QtBot) -> Make:
    """A shown view of five columns over so many files, the first the best; stacks by row."""

    def make(count: int, stacks: Sequence[int] | None = None) -> ResultsView:
        view = ResultsView()
        qtbot.addWidget(view)
        view.setModel(model_of(count, stacks))
        view.set_cell_size(96)
        view.reduced_motion = True
        bar = view.verticalScrollBar().sizeHint().width()
        view.resize(2 * MARGIN + 5 * (96 + GAP) - GAP + bar, 420)
        view.show()
        qtbot.waitExposed(view)
        QTest.mouseMove(view.viewport(), QPoint(1, 1))
        view._hold.forget_pointer()
        return view

    return make


def model_in(view: ResultsView) -> ResultsModel:
    model = view.model()
    assert isinstance(model, ResultsModel)
    return model


def cell(view: ResultsView, id_: int) -> QRect:
    place = model_in(view).position_of(id_)
    assert place is not None
    return view.visualRect(model_in(view).index(place))


def click(view: ResultsView, at: QPoint) -> None:
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def badge(view: ResultsView, id_: int) -> QPoint:
    """The number in the upper right corner of a cell."""
    return cell(view, id_).topRight() + QPoint(-12, 12)


def test_a_click_on_the_number_unfolds_and_folds_without_selecting(show: Make, qtbot: QtBot) -> None:
    view = show(8, [0, 1, 2, 1, 4, 5, 6, 7])
    click(view, badge(view, 1))
    assert order(model_in(view))[:4] == [0, 1, 3, 2]
    assert view.selected_count == 0
    click(view, badge(view, 1))
    assert order(model_in(view))[:3] == [0, 1, 2]
    with qtbot.waitSignal(view.selection_changed):
        click(view, badge(view, 2))  # no number there: a click on the file


def test_the_key_works_from_every_file_of_a_stack_and_leaves_the_first_current(show: Make) -> None:
    view = show(6, [0, 1, 2, 1, 1, 5])
    view.setFocus()
    click(view, cell(view, 1).center())
    QTest.keyClick(view, Qt.Key.Key_S)
    assert order(model_in(view)) == [0, 1, 3, 4, 2, 5]
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.current_id == 4
    QTest.keyClick(view, Qt.Key.Key_S)
    assert order(model_in(view)) == [0, 1, 2, 5]
    assert view.current_id == 1
    assert view.selected_ids() == [1]


def test_where_nothing_is_stacked_the_key_types_a_name(show: Make) -> None:
    view = show(3)
    assert model_in(view).listing is not None
    model_in(view).listing.names[2] = "salt.jpg"  # type: ignore[union-attr]
    view.setFocus()
    click(view, cell(view, 0).center())
    QTest.keyClick(view, Qt.Key.Key_S)
    assert view.current_id == 2


def test_beside_stacks_the_key_goes_to_no_other_file(show: Make) -> None:
    view = show(4, [0, 1, 1, 3])
    assert model_in(view).listing is not None
    model_in(view).listing.names[3] = "salt.jpg"  # type: ignore[union-attr]
    view.setFocus()
    click(view, cell(view, 0).center())
    QTest.keyClick(view, Qt.Key.Key_S)
    assert view.current_id == 0


def test_a_folded_stack_is_selected_and_copied_as_its_first_file(show: Make) -> None:
    view = show(4, [0, 0, 0, 3])
    view.selectAll()
    assert view.selected_ids() == [0, 3]
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert len(QApplication.clipboard().mimeData().urls()) == 2


def test_a_stack_looks_like_one_and_its_unfolded_files_are_tied(show: Make) -> None:
    view = show(6, [0, 1, 2, 1, 4, 5])
    folded = view.grab().toImage()

    def between(image: QImage, one: int, other: int) -> QColor:
        """The colour of the gap between two neighbours, half way down."""
        left, right = cell(view, one), cell(view, other)
        x = (left.right() + right.left()) // 2
        return image.pixelColor(view.viewport().mapTo(view, QPoint(x, left.center().y())))

    ground = between(folded, 1, 2)
    above = cell(view, 1).center().x(), cell(view, 1).top() - 2
    alone = cell(view, 0).center().x(), cell(view, 0).top() - 2
    offset = view.viewport().pos()
    assert folded.pixelColor(QPoint(*above) + offset) != ground  # the edges of those behind it
    assert folded.pixelColor(QPoint(*alone) + offset) == ground
    view.toggle_stack(1)
    unfolded = view.grab().toImage()
    assert between(unfolded, 1, 3) != ground
    assert between(unfolded, 0, 1) != between(unfolded, 1, 3)


def test_when_the_current_file_goes_its_neighbour_is_current_and_nothing_scrolls(show: Make, qtbot: QtBot) -> None:
    view = show(100)
    click(view, cell(view, 7).center())
    view.verticalScrollBar().setValue(600)
    listing = model_in(view).listing
    assert listing is not None
    gone = Gone(rows_of([7, 8]))
    listing.change(gone)
    with qtbot.waitSignal(view.current_changed):
        view.note_change(gone)
    model_in(view).change(gone)
    assert view.current_id == 9
    assert view.selected_ids() == []
    seen = [view.indexAt(QPoint(x, 200)).data(Qt.ItemDataRole.UserRole) for x in range(60, 500, 104)]
    before = [cell(view, id_) for id_ in seen]
    view.apply_order()
    assert [cell(view, id_) for id_ in seen] == before
    assert model_in(view).position_of(7) is None


def test_the_last_file_that_goes_leaves_nothing_current(show: Make) -> None:
    view = show(2)
    click(view, cell(view, 1).center())
    listing = model_in(view).listing
    assert listing is not None
    for rows, current in (([1], 0), ([0], -1)):
        listing.change(Gone(rows_of(rows)))
        view.note_change(Gone(rows_of(rows)))
        model_in(view).change(Gone(rows_of(rows)))
        view.apply_order()
        assert view.current_id == current


def test_a_changed_file_is_shown_as_it_was_until_its_new_picture_comes(show: Make, qtbot: QtBot) -> None:
    view = show(3)
    asked: list[list[int]] = []
    view.thumbnails_wanted.connect(lambda ids, _pixels: asked.append(ids))
    red = QImage(64, 64, QImage.Format.Format_RGB32)
    red.fill(Qt.GlobalColor.red)
    for id_ in range(3):
        view.set_thumbnail(id_, red, pixels=1024)
    qtbot.wait(80)
    asked.clear()
    view.note_change(changed([1]))
    kept = view.thumbnail(1)
    assert kept is not None
    qtbot.waitUntil(lambda: asked == [[1]])


def test_an_animated_picture_turns_out_to_be_a_clip(show: Make, qtbot: QtBot) -> None:
    view = show(2)
    frame = QImage(64, 48, QImage.Format.Format_RGB32)
    frame.fill(Qt.GlobalColor.blue)
    view.set_thumbnail(0, frame, duration=2.0, pixels=128, is_clip=True)
    assert (view.is_clip(0), view.is_clip(1)) == (True, False)
    with qtbot.waitSignal(view.filmstrip_wanted) as wanted:
        QTest.mouseMove(view.viewport(), cell(view, 0).center())
    assert wanted.args == [0]
