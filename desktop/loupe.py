"""How one result is looked at over the whole window, and which keys lead from there to the next, out, or on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from core import Facts, Kind
from core.errors import printable
from desktop import theme
from desktop.overlay import Overlay
from desktop.preview import ElidedLabel, FileView, PreviewPane, rank_text


class _StepButton(QToolButton):
    """An arrow at the loupe's side."""

    def __init__(self, parent: QWidget, step: int, name: str) -> None:
        super().__init__(parent)
        self._step = step
        self.setAutoRaise(True)
        self.setFixedSize(32, 32)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(name)
        self.setAccessibleName(name)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        if self._step < 0:  # there is one chevron, pointing right
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        theme.icon("chevron-right").paint(painter, QRect(8, 8, 16, 16))


class Loupe(Overlay):
    """One result over the whole window: arrows move to the next, Space and Esc close, Enter opens, F finds similar,
    Shift+F what is similar to a part."""

    preview_wanted = Signal(object, int, int)
    """As PreviewPane.preview_wanted."""
    frame_wanted = Signal(object, float)
    """As PreviewPane.frame_wanted."""
    stepped = Signal(int)
    """-1 or +1: the result before or after is wanted."""
    open_wanted = Signal(object, int)
    """Path (str) to be opened in its own program, and the page, from 0."""
    similar_wanted = Signal(object, int)
    """Path (str) that is to become the query, and the page, from 0."""
    part_wanted = Signal(object)
    """Path (str) of a picture, a part of which is to become the query."""
    closed = Signal()

    _STEPS: ClassVar[dict[int, int]] = {
        Qt.Key.Key_Left: -1,
        Qt.Key.Key_Up: -1,
        Qt.Key.Key_Right: 1,
        Qt.Key.Key_Down: 1,
    }
    _CLOSING = (Qt.Key.Key_Escape, Qt.Key.Key_Space)
    _OPENING = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAccessibleName(self.tr("Large view"))
        self.preview = PreviewPane(self)
        self.preview.preview_wanted.connect(self.preview_wanted)
        self.preview.frame_wanted.connect(self.frame_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        # A little air, so that the picture does not end where the window does.
        air = QHBoxLayout()
        air.setContentsMargins(16, 16, 16, 0)
        air.addWidget(self.preview)
        column.addLayout(air, 1)
        column.addLayout(self._build_line())
        self.hide()

    def _build_line(self) -> QHBoxLayout:
        """What is under the preview: the arrows, name and rank, and the way out."""
        self._name = ElidedLabel(self)
        self._name.setFont(theme.normal())
        self._rank = QLabel(self)
        self._rank.setFont(theme.tabular(theme.normal()))
        self._rank.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.back_button = _StepButton(self, -1, self.tr("Previous result (←)"))
        self.back_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.on_button = _StepButton(self, 1, self.tr("Next result (→)"))
        self.on_button.clicked.connect(lambda: self.stepped.emit(1))
        self.part_button = self._button("crop")
        self.part_button.setAccessibleName(self.tr("Find similar to a part"))
        self.part_button.clicked.connect(self._want_part)
        self.close_button = self._button("close")
        self.close_button.setToolTip(self.tr("Close (Space)"))
        self.close_button.setAccessibleName(self.tr("Close the large view"))
        self.close_button.clicked.connect(self.hide)
        line = QHBoxLayout()
        line.setContentsMargins(12, 4, 12, 4)
        line.setSpacing(8)
        line.addWidget(self.back_button)
        line.addWidget(self.on_button)
        line.addWidget(self._name, 1)
        line.addWidget(self._rank)
        line.addWidget(self.part_button)
        line.addWidget(self.close_button)
        return line

    def _button(self, icon: str) -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setFixedSize(32, 32)
        button.setIcon(theme.icon(icon))
        return button

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Open over the window, or go on, with this file."""
        self._name.setText(str(printable(file.name)))
        rank = rank_text(file, self.locale())
        score = self.locale().toString(file.score, "f", 2) if file.score is not None else ""
        self._rank.setText("   ".join(part for part in (rank, score) if part))
        self._rank.setAccessibleName(self.tr("Rank and score: {text}").format(text=self._rank.text()))
        is_picture = file.kind is Kind.IMAGE and not (file.error or file.page or file.away)
        self.part_button.setEnabled(is_picture)
        self.part_button.setToolTip(
            self.tr("Find similar to a part of it (Shift+F)")
            if is_picture
            else file.away or self.tr("Only a picture that can be read has parts to choose from")
        )
        self.cover()
        self.preview.show_file(file, thumbnail)
        if not isinstance(QApplication.focusWidget(), _StepButton):
            self.preview.take_focus()

    def set_preview(
        self,
        path: str,
        image: QImage | None,
        text: str,
        facts: Facts,
        format: str = "",
        details: Sequence[tuple[str, str]] = (),
        *,
        page: int = 0,
        kind: Kind | None = None,
    ) -> None:
        """The answer to `preview_wanted`, as the inspector takes it; the words of it are not shown here."""
        self.preview.set_preview(path, image, text, facts, page=page, kind=kind)

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`."""
        self.preview.set_frame(path, image)

    def set_failure(self, path: str, sentence: str) -> None:
        """The other answer to `preview_wanted`: why there is no preview."""
        self.preview.set_failure(path, sentence)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.isHidden():  # the focus is back where it was
            self.closed.emit()

    def let_go(self) -> None:
        self.preview.clear()

    def words(self) -> str:
        """The rank and score that are shown."""
        return self._rank.text()

    def _want_part(self) -> None:
        file = self.preview.file()
        if file is not None and self.part_button.isEnabled():
            self.part_wanted.emit(file.path)

    def _command_of(self, event: QKeyEvent) -> Callable[[], object] | None:
        """What the key does here, or None if it does nothing."""
        file, key = self.preview.file(), event.key()
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if file is not None and key == Qt.Key.Key_F and modifiers == Qt.KeyboardModifier.ShiftModifier:
            return self._want_part
        if file is None or modifiers:
            return None
        if key in self._CLOSING:
            return self.hide
        if key in self._STEPS:
            return partial(self.stepped.emit, self._STEPS[key])
        if key in self._OPENING:
            return partial(self.open_wanted.emit, file.path, file.page)
        if key == Qt.Key.Key_F:
            return partial(self.similar_wanted.emit, file.path, file.page)
        return None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if command := self._command_of(event):
            command()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # While it is open these keys are its own, not the window's.
            assert isinstance(event, QKeyEvent)
            if self._command_of(event):
                event.accept()
                return True
        return super().event(event)
