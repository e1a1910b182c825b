"""The engine: ranks media by a query. No Qt, no window words; usable from a script.

    from core import Engine, Query
    with Engine() as engine:
        listing = engine.list_folder("photos")
        for event in engine.rank(Query(text="red"), listing):
            ...

The public names are those below. They are imported when first used, so that `import core` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.decoding import Preview, Raster, Thumbnail
    from core.embedder import Qwen3VLEmbedder
    from core.engine import Engine
    from core.errors import MediaError, SemblanceError
    from core.jobs import (
        BackedUp,
        BackUp,
        ClearStorage,
        Cost,
        CountPrepared,
        Downloading,
        DownloadModel,
        EstimateCost,
        Event,
        Explain,
        Failed,
        FindStacks,
        Jobs,
        JudgeLoaded,
        ListModels,
        ListSubfolders,
        Loading,
        LoadJudge,
        MakeFilmstrip,
        MakePreview,
        MakeThumbnails,
        MeasureStorage,
        ModelInfo,
        Models,
        Notice,
        Preparation,
        Prepare,
        Progress,
        Rank,
        Request,
        Restore,
        Restored,
        Scan,
        ScanFinished,
        ScanStarted,
        Scored,
        Settled,
        Stacked,
        Staged,
        Storage,
        StoragePart,
        Subfolders,
        ThumbnailMade,
        UnloadJudge,
        Verifying,
        VerifyModel,
    )
    from core.media import (
        FORMATS,
        Away,
        Changed,
        Facts,
        Gone,
        Kind,
        Listed,
        Listing,
        Region,
        Unlisted,
        format_of,
    )
    from core.query import Aspect, Query, Reference
    from core.reranker import Qwen3VLReranker
    from core.scorers import Budget, Explanation, JudgeChoice, Understood, Where, WordMet
    from core.service import Ended, EngineProcess
    from core.settings import Home, Settings, load_settings, save_settings

__all__ = [
    "FORMATS",
    "Aspect",
    "Away",
    "BackUp",
    "BackedUp",
    "Budget",
    "Changed",
    "ClearStorage",
    "Cost",
    "CountPrepared",
    "DownloadModel",
    "Downloading",
    "Ended",
    "Engine",
    "EngineProcess",
    "EstimateCost",
    "Event",
    "Explain",
    "Explanation",
    "Facts",
    "Failed",
    "FindStacks",
    "Gone",
    "Home",
    "Jobs",
    "JudgeChoice",
    "JudgeLoaded",
    "Kind",
    "ListModels",
    "ListSubfolders",
    "Listed",
    "Listing",
    "LoadJudge",
    "Loading",
    "MakeFilmstrip",
    "MakePreview",
    "MakeThumbnails",
    "MeasureStorage",
    "MediaError",
    "ModelInfo",
    "Models",
    "Notice",
    "Preparation",
    "Prepare",
    "Preview",
    "Progress",
    "Query",
    "Qwen3VLEmbedder",
    "Qwen3VLReranker",
    "Rank",
    "Raster",
    "Reference",
    "Region",
    "Request",
    "Restore",
    "Restored",
    "Scan",
    "ScanFinished",
    "ScanStarted",
    "Scored",
    "SemblanceError",
    "Settings",
    "Settled",
    "Stacked",
    "Staged",
    "Storage",
    "StoragePart",
    "Subfolders",
    "Thumbnail",
    "ThumbnailMade",
    "Understood",
    "Unlisted",
    "UnloadJudge",
    "VerifyModel",
    "Verifying",
    "Where",
    "WordMet",
    "format_of",
    "load_settings",
    "save_settings",
]

_HOMES = {
    "core.decoding": ("Preview", "Raster", "Thumbnail"),
    "core.engine": ("Engine",),
    "core.errors": ("MediaError", "SemblanceError"),
    "core.jobs": (
        "BackUp",
        "BackedUp",
        "ClearStorage",
        "Cost",
        "Staged",
        "Prepare",
        "Preparation",
        "CountPrepared",
        "DownloadModel",
        "Downloading",
        "EstimateCost",
        "Event",
        "Explain",
        "Failed",
        "FindStacks",
        "Jobs",
        "JudgeLoaded",
        "ListModels",
        "ListSubfolders",
        "LoadJudge",
        "Loading",
        "MakeFilmstrip",
        "MakePreview",
        "MakeThumbnails",
        "MeasureStorage",
        "ModelInfo",
        "Models",
        "Notice",
        "Progress",
        "Rank",
        "Request",
        "Restore",
        "Restored",
        "Scan",
        "ScanFinished",
        "ScanStarted",
        "Scored",
        "Settled",
        "Stacked",
        "Storage",
        "StoragePart",
        "Subfolders",
        "ThumbnailMade",
        "UnloadJudge",
        "VerifyModel",
        "Verifying",
    ),
    "core.media": (
        "Away",
        "Changed",
        "FORMATS",
        "Facts",
        "Gone",
        "Kind",
        "Listed",
        "Listing",
        "Region",
        "Unlisted",
        "format_of",
    ),
    "core.query": ("Aspect", "Query", "Reference"),
    "core.embedder": ("Qwen3VLEmbedder",),
    "core.reranker": ("Qwen3VLReranker",),
    "core.scorers": ("Budget", "Explanation", "JudgeChoice", "Understood", "Where", "WordMet"),
    "core.service": ("Ended", "EngineProcess"),
    "core.settings": ("Home", "Settings", "load_settings", "save_settings"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
    except ModuleNotFoundError as error:
        from core.errors import LibrariesMissing

        if (error.name or "core").split(".")[0] == "core":
            raise
        raise LibrariesMissing(detail=str(error.name)) from error
    globals()[name] = value
    return value
