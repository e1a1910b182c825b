"""How a checkpoint of two towers becomes transformers' model on a device, and what of it stays on the disk.

transformers would fill in at random what a file lacks, and read the table of tokens whole: half of the base model, of
which a query needs a few rows. So the model is made empty, filled from safetensors by name, and the table left where it
is. Nothing is fetched and no code of the checkpoint is run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, initialization
from transformers.utils import logging

from core.checkpoints import Checkpoint
from core.errors import (
    MemoryTooSmall,
    ModelDamaged,
    ModelForbidden,
    ModelIncomplete,
    ModelNotEmbedder,
    PrecisionUnfit,
)
from core.scorers.device import QUANTISED, computing, dtype_of, free_memory, give_back, is_out_of_memory

CONFIG = "config.json"
FAMILIES = ("siglip", "siglip2", "clip", "chinese_clip")
"""Values of `model_type`. The SigLIP 2 models of one size call themselves siglip; siglip2 are those of many."""
_LOGIT = ("logit_scale", "logit_bias")
"""Two numbers by which a cosine becomes a probability, never rounded."""
_READABLE = (torch.float32, torch.bfloat16, torch.float16)

logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # of published configurations, which name no special tokens, it warns programmers


@dataclass(frozen=True)
class LoadedTowers:
    model: Any
    """transformers' model, ready to compute."""
    device: torch.device
    dtype: torch.dtype
    precision: str
    memory: int
    """Bytes that the weights take on the device."""


def load_towers(
    checkpoint: Checkpoint, *, device: str, precision: str
) -> Generator[tuple[int, int], None, LoadedTowers]:
    """Yields (bytes of weights in place, bytes in all) and returns the model; closed early, it gives back what it has.

    Raises ModelNotEmbedder, ModelIncomplete, ModelDamaged, ModelForbidden, PrecisionUnfit, MemoryTooSmall.
    """
    on = torch.device(device)
    if precision == "auto":
        precision = "float32" if on.type == "cpu" else computing(on)
    if precision in QUANTISED:
        raise PrecisionUnfit(precision=precision, device=device, detail="it is for larger models")
    dtype = dtype_of(precision, on)
    model = _empty_model(checkpoint.folder)
    needed = sum(weight.numel() for weight in _weights(model).values()) * dtype.itemsize
    try:
        for done in _fill(model, checkpoint, on, dtype):
            yield done, needed
        return LoadedTowers(model.eval(), on, dtype, precision, needed)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here, where the error is gone, has its traceback let go of the tensors.
    del model
    give_back(on)
    raise MemoryTooSmall(
        name=checkpoint.title,
        needed=round(needed / 1e9, 1),
        available=round(free_memory(on) / 1e9, 1),
        device=device,
    )


# --- the empty model ---------------------------------------------------------------------------------


def _empty_model(folder: Path) -> Any:
    """transformers' model of that configuration, its weights without memory."""
    told = _told(folder)
    family = told.pop("model_type", None)
    if family not in FAMILIES:
        raise ModelNotEmbedder(path=str(folder), found=str(family or "config.json has no model_type"))
    told.pop("auto_map", None)  # code of the checkpoint, which is never run
    try:
        config = AutoConfig.for_model(family, **told)
        with torch.device("meta"), initialization.no_init_weights():
            model = AutoModel.from_config(config, attn_implementation="sdpa")  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a library makes of sizes that don't go together
        detail = f"it describes no model: {error}".splitlines()[0]
        raise ModelDamaged(path=str(folder), file=CONFIG, detail=detail) from error
    for name, buffer in list(model.named_buffers()):
        # What is not in the file: places count up, and all of a text is of one type.
        kept = torch.arange(buffer.shape[-1]).expand(buffer.shape) if name.endswith("position_ids") else None
        owner, _, last = name.rpartition(".")
        setattr(model.get_submodule(owner), last, torch.zeros_like(buffer, device="cpu") if kept is None else kept)
    return model


def _told(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        raise ModelIncomplete(path=str(folder), file=CONFIG) from None
    except PermissionError as error:
        raise ModelForbidden(path=str(folder)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(path=str(folder), file=CONFIG, detail=str(error)) from error
    if not isinstance(told, dict):
        raise ModelDamaged(path=str(folder), file=CONFIG, detail="it is not what its name says")
    return told


def _weights(model: Any) -> dict[str, Tensor]:
    """What the model computes with, by the names in the file, without its table of tokens."""
    table = model.text_model.get_input_embeddings().weight
    return {name: weight for name, weight in model.named_parameters() if weight is not table}


# --- filling it --------------------------------------------------------------------------------------


def _fill(model: Any, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Iterator[int]:
    """Yields the bytes that are in place."""
    table = model.text_model.get_input_embeddings().weight
    table_name = next(name for name, weight in model.named_parameters() if weight is table)
    done = 0
    with ExitStack() as opened:
        places = _places(checkpoint, opened)
        for name, weight in _weights(model).items():
            file, source = _found(checkpoint, places, name)
            exact = torch.float32 if name in _LOGIT else dtype
            tensor = _read(checkpoint, file, source, name, tuple(weight.shape)).to(device, exact, copy=True)
            if not math.isfinite(tensor.sum(dtype=torch.float32)):
                raise _damaged(checkpoint, file, f"{name} holds values that are no numbers")
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, nn.Parameter(tensor, requires_grad=False))
            done += tensor.nbytes
            yield done
        file, source = _found(checkpoint, places, table_name)
        _read(checkpoint, file, source, table_name, tuple(table.shape))  # found whole, by its header
    model.text_model.set_input_embeddings(_TableOnDisk(checkpoint, file, table_name, dtype))
    for buffer_name, buffer in list(model.named_buffers()):
        owner, _, last = buffer_name.rpartition(".")
        setattr(model.get_submodule(owner), last, buffer.to(device))


def _places(checkpoint: Checkpoint, opened: ExitStack) -> dict[str, tuple[str, Any]]:
    """(file, the open file) of every tensor of the checkpoint, by name."""
    places: dict[str, tuple[str, Any]] = {}
    for file in checkpoint.weights:
        source = opened.enter_context(_opened(checkpoint, file))
        places |= dict.fromkeys(source.keys(), (file, source))
    return places


def _opened(checkpoint: Checkpoint, file: str) -> Any:
    try:
        return safe_open(checkpoint.folder / file, framework="pt", device="cpu")
    except FileNotFoundError:
        raise ModelIncomplete(path=str(checkpoint.folder), file=file) from None
    except PermissionError as error:
        raise ModelForbidden(path=str(checkpoint.folder)) from error
    except (SafetensorError, OSError) as error:
        raise _damaged(checkpoint, file, str(error)) from error


def _found(checkpoint: Checkpoint, places: dict[str, tuple[str, Any]], name: str) -> tuple[str, Any]:
    if name not in places:
        raise _damaged(checkpoint, checkpoint.weights[0], f"{name} is missing")
    return places[name]


def _read(checkpoint: Checkpoint, file: str, source: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    """The tensor as a view of the file."""
    try:
        tensor: Tensor = source.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise _damaged(checkpoint, file, str(error)) from error
    if tuple(tensor.shape) != shape:
        raise _damaged(checkpoint, file, f"{name} has the shape {list(tensor.shape)}, which does not fit {CONFIG}")
    if tensor.dtype not in _READABLE:
        raise ModelNotEmbedder(path=str(checkpoint.folder), found=f"its weights are stored as {tensor.dtype}")
    return tensor


def _damaged(checkpoint: Checkpoint, file: str, detail: str) -> ModelDamaged:
    return ModelDamaged(path=str(checkpoint.folder), file=file, detail=detail)


class _TableOnDisk(nn.Module):
    """The vectors of tokens, read from the checkpoint's file as they are needed: a text has a few dozen of 256,000.

    The file is open only while they are read. One that has changed since the model was loaded is refused: its tokens
    might be another model's.
    """

    def __init__(self, checkpoint: Checkpoint, file: str, name: str, dtype: torch.dtype) -> None:
        super().__init__()
        self._checkpoint, self._file, self._name, self._dtype = checkpoint, file, name, dtype
        self._state = self._looked_at()

    def _looked_at(self) -> tuple[int, int]:
        try:
            status = (self._checkpoint.folder / self._file).stat()
        except OSError as error:
            raise ModelIncomplete(path=str(self._checkpoint.folder), file=self._file) from error
        return status.st_size, status.st_mtime_ns

    def forward(self, ids: Tensor) -> Tensor:
        if self._looked_at() != self._state:
            raise _damaged(self._checkpoint, self._file, "it has changed since the model was loaded")
        with _opened(self._checkpoint, self._file) as source:
            rows: Tensor = source.get_tensor(self._name)[ids.cpu()]  # a copy of these rows alone
        return rows.to(ids.device, self._dtype)
