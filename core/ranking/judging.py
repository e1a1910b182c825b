"""How a slow judge or encoder works beside the pipeline: a thread that takes whatever documents wait and tells what
it found.

The pipeline goes on reading files, and other jobs have their turn, while the model computes. Each document is judged
by each part of the query that wants it, and comes back once all of them have answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from core.scorers import Document, Feature, Verdicts

Work = Callable[[Sequence[Document], Callable[[], bool]], Iterator[Verdicts]]
"""`SlowQuestion.judge_slowly`, or `Scorer.encode`."""


@dataclass
class Judged:
    """A document that is through."""

    ticket: int
    scores: dict[int, float] = field(default_factory=dict)
    """By part of the query that was asked; NaN where there is none."""
    reason: str = ""
    """Why there is none."""
    forgotten: bool = False
    """It was given by fingerprint alone, and has to be read again."""
    feature: Feature | None = None
    """What an encoder keeps of it."""


class Desk:
    """Documents on their way through a judge. Used by one thread, which `on_done` wakes when some are through."""

    def __init__(self, works: Sequence[Work], on_done: Callable[[], None]) -> None:
        """`works`: what is done to a document, by part of the query."""
        self._works = works
        self._on_done = on_done
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, Document, frozenset[int]]] = []
        self._through: list[Judged] = []
        self._failure: BaseException | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, ticket: int, document: Document, parts: frozenset[int]) -> None:
        """Have a document judged by these parts of the query."""
        with self._changed:
            self._waiting.append((ticket, document, parts))
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="judge", daemon=True)
            self._thread.start()

    def take(self) -> list[Judged]:
        """What is through by now. Raises what stopped the judge, once nothing is left that it had finished."""
        with self._changed:
            through, self._through = self._through, []
            failure = self._failure
        if failure is not None and not through:
            raise failure
        return through

    def close(self) -> None:
        """Have the thread end soon; what is through already can still be taken."""
        with self._changed:
            self._stopped.set()
            self._changed.notify()

    # --- in the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while group := self._next_group():
                self._judge(group)
        except BaseException as error:  # handed to the thread that asked
            with self._changed:
                self._failure = error
        self._on_done()

    def _next_group(self) -> list[tuple[int, Document, frozenset[int]]]:
        """All that wait, as soon as there are any; none once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped.is_set())
            if self._stopped.is_set():
                return []
            group, self._waiting = self._waiting, []
            return group

    def _judge(self, group: list[tuple[int, Document, frozenset[int]]]) -> None:
        files = [Judged(ticket) for ticket, _, _ in group]
        left = [set(parts) for _, _, parts in group]
        for part, work in enumerate(self._works):
            places = [
                place for place, (_, _, parts) in enumerate(group) if part in parts and not files[place].forgotten
            ]
            documents = [group[place][1] for place in places]
            for verdicts in work(documents, self._stopped.is_set) if documents else ():
                for index, score in zip(verdicts.indices, verdicts.scores.tolist(), strict=True):
                    place = places[index]
                    files[place].scores[part] = score
                    files[place].reason = files[place].reason or verdicts.reasons.get(index, "")
                    files[place].feature = verdicts.features.get(index)
                    left[place].discard(part)
                for index in verdicts.forgotten:
                    files[places[index]].forgotten = True
                touched = [places[index] for index in (*verdicts.indices, *verdicts.forgotten)]
                self._tell([files[place] for place in touched if files[place].forgotten or not left[place]])
            if self._stopped.is_set():
                return

    def _tell(self, through: list[Judged]) -> None:
        if through:
            with self._changed:
                self._through += through
            self._on_done()
