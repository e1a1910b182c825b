"""The embedder for scripts: `Qwen3VLEmbedder` takes the reference's dictionaries and gives its vectors.

from core import Qwen3VLEmbedder
model = Qwen3VLEmbedder("Embedding-2B")
vectors = model.process([{"text": "a red door", "instruction": "Find pictures."}, {"image": "door.jpg"}])
cosine = vectors[0] @ vectors[1]
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  before torch is loaded by any of those below

# isort: split
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import models
from core.given_media import (
    FPS,
    MAX_FRAMES,
    MAX_PIXELS,
    MIN_PIXELS,
    TOTAL_PIXELS,
    ForScripts,
    Pending,
    chosen,
    pixels_of,
    returned,
)
from core.scorers.qwen_embedding import DOCUMENT_INSTRUCTION, QwenEncoder
from core.scorers.qwen_forward import Forward, Input, Results
from core.scorers.qwen_prompt import MAX_LONE_LENGTH, punctuated


class Qwen3VLEmbedder(ForScripts[QwenEncoder]):
    """Qwen3-VL-Embedding over pictures, clips, texts and mixtures of them. Used by one thread at a time.

    The defaults are the reference's, and the checkpoint's own precision; `torch_dtype="auto"` is the fastest sound one
    on the device. `device` is auto, cuda, mps or cpu. Raises JudgeError.
    """

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] = "auto",
        max_length: int = MAX_LONE_LENGTH,
        min_pixels: int = MIN_PIXELS,
        max_pixels: int = MAX_PIXELS,
        total_pixels: int = TOTAL_PIXELS,
        fps: float = FPS,
        max_frames: int = MAX_FRAMES,
        default_instruction: str = DOCUMENT_INSTRUCTION,
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
        choice = chosen(model_name_or_path, torch_dtype, device, embedder=True)
        checkpoint = models.find(choice.name, embedder=True)
        model = returned(QwenEncoder.load(checkpoint, choice, max_length=max_length, kept_bytes=None))
        pixels = pixels_of(min_pixels, max_pixels, total_pixels, fps, max_frames)
        super().__init__(model, choice, replace(pixels, scaled=scaled), workers)

    def process(self, inputs: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
        """(inputs, dimensions) vectors of length 1, in their order; a row of NaN for what can't be read.

        `reasons` then says why, by place. An input is a dictionary with text, image and video, each one or a list of
        several, and its own instruction, fps and max_frames; pictures are paths or PIL images, clips paths or lists of
        frames. Raises JudgeError if the model can't go on, TypeError for what is none of these.
        """
        if not isinstance(inputs, Sequence) or not all(isinstance(given, Mapping) for given in inputs):
            raise TypeError("a list of dictionaries with text, image and video is wanted")
        readers = [self._reader(given.get("fps"), given.get("max_frames")) for given in inputs]

        def written(place: int, pending: Pending) -> Input:
            told = punctuated(inputs[place].get("instruction") or "") or self.default_instruction
            return self.model.input(told, readers[place].renewed(pending.result(), inputs[place]))

        def encode(forward: Forward, enough: Callable[[], bool]) -> Generator[tuple[list[int], Results], None, int]:
            begun = (reader.read(given) for reader, given in zip(readers, inputs, strict=True))
            yield from self._results("input", begun, written, lambda given: forward.vectors(given, enough))
            return len(inputs)

        vectors = np.full((len(inputs), self.model.dimensions), np.nan, np.float32)
        for places, found in self.model.carry_out(encode, self._pixels, lambda: False):
            vectors[places] = found
        return vectors
