"""Every way things go wrong that we know of, and the English words for it.

    SemblanceError
    ├── MediaError            one file can't be scored; the others go on
    │   ├── FileVanished      it was listed and is no longer there
    │   ├── FileForbidden     no permission to read it
    │   ├── FileUnreadable    the disk or share would not give its bytes
    │   ├── FileEmpty         zero bytes, or nothing in it to look at
    │   ├── FileMisnamed      its content is not what its name says
    │   ├── FileDamaged       truncated or broken inside
    │   ├── FileTooLarge      would expand beyond what a worker may hold
    │   ├── FileUnsupported   a codec or variety we have no decoder for
    │   ├── DecodingTimedOut  the decoder ran past its limit and was stopped
    │   ├── DecodingCrashed   the decoder took its process down
    │   ├── MemoryExceeded    the decoder took more memory than it may and was stopped
    │   ├── FileProtected     it can only be read with a password
    │   ├── PageMissing       the file has fewer pages by now
    │   └── ScoreMissing      it was read, but the judge gave no number for it
    │       └── VectorMissing likewise, an embedder no vector
    ├── FolderError           a folder can't be listed
    │   ├── FolderMissing
    │   └── FolderForbidden
    ├── QueryError            the question can't be asked
    │   ├── QueryEmpty
    │   ├── ReferenceUnreadable
    │   ├── AddressRefused    a web address: nothing is fetched from the network
    │   └── NothingToGoOn     it was asked, and nothing here speaks of its words
    ├── CatalogError          scores can't be kept, or read
    │   ├── CatalogLocked
    │   ├── CatalogReadOnly
    │   ├── CatalogFull
    │   ├── CatalogDamaged
    │   ├── CatalogOnShare    told once: it is on a network share
    │   └── CatalogNewer
    ├── BackupError           a backup can't be made, or taken in
    │   ├── BackupUnfit       the file is no backup of ours
    │   ├── BackupNewer       it was written by a newer Semblance
    │   └── BackupFailed      the disk would not give or take it
    ├── JudgeError            a judge can't be opened, loaded or used
    │   ├── ScorerUnknown     no judge of that name
    │   ├── JudgeNotLoaded    it must be loaded first
    │   ├── LibrariesMissing  torch and its companions are not installed
    │   ├── LibrariesBroken   they are, and can't be loaded
    │   ├── ModelMissing      a known model that is not on this machine
    │   ├── ModelFolderWrong  a folder without a model in it
    │   ├── ModelForbidden    its folder or a file of it may not be read
    │   ├── ModelNotReranker  a model of another kind
    │   ├── ModelNotEmbedder  likewise, where an embedder is wanted
    │   ├── FinderNotLoaded   told once: the built-in matcher finds in its place
    │   ├── TooFewPrepared    told: the same, for it knows too little of the folder
    │   ├── PreparedInPart    told: files that the finder does not know yet
    │   ├── PreparedOtherwise told: what was prepared by another version is of no use
    │   ├── ModelIncomplete   one of its files is not there
    │   ├── ModelDamaged      one of its files is truncated or not what it should be
    │   ├── DeviceMissing     no such device in this machine
    │   ├── DriverTooOld      the device is there, its driver is too old for torch
    │   ├── PrecisionUnfit    the device can't compute in that precision
    │   ├── MemoryTooSmall    the model does not fit
    │   ├── TextCut           told after a ranking: what was longer than the judge reads
    │   └── DownloadError     a model could not be fetched
    │       ├── DownloadBroken
    │       ├── DownloadForbidden  HF_HUB_OFFLINE is set
    │       └── DownloadDiskFull
    ├── EvaluationError       a dataset to evaluate by can't be used
    │   ├── DatasetUnreadable no such file, or no JSON in it
    │   ├── DatasetUnfit      JSON of another shape
    │   ├── DatasetEmpty      no query in it
    │   └── DatasetFileMissing    it names a file that is not in the folder
    ├── SettingsDamaged       the settings file can't be read
    ├── ListingUnknown        the engine does not hold that listing (it was restarted)
    └── EngineStopped         the engine's process ended; the job can be repeated

An error carries data; its class carries the one sentence that says what happened and what to do, as a
template over that data. The command line prints `str(error)`; the window translates the template
(`desktop/messages.py`). Anything that is not in this tree is a bug and shows as one.
"""

from __future__ import annotations

import errno
import os
from typing import Any, ClassVar, TypeAlias

# A reason may itself be a known error (why a reference can't be used).
Datum: TypeAlias = "str | int | float | SemblanceError"


class SemblanceError(Exception):
    """A known problem: `data` fills the class's `sentence`."""

    sentence: ClassVar[str] = "Something went wrong."

    def __init__(self, **data: Datum) -> None:
        super().__init__()
        self.data = data

    def __str__(self) -> str:
        return self.sentence.format(**{name: printable(value) for name, value in self.data.items()})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.data.items())})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.data == other.data

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.data.items()))))

    def __reduce__(self) -> tuple[Any, ...]:
        # The default passes positional arguments; ours are all named.
        return (_rebuild, (type(self), self.data))


def _rebuild(kind: type[SemblanceError], data: dict[str, Datum]) -> SemblanceError:
    return kind(**data)


def printable(value: Datum) -> Datum:
    """The value as text that any terminal or window accepts: undecodable bytes of a file name become �."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return value


class MediaError(SemblanceError):
    sentence = "This file can't be scored."


class FileVanished(MediaError):
    sentence = "The file is no longer there."


class FileForbidden(MediaError):
    sentence = "No permission to read the file."


class FileUnreadable(MediaError):
    """data: detail (the operating system's words)."""

    sentence = "The disk or share did not give the file's content ({detail}). Check the connection and try again."


class FileEmpty(MediaError):
    sentence = "The file is empty."


class FileMisnamed(MediaError):
    """data: expected (the kind of media its name promises)."""

    sentence = "The file's name promises a {expected}, but its content is something else."


class FileDamaged(MediaError):
    """data: detail (the decoder's own words)."""

    sentence = "The file is damaged or incomplete ({detail})."


class FileTooLarge(MediaError):
    """data: megapixels, limit."""

    sentence = "The picture is too large to open safely ({megapixels} megapixels; the limit is {limit})."


class FileUnsupported(MediaError):
    """data: detail (which codec or variety)."""

    sentence = "This variety of the format can't be read ({detail})."


class DecodingTimedOut(MediaError):
    """data: seconds."""

    sentence = "Reading the file took longer than {seconds} seconds and was stopped."


class DecodingCrashed(MediaError):
    sentence = "The file made its decoder crash."


class MemoryExceeded(MediaError):
    """data: megabytes."""

    sentence = "Reading the file took more than {megabytes} MB of memory and was stopped."


class FileProtected(MediaError):
    sentence = "The file is protected by a password."


class PageMissing(MediaError):
    """data: page (from 1)."""

    sentence = "The file no longer has a page {page}."


class ScoreMissing(MediaError):
    """data: reason."""

    sentence = "The judge gave no score for it ({reason})."


class VectorMissing(ScoreMissing):
    """data: reason."""

    sentence = "The model can't learn it ({reason})."


class FolderError(SemblanceError):
    """data: path."""

    sentence = "The folder {path} can't be listed."


class FolderMissing(FolderError):
    sentence = "There is no folder {path}. If it is on a drive or share, connect it and try again."


class FolderForbidden(FolderError):
    sentence = "No permission to read the folder {path}. Change its permissions or choose another."


class QueryError(SemblanceError):
    sentence = "The query can't be asked."


class QueryEmpty(QueryError):
    sentence = "The query is empty: give words, a picture or a clip."


class ReferenceUnreadable(QueryError):
    """data: path, reason (a MediaError's sentence)."""

    sentence = "The reference {path} can't be used. {reason}"


class AddressRefused(QueryError):
    sentence = (
        "Semblance opens no connection, so a web address can't be used. "
        "Drag the picture itself, or save it and drop the file."
    )


class NothingToGoOn(QueryError):
    """Told after a ranking, of words that nothing was met of. data: words."""

    sentence = (
        "No name, caption or text here speaks of “{words}”, and the built-in matcher knows looks and words, "
        "not meaning. Use words that files are named by, words for looks (dark, pale blue), or a picture."
    )


class CatalogError(SemblanceError):
    """data: path."""

    sentence = "The catalog {path} can't be used."


class CatalogLocked(CatalogError):
    sentence = (
        "Another program holds the catalog {path}, so new scores wait in memory. "
        "Close the other program; they are saved as soon as it lets go."
    )


class CatalogReadOnly(CatalogError):
    sentence = (
        "The catalog {path} can't be written, so new scores are not kept. Make its folder writable and start again."
    )


class CatalogFull(CatalogError):
    sentence = (
        "The disk that holds the catalog {path} is full, so new scores wait in memory. "
        "Free some space; they are saved as soon as there is room."
    )


class CatalogDamaged(CatalogError):
    """data: path, kept (where the damaged file now is), saved (how many scores came over into the new one)."""

    sentence = (
        "The catalog was damaged and has been set aside as {kept}. "
        "A new one has been started, with {saved} scores that could be saved."
    )


class CatalogOnShare(CatalogError):
    sentence = (
        "The catalog {path} is on a network share, so it is kept in a slower, safe way. "
        "Let only one computer use it at a time, or set SEMBLANCE_HOME to a folder on this machine."
    )


class CatalogNewer(CatalogError):
    sentence = "The catalog {path} was written by a newer Semblance. Update Semblance to open it."


class BackupError(SemblanceError):
    """data: path."""

    sentence = "The backup {path} can't be used."


class BackupUnfit(BackupError):
    sentence = "{path} is not a backup made by Semblance, or it is damaged. Nothing was changed."


class BackupNewer(BackupError):
    sentence = "The backup {path} was written by a newer Semblance. Update Semblance to restore it."


class BackupFailed(BackupError):
    """data: path, detail (the system's words)."""

    sentence = "The backup {path} could not be written or read ({detail}). Choose another place and try again."


class JudgeError(SemblanceError):
    sentence = "The judge can't be used."


class ScorerUnknown(JudgeError):
    """data: name."""

    sentence = (
        "There is no judge or finder called {name}. Give builtin, 2B, 8B, auto, SigLIP2, Embedding-2B, Embedding-8B, "
        "or the folder of such a model; “semblance models” lists them."
    )


class JudgeNotLoaded(JudgeError):
    """data: name."""

    sentence = "{name} is not loaded. Load it, or rank with the built-in matcher."


class LibrariesMissing(JudgeError):
    """data: detail (what could not be imported)."""

    sentence = (
        "The libraries that a model runs on are not installed ({detail}). "
        "Install them with “pip install 'semblance[qwen]'” and start again."
    )


class LibrariesBroken(JudgeError):
    """data: detail (the system's words)."""

    sentence = (
        "The libraries that a model runs on are installed, but can't be loaded ({detail}). "
        "Close other programs if memory is short; otherwise install them anew."
    )


class ModelMissing(JudgeError):
    """data: name."""

    sentence = "{name} is not on this machine. Fetch it with: semblance models get {name}"


class ModelFolderWrong(JudgeError):
    """data: path."""

    sentence = "There is no model in {path}. Choose the folder that holds its config.json."


class ModelForbidden(JudgeError):
    """data: path."""

    sentence = "No permission to read the model in {path}. Change its permissions or choose another."


class ModelNotReranker(JudgeError):
    """data: path, found (which architecture, or what is missing)."""

    sentence = "The model in {path} is not a Qwen3-VL reranker ({found}). Choose one, or use 2B or 8B."


class ModelNotEmbedder(JudgeError):
    """data: path, found (which architecture, or what is missing)."""

    sentence = (
        "The model in {path} is not an embedder that can be used here ({found}). "
        "Choose SigLIP2, Embedding-2B or Embedding-8B, or the folder of one."
    )


class FinderNotLoaded(JudgeError):
    """data: name."""

    sentence = "{name} is not loaded, so the built-in matcher finds in its place."


class TooFewPrepared(JudgeError):
    """data: prepared, total, name."""

    sentence = (
        "Of {total} files only {prepared} are prepared for {name}, so the built-in matcher finds in its place. "
        "Prepare the others, as far as {name} can read them."
    )


class PreparedInPart(JudgeError):
    """data: missing, total, name."""

    sentence = "{missing} of {total} files are not prepared for {name}; those it can read join the order one by one."


class PreparedOtherwise(JudgeError):
    """data: count, name."""

    sentence = (
        "{count} files were prepared by another model, or in another way. That is not mixed into the order: those that "
        "{name} can read are prepared anew."
    )


class ModelIncomplete(JudgeError):
    """data: path, file."""

    sentence = "The model in {path} lacks {file}. Copy that file there, or fetch the model again."


class ModelDamaged(JudgeError):
    """data: path, file, detail."""

    sentence = "{file} of the model in {path} is damaged ({detail}). Delete that file and fetch the model again."


class DeviceMissing(JudgeError):
    """data: device."""

    sentence = "This machine has no device {device} that torch can use. Choose auto or cpu."


class DriverTooOld(JudgeError):
    """data: detail (torch's words)."""

    sentence = "The graphics driver is too old for this torch ({detail}). Update the driver, or choose the device cpu."


class PrecisionUnfit(JudgeError):
    """data: precision, device, detail."""

    sentence = "{precision} can't be used on {device} ({detail}). Choose auto."


class MemoryTooSmall(JudgeError):
    """data: name, needed, available (both in GB), device."""

    sentence = (
        "{name} needs about {needed} GB, and {device} has {available} GB free. "
        "Close other programs, or choose a smaller model or the precision int4."
    )


class TextCut(JudgeError):
    """data: count."""

    sentence = (
        "Too long to be read to the end: {count}. What goes beyond 10,240 tokens was left out, as the model does."
    )


class DownloadError(JudgeError):
    """data: name."""

    sentence = "{name} could not be fetched."


class DownloadBroken(DownloadError):
    """data: name, detail."""

    sentence = "{name} could not be fetched ({detail}). What has arrived is kept; try again to go on from there."


class DownloadForbidden(DownloadError):
    sentence = "{name} can't be fetched while HF_HUB_OFFLINE is set. Unset it and try again."


class DownloadDiskFull(DownloadError):
    """data: name, needed, available (both in GB), path."""

    sentence = "{name} needs {needed} GB in {path}, where {available} GB are free. Free some space and try again."


class EvaluationError(SemblanceError):
    """data: path."""

    sentence = "The dataset {path} can't be used."


class DatasetUnreadable(EvaluationError):
    """data: path, detail (the system's or the parser's words)."""

    sentence = "The dataset {path} can't be read as JSON ({detail}). Correct it, or give another file."


class DatasetUnfit(EvaluationError):
    """data: path, detail (where, and what is wrong there)."""

    sentence = (
        "The dataset {path} has neither the plain shape nor that of COCO captions ({detail}). "
        "“semblance eval --help” shows both."
    )


class DatasetEmpty(EvaluationError):
    sentence = "There is no query in the dataset {path}. Write some, each with the files that are relevant to it."


class DatasetFileMissing(EvaluationError):
    """data: path, file, folder."""

    sentence = (
        "The dataset {path} names {file}, which is not among the files of {folder}. "
        "Correct the name, or say where the files are with --folder."
    )


class SettingsDamaged(SemblanceError):
    """data: path, kept."""

    sentence = "The settings could not be read; they were set aside as {kept} and the defaults are used."


class ListingUnknown(SemblanceError):
    sentence = "The engine no longer knows this folder's listing; open the folder again."


class EngineStopped(SemblanceError):
    sentence = "The scoring engine stopped unexpectedly. Nothing that was scored is lost; it has been started again."


def media_error_from_os(error: OSError) -> MediaError:
    """The MediaError that an operating system's refusal to open or read a file means."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileVanished()
    if isinstance(error, PermissionError):
        return FileForbidden()
    return FileUnreadable(detail=os.strerror(error.errno) if error.errno else str(error))


def folder_error_from_os(error: OSError, path: str) -> FolderError:
    """The FolderError that an operating system's refusal to list a folder means."""
    if isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno == errno.ENODEV:
        return FolderMissing(path=path)
    if isinstance(error, PermissionError):
        return FolderForbidden(path=path)
    return FolderError(path=path)
