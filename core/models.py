"""Which models are known by name, and where they lie: in the hub's cache, or in folders of the person's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import hub
from core.checkpoints import ARCHITECTURE, CONFIG, EMBEDDER, MODEL_TYPE, RERANKER, TOWERS, Checkpoint, inspect, kind_of
from core.errors import (
    JudgeError,
    LibrariesMissing,
    ModelDamaged,
    ModelFolderWrong,
    ModelIncomplete,
    ModelMissing,
    ModelNotEmbedder,
    ModelNotReranker,
    ScorerUnknown,
)
from core.jobs import Downloading, Verifying


@dataclass(frozen=True)
class Known:
    """A published model."""

    name: str
    repo: str
    role: str
    """reranker or embedder."""
    about: int
    """Bytes of its files, roughly: told until the hub has told the exact number."""
    config: Mapping[str, Any]
    """What of its config.json says how large the network is, so that its cost can be told before it is fetched."""

    @property
    def family(self) -> str:
        """qwen3_vl, or the model_type of a two-tower model."""
        return str(self.config["model_type"])

    @property
    def title(self) -> str:
        return self.repo.rpartition("/")[2]


def _qwen(text: Mapping[str, Any], vision: Mapping[str, Any], *, tied: bool) -> Mapping[str, Any]:
    """A config.json as both sizes have it; source of the numbers: the checkpoints' configurations."""
    both = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "rms_norm_eps": 1e-6}
    rotary = {"rope_theta": 5_000_000, "rope_scaling": {"rope_type": "default", "mrope_section": [24, 20, 20]}}
    patches = {"patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 2304}
    return {
        "model_type": MODEL_TYPE,
        "architectures": [ARCHITECTURE],
        "tie_word_embeddings": tied,
        "text_config": {**both, **rotary, **text},
        "vision_config": {
            "in_channels": 3,
            "num_heads": 16,
            "out_hidden_size": text["hidden_size"],
            **patches,
            **vision,
        },
    }


_QWEN_2B = _qwen(
    {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
    {"hidden_size": 1024, "intermediate_size": 4096, "depth": 24, "deepstack_visual_indexes": [5, 11, 17]},
    tied=True,
)
_QWEN_8B = _qwen(
    {"hidden_size": 4096, "intermediate_size": 12_288, "num_hidden_layers": 36, "num_attention_heads": 32},
    {"hidden_size": 1152, "intermediate_size": 4304, "depth": 27, "deepstack_visual_indexes": [8, 16, 24]},
    tied=False,
)
_SIGLIP2 = {
    "model_type": "siglip",  # what its own config.json says: only the variety of free aspect ratio is a siglip2 there
    "architectures": [TOWERS["siglip"]],
    "text_config": {
        **{"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
        **{"vocab_size": 256_000, "max_position_embeddings": 64},
    },
    "vision_config": {
        **{"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
        **{"image_size": 224, "patch_size": 16},
    },
}

KNOWN = {
    model.name: model
    for model in (
        Known("2B", "Qwen/Qwen3-VL-Reranker-2B", RERANKER, 4_400_000_000, _QWEN_2B),
        Known("8B", "Qwen/Qwen3-VL-Reranker-8B", RERANKER, 17_500_000_000, _QWEN_8B),
        Known("SigLIP2", "google/siglip2-base-patch16-224", EMBEDDER, 1_540_000_000, _SIGLIP2),
        Known("Embedding-2B", "Qwen/Qwen3-VL-Embedding-2B", EMBEDDER, 4_300_000_000, _QWEN_2B),
        Known("Embedding-8B", "Qwen/Qwen3-VL-Embedding-8B", EMBEDDER, 17_500_000_000, _QWEN_8B),
    )
}
"""By the name that the command line has for them."""


@dataclass(frozen=True)
class Found:
    """A model that is known by name, or that lies in a folder of the person's, in whatever state."""

    name: str
    """What names it on the command line: the known name, or the folder."""
    title: str
    folder: Path | None
    """Where its files lie; None if there are none, or only part of a download."""
    size: int
    """Bytes of its files here, or to be fetched."""
    arrived: int
    """Bytes that are here; less than `size` after a download that stopped."""
    problem: JudgeError | None
    """Why the files that are here can't be used."""
    role: str
    """reranker, embedder, or empty: a Qwen3-VL that does not say which it is, or nothing that can be told."""
    family: str
    """qwen3_vl, the model_type of a two-tower model, or empty where that can't be told."""

    @property
    def usable(self) -> bool:
        return self.folder is not None and self.problem is None

    @property
    def finds(self) -> bool:
        """Whether it is an embedder; what doesn't say counts as a reranker."""
        return self.role == EMBEDDER


def canonical_name(name: str) -> str:
    """The one name of what was typed: that of KNOWN for any of its names, a whole path for a folder, else as it is.

    A folder with a model in it comes before a known model of that name.
    """
    if not name.strip() or name in ("auto", "builtin"):
        return name  # an empty path would be the folder that the program was started in
    folder = Path(os.path.expanduser(name)).absolute()
    if os.path.isfile(folder / CONFIG):  # Path.is_file raises where a folder may not be entered
        return str(folder)
    if model := _known(name):
        return model.name
    return str(folder) if os.path.isdir(folder) or re.search(r"[/\\]", name) else name


def find(name: str, folders: Sequence[str | Path] = (), *, embedder: bool | None = False) -> Checkpoint:
    """The model called `name`: one of KNOWN, a full name of those, or a folder. `folders` are the person's own.

    A folder may hold the model itself, or be the hub's folder of that model. `embedder`: whether it must be fit for an
    embedder, else for a reranker; None: for either. Raises ScorerUnknown, ModelMissing, ModelFolderWrong,
    ModelForbidden, ModelNotReranker, ModelNotEmbedder, ModelIncomplete and ModelDamaged.
    """
    canonical = canonical_name(name)
    if model := KNOWN.get(canonical):
        _check_role(model, embedder)
        return _find_known(model, folders)
    if not os.path.isabs(canonical):
        raise ScorerUnknown(name=name)
    folder = next(iter(hub.snapshots_in(Path(canonical))), Path(canonical))
    return inspect(folder, name=canonical, title=_title(folder), embedder=embedder)


def check(name: str, folders: Sequence[str | Path] = (), *, embedder: bool | None = False) -> None:
    """Say what stands against a model before anything is done for it. Raises what `find` does."""
    if name == "auto":
        found = candidates(name, folders, embedder=bool(embedder))
        if not any(model.usable for model in found):
            raise next((model.problem for model in found if model.problem), ModelMissing(name=found[0].name))
    elif name != "builtin":
        find(name, folders, embedder=embedder)


def _check_role(model: Known, embedder: bool | None) -> None:
    """Said before it is looked for: nobody should fetch gigabytes of the wrong kind."""
    if embedder is not None and embedder != (model.role == EMBEDDER):
        wrong = ModelNotEmbedder if embedder else ModelNotReranker
        path = next(iter(hub.snapshots(model.repo)), model.title)
        raise wrong(path=str(path), found=f"{'an' if model.role == EMBEDDER else 'a'} {model.role}")


def is_known(name: str) -> bool:
    """Whether this is one of the names of a published model."""
    return _known(name) is not None


def role_of(name: str) -> str:
    """reranker or embedder, of a model that may be here or not; empty where it doesn't say, or there is none."""
    canonical = canonical_name(name)
    if model := KNOWN.get(canonical):
        return model.role
    folder = next(iter(hub.snapshots_in(Path(canonical))), Path(canonical))
    return kind_of(folder, _title(folder))[0] if os.path.isabs(canonical) else ""


def title_of(name: str) -> str:
    """What to call the model of that name in a sentence, whether it is here or not."""
    if model := _known(name):
        return model.title
    return _title(Path(os.path.expanduser(name)))


def config_of(name: str, folders: Sequence[str | Path] = ()) -> Mapping[str, Any]:
    """What config.json says of a model; of a known one that is not here, what tells its size. Raises as `find` does."""
    try:
        folder = find(name, folders, embedder=None).folder
    except ModelMissing:
        model = _known(name)
        assert model is not None
        return model.config
    config: Mapping[str, Any] = json.loads((folder / CONFIG).read_bytes())
    return config


def known_models(folders: Sequence[str | Path] = ()) -> list[Found]:
    """The models known by name, here or not, rerankers first; then the others that lie in `folders` or directly inside
    them."""
    known = [_state(model, folders) for model in KNOWN.values()]
    used = {found.folder for found in known}
    return known + [_state_of(str(folder)) for folder in _own(folders) if folder not in used]


def candidates(name: str, folders: Sequence[str | Path] = (), *, embedder: bool = False) -> list[Found]:
    """The models that `name` may mean, each under its canonical name: for auto all rerankers, or all embedders; else
    the one, of whichever kind. Raises ScorerUnknown."""
    if name == "auto":
        return [found for found in known_models(folders) if found.finds == embedder]
    canonical = canonical_name(name)
    if model := KNOWN.get(canonical):
        return [_state(model, folders)]
    if not os.path.isabs(canonical):
        raise ScorerUnknown(name=name)
    return [_state_of(canonical)]


def download(name: str, folders: Sequence[str | Path] = ()) -> Iterator[Downloading]:
    """Fetch a known model into the hub's cache, going on where it stopped; closing it keeps what has arrived.

    The one thing in Semblance that opens a connection, and not even this if the model is here and whole. It waits for
    the network: run it in a thread of its own. Raises ScorerUnknown, LibrariesMissing and DownloadError.
    """
    model = _known(name)
    if model is None:
        raise ScorerUnknown(name=name)
    try:
        size = _find_known(model, folders).size
    except JudgeError:
        pass
    else:
        yield Downloading("", size, size, 0.0, None)
        return
    try:
        from core.model_download import fetch
    except ImportError as error:
        raise LibrariesMissing(detail=error.name or "huggingface_hub") from error
    yield from fetch(model.name, model.repo)


def is_published(name: str, folders: Sequence[str | Path] = ()) -> bool:
    """Whether it is known here what the files of a model should be. Raises what `find` does."""
    return any(hub.published(file) for file in find(name, folders, embedder=None).folder.iterdir())


def verify(name: str, folders: Sequence[str | Path] = ()) -> Iterator[Verifying]:
    """Read every file of a model once, and compare it with the digest it was published under, where that is known.

    Of a folder without digests, only what can't be read or has a wrong length is found. Raises what `find` does.
    """
    checkpoint = find(name, folders, embedder=None)
    files = sorted(entry for entry in checkpoint.folder.iterdir() if entry.is_file())
    total, done = sum(file.stat().st_size for file in files), 0
    for file in files:
        published = hub.published(file)
        hasher = published.hasher() if published else None
        try:
            with closing(hub.read_through(file, hasher)) as blocks:
                for block in blocks:
                    done += block
                    yield Verifying(file.name, done, total)
        except OSError as error:
            path = str(checkpoint.folder)
            raise ModelDamaged(path=path, file=file.name, detail=f"it can't be read: {error.strerror}") from error
        if published and hasher and hasher.hexdigest() != published.digest:
            detail = "its content is not what was published"
            raise ModelDamaged(path=str(checkpoint.folder), file=file.name, detail=detail)


# --- known by name -----------------------------------------------------------------------------------


def _known(name: str) -> Known | None:
    typed = name.strip().casefold()
    return next(
        (
            model
            for model in KNOWN.values()
            if typed in {part.casefold() for part in (model.name, model.title, model.repo)}
        ),
        None,
    )


def _find_known(model: Known, folders: Sequence[str | Path]) -> Checkpoint:
    own = [folder for folder in _own(folders) if _title(folder).casefold() == model.title.casefold()]
    problem: JudgeError | None = None
    for folder in [*hub.snapshots(model.repo), *own]:
        try:
            return inspect(folder, name=model.name, title=model.title, embedder=model.role == EMBEDDER)
        except ModelFolderWrong:
            continue  # a download that stopped before its config came
        except JudgeError as error:
            problem = problem or error
    raise problem or ModelMissing(name=model.name)


def _state(model: Known, folders: Sequence[str | Path]) -> Found:
    kind = model.role, model.family
    try:
        checkpoint = _find_known(model, folders)
    except ModelMissing:
        arrived, size = hub.arrived(model.repo)
        return Found(model.name, model.title, None, size or model.about, arrived, None, *kind)
    except JudgeError as problem:
        arrived, size = hub.arrived(model.repo)
        stopped = isinstance(problem, ModelIncomplete) and 0 < arrived < size
        folder = None if stopped else Path(str(problem.data["path"]))
        told = None if stopped else problem
        return Found(model.name, model.title, folder, size or model.about, arrived, told, *kind)
    return Found(model.name, model.title, checkpoint.folder, checkpoint.size, checkpoint.size, None, *kind)


# --- folders of the person's -------------------------------------------------------------------------


def _own(folders: Sequence[str | Path]) -> list[Path]:
    """The folders that hold a model: those given, and what lies directly inside them."""
    found: list[Path] = []
    for given in folders:
        folder = Path(os.path.expanduser(given)).absolute()
        inside, forbidden = _inside(folder)
        if forbidden:
            found.append(folder)  # so that it is listed with the reason why it can't be used
        for candidate in [folder, *inside]:
            if os.path.isfile(candidate / CONFIG):
                found.append(candidate)
            else:
                found += hub.snapshots_in(candidate)[:1]
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> tuple[list[Path], bool]:
    """What lies directly in a folder; and whether it is one that may not be read."""
    try:
        return sorted(folder.iterdir()), False
    except PermissionError:
        return [], True
    except OSError:
        return [], False


def _state_of(name: str) -> Found:
    title = title_of(name)
    try:
        checkpoint = find(name, embedder=None)
    except JudgeError as problem:
        folder = Path(str(problem.data["path"]))
        size = sum(hub.length(path) for path in _inside(folder)[0])
        return Found(name, title, folder, size, size, problem, *kind_of(folder, title))
    size, kind = checkpoint.size, (checkpoint.role, checkpoint.family)
    return Found(name, title, checkpoint.folder, size, size, None, *kind)


def _title(folder: Path) -> str:
    return hub.repo_of(folder).rpartition("/")[2] or folder.absolute().name
