"""How a clip is steered: the row with Play, a slider over its length and the time; and how moments are written."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from desktop import theme


class ClipControls(QWidget):
    """Play, a slider over the clip's length, and the time."""

    scrubbed = Signal()
    """The person moved the slider; `seconds` says where to."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._duration = 0.0
        self.play_button = QToolButton(self)
        self.play_button.setAutoRaise(True)
        self.play_button.setFixedSize(28, 28)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName(self.tr("Moment of the clip"))
        self.slider.valueChanged.connect(self._slide)
        self._time = QLabel(self)
        self._time.setFont(theme.tabular(theme.small()))
        self._time.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self.play_button)
        row.addWidget(self.slider, 1)
        row.addWidget(self._time)
        self.reset()

    def reset(self) -> None:
        """Back to the start of a clip whose length is not known yet."""
        self.set_playing(False)
        self.set_duration(0.0)
        self.set_seconds(0.0)

    def set_duration(self, seconds: float) -> None:
        """The clip's length; 0 if it is not known."""
        self._duration = seconds
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, round(seconds * 1000))
            self.slider.setSingleStep(100)
            self.slider.setPageStep(max(1000, round(seconds * 100)))
        self.slider.setEnabled(seconds > 0)
        self.slider.setToolTip("" if seconds > 0 else self.tr("The length of the clip is not known yet"))
        self._show_time()

    def seconds(self) -> float:
        """The moment that the slider stands at, from the clip's start."""
        return self.slider.value() / 1000

    def set_seconds(self, seconds: float) -> None:
        """Follow the player; nobody is told."""
        if not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(seconds * 1000))
        self._show_time()

    def set_playing(self, playing: bool) -> None:
        """Whether the clip plays, so that the button offers to pause it."""
        self.play_button.setIcon(theme.icon("pause" if playing else "play"))
        self.play_button.setToolTip(self.tr("Pause") if playing else self.tr("Play"))
        self.play_button.setAccessibleName(self.tr("Pause the clip") if playing else self.tr("Play the clip"))

    def _slide(self) -> None:
        self._show_time()
        self.scrubbed.emit()

    def _show_time(self) -> None:
        self._time.setText(f"{clock(self.seconds())} / {clock(self._duration)}" if self._duration else "")


def clock(seconds: float) -> str:
    """A length or a moment as people write it: 0:12, 1:02:03."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
