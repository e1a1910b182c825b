"""What stands over the grid or in its place: the pill that leads to better results, and words with one button."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractScrollArea, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.results_look import tabular, translucent


class Pill(QPushButton):
    """Floats over the grid's top: how much has come in above, and the way there."""

    def __init__(self, view: QAbstractScrollArea) -> None:
        # Over the view, not in its viewport: what is in there is moved when it scrolls.
        super().__init__(view)
        self._view = view
        self.is_better = True
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.hide()

    def tell(self, count: int, *, is_better: bool) -> None:
        """Say how many have come in above; 0 hides it. `is_better`: by score, not by name or date."""
        self.is_better = is_better
        if not count:
            self.hide()
            return
        if is_better and count == 1:
            words = self.tr("1 better result above")
        elif is_better:
            words = self.tr("%1 better results above").replace("%1", self.locale().toString(count))
        else:
            words = self.tr("%1 new above").replace("%1", self.locale().toString(count))
        self.setText(words)
        self.setAccessibleName(words)
        self.setAccessibleDescription(self.tr("Goes to the best results"))
        self.place()
        self.show()
        self.raise_()

    def place(self) -> None:
        self.setFont(tabular(self._view.font()))
        metrics = self.fontMetrics()
        width, height = metrics.horizontalAdvance(self.text()) + 44, metrics.height() + 12
        area = self._view.viewport().geometry()
        self.setGeometry(area.center().x() - width // 2, area.top() + 12, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        accent = palette.color(QPalette.ColorRole.Highlight)
        words = palette.color(QPalette.ColorRole.HighlightedText)
        if self.isDown():
            accent = accent.darker(112)
        elif self.underMouse():
            accent = accent.lighter(108)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(
            QPen(words, 1.5) if self.hasFocus() else QPen(translucent(palette.color(QPalette.ColorRole.Base), 0.7), 1)
        )
        painter.setBrush(accent)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        pen = QPen(words, 1.7)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        middle = box.center().y()
        painter.drawPolyline(QPolygonF([QPointF(15, middle + 2), QPointF(19, middle - 2), QPointF(23, middle + 2)]))
        painter.drawText(
            box.adjusted(29, 0, -13, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text()
        )
        painter.end()


class MessagePanel(QWidget):
    """Words in place of the grid, with one thing to do about them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._title, self._detail, self.button = QLabel(self), QLabel(self), QPushButton(self)
        self._detail.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for label in (self._title, self._detail):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 32, 32, 32)
        layout.setSpacing(8)
        layout.addStretch(4)
        layout.addWidget(self._title)
        layout.addWidget(self._detail, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(12)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(5)
        self.hide()

    def say(self, title: str, detail: str, action_text: str | None) -> None:
        self._title.setFont(tabular(self.font(), 1.35, bold=True))
        self._title.setText(title)
        self._title.setAccessibleName(title)
        self._detail.setText(detail)
        self._detail.setAccessibleName(detail)
        self._detail.setVisible(bool(detail))
        width = min(440, self.fontMetrics().horizontalAdvance(detail) + 16)
        # A centred label of several lines gets the height of its hint, not of its width: say it outright.
        self._detail.setFixedSize(width, max(0, self._detail.heightForWidth(width)))
        self.button.setText(action_text or "")
        self.button.setAccessibleName(action_text or "")
        self.button.setVisible(action_text is not None)
