"""The command line's words: what is typed, what is printed, and the exit code (0, 1, 2 or 130).

Every spawned process imports this module again, so at its top it imports nothing heavier than click.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.evaluation_commands import evaluate
from core.model_commands import models, own_folders
from core.storage_commands import backup, restore, storage
from core.terminal import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    RANKED,
    ProgressLine,
    Row,
    on_one_line,
    print_rows,
    say,
    warn,
)

if TYPE_CHECKING:
    from core.errors import MediaError
    from core.jobs import Event, Jobs
    from core.media import Listing, Region
    from core.scorers import Explanation, JudgeChoice

    OpenEngine = Callable[[], Jobs]

EXAMPLES = {
    "scan": "semblance scan FOLDER",
    "prepare": "semblance prepare FOLDER --finder SigLIP2",
    "rank": 'semblance rank FOLDER --text "red car"',
    "window": "semblance FOLDER",
    "models": "semblance models",
    "get": "semblance models get 2B",
    "verify": "semblance models verify 2B",
    "eval": "semblance eval DATASET.json --finder SigLIP2 --scorer 2B",
    "storage": "semblance storage",
    "backup": "semblance backup FILE",
    "restore": "semblance restore FILE",
}


def main(argv: Sequence[str] | None = None, *, open_engine: OpenEngine | None = None) -> int:
    """Run `rank`, `scan` … and return the exit code. `open_engine` replaces the engine that ranks."""
    return run(cli, argv, obj=open_engine or _open_engine)


def run(command: click.Command, argv: Sequence[str] | None, *, obj: object = None) -> int:
    """Run a command and return its exit code; what went wrong is told in one sentence on standard error."""
    from core.errors import SemblanceError

    try:
        code = command.main(argv, prog_name="semblance", obj=obj, standalone_mode=False)
    except click.UsageError as error:
        name = error.ctx.command.name if error.ctx else None
        say(f"{error.format_message()}\nTry: {EXAMPLES.get(name or '', EXAMPLES['rank'])}")
        return MISUSED
    except SemblanceError as error:
        say(str(error))
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        say("interrupted.")
        return INTERRUPTED
    return code if isinstance(code, int) else RANKED


def _open_engine() -> Jobs:
    from core.engine import Engine

    return Engine()


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.version_option(package_name="semblance", prog_name="semblance")
def cli() -> None:
    """Rank a folder of pictures, clips and texts by what you mean."""


for command in (models, evaluate, storage, backup, restore):
    cli.add_command(command)

_format = click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print it. JSON is UTF-8 and keeps every file name exactly (bytes that are no UTF-8 as \\udcXX); "
    "the table and CSV show such bytes as �.",
)
_no_recursive = click.option("--no-recursive", is_flag=True, help="Leave out the folders inside FOLDER.")


def _region(_context: click.Context, _option: click.Parameter, typed: str | None) -> Region | None:
    """`--region` as a region of a picture."""
    from core.media import Region

    if typed is None:
        return None
    try:
        left, top, right, bottom = map(float, typed.split(","))
        return Region(left, top, right, bottom)
    except ValueError as error:
        raise click.BadParameter("give four fractions from 0 to 1, as in 0.25,0,1,0.5.") from error


def _finite(_context: click.Context, _option: click.Parameter, typed: float | None) -> float | None:
    if typed is not None and not math.isfinite(typed):
        raise click.BadParameter("give a number.")
    return typed


@cli.command()
@click.argument("folder", type=click.Path())
@click.option("--text", default="", help="What to look for, in words.")
@click.option("--image", "images", multiple=True, metavar="FILE", help="A picture to be like. May be repeated.")
@click.option("--video", "videos", multiple=True, metavar="FILE", help="A clip to be like. May be repeated.")
@click.option("--minus", default="", metavar="TEXT", help="What the results should not be.")
@click.option("--instruction", metavar="TEXT", help="What a judge that reads instructions is told to do.")
@click.option(
    "--aspect",
    type=click.Choice(["overall", "palette", "layout", "texture", "same"]),
    help="In which respect to be like the pictures and clips; same: the same picture, however altered.",
)
@click.option(
    "--region",
    metavar="L,T,R,B",
    callback=_region,
    help="The part of the first --image that counts: left, top, right and bottom as fractions, as in 0,0,0.5,1.",
)
@click.option("--why", is_flag=True, help="Say for each file printed why it stands there; use with --limit.")
@click.option(
    "--scorer",
    default="builtin",
    show_default=True,
    metavar="NAME",
    help="Which judge scores the files: builtin, 2B, 8B, auto (the best of these that is here), SigLIP2, Embedding-2B, "
    "Embedding-8B, or a model's folder.",
)
@click.option(
    "--finder",
    metavar="NAME",
    help="Find first, then let --scorer judge the most promising: builtin, SigLIP2, Embedding-2B, Embedding-8B, or an "
    "embedder's folder.",
)
@click.option(
    "--judge-seconds",
    type=click.FloatRange(min=0),
    callback=_finite,
    metavar="S",
    help="With --finder: for how long the judge works; 0: until all is judged.  [default: 20]",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="Where a model runs: cuda, mps, cpu.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16", "int8", "int4"]),
    default="auto",
    show_default=True,
    help="In which numbers a model computes.",
)
@click.option(
    "--budget",
    type=click.Choice(["fast", "balanced", "full"]),
    help="How closely a model looks at pictures: at most 256, 640 or 1,800 tokens each.  [default: balanced]",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(4096, 10_240 * 1024),
    metavar="N",
    help="Pixels of a picture, in place of --budget.",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    metavar="F",
    help="Frames a second of a clip.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print only the N best, and no failures.")
@_no_recursive
@_format
@click.pass_obj
def rank(
    open_engine: OpenEngine,
    folder: str,
    text: str,
    images: tuple[str, ...],
    videos: tuple[str, ...],
    minus: str,
    instruction: str | None,
    aspect: str | None,
    region: Region | None,
    why: bool,
    scorer: str,
    finder: str | None,
    judge_seconds: float | None,
    device: str,
    precision: str,
    budget: str | None,
    max_pixels: int | None,
    fps: float | None,
    limit: int | None,
    no_recursive: bool,
    style: str,
) -> int:
    """Print the media of FOLDER, best first.

    Files that can't be scored come last, with the reason. Progress goes to standard error. Scores are kept: the
    same question again, or one that was interrupted, goes on from there.
    """
    from core.checkpoints import EMBEDDER
    from core.errors import CatalogError, JudgeNotLoaded
    from core.jobs import JUDGE_SECONDS
    from core.models import check, role_of
    from core.query import DEFAULT_INSTRUCTION, Aspect, Query
    from core.scorers import Budget, JudgeChoice

    if instruction is not None and aspect is not None:
        raise click.UsageError("Give --instruction or --aspect, not both: a judge knows one or the other.")
    if region is not None and not images:
        raise click.UsageError("--region is a part of a picture: give --image.")
    query = Query(
        text,
        tuple(map(local_path, images)),
        tuple(map(local_path, videos)),
        minus,
        DEFAULT_INSTRUCTION if instruction is None else instruction,
        Aspect(aspect or "overall"),
        (region,) if region else (),
    )
    if not query:
        raise click.UsageError("Nothing to look for: give --text, --image or --video.")
    if budget is not None and max_pixels is not None:
        raise click.UsageError("Give --budget or --max-pixels, not both.")
    # A number of pixels is meant exactly, so the rest is as the model's own code has it.
    closely = Budget(budget or ("full" if max_pixels else "balanced"))
    name = scorer.lower() if scorer.lower() in ("auto", "builtin") else scorer
    judge = JudgeChoice(name, device.lower(), precision, closely, max_pixels or 0, fps or 0.0)
    if judge_seconds is not None and finder is None:
        raise click.UsageError("--judge-seconds is for what was found: give --finder.")
    finding = None if finder is None else _finder(finder, device)
    if finding and (judge.is_builtin or role_of(judge.name) == EMBEDDER):
        raise click.UsageError("--finder finds for a reranker: give one as --scorer; an embedder there ranks alone.")
    seconds = JUDGE_SECONDS if judge_seconds is None else judge_seconds or None

    def asked(engine: Jobs) -> Iterator[Event]:
        return engine.rank(query, ranking.listing, judge=judge, finder=finding, judge_seconds=seconds)

    interrupted, preparing = False, _Preparing()
    rows: list[Row] = []
    with open_engine() as engine:
        ranking = _Ranking(folder, engine.list_folder(folder, recursive=not no_recursive, on_unlisted=warn))
        try:
            if finding and not finding.is_builtin:
                check(judge.name, own_folders(), embedder=False)  # before hours are spent on finding for it
                _load(engine.load(finding, finder=True))
                try:
                    preparing.follow(engine.prepare(ranking.listing, finding))
                except CatalogError as error:  # nothing can be kept: ranked all the same, with what there is
                    warn(error)
            try:
                _follow(asked(engine), ranking)
            except JudgeNotLoaded:  # not all of it was known from before
                _load(engine.load(judge))
                _follow(asked(engine), ranking)
            order = ranking.order()[:limit]
            rows = ranking.ranked(order)
            if why:
                for row, printed in zip(order, rows, strict=True):
                    printed["why"] = _why(engine.explain(query, ranking.listing, row, judge=judge))
        except KeyboardInterrupt:
            interrupted = True  # told once the engine is closed, when what was scored is safe
    if interrupted:
        kept = f"{ranking.progress} The scores so far are kept; the same command goes on from there."
        say(f"interrupted: {kept if ranking.scores or not preparing.total else preparing.kept}")
        return INTERRUPTED
    say(ranking.progress)
    columns = ["rank", "path", "kind", "score", "error", "page", "judged", *(["why"] if why else [])]
    listed = rows if limit else rows + ranking.failed() + (ranking.left() if finding else [])
    if style == "csv":
        listed = [row | {"why": _why_in_words(row["why"])} if row.get("why") else row for row in listed]
    print_rows(listed, columns, style, _table)
    return RANKED


@cli.command()
@click.argument("folder", type=click.Path())
@click.option(
    "--finder",
    default="SigLIP2",
    show_default=True,
    metavar="NAME",
    help="For whom: builtin, SigLIP2, Embedding-2B, Embedding-8B, or an embedder's folder.",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="Where a model runs: cuda, mps, cpu.")
@_no_recursive
@click.pass_obj
def prepare(open_engine: OpenEngine, folder: str, finder: str, device: str, no_recursive: bool) -> int:
    """Have a finder learn every file of FOLDER once, so that a question is answered at once.

    What is learnt is kept: the same command goes on where it was interrupted, and takes only what is new.
    """
    choice = _finder(finder, device)
    interrupted, preparing = False, _Preparing()
    with open_engine() as engine:
        listing = engine.list_folder(folder, recursive=not no_recursive, on_unlisted=warn)
        try:
            if not choice.is_builtin:
                _load(engine.load(choice, finder=True))
            preparing.follow(engine.prepare(listing, choice))
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        say(f"interrupted: {preparing.kept}" if preparing.total else "interrupted before anything was prepared.")
        return INTERRUPTED
    for row, error in sorted(preparing.errors.items()):
        say(f"{on_one_line(_shown_path(folder, listing, row))}: {on_one_line(str(error))}")
    say(preparing.progress)
    return RANKED


@cli.command()
@click.argument("folder", type=click.Path())
@_no_recursive
@_format
def scan(folder: str, no_recursive: bool, style: str) -> int:
    """List what would be ranked in FOLDER. No file is opened."""
    from core.media import Listed, Listing
    from core.media import scan as scan_media

    listing = Listing(folder, recursive=not no_recursive)
    for event in scan_media(folder, recursive=not no_recursive):
        if isinstance(event, Listed):
            listing.append(event)
        else:
            warn(event.error)
    rows = [
        {
            "path": _shown_path(folder, listing, row),
            "kind": listing.kind(row).label,
            "size": int(listing.sizes[row]),
            "modified": _iso_time(int(listing.mtimes[row])),
        }
        for row in range(len(listing))
    ]
    print_rows(rows, ["path", "kind", "size", "modified"], style, _scan_table)
    return RANKED


# --- following what takes long -----------------------------------------------------------------------


_LEFT = "The finder can't read it, and the judge had no time for it. Give more --judge-seconds."


@dataclass
class _Ranking:
    """What is known so far of each row of the listing."""

    folder: str
    listing: Listing
    scores: dict[int, float] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)
    """Rows that are only found, not judged."""
    errors: dict[int, MediaError] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """What was remarked: once, though the ranking may begin anew when its judge is loaded."""

    def order(self) -> list[int]:
        """The scored rows, best first; of equal ones those that are judged, then in the listing's order."""
        return sorted(self.scores, key=lambda row: (-self.scores[row], row in self.found, row))

    def ranked(self, order: Sequence[int]) -> list[Row]:
        return [self._row(row, place, round(self.scores[row], 6), None) for place, row in enumerate(order, 1)]

    def failed(self) -> list[Row]:
        return [self._row(row, None, None, str(self.errors[row])) for row in sorted(self.errors)]

    def left(self) -> list[Row]:
        """Those that the finder can't read, and the judge had no time for."""
        rows = (row for row in range(len(self.listing)) if row not in self.scores and row not in self.errors)
        return [self._row(row, None, None, _LEFT) for row in rows]

    @property
    def progress(self) -> str:
        could_not = f", {len(self.errors):,} can't be scored" if self.errors else ""
        found = f", {len(self.found):,} of them only found, not judged" if self.found else ""
        left = len(self.listing) - len(self.scores) - len(self.errors)
        neither = f", {left:,} neither found nor judged" if left and self.found else ""
        return f"{len(self.scores):,} of {len(self.listing):,} files scored{found}{could_not}{neither}."

    def _row(self, row: int, place: int | None, score: float | None, error: str | None) -> Row:
        path, kind = _shown_path(self.folder, self.listing, row), self.listing.kind(row).label
        page = self.listing.page_number(row)
        judged = None if score is None else row not in self.found
        return {
            "rank": place,
            "path": path,
            "kind": kind,
            "score": score,
            "error": error,
            "page": page,
            "judged": judged,
        }


def _why(told: Explanation | None) -> Row | None:
    """An explanation as JSON has it."""
    if told is None:
        return None
    words = [{"word": met.word, "value": round(met.value, 3), "where": met.where} for met in told.words]
    looks = {part: round(value, 3) for part, value in told.looks}
    stretch = [round(second, 2) for second in told.stretch] if told.stretch else None
    return {"looks": looks, "words": words, "stretch": stretch}


def _load(events: Iterator[Event]) -> None:
    """Take the loading of a model in to its end, telling how it goes and what was chosen."""
    from core.jobs import JudgeLoaded, Loading

    with ProgressLine() as line:
        for event in events:
            match event:
                case Loading():
                    line.show_part("Loading the model", event.done, event.total)
                case JudgeLoaded():
                    line.clear()
                    say(event.why)


def _follow(events: Iterator[Event], ranking: _Ranking) -> None:
    """Take a ranking in to its end, telling how it goes."""
    from core.jobs import Failed, Notice, Progress, Scored, Staged

    with ProgressLine() as line:
        try:
            for event in events:
                match event:
                    case Scored():
                        rows = event.rows.tolist()
                        for row, score in zip(rows, event.scores.tolist(), strict=True):
                            ranking.scores[row] = score
                            ranking.errors.pop(row, None)
                        if event.judged:
                            ranking.found.difference_update(rows)
                        else:
                            ranking.found.update(rows)
                    case Failed():
                        for row, error in zip(event.rows, event.errors, strict=True):
                            ranking.errors[row] = error
                            ranking.scores.pop(row, None)
                            ranking.found.discard(row)
                    case Progress():
                        line.show(event)
                    case Staged() if event.judging:
                        line.show(Progress(event.judged, event.total, 0, event.rate, event.seconds_left))
                    case Notice() if str(event.error) not in ranking.told:
                        ranking.told.add(str(event.error))
                        line.clear()
                        warn(event.error)
        finally:
            if isinstance(events, Generator):
                events.close()  # on an interrupt: what is judged but not kept yet is kept now


@dataclass
class _Preparing:
    """How far a folder is prepared."""

    prepared: int = 0
    total: int = 0
    failed: int = 0
    errors: dict[int, MediaError] = field(default_factory=dict)
    """By row: why it can't be."""

    @property
    def progress(self) -> str:
        could_not = f", {self.failed:,} can't be" if self.failed else ""
        return f"{self.prepared:,} of {self.total:,} files prepared{could_not}."

    @property
    def kept(self) -> str:
        """What an interrupt leaves."""
        return f"{self.progress} It is kept; the same command goes on from there."

    def follow(self, events: Iterator[Event]) -> None:
        """Take it in to its end, telling how it goes."""
        from core.jobs import Failed, Notice, Preparation, Progress

        with ProgressLine() as line:
            try:
                for event in events:
                    match event:
                        case Preparation():
                            self.prepared, self.total, self.failed = event.prepared, event.total, event.failed
                            done = event.prepared + event.failed
                            line.show(Progress(done, event.total, event.failed, event.rate, event.seconds_left))
                        case Failed():
                            self.errors |= dict(zip(event.rows, event.errors, strict=True))
                        case Notice():
                            line.clear()
                            warn(event.error)
            finally:
                if isinstance(events, Generator):
                    events.close()


# --- reading what was typed --------------------------------------------------------------------------


def local_path(reference: str) -> Path:
    """The reference as a path. Raises AddressRefused: a path would turn an address into a missing file."""
    from core.errors import AddressRefused

    if re.match(r"[a-z][a-z0-9+.-]+://|data:", reference, re.IGNORECASE):
        raise AddressRefused
    return Path(reference)


def _finder(name: str, device: str) -> JudgeChoice:
    """`--finder` as a choice."""
    from core.scorers import JudgeChoice

    return JudgeChoice("builtin" if name.lower() == "builtin" else name, device.lower())


def _shown_path(folder: str, listing: Listing, row: int) -> str:
    """The path as a script can open it from where the command ran."""
    # The listing's own relative_path normalizes every time: seconds for 100,000 rows.
    return os.path.join(folder, listing.path(row)[len(os.path.join(listing.root, "")) :])


def _iso_time(nanoseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _table(rows: list[Row]) -> Iterable[str]:
    some_found = any(row["judged"] is False for row in rows)
    ranked = [row for row in rows if row["rank"] is not None]
    failed = [row for row in rows if row["rank"] is None]
    width = max(4, len(str(len(ranked))))
    if ranked:
        yield f"{'rank':>{width}}  score  kind   {'by      ' if some_found else ''}path"
    for row in ranked:
        by = f"{'judge' if row['judged'] else 'finder':<8}" if some_found else ""
        yield f"{row['rank']:>{width}}  {row['score']:.3f}  {row['kind']:<5}  {by}{_printed_path(row)}"
        if row.get("why"):
            yield f"{'':>{width}}  {on_one_line(_why_in_words(row['why']))}"
    if failed:
        yield from ([""] if ranked else [])
        yield "Can't be scored:"
    for row in failed:
        yield f"{'-':>{width}}  {'-':>5}  {row['kind']:<5}  {_printed_path(row)}: {on_one_line(row['error'])}"


def _printed_path(row: Row) -> str:
    return on_one_line(row["path"]) + (f" (page {row['page']})" if row["page"] else "")


def _why_in_words(why: Row) -> str:
    parts = [f"{part} {value:.2f}" for part, value in why["looks"].items()]
    parts += [f"“{met['word']}” {met['value']:.2f}{_PLACES[met['where']]}" for met in why["words"]]
    if why["stretch"]:
        parts.append("from {:.1f} s to {:.1f} s".format(*why["stretch"]))
    return " · ".join(parts)


_PLACES = {"look": " by look", "name": " in the name", "text": " in the text", None: ""}


def _scan_table(rows: list[Row]) -> Iterable[str]:
    width = max([4, *(len(f"{row['size']:,}") for row in rows)])
    if rows:
        yield f"kind   {'size':>{width}}  {'modified':<20}  path"
    for row in rows:
        yield f"{row['kind']:<5}  {row['size']:>{width},}  {row['modified']}  {on_one_line(row['path'])}"
