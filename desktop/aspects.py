"""In which words the window speaks of aspects, and how a person chooses the one that counts."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStyleOptionViewItem,
    QStylePainter,
    QWidget,
)

from core import Aspect
from desktop import theme

_LINE = Qt.ItemDataRole.AccessibleDescriptionRole
"""Where an item keeps the line that says what it compares: a screen reader finds it there too."""


def aspect_name(aspect: Aspect) -> str:
    """The word for it, here and in the explanation of a score."""
    names = {
        Aspect.OVERALL: QCoreApplication.translate("Aspects", "Anything"),
        Aspect.PALETTE: QCoreApplication.translate("Aspects", "Palette"),
        Aspect.LAYOUT: QCoreApplication.translate("Aspects", "Layout"),
        Aspect.TEXTURE: QCoreApplication.translate("Aspects", "Texture"),
        Aspect.SAME: QCoreApplication.translate("Aspects", "Same picture"),
    }
    return names[aspect]


def aspect_line(aspect: Aspect) -> str:
    """What it compares, in one line."""
    lines = {
        Aspect.OVERALL: QCoreApplication.translate("Aspects", "All of these, the same picture first"),
        Aspect.PALETTE: QCoreApplication.translate("Aspects", "Which colours, and how much of each"),
        Aspect.LAYOUT: QCoreApplication.translate("Aspects", "Where light, dark and colours lie"),
        Aspect.TEXTURE: QCoreApplication.translate("Aspects", "Fine or coarse, grain, lines and patterns"),
        Aspect.SAME: QCoreApplication.translate("Aspects", "This very picture, even if cropped or altered"),
    }
    return lines[aspect]


class AspectChoice(QComboBox):
    """Chooses in which respect results should be like the pictures and clips of the query.

    It shows its choice as "Aspect: Palette", where room is scarce as "Palette", always in the same width.
    """

    chosen = Signal(object)
    """The Aspect that the person chose, when it is another one."""

    _SIDE, _ARROW = 10, 24
    """Room before the words and for the arrow behind them, in logical pixels."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._compact = False
        self.setFont(theme.normal())
        self.setItemDelegate(_TwoLines(self))
        self.setAccessibleName(self.tr("Aspect"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for aspect in Aspect:
            self.addItem(aspect_name(aspect), aspect)
            self.setItemData(self.count() - 1, aspect_line(aspect), _LINE)
        self.setMaxVisibleItems(self.count())
        self.activated.connect(self._tell)
        self._told = Aspect.OVERALL
        self.set_applicable(False)
        self._fit()

    def aspect(self) -> Aspect:
        """What is chosen, whether or not it can apply now."""
        return Aspect(self.currentData())

    def set_aspect(self, aspect: Aspect) -> None:
        """Show another choice; nobody is told."""
        self._told = aspect
        self.setCurrentIndex(self.findData(aspect))
        self._describe()

    def set_applicable(self, applicable: bool) -> None:
        """Whether there is a picture or clip that results could be like."""
        self.setEnabled(applicable)
        self._describe()

    def set_compact(self, compact: bool) -> None:
        """Leave the word "Aspect" away."""
        if compact != self._compact:
            self._compact = compact
            self._fit()

    def _tell(self) -> None:
        self._describe()
        if self.aspect() is not self._told:
            self._told = self.aspect()
            self.chosen.emit(self._told)

    def _describe(self) -> None:
        if self.isEnabled():
            tip = self.tr("In which respect results should be like the picture or clip")
            tip = f"{tip}\n{aspect_name(self.aspect())}: {aspect_line(self.aspect())}"
        else:
            tip = self.tr("Needs a picture or clip in the query: it says in which respect to be like it")
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)

    # --- how it looks

    def _prefix(self) -> str:
        return "" if self._compact else self.tr("Aspect:")

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        widest = max(metrics.horizontalAdvance(aspect_name(aspect)) for aspect in Aspect)
        before = metrics.horizontalAdvance(self._prefix() + " ") if self._prefix() else 0
        self.setFixedWidth(self._SIDE + before + widest + self._ARROW)
        self.update()

    def showPopup(self) -> None:
        delegate = self.itemDelegate()
        assert isinstance(delegate, _TwoLines)
        self.view().setMinimumWidth(max(self.width(), delegate.widest()))
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = ""
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        palette = QGuiApplication.palette()
        group = QPalette.ColorGroup.Active if self.isEnabled() else QPalette.ColorGroup.Disabled
        room = self.rect().adjusted(self._SIDE, 0, -self._ARROW, 0)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine
        if self._prefix():
            painter.setPen(palette.color(group, QPalette.ColorRole.PlaceholderText))
            painter.drawText(room, flags, self._prefix())
            room.setLeft(room.left() + self.fontMetrics().horizontalAdvance(self._prefix() + " "))
        painter.setPen(palette.color(group, QPalette.ColorRole.ButtonText))
        painter.drawText(room, flags, self.currentText())

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # a wheel that passes over it must not ask another question


class _TwoLines(QStyledItemDelegate):
    """An item of the list: its name, and quietly below what it compares."""

    _PAD, _GAP = 8, 1

    def __init__(self, box: QComboBox) -> None:
        super().__init__(box)
        self._box = box
        self._large, self._quiet = theme.normal(), theme.small()

    def widest(self) -> int:
        """Logical pixels that the longest line needs, with air around it."""
        quiet = QFontMetrics(self._quiet)
        return 2 * self._PAD + 12 + max(quiet.horizontalAdvance(aspect_line(aspect)) for aspect in Aspect)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        height = QFontMetrics(self._large).height() + self._GAP + QFontMetrics(self._quiet).height()
        return QSize(self.widest(), height + 10)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        role = QPalette.ColorRole
        # The widgets' own palettes are the style sheet's, whose quiet text is too faint.
        palette = QGuiApplication.palette()
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        is_under = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_under:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(role.Light))
            painter.drawRoundedRect(rect, 4, 4)
        room = rect.adjusted(self._PAD, 5, -self._PAD, -5)
        painter.setFont(self._large)
        painter.setPen(palette.color(role.Text))
        painter.drawText(room, Qt.AlignmentFlag.AlignTop, index.data(Qt.ItemDataRole.DisplayRole))
        if index.row() == self._box.currentIndex():
            theme.icon("check").paint(painter, QRect(room.right() - 15, room.top(), 16, 16))
        painter.setFont(self._quiet)
        painter.setPen(palette.color(QPalette.ColorGroup.Active, role.Text if is_under else role.PlaceholderText))
        painter.drawText(room, Qt.AlignmentFlag.AlignBottom, index.data(_LINE))
        painter.restore()
