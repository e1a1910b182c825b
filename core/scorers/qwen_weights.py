"""How the weights of a checkpoint come to stand in a network on a device: files, names, shapes, number formats.

They are read from safetensors only, a few megabytes at a time, each piece straight to its place in its final format:
loading never needs much more memory than the network will take.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.errors import MemoryTooSmall, ModelDamaged, ModelIncomplete, ModelNotReranker
from core.scorers.device import QUANTISED, dtype_of, free_memory, give_back, is_out_of_memory
from core.scorers.quantised import Int4Linear, Int8Linear
from core.scorers.qwen_network import NetworkShape, QwenNetwork

CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"

PIECE = 1 << 24
"""Numbers of a tensor read at a time: 32 MB in 16 bits. Also how soon a load that is closed ends."""

READABLE = (torch.float32, torch.bfloat16, torch.float16)
"""What weights may be stored in: other formats need scales that another program keeps in its own way."""

LANGUAGE, EMBEDDING, HEAD = "model.language_model.", "model.language_model.embed_tokens.weight", "lm_head.weight"
RENAMED = (
    ("visual.", "model.visual."),
    ("language_model.model.", LANGUAGE),
    ("language_model.lm_head.", "lm_head."),
    ("language_model.", LANGUAGE),
    ("model.", LANGUAGE),
)
"""(how some checkpoints begin a tensor's name, how the published ones do): the first that fits counts."""


@dataclass(frozen=True)
class LoadedNetwork:
    network: QwenNetwork
    device: torch.device
    precision: str
    """As asked for: float32, bfloat16, float16, int8 or int4."""
    memory: int
    """Bytes that the weights take on the device."""


def load_network(
    folder: Path, answers: tuple[int, int] | None, *, device: str, precision: str, title: str = ""
) -> Generator[tuple[int, int], None, LoadedNetwork]:
    """Yields (bytes of weights in place, bytes in all) and returns the network, ready to compute.

    `answers` are the tokens, yes and no, whose rows of the output layer make the score; None for an embedder, whose
    checkpoint need not have that layer. `title` is what MemoryTooSmall calls the model. Raises ModelNotReranker,
    ModelIncomplete, ModelDamaged, MemoryTooSmall. Closed or failed, it leaves nothing in memory.
    """
    on = torch.device(device)
    shape = read_shape(folder)
    dtype = dtype_of(precision, on)
    needed = weight_bytes(shape, precision, dtype)
    try:
        network = yield from _filled(shape, folder, answers, on, precision, dtype)
        return LoadedNetwork(network, on, precision, needed)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here, where the error is gone, has its traceback let go of the tensors.
    give_back(on)
    raise MemoryTooSmall(
        name=title or folder.name,
        needed=round(needed / 1e9, 1),
        available=round(free_memory(on) / 1e9, 1),
        device=device,
    )


def read_shape(folder: Path) -> NetworkShape:
    """The shape that a model's config.json tells. Raises ModelIncomplete, ModelDamaged, ModelNotReranker."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        raise ModelIncomplete(path=str(folder), file=CONFIG) from None
    except (OSError, ValueError) as error:
        raise ModelDamaged(path=str(folder), file=CONFIG, detail=str(error)) from error
    try:
        return NetworkShape.from_config(config)
    except KeyError as error:
        raise ModelNotReranker(path=str(folder), found=f"{CONFIG} has no {error.args[0]}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelNotReranker(path=str(folder), found=str(error)) from error


@functools.lru_cache(maxsize=64)
def weight_bytes(shape: NetworkShape, precision: str, dtype: torch.dtype) -> int:
    """Bytes that the weights of a network take. `dtype`: what is computed in; with int8 and int4, which are for the
    language model alone, what the rest is kept in."""
    network, nowhere = empty_network(shape), torch.device("meta")
    return sum(place(network, name, nowhere, precision, dtype).memory for name in network.sources())


# --- the files ---------------------------------------------------------------------------------------


class _Checkpoint:
    """The tensors in a model's folder, by the names that the published checkpoints use."""

    def __init__(self, folder: Path, files: ExitStack) -> None:
        """`files` is the stack that closes them."""
        self._folder = folder
        self._promised = self._read_index()
        shards = sorted(set(self._promised.values())) or [SINGLE]
        self._shards = {shard: self._open(shard, files) for shard in shards}
        self._places = {
            _renamed(name): (shard, name)
            for shard, opened in self._shards.items()
            for name in opened.keys()  # noqa: SIM118  (no dictionary)
        }

    def pieces(self, names: Sequence[str], rows: int, width: int) -> Iterator[tuple[int, Tensor]]:
        """(first row, rows (n, width)) of tensors put one below the other, at most `PIECE` numbers at a time.

        Raises ModelDamaged if one is not there, if they are not `rows` rows of `width` numbers in all (of a vector,
        each number is a row), or if a number is NaN or infinite.
        """
        found = [(name, *self._find(name)) for name in names]
        shapes = [tuple(tensor.get_shape()) for _, _, tensor in found]
        if any(math.prod(shape[1:]) != width for shape in shapes) or sum(shape[0] for shape in shapes) != rows:
            name, shard, _ = found[0]
            raise self._damaged(shard, f"{name} has the shape {list(shapes[0])}, which does not fit {CONFIG}")
        each = max(1, PIECE // width)
        row = 0
        for (name, shard, tensor), shape in zip(found, shapes, strict=True):
            for start in range(0, shape[0], each):
                piece = self._read(shard, name, tensor, start, min(start + each, shape[0]))
                yield row, piece.reshape(-1, width)
                row += len(piece)

    def row_difference(self, yes: int, no: int) -> Tensor:
        """Row `yes` less row `no` of the output layer, (hidden,) in float32: its other rows are of no use here.

        A model whose output layer is tied to the embedding has the embedding alone.
        """
        name = HEAD if HEAD in self._places else EMBEDDING
        shard, tensor = self._find(name)
        if max(yes, no) >= tensor.get_shape()[0]:
            raise self._damaged(shard, f"{name} has no row {max(yes, no)}")
        first, second = (self._read(shard, name, tensor, row, row + 1)[0].float() for row in (yes, no))
        return first - second

    def _find(self, name: str) -> tuple[str, Any]:
        """(shard, the tensor there, not read yet)"""
        if name not in self._places:
            shard = self._promised.get(name, INDEX if self._promised else SINGLE)
            raise self._damaged(shard, f"{name} is missing")
        shard, own_name = self._places[name]
        return shard, self._shards[shard].get_slice(own_name)

    def _read_index(self) -> dict[str, str]:
        """The shard that each tensor should be in; empty if all are in one file."""
        path = self._folder / INDEX
        # Where there is one file, that is what was inspected and what scores are kept under; an index is a leftover.
        if (self._folder / SINGLE).exists() or not path.is_file():
            return {}
        try:
            weight_map = json.loads(path.read_text("utf-8"))["weight_map"]
            return {_renamed(name): str(shard) for name, shard in weight_map.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(INDEX, str(error)) from error

    def _open(self, shard: str, files: ExitStack) -> Any:
        path = self._folder / shard
        if path.name != shard or not path.is_file():
            raise ModelIncomplete(path=str(self._folder), file=shard)
        try:
            return files.enter_context(safe_open(path, framework="pt", device="cpu"))
        except (SafetensorError, OSError) as error:
            raise self._damaged(shard, str(error)) from error

    def _read(self, shard: str, name: str, tensor: Any, start: int, end: int) -> Tensor:
        try:
            piece: Tensor = tensor[start:end]
        except (SafetensorError, OSError) as error:
            raise self._damaged(shard, str(error)) from error
        except ValueError as error:
            # What torch tells when a view of the file's bytes failed: it has then tried to take them for numbers.
            raise MemoryError from error
        if piece.dtype not in READABLE:
            raise ModelNotReranker(path=str(self._folder), found=f"its weights are stored as {tensor.get_dtype()}")
        if not math.isfinite(piece.sum(dtype=torch.float32)):
            raise self._damaged(shard, f"{name} holds values that are no numbers")
        return piece

    def _damaged(self, shard: str, detail: str) -> ModelDamaged:
        return ModelDamaged(path=str(self._folder), file=shard, detail=detail)


def _renamed(name: str) -> str:
    if name.startswith(("model.visual.", LANGUAGE)):
        return name
    for before, now in RENAMED:
        if name.startswith(before):
            return now + name.removeprefix(before)
    return name


# --- into the network --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where one weight goes."""

    rows: int
    width: int
    memory: int
    """Bytes."""
    take: Callable[[int, Tensor], None]
    """Puts rows (n, width) there, from a row on."""


class _LeftToChance(TorchFunctionMode):
    """New modules are not given random numbers. To draw them for tensors without memory, torch would import its whole
    compiler first, which takes seconds."""

    def __torch_function__(
        self, function: Any, _types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("uniform_", "normal_", "kaiming_uniform_", "fill_", "zero_"):
            return (*args, *(kwargs or {}).values())[0]
        return function(*args, **(kwargs or {}))


def empty_network(shape: NetworkShape) -> QwenNetwork:
    """Without memory for its weights."""
    with torch.device("meta"), _LeftToChance():
        return QwenNetwork(shape)


def place(network: QwenNetwork, name: str, device: torch.device, precision: str, dtype: torch.dtype) -> Place:
    """Memory for the weight of that name, on a device, put into the network; what is in it is left to chance."""
    path, _, last = name.rpartition(".")
    owner = network.get_submodule(path)
    if precision in QUANTISED and path.startswith("language.") and type(owner) is nn.Linear and owner.bias is None:
        with torch.device(device):
            kind = Int8Linear if precision == "int8" else Int4Linear
            linear = kind(owner.in_features, owner.out_features, dtype)
        network.set_submodule(path, linear)
        return Place(linear.out_features, linear.in_features, linear.memory, linear.take)
    weight = torch.empty(getattr(owner, last).shape, dtype=dtype, device=device)
    setattr(owner, last, nn.Parameter(weight, requires_grad=False))
    flat = weight.view(len(weight), -1)

    def take(row: int, rows: Tensor) -> None:
        flat[row : row + len(rows)] = rows

    return Place(len(flat), flat.shape[1], flat.nbytes, take)


def _filled(
    shape: NetworkShape,
    folder: Path,
    answers: tuple[int, int] | None,
    device: torch.device,
    precision: str,
    dtype: torch.dtype,
) -> Generator[tuple[int, int], None, QwenNetwork]:
    """Yields (bytes in place, bytes in all) and returns the network."""
    network, done, total = empty_network(shape), 0, weight_bytes(shape, precision, dtype)
    with ExitStack() as files:
        checkpoint = _Checkpoint(folder, files)
        for name, origins in network.sources().items():
            goal = place(network, name, device, precision, dtype)
            for row, piece in checkpoint.pieces(origins, goal.rows, goal.width):
                goal.take(row, piece.to(device))
                yield done + goal.memory * (row + len(piece)) // goal.rows, total
            done += goal.memory
        network.head = checkpoint.row_difference(*answers).to(device) if answers else None
    network.finish()
    return network.eval()
