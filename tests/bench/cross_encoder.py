"""What the usual library makes of it: sentence-transformers' CrossEncoder with the model's prompt, in batches of 32.

Its prompt is ours to the letter. Its pixels are not: the processor resizes by torchvision where the model's own code
resizes by Pillow, and the difference of two logits is taken in the model's precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench.plain_loop import INSTRUCTION, MIN_PIXELS, SYSTEM

BATCH = 32

_SIDE = (
    "{%- for part in message.content -%}"
    "{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>{%- else -%}{{ part.text }}{%- endif -%}"
    "{%- endfor -%}"
)
_TEMPLATE = (
    "<|im_start|>system\n" + SYSTEM + "<|im_end|>\n<|im_start|>user\n<Instruct>: " + INSTRUCTION + "<Query>:"
    "{%- for message in messages if message.role == 'query' -%}" + _SIDE + "{%- endfor -%}"
    "{{ '\\n<Document>:' }}"
    "{%- for message in messages if message.role == 'document' -%}" + _SIDE + "{%- endfor -%}"
    "{{ '<|im_end|>\\n<|im_start|>assistant\\n' }}"
)


class BatchedCrossEncoder:
    """A CrossEncoder over the same checkpoint, with the reranker's prompt as its chat template."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, max_pixels: int) -> None:
        from sentence_transformers import CrossEncoder
        from sentence_transformers.base.modules import Transformer
        from sentence_transformers.cross_encoder.modules import LogitScore

        transformer = Transformer(
            str(folder),
            transformer_task="any-to-any",
            model_kwargs={"dtype": dtype, "attn_implementation": "sdpa"},
            processing_kwargs={"image": {"size": {"shortest_edge": MIN_PIXELS, "longest_edge": max_pixels}}},
        )
        transformer.processor.chat_template = _TEMPLATE
        words = transformer.processor.tokenizer.get_vocab()
        head = LogitScore(words["yes"], words["no"])
        self.encoder = CrossEncoder(modules=[transformer, head], device=device, activation_fn=torch.nn.Identity())

    def logits(self, query: str, pictures: Sequence[Path]) -> NDArray[np.float64]:
        """One number a picture: before the sigmoid."""
        pairs = [(query, str(path)) for path in pictures]
        return np.asarray(self.encoder.predict(pairs, batch_size=BATCH, show_progress_bar=False), np.float64)
