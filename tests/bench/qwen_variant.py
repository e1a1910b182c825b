"""What one way of judging costs, in a process of its own: `tests.bench.qwen` starts it and reads what it measured.

Each variant judges the same pictures with the same weights; a few others before the clock starts, so that nothing is
measured that happens once only.
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  for all variants alike, before torch is loaded

# isort: split
import json
import platform
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from core import Qwen3VLReranker

QUERIES = ("a woman playing with her dog on the beach at sunset", "the woman with the dog that can answer")
"""Asked one after the other. In words that the parity kit's tokenizer knows, so that they have few tokens."""
STAGED = 16
"""Pictures, the first ones, that the plain loop's stages are measured on."""


@dataclass(frozen=True)
class Task:
    """What a process is told to measure. `variant`: plain, cross-encoder, ours, ours-scaled, or peak."""

    variant: str
    folder: str
    pictures: list[str]
    warm_up: list[str]
    device: str
    precision: str
    max_pixels: int


@dataclass(frozen=True)
class Run:
    """One query over all pictures."""

    seconds: float
    logits: list[float]
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by decode, copy, vision and language, where known."""


@dataclass(frozen=True)
class Measured:
    """What came of a task."""

    runs: list[Run]
    precision: str
    memory: int
    """Most bytes that were in memory at once: on CUDA the device's, else resident ones, mapped weights included."""
    shown: list[tuple[int, int]] = field(default_factory=list)
    """Tokens and vision patches of every pair, from the plain loop."""


class Judge(Protocol):
    """A way of judging pictures by a text."""

    def logits(self, query: str, pictures: Sequence[Path]) -> NDArray[np.float64]: ...


def measure(task: Task) -> Measured:
    if task.variant.startswith("ours"):
        return _measure_ours(task)
    dtype = getattr(torch, task.precision)
    paths, warm_up = [Path(path) for path in task.pictures], [Path(path) for path in task.warm_up]
    judge: Judge
    if task.variant == "plain":
        from tests.bench.plain_loop import PlainLoop

        judge = plain = PlainLoop(Path(task.folder), task.device, dtype, task.max_pixels)
    else:
        from tests.bench.cross_encoder import BatchedCrossEncoder

        judge, plain = BatchedCrossEncoder(Path(task.folder), task.device, dtype, task.max_pixels), None
    judge.logits(QUERIES[0], warm_up)
    start = time.perf_counter()
    logits = judge.logits(QUERIES[0], paths)
    seconds = time.perf_counter() - start
    memory = _peak_memory(task.device)
    shown = plain.shown[-len(paths) :] if plain else []
    stages = _scaled(plain.stages(QUERIES[0], paths[:STAGED]), seconds) if plain else {}
    return Measured([Run(seconds, logits.tolist(), stages)], task.precision, memory, shown)


def _measure_ours(task: Task) -> Measured:
    """Both queries; the second finds the pictures' features kept."""
    from core import Qwen3VLReranker

    with Qwen3VLReranker(
        task.folder,
        max_pixels=task.max_pixels,
        torch_dtype=task.precision,
        device=task.device,
        scaled=task.variant == "ours-scaled",
    ) as reranker:
        _ask(reranker, QUERIES[0], task.warm_up)
        runs = [_ask(reranker, query, task.pictures) for query in QUERIES]
        memory = _peak_memory(task.device)
        if task.variant == "ours" and not task.device.startswith("cpu"):
            _time_stages(reranker, Path(task.folder))
            _ask(reranker, QUERIES[0], task.warm_up)
            timed = [_ask(reranker, query, task.pictures) for query in QUERIES]
            runs = [
                replace(run, stages=_scaled(other.stages, run.seconds)) for run, other in zip(runs, timed, strict=True)
            ]
        return Measured(runs, reranker.precision, memory)


def _ask(reranker: Qwen3VLReranker, query: str, pictures: Sequence[str]) -> Run:
    documents = [{"image": path} for path in pictures]
    before = asdict(reranker.model.forward.timings)
    start = time.perf_counter()
    scores = reranker.process({"query": {"text": query}, "documents": documents})
    seconds = time.perf_counter() - start
    stages = {name: taken - before[name] for name, taken in asdict(reranker.model.forward.timings).items()}
    stages["decode"] = seconds - sum(stages.values())
    return Run(seconds, _logits_of(scores), stages)


def _time_stages(reranker: Qwen3VLReranker, folder: Path) -> None:
    """From now on wait for the device after each stage. That slows it down, so it is done after the clock."""
    from core.scorers.qwen_forward import Forward
    from core.scorers.qwen_weights import load_network

    model = reranker.model
    model.forward.close()
    loading = load_network(
        folder, (model.writer.yes, model.writer.no), device=reranker.device, precision=reranker.precision
    )
    while True:
        try:
            next(loading)
        except StopIteration as done:
            model.forward = Forward(done.value.network, timed=True)
            return


def _logits_of(scores: Sequence[float]) -> list[float]:
    values = np.array(scores, np.float64)
    if (values < 0).any():
        raise RuntimeError(f"{(values < 0).sum()} pictures were not judged")
    return [float(logit) for logit in np.log(values) - np.log1p(-values)]


def _scaled(stages: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Stages that were timed apart, as parts of the time that it took without."""
    whole = sum(stages.values())
    return {name: taken / whole * seconds for name, taken in stages.items()}


def _peak_memory(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def matrix_rate(device: str, precision: str) -> float:
    """Floating-point operations a second in a large product of matrices: the best of several."""
    from tests.bench.plain_loop import wait_for

    size = 8192 if device.startswith("cuda") else 2048
    left, right = (torch.randn(size, size, device=device).to(getattr(torch, precision)) for _ in range(2))
    best = 0.0
    for _ in range(12):
        wait_for(device)
        began = time.perf_counter()
        torch.mm(left, right)
        wait_for(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def main(told: str, answer: str) -> None:
    task = Task(**json.loads(told))
    if task.variant == "peak":
        result: object = matrix_rate(task.device, task.precision)
    else:
        result = asdict(measure(task))
    Path(answer).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
