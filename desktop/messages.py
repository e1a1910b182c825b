"""Errors in the user's words and language: the one place where the window turns a known error into a sentence.

The sentences themselves stand in `core/errors.py`, beside the errors they belong to, and serve the command line as
they are; here they are translated, and their data made fit for a label.
"""

from __future__ import annotations

import html

from PySide6.QtCore import QCoreApplication

from core import errors


def sentence(error: BaseException) -> str:
    """What happened and what to do. A bug (an error not of our tree) is named as one."""
    if not isinstance(error, errors.SemblanceError):
        template = QCoreApplication.translate(
            "errors", "A fault in Semblance itself: {fault}. What was scored is kept; please report it."
        )
        return template.format(fault=f"{type(error).__name__}: {error}")
    template = QCoreApplication.translate("errors", type(error).sentence)
    data = {
        name: sentence(value) if isinstance(value, errors.SemblanceError) else errors.printable(value)
        for name, value in error.data.items()
    }
    return template.format(**data)


def plain_tip(text: str) -> str:
    """`text` for a tooltip. Qt takes what looks like HTML for HTML, and a file may be named `<img src=…>`."""
    return f"<span>{html.escape(str(errors.printable(text)))}</span>".replace("\n", "<br>") if text else ""
