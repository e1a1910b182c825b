"""The part of the model panel that shows how much of the folder is prepared, and lets it go on or pause."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QLocale
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop import theme
from desktop.judge_words import judge_title, prepared_text
from desktop.messages import sentence
from desktop.preparing import Preparer


class PreparationBox(QWidget):
    """Shows what the preparer knows, and passes on what the person wants."""

    def __init__(self, preparer: Preparer, parent: QWidget) -> None:
        super().__init__(parent)
        self._preparer = preparer
        self._said = QLabel(self)
        self._said.setFont(theme.tabular(theme.normal()))
        self._said.setWordWrap(True)
        self._said.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("How much of the folder is prepared"))
        self._when_idle = QCheckBox(self.tr("When idle, by itself"), self)
        self._when_idle.setToolTip(self.tr("Prepare the folder that is shown whenever nothing is being ranked"))
        self._when_idle.setAccessibleDescription(self._when_idle.toolTip())
        self._when_idle.clicked.connect(preparer.set_when_idle)
        self._start = QPushButton(self.tr("Prepare this folder"), self)
        self._start.clicked.connect(preparer.start)
        self._pause = QPushButton(self.tr("Pause"), self)
        self._pause.setToolTip(self.tr("What is prepared is kept"))
        self._pause.clicked.connect(preparer.pause)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._when_idle)
        row.addStretch(1)
        row.addWidget(self._pause)
        row.addWidget(self._start)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 4)
        column.setSpacing(8)
        column.addWidget(self._said)
        column.addWidget(self._bar)
        column.addLayout(row)
        preparer.changed.connect(self.show_state)
        preparer.finders.changed.connect(self.show_state)

    def show_state(self) -> None:
        """Bring it up to date."""
        preparer, known = self._preparer, self._preparer.preparation
        self._said.setText(self._text())
        self._bar.setVisible(known is not None and known.total > 0 and not preparer.is_done)
        if known is not None:
            self._bar.setRange(0, max(known.total, 1))
            self._bar.setValue(known.prepared + known.failed)
        self._when_idle.setVisible(not preparer.finders.choice.is_builtin)
        self._when_idle.setChecked(preparer.when_idle)
        has_focus = self._start.hasFocus() or self._pause.hasFocus()
        self._pause.setVisible(preparer.is_on and not preparer.is_done)
        self._start.setVisible(not preparer.is_on and not preparer.is_done)
        self._start.setEnabled(preparer.can_start)
        begun = known is not None and known.prepared > 0
        self._start.setText(self.tr("Resume") if begun else self.tr("Prepare this folder"))
        tip = self.tr("Learn every file now, so that every query is answered at once")
        if not preparer.can_start:
            tip = self.tr("{name} is not loaded").format(name=judge_title(preparer.finders.choice.name))
        self._start.setToolTip(tip)
        if has_focus:
            (self._pause if self._pause.isVisible() else self._start).setFocus()

    def _text(self) -> str:
        known, name = self._preparer.preparation, judge_title(self._preparer.finders.choice.name)
        if self._preparer.error is not None:
            return sentence(self._preparer.error)
        if known is None:
            return self.tr("Each file is read once; from then on every query is answered without opening it again.")
        # How fast it was when it was paused is of no use any more.
        text = prepared_text(known if self._preparer.is_on else replace(known, rate=0.0, seconds_left=None))
        if known.failed:
            failed = QLocale().toString(known.failed)
            text += " · " + self.tr("%1 can't be").replace("%1", failed)
        if self._preparer.is_on or self._preparer.is_done:
            return text
        if not self._preparer.finders.is_ready:
            return self.tr("{text}. {name} must be loaded to prepare more.").format(text=text, name=name)
        return text + " · " + self.tr("paused") if self._preparer.is_paused else text
