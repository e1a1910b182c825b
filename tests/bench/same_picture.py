"""How surely altered copies of photographs are found among strangers: by common hashes, by points, by the matcher.

Every photograph is asked for among the altered copies of all and many drawn pictures. Of equal scores the strangers
count as first. Run from the root: python -m tests.bench.same_picture [number of drawn pictures]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.media import Decoded, Kind
from core.query import Query
from core.scorers import Document, looks
from core.scorers.builtin import BuiltinMatcher
from core.scorers.points import SamePicture, find_points
from tests.bench.photographs import ALTERATIONS, distractors, judged, photographs

Frame = NDArray[np.uint8]
Scores = NDArray[np.float64]
DRAWN = 1000
MATCHER = BuiltinMatcher()


def gradient_hash(frame: Frame) -> Frame:
    """64 bits: whether each of 9 by 8 grey cells is darker than the next across. Known as dHash."""
    small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1])


def frequency_hash(frame: Frame) -> Frame:
    """64 bits: which low frequencies of 32 by 32 grey cells are above their median. Known as pHash."""
    small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:8, :8]
    return np.packbits(low > np.median(low))


def by_hash(references: Sequence[Frame], documents: Sequence[Frame]) -> Scores:
    """The share of equal bits, (references, documents)."""
    apart = np.bitwise_count(np.stack(references)[:, None] ^ np.stack(documents)[None]).sum(axis=2)
    return np.asarray(1 - apart / 64)


def timed(title: str, seconds: Sequence[float]) -> None:
    middle, most = np.quantile(seconds, [0.5, 0.99]) * 1000
    print(f"  {title}: {middle:.2f} ms of CPU, 99 % within {most:.2f} ms")


def report(title: str, scores: Scores, owners: NDArray[np.int_], kinds: NDArray[np.int_]) -> None:
    """Mean average precision, and of each alteration how often it comes in the first places.

    `scores` is (photographs, documents); of each document, `owners` has the photograph it is a copy of, or -1, and
    `kinds` the number of its alteration.
    """
    precisions, found = [], np.zeros(len(ALTERATIONS))
    for photograph, row in enumerate(scores):
        mine = np.flatnonzero(owners == photograph)
        mine = mine[np.argsort(-row[mine], kind="stable")]
        ahead = (row[owners != photograph][None] >= row[mine][:, None]).sum(axis=1)
        places = np.arange(1, len(mine) + 1) + ahead
        precisions.append(np.mean(np.arange(1, len(mine) + 1) / places))
        found[kinds[mine[places <= len(ALTERATIONS)]]] += 1
    print(f"{title}: mean average precision {np.mean(precisions):.3f}")
    for name, count in zip(ALTERATIONS, found, strict=True):
        print(f"    {name:16} in the first {len(ALTERATIONS)}: {count / len(scores):.2f}")


def strangers(title: str, scores: Scores) -> None:
    most, thousandth = scores.max(), np.quantile(scores, 0.999)
    print(
        f"  {title}: {scores.size:,} pairs, above 0: {(scores > 0).sum():,}, from 0.5: {(scores >= 0.5).sum():,}, "
        f"from 0.8: {(scores >= 0.8).sum():,}, 99.9 % within {thousandth:.3f}, highest {most:.3f}"
    )


def by_matcher(references: Sequence[Frame], documents: Sequence[Frame]) -> Scores:
    """What the matcher makes of points and looks together, (references, documents)."""
    kept = [
        Document(feature=MATCHER.extract(Decoded(b"", Kind.IMAGE, frame[None]))) for frame in (*references, *documents)
    ]
    query = Query(images=(Path("reference.png"),))
    return np.stack(
        [MATCHER.ask(query, [reference]).judge(kept[len(references) :])[0] for reference in kept[: len(references)]]
    ).astype(np.float64)


def main(drawn: int) -> None:
    cv2.setNumThreads(1)
    originals = [judged(frame) for frame in photographs().values()]
    documents: list[Frame] = [
        judged(alter(frame)) for frame in photographs().values() for alter in ALTERATIONS.values()
    ]
    owners = np.repeat(np.arange(len(originals)), len(ALTERATIONS))
    kinds = np.tile(np.arange(len(ALTERATIONS)), len(originals))
    documents += distractors(drawn)
    owners = np.concatenate([owners, np.full(drawn, -1)])
    kinds = np.concatenate([kinds, np.zeros(drawn, np.int_)])
    print(f"{len(originals)} photographs, {len(ALTERATIONS)} copies of each, {drawn} drawn pictures")

    for title, describe in (("dHash, 64 bits", gradient_hash), ("pHash, 64 bits", frequency_hash)):
        scores = by_hash([describe(frame) for frame in originals], [describe(frame) for frame in documents])
        report(title, scores, owners, kinds)

    seconds, points = [], []
    for frame in originals + documents:
        start = time.thread_time()
        points.append(find_points(frame))
        seconds.append(time.thread_time() - start)
    kept = [len(each) for each in points]
    references, points = [SamePicture(each) for each in points[: len(originals)]], points[len(originals) :]
    verified = np.zeros((len(references), len(points)))
    spent = np.zeros_like(verified)
    for row, reference in enumerate(references):
        for column, document in enumerate(points):
            start = time.thread_time()
            verified[row, column] = reference.verify(document)
            spent[row, column] = time.thread_time() - start
    report("Points", verified, owners, kinds)
    own = owners == np.arange(len(references))[:, None]
    weak = [
        f"{name} {list(ALTERATIONS)[kinds[column]]} {verified[row, column]:.2f}"
        for row, name in enumerate(photographs())
        for column in np.flatnonzero(own[row] & (verified[row] < 0.5))
    ]
    print(f"  copies from 0.8: {(verified[own] >= 0.8).mean():.3f}; below 0.5: {', '.join(weak) or 'none'}")
    strangers("photographs and drawn pictures", verified[:, owners < 0])
    strangers("photographs and copies of others", verified[~own & (owners >= 0)])
    timed("finding points", seconds)
    timed("verifying a copy", spent[own])
    timed("verifying a stranger", spent[~own])
    print(f"  kept of a picture: {np.median(kept):,.0f} bytes, at most {max(kept):,}")

    rows = np.stack([np.frombuffer(looks.describe(frame), np.uint8) for frame in originals + documents])
    same = np.asarray(looks.nearness(rows[len(originals) :], rows[: len(originals)]).same, np.float64).T
    asked = same >= looks.MAYBE_SAME
    report("Look alone", same, owners, kinds)
    report("The built-in matcher", by_matcher(originals, documents), owners, kinds)
    lost = own & ~asked & (verified >= 0.5)
    print(
        f"  asked: {asked[own].mean():.3f} of the copies, {asked[~own].mean():.4f} of the strangers; "
        f"proven copies that are never asked: {lost.sum()} of {(own & (verified >= 0.5)).sum()}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWN)
