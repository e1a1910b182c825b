"""What a file is called in the window: its name with the page it stands for, and the word for its kind."""

from __future__ import annotations

import os

from PySide6.QtCore import QCoreApplication

from core import Kind


def paged_name(name: str, page: int | None) -> str:
    """`name` fit for the window (bytes that are no text become �), with its page, from 1; None: the whole file."""
    shown = os.fsencode(name).decode("utf-8", "replace")
    if page is None:
        return shown
    return QCoreApplication.translate("Files", "{name} · page {page}").format(name=shown, page=page)


def kind_name(kind: Kind) -> str:
    """Picture, Clip or Document, as it begins a line."""
    match kind:
        case Kind.IMAGE:
            return QCoreApplication.translate("Files", "Picture")
        case Kind.VIDEO:
            return QCoreApplication.translate("Files", "Clip")
        case Kind.TEXT:
            return QCoreApplication.translate("Files", "Document")
