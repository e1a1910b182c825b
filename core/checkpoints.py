"""What makes a folder a model that can be used here: which kind it is, which files, whole to the last byte; its digest.

Only headers are read, a few megabytes even of 17 GB. Nothing of the folder is ever run: weights are safetensors,
and code that a config names (`auto_map`) is ignored.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import (
    JudgeError,
    ModelDamaged,
    ModelFolderWrong,
    ModelForbidden,
    ModelIncomplete,
    ModelNotEmbedder,
    ModelNotReranker,
)
from core.media import fingerprint

ARCHITECTURE, MODEL_TYPE = "Qwen3VLForConditionalGeneration", "qwen3_vl"
CONFIG, TOKENIZER, WEIGHTS, INDEX = "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"
PIXELS, PROCESSOR = "preprocessor_config.json", "processor_config.json"
VOCABULARY, TOKENIZING = "vocab.txt", "tokenizer_config.json"

RERANKER, EMBEDDER, _CHAT = "reranker", "embedder", "chat model"
_OF_EMBEDDERS = ("Qwen3VLModel", "Qwen3VLForEmbedding")
"""Architectures that an embedder may name besides the one that all Qwen3-VL share: it needs no output layer."""
TOWERS = {
    "siglip": "SiglipModel",
    "siglip2": "Siglip2Model",
    "clip": "CLIPModel",
    "chinese_clip": "ChineseCLIPModel",
}
"""By model_type: the architecture of models with a tower for pictures and one for texts."""

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
    family: str
    """qwen3_vl, or one of TOWERS."""
    role: str
    """reranker, embedder, or empty: a Qwen3-VL that does not say which it is."""
    dimensions: int = 0
    """Numbers of its vectors, as an embedder's; 0 where that is not known."""


def inspect(folder: Path, *, name: str = "", title: str = "", embedder: bool | None = False) -> Checkpoint:
    """The model in `folder`, found to be of a kind that is known here, with every file whole.

    `embedder`: whether it must be fit for an embedder, else for a reranker (a Qwen3-VL that doesn't say is fit for
    both); None: for either. Raises ModelFolderWrong, ModelForbidden, ModelNotReranker or ModelNotEmbedder by what was
    wanted, ModelIncomplete and ModelDamaged.
    """
    folder = folder.absolute()
    try:
        return _inspected(folder, name, title, embedder)
    except PermissionError as error:
        raise ModelForbidden(path=str(folder)) from error


def kind_of(folder: Path, title: str = "") -> tuple[str, str]:
    """(role, family) of a model, as Checkpoint has them, whether its files are whole or not; each empty where the
    config doesn't tell."""
    folder = folder.absolute()
    try:
        kind = _kind(folder, title or folder.name, None)
    except (JudgeError, PermissionError):
        return "", ""
    return kind.role, kind.family


def _inspected(folder: Path, name: str, title: str, embedder: bool | None) -> Checkpoint:
    if not _is_file(folder / CONFIG):
        raise ModelFolderWrong(path=str(folder))
    kind = _kind(folder, title or folder.name, embedder)
    others = _other_files(folder, kind.family)
    weights = _weight_files(folder)
    present = [entry for entry in folder.iterdir() if entry.is_file()]
    return Checkpoint(
        name=name or str(folder),
        title=title or folder.name,
        folder=folder,
        digest=_digest(folder, [*others, *weights]),
        size=sum(entry.stat().st_size for entry in present),
        weights=weights,
        family=kind.family,
        role=kind.role,
        dimensions=kind.dimensions,
    )


def _is_file(path: Path) -> bool:
    """As Path.is_file, which raises PermissionError in some versions of Python only; this always does."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def _digest(folder: Path, files: Collection[str]) -> str:
    # Shards by sampled fingerprint: reading 17 GB would take longer than loading them.
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        with _opened(folder, file) as stream:
            digest.update(fingerprint(stream))
    return digest.hexdigest()


# --- the kind of model -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    family: str
    role: str
    dimensions: int


def _kind(folder: Path, title: str, embedder: bool | None) -> _Kind:
    """What config.json says that the model is. Raises what `inspect` does where that is not what is wanted."""
    config = _json(folder, CONFIG)
    wrong = ModelNotEmbedder if embedder else ModelNotReranker
    family = str(config.get("model_type", "no model_type"))
    expected = TOWERS.get(family, ARCHITECTURE)
    found = config.get("architectures") or [expected]
    if not isinstance(found, list):
        found = [found]
    fit = [expected] if family in TOWERS else [expected, *_OF_EMBEDDERS]
    if family not in (MODEL_TYPE, *TOWERS) or not any(each in fit for each in found):
        raise wrong(path=str(folder), found=str(found[0] if found != [expected] else family))
    for part in ("text_config", "vision_config"):
        if not isinstance(config.get(part), dict):
            raise wrong(path=str(folder), found=f"config.json has no {part}")
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method", "") if isinstance(quantised, dict) else ""
        raise wrong(path=str(folder), found=f"its weights are quantised by {method or 'another program'}")
    role = EMBEDDER if family in TOWERS or expected not in found else _qwen_role(folder, title)
    if role == _CHAT:
        raise wrong(path=str(folder), found="a chat model")
    if embedder is not None and role == (RERANKER if embedder else EMBEDDER):
        raise wrong(path=str(folder), found="a reranker" if embedder else "an embedder")
    dimensions = _dimensions(family, config)
    if family in TOWERS and not dimensions:
        raise wrong(path=str(folder), found="config.json does not say how long its vectors are")
    return _Kind(family, role, dimensions)


def _dimensions(family: str, config: Mapping[str, Any]) -> int:
    """Numbers of a vector; 0 where the config does not say. What a two-tower one leaves out is as in transformers."""
    match family:
        case "qwen3_vl":
            told = config["text_config"].get("hidden_size")
        case "siglip" | "siglip2":  # the vision tower's own width; the text tower is projected to it
            told = config["vision_config"].get("hidden_size", 768)
        case _:
            told = config.get("projection_dim", 512)
    return told if type(told) is int and told > 0 else 0


def _qwen_role(folder: Path, title: str) -> str:
    """Which Qwen3-VL this is, empty if it doesn't say: all kinds have the same architecture.

    The published repositories name the steps after the network in modules.json: an embedder's begin with pooling, a
    reranker's with its score. Otherwise only the name tells, so a name is believed only where it is plain.
    """
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        kinds = {str(module["type"]).rpartition(".")[2] for module in modules}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        kinds = set()
    if "Pooling" in kinds:
        return EMBEDDER
    if re.search(r"rerank", title, re.IGNORECASE) or "LogitScore" in kinds:
        return RERANKER
    if re.search(r"embedd(ing|er)", title, re.IGNORECASE):
        return EMBEDDER
    return _CHAT if re.search(r"qwen3-vl-(.*-)?(instruct|thinking)", title, re.IGNORECASE) else ""


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


def _other_files(folder: Path, family: str) -> list[str]:
    """The files that scores depend on besides the weights, each found whole as far as its ends tell."""
    if family not in TOWERS:
        _check_json_ends(folder, TOKENIZER)
        return [CONFIG, TOKENIZER]
    # Newer checkpoints have what is said of pictures inside what is said of the whole processor.
    pixels = PROCESSOR if _is_file(folder / PROCESSOR) and not _is_file(folder / PIXELS) else PIXELS
    _json(folder, pixels)
    tokenizer = TOKENIZER
    if family == "chinese_clip" and not _is_file(folder / TOKENIZER):
        tokenizer = VOCABULARY
        _check_vocabulary(folder)
    else:
        _check_json_ends(folder, TOKENIZER)
    # The last says how texts are cut into words, where there is one.
    return [CONFIG, pixels, tokenizer, *(file for file in [TOKENIZING] if _is_file(folder / file))]


def _check_vocabulary(folder: Path) -> None:
    with _opened(folder, VOCABULARY) as stream:
        start = stream.read(len(_POINTER))
    if start == _POINTER:
        raise _pointer(folder, VOCABULARY)
    if not start.strip():
        raise ModelDamaged(path=str(folder), file=VOCABULARY, detail="it is empty")


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
