"""One of the two stages in the model panel: which models there are for it, which is chosen, what can be done with it.

It shows what `Judges` and its stock know and asks them for what the person wants; it keeps nothing but an unanswered
question.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import Budget, ModelInfo
from core.errors import ModelNotEmbedder, ModelNotReranker
from desktop import theme
from desktop.judge_state import Judges
from desktop.judge_words import (
    KNOWN,
    budget_line,
    budget_name,
    builtin_lines,
    bytes_text,
    device_name,
    estimate_text,
    judge_title,
    judging_lines,
    precision_name,
    presence_text,
    row_title,
    step_text,
)
from desktop.messages import plain_tip, sentence
from desktop.model_stock import Underway
from desktop.results_pane import hairline

PRECISIONS = ("auto", "bfloat16", "float16", "float32", "int8", "int4")
ESTIMATE_MS = 400
"""A choice is tried out once it has stood for so long: arrow keys pass through others."""


class StagePane(QWidget):
    """The models of one stage."""

    resized = Signal()
    """It may need another height."""
    folder_wanted = Signal()
    """The person wants to point to a folder with a model."""

    MOST_ROWS = 280
    """Logical pixels: the height from which the list of models scrolls."""

    def __init__(self, judges: Judges, more: QWidget, parent: QWidget) -> None:
        """`more` is what else there is to say and set of this stage; it stands below the list."""
        super().__init__(parent)
        self._judges = judges
        self._files = 0
        self._asks_to_fetch = False
        self._brought = ""  # the name of the choice that was scrolled to last
        self._rows: dict[str, _Row] = {}
        self._choices = QButtonGroup(self)
        self._estimate_timer = QTimer(self)
        self._estimate_timer.setSingleShot(True)
        self._estimate_timer.setInterval(ESTIMATE_MS)
        self._estimate_timer.timeout.connect(self._estimate)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._line = hairline(self)
        column.addWidget(self._build_list())
        column.addLayout(self._build_foot())
        column.addWidget(self._line)
        column.addWidget(self._build_run())
        column.addWidget(self._build_actions())
        self._more, self._more_line = more, hairline(self)
        column.addWidget(self._more_line)
        column.addWidget(more)
        judges.changed.connect(self._show_state)
        judges.chosen.connect(lambda _: self._withdraw_question())

    # --- building --------------------------------------------------------------------------------

    def _build_list(self) -> QScrollArea:
        inside = QWidget(self)
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(16, 0, 16, 0)
        self._list.setSpacing(4)
        self._scroll = QScrollArea(self)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        self._scroll.verticalScrollBar().rangeChanged.connect(lambda _least, _most: self._bring_chosen_soon())
        self._scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        return self._scroll

    def _build_foot(self) -> QVBoxLayout:
        """Under the list: what is the matter with it, and how it grows."""
        self._note = _words(self)
        self._note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._add = QPushButton(theme.icon("folder-open"), self.tr("Choose a folder …"), self)
        self._add.setToolTip(
            self.tr("Use an embedder that lies in a folder of yours: Qwen3-VL-Embedding, SigLIP, CLIP")
            if self._judges.finds
            else self.tr("Use a Qwen3-VL reranker that lies in a folder of yours")
        )
        self._add.setAccessibleDescription(self._add.toolTip())
        self._add.clicked.connect(self.folder_wanted)
        foot = QVBoxLayout()
        foot.setContentsMargins(16, 0, 16, 0)
        foot.setSpacing(8)
        foot.addWidget(self._note)
        foot.addWidget(self._add, 0, Qt.AlignmentFlag.AlignLeft)
        return foot

    def _build_run(self) -> QWidget:
        """How the chosen model is run; with none chosen, what that means."""
        self._about = _words(self, "\n".join(builtin_lines() if self._judges.finds else judging_lines()))
        self._about.setContentsMargins(16, 0, 16, 4)
        self._run = QWidget(self)
        self._budgets: dict[Budget, QRadioButton] = {}
        looks = QHBoxLayout()
        looks.setSpacing(16)
        for budget in Budget:
            radio = QRadioButton(budget_name(budget), self._run)
            radio.setToolTip(budget_line(budget))
            radio.setAccessibleDescription(budget_line(budget))
            radio.clicked.connect(lambda _checked, budget=budget: self._judges.set_budget(budget))
            self._budgets[budget] = radio
            looks.addWidget(radio)
        looks.addStretch(1)
        self._budget_line = _words(self._run)
        self._device = _choice(self._run, self.tr("Device"), self._judges.set_device)
        self._precision = _choice(self._run, self.tr("Precision"), self._judges.set_precision)
        _fill(self._precision, [(precision_name(precision), precision) for precision in PRECISIONS])
        self._estimate_line = _words(self._run)
        grid = QGridLayout(self._run)
        grid.setContentsMargins(16, 4, 16, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        closeness = _heading(self._run, self.tr("How closely"))
        grid.addWidget(closeness, 0, 0)
        grid.addLayout(looks, 0, 1)
        grid.addWidget(self._budget_line, 1, 1)
        # What is prepared holds for one way of looking: a finder has no choice of it.
        for part in (closeness, self._budget_line, *self._budgets.values()):
            part.setVisible(not self._judges.finds)
        for row, (name, box) in enumerate(
            ((self.tr("Device"), self._device), (self.tr("Precision"), self._precision)), 2
        ):
            grid.addWidget(_heading(self._run, name), row, 0)
            grid.addWidget(box, row, 1)
        grid.addWidget(self._estimate_line, 4, 0, 1, 2)
        both = QWidget(self)
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._about)
        column.addWidget(self._run)
        return both

    def _build_actions(self) -> QWidget:
        self._actions = QWidget(self)
        self._state = _words(self._actions)
        self._state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar(self._actions)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("How far it is"))
        button = self._button
        self._check = button(self.tr("Check files"), lambda: self._judges.stock.check(self._judges.choice.name))
        self._cancel = button(self.tr("Cancel"), self._stop)
        self._unload = button(self.tr("Unload"), self._judges.unload)
        self._fetch = button(self.tr("Download …"), self._ask_to_fetch)
        self._load = button(self.tr("Load"), self._judges.load)
        self._check.setToolTip(self.tr("Compare every file of the model with what it should be"))
        self._unload.setToolTip(
            self.tr("Give the memory back; what is prepared is kept")
            if self._judges.finds
            else self.tr("Give the memory back; its scores are kept")
        )
        for primary in (self._fetch, self._load):
            primary.setProperty("primary", True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._check)
        row.addStretch(1)
        for widget in (self._cancel, self._unload, self._fetch, self._load):
            row.addWidget(widget)
        column = QVBoxLayout(self._actions)
        column.setContentsMargins(16, 0, 16, 4)
        column.setSpacing(8)
        column.addWidget(self._state)
        column.addWidget(self._bar)
        column.addLayout(row)
        return self._actions

    def _button(self, text: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, self._actions)
        button.clicked.connect(lambda: act())
        return button

    # --- opening and closing ---------------------------------------------------------------------

    def begin(self, files: int) -> None:
        """It is about to be shown; `files` are those of the open folder."""
        self._files = files
        self._brought = ""
        self._show_state()

    def focus_choice(self) -> None:
        self._rows[self._judges.choice.name].radio.setFocus(Qt.FocusReason.PopupFocusReason)

    def fit(self, width: int, most: int) -> None:
        """Make the list as high as it needs in this width, and no higher than `most`."""
        inside = self._scroll.widget()
        assert inside is not None
        self._scroll.setFixedHeight(min(inside.heightForWidth(width), self.MOST_ROWS, most))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._withdraw_question()
        self._estimate_timer.stop()
        self._judges.stop_estimating()

    # --- what the person wants -------------------------------------------------------------------

    def _ask_to_fetch(self) -> None:
        """A download is asked for twice: it is large, and the only connection there is."""
        if self._asks_to_fetch:
            self._asks_to_fetch = False
            self._judges.stock.fetch(self._judges.choice.name)
        else:
            self._asks_to_fetch = True
            self._show_state()

    def _withdraw_question(self) -> None:
        self._asks_to_fetch = False

    def _stop(self) -> None:
        """Whatever is under way with the chosen judge."""
        judges, name = self._judges, self._judges.choice.name
        if self._asks_to_fetch:
            self._asks_to_fetch = False
            self._show_state()
        elif _is_with(judges.loading, name):
            judges.stop_loading()
        elif _is_with(judges.stock.fetching, name):
            judges.stock.stop_fetching()
        elif _is_with(judges.stock.checking, name):
            judges.stock.stop_checking()

    def _estimate(self) -> None:
        judges = self._judges
        if (
            self.isVisible()
            and not judges.stock.is_listing
            and judges.stock.listing_error is None
            and judges.loading is None
        ):
            judges.estimate()

    # --- showing ---------------------------------------------------------------------------------

    def _show_state(self) -> None:
        judges = self._judges
        self._show_rows()
        failed = judges.stock.listing_error is not None and not judges.stock.is_listing
        if judges.stock.listing_error is not None:
            note = sentence(judges.stock.listing_error)
        else:
            note = self.tr("Looking at what is here …") if judges.stock.is_listing and not judges.stock.models else ""
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._note.setForegroundRole(QPalette.ColorRole.WindowText if failed else QPalette.ColorRole.PlaceholderText)
        builtin = judges.choice.is_builtin
        self._about.setVisible(builtin)
        for part in (self._run, self._actions):
            part.setVisible(not builtin and not failed)
        self._line.setVisible(builtin or not failed)
        for part in (self._more_line, self._more):
            part.setVisible(judges.finds or not (builtin or failed))
        if not builtin:
            self._show_run()
            self._show_actions()
            if self.isVisible() and judges.choice != judges.estimating:
                self._estimate_timer.start()
        self.resized.emit()
        if self._brought != judges.choice.name:
            self._brought = judges.choice.name
            self._bring_chosen_soon()

    def _bring_chosen_soon(self) -> None:
        QTimer.singleShot(0, self, self._bring_chosen)  # when it has its place

    def _bring_chosen(self) -> None:
        """Scroll to the chosen judge: arrow keys, and what is found out of the others, may take it out of sight."""
        if row := self._rows.get(self._judges.choice.name):
            self._scroll.ensureWidgetVisible(row, 0, 4)

    def _show_rows(self) -> None:
        judges = self._judges
        names = judges.names
        for name in [name for name in self._rows if name not in names]:
            row = self._rows.pop(name)
            self._choices.removeButton(row.radio)
            self._list.removeWidget(row)
            row.deleteLater()
            row.hide()
        for place, name in enumerate(names):
            if name not in self._rows:
                row = self._rows[name] = _Row(
                    name, row_title(name, judges.finds), forgettable=name in judges.stock.folders, parent=self
                )
                row.chosen.connect(judges.choose)
                row.forgotten.connect(judges.stock.forget_folder)
                self._choices.addButton(row.radio)
            if self._list.indexOf(self._rows[name]) != place:  # new, or shown before others were found
                self._list.removeWidget(self._rows[name])
                self._list.insertWidget(place, self._rows[name])
            self._rows[name].show_state(name == judges.choice.name, *self._said_of(name))

    def _said_of(self, name: str) -> tuple[str, str, bool]:
        """What is here, one line on it, and whether that line warns."""
        judges, model = self._judges, self._judges.stock.models.get(name)
        if name == "builtin" and judges.finds:
            return self.tr("always here"), self.tr("Looks and words, not meaning; works at once, anywhere"), False
        if name == "builtin":
            return "", self.tr("The order in which files were found stands, at once and for all of them"), False
        resident = judges.resident is not None and judges.resident.judge.name == name
        error = judges.stock.errors.get(name)
        if isinstance(error, ModelNotReranker if judges.finds else ModelNotEmbedder):
            error = None  # it was tried in the other place
        error = error or (model.problem if model else judges.stock.absent.get(name))
        state = self.tr("loaded") if resident else presence_text(model) if model else ""
        if name == judges.suggested and not resident:
            state = self.tr("suggested · {state}").format(state=state)
        if error is not None:
            return state, sentence(error), True
        if model is None:
            return state, name if name in judges.stock.folders else "", False
        return state, model.advice, not model.fits

    def _show_run(self) -> None:
        judges, choice = self._judges, self._judges.choice
        for budget, radio in self._budgets.items():
            _set_checked(radio, budget is choice.budget)
        self._budget_line.setText(budget_line(choice.budget))
        devices = [(device_name(kind, name), kind) for kind, name, _ in judges.stock.devices]
        devices.insert(0, (device_name("auto"), "auto"))
        if all(choice.device != device for _, device in devices):
            devices.append((device_name(choice.device), choice.device))
        _fill(self._device, devices)
        self._device.setCurrentIndex(self._device.findData(choice.device))
        self._precision.setCurrentIndex(self._precision.findData(choice.precision))
        cost = judges.cost()
        if cost is not None:
            self._estimate_line.setText(estimate_text(cost, self._files))
        elif judges.estimating == choice:
            self._estimate_line.setText(self.tr("Trying out how fast it would be here …"))
        else:
            self._estimate_line.setText("")
        self._estimate_line.setVisible(bool(self._estimate_line.text()))

    def _show_actions(self) -> None:
        judges, name = self._judges, self._judges.choice.name
        model = judges.stock.models.get(name)
        under_way = next(
            (one for one in (judges.loading, judges.stock.fetching, judges.stock.checking) if _is_with(one, name)), None
        )
        idle = under_way is None and not self._asks_to_fetch
        here = model is not None and bool(model.folder) and model.problem is None and model.arrived >= model.size
        fetchable = name in KNOWN and model is not None and not here
        # It may have to be fetched first.
        unclear = name in KNOWN and model is None and judges.stock.is_listing and name not in judges.stock.errors
        self._state.setText(self._state_text(under_way, model))
        self._state.setVisible(bool(self._state.text()))
        self._bar.setVisible(under_way is not None)
        share = under_way.share if under_way else None
        self._bar.setRange(0, 0 if share is None else 1000)
        self._bar.setValue(round(1000 * (share or 0)))
        self._offer(
            {
                self._check: idle and model is not None and bool(model.folder),
                self._cancel: not idle,
                self._unload: idle and judges.is_ready,
                self._fetch: fetchable and under_way is None,
                self._load: idle and not judges.is_ready and judges.obstacle is None and not fetchable and not unclear,
            }
        )
        size = bytes_text(model.size - model.arrived) if model else ""
        if self._asks_to_fetch:
            self._fetch.setText(self.tr("Download {size}").format(size=size))
        elif model is not None and 0 < model.arrived < model.size:
            self._fetch.setText(self.tr("Go on downloading …"))
        else:
            self._fetch.setText(self.tr("Download again …") if model and model.folder else self.tr("Download …"))

    def _offer(self, offered: dict[QPushButton, bool]) -> None:
        """Show these buttons; the focus of one that goes stays among them."""
        going = any(button.hasFocus() and not shown for button, shown in offered.items())
        for button, shown in offered.items():
            button.setVisible(shown)
        if going and (staying := [button for button, shown in offered.items() if shown]):
            staying[-1].setFocus()

    def _state_text(self, under_way: Underway | None, model: ModelInfo | None) -> str:
        judges = self._judges
        if under_way is not None:
            return step_text(under_way.step)
        if self._asks_to_fetch and model is not None:
            return self.tr(
                "{title}, {size}, comes from the public registry of models. It is the one connection that Semblance "
                "opens, and only for this. It can be stopped; what has arrived is kept."
            ).format(title=model.title, size=bytes_text(model.size - model.arrived))
        if judges.is_ready and judges.resident is not None:
            loaded = judges.resident
            text = self.tr("{memory} of memory in use.").format(memory=bytes_text(loaded.memory))
            return f"{text} {loaded.why}".strip()
        if judges.loading is not None:
            return self.tr("{title} is being loaded; loading this one takes its place.").format(
                title=judge_title(judges.loading.name)
            )
        return ""


class _Row(QWidget):
    """One judge: its name with a radio button, what is here of it, and a line on how it would run."""

    chosen = Signal(object)
    forgotten = Signal(object)

    def __init__(self, name: str, title: str, *, forgettable: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.radio = QRadioButton(title, self)
        self.radio.setFont(theme.normal())
        self.radio.setMinimumHeight(24)  # as high as the button beside some: every row alike
        if os.path.isabs(name):
            self.radio.setToolTip(plain_tip(name))  # two folders may have one name
        self.radio.clicked.connect(lambda: self.chosen.emit(name))
        self._state = _words(self)
        self._state.setWordWrap(False)
        self._state.setFont(theme.tabular(theme.normal()))
        self._line = _words(self)
        self._line.setFont(theme.small())
        self._line.setContentsMargins(24, 0, 0, 0)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.radio, 1)
        top.addWidget(self._state)
        if forgettable:
            forget = QToolButton(self)
            forget.setIcon(theme.icon("close"))
            forget.setAutoRaise(True)
            forget.setFixedSize(24, 24)
            forget.setToolTip(self.tr("Take this folder off the list; nothing on the disk changes"))
            forget.setAccessibleName(self.tr("Take {name} off the list").format(name=title))
            forget.clicked.connect(lambda: self.forgotten.emit(name))
            top.addWidget(forget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._line)

    def show_state(self, is_chosen: bool, state: str, line: str, warns: bool) -> None:
        _set_checked(self.radio, is_chosen)
        self._state.setText(state)
        self._line.setText(line)
        self._line.setVisible(bool(line))
        self._line.setForegroundRole(QPalette.ColorRole.WindowText if warns else QPalette.ColorRole.PlaceholderText)
        self.radio.setAccessibleDescription(". ".join(part for part in (state, line) if part))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.radio.click()  # its words are as good as its button


def _is_with(under_way: Underway | None, name: str) -> bool:
    return under_way is not None and under_way.name == name


def _words(parent: QWidget, text: str = "") -> QLabel:
    """Quiet words that wrap."""
    label = QLabel(text, parent)
    label.setFont(theme.normal())
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    label.setWordWrap(True)
    return label


def _set_checked(radio: QRadioButton, checked: bool) -> None:
    """Check it, or leave it to the others; Tab leads to the one that is checked, which Qt sees to only after clicks."""
    if checked:
        radio.setChecked(True)
    radio.setFocusPolicy(Qt.FocusPolicy.StrongFocus if checked else Qt.FocusPolicy.ClickFocus)


def _heading(parent: QWidget, text: str) -> QLabel:
    label = QLabel(text, parent)
    label.setFont(theme.normal())
    return label


def _choice(parent: QWidget, name: str, choose: Callable[[str], object]) -> QComboBox:
    box = QComboBox(parent)
    box.setFont(theme.normal())
    box.setAccessibleName(name)
    box.activated.connect(lambda _index: choose(box.currentData()))
    return box


def _fill(box: QComboBox, items: Iterable[tuple[str, str]]) -> None:
    """Put (words, value) into the box, unless it has them: an open list must not vanish under the pointer."""
    wanted = list(items)
    if wanted != [(box.itemText(at), box.itemData(at)) for at in range(box.count())]:
        box.clear()
        for words, value in wanted:
            box.addItem(words, value)
