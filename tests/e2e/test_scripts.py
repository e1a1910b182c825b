"""Semblance used from a script, as the README shows it: run as a file, without guarding its main part."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "resources" / "samples" / "Notes"


def run(script: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SEMBLANCE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_the_engine_ranks_and_no_worker_runs_the_script_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"""
from core import Engine, Failed, Query, Scored

print("begun")
with Engine() as engine:
    listing = engine.list_folder({str(SAMPLES)!r})
    events = list(engine.rank(Query(text="autumn"), listing))
assert not [event for event in events if isinstance(event, Failed)]
assert sum(len(event.rows) for event in events if isinstance(event, Scored)) == len(listing) > 0
""")
    done = run(script, tmp_path / "home")
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n", "")


def test_without_its_libraries_the_model_says_what_to_install(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("""
import sys
sys.modules["torch"] = None  # as if it were not installed
import core
from core.errors import LibrariesMissing
try:
    core.Qwen3VLReranker
except LibrariesMissing as error:
    assert "torch" in str(error) and "pip install" in str(error)
    print("told")
""")
    done = run(script, tmp_path / "home")
    assert (done.returncode, done.stdout, done.stderr) == (0, "told\n", "")
