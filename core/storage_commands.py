"""What `semblance storage`, `backup` and `restore` do and say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from core.terminal import RANKED, Row, on_one_line, print_rows, say

if TYPE_CHECKING:
    from core.jobs import Storage

_PARTS = {
    "scores": "what judges have said of contents",
    "features": "what is kept of contents so that the next question opens no file",
    "listings": "folders as they were last seen",
    "missing": "of all this, what belongs to files that are no longer there",
    "thumbnails": "small pictures; they are made again as they are needed",
}


@click.command()
@click.option(
    "--clear",
    "parts",
    type=click.Choice(list(_PARTS)),
    multiple=True,
    help="Throw this away first; may be given several times. Scores and features cost hours to make again.",
)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def storage(parts: tuple[str, ...], style: str) -> int:
    """Say how much Semblance keeps, and of what; sizes of parts are estimates. No file of yours is ever touched."""
    from core.settings import Home
    from core.storage import clear, measure

    kept = clear(Home.find(), parts) if parts else measure(Home.find())
    print_rows(_rows(kept), ["name", "bytes", "count"], style, _table)
    return RANKED


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
def backup(file: str) -> int:
    """Write everything that Semblance knows into FILE: scores, features, settings. Thumbnails are left out."""
    from core.settings import Home
    from core.storage import back_up

    made = back_up(Home.find(), file)
    say(f"backed up to {made.path} ({_size(made.bytes)}).")
    return RANKED


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
def restore(file: str) -> int:
    """Take in what the backup FILE knows. What is here already stays, and settings are only put back where there are
    none."""
    from core.settings import Home
    from core.storage import restore as take_in

    restored = take_in(Home.find(), file)
    say(f"new from the backup: {restored.contents:,} contents and {restored.scores:,} scores.")
    return RANKED


def _rows(kept: Storage) -> list[Row]:
    whole = {"name": "catalog", "bytes": kept.catalog_bytes, "count": None, "what": kept.catalog}
    return [whole] + [
        {"name": part.name, "bytes": part.bytes, "count": part.count, "what": _PARTS[part.name]} for part in kept.parts
    ]


def _table(rows: list[Row]) -> Iterable[str]:
    yield f"{'name':<10}  {'size':>8}  {'count':>10}  what"
    for row in rows:
        count = "" if row["count"] is None else f"{row['count']:,}"
        yield on_one_line(f"{row['name']:<10}  {_size(row['bytes']):>8}  {count:>10}  {row['what']}")


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
