"""Where the app keeps its data, and the one typed settings file (TOML, saved atomically)."""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
import tomli_w

from core.errors import SettingsDamaged


@dataclass(frozen=True)
class Home:
    """The app's folders. SEMBLANCE_HOME puts them all under one; otherwise the platform's rules hold."""

    data: Path
    """Settings and the catalog: scores are data, they cost hours."""
    cache: Path
    """What can be made again: thumbnails."""
    shared_thumbnails: Path | None = None
    """The thumbnails that the programs of a desktop share (freedesktop.org), where there are such; None where
    everything of ours stays under one folder."""

    @classmethod
    def find(cls, home: str | os.PathLike[str] | None = None) -> Home:
        chosen = home or os.environ.get("SEMBLANCE_HOME")
        if chosen:
            root = Path(chosen).absolute()
            return cls(root, root / "cache")
        has_shared = sys.platform not in ("win32", "darwin")
        return cls(
            Path(platformdirs.user_data_dir("semblance", appauthor=False)),
            Path(platformdirs.user_cache_dir("semblance", appauthor=False)),
            Path(platformdirs.user_cache_dir(), "thumbnails") if has_shared else None,
        )

    @property
    def catalog(self) -> Path:
        return self.data / "catalog.sqlite3"

    @property
    def settings(self) -> Path:
        return self.data / "settings.toml"

    @property
    def judges(self) -> Path:
        """What `auto` came to when models were loaded."""
        return self.data / "judges.json"

    @property
    def pasted(self) -> Path:
        """Pictures pasted or dragged from a browser: the reference of a query must stay to be asked again."""
        return self.data / "pasted"

    @property
    def thumbnails(self) -> Path:
        return self.cache / "thumbnails"


Theme = Literal["system", "dark", "light"]


@dataclass
class Settings:
    """What the window remembers from one start to the next."""

    theme: Theme = "system"
    roots: list[str] = field(default_factory=list)
    recent: list[str] = field(default_factory=list)
    last_folder: str = ""
    recursive: bool = True
    cell_size: int = 176
    library_shown: bool = True
    inspector_shown: bool = True
    fold_duplicates: bool = True
    """Whether files that show the same share a cell."""
    splitter: list[int] = field(default_factory=list)
    """Widths of the three panels in pixels."""
    geometry: str = ""
    """Qt's saved window geometry, in base 64."""
    expanded: list[str] = field(default_factory=list)
    """Folders unfolded in the library."""
    judge: str = "builtin"
    """The judge that was chosen, by the name it has on the command line; loaded only when asked for."""
    device: str = "auto"
    precision: str = "auto"
    budget: str = "balanced"
    finder: str = "builtin"
    """Who finds, likewise; loaded by itself once a folder is shown."""
    finder_device: str = "auto"
    finder_precision: str = "auto"
    vector_numbers: int = 1024
    """How many numbers of a file's vector are kept, at most, where a finder's model offers shorter ones."""
    judge_seconds: float = 20.0
    """For how long the judge works at a ranking of what was found; 0: until all is judged."""
    prepare_when_idle: bool = True
    """Whether the finder learns the files of the folder that is shown without being told to."""
    model_folders: list[str] = field(default_factory=list)
    """Folders of the person's with a model in them."""


def load_settings(path: Path) -> tuple[Settings, SettingsDamaged | None]:
    """The settings at `path`, or the defaults if there are none. A damaged file is set aside and reported."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return Settings(), None
    except OSError:
        return Settings(), SettingsDamaged(path=str(path), kept=str(path))
    try:
        return _from_table(tomllib.loads(text)), None
    except (tomllib.TOMLDecodeError, TypeError):
        kept = path.with_name(f"settings-damaged-{datetime.now():%Y%m%d-%H%M%S}.toml")
        try:
            path.replace(kept)
        except OSError:
            kept = path
        return Settings(), SettingsDamaged(path=str(path), kept=str(kept))


def _from_table(table: dict[str, Any]) -> Settings:
    """Known keys of the right type; a key of another version is ignored."""
    settings = Settings()
    for entry in fields(Settings):
        value = table.get(entry.name)
        if type(value) is type(getattr(settings, entry.name)):
            setattr(settings, entry.name, value)
    if settings.theme not in get_args(Theme):
        settings.theme = "system"
    return settings


def save_settings(settings: Settings, path: Path) -> None:
    """Write the settings so that a crash leaves the old file or the new one, never half. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A path may hold bytes that are not UTF-8; they go through unchanged.
    text = tomli_w.dumps(asdict(settings)).encode("utf-8", "surrogateescape")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".settings-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
