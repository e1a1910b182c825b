"""How Qwen3-VL-Embedding encodes: which instruction stands before a document, and which before a query.

The same network as the reranker's, with the same batches and the same pixels; a prompt shows one side alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.checkpoints import Checkpoint
from core.errors import ModelNotEmbedder, ModelNotReranker, QueryError
from core.media import PixelPolicy
from core.query import Query
from core.scorers import Document, JudgeChoice, Scores
from core.scorers.embedding import halfway
from core.scorers.qwen_forward import Forward, Input, Stopped
from core.scorers.qwen_model import LoadedQwen
from core.scorers.qwen_prompt import MAX_LONE_LENGTH, LonePromptWriter, punctuated
from core.scorers.qwen_shown import Looking, Shown, told
from core.scorers.qwen_weights import load_network

DOCUMENT_INSTRUCTION = "Represent the user's input."
"""Before a document: the default of the model's own code."""
QUERY_INSTRUCTION = "Retrieve images or text relevant to the user's query."
"""Before a query with words that gives no instruction of its own: what the model's own examples say."""


class QwenEncoder(LoadedQwen):
    """An embedder on a device: an `Encoder`."""

    def __init__(
        self, writer: LonePromptWriter, forward: Forward, *, title: str, digest: str, precision: str, memory: int
    ) -> None:
        super().__init__(forward, title=title, digest=digest, precision=precision, memory=memory)
        self.writer = writer
        self.dimensions = forward.hidden

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        choice: JudgeChoice,
        *,
        max_length: int = MAX_LONE_LENGTH,
        kept_bytes: int | None = 0,
    ) -> Generator[tuple[int, int], None, QwenEncoder]:
        """Yields (bytes in place, bytes in all) and returns the model; closed early, it gives back what it has.

        Device and precision of the choice must be filled in. `kept_bytes`: of vision features; none unless asked for,
        since a file is encoded once; None: as memory allows. Raises JudgeError.
        """
        try:
            writer = LonePromptWriter(checkpoint.folder, max_length=max_length)
            loaded = yield from load_network(
                checkpoint.folder, None, device=choice.device, precision=choice.precision, title=checkpoint.title
            )
        except ModelNotReranker as error:  # what both kinds must have is missing
            raise ModelNotEmbedder(**error.data) from error
        return cls(
            writer,
            Forward(loaded.network, kept_bytes=kept_bytes),
            title=checkpoint.title,
            digest=checkpoint.digest,
            precision=loaded.precision,
            memory=loaded.memory,
        )

    def documents(
        self, documents: Sequence[Document], pixels: PixelPolicy, stopped: Callable[[], bool]
    ) -> Iterator[tuple[list[int], NDArray[np.float32], dict[int, str]]]:
        """See `Encoder.documents`."""

        def encode(
            forward: Forward, enough: Callable[[], bool]
        ) -> Generator[tuple[list[int], NDArray[np.float32], dict[int, str]], None, int]:
            looking = Looking(pixels)
            shown = [looking.document(document.decoded) for document in documents if document.decoded]
            assert len(shown) == len(documents)
            for indices, vectors in forward.vectors([self.input(DOCUMENT_INSTRUCTION, one) for one in shown], enough):
                yield indices, vectors, {index: forward.reasons[index] for index in indices if index in forward.reasons}
            return len(documents)

        return self.carry_out(encode, pixels, stopped)

    def query(
        self, query: Query, references: Sequence[Document], pixels: PixelPolicy, stopped: Callable[[], bool]
    ) -> NDArray[np.float32]:
        """(dimensions,): the vector of a query whose references are decoded.

        Words, pictures and clips together are one prompt. Pictures and clips alone are encoded as documents are, so
        that the vector kept of a file is the query's who asks for its like. Raises JudgeNotLoaded, QueryError if there
        is no vector for it, and Stopped.
        """
        instruction = told(query) or (QUERY_INSTRUCTION if query.text else DOCUMENT_INSTRUCTION)
        looking = Looking(pixels)
        alone = references[0].decoded if len(references) == 1 and not query.text else None
        if alone is not None and query.references[0].region is None:
            shown = looking.document(alone)  # a page of a PDF with what it says
        else:
            shown = looking.query(query, references)
        given = self.input(punctuated(instruction), shown)

        def encode(forward: Forward, enough: Callable[[], bool]) -> Generator[NDArray[np.float32], None, int]:
            for _, vectors in forward.vectors([given], enough):
                yield vectors[0]
            return 0

        vector = next(self.carry_out(encode, pixels, stopped), None)
        if vector is None:
            raise Stopped
        if not np.isfinite(vector).all():
            raise QueryError
        return vector

    def score(self, cosines: NDArray[np.float32], query: Query) -> Scores:
        """(1 + cosine) / 2: the model gives no probability of its own."""
        return halfway(cosines)

    def input(self, instruction: str, shown: Shown) -> Input:
        """A side as the network reads it."""
        return Input(self.writer.write(instruction, shown.side), shown.seen)

    def _try_out(self, forward: Forward, shown: Shown) -> None:
        for _ in forward.vectors([self.input(DOCUMENT_INSTRUCTION, shown)]):
            pass
