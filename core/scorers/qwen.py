"""How Qwen3-VL-Reranker judges: a pair of query and document becomes a prompt, the prompt a logit, the logit a score.

What it is shown is in `qwen_shown`, the prompt in `qwen_prompt`, the arithmetic in `qwen_network`, batches and memory
in `qwen_forward`. Here they are one judge that the pipeline can ask, and `core.reranker` a class for scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.checkpoints import Checkpoint
from core.errors import SemblanceError, TextCut
from core.media import PixelPolicy
from core.query import DEFAULT_INSTRUCTION, Query
from core.scorers import Document, JudgeChoice, KeepsNoFeatures, OnlyScores, Scores, Verdicts
from core.scorers.qwen_forward import Forward, Input, Seen
from core.scorers.qwen_model import LoadedQwen
from core.scorers.qwen_pixels import judge_identity
from core.scorers.qwen_prompt import MAX_LENGTH, PromptWriter, Side
from core.scorers.qwen_shown import Looking, Shown, side_of, told
from core.scorers.qwen_weights import load_network


def score_of(logits: NDArray[np.float32]) -> Scores:
    """The sigmoid, exact to float32."""
    with np.errstate(over="ignore"):
        return (1.0 / (1.0 + np.exp(-logits.astype(np.float64)))).astype(np.float32)


# --- a loaded model ----------------------------------------------------------------------------------


class QwenModel(LoadedQwen):
    """A reranker on a device."""

    def __init__(self, writer: PromptWriter, forward: Forward, *, title: str, digest: str, precision: str, memory: int):
        super().__init__(forward, title=title, digest=digest, precision=precision, memory=memory)
        self.writer = writer

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, choice: JudgeChoice, *, max_length: int = MAX_LENGTH
    ) -> Generator[tuple[int, int], None, QwenModel]:
        """Yields (bytes in place, bytes in all) and returns the model; closed early, it gives back what it has.

        Device and precision of the choice must be filled in. Raises JudgeError.
        """
        writer = PromptWriter(checkpoint.folder, max_length=max_length)
        loaded = yield from load_network(
            checkpoint.folder,
            (writer.yes, writer.no),
            device=choice.device,
            precision=choice.precision,
            title=checkpoint.title,
        )
        return cls(
            writer,
            Forward(loaded.network),
            title=checkpoint.title,
            digest=checkpoint.digest,
            precision=loaded.precision,
            memory=loaded.memory,
        )

    def _try_out(self, forward: Forward, shown: Shown) -> None:
        prompt = self.writer.write("", Side(("warm up",)), shown.side)
        for _ in forward.logits([Input(prompt, shown.seen)]):
            pass


# --- the judge ---------------------------------------------------------------------------------------


class QwenJudge(KeepsNoFeatures):
    """A loaded model that looks at pictures in one way."""

    reads_pixels_alone = True

    def __init__(self, model: QwenModel, pixels: PixelPolicy) -> None:
        self.model = model
        self.pixels = pixels
        self.looking = Looking(pixels)
        self.title = model.title
        self.identity = judge_identity(model.digest, model.precision, pixels)

    @property
    def appetite(self) -> int:
        return self.model.appetite(self.pixels)

    def remembers(self, fingerprint: bytes) -> bool:
        return self.model.recall(self.looking.key(fingerprint)) is not None

    def ask(self, query: Query, references: Sequence[Document]) -> QwenQuestion:
        return QwenQuestion(self, query, references)


class QwenQuestion(OnlyScores):
    """A query as the model reads it."""

    def __init__(self, judge: QwenJudge, query: Query, references: Sequence[Document]) -> None:
        self._judge = judge
        self._model = judge.model
        self._instruction = told(query) or DEFAULT_INSTRUCTION
        self._query = judge.looking.query(query, references)
        self._cut = 0

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        def judge(forward: Forward, enough: Callable[[], bool]) -> Generator[Verdicts, None, int]:
            pairs, places, forgotten = self._pairs(documents)
            if forgotten:
                yield Verdicts((), np.empty(0, np.float32), forgotten=forgotten)
            for indices, logits in forward.logits(pairs, enough):
                reasons = {places[index]: forward.reasons[index] for index in indices if index in forward.reasons}
                yield Verdicts([places[index] for index in indices], score_of(logits), reasons)
            return len(pairs)

        return self._model.carry_out(judge, self._judge.pixels, stopped)

    def _pairs(self, documents: Sequence[Document]) -> tuple[list[Input], list[int], list[int]]:
        """Each document beside the query, which documents these are, and which are no longer remembered."""
        pairs, places, forgotten = [], [], []
        for place, document in enumerate(documents):
            shown = self._show(document)
            if shown is None:
                forgotten.append(place)
                continue
            prompt = self._model.writer.write(self._instruction, self._query.side, shown.side)
            self._cut += prompt.cut
            pairs.append(Input(prompt, (*self._query.seen, *shown.seen)))
            places.append(place)
        return pairs, places, forgotten

    def _show(self, document: Document) -> Shown | None:
        decoded, looking = document.decoded, self._judge.looking
        if decoded is None:
            key = looking.key(document.fingerprint)
            vision = self._model.recall(key)
            return Shown(side_of(vision), (Seen(key, None),)) if vision else None
        shown = looking.document(decoded)
        # What a page says is not remembered with its vision, so it is read again the next time.
        if shown.seen and not shown.side.texts:
            self._model.note(shown.seen[0].key, shown.side.visions[0])
        return shown

    def remark(self) -> SemblanceError | None:
        return TextCut(count=self._cut) if self._cut else None
