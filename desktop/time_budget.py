"""For how long a judge may work at a ranking, as the model panel lets a person choose it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QRadioButton, QVBoxLayout, QWidget

from desktop import theme
from desktop.judge_words import duration_text

CHOICES = (20.0, 60.0, 300.0, 0.0)
"""Seconds; 0: until all is judged."""


def budget_text(seconds: float) -> str:
    """20 s, 1 min, or until all is judged."""
    if seconds == 60:
        return QCoreApplication.translate("TimeBudget", "1 min")
    return duration_text(seconds) if seconds else QCoreApplication.translate("TimeBudget", "Until all is judged")


class TimeBudget(QWidget):
    """A row of times, one of them chosen."""

    chosen = Signal(float)
    """Seconds; 0: until all is judged."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        heading = QLabel(self.tr("Judge for"), self)
        heading.setFont(theme.normal())
        self._radios: dict[float, QRadioButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(heading)
        for seconds in CHOICES:
            self._radios[seconds] = self._radio(seconds)
            row.addWidget(self._radios[seconds])
        row.addStretch(1)
        line = QLabel(self.tr("The best of what was found first; more can be asked for at any time."), self)
        line.setFont(theme.normal())
        line.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        line.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 4)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(line)

    def set_seconds(self, seconds: float) -> None:
        """Show this choice; one that is not among them (it came from the settings file) is shown as the next longer."""
        shown = next((choice for choice in CHOICES if 0 < seconds <= choice), 0.0)
        for choice, radio in self._radios.items():
            radio.setFocusPolicy(Qt.FocusPolicy.StrongFocus if choice == shown else Qt.FocusPolicy.ClickFocus)
        self._radios[shown].setChecked(True)

    def _radio(self, seconds: float) -> QRadioButton:
        radio = QRadioButton(budget_text(seconds), self)
        radio.setAccessibleDescription(self.tr("For how long the judge works at a ranking"))
        radio.clicked.connect(lambda: self._choose(seconds))
        self._group.addButton(radio)
        return radio

    def _choose(self, seconds: float) -> None:
        self.set_seconds(seconds)
        self.chosen.emit(seconds)
