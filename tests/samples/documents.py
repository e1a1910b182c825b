"""Small documents of every format, written from nothing: each says SENTENCE, and a page of a PDF shows a red disc."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

SENTENCE = "A heron stands in the shallow water."
TITLE = "Birds of the lake"

PAGE = (300, 200)
"""Points, of a sample's pages."""
DISC = (75, 125, 50)
"""Centre, from the page's lower left corner, and radius, in points."""

# A quarter of a circle as a cubic curve: how far the handles reach, in radii.
_HANDLE = 0.5523


def write_pdf(path: Path, sentences: Sequence[str] = (SENTENCE,), *, size: tuple[int, int] = PAGE) -> None:
    """A page for each sentence, with a red disc on pale blue."""
    pages = [_page(sentence, size) for sentence in sentences]
    path.write_bytes(pdf_of(pages, size=size))


def pdf_of(contents: Sequence[str], *, size: tuple[float, float] = PAGE, page_entries: str = "") -> bytes:
    """A PDF whose pages have these streams of drawing commands, in the font /F."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(contents)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] {page_entries}"
            f" /Resources << /Font << /F 3 0 R >> >> /Contents {5 + 2 * index} 0 R >>"
        )
        objects.append(f"<< /Length {len(content.encode('latin-1'))} >>\nstream\n{content}\nendstream")
    objects.append(f"<< /Title ({TITLE}) /Author (An Author) >>")
    return pdf_file(objects, f"/Info {len(objects)} 0 R")


def pdf_file(objects: Sequence[str], trailing: str = "") -> bytes:
    """The objects, numbered from 1, of which the first is the catalog, with what a reader finds them by;
    `trailing`: more entries of the trailer."""
    written = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R {trailing} >>"
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return written + f"trailer\n{trailer}\nstartxref\n{written.rindex(b'xref')}\n%%EOF\n".encode()


def _page(sentence: str, size: tuple[int, int]) -> str:
    x, y, radius = DISC
    reach = radius * _HANDLE
    disc = (
        f"{x + radius} {y} m"
        f" {x + radius} {y + reach} {x + reach} {y + radius} {x} {y + radius} c"
        f" {x - reach} {y + radius} {x - radius} {y + reach} {x - radius} {y} c"
        f" {x - radius} {y - reach} {x - reach} {y - radius} {x} {y - radius} c"
        f" {x + reach} {y - radius} {x + radius} {y - reach} {x + radius} {y} c f"
    )
    escaped = sentence.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"0.8 0.9 1 rg 0 0 {size[0]} {size[1]} re f 1 0 0 rg {disc}\n0 g BT /F 14 Tf 20 30 Td ({escaped}) Tj ET"


def write_text(path: Path) -> None:
    path.write_text(f"{TITLE}\n\n{SENTENCE}\n", encoding="utf-8")


def write_table(path: Path) -> None:
    between = "\t" if path.suffix == ".tsv" else ","
    path.write_text(f"title{between}sentence\n{TITLE}{between}{SENTENCE}\n", encoding="utf-8")


def write_json(path: Path) -> None:
    record = f'{{"title": "{TITLE}", "sentence": "{SENTENCE}"}}\n'
    path.write_text(record if path.suffix == ".json" else record * 2, encoding="utf-8")


def write_html(path: Path) -> None:
    path.write_text(
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{escape(TITLE)}</title>"
        f"<style>p {{ color: red }}</style></head><body><p>{escape(SENTENCE)}</p><script>nothing()</script></body>"
        "</html>",
        encoding="utf-8",
    )


_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def write_docx(path: Path) -> None:
    paragraph = f"<w:p><w:r><w:t>{escape(SENTENCE)}</w:t></w:r></w:p>"
    write_word_package(path, {"word/document.xml": f"<w:body>{paragraph}</w:body>"})


def write_word_package(path: Path, parts: dict[str, str]) -> None:
    """A package with these parts, each the inside of its root element, and the parts that every one has."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        )
        package.writestr(
            "docProps/core.xml",
            '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
            f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(TITLE)}</dc:title></cp:coreProperties>',
        )
        for name, inside in parts.items():
            package.writestr(name, f'<?xml version="1.0"?><w:document xmlns:w="{_WORD}">{inside}</w:document>')


def write_rtf(path: Path) -> None:
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fswiss Helvetica;}}{\info{\title "
        + TITLE.encode()
        + rb"}}\f0\fs24 "
        + SENTENCE.encode()
        + rb"\par}"
    )


SAMPLES: dict[str, Callable[[Path], None]] = {
    "pdf": write_pdf,
    **dict.fromkeys(("txt", "md", "markdown"), write_text),
    **dict.fromkeys(("csv", "tsv"), write_table),
    **dict.fromkeys(("json", "jsonl", "ndjson"), write_json),
    **dict.fromkeys(("html", "htm", "xhtml"), write_html),
    "docx": write_docx,
    "rtf": write_rtf,
}
