"""What one pair at a time costs: the loop that the model's reference code is, through the Hugging Face processor.

The same steps in the same order: open the file, resize it by the model's rules, write the conversation, make ids and
patches, one forward, one number. It differs from the reference in two things that cost nothing: the product with the
head is taken in float32, so that scores can be compared, and all that the processor returns goes to the model, without
which transformers from 5.3 on fails.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
INSTRUCTION = "Given a search query, retrieve relevant candidates that answer the query."
MIN_PIXELS = 4 * 32 * 32


class Stopwatch:
    """Seconds by stage. A device works on after it was called, so each lap waits for it."""

    def __init__(self, device: str) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._device = device
        self._since = 0.0

    def start(self) -> None:
        wait_for(self._device)
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """What passed since the last lap was `stage`."""
        wait_for(self._device)
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now


def wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


class PlainLoop:
    """The reference's way with a text query and pictures."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, max_pixels: int) -> None:
        from transformers import AutoProcessor, Qwen3VLForConditionalGeneration

        whole = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
        self._model = whole.model.to(device).eval()
        self._processor: Any = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
        words = self._processor.tokenizer.get_vocab()
        rows = whole.lm_head.weight.detach()
        self._head = (rows[words["yes"]].float() - rows[words["no"]].float()).to(device)
        self._device, self._max_pixels = device, max_pixels
        self.shown: list[tuple[int, int]] = []
        """Tokens and vision patches of every pair so far."""

    def logits(self, query: str, pictures: Sequence[Path]) -> NDArray[np.float64]:
        """One number a picture: before the sigmoid."""
        return np.array([self._logit(query, path, lambda _: None) for path in pictures])

    def stages(self, query: str, pictures: Sequence[Path]) -> dict[str, float]:
        """Seconds spent in decode (file to patches and ids), copy, vision and language over all `pictures`."""
        watch = Stopwatch(self._device)
        vision = [
            self._model.visual.register_forward_pre_hook(lambda *_: watch.lap("language")),
            self._model.visual.register_forward_hook(lambda *_: watch.lap("vision")),
        ]
        watch.start()
        for path in pictures:
            self._logit(query, path, watch.lap)
        for hook in vision:
            hook.remove()
        return watch.seconds

    @torch.inference_mode()
    def _logit(self, query: str, path: Path, lap: Callable[[str], None]) -> float:
        inputs = self._inputs(query, path)
        self.shown.append((inputs["input_ids"].shape[1], len(inputs["pixel_values"])))
        lap("decode")
        inputs = inputs.to(self._device)
        lap("copy")
        last = self._model(**inputs).last_hidden_state[0, -1]
        logit = float(last.float() @ self._head)
        lap("language")
        return logit

    def _inputs(self, query: str, path: Path) -> Any:
        from qwen_vl_utils import process_vision_info

        picture = {"type": "image", "image": f"file://{path}", "min_pixels": MIN_PIXELS, "max_pixels": self._max_pixels}
        parts = [f"<Instruct>: {INSTRUCTION}", "<Query>:", query, "\n<Document>:"]
        conversation = [
            {"role": "system", "content": [{"type": "text", "text": SYSTEM}]},
            {"role": "user", "content": [*({"type": "text", "text": part} for part in parts), picture]},
        ]
        text = self._processor.apply_chat_template([conversation], tokenize=False, add_generation_prompt=True)
        images, _ = process_vision_info([conversation], image_patch_size=16)
        return self._processor(text=text, images=images, do_resize=False, return_tensors="pt")
