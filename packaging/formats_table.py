"""Writes the README's list of formats from the table of the program, `core.media.FORMATS`."""

from __future__ import annotations

from pathlib import Path

from core.media import FORMATS, Format, Kind

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- The list is made from core/media.py by packaging/formats_table.py -->\n"
END = "<!-- End of the list -->\n"

_HEADINGS = {Kind.IMAGE: "Pictures", Kind.VIDEO: "Clips", Kind.TEXT: "Documents"}


def table() -> str:
    """The formats in the order of FORMATS, a row a kind, as Markdown."""
    rows = (f"| {heading} | {', '.join(map(_named, _of(kind)))} |\n" for kind, heading in _HEADINGS.items())
    return "| Kind | Formats and the endings of their names |\n|---|---|\n" + "".join(rows)


def with_table(readme: str) -> str:
    """The README with the list as it is now. Raises ValueError if it has no place for it."""
    before, rest = _cut(readme, BEGIN)
    _, after = _cut(rest, END)
    return before + BEGIN + "\n" + table() + "\n" + END + after


def _of(kind: Kind) -> list[Format]:
    return [row for row in FORMATS if row.kind is kind]


def _named(row: Format) -> str:
    pages = "; each page" if row.has_pages else ""
    return f"{row.name} ({' '.join(row.suffixes)}{pages})"


def _cut(text: str, line: str) -> tuple[str, str]:
    before, found, after = text.partition(line)
    if not found:
        raise ValueError(f"no line {line!r} in the README")
    return before, after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), encoding="utf-8")
