"""Without any network interface: what Semblance promises to do offline, done in a namespace that has none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "parity" / "model"

WATCH = """
import socket, sys
tried = []
def hear(event, args):
    named = event in ("socket.getaddrinfo", "socket.gethostbyname")
    # Pipes between processes are sockets of the family UNIX.
    reached = event in ("socket.connect", "socket.sendto") and args[0].family != socket.AF_UNIX
    if named or reached:
        tried.append((event, str(args)))
sys.addaudithook(hear)
"""
"""Says at the end whether anything in this process asked for a name or an address."""


def run_without_network(code: str, tmp_path: Path, *, timeout: float = 60) -> str:
    """The standard output of Python code run where there is no network; it fails if anything tried to use one.

    `code` is a program of its own: processes it starts are in the namespace too.
    """
    unshare = ["unshare", "--map-root-user", "--net"]
    try:
        allowed = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here: namespaces are a thing of Linux")
    if allowed.returncode:
        pytest.skip(f"a network namespace may not be made here: {allowed.stderr.decode().strip()}")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {"HF_HOME": str(tmp_path / "hf"), "SEMBLANCE_HOME": str(tmp_path / "home")}
    program = f"{WATCH}\n{code}\nassert not tried, tried"
    done = subprocess.run(
        [*unshare, sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_watch_sees_an_attempt(tmp_path: Path) -> None:
    attempt = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: print('no way out')"
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        run_without_network(attempt, tmp_path)


def test_models_are_listed_and_checked(tmp_path: Path) -> None:
    code = f"""
from core.cli import run
from core.model_commands import models
from core.models import find
assert run(models, ["--format", "json"]) == 0
assert run(models, ["verify", {str(TINY)!r}]) == 0
print(find({str(TINY)!r}).digest)
"""
    assert '"name": "2B"' in run_without_network(code, tmp_path)


def test_a_model_that_is_here_is_not_asked_for(tmp_path: Path) -> None:
    snapshot = tmp_path / "hf" / "hub" / "models--Qwen--Qwen3-VL-Reranker-2B" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    for file in TINY.iterdir():
        (snapshot / file.name).symlink_to(file)
    code = """
from core.cli import run
from core.model_commands import models
assert run(models, ["get", "2B"]) == 0
assert run(models, ["get", "2B"]) == 0
"""
    run_without_network(code, tmp_path)
