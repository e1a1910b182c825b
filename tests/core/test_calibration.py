"""How what was only found takes its place among what was judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from core.ranking.calibration import FEWEST_PAIRS, REFIT_SECONDS, WORTH_A_CHANGE, Calibration, fit

scores = st.floats(0.0009765625, 1.0, width=32)


@st.composite
def two_scales(draw, fewest: int, most: int):
    """(found, judged) by row: all found, so many of them judged."""
    pairs = draw(st.integers(fewest, most))
    found = np.array(draw(st.lists(scores, min_size=pairs + 1, max_size=pairs + 40)), np.float32)
    judged = np.full(len(found), np.nan, np.float32)
    rows = draw(st.permutations(range(len(found))))[:pairs]
    judged[rows] = draw(st.lists(scores, min_size=pairs, max_size=pairs))
    return found, judged


def order(values: np.ndarray) -> list[int]:
    return np.argsort(-values, kind="stable").tolist()


@given(two_scales(0, FEWEST_PAIRS - 1))
def test_with_few_pairs_all_that_is_only_found_stands_below_all_that_is_judged_in_the_finders_order(scales):
    found, judged = scales
    calibration = Calibration()
    calibration.update(found, judged, 0.0)
    only = np.isnan(judged)
    placed = calibration.scores(found[only])
    assert not calibration.calibrated
    assert order(placed) == order(found[only])
    if (~only).any():
        assert placed.max() < judged[~only].min()
    assert (placed >= 0).all()
    assert (placed <= 1).all()


@given(two_scales(FEWEST_PAIRS, 60))
def test_with_enough_pairs_it_is_the_rising_curve_that_is_nearest_to_them_in_the_finders_order(scales):
    found, judged = scales
    calibration = Calibration()
    assert calibration.update(found, judged, 0.0)
    assert calibration.calibrated
    placed = calibration.scores(found)
    assert order(placed) == order(found)
    assert (placed >= 0).all()
    assert (placed <= 1).all()
    both = ~np.isnan(judged)
    curve = fit(found[both], judged[both])
    assert np.abs(placed - np.clip(curve.at(found), 0, 1)).max() < 1e-4
    # At its knots it has the values of the regression.
    known = IsotonicRegression().fit(found[both].astype(float), judged[both].astype(float))
    values = np.unique(np.round(known.predict(np.unique(found[both].astype(float))), 9))
    assert np.allclose(curve.judged, values, atol=1e-6)


@given(two_scales(FEWEST_PAIRS, 60), st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_order_the_rows_stand(scales, random):
    found, judged = scales
    shuffled = list(range(len(found)))
    random.shuffle(shuffled)
    one, other = Calibration(), Calibration()
    one.update(found, judged, 0.0)
    other.update(found[shuffled], judged[shuffled], 0.0)
    assert np.allclose(one.scores(found)[shuffled], other.scores(found[shuffled]), atol=1e-6)


def pairs(count: int, curve) -> tuple[np.ndarray, np.ndarray]:
    found = np.linspace(0.1, 0.9, count, dtype=np.float32)
    return found, curve(found).astype(np.float32)


def test_it_is_fitted_anew_only_now_and_then_and_only_for_a_change_that_matters():
    found, judged = pairs(40, lambda x: x / 2)
    calibration = Calibration()
    half = np.where(np.arange(40) < 30, judged, np.nan).astype(np.float32)
    assert calibration.update(found, half, 100.0)
    first = calibration.curve
    changed = judged.copy()
    changed[30:] = 1.0
    assert not calibration.update(found, changed, 100.0 + REFIT_SECONDS / 2), "too soon"
    assert calibration.update(found, changed, 100.0 + REFIT_SECONDS)
    assert calibration.curve is not first
    second = calibration.curve
    nearly = changed + np.float32(WORTH_A_CHANGE / 2)
    nearly[:5] = np.nan
    assert not calibration.update(found, np.clip(nearly, 0, 1), 200.0), "hardly another curve"
    assert calibration.curve is second


def test_it_is_not_even_fitted_more_often(monkeypatch: pytest.MonkeyPatch):
    fitted = []
    monkeypatch.setattr("core.ranking.calibration.fit", lambda *pairs: fitted.append(pairs) or fit(*pairs))
    found, judged = pairs(40, lambda x: 0 * x + 0.5)
    calibration = Calibration()  # never another curve
    for moment in range(40):
        some = np.where(np.arange(40) <= 20 + moment // 2, judged, np.nan).astype(np.float32)
        calibration.update(found, some, moment / 4)
    assert len(fitted) == 1 + int(39 / 4 / REFIT_SECONDS)


def test_as_many_other_pairs_are_another_curve():
    found, judged = pairs(40, lambda x: x / 2)
    calibration = Calibration()
    calibration.update(found, judged, 0.0)
    assert calibration.update(found, judged[::-1].copy(), 0.1, last=True)
    assert not calibration.update(found, judged[::-1].copy(), 100.0), "the same pairs"


def test_with_few_pairs_even_the_highest_score_is_above_what_is_only_found():
    found = np.array([1.0, 1.0, 0.5], np.float32)
    calibration = Calibration()
    assert not calibration.update(found, np.full(3, np.nan, np.float32), 0.0)
    assert calibration.scores(found).tolist() == found.tolist(), "nothing is judged yet"
    assert calibration.update(found, np.array([1.0, np.nan, np.nan], np.float32), 0.0)
    assert calibration.scores(found[1:]).max() < 1


def test_where_pairs_go_and_come_it_never_rests_on_what_is_gone():
    found, judged = pairs(20, lambda x: x)
    fewer, lower = judged.copy(), judged.copy()
    fewer[0], lower[0] = np.nan, 0.01
    calibration = Calibration()
    calibration.update(found, judged, 0.0)
    calibration.update(found, fewer, 0.1)
    assert not calibration.calibrated
    assert calibration.update(found, lower, 0.2), "at once: what is only found would stand above what is judged lower"
    assert calibration.calibrated


def test_the_last_curve_is_taken_without_waiting():
    found, judged = pairs(40, lambda x: x / 2)
    calibration = Calibration()
    calibration.update(found, judged, 0.0)
    changed = judged.copy()
    changed[30:] = np.nan
    changed[:5] = 0.9
    assert calibration.update(found, changed, 0.1, last=True)


def test_of_judged_scores_that_are_nothing_it_makes_no_order_and_no_error():
    found = np.array([0.5, 0.4, 0.3], np.float32)
    calibration = Calibration()
    calibration.update(found, np.array([0.0, np.nan, np.nan], np.float32), 0.0)
    assert calibration.scores(found[1:]).tolist() == [0.0, 0.0]


def test_below_the_lowest_pair_scores_fall_to_nothing_and_above_the_highest_they_stay():
    found, judged = pairs(21, lambda x: x)
    calibration = Calibration()
    calibration.update(found, judged, 0.0)
    placed = calibration.scores(np.array([0.0, 0.05, 0.95, 1.0, np.nan], np.float32))
    assert placed[0] == pytest.approx(0, abs=1e-6)
    assert placed[1] == pytest.approx(0.05, abs=1e-6)
    assert placed[2:4] == pytest.approx([0.9, 0.9], abs=1e-5)
    assert np.isnan(placed[4])
