"""One sentence above the pictures, with what to do about it: how the window tells what is wrong or worth knowing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from desktop import theme

Action = tuple[str, Callable[[], object]]
"""What a button says, and what it does."""
MOST_ACTIONS = 2


class NoticeBar(QWidget):
    """Shows the newest notice until it is closed, answered or withdrawn. Never a dialog, never a stack.

    A hint never takes the place of a warning.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel(self)
        self._key, self._symbol = "", "info"
        self.setAccessibleName(self.tr("Notice"))
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Light)
        self._is_warning = False
        self._actions: tuple[Action, ...] = ()
        self._text = QLabel(self)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._buttons = [QPushButton(self) for _ in range(MOST_ACTIONS)]
        for at, button in enumerate(self._buttons):
            button.clicked.connect(lambda _checked, at=at: self._act(at))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # pressed by mouse it goes, and the focus stays
        self._close = QToolButton(self)
        self._close.setIcon(theme.icon("close"))
        self._close.setAutoRaise(True)
        self._close.setToolTip(self.tr("Close"))
        self._close.setAccessibleName(self.tr("Close this notice"))
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        for widget in (self._icon, self._text, *self._buttons, self._close):
            row.addWidget(widget)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty when it is hidden."""
        return "" if self.isHidden() else self._text.text()

    def say(self, key: str, text: str, *actions: Action, warning: bool = True) -> None:
        """Show `text`, with a button for each thing there is to do. `key` names the matter, for `withdraw`.

        What is no `warning` is a hint.
        """
        if self._is_warning and not warning and not self.isHidden() and self._key != key:
            return
        self._is_warning = warning
        self._key, self._actions = key, actions
        self._symbol = "warning" if warning else "info"
        self._show_symbol()
        self._text.setText(text)
        for at, button in enumerate(self._buttons):
            button.setVisible(at < len(actions))
            button.setText(actions[at][0] if at < len(actions) else "")
        self.setAccessibleDescription(text)
        self.show()

    def withdraw(self, key: str) -> None:
        """The matter is settled: hide its notice if it is the one shown."""
        if self._key == key:
            self.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_symbol()

    def _show_symbol(self) -> None:
        # A label's pixmap does not follow the theme by itself.
        self._icon.setPixmap(theme.icon(self._symbol).pixmap(QSize(16, 16), self.devicePixelRatioF()))

    def _act(self, at: int) -> None:
        self.hide()
        self._actions[at][1]()
