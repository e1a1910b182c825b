"""The `semblance` command: `rank`, `scan` … go to the command line, anything else opens the window.

Nothing of Qt is imported at the top: every spawned process imports this module again.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence

import click

from core import cli


@click.command(
    epilog="Commands that print instead of opening a window: "
    + ", ".join(f"semblance {name}" for name in sorted(cli.cli.commands))
    + " (each with --help).",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.argument("folder", required=False, type=click.Path())
@click.option("--text", default="", help="Words to look for.")
@click.option("--image", "images", multiple=True, metavar="FILE", help="A picture to be like. May be repeated.")
@click.option("--video", "videos", multiple=True, metavar="FILE", help="A clip to be like. May be repeated.")
@click.version_option(package_name="semblance", prog_name="semblance")
def window(folder: str | None, text: str, images: tuple[str, ...], videos: tuple[str, ...]) -> int:
    """Open Semblance, on FOLDER and with a query if they are given."""
    from core import Query
    from desktop.app import run

    references = [tuple(cli.local_path(path).absolute() for path in paths) for paths in (images, videos)]
    return run(folder, Query(text=text, images=references[0], videos=references[1]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    multiprocessing.freeze_support()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in cli.cli.commands:
        return cli.main(arguments)
    return cli.run(window, arguments)


if __name__ == "__main__":
    sys.exit(main())
