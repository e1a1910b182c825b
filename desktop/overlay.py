"""How something lies over the whole window: it follows the window's size, and gives the focus back when it goes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QHideEvent, QPalette
from PySide6.QtWidgets import QApplication, QWidget


class Overlay(QWidget):
    """A widget over all of `window`. It hides itself once it is built: hiding lets go of what a subclass has."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._focused_before: QWidget | None = None
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        window.installEventFilter(self)

    def cover(self) -> None:
        """Lie over the window, unless it does so already."""
        if self.isHidden():
            self._focused_before = QApplication.focusWidget()
            self.setGeometry(self._window.rect())
            self.raise_()
            self.show()

    def let_go(self) -> None:
        """Called when it was hidden, and not only the window, which may come back: drop what was shown."""

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.isHidden():
            self.let_go()
            if self._focused_before is not None:
                self._focused_before.setFocus()
            self._focused_before = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
        return super().eventFilter(watched, event)
