"""What the global look is worth: style, its parts against simple baselines, altered copies, calibration, speed.

`python -m tests.bench.looks [FOLDER]` prints the figures; with a folder of further photographs, theirs too.
`python -m tests.bench.looks --common` prints the constants of core/scorers/looks.py that are taken from drawn pictures.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.scorers import looks
from tests.bench.photographs import (
    ALTERATIONS,
    Frame,
    distractors,
    judged,
    layout_groups,
    palette_groups,
    photographs,
    style_pieces,
    texture_groups,
)

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]
Measure = Callable[[Sequence[Frame], Sequence[Frame]], Scores]
"""From (documents, queries) to how near they are."""

STRANGERS = 1000


def described(frames: Sequence[Frame]) -> NDArray[np.uint8]:
    """The looks of frames, (frames, LOOK_BYTES)."""
    return np.frombuffer(b"".join(map(looks.describe, frames)), np.uint8).reshape(-1, looks.LOOK_BYTES)


def mean_average_precision(scores: Scores, truth: Truth) -> float:
    """Over the queries (columns), the mean of the precision at each right document. Ties count against."""
    found = []
    for column, right in zip(scores.T, truth.T, strict=True):
        order = np.lexsort((right, -column))
        hits = right[order]
        found.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    return float(np.mean(found))


# --- simple measures to compare with -----------------------------------------------------------------


def _by_vectors(vector: Callable[[Frame], Scores], nearness: Callable[[Scores, Scores], Scores]) -> Measure:
    def measure(documents: Sequence[Frame], queries: Sequence[Frame]) -> Scores:
        rows = np.stack([vector(frame).ravel() for frame in documents])
        return np.stack([nearness(rows, vector(frame).ravel()) for frame in queries], axis=1)

    return measure


def _shared(rows: Scores, one: Scores) -> Scores:
    return np.asarray(np.minimum(rows, one).sum(axis=1))


def _close(rows: Scores, one: Scores) -> Scores:
    return np.asarray(-np.sqrt(np.square(rows - one).sum(axis=1)))


def _hellinger(rows: Scores, one: Scores) -> Scores:
    return np.asarray(np.sqrt(rows * one).sum(axis=1))


def _histogram(frame: Frame, bins: int) -> Scores:
    """Of all channels together: bins by bins by bins, or of the one there is."""
    pixels = np.atleast_3d(frame).reshape(-1, 1 if frame.ndim == 2 else frame.shape[2])
    counts, _ = np.histogramdd(pixels, bins, [(0, 256)] * pixels.shape[1])
    return np.asarray(counts / counts.sum())


def _lab(frame: Frame) -> Scores:
    return _histogram(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2LAB), np.uint8), bins=8)


def _grey(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def _thumbnail(frame: Frame) -> Scores:
    return np.asarray(cv2.resize(_grey(frame), (8, 8), interpolation=cv2.INTER_AREA), np.float64)


def _dhash(frame: Frame) -> Scores:
    small = cv2.resize(_grey(frame), (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.asarray(small[:, 1:] > small[:, :-1], np.float64)


def _steepness(frame: Frame) -> Scores:
    grey = _grey(frame).astype(np.float32)
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return _histogram(np.minimum(steep / 4, 255).astype(np.uint8), bins=16)


LAB_HISTOGRAM = _by_vectors(_lab, _hellinger)
BASELINES: dict[str, dict[str, Measure]] = {
    "palette": {
        "mean colour": _by_vectors(lambda frame: frame.mean(axis=(0, 1)), _close),
        "RGB histogram, 4x4x4": _by_vectors(lambda frame: _histogram(frame, bins=4), _shared),
    },
    "layout": {"8x8 grey thumbnail": _by_vectors(_thumbnail, _close), "dhash": _by_vectors(_dhash, _close)},
    "texture": {
        "grey histogram": _by_vectors(lambda frame: _histogram(_grey(frame), bins=16), _shared),
        "steepness of edges": _by_vectors(_steepness, _shared),
    },
}
GROUPS = {"palette": palette_groups, "layout": layout_groups, "texture": texture_groups}


def by_part(part: str) -> Measure:
    """One part of the look, or "overall"."""

    def measure(documents: Sequence[Frame], queries: Sequence[Frame]) -> Scores:
        near = looks.nearness(described(documents), described(queries))
        return looks.overall(near) if part == "overall" else np.asarray(getattr(near, part))

    return measure


# --- what is measured --------------------------------------------------------------------------------


def style_scores(pictures: Sequence[Frame], measure: Measure, *, stacked: bool = False) -> float:
    """How well the left halves find the pieces of their right halves: mean average precision."""
    pieces = [style_pieces(frame, stacked=stacked) for frame in pictures]
    documents = [piece for _, *both in pieces for piece in both]
    truth = np.repeat(np.eye(len(pieces), dtype=np.bool_), 2, axis=0)
    return mean_average_precision(measure(documents, [left for left, *_ in pieces]), truth)


def group_scores(groups: Sequence[Sequence[Frame]], measure: Measure) -> float:
    """How well each picture of a group finds the others of its group: mean average precision."""
    frames = [frame for group in groups for frame in group]
    owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    scores = measure(frames, frames)
    count = len(frames)
    others = ~np.eye(count, dtype=np.bool_)
    truth = (owner[:, None] == owner)[others].reshape(count, -1, order="C")
    # Symmetric truth: a row without itself is the column without itself.
    return mean_average_precision(scores.T[others].reshape(count, -1).T, truth.T)


def altered(pictures: Sequence[Frame]) -> dict[str, NDArray[np.uint8]]:
    """The looks of every altered copy, by alteration."""
    return {name: described([judged(alter(each)) for each in pictures]) for name, alter in ALTERATIONS.items()}


def _print_style(pictures: Sequence[Frame]) -> None:
    print("Style: a left half finds two pieces of its right half, mean average precision")
    measures = {"LAB histogram": LAB_HISTOGRAM} | {part: by_part(part) for part in (*looks.PARTS, "overall")}
    for name, measure in measures.items():
        beside, above = (style_scores(pictures, measure, stacked=stacked) for stacked in (False, True))
        print(f"  {name:24} {beside:.3f} side by side   {above:.3f} one above the other")


def _print_groups() -> None:
    print("Drawn sets: a picture finds three others alike in one part, mean average precision")
    for part, draw in GROUPS.items():
        groups = draw(32)
        rows = {part: by_part(part), "overall": by_part("overall")} | BASELINES[part]
        print(f"  {part:8}", "   ".join(f"{name} {group_scores(groups, each):.3f}" for name, each in rows.items()))


def _print_alterations(pictures: Sequence[Frame], strangers: NDArray[np.uint8]) -> None:
    references = described([judged(frame) for frame in pictures])
    print("Altered copies: share with `same` of at least MAYBE_SAME, and the 10 % least and median `same`")
    for name, rows in altered(pictures).items():
        same = np.diag(looks.nearness(rows, references).same)
        low, middle = np.percentile(same, [10, 50])
        print(f"  {name:16} {(same >= looks.MAYBE_SAME).mean():6.1%}   {low:.2f} {middle:.2f}")
    drawn = looks.nearness(strangers, references).same
    unrelated = _apart(looks.nearness(references, references).same)
    for name, values in (("drawn strangers", drawn), ("unrelated photographs", unrelated)):
        print(
            f"  {name}: {(values >= looks.MAYBE_SAME).mean():.2%} of {values.size} pairs pass, "
            f"{(values >= 0.8).mean():.3%} reach 0.8, the most is {values.max():.2f}"
        )


def is_grey(frame: Frame) -> bool:
    """Whether a photograph is without colour, but for a cast."""
    return bool((frame.max(axis=2) - frame.min(axis=2)).mean() < 3)


def _apart(square: Scores) -> Scores:
    return np.asarray(square[~np.eye(len(square), dtype=np.bool_)])


def _print_calibration(pictures: Sequence[Frame]) -> None:
    print("Calibration: percentiles 5 25 50 75 95 99")
    whole = described([judged(frame) for frame in pictures])
    left, *pieces = zip(
        *((*style_pieces(each), *style_pieces(each, stacked=True)[1:]) for each in pictures), strict=True
    )
    lefts, others = described(left * len(pieces)), described([piece for some in pieces for piece in some])
    crops = described([judged(ALTERATIONS["crop to 80 %"](frame)) for frame in pictures])
    unrelated, pieced, cropped = (looks.nearness(*pair) for pair in ((whole, whole), (others, lefts), (crops, whole)))
    grey, apart = np.array([is_grey(frame) for frame in pictures]), ~np.eye(len(pictures), dtype=np.bool_)
    recomposed = {}
    for part, draw in GROUPS.items():
        near = [looks.nearness(rows, rows) for rows in map(described, draw(24))]
        recomposed[part] = np.concatenate([_apart(getattr(each, part)) for each in near])
    for part in (*looks.PARTS, "overall"):

        def of(near: looks.Nearness, part: str = part) -> Scores:
            return looks.overall(near) if part == "overall" else np.asarray(getattr(near, part))

        rows = {
            "unrelated": _apart(of(unrelated)),
            "not both grey": of(unrelated)[apart & ~(grey[:, None] & grey)],
            "pieces": np.diag(of(pieced)),
            "80 % crops": np.diag(of(cropped)),
        }
        if part in recomposed:
            rows["drawn alike"] = recomposed[part]
        for name, values in rows.items():
            print(f"  {part:8} {name:13}", " ".join(f"{p:.2f}" for p in np.percentile(values, [5, 25, 50, 75, 95, 99])))


def _print_speed() -> None:
    frame = judged(photographs()["coffee"])
    taken = []
    for _ in range(30):
        start = time.thread_time()
        looks.describe(frame)
        taken.append(time.thread_time() - start)
    print(f"Speed: describe {np.median(taken) * 1000:.2f} ms of CPU; {looks.LOOK_BYTES} bytes a frame")
    rows = np.tile(described(list(distractors(500))), (200, 1))
    for count in (1, 8):
        taken = []
        for _ in range(7):
            start = time.perf_counter()
            looks.nearness(rows, rows[:count])
            taken.append(time.perf_counter() - start)
        print(f"  nearness of {len(rows)} frames to {count}: {np.median(taken) * 1000:.0f} ms")


def _print_common() -> None:
    """The mean, in 1020ths, and the weight, in sixteenths, of the classes of both histograms."""
    frames = list(distractors(400))
    for name, histogram in (
        ("PALETTE", looks.palette_histogram),
        ("TEXTURE", lambda frame: looks.texture_histogram(looks.grey_of(frame))),
    ):
        rows = np.stack([histogram(frame) for frame in frames])
        mean, weight = rows.mean(axis=0) * 1020, 16 / np.sqrt(rows.std(axis=0) + 0.02)
        for title, values in ((f"_COMMON_{name}", mean), (f"_{name}_WEIGHTS", weight)):
            digits = np.rint(values).astype(np.uint8).tobytes().hex()
            print(f"{title} = (", *(f'    "{line}"' for line in textwrap.wrap(digits, 112)), ")", sep="\n")


def _further(folder: Path) -> list[Frame]:
    """The pictures of a folder, at most a megapixel each."""
    found = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as picture:
            picture.thumbnail((1200, 1200))
            found.append(np.asarray(picture.convert("RGB")))
    return found


def main(arguments: Sequence[str]) -> None:
    """Prints the figures. OpenCV on one thread, as in the workers."""
    cv2.setNumThreads(1)
    if list(arguments) == ["--common"]:
        _print_common()
        return
    strangers = described(list(distractors(STRANGERS)))
    sets = {"21 photographs": list(photographs().values())}
    sets |= {folder: _further(Path(folder)) for folder in arguments}
    for name, pictures in sets.items():
        print(f"--- {name}")
        _print_style(pictures)
        _print_alterations(pictures, strangers)
        _print_calibration(pictures)
    print("--- drawn")
    _print_groups()
    _print_speed()


if __name__ == "__main__":
    main(sys.argv[1:])
