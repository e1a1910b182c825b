"""The judge's speed, beside two other ways to the same scores: same random weights, pictures and pixel budget.

    python -m tests.bench.qwen                                      the middle shape on the processor, six minutes
    python -m tests.bench.qwen --device cuda --shapes 2B 8B         what `make bench-gpu` runs

(a) one pair at a time through the Hugging Face processor, as the model's reference code does it; (b) CrossEncoder of
sentence-transformers in batches of 32; (c) ours, cold; (d) ours, another query over the same pictures; (e) ours with
JPEG-scaled decoding. Each variant runs in a process of its own, the rounds by turns, since machines are noisy. Asserts
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.judge_pictures import write_pictures
from tests.bench.qwen_variant import Measured, Run, Task
from tests.bench.random_model import SHAPES, config_of

ROOT = Path(__file__).parents[2]
MAX_PIXELS = 256 * 32 * 32
ROUNDS = 2
STAGES = ("decode", "copy", "vision", "language")
FOOTNOTE = """\
of peak: the plain network's operations for these pairs over the time taken, against the rate of a large matrix product
in that precision; what is saved by sharing a prefix counts as done, kept vision features do not.
decode: of (a) file to patches; of ours what is not hidden behind the network, the writing of prompts included."""


@dataclass(frozen=True)
class Setting:
    """What is measured on a kind of device."""

    shapes: tuple[str, ...]
    precision: str
    """Of all variants."""
    others: tuple[str, ...]
    """Precisions in which ours is measured too."""
    noise: str
    """The plain loop is measured in this precision too: between it and the main one lies what bfloat16 changes."""
    pictures: int
    slow_pictures: int
    """The first ones, all that (a), (b) and the noise are measured on."""
    warm_up: int
    pixels: int
    """Of a picture file."""


PROCESSOR = Setting(("middle",), "float32", ("auto",), "bfloat16", 64, 64, 4, 2400 * 1800)
CUDA = Setting(("2B", "8B"), "bfloat16", (), "float32", 512, 128, 40, 4000 * 3000)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.qwen")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    told = parser.parse_args(arguments)
    setting = PROCESSOR if told.device == "cpu" else CUDA
    if told.pictures:
        slow = min(told.pictures, setting.slow_pictures)
        setting = replace(setting, pictures=told.pictures, slow_pictures=slow)
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        pictures = write_pictures(Path(name, "pictures"), setting.pictures + setting.warm_up, setting.pixels)
        for shape in told.shapes or setting.shapes:
            folder = Path(name, shape)
            _in_own_process("tests.bench.random_model", str(folder), shape, told.device)
            bench = _Bench(setting, told.device, folder, pictures)
            _report(shape, told.device, setting, bench.measure(told.rounds), bench.peaks())


# --- measuring ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bench:
    setting: Setting
    device: str
    folder: Path
    pictures: list[Path]

    def measure(self, rounds: int) -> dict[str, list[Measured]]:
        """By variant and precision, what each round came to."""
        found: dict[str, list[Measured]] = {}
        for name, task in self._rounds(rounds):
            measured = _measured(_answer(task))
            found.setdefault(name, []).append(measured)
            print(
                f"  {name}: {', '.join(f'{run.seconds:.1f} s' for run in measured.runs)}", file=sys.stderr, flush=True
            )
        return found

    def _rounds(self, rounds: int) -> Iterator[tuple[str, Task]]:
        main = self.setting.precision
        by_turns = [("plain", main), ("cross-encoder", main), ("ours", main), ("ours-scaled", main)]
        by_turns += [("ours", other) for other in self.setting.others]
        for number in range(rounds):
            for variant, precision in reversed(by_turns) if number % 2 else by_turns:
                yield f"{variant} {precision}", self._task(variant, precision)
        yield f"plain {self.setting.noise}", self._task("plain", self.setting.noise)

    def _task(self, variant: str, precision: str) -> Task:
        count = self.setting.pictures if variant.startswith("ours") else self.setting.slow_pictures
        paths = [str(path) for path in self.pictures]
        before = paths[self.setting.pictures :]
        return Task(variant, str(self.folder), paths[:count], before, self.device, precision, MAX_PIXELS)

    def peaks(self) -> dict[str, float]:
        """Operations a second by precision."""
        precisions = dict.fromkeys((self.setting.precision, "float32", "bfloat16"))
        return {precision: float(_answer(self._task("peak", precision))) for precision in precisions}


def _answer(task: Task) -> Any:
    with tempfile.TemporaryDirectory() as name:
        answer = Path(name, "answer.json")
        _in_own_process("tests.bench.qwen_variant", json.dumps(asdict(task)), str(answer))
        return json.loads(answer.read_text())


def _in_own_process(module: str, *arguments: str) -> None:
    """Run it; what it writes is shown only if it fails."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _measured(answer: dict[str, Any]) -> Measured:
    return Measured(**{**answer, "runs": [Run(**run) for run in answer["runs"]]})


# --- telling -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """One variant over its rounds."""

    title: str
    runs: list[Run]
    measured: list[Measured]
    work: float
    """Operations of one pair."""

    @property
    def rates(self) -> list[float]:
        return [len(run.logits) / run.seconds for run in self.runs]


def _report(
    shape: str, device: str, setting: Setting, found: dict[str, list[Measured]], peaks: dict[str, float]
) -> None:
    rows = list(_rows(shape, setting, found))
    first = found[f"plain {setting.precision}"][0]
    tokens, patches = np.array(first.shown).mean(axis=0)
    print(f"\n## {shape} shape on {device}, {setting.pictures} JPEGs of {setting.pixels / 1e6:.1f} megapixels")
    print(f"{tokens:.0f} tokens and {patches:.0f} patches a pair, {rows[0].work / 1e12:.3f} TFLOP")
    print("matrix product: " + ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in peaks.items()) + "\n")
    print("| | pairs/s, by round | × (a) | of peak | peak memory | decode | copy | vision | language |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(_line(row, rows[0], peaks))
    print("\n" + FOOTNOTE + "\n")
    for sentence in _agreement(setting, found):
        print(f"- {sentence}")
    print(flush=True)


def _rows(shape: str, setting: Setting, found: dict[str, list[Measured]]) -> Iterator[_Row]:
    from core.scorers.qwen_network import NetworkShape

    network = NetworkShape.from_config(config_of(SHAPES[shape]))
    pairs = found[f"plain {setting.precision}"][0].shown
    whole = float(np.mean([network.flops(tokens, patches) for tokens, patches in pairs]))
    language = float(np.mean([network.flops(tokens, 0) for tokens, _ in pairs]))
    titles = {
        "plain": ("(a) plain loop",),
        "cross-encoder": ("(b) CrossEncoder, batch 32",),
        "ours": ("(c) ours, cold", "(d) ours, second query"),
        "ours-scaled": ("(e) ours, JPEGs scaled, cold", ""),
    }
    for name, measured in found.items():
        variant, _ = name.split()
        for number, title in enumerate(titles[variant]):
            if title:
                runs = [each.runs[number] for each in measured]
                yield _Row(f"{title}, {measured[0].precision}", runs, measured, language if number else whole)


def _line(row: _Row, plain: _Row, peaks: dict[str, float]) -> str:
    rate = float(np.mean(row.rates))
    ratio = rate / float(np.mean(plain.rates))
    peak = peaks.get(row.measured[0].precision)
    share = f"{rate * row.work / peak:.0%}" if peak else "?"
    memory = max(measured.memory for measured in row.measured) / 1e9
    seconds = sum(run.seconds for run in row.runs)
    known = {stage: sum(run.stages.get(stage, 0) for run in row.runs) for stage in STAGES}
    stages = [f"{known[stage] / seconds:.0%}" if any(known.values()) else "" for stage in STAGES]
    rates = ", ".join(f"{each:.2f}" if each < 100 else f"{each:.0f}" for each in row.rates)
    return f"| {row.title} | {rates} | {ratio:.2f} | {share} | {memory:.1f} GB | {' | '.join(stages)} |"


def _agreement(setting: Setting, found: dict[str, list[Measured]]) -> Iterator[str]:
    """How far the logits of the same pairs lie apart."""
    true = np.array(found["plain float32"][0].runs[0].logits)
    yield (
        f"Logits of the plain loop in float32: from {true.min():.2f} to {true.max():.2f}, deviation {true.std():.2f}. "
        "Against these:"
    )
    for name, measured in found.items():
        if name != "plain float32":
            logits = np.array(measured[0].runs[0].logits)
            yield f"{name}: {_apart(logits[: len(true)], true)}."
    cold, scaled = (
        np.array(found[f"{variant} {setting.precision}"][0].runs[0].logits) for variant in ("ours", "ours-scaled")
    )
    yield f"JPEG-scaled decoding against exact: {_apart(scaled, cold)}."


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    ranks = [values.argsort().argsort() - (len(values) - 1) / 2 for values in (one, other)]
    correlation = float(ranks[0] @ ranks[1] / (ranks[0] @ ranks[0]))
    return f"at most {np.abs(one - other).max():.4f}, rank correlation {correlation:.4f}"


if __name__ == "__main__":
    main(sys.argv[1:])
