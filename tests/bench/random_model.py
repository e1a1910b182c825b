"""How a random Qwen3-VL reranker of any shape is made: a checkpoint folder that every loader reads as a real one.

A random model runs as fast as the real one of its shape, so speed can be measured where no weights are. Tokenizer and
processor are those of the parity kit in tests/data/parity; a real prompt has about as many tokens in it, since it was
trained on the prompt's fixed words.

    python -m tests.bench.random_model FOLDER SHAPE DEVICE      tiny, middle, 2B or 8B; cpu or cuda
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

KIT = Path(__file__).parents[1] / "data" / "parity" / "model"
SHARD_BYTES = 4 * 10**9
_AS_THEY_ARE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
)


@dataclass(frozen=True)
class Shape:
    """The sizes of a Qwen3-VL network. Sources: the parity kit; engine-facts of the project; the public checkpoints."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    rotary: tuple[int, int, int]
    """How many pairs of a head's dimensions turn with time, row and column."""
    vision_depth: int
    vision_hidden: int
    vision_heads: int
    vision_ffn: int
    deepstack: tuple[int, ...]
    """After which vision blocks features branch off."""
    vocabulary: int = 0
    """Rows of the embedding; 0: as many as the kit's tokenizer has."""
    tied: bool = False
    """Whether the head shares its rows with the embedding."""
    dtype: torch.dtype = torch.float32


SHAPES = {
    "tiny": Shape(4, 64, 4, 2, 16, 128, (4, 2, 2), 4, 32, 2, 64, (0, 1, 2)),
    "middle": Shape(8, 768, 8, 4, 96, 2304, (16, 16, 16), 8, 384, 6, 1536, (2, 4, 6)),
    "2B": Shape(
        28, 2048, 16, 8, 128, 6144, (24, 20, 20), 24, 1024, 16, 4096, (5, 11, 17), 151_936, True, torch.bfloat16
    ),
    "8B": Shape(
        36, 4096, 32, 8, 128, 12288, (24, 20, 20), 27, 1152, 16, 4304, (8, 16, 24), 151_936, False, torch.bfloat16
    ),
}


def write_random_model(
    folder: Path, shape: Shape, *, device: str = "cpu", seed: int = 7, shard_bytes: int = SHARD_BYTES
) -> None:
    """Write a checkpoint of `shape` into `folder`, which is made if need be.

    Weights are drawn on `device`, the same ones whenever device, shape and seed are the same. No more than one shard
    is in memory at a time, so the 8B shape (17 GB) needs 5.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(shape)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in _AS_THEY_ARE:
        shutil.copyfile(KIT / name, folder / name)
    generation = json.loads((KIT / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2))
    where: dict[str, int] = {}
    shards = total = 0
    for shard in _shards(config, shape, torch.device(device), seed, shard_bytes):
        shards += 1
        save_file(shard, folder / _shard_name(shards), metadata={"format": "pt"})
        where |= dict.fromkeys(shard, shards)
        total += sum(tensor.nbytes for tensor in shard.values())
    _name_shards(folder, where, shards, total)


def config_of(shape: Shape) -> dict[str, Any]:
    """What config.json says of `shape`."""
    config: dict[str, Any] = deepcopy(json.loads((KIT / "config.json").read_text()))
    text, vision = config["text_config"], config["vision_config"]
    config["tie_word_embeddings"] = text["tie_word_embeddings"] = shape.tied
    config["torch_dtype"] = str(shape.dtype).removeprefix("torch.")
    text |= {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocabulary or text["vocab_size"],
    }
    text["rope_scaling"]["mrope_section"] = list(shape.rotary)
    vision |= {
        "depth": shape.vision_depth,
        "hidden_size": shape.vision_hidden,
        "intermediate_size": shape.vision_ffn,
        "num_heads": shape.vision_heads,
        "out_hidden_size": shape.hidden,
        "deepstack_visual_indexes": list(shape.deepstack),
    }
    return config


def _shards(
    config: dict[str, Any], shape: Shape, device: torch.device, seed: int, shard_bytes: int
) -> Iterator[dict[str, torch.Tensor]]:
    shard: dict[str, torch.Tensor] = {}
    size = 0
    for name, dimensions in _tensors(config):
        tensor = _draw(name, dimensions, shape, device, seed)
        if shard and size + tensor.nbytes > shard_bytes:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor
        size += tensor.nbytes
    yield shard


def _tensors(config: dict[str, Any]) -> list[tuple[str, torch.Size]]:
    """The names and dimensions that transformers expects; asked of the library, so that none can be missing."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    with torch.device("meta"):
        network = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**config))
    return [
        (name, tensor.shape)
        for name, tensor in network.state_dict().items()
        if not (name == "lm_head.weight" and config["tie_word_embeddings"])
    ]


def _draw(name: str, dimensions: torch.Size, shape: Shape, device: torch.device, seed: int) -> torch.Tensor:
    if name.endswith(("norm.weight", "norm1.weight", "norm2.weight")):
        return torch.ones(dimensions, dtype=shape.dtype, device=device)
    if name.endswith("bias"):
        return torch.zeros(dimensions, dtype=shape.dtype, device=device)
    generator = torch.Generator(device).manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    drawn = torch.empty(dimensions, dtype=shape.dtype, device=device)
    return drawn.normal_(0, _spread(name, dimensions, shape), generator=generator)


def _spread(name: str, dimensions: torch.Size, shape: Shape) -> float:
    """The standard deviation a weight is drawn with."""
    if name.endswith(("embed_tokens.weight", "lm_head.weight")):
        return 2 / math.sqrt(shape.hidden)
    if name.endswith("pos_embed.weight"):
        return 0.5
    return 1 / math.sqrt(math.prod(dimensions[1:]))


def _shard_name(number: int) -> str:
    return f"model-{number:05}.safetensors"


def _name_shards(folder: Path, where: dict[str, int], shards: int, total: int) -> None:
    """Give the shards the names that the Hub's checkpoints have, and write the index if there are several."""
    if shards == 1:
        (folder / _shard_name(1)).rename(folder / "model.safetensors")
        return
    names = {number: f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)}
    for number, name in names.items():
        (folder / _shard_name(number)).rename(folder / name)
    index = {
        "metadata": {"total_size": total},
        "weight_map": {tensor: names[number] for tensor, number in where.items()},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]), SHAPES[sys.argv[2]], device=sys.argv[3])
