"""The command line's words: what is typed, what is printed, and the exit code (0, 1, 2 or 130).

Every spawned process imports this module again, so at its top it imports nothing heavier than click.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from core.errors import MediaError, SemblanceError
    from core.jobs import Event, Jobs, Progress
    from core.media import Listing, Region
    from core.scorers import Explanation

    OpenEngine = Callable[[], Jobs]

RANKED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
EXAMPLES = {
    "scan": "semblance scan FOLDER",
    "rank": 'semblance rank FOLDER --text "red car"',
    "window": "semblance FOLDER",
}

Row = dict[str, Any]


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
        _say(f"{error.format_message()}\nTry: {EXAMPLES.get(name or '', EXAMPLES['rank'])}")
        return MISUSED
    except SemblanceError as error:
        _say(str(error))
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted.")
        return INTERRUPTED
    return code if isinstance(code, int) else RANKED


def _open_engine() -> Jobs:
    from core.engine import Engine

    return Engine()


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.version_option(package_name="semblance", prog_name="semblance")
def cli() -> None:
    """Rank a folder of pictures, clips and texts by what you mean."""


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
@click.option("--scorer", default="builtin", show_default=True, metavar="NAME", help="Which judge scores the files.")
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
    limit: int | None,
    no_recursive: bool,
    style: str,
) -> int:
    """Print the media of FOLDER, best first.

    Files that can't be scored come last, with the reason. Progress goes to standard error. Scores are kept: the
    same question again, or one that was interrupted, goes on from there.
    """
    from core.query import DEFAULT_INSTRUCTION, Aspect, Query

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
    interrupted = False
    rows: list[Row] = []
    with open_engine() as engine:
        ranking = _Ranking(folder, engine.list_folder(folder, recursive=not no_recursive, on_unlisted=_warn))
        try:
            _follow(engine.rank(query, ranking.listing, scorer=scorer), ranking)
            order = ranking.order()[:limit]
            rows = ranking.ranked(order)
            if why:
                for row, printed in zip(order, rows, strict=True):
                    printed["why"] = _why(engine.explain(query, ranking.listing, row, scorer=scorer))
        except KeyboardInterrupt:
            interrupted = True  # told once the engine is closed, when what was scored is safe
    if interrupted:
        _say(f"interrupted: {ranking.progress} The scores so far are kept; the same command goes on from there.")
        return INTERRUPTED
    _say(ranking.progress)
    columns = ["rank", "path", "kind", "score", "error", *(["why"] if why else [])]
    _print(rows if limit else rows + ranking.failed(), columns, style, _table)
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
            _warn(event.error)
    rows = [
        {
            "path": _shown_path(folder, listing, row),
            "kind": listing.kind(row).label,
            "size": int(listing.sizes[row]),
            "modified": _iso_time(int(listing.mtimes[row])),
        }
        for row in range(len(listing))
    ]
    _print(rows, ["path", "kind", "size", "modified"], style, _scan_table)
    return RANKED


# --- following a ranking -----------------------------------------------------------------------------


@dataclass
class _Ranking:
    """What is known so far of each row of the listing."""

    folder: str
    listing: Listing
    scores: dict[int, float] = field(default_factory=dict)
    errors: dict[int, MediaError] = field(default_factory=dict)

    def order(self) -> list[int]:
        """The scored rows, best first; equal ones in the listing's order."""
        return sorted(self.scores, key=lambda row: (-self.scores[row], row))

    def ranked(self, order: Sequence[int]) -> list[Row]:
        return [self._row(row, place, round(self.scores[row], 6), None) for place, row in enumerate(order, 1)]

    def failed(self) -> list[Row]:
        return [self._row(row, None, None, str(self.errors[row])) for row in sorted(self.errors)]

    @property
    def progress(self) -> str:
        could_not = f", {len(self.errors):,} can't be scored" if self.errors else ""
        return f"{len(self.scores):,} of {len(self.listing):,} files scored{could_not}."

    def _row(self, row: int, place: int | None, score: float | None, error: str | None) -> Row:
        path, kind = _shown_path(self.folder, self.listing, row), self.listing.kind(row).label
        return {"rank": place, "path": path, "kind": kind, "score": score, "error": error}


def _why(told: Explanation | None) -> Row | None:
    """An explanation as JSON has it."""
    if told is None:
        return None
    words = [{"word": met.word, "value": round(met.value, 3), "where": met.where} for met in told.words]
    looks = {part: round(value, 3) for part, value in told.looks}
    stretch = [round(second, 2) for second in told.stretch] if told.stretch else None
    return {"looks": looks, "words": words, "stretch": stretch}


def _follow(events: Iterator[Event], ranking: _Ranking) -> None:
    """Take a ranking in to its end, telling how it goes."""
    from core.jobs import Failed, Notice, Progress, Scored

    told: set[str] = set()
    with _ProgressLine() as line:
        try:
            for event in events:
                match event:
                    case Scored():
                        for row, score in zip(event.rows.tolist(), event.scores.tolist(), strict=True):
                            ranking.scores[row] = score
                            ranking.errors.pop(row, None)
                    case Failed():
                        for row, error in zip(event.rows, event.errors, strict=True):
                            ranking.errors[row] = error
                            ranking.scores.pop(row, None)
                    case Progress():
                        line.show(event)
                    case Notice() if str(event.error) not in told:
                        told.add(str(event.error))
                        line.clear()
                        _warn(event.error)
        finally:
            if isinstance(events, Generator):
                events.close()  # on an interrupt: what is judged but not kept yet is kept now


class _ProgressLine:
    """One line on standard error that is written over; nothing at all unless that is a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> _ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, progress: Progress) -> None:
        if not self._on_terminal:
            return
        filled = 24 * progress.done // max(progress.total, 1)
        parts = [f"{'█' * filled}{'░' * (24 - filled)} {progress.done:,} of {progress.total:,}"]
        if progress.rate >= 1:
            parts.append(f"{progress.rate:,.0f}/s")
        if progress.seconds_left is not None:
            parts.append(f"{_duration(progress.seconds_left)} left")
        _write_error(f"\r\x1b[K{' · '.join(parts)}")
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            _write_error("\r\x1b[K")
            self._shown = False


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 90 * 60 else f"{whole / 3600:.1f} h"


# --- reading what was typed --------------------------------------------------------------------------


def local_path(reference: str) -> Path:
    """The reference as a path. Raises AddressRefused: a path would turn an address into a missing file."""
    from core.errors import AddressRefused

    if re.match(r"[a-z][a-z0-9+.-]+://|data:", reference, re.IGNORECASE):
        raise AddressRefused
    return Path(reference)


def _shown_path(folder: str, listing: Listing, row: int) -> str:
    """The path as a script can open it from where the command ran."""
    # The listing's own relative_path normalizes every time: seconds for 100,000 rows.
    return os.path.join(folder, listing.path(row)[len(os.path.join(listing.root, "")) :])


def _iso_time(nanoseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# --- writing -----------------------------------------------------------------------------------------


def _print(rows: list[Row], columns: list[str], style: str, table: Callable[[list[Row]], Iterable[str]]) -> None:
    """Write the rows to standard output, in UTF-8 whatever the terminal's locale."""
    if style == "json":
        lines: Iterable[str] = [_json(rows)]
    elif style == "csv":
        lines = [_csv(rows, columns)]
    else:
        lines = (f"{line}\n" for line in table(rows))
    try:
        click.echo("".join(lines).encode("utf-8"), nl=False)
    except BrokenPipeError:
        # The reader has seen enough (| head). What is left goes nowhere, so that closing does not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json(rows: list[Row]) -> str:
    # A byte of a name that is no UTF-8 is a lone surrogate in Python. Written as an escape it is valid UTF-8 and
    # valid JSON, and json.loads with os.fsencode gives the name's own bytes back.
    body = ",\n".join("  " + json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    text = f"[\n{body}\n]\n" if rows else "[]\n"
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text)


def _csv(rows: list[Row], columns: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"why": _why_in_words(row["why"])} if row.get("why") else row for row in rows)
    return _decodable(text.getvalue())


def _table(rows: list[Row]) -> Iterable[str]:
    ranked = [row for row in rows if row["rank"] is not None]
    failed = [row for row in rows if row["rank"] is None]
    width = max(4, len(str(len(ranked))))
    if ranked:
        yield f"{'rank':>{width}}  score  kind   path"
    for row in ranked:
        yield f"{row['rank']:>{width}}  {row['score']:.3f}  {row['kind']:<5}  {_on_one_line(row['path'])}"
        if row.get("why"):
            yield f"{'':>{width}}  {_on_one_line(_why_in_words(row['why']))}"
    if failed:
        yield from ([""] if ranked else [])
        yield "Can't be scored:"
    for row in failed:
        yield f"{'-':>{width}}  {'-':>5}  {row['kind']:<5}  {_on_one_line(row['path'])}: {_on_one_line(row['error'])}"


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
        yield f"{row['kind']:<5}  {row['size']:>{width},}  {row['modified']}  {_on_one_line(row['path'])}"


def _decodable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "�", text)


def _on_one_line(text: str) -> str:
    """The text with nothing that would move a terminal's cursor or break the table."""
    return _decodable(re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text))


def _warn(error: SemblanceError) -> None:
    _say(str(error))


def _say(sentence: str) -> None:
    first, *more = sentence.split("\n")
    _write_error("".join(f"{line}\n" for line in [f"semblance: {_on_one_line(first)}", *map(_on_one_line, more)]))


def _write_error(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        click.echo(text, nl=False, err=True)
