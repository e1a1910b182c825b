from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from core.errors import FileDamaged, FileEmpty
from core.media import Kind, Listed, Listing
from desktop.results_model import ResultsModel, Sort
from desktop.results_order import best_first, name_order, newest_first


def listing_of(names: list[str], kinds: list[Kind] | None = None, mtimes: list[int] | None = None) -> Listing:
    listing = Listing("/photos")
    grow(listing, names, kinds, mtimes)
    return listing


def grow(listing: Listing, names: list[str], kinds: list[Kind] | None = None, mtimes: list[int] | None = None) -> None:
    count = len(names)
    listing.append(
        Listed(
            start=len(listing),
            folders=[] if len(listing) else ["/photos"],
            folder=np.zeros(count, np.int32),
            names=names,
            kinds=np.array(kinds if kinds is not None else [Kind.IMAGE] * count, np.uint8),
            sizes=np.ones(count, np.int64),
            mtimes=np.array(mtimes if mtimes is not None else range(count), np.int64),
        )
    )


def model_of(count: int, scores: dict[int, float] | None = None) -> ResultsModel:
    model = ResultsModel()
    model.open(listing_of([f"{number}.jpg" for number in range(count)]))
    if scores:
        judge(model, scores)
        model.resort()
    return model


def judge(model: ResultsModel, scores: dict[int, float]) -> None:
    model.set_scores(np.array(list(scores), np.int32), np.array(list(scores.values()), np.float32))


def order(model: ResultsModel) -> list[int]:
    return [int(id_) for id_ in model.order]


# --- orders


def test_best_comes_first_and_what_is_not_judged_last_in_listing_order(qtbot: QtBot) -> None:
    model = model_of(5, {1: 0.2, 3: 0.9})
    assert order(model) == [3, 1, 0, 2, 4]


def test_where_nothing_is_found_no_file_has_a_rank_and_none_comes_before_another(qtbot: QtBot) -> None:
    model = model_of(4, {3: 0.0, 1: 0.0, 0: 0.0, 2: 0.0})
    assert not model.finds_something
    assert order(model) == [0, 1, 2, 3]
    assert [model.rank_of(id_) for id_ in range(4)] == [None] * 4
    assert model.score_of(3) == 0.0
    assert "rank" not in str(model.data(model.index(0), Qt.ItemDataRole.AccessibleTextRole))
    judge(model, {2: 0.01})
    model.resort()
    assert model.finds_something
    assert order(model) == [2, 0, 1, 3]
    assert [model.rank_of(id_) for id_ in range(4)] == [2, 3, 1, 4]


def test_the_tooltip_says_what_the_score_stands_for(qtbot: QtBot) -> None:
    model = model_of(2, {0: 0.93})
    assert "0.93: the same picture" in str(model.data(model.index(0), Qt.ItemDataRole.ToolTipRole))
    assert ":" not in str(model.data(model.index(1), Qt.ItemDataRole.ToolTipRole))


@given(st.lists(st.floats(-2, 2, width=32), max_size=60))
def test_best_first_agrees_with_a_plain_sort(values: list[float]) -> None:
    scores = np.array(values, np.float32)
    ids = np.arange(len(values), dtype=np.int32)
    expected = sorted(range(len(values)), key=lambda row: (-float(scores[row]), row))
    assert best_first(ids, scores).tolist() == expected


@given(st.lists(st.integers(0, 2**62) | st.integers(0, 3), max_size=60))
def test_newest_first_agrees_with_a_plain_sort(times: list[int]) -> None:
    expected = sorted(range(len(times)), key=lambda row: (-times[row], row))
    assert newest_first(np.array(times, np.int64)).tolist() == expected


@given(st.lists(st.text("aB01 9.é", max_size=6) | st.text("x", min_size=94, max_size=100), max_size=30))
def test_names_sort_without_case_and_numbers_by_value(names: list[str]) -> None:
    def expected_key(row: int) -> list[tuple[int, int, bytes]]:
        parts = re.split(r"(\d+)", names[row].casefold())
        key: list[tuple[int, int, bytes]] = []
        for number, part in enumerate(parts):
            if number % 2:
                key.append((ord("0"), int(part), b""))
            else:
                key += [(byte, 0, b"") for byte in part.encode()]
        return key

    expected = sorted(range(len(names)), key=lambda row: (expected_key(row), row))
    assert name_order(names).tolist() == expected


def test_long_numbers_sort_by_value_too() -> None:
    names = ["20260102030405.jpg", "9.jpg", "123456789.jpg", "99999999.jpg", "1234567890123456789.jpg", "10.jpg"]
    assert [names[row] for row in name_order(names)] == sorted(names, key=lambda name: int(name[:-4]))


def test_sorting_many_names_doesnt_block_and_arrives_later(qtbot: QtBot) -> None:
    names = [f"picture {number}.jpg" for number in reversed(range(3000))]
    model = ResultsModel()
    model.open(listing_of(names))
    with qtbot.waitSignal(model.outdated, timeout=5000, check_params_cb=lambda asked: asked):
        model.set_sort_mode(Sort.NAME)
        model.resort()
        assert order(model) == list(range(3000))  # as listed, until the names are sorted
        with qtbot.waitSignal(model.outdated, timeout=5000):
            pass
        model.resort()
    assert order(model) == list(reversed(range(3000)))


def test_newest_first_and_growing(qtbot: QtBot) -> None:
    model = ResultsModel()
    listing = listing_of(["a.jpg", "b.jpg"], mtimes=[5, 9])
    model.set_sort_mode(Sort.NEWEST)
    model.open(listing)
    assert order(model) == [1, 0]
    grow(listing, ["c.jpg"], mtimes=[7])
    with qtbot.waitSignal(model.outdated):
        model.extend()
    model.resort()
    assert order(model) == [1, 2, 0]


# --- filters and counts


def test_kinds_and_minimum_filter_but_ranks_stay(qtbot: QtBot) -> None:
    model = ResultsModel()
    model.open(listing_of(["a.jpg", "b.mp4", "c.txt", "d.jpg"], [Kind.IMAGE, Kind.VIDEO, Kind.TEXT, Kind.IMAGE]))
    judge(model, {0: 0.3, 1: 0.9, 2: 0.5})
    model.set_kinds({Kind.IMAGE, Kind.TEXT})
    model.resort()
    assert order(model) == [2, 0, 3]
    model.set_minimum(0.4)
    model.resort()
    assert order(model) == [2]  # what is not judged yet is hidden too
    assert (model.rank_of(0), model.rank_of(1), model.rank_of(2), model.rank_of(3)) == (3, 1, 2, None)
    counts = model.counts
    assert (counts.listed, counts.shown, counts.judged, counts.failed) == (4, 1, 3, 0)
    assert model.position_of(2) == 0
    assert model.position_of(0) is None
    assert model.position_of(99) is None


def test_failed_files_are_hidden_in_a_ranking_and_shown_by_name(qtbot: QtBot) -> None:
    model = model_of(3, {0: 0.1, 1: 0.8, 2: 0.5})
    model.set_failed(np.array([1], np.int32), [FileEmpty()])
    model.resort()
    assert order(model) == [2, 0]
    assert model.counts.failed == 1
    model.set_sort_mode(Sort.NAME)
    model.resort()
    assert order(model) == [0, 1, 2]
    assert str(FileEmpty()) in model.data(model.index(1), Qt.ItemDataRole.ToolTipRole)  # type: ignore[operator]
    judge(model, {1: 0.7})
    model.set_sort_mode(Sort.BEST)
    model.resort()
    assert order(model) == [1, 2, 0]
    assert model.error_of(1) is None


def test_a_new_query_forgets_scores_and_failures(qtbot: QtBot) -> None:
    model = model_of(3, {0: 0.1, 2: 0.8})
    model.set_failed(np.array([1], np.int32), [FileDamaged(detail="x")])
    model.clear_scores()
    model.resort()
    assert order(model) == [0, 1, 2]
    assert model.counts.judged == model.counts.failed == 0
    assert model.score_of(2) is None


def test_histogram_counts_every_judged_file_once(qtbot: QtBot) -> None:
    model = model_of(5, {0: 0.0, 1: 0.49, 2: 0.5, 3: 1.0})
    assert model.histogram(2).tolist() == [2, 2]
    assert model.histogram(10).tolist() == [1, 0, 0, 0, 1, 1, 0, 0, 0, 1]


# --- what Qt sees


def test_the_model_keeps_qts_rules_through_every_change(qtbot: QtBot) -> None:
    model = ResultsModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    listing = listing_of([f"{number}.jpg" for number in range(40)])
    model.open(listing)
    kept = QPersistentModelIndex(model.index(7))
    judge(model, {number: (number * 7 % 40) / 40 for number in range(40)})
    model.resort()
    assert model.data(model.index(kept.row()), Qt.ItemDataRole.UserRole) == 7
    judge(model, {3: 1.0})
    model.resort(range(10, 20), 5)
    assert model.data(model.index(kept.row()), Qt.ItemDataRole.UserRole) == 7
    grow(listing, ["x.jpg", "y.jpg"])
    model.extend()
    model.resort()
    model.set_minimum(0.5)
    model.resort()
    model.set_kinds([])
    model.resort()
    assert model.rowCount() == 0
    del tester


def test_only_what_changed_is_told(qtbot: QtBot) -> None:
    model = model_of(4, {0: 0.5, 1: 0.4})
    with qtbot.assertNotEmitted(model.modelReset), qtbot.assertNotEmitted(model.layoutChanged):
        model.resort()
    judge(model, {2: 0.45})
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.layoutChanged):
        model.resort()


def test_a_screen_reader_hears_rank_score_name_and_kind(qtbot: QtBot) -> None:
    model = ResultsModel()
    model.open(listing_of(["coffee.jpg", "pour.mp4"], [Kind.IMAGE, Kind.VIDEO]))
    judge(model, {0: 0.934})
    model.resort()
    spoken = [model.data(model.index(row), Qt.ItemDataRole.AccessibleTextRole) for row in range(2)]
    assert spoken == ["rank 1, score 0.93, coffee.jpg, picture", "pour.mp4, clip"]


def test_a_name_that_is_no_text_is_shown_with_its_bad_bytes_replaced(qtbot: QtBot) -> None:
    model = ResultsModel()
    model.open(listing_of(["caf\udce9.jpg"]))
    assert model.data(model.index(0)) == "caf�.jpg"
    assert b"caf%E9.jpg" in model.mime_data([0]).data("text/uri-list").data()


def test_files_dragged_out_are_copies(qtbot: QtBot) -> None:
    model = model_of(3, {0: 0.1, 2: 0.8})
    data = model.mimeData([model.index(0), model.index(1)])
    assert [Path(url.toLocalFile()) for url in data.urls()] == [Path("/photos/2.jpg"), Path("/photos/0.jpg")]
    assert model.supportedDragActions() == Qt.DropAction.CopyAction


# --- the list settles


def scores_of(draw: st.DrawFn, count: int) -> NDArray[np.float32]:
    values = draw(st.lists(st.integers(0, 12), min_size=count, max_size=count))
    scores = (np.array(values) / 10).astype(np.float32)
    scores[scores > 1] = np.nan
    return scores


@st.composite
def held_cases(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int], range, int]:
    count = draw(st.integers(1, 40))
    columns = draw(st.integers(1, 6))
    start = draw(st.integers(0, (count - 1) // columns)) * columns
    stop = min(count, start + draw(st.integers(1, 4)) * columns)
    failing = draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))
    return scores_of(draw, count), scores_of(draw, count), failing, range(start, stop), columns


@settings(max_examples=200)
@given(held_cases())
def test_a_held_block_stays_together_and_in_its_columns(
    case: tuple[NDArray[np.float32], NDArray[np.float32], list[int], range, int],
) -> None:
    before, after, failing, held, columns = case
    model = model_of(len(before))
    rows = np.arange(len(before), dtype=np.int32)
    model.set_scores(rows, before)
    model.resort()
    block = order(model)[held.start : held.stop]
    model.set_scores(rows, after)
    model.set_failed(np.array(failing, np.int32), [FileEmpty()] * len(failing))

    model.resort(held, columns)

    shown = order(model)
    if not (np.delete(after, failing) > 0).any():
        after[:] = np.nan  # nothing was found: none is better than another
    ideal = [row for row in sorted(rows.tolist(), key=lambda r: rank_key(after, r)) if row not in failing]
    assert sorted(shown) == sorted(set(ideal) | set(block))
    above = shown.index(block[0])
    assert shown[above : above + len(block)] == block
    assert above % columns == 0
    # What stands above and below is in order, and everything above is better than everything below.
    assert shown[:above] + shown[above + len(block) :] == [row for row in ideal if row not in block]
    # Above stands what belongs before the middle of the block, but for the last few that fill no row.
    judged_block = [row for row in ideal if row in block]
    if judged_block:
        middle = ideal.index(judged_block[len(judged_block) // 2])
        belongs = [row for row in ideal[:middle] if row not in block]
        assert 0 <= len(belongs) - above < columns
    model.resort()
    assert order(model) == ideal


def rank_key(scores: NDArray[np.float32], row: int) -> tuple[bool, float, int]:
    judged = not np.isnan(scores[row])
    return not judged, -float(scores[row]) if judged else 0.0, row


def test_nothing_moves_when_nothing_changed(qtbot: QtBot) -> None:
    model = model_of(30, {number: number / 30 for number in range(20)})
    before = order(model)
    assert model.resort(range(10, 20), 5) == 0
    assert order(model) == before


def test_it_counts_what_came_in_above_until_it_has_been_seen(qtbot: QtBot) -> None:
    model = model_of(40, {number: 0.5 - number / 100 for number in range(20)})
    held = range(10, 20)
    judge(model, {30: 0.9, 31: 0.8, 32: 0.7, 33: 0.01})
    assert model.resort(held, 5) == 3
    first = model.position_of(10)
    assert first == 10  # three fill no row of five: they push three others below the block
    judge(model, {34: 0.91, 35: 0.92})
    assert model.resort(held, 5) == 5
    assert model.position_of(10) == 15
    assert model.note_seen(range(0, 2)) == 3
    assert model.resort(range(15, 25), 5) == 3
    assert model.resort() == 0
    assert order(model)[:5] == [35, 34, 30, 31, 32]


def test_one_held_file_judged_far_below_doesnt_turn_the_list_over(qtbot: QtBot) -> None:
    model = model_of(100, {number: 1 - number / 100 for number in range(100)})
    judge(model, {3: 0.0})
    assert model.resort(range(0, 10), 5) == 0
    assert order(model)[:10] == list(range(10))


def test_what_the_person_asks_for_ends_the_hold(qtbot: QtBot) -> None:
    model = model_of(20, {number: number / 20 for number in range(20)})
    model.set_minimum(0.5)
    assert model.rearranged
    model.resort(range(5, 10), 5)
    assert order(model) == list(reversed(range(10, 20)))


def test_a_block_that_starts_inside_a_row_is_refused(qtbot: QtBot) -> None:
    with pytest.raises(ValueError, match="can't start at place 3"):
        model_of(20).resort(range(3, 9), 5)
