"""`semblance models`: what it prints, and where; what Ctrl+C leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.cli import run
from core.errors import ModelIncomplete
from core.model_commands import models
from core.models import KNOWN, find
from core.settings import Home, Settings, save_settings
from tests.core.fake_hub import FakeHub, model_files

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "parity" / "model"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, settings of one's own, and a machine on which only small models fit."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The real one imports torch, for seconds.
    machine = SimpleNamespace(advice=lambda found: (found.size < 10e9, "runs here"))
    monkeypatch.setitem(sys.modules, "core.machine", machine)
    monkeypatch.setattr("core.machine", machine, raising=False)  # where another test has loaded the real one
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub(KNOWN["2B"].repo, model_files(TINY)).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.address)
        yield serving


def test_the_table_says_what_is_here_and_how_to_get_the_rest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = shutil.copytree(TINY, home / "models" / "mine")
    broken = shutil.copytree(TINY, home / "models" / "unsound")
    (broken / "tokenizer.json").unlink()
    save_settings(Settings(model_folders=[str(home / "models")]), Home.find().settings)
    assert run(models, []) == 0
    lines = capsys.readouterr().out.splitlines()
    head, two, eight, towers, small, large, own, bad = (line.split() for line in lines[:8])
    assert head == ["name", "kind", "size", "state", "fits", "where"]
    assert two[:7] == ["2B", "judge", "4.40", "GB", "missing", "yes", "fetch"]
    assert eight[:6] == ["8B", "judge", "17.50", "GB", "missing", "no"]
    assert towers[:6] == ["SigLIP2", "finder", "1.54", "GB", "missing", "yes"]
    assert (small[:2], large[:2]) == (["Embedding-2B", "finder"], ["Embedding-8B", "finder"])
    assert own == [str(mine), "judge", "1.89", "MB", "here", "yes", str(mine)]
    assert bad[4] == "unusable"
    assert lines[-1].startswith(f"{broken}: {ModelIncomplete(path=str(broken), file='tokenizer.json')}")


def test_json_has_a_row_for_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, ["--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["2B", "8B", "SigLIP2", "Embedding-2B", "Embedding-8B"]
    assert [row["kind"] for row in rows] == ["judge"] * 2 + ["finder"] * 3
    two = rows[0]
    assert set(two) == {"name", "kind", "title", "where", "size", "arrived", "state", "problem", "fits", "advice"}
    assert two["where"] is None


def test_get_fetches_and_says_where_it_is(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, ["get", "2b"]) == 0
    told = capsys.readouterr()
    assert not told.out
    assert told.err.splitlines()[-1] == f"semblance: Qwen3-VL-Reranker-2B is here: {find('2B').folder}"
    assert "of 1.89 MB" in told.err
    assert run(models, ["verify", "2B"]) == 0
    assert "is sound: 1.89 MB read." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["get", "4B"], 1, "no judge or finder called 4B"),
        (["get", "8B"], 1, "no connection to 127.0.0.1"),
        (["verify", "2B"], 1, "semblance models get 2B"),
        (["verify", "/nowhere/at/all"], 1, "no model in /nowhere/at/all"),
        (["get"], 2, "Missing argument"),
        (["get", "builtin"], 2, "only these can be fetched: 2B, 8B, SigLIP2, Embedding-2B, Embedding-8B."),
        (["get", str(TINY)], 2, "only these can be fetched"),
        (["get", "siglip2"], 1, "no connection to 127.0.0.1"),
        (["verify", "auto"], 2, "give 2B, 8B, SigLIP2, Embedding-2B, Embedding-8B or the folder"),
        (["verify", "Embedding-2B"], 1, "semblance models get Embedding-2B"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    argv: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("core.model_download.LONGEST_WAIT", 0.0)
    assert run(models, argv) == code
    told = capsys.readouterr()
    assert words in told.err
    assert not told.out
    assert "Traceback" not in told.err


PROGRAM = (
    "import sys; from core.cli import run; from core.model_commands import models; sys.exit(run(models, sys.argv[1:]))"
)


def test_a_download_interrupted_goes_on_with_the_same_command(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.delay = 0.05
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "get", "2B"], cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    until = time.monotonic() + 30
    while hub.sent["model.safetensors"] < 300_000 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    assert run(models, []) == 0
    assert "% " in capsys.readouterr().out.splitlines()[1]
    hub.delay = 0.0
    assert run(models, ["get", "2B"]) == 0


def test_models_are_listed_where_torch_is_not_installed(capfd: pytest.CaptureFixture[str]) -> None:
    blocked = "import sys; sys.modules.update(torch=None, transformers=None, huggingface_hub=None, httpx2=None)\n"
    for argv, code in ((["--format", "json"], 0), (["verify", str(TINY)], 0), (["get", "2B"], 1)):
        done = subprocess.run([sys.executable, "-c", blocked + PROGRAM, *argv], cwd=ROOT, check=False, env=os.environ)
        assert done.returncode == code
    told = capfd.readouterr()
    assert [row["fits"] for row in json.loads(told.out)] == [None] * 5
    assert "model can be read, all 1.89 MB; what was published is not known here." in told.err
    assert "semblance[qwen]" in told.err
