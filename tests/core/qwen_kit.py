"""Networks and pairs small enough to be computed in milliseconds, for the tests of the network and of its batches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from core.scorers.qwen_forward import Input, Seen
from core.scorers.qwen_network import NetworkShape, QwenNetwork
from core.scorers.qwen_prompt import LonePromptWriter, PromptWriter, Side, Vision

MODEL = Path(__file__).parents[1] / "data" / "parity" / "model"
CONFIG: dict[str, Any] = json.loads((MODEL / "config.json").read_text("utf-8"))
WRITER, LONE_WRITER = PromptWriter(MODEL), LonePromptWriter(MODEL)

Frames = NDArray[np.uint8]


def build(config: dict[str, Any], tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> QwenNetwork:
    """The network of a checkpoint's tensors."""
    with torch.device("meta"):
        network = QwenNetwork(NetworkShape.from_config(config))
    weights = {name: torch.cat([tensors[one] for one in ones]).to(dtype) for name, ones in network.sources().items()}
    network.load_state_dict(weights, strict=False, assign=True)
    rows = tensors.get("lm_head.weight", tensors["model.language_model.embed_tokens.weight"]).float()
    network.head = rows[WRITER.yes] - rows[WRITER.no]
    network.finish()
    return network.eval()


def kit_network(dtype: torch.dtype = torch.float32) -> QwenNetwork:
    """That of the parity kit."""
    return build(CONFIG, load_file(MODEL / "model.safetensors"), dtype)


def pixels(seed: int, rows: int, columns: int, frames: int = 1) -> Frames:
    """A made-up picture or clip of so many tokens."""
    random = np.random.default_rng(seed)
    shades = random.integers(0, 256, (frames, rows * 4, columns * 4, 3), dtype=np.uint8)
    return shades.repeat(8, axis=1).repeat(8, axis=2)


def vision_of(frames: Frames) -> Vision:
    count, height, width, _ = frames.shape
    return Vision(height // 32, width // 32, tuple(float(pair) for pair in range(count // 2)) if count > 1 else ())


def pair(query: Sequence[str | Frames], document: Sequence[str | Frames], instruction: str = "Find it.") -> Input:
    """Texts and frames of each side. Equal frames have equal keys."""
    (one, shown), (other, also_shown) = _side(query), _side(document)
    return Input(WRITER.write(instruction, one, other), shown + also_shown)


def lone(given: Sequence[str | Frames], instruction: str = "Represent it.") -> Input:
    """The same for an embedder."""
    side, shown = _side(given)
    return Input(LONE_WRITER.write(instruction, side), shown)


def _side(given: Sequence[str | Frames]) -> tuple[Side, tuple[Seen, ...]]:
    visions = [part for part in given if not isinstance(part, str)]
    clips = [part for part in visions if len(part) > 1]
    pictures = [part for part in visions if len(part) == 1]
    texts = tuple(part for part in given if isinstance(part, str))
    side = Side(texts, tuple(map(vision_of, pictures)), tuple(map(vision_of, clips)))
    return side, tuple(Seen(hash(frames.tobytes()), frames) for frames in [*clips, *pictures])


@contextmanager
def one_thread() -> Iterator[None]:
    """What is so small only waits for other threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
