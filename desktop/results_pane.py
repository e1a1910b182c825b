"""The middle of the window: the grid with its header and footer, kept in step with the session.

It also fetches what the grid wants to show: thumbnails and filmstrips, replaced as soon as other cells are in view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLocale, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import (
    Changed,
    Event,
    Gone,
    Kind,
    Listing,
    MakeFilmstrip,
    MakeThumbnails,
    Query,
    Staged,
    ThumbnailMade,
    Understood,
)
from core.errors import EngineStopped, MediaError, SemblanceError, printable
from desktop import theme
from desktop.engine_thread import EngineLink
from desktop.images import image_of
from desktop.messages import plain_tip, sentence
from desktop.preview import ElidedLabel
from desktop.results_model import ResultsModel, Sort
from desktop.results_view import MAX_CELL, MIN_CELL, ResultsView
from desktop.score_filter import ScoreFilter
from desktop.score_words import Scale
from desktop.session import AWAY_ERRORS, Phase, Session

FILMSTRIP_FRAMES, FILMSTRIP_PIXELS = 12, 512
HISTOGRAM_BINS = 48
STATE_MS = 100
"""How often, at most, the counts and the histogram follow the grid."""


class ResultsPane(QWidget):
    """Shows the session's files. What the person does with them comes out as signals of `view`, and these."""

    add_folder_wanted = Signal()
    try_again_wanted = Signal()
    include_subfolders_wanted = Signal()
    hardly_differ = Signal(bool)
    """After a ranking: whether its scores lie so close together that their order says little."""

    def __init__(self, session: Session, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._link = link
        self._thumbnail_job = self._filmstrip_job = 0
        self._action: Callable[[], object] | None = None
        self._state_timer = QTimer(self)
        self._state_timer.setSingleShot(True)
        self._state_timer.setInterval(STATE_MS)
        self._state_timer.timeout.connect(self._show_state)
        self._refused: BaseException | None = None
        self._hardly_differ = False
        self.model = ResultsModel(self, words=sentence)
        self.view = ResultsView(self)
        self.view.reduced_motion = True
        # Asked only once the window stands: on some systems the answer is that of another program.
        QTimer.singleShot(0, self, self._find_out_about_motion)
        self.view.setModel(self.model)
        self._build()
        self._connect()

    def _find_out_about_motion(self) -> None:
        self.view.reduced_motion = theme.reduced_motion()

    def _build(self) -> None:
        self._count = ElidedLabel(self, Qt.TextElideMode.ElideRight)
        self._count.setFont(theme.tabular(theme.normal()))
        self._count.setMinimumWidth(self._count.fontMetrics().horizontalAdvance(self.tr("%1 results")) + 24)
        self.sort = QComboBox(self)
        self.sort.setAccessibleName(self.tr("Sort by"))
        self.sort.addItem(self.tr("Best first"), Sort.BEST)
        self.sort.addItem(self.tr("Name"), Sort.NAME)
        self.sort.addItem(self.tr("Newest first"), Sort.NEWEST)
        self.kinds: dict[Kind, QToolButton] = {}
        for kind, name, icon in (
            (Kind.IMAGE, self.tr("Pictures"), "picture"),
            (Kind.VIDEO, self.tr("Clips"), "clip"),
            (Kind.TEXT, self.tr("Documents"), "text"),
        ):
            button = QToolButton(self)
            button.setIcon(theme.icon(icon))
            button.setCheckable(True)
            button.setChecked(True)
            button.setAutoRaise(True)
            button.setToolTip(self.tr("Show %1").replace("%1", name.lower()))
            button.setAccessibleName(self.tr("Show %1").replace("%1", name.lower()))
            self.kinds[kind] = button
        self.folding = QToolButton(self)
        self.folding.setIcon(theme.icon("stack"))
        self.folding.setCheckable(True)
        self.folding.setChecked(True)
        self.folding.setAutoRaise(True)
        self.folding.setToolTip(self.tr("Fold duplicates: files that show the same, or nearly, share one cell"))
        self.folding.setAccessibleName(self.tr("Fold duplicates"))
        self.cells = _SizeSlider(self)
        self.cells.setRange(MIN_CELL, MAX_CELL)
        self.cells.setPageStep(32)
        self.cells.setSingleStep(16)
        self.cells.setToolTip(self.tr("Size of the thumbnails (Ctrl + and Ctrl −)"))
        self.cells.setAccessibleName(self.tr("Size of the thumbnails"))
        header = QHBoxLayout()
        header.setContentsMargins(12, 6, 12, 6)
        header.setSpacing(4)
        header.addWidget(self._count, 1)
        for button in self.kinds.values():
            header.addWidget(button)
        header.addSpacing(4)
        header.addWidget(self.folding)
        header.addSpacing(4)
        header.addWidget(self.sort)
        header.addSpacing(4)
        header.addWidget(self.cells)
        self._on_order = ElidedLabel(self)
        self._on_order.setFont(theme.small())
        self._on_order.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._on_order.hide()
        self.score_filter = ScoreFilter(self)
        self.score_filter.hide()
        footer = QHBoxLayout()
        footer.setContentsMargins(12, 4, 12, 4)
        footer.addWidget(self.score_filter)
        self._foot = QWidget(self)
        self._foot.setLayout(footer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(header)
        on_order = QHBoxLayout()
        on_order.setContentsMargins(12, 0, 12, 6)
        on_order.addWidget(self._on_order)
        column.addLayout(on_order)
        column.addWidget(hairline(self))
        column.addWidget(self.view, 1)
        column.addWidget(self._foot)
        self._foot.hide()

    def _connect(self) -> None:
        session, view = self._session, self.view
        session.listing_opened.connect(self._open)
        session.listing_grew.connect(self._grew)
        session.listing_finished.connect(self._show_state)
        session.folder_refused.connect(self._refuse_folder)
        session.ranking_started.connect(self._start_ranking)
        session.scored.connect(self._set_scores)
        session.staged.connect(self._note_stages)
        session.failed.connect(self._set_failed)
        session.listing_changed.connect(self._change)
        session.away_changed.connect(self._note_away)
        session.stacked.connect(self.model.set_stacks)
        session.understood.connect(self._show_understood)
        session.phase_changed.connect(self._phase_changed)
        view.thumbnails_wanted.connect(self._fetch_thumbnails)
        view.filmstrip_wanted.connect(self._fetch_filmstrip)
        view.cell_size_changed.connect(self.cells.setValue)
        view.message_action.connect(self._act_on_message)
        for changed in (self.model.modelReset, self.model.layoutChanged, self.model.dataChanged):
            changed.connect(self._show_state_soon)
        self.cells.valueChanged.connect(view.set_cell_size)
        self.sort.currentIndexChanged.connect(lambda _: self.model.set_sort_mode(self.sort.currentData()))
        for button in self.kinds.values():
            button.toggled.connect(self._set_kinds)
        self.folding.toggled.connect(self.model.set_folding)
        self.score_filter.minimum_changed.connect(self.model.set_minimum)

    # --- following the session -------------------------------------------------------------------

    def _open(self, listing: Listing) -> None:
        self._refused = None
        for job in (self._thumbnail_job, self._filmstrip_job):
            self._link.cancel(job)  # of another listing: the same row is another file
        self.model.open(listing)
        if self._session.query is None:
            self._choose_sort(Sort.NEWEST)
        self._show_state()

    def _grew(self) -> None:
        self.model.extend()
        if not self.model.counts.shown:
            self.view.apply_order()  # the first files at once; an empty grid would be taken for an empty folder
        self._show_state()

    def _change(self, change: Changed | Gone) -> None:
        self.view.note_change(change)
        self.model.change(change)

    def _note_away(self, is_away: bool) -> None:
        self.model.forgive(AWAY_ERRORS)
        if not is_away:
            self.view.retry_thumbnails()
        self._show_state()

    def _refuse_folder(self, _folder: str, error: BaseException) -> None:
        self._refused = error
        self._show_state()

    def _start_ranking(self, query: Query) -> None:
        # With words its line is there at once, still empty, so that nothing moves when the judge answers.
        self._on_order.setText("")
        is_builtin = self._session.ranked_by.is_builtin
        self._on_order.setVisible(bool(query.text) and is_builtin)
        self.model.clear_scores()
        self.score_filter.set_minimum(0.0)
        self._choose_sort(Sort.BEST)
        self.view.release()
        self._hardly_differ = False
        self.hardly_differ.emit(False)
        self._show_state()

    def set_scale(self, scale: Scale) -> None:
        """By whose measure the scores that come are."""
        self.model.scale = scale

    def _set_scores(self, rows: NDArray[np.int32], scores: NDArray[np.float32], judged: bool) -> None:
        self.model.set_scores(rows, scores, judged=judged)

    def _note_stages(self, staged: Staged) -> None:
        self.model.finder = staged.finder.partition(":")[0]  # the built-in matcher's title goes on to say what it sees

    def _set_failed(self, rows: list[int], errors: list[MediaError]) -> None:
        if self._session.away:
            told = [(row, error) for row, error in zip(rows, errors, strict=True) if not isinstance(error, AWAY_ERRORS)]
            rows, errors = [row for row, _ in told], [error for _, error in told]
        self.model.set_failed(np.array(rows, np.int32), errors)

    def _phase_changed(self, phase: Phase) -> None:
        if phase is Phase.NONE:
            self.model.clear_scores()
            self._choose_sort(Sort.NEWEST)
        if phase is Phase.NONE or (phase is not Phase.RUNNING and not self._on_order.text()):
            self._on_order.hide()
        if phase is Phase.FINISHED and self._hardly_differ != (hardly := self._scores_hardly_differ()):
            self._hardly_differ = hardly  # a ranking finishes anew whenever the folder changes: told only once
            self.hardly_differ.emit(hardly)
        self._show_state()

    def _scores_hardly_differ(self) -> bool:
        """Whether nine of ten scores lie within 0.05 and the best hardly above: then the order is mostly chance. Where
        the best stand out, the few that were looked for have been found."""
        if self.model.scale is Scale.NEARNESS:
            return False  # vectors lie close together: their figures say little, their order does
        histogram = self.model.histogram(100, judged=True).astype(float)
        if histogram.sum() < 12 or not self.model.finds_something:  # of nothing found the header speaks
            return False
        share = np.cumsum(histogram) / histogram.sum()
        low, high = np.searchsorted(share, [0.05, 0.95])
        best = np.flatnonzero(histogram)[-1]
        return bool(high - low <= 5 and best - low <= 10)

    def words_on_order(self) -> str:
        """What is said of the order: how the words of the query were taken, or that it means nothing."""
        return "" if self._on_order.isHidden() else self._on_order.text()

    def _show_words_on_order(self, text: str) -> None:
        self._on_order.setText(text)
        self._on_order.setVisible(bool(text))

    def _show_understood(self, understood: Understood) -> None:
        looks, words = (", ".join(map(str, map(printable, said))) for said in (understood.looks, understood.words))
        parts = []
        if looks:
            parts.append(self.tr("Looks: {looks}").format(looks=looks))
        if words:
            parts.append(self.tr("Words in names and texts: {words}").format(words=words))
        self._show_words_on_order(" · ".join(parts))

    def _choose_sort(self, sort: Sort) -> None:
        self.sort.setCurrentIndex(self.sort.findData(sort))

    def _set_kinds(self) -> None:
        chosen = [kind for kind, button in self.kinds.items() if button.isChecked()]
        self.model.set_kinds(chosen)

    # --- what it says ----------------------------------------------------------------------------

    def _show_state_soon(self) -> None:
        if not self._state_timer.isActive():
            self._state_timer.start()

    def _show_state(self) -> None:
        counts = self.model.counts
        locale = QLocale()
        ranked = self._session.phase is not Phase.NONE
        shown = locale.toString(counts.shown)
        if ranked:
            text = self.tr("1 result") if counts.shown == 1 else self.tr("%1 results").replace("%1", shown)
        else:
            text = self.tr("1 file") if counts.shown == 1 else self.tr("%1 files").replace("%1", shown)
        if counts.found and counts.judged:
            text += " · " + self.tr("%1 judged").replace("%1", locale.toString(counts.judged))
        elif counts.found:
            text += " · " + self.tr("found, not judged")
        if counts.folded:
            words = self.tr("1 duplicate folded") if counts.folded == 1 else self.tr("%1 duplicates folded")
            text += " · " + words.replace("%1", locale.toString(counts.folded))
        if counts.failed:
            failed = self.tr("%1 can't be scored") if ranked else self.tr("%1 can't be read")
            text += " · " + failed.replace("%1", locale.toString(counts.failed))
        self._count.setText("" if self._refused or counts.listed == 0 else text)
        root = self._session.listing.root if self._session.listing else ""
        self._count.setToolTip(plain_tip("\n".join(part for part in (self._count.text(), root) if part)))
        finds_something = self.model.finds_something
        if self._session.phase in (Phase.FINISHED, Phase.STOPPED) and counts.scored > 1 and not finds_something:
            self._show_words_on_order(self.tr("No result is better than another"))
        has_scores = ranked and finds_something
        self._foot.setVisible(has_scores)
        self.score_filter.setVisible(has_scores)
        if has_scores:
            self.score_filter.set_histogram(self.model.histogram(HISTOGRAM_BINS))
        self._show_message(counts.shown, counts.listed)

    def _show_message(self, shown: int, listed: int) -> None:
        """In place of an empty grid: what is the matter, and the one thing to do."""
        listing, phase = self._session.listing, self._session.phase
        self._action = None
        if self._refused:
            known = isinstance(self._refused, SemblanceError)
            title = self.tr("This folder can't be opened") if known else self.tr("A fault")
            self._say(title, sentence(self._refused), self.tr("Try again"), self.try_again_wanted.emit)
        elif shown:
            self.view.clear_message()
        elif listing is None:
            self._say(
                self.tr("No folder yet"),
                self.tr("Add a folder, or drop one here."),
                self.tr("Add folder …"),
                self.add_folder_wanted.emit,
            )
        elif not listing.complete:
            self._say(self.tr("Looking through the folder …"))
        elif listed == 0 and not listing.recursive:
            self._say(
                self.tr("No pictures, clips or documents here"),
                self.tr("There may be some in the folders inside."),
                self.tr("Include subfolders"),
                self.include_subfolders_wanted.emit,
            )
        elif listed == 0:
            self._say(
                self.tr("No pictures, clips or documents here"),
                self.tr("Choose another folder, or drop one here."),
                self.tr("Add folder …"),
                self.add_folder_wanted.emit,
            )
        elif not all(button.isChecked() for button in self.kinds.values()):
            self._say(
                self.tr("Nothing of this kind here"),
                self.tr("Only some kinds of files are shown."),
                self.tr("Show all kinds"),
                self._show_all_kinds,
            )
        elif self.model.minimum > 0:
            detail = self.tr("No result scores %1 or more.").replace("%1", f"{self.model.minimum:.2f}")
            self._say(
                self.tr("Nothing over the line"),
                detail,
                self.tr("Lower the line"),
                lambda: self.score_filter.set_minimum(0.0),
            )
        elif phase is not Phase.RUNNING:
            self._say(
                self.tr("None of these files can be scored"),
                self.tr("The list of failures at the foot of the window says why."),
            )

    def _say(
        self, title: str, detail: str = "", action: str | None = None, act: Callable[[], object] | None = None
    ) -> None:
        self.view.set_message(title, detail, action)
        self._action = act

    def _act_on_message(self) -> None:
        if self._action:
            self._action()

    def _show_all_kinds(self) -> None:
        for button in self.kinds.values():
            button.setChecked(True)

    # --- pictures --------------------------------------------------------------------------------

    def _fetch_thumbnails(self, ids: list[int], pixels: int, *, is_second_try: bool = False) -> None:
        listing = self._session.listing
        self._link.cancel(self._thumbnail_job)
        if listing is None:
            return
        self._session.thumbnail_pixels = pixels
        self._session.look_at(ids)
        if ids:
            self._thumbnail_job = self._link.run(
                MakeThumbnails(listing, ids, pixels),
                lambda event: self._thumbnail_made(event, pixels),
                on_error=lambda error: (
                    # The grid asks once for what it shows; an engine that was started again knows nothing of it.
                    self._fetch_thumbnails(ids, pixels, is_second_try=True)
                    if isinstance(error, EngineStopped) and not is_second_try
                    else None
                ),
            )

    def _thumbnail_made(self, event: Event, pixels: int) -> None:
        if not isinstance(event, ThumbnailMade):
            return
        if self._session.away and isinstance(event.error, AWAY_ERRORS):
            return  # it is not the file's fault: its cell stays flat until the folder is back
        if event.thumbnail is None:
            self.view.set_thumbnail(event.row, QImage())
            if event.error is not None:
                self._session.note_failure(event.row, event.error)
            return
        raster = event.thumbnail.raster
        self.view.set_thumbnail(
            event.row,
            image_of(raster) if raster else QImage(),
            event.thumbnail.text,
            event.thumbnail.facts.duration,
            pixels,
            is_clip=event.thumbnail.kind is Kind.VIDEO,
        )

    def _fetch_filmstrip(self, id_: int) -> None:
        listing = self._session.listing
        self._link.cancel(self._filmstrip_job)
        if listing is None:
            return

        def show(event: Event) -> None:
            if isinstance(event, list):
                self.view.set_filmstrip(id_, [image_of(raster) for raster in event])

        request = MakeFilmstrip(
            listing.path(id_), min(self._session.thumbnail_pixels, FILMSTRIP_PIXELS), FILMSTRIP_FRAMES
        )
        self._filmstrip_job = self._link.run(request, show, on_error=lambda _: None)


class _SizeSlider(QSlider):
    """As long as is good to use, shorter where the header is narrow."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(112, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(56, super().minimumSizeHint().height())


def hairline(parent: QWidget) -> QFrame:
    """A horizontal line one pixel high."""
    line = QFrame(parent)
    line.setFixedHeight(1)
    line.setAutoFillBackground(True)
    line.setBackgroundRole(QPalette.ColorRole.Mid)
    return line
