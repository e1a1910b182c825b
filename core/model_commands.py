"""What `semblance models` lists, fetches and checks, in the command line's words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from core.terminal import INTERRUPTED, RANKED, ProgressLine, Row, duration, on_one_line, print_rows, say, warn

if TYPE_CHECKING:
    from core.models import Found

_NO_ONE_MODEL = ("auto", "builtin")

TENTHS = 10
"""How often a download tells how far it is where there is no terminal to write a line over."""


@click.group(invoke_without_command=True)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def models(context: click.Context, style: str) -> int:
    """List the models that can judge and find, where they lie, and which fit this machine."""
    if context.invoked_subcommand is not None:
        return 0
    rows = [_row(found) for found in _found()]
    print_rows(rows, ["name", "kind", "where", "size", "state", "fits"], style, _table)
    return RANKED


@models.command()
@click.argument("name")
def get(name: str) -> int:
    """Fetch the model NAME (2B, 8B, SigLIP2, Embedding-2B or Embedding-8B), going on where an earlier try stopped."""
    from core.models import KNOWN, canonical_name, download, find, is_known, title_of

    if not is_known(name) and (name in _NO_ONE_MODEL or os.path.isabs(canonical_name(name))):
        raise click.BadParameter(f"only these can be fetched: {', '.join(KNOWN)}.")
    tenth = 0
    try:
        with ProgressLine() as line:
            for event in download(name, own_folders()):
                left = f"{duration(event.seconds_left)} left" if event.seconds_left else ""
                more = [part for part in (f"{event.rate / 1e6:.1f} MB/s" if event.rate else "", left) if part]
                line.show_part(event.file, event.done, event.total, *more)
                if not sys.stderr.isatty() and TENTHS * event.done // max(event.total, 1) > tenth:
                    tenth = TENTHS * event.done // event.total
                    share = f"{_gigabytes(event.done)} of {_gigabytes(event.total)}"
                    say(", ".join([f"{title_of(name)}: {share}", *more]))
    except KeyboardInterrupt:
        say("interrupted: what has arrived is kept; the same command goes on from there.")
        return INTERRUPTED
    say(f"{title_of(name)} is here: {find(name, own_folders(), embedder=None).folder}")
    return RANKED


@models.command()
@click.argument("name")
def verify(name: str) -> int:
    """Read every file of the model NAME and compare it with what was published."""
    from core.models import KNOWN, is_published, title_of
    from core.models import verify as verify_model

    if name in _NO_ONE_MODEL:
        raise click.BadParameter(f"give {', '.join(KNOWN)} or the folder of a model.")
    total = 0
    with ProgressLine() as line:
        for event in verify_model(name, own_folders()):
            line.show_part(event.file, event.done, event.total)
            total = event.total
    if is_published(name, own_folders()):
        say(f"{title_of(name)} is sound: {_gigabytes(total)} read.")
    else:
        say(f"{title_of(name)} can be read, all {_gigabytes(total)}; what was published is not known here.")
    return RANKED


# --- what is listed ----------------------------------------------------------------------------------


def own_folders() -> list[str]:
    """The person's own folders of models, as the window remembers them."""
    from core.settings import Home, load_settings

    settings, error = load_settings(Home.find().settings)
    if error:
        warn(error)
    return settings.model_folders


def _found() -> list[Found]:
    from core.models import known_models

    return known_models(own_folders())


def _row(found: Found) -> Row:
    fits, advice = _advice(found)
    return {
        "name": found.name,
        "kind": "finder" if found.finds else "judge",
        "title": found.title,
        "where": str(found.folder) if found.folder else None,
        "size": found.size,
        "arrived": found.arrived,
        "state": _state(found),
        "problem": str(found.problem) if found.problem else None,
        "fits": fits,
        "advice": advice,
    }


def _state(found: Found) -> str:
    if found.usable:
        return "here"
    if found.problem:
        return "unusable"
    return "begun" if found.arrived else "missing"


def _advice(found: Found) -> tuple[bool | None, str]:
    """Whether it fits this machine, and how it would run; None where the libraries to find out are not installed."""
    try:
        from core import machine
    except ImportError as error:
        if (error.name or "").split(".")[0] == "core":
            raise
        return None, ""
    advice: tuple[bool, str] = machine.advice(found)
    return advice


def _table(rows: list[Row]) -> Iterable[str]:
    width = max(len(row["name"]) for row in rows)
    yield f"{'name':<{width}}  {'kind':<6}  {'size':>8}  {'state':<8}  {'fits':<7}  where"
    for row in rows:
        fits = {True: "yes", False: "no", None: "unknown"}[row["fits"]]
        state = f"{100 * row['arrived'] // row['size']} %" if row["state"] == "begun" else row["state"]
        where = row["where"] or f"fetch it with: semblance models get {row['name']}"
        yield on_one_line(
            f"{row['name']:<{width}}  {row['kind']:<6}  {_gigabytes(row['size']):>8}  {state:<8}  {fits:<7}  {where}"
        ).rstrip()
    for row in rows:
        if told := row["problem"] or row["advice"]:
            yield on_one_line(f"{row['name']}: {told}")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e7 else f"{count / 1e6:.2f} MB"
