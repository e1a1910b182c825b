"""What the house rests on, checked: who imports whom, what is public, every error's words, a sound Qt."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import core
from core import errors

ROOT = Path(core.__file__).parents[1]
CORE = sorted((ROOT / "core").rglob("*.py"))
DESKTOP = sorted((ROOT / "desktop").rglob("*.py"))
TORCH_HEAVY = {
    "core.embedder",
    "core.given_media",
    "core.machine",
    "core.reranker",
    "core.scorers.device",
    "core.scorers.quantised",
    "core.scorers.qwen",
    "core.scorers.qwen_embedding",
    "core.scorers.qwen_forward",
    "core.scorers.qwen_model",
    "core.scorers.qwen_network",
    "core.scorers.qwen_shown",
    "core.scorers.qwen_weights",
    "core.scorers.tower_text",
    "core.scorers.tower_weights",
    "core.scorers.towers",
}
"""Loaded only where a model is."""

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "media": {"errors"},
    "query": {"media", "errors"},
    "settings": {"errors"},
    "catalog": {"media", "query", "settings", "errors"},
    "decoding": {"media", "query", "settings", "errors"},
    "scorers": {"checkpoints", "media", "query", "settings", "errors"},
    "jobs": {"decoding", "scorers", "media", "query", "settings", "errors"},
    "hub": set(),
    "checkpoints": {"media", "errors"},
    "model_download": {"hub", "jobs", "errors"},
    "models": {"checkpoints", "hub", "model_download", "jobs", "errors"},
    "machine": {"checkpoints", "scorers", "models", "errors"},
    "following": {"media", "errors"},
    "stacks": {"decoding", "scorers", "media"},
    "storage": {"catalog", "decoding", "jobs", "settings", "errors"},
    "ranking": {"following", "jobs", "catalog", "decoding", "scorers", "media", "query", "settings", "errors"},
    "judges": {"checkpoints", "machine", "models", "scorers", "jobs", "media", "query", "errors"},
    "engine": {
        *("ranking", "following", "stacks", "storage", "judges", "jobs", "catalog"),
        *("decoding", "scorers", "media", "query", "settings", "errors"),
    },
    "service": {"engine", "jobs", "media", "query", "settings", "errors"},
    "given_media": {"checkpoints", "machine", "models", "decoding", "scorers", "media", "errors"},
    "embedder": {"given_media", "models", "scorers"},
    "evaluation": {"engine", "jobs", "media", "query", "scorers", "settings", "errors"},
    "evaluation_commands": {"models", "errors", "terminal", "evaluation", "jobs", "scorers", "settings"},
    "reranker": {"given_media", "models", "scorers", "query", "errors"},
    "terminal": {"errors", "jobs"},
    "model_commands": {"terminal", "models", "machine", "settings"},
    "storage_commands": {"terminal", "storage", "jobs", "settings"},
}
"""The parts of core from the bottom up; a package may use all of itself. The command line stands on top of all."""
TOP = {"", "cli"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import in a file, wherever it stands; the name is empty for `import module`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide which part is meant"
            yield from ((node.module or "", alias.name) for alias in node.names)


def core_part(module: str, name: str) -> str | None:
    """Which part of core an import means; "" is core itself; None is another package."""
    first, *rest = module.split(".")
    if first != "core":
        return None
    if rest:
        return rest[0]
    return name if name in MAY_IMPORT or name in TOP else ""


# --- who imports whom --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_nothing_in_core_points_back_up(path: Path) -> None:
    own = [*module_of(path).split(".")[1:], ""][0]
    if own in TOP:
        return
    assert own in MAY_IMPORT, f"say in this test which parts core/{own} may use"
    for module, name in imports(path):
        part = core_part(module, name)
        if part is not None and part != own:
            assert part in MAY_IMPORT[own], f"core/{own} must not know core/{part or '__init__'} ({module} {name})"


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_core_knows_no_window(path: Path) -> None:
    packages = {module.split(".")[0] for module, _ in imports(path)}
    assert not packages & {"PySide6", "shiboken6", "desktop", "resources"}


@pytest.mark.parametrize("path", CORE + DESKTOP, ids=module_of)
def test_only_the_catalog_knows_sql(path: Path) -> None:
    packages = {module.split(".")[0] for module, _ in imports(path)}
    if "catalog" not in path.parts:
        assert not packages & {"sqlite3", "sqlite_utils"}


@pytest.mark.parametrize("path", CORE + DESKTOP, ids=module_of)
def test_models_libraries_are_imported_only_where_a_model_is_loaded(path: Path) -> None:
    packages = {module.split(".")[0] for module, _ in imports(path)}
    if module_of(path) not in TORCH_HEAVY:
        assert not packages & {"torch", "torchvision", "transformers", "accelerate", "qwen_vl_utils"}


@pytest.mark.parametrize("path", DESKTOP, ids=module_of)
def test_the_window_knows_only_cores_public_names(path: Path) -> None:
    allowed = {"core", "core.errors"} | ({"core.cli"} if path.name == "__main__.py" else set())
    for module, name in imports(path):
        if module.split(".")[0] != "core":
            continue
        assert module in allowed, f"{path.name} imports {module}"
        if module == "core":
            public = {*core.__all__, "errors"} | ({"cli"} if path.name == "__main__.py" else set())
            assert name in public, f"{path.name} imports {name} from core"


def test_every_part_of_the_table_is_one_of_ours() -> None:
    there = {[*module_of(path).split(".")[1:], ""][0] for path in CORE}
    assert there - TOP <= set(MAY_IMPORT)
    assert set(MAY_IMPORT) <= there


# --- what importing costs ----------------------------------------------------------------------------


def loaded_after(statement: str) -> set[str]:
    """The top-level packages in memory after a statement, in a fresh interpreter."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


WINDOW = {"PySide6", "shiboken6", "desktop", "resources"}
MODEL = {"torch", "torchvision", "transformers", "accelerate"}


def test_all_of_core_loads_neither_qt_nor_the_window_nor_torch() -> None:
    names = [module.name for module in pkgutil.walk_packages([str(ROOT / "core")], "core.")]
    assert "core.decoding.pool" in names
    assert "core.scorers.builtin" in names
    loaded = loaded_after("\n".join(f"import {name}" for name in names if name not in TORCH_HEAVY))
    assert not loaded & (WINDOW | MODEL)


def test_the_engine_needs_nothing_that_only_a_model_does() -> None:
    """The extra [qwen] may be missing."""
    assert not loaded_after("import core.engine, core.cli") & (MODEL | {"tokenizers", "safetensors", "huggingface_hub"})


def test_the_public_names_load_no_more_than_they_need() -> None:
    assert not loaded_after("import core") & {"numpy", "PIL", "click"}
    light = loaded_after("from core import Query, Rank, Scored, EngineProcess, load_settings")
    assert not light & (WINDOW | MODEL | {"cv2", "av", "sqlite_utils", "sqlite3", "pebble", "PIL"})


def test_a_spawned_process_loads_no_qt_by_importing_the_programs_main_module() -> None:
    # multiprocessing imports __main__ again in each child.
    assert not loaded_after("import desktop.__main__") & {"PySide6", "shiboken6", "numpy"}


def test_the_window_loads_no_decoder_no_judge_and_no_catalog() -> None:
    loaded = loaded_after("import desktop.app")
    assert "PySide6" in loaded
    assert not loaded & (MODEL | {"cv2", "av", "sqlite_utils", "sqlite3", "pebble"})


# --- what is public ----------------------------------------------------------------------------------


def test_the_public_names_are_all_there_and_named_once() -> None:
    assert len(set(core.__all__)) == len(core.__all__)
    for name in core.__all__:
        assert getattr(core, name) is not None
    with pytest.raises(AttributeError, match="Engin"):
        core.Engin  # noqa: B018


def test_the_type_checkers_names_are_the_public_ones() -> None:
    tree = ast.parse(Path(core.__file__).read_text("utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(core.__all__)


@pytest.mark.parametrize("path", CORE + DESKTOP, ids=module_of)
def test_every_module_says_which_decision_it_hides(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body


# --- errors ------------------------------------------------------------------------------------------

TREE: list[type[errors.SemblanceError]] = sorted(
    (thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, errors.SemblanceError)),
    key=lambda kind: kind.__name__,
)


def documented_data(kind: type[errors.SemblanceError]) -> set[str]:
    """The names after "data:" in the docstring of the class, or of the nearest base that has one."""
    for base in kind.__mro__:
        found = re.search(r"data: (.+?)\.?$", vars(base).get("__doc__") or "", re.MULTILINE)
        if found:
            return {word.strip() for word in re.sub(r"\([^)]*\)", "", found[1]).split(",")}
    return set()


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_that_its_data_fills(kind: type[errors.SemblanceError]) -> None:
    assert "sentence" in vars(kind), "a sentence of its own: what happened, and what to do"
    placeholders = {name for _, name, _, _ in string.Formatter().parse(kind.sentence) if name}
    assert placeholders <= documented_data(kind)
    words = str(kind(**dict.fromkeys(documented_data(kind), "DATUM")))
    assert words.endswith((".", "DATUM"))
    assert "{" not in words


def test_the_tree_drawn_is_the_tree_there_is() -> None:
    drawn: dict[str, str] = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ((?:[│├└─]| {1,3})*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            parents = [*parents[:depth], found[2]]
            drawn[found[2]] = parents[-2] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in TREE}


# --- Qt ----------------------------------------------------------------------------------------------


def test_this_pyside_is_sound_on_this_python() -> None:
    import PySide6
    from PySide6.QtCore import QObject

    if sys.version_info < (3, 12):
        # pyproject.toml forbids it; an environment made by hand may still have it.
        version = tuple(int(part) for part in PySide6.__version__.split(".")[:2])
        assert version < (6, 12), (
            f"PySide6 {PySide6.__version__} on Python {sys.version.split()[0]} loses a reference to None at every call "
            "and crashes within seconds: install PySide6 below 6.12, or use Python 3.12 or newer."
        )
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(10_000):
        thing.setObjectName("a")
        thing.parent()
    assert sys.getrefcount(None) > before - 1_000
