"""How the command line's words reach a terminal, a file or a pipe: rows on standard output, all else on standard error.

Nothing here is heavier to import than click: every spawned process imports the command line again.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from core.errors import SemblanceError
    from core.jobs import Progress

RANKED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""

Row = dict[str, Any]


# --- writing -----------------------------------------------------------------------------------------


def print_rows(rows: list[Row], columns: list[str], style: str, table: Callable[[list[Row]], Iterable[str]]) -> None:
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
    writer.writerows(rows)
    return decodable(text.getvalue())


def decodable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "�", text)


def on_one_line(text: str) -> str:
    """The text with nothing that would move a terminal's cursor or break the table."""
    return decodable(re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text))


def warn(error: SemblanceError) -> None:
    say(str(error))


def say(sentence: str) -> None:
    first, *more = sentence.split("\n")
    write_error("".join(f"{line}\n" for line in [f"semblance: {on_one_line(first)}", *map(on_one_line, more)]))


def write_error(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        click.echo(text, nl=False, err=True)


# --- how far it is ----------------------------------------------------------------------------------


class ProgressLine:
    """One line on standard error that is written over; nothing at all unless that is a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, progress: Progress) -> None:
        if not self._on_terminal:
            return
        parts = [f"{_bar(progress.done, progress.total)} {progress.done:,} of {progress.total:,}"]
        if progress.rate >= 1:
            parts.append(f"{progress.rate:,.0f}/s")
        if progress.seconds_left is not None:
            parts.append(f"{duration(progress.seconds_left)} left")
        self._write(parts)

    def show_part(self, what: str, done: int, total: int, *more: str) -> None:
        """How much of something measured in bytes is done."""
        if self._on_terminal:
            share = [f"{done / 1e9:.2f} of {total / 1e9:.2f} GB"] if total else []
            self._write([f"{what} {_bar(done, total)}", *share, *more])

    def _write(self, parts: Sequence[str]) -> None:
        write_error(f"\r\x1b[K{' · '.join(parts)}")
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            write_error("\r\x1b[K")
            self._shown = False


def _bar(done: int, total: int) -> str:
    filled = 24 * done // max(total, 1)
    return "█" * filled + "░" * (24 - filled)


def duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 90 * 60 else f"{whole / 3600:.1f} h"
