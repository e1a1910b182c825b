"""When the engine is asked why the file in the inspector has its score: once for each score it gets."""

from __future__ import annotations

from PySide6.QtCore import QObject

from core import Event, Explain, Explanation
from desktop.engine_thread import EngineLink
from desktop.inspector import Inspector
from desktop.session import Session


class Explainer(QObject):
    """Fills the inspector's explanation. Only the built-in matcher gives one; of a model's score nothing is claimed."""

    def __init__(self, session: Session, link: EngineLink, inspector: Inspector) -> None:
        super().__init__(session)
        self._session, self._link, self._inspector = session, link, inspector
        self._job = 0
        self._subject: tuple[object, ...] = ()  # what the explanation that is shown, or asked for, is of

    def stop(self) -> None:
        """Nothing is to be explained now."""
        self._link.cancel(self._job)
        self._subject = ()

    def explain(self, id_: int, score: float | None) -> None:
        """Say why this file has its score, unless that is said, or asked for, already."""
        session, why = self._session, self._inspector.why
        assert session.listing is not None
        if session.query is None or score is None or not session.ranked_by.is_builtin:
            self.stop()
            why.hide()
            return
        subject = (session.listing.token, id_, score)
        if subject == self._subject:
            return
        if subject[:2] != self._subject[:2]:  # another file, and not only another score
            self._inspector.set_explanation(None)
        self.stop()
        self._subject = subject

        def show(event: Event) -> None:
            if isinstance(event, Explanation):
                self._inspector.set_explanation(event)

        def settle() -> None:
            # Whatever went wrong was told of the ranking, or will be; here it means that nothing is said.
            if not why.said():
                why.hide()

        request = Explain(session.query, session.listing, id_, session.ranked_by)
        self._job = self._link.run(request, show, settle, lambda _: settle())
