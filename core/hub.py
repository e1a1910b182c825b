"""How published models are kept on this machine: the layout of the Hugging Face hub's cache, shared by programs.

A model's folder there is `models--OWNER--NAME` with `blobs/` (files named by their digest), `snapshots/REVISION/`
(links to them by name), `refs/main` (the newest revision) and `trees/REVISION.json` (every file's length and digest).

The environment is read whenever it is needed; the library reads it once, when it is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WANTED = re.compile(r"(\d_\w+/)?[\w.-]+\.json|[\w.-]+\.jinja|merges\.txt|model(-\d+-of-\d+)?\.safetensors")
"""Which files of a repository are used: weights as safetensors, configurations, the tokenizer. Never code, never
pickled weights, nor what folders hold besides the steps after a network (1_Pooling): weights for other programs."""

_BLOCK = 8 * 2**20
_DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


# --- what lies here ----------------------------------------------------------------------------------


def cache() -> Path:
    """The hub's cache by the library's own rules: HF_HUB_CACHE, HF_HOME, or below the person's cache folder."""
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(os.path.expanduser(chosen))).absolute()


def snapshots(repo: str) -> list[Path]:
    """The revisions of a model that are here, whole or not: the newest published first."""
    return snapshots_in(folder_of(repo))


def snapshots_in(folder: Path) -> list[Path]:
    """The same for a folder of the hub's layout, wherever it lies; empty for any other folder."""
    try:
        found = [entry for entry in (folder / "snapshots").iterdir() if entry.is_dir()]
    except OSError:
        return []
    try:
        main = (folder / "refs" / "main").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        main = ""
    return sorted(found, key=lambda entry: (entry.name == main, entry.stat().st_mtime_ns), reverse=True)


def repo_of(folder: Path) -> str:
    """The repository that a snapshot folder is a copy of; empty for any other folder."""
    home = folder.absolute().parents[1] if folder.absolute().parent.name == "snapshots" else folder
    kind, *parts = home.name.split("--")
    return "/".join(parts) if kind == "models" else ""


def arrived(repo: str) -> tuple[int, int]:
    """Bytes of a model that are here, and of all that is wanted of it; the latter 0 if the hub was never asked."""
    folder = folder_of(repo)
    try:
        records = sorted((folder / "trees").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        kept = [*folder.glob("blobs/*"), *folder.glob("snapshots/*/**/*")]
    except OSError:
        return 0, 0  # it may not be read, or changes at this moment
    total = sum(file.size for file in _recorded(records[-1]).values()) if records else 0
    here = sum(length(path) for path in kept if path.parent.name == "blobs" or not path.is_symlink())
    return min(here, total) if total else here, total


def folder_of(repo: str) -> Path:
    """Where a model lies in the cache, or would."""
    return cache() / f"models--{repo.replace('/', '--')}"


def length(path: Path) -> int:
    """Bytes of a file; 0 for what is none, or may not be asked."""
    return os.path.getsize(path) if os.path.isfile(path) else 0


# --- what was published ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A file as its publisher put it up."""

    path: str
    """Relative to the repository, with slashes."""
    size: int
    digest: str
    """SHA-256 of a large file; else git's SHA-1 of a blob. It is also the file's name in the cache."""

    def hasher(self) -> hashlib._Hash:
        """To be fed the content."""
        if len(self.digest) == 64:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)


def published(file: Path) -> Published | None:
    """What a file of a snapshot should be; None where that is not known."""
    snapshot = next((parent for parent in file.parents if parent.parent.name == "snapshots"), None)
    if snapshot is None:
        return None
    path = file.relative_to(snapshot).as_posix()
    record = snapshot.parents[1] / "trees" / f"{snapshot.name}.json"
    if recorded := _recorded(record).get(path):
        return recorded
    # One step only: a blob may itself be a link into a store that several models share, named by another digest.
    name = os.path.basename(os.readlink(file)) if file.is_symlink() else ""
    return Published(path, file.stat().st_size, name) if _DIGEST.fullmatch(name) else None


def recorded(folder: Path, revision: str) -> list[Published]:
    """The wanted files of a revision, as the hub listed them; none if that was not kept."""
    return list(_recorded(folder / "trees" / f"{revision}.json").values())


def record(folder: Path, revision: str, tree: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the hub's list of a revision's files, in the library's own form (its `_tree_cache.py`, version 1)."""
    text = json.dumps({"format_version": 1, "files": tree}, indent=1, sort_keys=True)
    _write(folder / "trees" / f"{revision}.json", text)


def publish(folder: Path, revision: str) -> None:
    """Make a revision the one that is used."""
    _write(folder / "refs" / "main", revision)


def link(blob: Path, pointer: Path) -> None:
    """Show a file of the blobs under its name in a snapshot."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        blob.replace(pointer)  # Windows without the right to make links: as the library does there


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def _recorded(record: Path) -> dict[str, Published]:
    try:
        told = json.loads(record.read_bytes())["files"]
        files = [
            Published(path, each["size"], each.get("lfs_sha256") or each["blob_id"]) for path, each in told.items()
        ]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    # Digests become file names, so whatever answered as a hub is not believed that they are digests.
    return {file.path: file for file in files if WANTED.fullmatch(file.path) and _DIGEST.fullmatch(file.digest)}


def read_through(file: Path, hasher: hashlib._Hash | None) -> Generator[int, None, None]:
    """Read a file once, feeding `hasher`; yields the length of each block. Raises OSError."""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if hasher:
                hasher.update(block)
            yield len(block)
