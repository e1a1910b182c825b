"""The settings file: what was set comes back, whatever happens to the file meanwhile."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import Home, Settings, load_settings, save_settings
from core.errors import SettingsDamaged

SET = Settings(
    theme="dark",
    roots=["/photos", "/mnt/客户 A"],
    recent=["/photos/2026"],
    last_folder="/photos/2026",
    recursive=False,
    cell_size=240,
    library_shown=False,
    inspector_shown=False,
    splitter=[200, 700, 300],
    geometry="AdnQywADAAA=",
    expanded=["/photos"],
    judge="2B",
    device="cpu",
    precision="float32",
    budget="fast",
    finder="SigLIP2",
    finder_device="cpu",
    finder_precision="bfloat16",
    vector_numbers=256,
    judge_seconds=60.0,
    prepare_when_idle=False,
    fold_duplicates=False,
    model_folders=["/models/客户 A"],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "settings.toml"


def test_without_a_file_there_are_defaults_and_no_complaint(path: Path) -> None:
    assert load_settings(path) == (Settings(), None)
    assert not path.exists()


def test_every_setting_comes_back(path: Path) -> None:
    # So that a new setting is not forgotten here: each one differs from its default.
    for name, default in asdict(Settings()).items():
        assert getattr(SET, name) != default, name
    save_settings(SET, path)
    assert load_settings(path) == (SET, None)
    assert os.listdir(path.parent) == ["settings.toml"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    roots=st.lists(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)),
    folder=st.text(max_size=40).filter(lambda text: "\0" not in text),
)
def test_paths_of_any_bytes_come_back(path: Path, roots: list[bytes], folder: str) -> None:
    # As os.fsdecode gives them on a POSIX system, whatever system this is.
    before = replace(
        SET,
        roots=[root.decode("utf-8", "surrogateescape") for root in roots],
        last_folder=folder.encode("utf-8", "replace").decode(),
    )
    save_settings(before, path)
    assert load_settings(path) == (before, None)


@pytest.mark.parametrize(
    "broken", [b"theme = ", b"\0\0\0\0", b"[[[", b"roots = [\n", b"theme = 'dark'\ntheme = 'light'"]
)
def test_a_damaged_file_is_set_aside_and_told(path: Path, broken: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(broken)
    found, error = load_settings(path)
    assert found == Settings()
    assert isinstance(error, SettingsDamaged)
    kept = Path(str(error.data["kept"]))
    assert kept.read_bytes() == broken  # never deleted
    assert not path.exists()
    assert str(kept) in str(error)
    # And then it works as ever.
    save_settings(SET, path)
    assert load_settings(path) == (SET, None)


def test_what_cannot_be_read_gives_defaults_and_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    found, error = load_settings(path)
    assert found == Settings()
    assert isinstance(error, SettingsDamaged)
    assert path.is_dir()


def test_keys_of_another_version_and_values_of_another_type_are_ignored(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        'later = "from 2031"\n'
        'theme = "sepia"\n'  # a theme we don't have
        "cell_size = true\n"  # a boolean is an int to Python, not to us
        'recursive = "no"\n'
        'roots = "/photos"\n'
        'last_folder = "/photos"\n'
        "[panel]\nwidth = 3\n"
    )
    assert load_settings(path) == (Settings(last_folder="/photos"), None)


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_while_writing_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    save_settings(SET, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(step, full)
        with pytest.raises(OSError, match="No space"):
            save_settings(Settings(), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["settings.toml"]  # nothing half written lies about


def test_the_file_is_one_that_people_can_read_and_change(path: Path) -> None:
    save_settings(SET, path)
    table = tomllib.loads(path.read_text("utf-8"))
    assert table["theme"] == "dark"
    assert table["roots"] == ["/photos", "/mnt/客户 A"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_others_on_the_machine_cannot_read_which_folders_a_person_has(path: Path) -> None:
    save_settings(SET, path)
    assert path.stat().st_mode & 0o077 == 0


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    home = Home.find()
    for place in (home.catalog, home.settings, home.pasted, home.thumbnails):
        assert place.is_relative_to(tmp_path / "home")
    assert Home.find(tmp_path / "other").catalog == tmp_path / "other" / "catalog.sqlite3"
    assert not (tmp_path / "home").exists()  # asking where something would lie makes nothing


def test_without_it_data_and_cache_lie_where_the_platform_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMBLANCE_HOME", raising=False)
    home = Home.find()
    assert home.data.is_absolute()
    assert "semblance" in str(home.data).lower()
    assert home.data != home.cache  # scores are data: clearing caches must not lose them
    assert home.thumbnails.is_relative_to(home.cache)
    assert home.catalog.is_relative_to(home.data)
