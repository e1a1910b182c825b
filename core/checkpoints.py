"""What makes a folder a Qwen3-VL reranker: which files, which architecture, whole to the last byte; and its digest.

Only headers are read, a few megabytes even of 17 GB. Nothing of the folder is ever run: weights are safetensors,
and code that a config names (`auto_map`) is ignored.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelDamaged, ModelFolderWrong, ModelForbidden, ModelIncomplete, ModelNotReranker
from core.media import fingerprint

ARCHITECTURE, MODEL_TYPE = "Qwen3VLForConditionalGeneration", "qwen3_vl"
CONFIG, TOKENIZER, WEIGHTS, INDEX = "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"

_MOST_HEADER = 100 * 2**20  # the format's own limit
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Checkpoint:
    """A model's files, found whole."""

    name: str
    """What names it on the command line: 2B, 8B, or the folder."""
    title: str
    folder: Path
    digest: str
    """16 hexadecimal digits naming what scores depend on: config, tokenizer and weights, wherever they lie."""
    size: int
    """Bytes of the files directly in the folder."""
    weights: tuple[str, ...]
    """The safetensors files, by name."""


def inspect(folder: Path, *, name: str = "", title: str = "") -> Checkpoint:
    """The model in `folder`, found to be a Qwen3-VL reranker with every file whole.

    Raises ModelFolderWrong, ModelForbidden, ModelNotReranker, ModelIncomplete and ModelDamaged.
    """
    folder = folder.absolute()
    try:
        return _inspected(folder, name, title)
    except PermissionError as error:
        raise ModelForbidden(path=str(folder)) from error


def _inspected(folder: Path, name: str, title: str) -> Checkpoint:
    if not _is_file(folder / CONFIG):
        raise ModelFolderWrong(path=str(folder))
    _check_kind(folder, title or folder.name)
    _check_json_ends(folder, TOKENIZER)
    weights = _weight_files(folder)
    present = [entry for entry in folder.iterdir() if entry.is_file()]
    return Checkpoint(
        name=name or str(folder),
        title=title or folder.name,
        folder=folder,
        digest=_digest(folder, weights),
        size=sum(entry.stat().st_size for entry in present),
        weights=weights,
    )


def _is_file(path: Path) -> bool:
    """As Path.is_file, which raises PermissionError in some versions of Python only; this always does."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def _digest(folder: Path, weights: Collection[str]) -> str:
    # Shards by sampled fingerprint: reading 17 GB would take longer than loading them.
    digest = hashlib.blake2b(digest_size=8)
    for file in [CONFIG, TOKENIZER, *weights]:
        with _opened(folder, file) as stream:
            digest.update(fingerprint(stream))
    return digest.hexdigest()


# --- the kind of model -------------------------------------------------------------------------------


def _check_kind(folder: Path, title: str) -> None:
    config = _json(folder, CONFIG)
    found = config.get("architectures") or [ARCHITECTURE]
    if not isinstance(found, list):
        found = [found]
    if config.get("model_type") != MODEL_TYPE or ARCHITECTURE not in found:
        other = found[0] if found != [ARCHITECTURE] else config.get("model_type", "no model_type")
        raise ModelNotReranker(path=str(folder), found=str(other))
    for part in ("text_config", "vision_config"):
        if not isinstance(config.get(part), dict):
            raise ModelNotReranker(path=str(folder), found=f"config.json has no {part}")
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method", "") if isinstance(quantised, dict) else ""
        raise ModelNotReranker(path=str(folder), found=f"its weights are quantised by {method or 'another program'}")
    if sibling := _sibling(folder, title):
        raise ModelNotReranker(path=str(folder), found=sibling)


def _sibling(folder: Path, title: str) -> str:
    """Which other Qwen3-VL this is: the embedder and the chat models have the reranker's architecture.

    The embedder's repository names the steps after the network, pooling first, in modules.json. Otherwise only
    the name tells, so a name is believed only where it is plain.
    """
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        kinds = {str(module["type"]).rpartition(".")[2] for module in modules}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        kinds = set()
    if "Pooling" in kinds:
        return "an embedder"
    if re.search(r"rerank", title, re.IGNORECASE) or "LogitScore" in kinds:
        return ""
    told = re.search(r"qwen3-vl-(?:.*-)?(embedding|instruct|thinking)", title, re.IGNORECASE)
    return ("an embedder" if told[1].lower() == "embedding" else "a chat model") if told else ""


# --- files -------------------------------------------------------------------------------------------


def _opened(folder: Path, file: str) -> Any:
    """A file of the model, open for reading. Raises ModelIncomplete, ModelDamaged and PermissionError."""
    path = folder / file
    try:
        if stat.S_ISFIFO(path.stat().st_mode):  # opening it would wait for somebody to write
            raise ModelDamaged(path=str(folder), file=file, detail="it is a pipe")
        return path.open("rb")
    except PermissionError:
        raise
    except FileNotFoundError as error:
        raise ModelIncomplete(path=str(folder), file=file) from error
    except OSError as error:
        raise damaged(folder, file, error) from error


def damaged(folder: Path, file: str, error: OSError) -> ModelDamaged:
    """What an operating system's refusal to read a model's file means."""
    return ModelDamaged(path=str(folder), file=file, detail=f"it can't be read: {error.strerror or error}")


def _json(folder: Path, file: str) -> dict[str, Any]:
    with _opened(folder, file) as stream:
        content = stream.read()
    if content.startswith(_POINTER):
        raise _pointer(folder, file)
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelDamaged(path=str(folder), file=file, detail="it is not JSON") from error
    if not isinstance(read, dict):
        raise ModelDamaged(path=str(folder), file=file, detail="it is not what its name says")
    return read


def _pointer(folder: Path, file: str) -> ModelDamaged:
    return ModelDamaged(path=str(folder), file=file, detail="it is a Git LFS pointer, not the file itself")


def _check_json_ends(folder: Path, file: str) -> None:
    # The tokenizer is 11 MB: parsing it here and again when the model is loaded would take longer than all the rest.
    with _opened(folder, file) as stream:
        start = stream.read(64)
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 64))
        end = stream.read()
    if start.startswith(_POINTER):
        raise _pointer(folder, file)
    if not start.lstrip().startswith(b"{") or not end.rstrip().endswith(b"}"):
        raise ModelDamaged(path=str(folder), file=file, detail="it is cut off")


def _weight_files(folder: Path) -> tuple[str, ...]:
    """The names of the weight files, each found whole and with the tensors that the index promises."""
    if (folder / WEIGHTS).exists() or not (folder / INDEX).exists():
        _tensors(folder, WEIGHTS)
        return (WEIGHTS,)
    promised: dict[str, set[str]] = {}
    for tensor, file in _weight_map(folder).items():
        promised.setdefault(file, set()).add(tensor)
    for file, tensors in sorted(promised.items()):
        if missing := tensors - _tensors(folder, file):
            detail = f"{len(missing)} of its tensors are not in it, such as {min(missing)}"
            raise ModelDamaged(path=str(folder), file=file, detail=detail)
    return tuple(sorted(promised))


def _weight_map(folder: Path) -> dict[str, str]:
    found = _json(folder, INDEX).get("weight_map")
    sound = isinstance(found, dict) and found and all(_is_plain_name(file) for file in found.values())
    if not sound:
        raise ModelDamaged(path=str(folder), file=INDEX, detail="it names no weight files")
    assert isinstance(found, dict)
    return found


def _is_plain_name(file: object) -> bool:
    # Nothing outside the folder is opened, and nothing but safetensors.
    return isinstance(file, str) and re.fullmatch(r"[\w.-]+\.safetensors", file) is not None


def _tensors(folder: Path, file: str) -> set[str]:
    """The names of a shard's tensors, its length compared with its header. Raises ModelIncomplete, ModelDamaged.

    The format: 8 bytes length of the header, the header as JSON, then the data that the header's offsets divide
    without gaps.
    """
    with _opened(folder, file) as stream:
        try:
            start = stream.read(len(_POINTER))
            size = stream.seek(0, 2)
            stream.seek(8)
            length = int.from_bytes(start[:8], "little")
            header = stream.read(min(length, _MOST_HEADER)) if start != _POINTER else b""
        except OSError as error:
            raise damaged(folder, file, error) from error
    if start == _POINTER:
        raise _pointer(folder, file)
    try:
        told = json.loads(header) if 0 < length <= _MOST_HEADER else {}
        ends = {tensor: int(told[tensor]["data_offsets"][1]) for tensor in told if tensor != "__metadata__"}
        expected = 8 + length + max(ends.values())
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise ModelDamaged(path=str(folder), file=file, detail="its header can't be read") from error
    if size != expected:
        detail = f"it has {size:,} bytes and should have {expected:,}"
        raise ModelDamaged(path=str(folder), file=file, detail=detail)
    return set(ends)
