"""Opening a file in its own program, and a page of a PDF at that page. The programs are played by small scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from desktop.opening import Opener

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only a Linux desktop is told the page")

Desktop = Callable[[str, str], Path]


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files opened as the system opens them."""
    opened: list[str] = []

    def note(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return "refused" not in url.toLocalFile()

    monkeypatch.setattr(QDesktopServices, "openUrl", note)
    return opened


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    """A desktop whose program for PDFs has this desktop file, and this program; returns where it notes how it was
    started."""

    def make(desktop_file: str, program: str) -> Path:
        noted = tmp_path / "noted"
        programs = tmp_path / "programs"
        programs.mkdir()
        scripts = {"xdg-mime": f'echo "{desktop_file}"'}
        if program:
            scripts[program] = f'printf "%s\\n" "$@" > "{noted}.new" && mv "{noted}.new" "{noted}"'
        for name, line in scripts.items():
            script = programs / name
            script.write_text(f"#!/bin/sh\n{line}\n")
            script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
        return noted

    return make


@pytest.mark.parametrize(
    ("desktop_file", "program", "expected"),
    [
        ("org.gnome.Evince.desktop", "evince", ["--page-index=3", "/a b/deed.pdf"]),
        ("org.gnome.Papers.desktop", "papers", ["--page-index=3", "/a b/deed.pdf"]),
        ("okularApplication_pdf.desktop", "okular", ["-p", "3", "/a b/deed.pdf"]),
        ("org.pwmt.zathura.desktop", "zathura", ["-P", "3", "/a b/deed.pdf"]),
        ("mupdf.desktop", "mupdf", ["/a b/deed.pdf", "3"]),
        ("firefox_firefox.desktop", "firefox", ["file:///a%20b/deed.pdf#page=3"]),
    ],
)
def test_a_page_is_opened_in_the_program_for_it(
    desktop: Desktop, plainly: list[str], qtbot: Any, desktop_file: str, program: str, expected: list[str]
) -> None:
    noted = desktop(desktop_file, program)
    opener = Opener()
    opener.open("/a b/deed.pdf", 2)
    qtbot.waitUntil(noted.exists)
    assert noted.read_text().splitlines() == expected
    assert plainly == []


@pytest.mark.parametrize(
    ("desktop_file", "program"), [("some.viewer.desktop", ""), ("", ""), ("org.gnome.Evince.desktop", "")]
)
def test_where_the_page_cannot_be_told_the_file_is_opened(
    desktop: Desktop, plainly: list[str], qtbot: Any, desktop_file: str, program: str
) -> None:
    if Path("/usr/bin/evince").exists():
        pytest.skip("there is such a program here")
    desktop(desktop_file, program)
    opener = Opener()
    opener.open("/deed.pdf", 2)
    qtbot.waitUntil(lambda: plainly == ["/deed.pdf"])


def test_a_desktop_that_cannot_be_asked_or_does_not_answer_opens_the_file(
    tmp_path: Path, plainly: list[str], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    opener = Opener()
    opener.open("/deed.pdf", 2)
    qtbot.waitUntil(lambda: plainly == ["/deed.pdf"])
    monkeypatch.setattr("desktop.opening.ANSWER_MS", 50)
    silent = tmp_path / "xdg-mime"
    silent.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    silent.chmod(0o755)
    opener.open("/will.pdf", 1)
    qtbot.waitUntil(lambda: plainly == ["/deed.pdf", "/will.pdf"])


def test_first_pages_and_other_files_are_opened_at_once(plainly: list[str], qtbot: Any) -> None:
    opener = Opener()
    opener.open("/deed.pdf")
    opener.open("/scan.tif", 3)
    opener.open("/cr\udce8me.pdf", 3)  # no program could be given this name
    assert len(plainly) == 3
    with qtbot.waitSignal(opener.failed) as told:
        opener.open("/refused.jpg")
    assert told.args == ["/refused.jpg"]
