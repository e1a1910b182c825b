"""What `semblance eval` asks for, says on its way and prints."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from core.terminal import INTERRUPTED, RANKED, ProgressLine, Row, duration, on_one_line, print_rows, say, warn

if TYPE_CHECKING:
    from core.evaluation import Contender, EvaluationEvent, Measured

_MEASURES = ("recall@1", "recall@5", "recall@10", "ndcg@10", "mrr")
_PARTS = {"finder": "Finding", "judge": "Judging", "both": "Finding, then judging"}


def _numbers(_context: click.Context, _option: click.Parameter, typed: str) -> list[int]:
    try:
        counts = [int(part) for part in typed.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise click.BadParameter("give whole numbers, as in 1024,256,64.")
    return counts


def _finite(_context: click.Context, _option: click.Parameter, typed: float) -> float:
    if not math.isfinite(typed):
        raise click.BadParameter("give a number of seconds.")
    return typed


@click.command("eval")
@click.argument("dataset", type=click.Path())
@click.option("--folder", type=click.Path(), help="Where the files are.  [default: as DATASET says, or beside it]")
@click.option("--scorer", metavar="NAME", help="The judge: builtin, 2B, 8B, auto, an embedder, or a model's folder.")
@click.option("--finder", metavar="NAME", help="The finder: builtin, Embedding-2B, Embedding-8B, SigLIP2, or a folder.")
@click.option(
    "--judge-seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    default=20.0,
    show_default=True,
    metavar="S",
    help="For how long the judge may work on what the finder found.",
)
@click.option(
    "--vector-numbers",
    "numbers",
    default="1024",
    show_default=True,
    callback=_numbers,
    metavar="N,N…",
    help="How many numbers of a vector are kept. With several, the finder is measured with each; the judge gets what "
    "it found with the first.",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="Where models run: cuda, mps, cpu.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16", "int8", "int4"]),
    default="auto",
    show_default=True,
    help="In which numbers models compute.",
)
@click.option(
    "--budget",
    type=click.Choice(["fast", "balanced", "full"]),
    default="balanced",
    show_default=True,
    help="How closely models look at pictures.",
)
@click.option("--limit-queries", "limit", type=click.IntRange(min=1), metavar="N", help="Ask only N of the queries.")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def evaluate(
    dataset: str,
    folder: str | None,
    scorer: str | None,
    finder: str | None,
    judge_seconds: float,
    numbers: list[int],
    device: str,
    precision: str,
    budget: str,
    limit: int | None,
    style: str,
) -> int:
    """Measure how well the queries of DATASET are answered: by the finder, by the judge, by both.

    DATASET is a JSON file. Either

    \b
      {"folder": "pictures",
       "queries": [{"text": "a red car", "relevant": ["a.jpg", "b.mp4"]},
                   {"image": "c.jpg", "relevant": {"d.jpg": 1, "e.jpg": 0.5}}]}

    (a query may also have video, minus and instruction; paths are those in the folder, which itself is found from
    where DATASET is), or captions as COCO has them:

    \b
      {"images": [{"id": 7, "file_name": "a.jpg"}],
       "annotations": [{"image_id": 7, "caption": "a red car"}]}

    recall@k is the share of the relevant files that are among the first k, nDCG@10 weighs them by relevance and
    place, MRR is 1 / the place of the first; all from 0 to 1, and means over the queries. Preparing (what is learnt
    of the files once) is timed apart from asking (the median of the queries). Nothing of it is kept.
    """
    from core.errors import SemblanceError
    from core.evaluation import Measured, contenders, read_dataset
    from core.evaluation import evaluate as measure
    from core.models import check
    from core.scorers import Budget, JudgeChoice
    from core.settings import Home, load_settings

    def chosen(name: str) -> JudgeChoice:
        plain = name.lower() if name.lower() in ("auto", "builtin") else name
        return JudgeChoice(plain, device.lower(), precision, Budget(budget))

    settings, error = load_settings(Home.find().settings)
    if error:
        warn(error)
    asked = read_dataset(dataset, folder)
    if limit:
        asked = asked.sample(limit)
    judge, found_by = (None if name is None else chosen(name) for name in (scorer, finder))
    for choice, embedder in ((judge, None), (found_by, True)):
        if choice:  # before hours go into the other
            check(choice.name, settings.model_folders, embedder=embedder)
    runs = contenders(judge=judge, finder=found_by, judge_seconds=judge_seconds, numbers=numbers)
    measured: list[Measured] = []
    interrupted = False
    problem: SemblanceError | None = None
    with contextlib.closing(measure(asked, runs, model_folders=settings.model_folders)) as events:
        telling = _Telling(len(asked.topics), len(runs))
        try:
            with telling.line:
                for event in events:
                    telling.tell(event)
                    if isinstance(event, Measured):
                        measured.append(event)
        except KeyboardInterrupt:
            interrupted = True  # told once the engine is closed
        except SemblanceError as error:
            problem = error  # likewise, and after what was measured
    if interrupted:
        say(f"interrupted: {len(measured)} of {len(runs)} runs were measured.")
    if measured:
        _print(dataset, len(asked.topics), measured, style)
    if problem:
        raise problem
    return INTERRUPTED if interrupted else RANKED


class _Telling:
    """How an evaluation goes, on standard error."""

    def __init__(self, queries: int, runs: int) -> None:
        self.line = ProgressLine()
        self._queries = queries
        self._runs = runs
        self._begun = 0
        self._told: set[str] = set()

    def tell(self, event: EvaluationEvent) -> None:
        from core.evaluation import Answered, Begun, LeftOut
        from core.jobs import JudgeLoaded, Loading, Notice, Preparation, Progress

        match event:
            case Begun():
                self._begun += 1
                self._say(f"{self._begun} of {self._runs}. {_run_in_words(event.contender)}, {self._queries:,} queries")
            case Loading():
                self.line.show_part("Loading the model", event.done, event.total)
            case JudgeLoaded():
                self._say(event.why)
            case Preparation():
                done = event.prepared + event.failed
                self.line.show(Progress(done, event.total, event.failed, event.rate, event.seconds_left))
            case Answered():
                self.line.show(Progress(event.done, event.total, 0, 0.0, event.seconds_left))
            case LeftOut():
                self._say(f"{event.title} is quick itself, so nothing is found for it first.")
            case Notice() if str(event.error) not in self._told:
                self._told.add(str(event.error))
                self.line.clear()
                warn(event.error)

    def _say(self, sentence: str) -> None:
        self.line.clear()
        say(sentence)


def _run_in_words(contender: Contender) -> str:
    names = [choice.name for choice in (contender.finder, contender.judge) if choice]
    return f"{_PARTS[contender.part]}: {', then '.join(names)}"


# --- what is printed ---------------------------------------------------------------------------------


def _print(dataset: str, queries: int, measured: list[Measured], style: str) -> None:
    rows = [_row(run) for run in measured]
    report = {"dataset": os.fspath(dataset), "queries": queries, "files": measured[-1].files, "runs": rows}
    # One object, with what holds for all runs in front; escapes keep any file name, as UTF-8 could not.
    lines = json.dumps(report, indent=2).splitlines() if style == "json" else list(_table(rows))
    print_rows(rows, [], "table", lambda _: lines)


def _row(run: Measured) -> Row:
    contender = run.contender
    return {
        "run": contender.part.value,
        "name": run.judge,
        "finder": run.finder or None,
        "numbers": run.numbers or None,
        **{name: round(mean, 4) for name, mean in zip(_MEASURES, run.means, strict=True)},
        "seconds_prepare": round(run.seconds_prepare, 3),
        "seconds_query": round(run.seconds_query, 4),
        "judge_seconds": contender.judge_seconds,
        "judged": run.judged or None,
        "files": run.files,
        "unscored": run.unscored,
    }


def _table(rows: list[Row]) -> Iterable[str]:
    names = [f"{row['finder']}, then {row['name']}" if row["finder"] else row["name"] for row in rows]
    width = max(4, *map(len, names))
    heads = [*_MEASURES, "numbers", "prepare", "query"]
    yield "  ".join([f"{'run':<6}", f"{'name':<{width}}", *(f"{head:>9}" for head in heads)])
    for name, row in zip(names, rows, strict=True):
        cells = [f"{row[measure]:.3f}" for measure in _MEASURES]
        cells.append(f"{row['numbers']:,}" if row["numbers"] else "-")
        cells.append(_seconds(row["seconds_prepare"]) if row["seconds_prepare"] else "-")
        cells.append(_seconds(row["seconds_query"]))
        yield on_one_line("  ".join([f"{row['run']:<6}", f"{name:<{width}}", *(f"{cell:>9}" for cell in cells)]))
    for name, row in zip(names, rows, strict=True):
        if row["judged"]:
            within = f"within {row['judge_seconds']:g} s"
            yield on_one_line(f"{row['run']}, {name}: {row['judged']:,} of {row['files']:,} files judged {within}.")
        if row["unscored"]:
            yield on_one_line(f"{row['run']}, {name}: {row['unscored']:,} files without a score, which came last.")


def _seconds(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else f"{seconds:.2f} s"
