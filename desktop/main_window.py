"""The main window: its panels, its actions, and which panel's wish goes to which part."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QLocale, QMimeData, QPoint, QProcess, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeySequence,
)
from PySide6.QtWidgets import QApplication, QMenu, QSplitter, QVBoxLayout, QWidget

from core import (
    Changed,
    Event,
    Gone,
    Home,
    Kind,
    ListSubfolders,
    MakePreview,
    Preview,
    Query,
    Region,
    Settings,
    Subfolders,
    format_of,
    save_settings,
)
from core.errors import CatalogError, FolderMissing, MediaError, QueryError, printable
from desktop import theme
from desktop.drops import DropPlace, file_url
from desktop.engine_thread import EngineLink
from desktop.explaining import Explainer
from desktop.images import image_of
from desktop.inspector import Inspector
from desktop.judge_bar import JudgeBar
from desktop.judge_desk import JudgeDesk
from desktop.judge_words import judge_title
from desktop.library_panel import LibraryPanel
from desktop.loupe import Loupe
from desktop.messages import plain_tip, sentence
from desktop.notice_bar import NoticeBar
from desktop.opening import Opener
from desktop.preview import FileView
from desktop.query_bar import QueryBar, QueryChip
from desktop.region_picker import RegionPicker
from desktop.results_pane import ResultsPane, hairline
from desktop.session import AWAY_ERRORS, Phase, Session
from resources import SAMPLE_QUERY, samples_folder

if TYPE_CHECKING:
    from desktop.failures_panel import Failure, FailuresPanel
    from desktop.model_panel import ModelPanel
    from desktop.storage_panel import StoragePanel

RECENT_FOLDERS = 8
PREVIEW_PIXELS = 8192
"""The most a preview is asked for: 100 % of most cameras' pictures, 200 MB in memory at worst."""
INSPECT_MS = 60


class MainWindow(QWidget):
    """The window of the program over one engine."""

    def __init__(self, link: EngineLink, home: Home, settings: Settings) -> None:
        super().__init__()
        self._link = link
        self._home = home
        self._settings = settings
        self._away: set[str] = set()  # roots that were not there when last asked for
        self._folder = ""  # the one that is open, or could not be opened
        self._preview_job = self._region_job = 0
        self._inspect_timer = QTimer(self)
        self._inspect_timer.setSingleShot(True)
        self._inspect_timer.setInterval(INSPECT_MS)
        self._inspect_timer.timeout.connect(self._inspect)
        self.session = Session(link, self)
        self.setWindowTitle("Semblance")
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        self._add_actions()
        self._restore()

    # --- building --------------------------------------------------------------------------------

    def _build(self) -> None:
        self.query_bar = QueryBar(self._home.pasted, self)
        self.notice = NoticeBar(self)
        self.library = LibraryPanel(self)
        self.results = ResultsPane(self.session, self._link, self)
        self.inspector = Inspector(self)
        self._explainer = Explainer(self.session, self._link, self.inspector)
        self.judge_bar = JudgeBar(self)
        self.desk = JudgeDesk(
            self.session, self._link, self.notice, self.judge_bar.chip, self._settings, self._save_settings
        )
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        for panel in (self.library, self.results, self.inspector):
            self.splitter.addWidget(panel)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.query_bar)
        column.addWidget(hairline(self))
        column.addWidget(self.notice)
        column.addWidget(self.splitter, 1)
        column.addWidget(hairline(self))
        column.addWidget(self.judge_bar)
        self.drop_place = DropPlace(self.query_bar, self)
        self.loupe = Loupe(self)
        self.region_picker = RegionPicker(self)
        self.failures: FailuresPanel | None = None
        self.models: ModelPanel | None = None
        self.storage: StoragePanel | None = None
        self.opener = Opener(self)

    def _connect(self) -> None:
        session, query_bar, library, view = self.session, self.query_bar, self.library, self.results.view
        query_bar.submitted.connect(self.ask)
        query_bar.stopped.connect(session.stop)
        query_bar.cleared.connect(self._clear_query)
        query_bar.chip_thumbnail_wanted.connect(self._fetch_chip)
        query_bar.region_wanted.connect(self._pick_region_of_chip)
        query_bar.folder_dropped.connect(self.open_folder)
        query_bar.menu_wanted.connect(self._show_menu)
        library.folder_chosen.connect(self.open_folder)
        library.root_added.connect(self._add_root)
        library.root_removed.connect(self._remove_root)
        library.reveal_wanted.connect(self.reveal)
        library.subfolders_wanted.connect(self._fetch_subfolders)
        library.recursive_changed.connect(self._set_recursive)
        self.results.add_folder_wanted.connect(library.ask_for_folder)
        self.results.try_again_wanted.connect(self.reload)
        self.results.include_subfolders_wanted.connect(lambda: library.set_recursive(True))
        self.results.hardly_differ.connect(self._tell_whether_they_differ)
        view.opened.connect(lambda id_: self.open_file(self._path(id_), self._page(id_)))
        view.looked_at.connect(self._look)
        view.similar_wanted.connect(lambda id_: self.find_similar(self._path(id_), page=self._page(id_)))
        view.current_changed.connect(self._follow_with_loupe)
        self.opener.failed.connect(self._tell_not_opened)
        self.results.folding.toggled.connect(self._set_folding)
        model = self.results.model
        for changed in (view.current_changed, view.selection_changed, session.scored, session.failed):
            changed.connect(self._inspect_soon)
        for ordered in (model.layoutChanged, model.modelReset, model.dataChanged):
            ordered.connect(self._inspect_soon)  # a place in the order comes later than the score
        view.context_menu_wanted.connect(self._show_context_menu)
        self.inspector.similar_wanted.connect(self.find_similar)
        self.inspector.part_wanted.connect(self.find_similar_to_part)
        self.inspector.open_wanted.connect(self.open_file)
        self.inspector.reveal_wanted.connect(self.reveal)
        self.inspector.copy_wanted.connect(self.copy_paths)
        self.inspector.preview_wanted.connect(self._fetch_preview)
        self.inspector.frame_wanted.connect(self._fetch_frame)
        self.loupe.preview_wanted.connect(self._fetch_preview)
        self.loupe.frame_wanted.connect(self._fetch_frame)
        self.loupe.stepped.connect(self._step_loupe)
        self.loupe.open_wanted.connect(self.open_file)
        self.loupe.similar_wanted.connect(lambda path, page: self.find_similar(path, page=page))
        self.loupe.part_wanted.connect(self.find_similar_to_part)
        self.region_picker.picture_wanted.connect(self._fetch_region_picture)
        self.judge_bar.stop_wanted.connect(session.stop)
        self.judge_bar.judging_wanted.connect(session.judge_on)
        self.judge_bar.judge_wanted.connect(self.desk.judge_too)
        self.judge_bar.failures_wanted.connect(self.show_failures)
        self.judge_bar.judges_wanted.connect(self.show_models)
        self.desk.panel_wanted.connect(self.show_models)
        session.ranking_started.connect(lambda _query: self._forget_how_far())
        session.ranking_started.connect(lambda _query: self._failures_changed())
        session.ranking_started.connect(lambda _query: self._forget_last_answer())
        session.phase_changed.connect(self._phase_changed)
        session.progressed.connect(self.judge_bar.set_progress)
        session.staged.connect(self.judge_bar.set_staged)
        self.desk.asked.connect(self._note_asked)
        self.desk.changed.connect(self._show_judging)
        self.desk.preparer.changed.connect(self._show_preparing)
        session.failed.connect(lambda _rows, _errors: self._failures_changed())
        session.listing_opened.connect(lambda listing: self._remember(listing.root))
        session.folder_refused.connect(self._note_missing)
        session.listing_changed.connect(self._note_change)
        session.away_changed.connect(self._note_away)
        session.listing_opened.connect(lambda _listing: self._failures_changed())
        session.listing_finished.connect(self._failures_changed)
        session.noticed.connect(self._tell)
        session.remark_lapsed.connect(lambda: self.notice.withdraw("query"))
        session.ranking_refused.connect(self._tell_refused)
        self._link.engine_failed.connect(self._tell)

    def _add_actions(self) -> None:
        self.menu = QMenu(self)

        def action(text: str, keys: list[str], act: object, *, checkable: bool = False, listed: bool = True) -> QAction:
            made = QAction(text, self)
            made.setShortcuts([QKeySequence(key) for key in keys])
            made.setCheckable(checkable)
            made.triggered.connect(act)
            self.addAction(made)
            if listed:
                self.menu.addAction(made)
            return made

        action(self.tr("Add folder …"), ["Ctrl+O"], self.library.ask_for_folder)
        action(self.tr("Reload folder"), ["F5", "Ctrl+R"], self.reload)
        action(self.tr("Sample library"), [], self.open_samples)
        self.menu.addSeparator()
        self._library_action = action(self.tr("Library"), ["F9"], self._toggle_library, checkable=True)
        self._inspector_action = action(self.tr("Inspector"), ["F10"], self._toggle_inspector, checkable=True)
        self._folding_action = action(self.tr("Fold duplicates"), [], self._set_folding, checkable=True)
        themes = self.menu.addMenu(self.tr("Appearance"))
        group = QActionGroup(self)
        modes: tuple[tuple[theme.Mode, str], ...] = (
            ("system", self.tr("As the system")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        )
        for mode, text in modes:
            choice = themes.addAction(text)
            choice.setCheckable(True)
            choice.setChecked(self._settings.theme == mode)
            choice.triggered.connect(lambda _checked, mode=mode: self._set_theme(mode))
            group.addAction(choice)
        self.menu.addSeparator()
        action(self.tr("Judges and models …"), ["Ctrl+J"], self.show_models)
        action(self.tr("Files that can't be scored …"), [], self.show_failures)
        action(self.tr("What is kept …"), [], self.show_storage)
        self.menu.addSeparator()
        action(self.tr("Quit"), ["Ctrl+Q"], self.close)
        action(self.tr("Go to the query"), ["Ctrl+L"], self._go_to_query, listed=False)
        action(self.tr("Go to the library"), ["Ctrl+1"], lambda: self._go_to(self.library), listed=False)
        action(self.tr("Go to the results"), ["Ctrl+2"], lambda: self._go_to(self.results.view), listed=False)
        action(self.tr("Go to the inspector"), ["Ctrl+3"], lambda: self._go_to(self.inspector), listed=False)
        action(self.tr("Larger thumbnails"), ["Ctrl++", "Ctrl+="], lambda: self._resize_cells(1), listed=False)
        action(self.tr("Smaller thumbnails"), ["Ctrl+-"], lambda: self._resize_cells(-1), listed=False)
        action(self.tr("Paste into the query"), ["Ctrl+V"], self.query_bar.paste, listed=False)
        action(self.tr("Stop, then clear"), ["Esc"], self._escape, listed=False)

    # --- starting and ending ---------------------------------------------------------------------

    def begin(self, folder: str | None, query: Query) -> None:
        """Open what was asked for, else the last folder, else the samples, already ranked."""
        if query:
            self.query_bar.set_query(query)
            self.session.query = query
        if folder is not None:
            self.open_folder(os.path.abspath(folder))
        elif self._settings.last_folder:
            self.open_folder(self._settings.last_folder)
        else:
            self.open_samples()

    def open_samples(self) -> None:
        """The sample library with its sample query: what the program does, seen at once."""
        if not self.session.query:
            query = Query(images=(SAMPLE_QUERY,))
            self.query_bar.set_query(query)
            self.session.query = query
        self._open(str(samples_folder()))
        if not self._settings.roots:
            self.notice.say(
                "samples",
                self.tr(
                    "These are sample pictures, ranked by how much they look like the one in the bar above. "
                    "Drop another picture or type words; add a folder of your own, or drop one here."
                ),
                (self.tr("Add folder …"), self.library.ask_for_folder),
                warning=False,
            )

    def _restore(self) -> None:
        settings = self._settings
        self.resize(1280, 800)
        if settings.geometry:
            self.restoreGeometry(QByteArray.fromBase64(settings.geometry.encode()))
        self.library.setVisible(settings.library_shown)
        self.inspector.setVisible(settings.inspector_shown)
        self._library_action.setChecked(settings.library_shown)
        self._inspector_action.setChecked(settings.inspector_shown)
        self._folding_action.setChecked(settings.fold_duplicates)
        self.results.folding.setChecked(settings.fold_duplicates)
        self.splitter.setSizes(settings.splitter or [220, 760, 300])
        self.results.cells.setValue(settings.cell_size)
        self.results.view.set_cell_size(settings.cell_size)
        self.library.set_samples(str(samples_folder()))
        self.library.set_recursive(settings.recursive)
        self.library.restore_state(settings.expanded)
        self._show_roots()

    def _show_roots(self) -> None:
        # Whether they are there is not asked of the disk here (a share may be slow): opening one tells.
        self.library.set_roots(self._settings.roots, self._away)
        self.library.set_recent(self._settings.recent)

    def closeEvent(self, event: QCloseEvent) -> None:
        settings = self._settings
        settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        settings.splitter = self.splitter.sizes()
        settings.cell_size = self.results.cells.value()
        settings.expanded = self.library.save_state()
        self._save_settings()
        self.hide()
        self._link.close()
        super().closeEvent(event)

    def _save_settings(self) -> None:
        try:
            save_settings(self._settings, self._home.settings)
        except OSError as error:
            text = self.tr("The settings could not be saved (%1).").replace("%1", error.strerror or str(error))
            self.notice.say("settings", text)

    # --- folders ---------------------------------------------------------------------------------

    def open_folder(self, folder: str) -> None:
        """Show a folder of the person's; it is remembered once it has turned out to be one."""
        if os.path.normpath(folder) == os.path.normpath(samples_folder()):
            self.open_samples()
        else:
            self.notice.withdraw("samples")
            self._open(folder)

    def _remember(self, folder: str) -> None:
        settings = self._settings
        if folder == str(samples_folder()):
            return
        self._away.discard(folder)
        settings.last_folder = folder
        settings.recent = [folder, *(other for other in settings.recent if other != folder)][:RECENT_FOLDERS]
        if not any(_inside(folder, root) for root in settings.roots):
            settings.roots = [*settings.roots, folder]
        self._show_roots()
        self._save_settings()

    def _note_missing(self, folder: str, error: BaseException) -> None:
        if isinstance(error, FolderMissing):
            self._away.add(folder)
            self._show_roots()

    def _note_away(self, is_away: bool) -> None:
        """The open folder can't be reached any more, or can again."""
        assert self.session.listing is not None
        root = self.session.listing.root
        if is_away:
            self._away.add(root)
            text = self.tr("{name} is not connected. You see what was there the last time; scores are kept.")
            self.notice.say("away", text.format(name=_name_of(root)), (self.tr("Try again"), self.reload))
        else:
            self._away.discard(root)
            self.notice.withdraw("away")
        self._show_roots()
        self._failures_changed()
        self._inspect_soon()
        if self.loupe.isVisible():
            self._follow_with_loupe(self.results.view.current_id)

    def _why_away(self) -> str:
        """Why no file of the open folder can be opened; empty if they can."""
        listing = self.session.listing
        if listing is None or not self.session.away:
            return ""
        text = self.tr("{name} is not connected. Connect it to see the file itself.")
        return text.format(name=_name_of(listing.root))

    def _note_change(self, change: Changed | Gone) -> None:
        self._failures_changed()
        self._inspect_soon()
        if self.loupe.isVisible() and self.results.view.current_id in change.rows:
            self._follow_with_loupe(self.results.view.current_id)

    def reload(self) -> None:
        """Read the open folder again."""
        if self._folder:
            self._open(self._folder)

    def _open(self, folder: str) -> None:
        self._folder = folder
        is_samples = folder == str(samples_folder())
        name = self.tr("Sample library") if is_samples else _name_of(folder)
        self.setWindowTitle(f"{name} — Semblance")
        self.library.set_current(folder)
        self.inspector.clear()
        self.notice.withdraw("away")
        self.session.open_folder(folder, recursive=self._settings.recursive)

    def _add_root(self, folder: str) -> None:
        if folder not in self._settings.roots:
            self._settings.roots = [*self._settings.roots, folder]
        self.open_folder(folder)

    def _remove_root(self, folder: str) -> None:
        self._settings.roots = [root for root in self._settings.roots if root != folder]
        self._show_roots()
        self._save_settings()

    def _set_recursive(self, recursive: bool) -> None:
        if recursive != self._settings.recursive:
            self._settings.recursive = recursive
            self._save_settings()
            self.reload()

    def _fetch_subfolders(self, folder: str) -> None:
        def show(event: Event) -> None:
            if isinstance(event, Subfolders):
                self.library.set_subfolders(event.folder, event.names)

        self._link.run(ListSubfolders(folder), show, on_error=lambda _: self.library.set_subfolders(folder, []))

    # --- the query -------------------------------------------------------------------------------

    def ask(self, query: Query) -> None:
        """Rank the open folder by `query`."""
        self._forget_last_answer()
        self.notice.withdraw("samples")
        self.desk.ask(query)

    def _forget_last_answer(self) -> None:
        """What was told of the query before holds no longer."""
        self.notice.withdraw("query")
        self._explainer.stop()
        self.inspector.why.forget()

    def find_similar(self, path: str, region: Region | None = None, *, page: int = 0) -> None:
        """Make one file, or a part of a picture, the whole query; the aspect stays as it was chosen.

        A finder that is a model answers it alone: at once, from what it has learnt.
        """
        self.loupe.hide()
        kind = _kind_of(path)
        if kind is Kind.TEXT:
            self.query_bar.say(self.tr("A document can't be the query yet; copy its words into the bar."))
            return
        if page:
            self.query_bar.say(self.tr("Only the first page of a picture can be the query yet."))
            return
        aspect = self.query_bar.aspect_choice.aspect()
        if kind is Kind.VIDEO:
            query = Query(videos=(Path(path),), aspect=aspect)
        else:
            query = Query(images=(Path(path),), aspect=aspect, regions=(region,))
        self.query_bar.set_query(query)
        self._forget_last_answer()
        self.notice.withdraw("samples")
        self.desk.ask_finder(query)

    def find_similar_to_part(self, path: str) -> None:
        """Let the person choose a part of a picture, and make it the whole query."""
        self.region_picker.pick(
            path, os.path.basename(path), None, lambda region: self.find_similar(path, region), self._thumbnail(path)
        )

    def _pick_region_of_chip(self, chip: QueryChip) -> None:
        path = str(chip.path)
        self.region_picker.pick(path, chip.name, chip.region, lambda region: self.query_bar.set_region(path, region))

    def _thumbnail(self, path: str) -> QImage | None:
        """The grid's picture of the current file, if it is this one: it stands in for the large one."""
        view = self.results.view
        is_current = view.current_id >= 0 and self._path(view.current_id) == path
        return view.thumbnail(view.current_id) if is_current else None

    def _fetch_region_picture(self, path: str, pixels: int) -> None:
        self._link.cancel(self._region_job)

        def show(event: Event) -> None:
            if isinstance(event, Preview) and event.raster:
                self.region_picker.set_picture(path, image_of(event.raster), event.facts)

        self._region_job = self._link.run(
            MakePreview(path, pixels),
            show,
            on_error=lambda error: self.region_picker.set_failure(path, sentence(error)),
        )

    def _clear_query(self) -> None:
        self._forget_last_answer()
        self.notice.withdraw("samples")
        self.session.clear()

    def _fetch_chip(self, path: str, pixels: int) -> None:
        def show(event: Event) -> None:
            if isinstance(event, Preview) and event.raster:
                self.query_bar.set_chip_thumbnail(path, image_of(event.raster))

        self._link.run(MakePreview(path, pixels), show, on_error=lambda _: None)

    def _escape(self) -> None:
        """Stop, then clear."""
        if self.region_picker.isVisible():
            self.region_picker.hide()
        elif self.loupe.isVisible():
            self.loupe.hide()
        elif self.session.phase is Phase.RUNNING:
            self.session.stop()
        else:
            self.query_bar.clear()

    def _forget_how_far(self) -> None:
        self.judge_bar.set_progress(None)
        self.judge_bar.set_staged(None)

    def _note_asked(self) -> None:
        self.results.set_scale(self.desk.scale)
        self._show_judging()

    def _show_judging(self) -> None:
        self.judge_bar.set_judging(self.desk.judge_seconds, has_judge_besides=self.desk.can_judge_too)

    def _show_preparing(self) -> None:
        preparer = self.desk.preparer
        self.judge_bar.set_preparation(preparer.preparation if preparer.is_on and not preparer.is_done else None)

    def _phase_changed(self, phase: Phase) -> None:
        self.query_bar.set_running(phase is Phase.RUNNING)
        self.judge_bar.set_phase(phase)
        self._inspect_soon()

    # --- one file --------------------------------------------------------------------------------

    def _path(self, id_: int) -> str:
        assert self.session.listing is not None
        return self.session.listing.path(id_)

    def _page(self, id_: int) -> int:
        """Which page of its file it is, from 0."""
        assert self.session.listing is not None
        return int(self.session.listing.pages[id_])

    def _inspect_soon(self) -> None:
        """Not at every step of a held arrow key, nor at every score."""
        if not self._inspect_timer.isActive():
            self._inspect_timer.start()

    def _inspect(self) -> None:
        view, listing = self.results.view, self.session.listing
        if listing is None or (view.current_id < 0 and not view.selected_count):
            self.inspector.clear()
        elif view.selected_count > 1:
            self.inspector.show_many(view.selected_count, int(listing.sizes[view.selection()].sum()))
        else:
            id_ = view.current_id if view.current_id >= 0 else int(view.selection()[0])
            self.inspector.show_file(self._file_view(id_), view.thumbnail(id_))
            self._explainer.explain(id_, self.results.model.score_of(id_))
            return
        self._explainer.stop()

    def _file_view(self, id_: int) -> FileView:
        listing, model = self.session.listing, self.results.model
        assert listing is not None
        error = model.error_of(id_)
        return FileView(
            path=listing.path(id_),
            name=model.name_of(id_),
            folder=self._shown_folder(listing.folders[listing.folder[id_]]),
            kind=Kind.VIDEO if self.results.view.is_clip(id_) else listing.kind(id_),
            size=int(listing.sizes[id_]),
            modified=listing.mtimes[id_] / 1e9,
            score=model.score_of(id_),
            rank=model.rank_of(id_),
            ranked_total=model.counts.scored,
            error=sentence(error) if error else None,
            judge="" if self.session.ranked_by.is_builtin else judge_title(self.session.ranked_by.name),
            scale=model.scale,
            found=model.meaning_of(id_) if model.is_found[id_] and model.score_of(id_) is not None else "",
            page=self._page(id_),
            away=self._why_away(),
        )

    def _shown_folder(self, folder: str) -> str:
        """The path; of a sample not where the program is installed, which would tell nobody anything."""
        samples = str(samples_folder())
        if not _inside(folder, samples):
            return folder
        return self.tr("Sample library") + folder.removeprefix(samples)

    def _fetch_preview(self, path: str, pixels: int, page: int) -> None:
        self._link.cancel(self._preview_job)

        def show(event: Event) -> None:
            if isinstance(event, Preview):
                image = image_of(event.raster) if event.raster else None
                for place in (self.inspector, self.loupe):
                    place.set_preview(
                        path,
                        image,
                        event.text,
                        event.facts,
                        event.format,
                        event.details,
                        page=page,
                        kind=event.kind,
                    )

        def fail(error: BaseException) -> None:
            if self.session.away and isinstance(error, AWAY_ERRORS):
                return  # what is shown of it stays
            for place in (self.inspector, self.loupe):
                place.set_failure(path, sentence(error))

        request = MakePreview(path, min(pixels, PREVIEW_PIXELS), page=page)
        self._preview_job = self._link.run(request, show, on_error=fail)

    def _fetch_frame(self, path: str, seconds: float) -> None:
        self._link.cancel(self._preview_job)

        def show(event: Event) -> None:
            if isinstance(event, Preview) and event.raster:
                for place in (self.inspector, self.loupe):
                    place.set_frame(path, image_of(event.raster))

        self._preview_job = self._link.run(MakePreview(path, PREVIEW_PIXELS, seconds), show, on_error=lambda _: None)

    def _look(self, id_: int) -> None:
        self.loupe.show_file(self._file_view(id_), self.results.view.thumbnail(id_))

    def _step_loupe(self, step: int) -> None:
        self.results.view.move_current(step)  # the loupe follows

    def _follow_with_loupe(self, id_: int) -> None:
        """What is current is what is large, whoever changed it: an arrow key, or a file that is gone."""
        if not self.loupe.isVisible():
            return
        if id_ >= 0:
            self._look(id_)
        else:
            self.loupe.hide()

    def open_file(self, path: str, page: int = 0) -> None:
        """In the program the system uses for it; a page, from 0, at that page where the program can be told."""
        if why := self._why_away():
            self.notice.say("away", why, (self.tr("Try again"), self.reload))
        else:
            self.opener.open(path, page)

    def _tell_not_opened(self, path: str) -> None:
        text = self.tr("No program on this computer opens %1.").replace("%1", str(printable(path)))
        self.notice.say("open", text)

    def reveal(self, path: str) -> None:
        """In the file manager, selected where the platform can."""
        if os.name == "nt":
            QProcess.startDetached("explorer", ["/select,", os.path.normpath(path)])
        elif QGuiApplication.platformName() == "cocoa":
            QProcess.startDetached("open", ["-R", path])
        elif not _reveal_by_dbus(path):
            QDesktopServices.openUrl(QUrl.fromLocalFile(path if os.path.isdir(path) else os.path.dirname(path)))

    def copy_paths(self, paths: list[str]) -> None:
        """To the clipboard: as text, and as files for a file manager."""
        mime = QMimeData()
        # As bytes: a name need not be Unicode.
        mime.setData("text/plain", os.fsencode("\n".join(paths)))
        mime.setUrls([file_url(path) for path in paths])
        QApplication.clipboard().setMimeData(mime)

    def _show_context_menu(self, place: QPoint, ids: list[int]) -> None:
        paths = list(dict.fromkeys(self._path(id_) for id_ in ids))  # pages of one file are one file
        first = ids[0]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        if len(paths) == 1:
            page = self._page(first)
            opening = menu.addAction(theme.icon("external"), self.tr("Open"), lambda: self.open_file(paths[0], page))
            opening.setEnabled(not self.session.away)
            opening.setToolTip(plain_tip(self._why_away()))
            similar = menu.addAction(
                theme.icon("similar"), self.tr("Find similar"), lambda: self.find_similar(paths[0])
            )
            similar.setEnabled(_kind_of(paths[0]) is not Kind.TEXT and not page)
            part = menu.addAction(
                theme.icon("crop"), self.tr("Find similar to a part …"), lambda: self.find_similar_to_part(paths[0])
            )
            part.setEnabled(_kind_of(paths[0]) is Kind.IMAGE and not page)
            menu.addAction(theme.icon("reveal"), self.tr("Show in file manager"), lambda: self.reveal(paths[0]))
        if len(ids) == 1 and (alike := self.results.model.stack_size(first)):
            fold = self.tr("Fold these %1") if self.results.model.is_unfolded(first) else self.tr("Unfold these %1")
            menu.addAction(
                theme.icon("stack"),
                fold.replace("%1", QLocale().toString(alike)),
                lambda: self.results.view.toggle_stack(first),
            )
        copy = self.tr("Copy path") if len(paths) == 1 else self.tr("Copy %n paths", "", len(paths))
        menu.addAction(theme.icon("copy"), copy, lambda: self.copy_paths(paths))
        menu.popup(place)

    # --- what failed -----------------------------------------------------------------------------

    def _failures_changed(self) -> None:
        self.judge_bar.set_failures(len(self._failed_files()) + len(self.session.unlisted))
        if self.failures and self.failures.isVisible():
            self.failures.set_failures(self._failure_list())

    def _failed_files(self) -> dict[int, MediaError]:
        """By row. While the folder is away, that nothing can be read there is no file's failure."""
        failures = self.session.failures
        if not self.session.away:
            return failures
        return {row: error for row, error in failures.items() if not isinstance(error, AWAY_ERRORS)}

    def _failure_list(self) -> list[Failure]:
        from desktop.failures_panel import Failure  # only once its panel is shown

        listing, model = self.session.listing, self.results.model
        folders = [Failure(str(folder.error.data["path"]), sentence(folder.error)) for folder in self.session.unlisted]
        if listing is None:
            return folders
        return folders + [
            Failure(listing.path(row), sentence(error), model.page_of(row))
            for row, error in self._failed_files().items()
        ]

    def show_failures(self) -> None:
        if self.failures is None:
            from desktop.failures_panel import FailuresPanel  # not needed to show the window

            self.failures = FailuresPanel(self)
            self.failures.reveal_wanted.connect(self.reveal)
        self.failures.set_failures(self._failure_list())
        self.failures.show()
        self.failures.raise_()

    def show_storage(self) -> None:
        """The panel of what the program keeps."""
        if self.storage is None:
            from desktop.storage_panel import StoragePanel  # not needed to show the window

            self.storage = StoragePanel(self._link, self)
        self.storage.show()
        self.storage.raise_()

    def show_models(self) -> None:
        """The panel over the judge's chip."""
        if self.models is None:
            from desktop.model_panel import ModelPanel  # not needed to show the window

            self.models = ModelPanel(self.desk, self)
        listing = self.session.listing
        self.models.open_above(self.judge_bar.chip, len(listing.names) if listing else 0)

    def _tell_refused(self, error: BaseException) -> None:
        if not self.desk.takes(error):
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        if self.desk.tells(error):
            return
        if isinstance(error, QueryError | MediaError):
            self.notice.say("query", sentence(error))
        elif isinstance(error, CatalogError):
            self.notice.say("catalog", sentence(error))
        else:
            self.notice.say("engine", sentence(error))

    def _tell_whether_they_differ(self, hardly: bool) -> None:
        if hardly:
            text = self.tr("These results hardly differ: be more specific, or add a picture.")
            if not self.session.ranked_by.is_builtin:
                text = self.tr("These results hardly differ: say more exactly what you look for, or add a picture.")
            self.notice.say("differ", text, warning=False)
        else:
            self.notice.withdraw("differ")

    # --- the window ------------------------------------------------------------------------------

    def _show_menu(self) -> None:
        button = self.query_bar.menu_button
        self.menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _toggle_library(self, shown: bool) -> None:
        self._settings.library_shown = shown
        self.library.setVisible(shown)

    def _toggle_inspector(self, shown: bool) -> None:
        self._settings.inspector_shown = shown
        self.inspector.setVisible(shown)

    def _set_folding(self, folded: bool) -> None:
        self._settings.fold_duplicates = folded
        self._folding_action.setChecked(folded)
        self.results.folding.setChecked(folded)

    def _set_theme(self, mode: theme.Mode) -> None:
        self._settings.theme = mode
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply_theme(app, mode)
        self._save_settings()

    def _resize_cells(self, step: int) -> None:
        self.results.cells.setValue(self.results.cells.value() + 32 * step)

    def _go_to_query(self) -> None:
        self.query_bar.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.query_bar.words.selectAll()

    def _go_to(self, panel: QWidget) -> None:
        if not panel.isVisible():
            (self._library_action if panel is self.library else self._inspector_action).trigger()
        panel.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- dropping anything anywhere ---------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.query_bar.can_accept(event.mimeData()):
            self.drop_place.open(event.mimeData())
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.drop_place.close()
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        self.drop_place.close()
        mime = event.mimeData()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        # After the drop is answered, so that the program it came from isn't kept waiting.
        copy = _copied(mime)
        QTimer.singleShot(0, lambda: self.query_bar.accept_mime(copy))


def _copied(mime: QMimeData) -> QMimeData:
    """The dragged data, for use after the drag has ended."""
    copy = QMimeData()
    for form in mime.formats():
        copy.setData(form, mime.data(form))
    if mime.hasImage():
        copy.setImageData(mime.imageData())
    return copy


def _kind_of(path: str) -> Kind | None:
    form = format_of(path)
    return form.kind if form else None


def _name_of(folder: str) -> str:
    return str(printable(os.path.basename(folder) or folder))


def _inside(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(os.path.join(root, ""))


def _reveal_by_dbus(path: str) -> bool:
    """Ask the file manager of a Linux desktop to show the file selected; whether one answered."""
    if os.path.isdir(path):
        return False
    url = bytes(file_url(path).toEncoded().data()).decode()
    return QProcess.startDetached(
        "dbus-send",
        [
            "--session",
            "--dest=org.freedesktop.FileManager1",
            "--type=method_call",
            "/org/freedesktop/FileManager1",
            "org.freedesktop.FileManager1.ShowItems",
            f"array:string:{url}",
            "string:",
        ],
    )[0]
