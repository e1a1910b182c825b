"""How scores of two scales become one order: what was only found is brought to the scale of what was judged.

- With fewer than `FEWEST_PAIRS` files that have both scores nothing is known of how the scales compare: what was only
  found stands below everything judged, in the finder's order.
- With as many, a rising curve is fitted to the pairs (isotonic regression) and read between them in straight lines,
  down to 0 below the lowest.
- It is fitted anew at most every `REFIT_SECONDS`, and the new curve is taken only if it differs from the old one by
  more than `WORTH_A_CHANGE` somewhere, so that the order does not flicker.

Whatever the curve, no two found files change places: the finder's order is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

FEWEST_PAIRS = 20
REFIT_SECONDS = 3.0
WORTH_A_CHANGE = 0.02
_NEXT_TO_NOTHING = 1e-30


@dataclass(frozen=True)
class Curve:
    """A rising function from a finder's scores to the scores of a judge: straight lines between its knots."""

    found: NDArray[np.float64]
    """Of each knot, rising."""
    judged: NDArray[np.float64]
    """Likewise."""

    def at(self, found: NDArray[np.floating]) -> NDArray[np.float64]:
        """Above the last knot it is flat, below the first it falls to 0 with the finder's score."""
        scores = np.asarray(found, np.float64)
        curve = np.interp(scores, self.found, self.judged)
        first = self.found[0]
        if first > 0:
            below = scores < first
            curve[below] = self.judged[0] * np.maximum(scores[below], 0) / first
        return curve

    def differs(self, other: Curve) -> float:
        """By how much at most, anywhere: two curves of straight lines differ most at a knot of either."""
        knots = np.concatenate([self.found, other.found])
        return float(np.abs(self.at(knots) - other.at(knots)).max())


def fit(found: Scores, judged: Scores) -> Curve:
    """The rising curve nearest to the pairs, by the sum of squares (pool adjacent violators).

    A knot is a stretch of pairs that the regression gives one value, at their mean.
    """
    order = np.argsort(found, kind="stable")
    across, counts = np.unique(found[order].astype(np.float64), return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    up = np.add.reduceat(judged[order].astype(np.float64), starts) / counts
    blocks: list[tuple[float, float, float]] = []  # (weight, mean of found, mean of judged)
    for x, y, weight in zip(across.tolist(), up.tolist(), counts.astype(float).tolist(), strict=True):
        block = (weight, x, y)
        while blocks and blocks[-1][2] >= block[2]:
            before = blocks.pop()
            total = before[0] + block[0]
            block = (
                total,
                (before[0] * before[1] + block[0] * block[1]) / total,
                (before[0] * before[2] + block[0] * block[2]) / total,
            )
        blocks.append(block)
    _, knots, values = np.array(blocks).T
    return Curve(knots, values)


class Calibration:
    """The curve that holds now, and when another may take its place."""

    def __init__(self) -> None:
        self.curve: Curve | None = None
        self._bound = np.inf
        """What everything judged is above, while there is no curve; infinite: nothing is judged."""
        self._fitted_at = -np.inf
        self._pairs = np.empty((2, 0), np.float32)
        """What it was fitted to last: found, judged."""

    @property
    def calibrated(self) -> bool:
        return self.curve is not None

    def update(self, found: Scores, judged: Scores, now: float, *, last: bool = False) -> bool:
        """Take in scores by row (NaN: none) at a time in seconds; whether what was only found is to be told anew.

        `last`: nothing more is to be judged for now, so that the newest curve is the one to keep.
        """
        both = ~(np.isnan(found) | np.isnan(judged))
        if np.count_nonzero(both) < FEWEST_PAIRS:
            return self._stay_below(judged)
        if self.curve is not None and not last and now - self._fitted_at < REFIT_SECONDS:
            return False
        pairs = np.stack([found[both], judged[both]])
        if self.curve is not None and np.array_equal(pairs, self._pairs):
            return False
        self._pairs, self._fitted_at = pairs, now
        curve = fit(*pairs)
        if self.curve is not None and curve.differs(self.curve) <= WORTH_A_CHANGE:
            return False
        self.curve = curve
        return True

    def _stay_below(self, judged: Scores) -> bool:
        had_curve, self.curve = self.curve is not None, None
        known = judged[~np.isnan(judged)]
        lowest = float(known.min()) if len(known) else np.inf
        if lowest == self._bound and not had_curve:
            return False
        self._bound = lowest
        return True

    def scores(self, found: Scores) -> Scores:
        """Found scores on the judge's scale, or below all that is judged; in the order of `found`, NaN for NaN."""
        if self.curve is None:
            if np.isinf(self._bound):
                return found.copy()
            ceiling = np.nextafter(np.float32(self._bound), np.float32(0))
            return in_order_of(found, np.minimum(found * np.float32(self._bound), ceiling))
        # Where the curve is 0 there must be room for an order.
        return in_order_of(found, np.maximum(self.curve.at(found), _NEXT_TO_NOTHING).astype(np.float32))


def in_order_of(found: Scores, scores: Scores) -> Scores:
    """`scores`, which rise with `found`, lowered by a few parts in ten million where they stand equal and `found` does
    not. At the very bottom, where there is no room, they become 0."""
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(-found[known], kind="stable")]
    steps = np.cumsum(np.diff(found[order], prepend=found[order[:1]]) != 0)
    # Of floats from 0 up the bits count as whole numbers do: the next lower number is one less.
    bits = np.maximum(scores[order], np.float32(0)).view(np.int32).astype(np.int64)
    lowered = np.minimum.accumulate(bits + steps) - steps
    result = np.full(len(found), np.nan, np.float32)
    result[order] = np.maximum(lowered, 0).astype(np.int32).view(np.float32)
    return result
