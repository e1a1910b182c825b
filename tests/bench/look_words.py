"""How often words about looks put a right picture first, and what that costs. Asserts nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.scorers.figures import FIGURE_BYTES, Measured, measure
from core.scorers.look_words import looks_in
from tests.bench.look_queries import CHINESE, ENGLISH, MORE_CHINESE, MORE_ENGLISH, candidates, misses
from tests.bench.photographs import judged, photographs

_DOCUMENTS = 100_000


def _milliseconds(call: Callable[[], object], repeats: int = 9) -> float:
    """Processor time of one call, the median of several after one that fills the caches."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return median(times) * 1000


def main() -> None:
    cv2.setNumThreads(1)
    print(f"words about looks, {len(candidates())} candidates for each query:")
    tables = {"English": ENGLISH, "Chinese": CHINESE, "more English": MORE_ENGLISH, "more Chinese": MORE_CHINESE}
    for language, queries in tables.items():
        missed = misses(queries)
        print(f"  {language}: first place right for {1 - len(missed) / len(queries):.1%} of {len(queries)} queries")
        for query, first in missed.items():
            print(f"    {query}: {', '.join(sorted(first)) or 'nothing'}")
    frame = cv2.resize(judged(photographs()["china"]), (400, 300))
    print(f"  measuring a frame of 400x300: {_milliseconds(lambda: measure(frame), 99):.2f} ms, {FIGURE_BYTES} bytes")
    rng = np.random.default_rng(1)
    many = Measured(
        figures=rng.integers(0, 256, (_DOCUMENTS, FIGURE_BYTES), np.uint8),
        counts=np.ones(_DOCUMENTS, np.int64),
        sizes=rng.uniform(1, 6000, (_DOCUMENTS, 2)),
        kinds=np.zeros(_DOCUMENTS, np.uint8),
    )
    for query in ("red", "pale blue background", "warm", "black and white", "portrait"):
        look = looks_in(query)[0][0]
        print(f"  {query!r} over {_DOCUMENTS:,} documents: {_milliseconds(lambda look=look: look.fits(many)):.1f} ms")
    asked = [*ENGLISH, *CHINESE]
    each = _milliseconds(lambda: [looks_in(query) for query in asked]) / len(asked)
    print(f"  understanding a query: {each:.3f} ms")


if __name__ == "__main__":
    main()
