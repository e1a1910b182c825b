"""How fast files are encoded cold, against how fast the reranker judges them: the same pictures, network and budget.

Both hold the same random weights, and take turns in one process, since machines are noisy. Neither keeps anything from
one turn to the next; files are decoded each time. Asserts nothing.

    python -m tests.bench.encoding --device cpu --shape middle
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  before torch is loaded

# isort: split
import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import Qwen3VLEmbedder, Qwen3VLReranker
from tests.bench.judge_pictures import write_pictures
from tests.bench.qwen import MAX_PIXELS, PROCESSOR
from tests.bench.qwen_variant import QUERIES
from tests.bench.random_model import SHAPES, write_random_model

PICTURES, WARM_UP, TURNS = 32, 2, 8
"""Pictures are dealt out to so many turns."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.encoding")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--shape", default="middle", choices=SHAPES)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--turns", type=int, default=2 * TURNS)
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        pictures = write_pictures(Path(name, "pictures"), told.pictures + WARM_UP, PROCESSOR.pixels)
        write_random_model(Path(name, told.shape), SHAPES[told.shape], device=told.device)
        title = f"{told.shape} shape on {told.device}, {told.pictures} JPEGs of {PROCESSOR.pixels / 1e6:.1f} megapixels"
        print(f"\n## {title}, {MAX_PIXELS // 1024} tokens each", flush=True)
        judged, encoded = measured(Path(name, told.shape), [str(path) for path in pictures], told.device, told.turns)
        report(judged, encoded, told.pictures / TURNS)


@dataclass(frozen=True)
class Turn:
    """What some pictures took."""

    seconds: float
    busy: float
    """Seconds of CPU in all threads: what a machine with other work to do changes least."""


def measured(folder: Path, pictures: list[str], device: str, turns: int) -> tuple[list[Turn], list[Turn]]:
    """What each turn of the reranker took, and the embedder's beside it over the same pictures."""
    with (
        Qwen3VLReranker(folder, max_pixels=MAX_PIXELS, device=device) as reranker,
        Qwen3VLEmbedder(folder, max_pixels=MAX_PIXELS, device=device) as embedder,
    ):

        def judge(paths: list[str]) -> None:
            scores = reranker.process({"query": {"text": QUERIES[0]}, "documents": [{"image": path} for path in paths]})
            assert min(scores) >= 0

        def encode(paths: list[str]) -> None:
            assert np.isfinite(embedder.process([{"image": path} for path in paths])).all()

        def timed(work: Callable[[list[str]], None], paths: list[str]) -> Turn:
            for model in (reranker, embedder):
                model.model.forward.give_back()
            began, busy = time.perf_counter(), time.process_time()
            work(paths)
            return Turn(time.perf_counter() - began, time.process_time() - busy)

        judge(pictures[:WARM_UP])
        encode(pictures[:WARM_UP])
        found: dict[Callable[[list[str]], None], list[Turn]] = {judge: [], encode: []}
        for number in range(turns):
            share = pictures[WARM_UP:][number % TURNS :: TURNS]
            for work in reversed(found) if number % 2 else found:
                found[work].append(timed(work, share))
        return found[judge], found[encode]


def report(judged: list[Turn], encoded: list[Turn], each: float) -> None:
    """`each`: pictures in a turn, on average."""
    for title, turns in (("reranker, pairs/s", judged), ("embedder, pictures/s", encoded)):
        print(f"{title}: {', '.join(f'{each / turn.seconds:.2f}' for turn in turns)}")
    ratios = np.array([one.seconds / other.seconds for one, other in zip(judged, encoded, strict=True)])
    busy = sum(turn.busy for turn in judged) / sum(turn.busy for turn in encoded)
    low, high = np.quantile(ratios, [0.25, 0.75])
    print(f"cold encoding over judging: median {np.median(ratios):.2f}, half of them {low:.2f} to {high:.2f}; ", end="")
    print(f"in seconds of CPU {busy:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
