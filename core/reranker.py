"""The judge for scripts: `Qwen3VLReranker` takes the reference's dictionaries and gives its scores, many times faster.

from core import Qwen3VLReranker
model = Qwen3VLReranker("2B")
scores = model.process({"query": {"text": "a red door"}, "documents": [{"image": "door.jpg"}, {"text": "A door."}]})
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  before torch is loaded by any of those below

# isort: split
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core import models
from core.errors import MediaError, ReferenceUnreadable
from core.given_media import (
    FPS,
    MAX_FRAMES,
    MAX_PIXELS,
    MIN_PIXELS,
    TOTAL_PIXELS,
    ForScripts,
    Given,
    Pending,
    Reader,
    chosen,
    name_of,
    pixels_of,
    returned,
)
from core.query import DEFAULT_INSTRUCTION
from core.scorers.qwen import QwenModel, score_of
from core.scorers.qwen_forward import Forward, Input, Results
from core.scorers.qwen_prompt import MAX_LENGTH
from core.scorers.qwen_shown import Shown

UNREADABLE = -1.0
"""The score of a document that can't be read."""


class Qwen3VLReranker(ForScripts[QwenModel]):
    """Qwen3-VL-Reranker over pictures, clips, texts and mixtures of them. Used by one thread at a time.

    The defaults are the reference's, and the checkpoint's own precision; `torch_dtype="auto"` is the fastest sound one
    on the device. `device` is auto, cuda, mps or cpu. Raises JudgeError.
    """

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] = "auto",
        max_length: int = MAX_LENGTH,
        min_pixels: int = MIN_PIXELS,
        max_pixels: int = MAX_PIXELS,
        total_pixels: int = TOTAL_PIXELS,
        fps: float = FPS,
        max_frames: int = MAX_FRAMES,
        default_instruction: str = DEFAULT_INSTRUCTION,
        *,
        torch_dtype: Any = None,
        device: Any = "auto",
        scaled: bool = False,
        attn_implementation: str | None = None,
        workers: int | None = None,
    ) -> None:
        """`scaled`: decode JPEGs at a reduced scale: faster, slightly other pixels. `attn_implementation` is accepted
        for the reference's sake and means nothing here. `workers`: threads that decode."""
        self.max_length = max_length
        self.default_instruction = default_instruction
        choice = chosen(model_name_or_path, torch_dtype, device, embedder=False)
        model = returned(QwenModel.load(models.find(choice.name), choice, max_length=max_length))
        pixels = pixels_of(min_pixels, max_pixels, total_pixels, fps, max_frames)
        super().__init__(model, choice, replace(pixels, scaled=scaled), workers)

    def process(self, inputs: Mapping[str, Any]) -> list[float]:
        """Scores 0..1 of inputs["documents"] for inputs["query"], in their order; -1.0 for what can't be read.

        Query and documents are dictionaries with text, image and video, each one or a list of several; pictures are
        paths or PIL images, clips paths or lists of frames. Also taken from `inputs`: instruction, fps, max_frames.
        Raises ReferenceUnreadable if the query can't be read, AddressRefused if it is on the web, JudgeError if the
        model can't go on, TypeError for what is none of these.
        """
        query, documents = inputs.get("query"), list(inputs.get("documents") or ())
        if not query or not documents:
            return []
        instruction = inputs.get("instruction") or self.default_instruction
        if isinstance(text := query.get("text"), tuple):
            instruction, query = text[0] or self.default_instruction, {**query, "text": text[1]}
        reader = self._reader(inputs.get("fps"), inputs.get("max_frames"))
        asked: Shown | None = None

        def written(place: int, pending: Pending) -> Input:
            nonlocal asked
            asked = _asked(reader, query, asked)
            shown = reader.renewed(pending.result(), documents[place])
            prompt = self.model.writer.write(instruction, asked.side, shown.side)
            return Input(prompt, (*asked.seen, *shown.seen))

        def judge(forward: Forward, enough: Callable[[], bool]) -> Generator[tuple[list[int], Results], None, int]:
            nonlocal asked
            asked = _asked(reader, query, None)
            begun = map(reader.read, documents)
            yield from self._results("document", begun, written, lambda pairs: forward.logits(pairs, enough))
            return len(documents)

        scores = np.full(len(documents), UNREADABLE, np.float32)
        for places, logits in self.model.carry_out(judge, self._pixels, lambda: False):
            scores[places] = np.where(np.isnan(logits), UNREADABLE, score_of(logits))
        return [float(score) for score in scores]


def _asked(reader: Reader, query: Given, known: Shown | None) -> Shown:
    """The query, read if it isn't known, or no longer with its pixels or features. Raises ReferenceUnreadable."""
    try:
        return reader.read(query).result() if known is None else reader.renewed(known, query)
    except MediaError as error:
        raise ReferenceUnreadable(path=name_of(query), reason=error) from error
