"""Without any network interface: what Semblance promises to do offline, done in a namespace that has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from core import Qwen3VLReranker

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


def draw_tutorial(folder: Path) -> tuple[Path, Path]:
    """The example of the model's own tutorial: a picture of a coffee cup, against a text, a keyboard and a clip.

    Returns the cup and the folder with the others.
    """
    folder.mkdir()
    cup = folder.parent / "cup.png"
    drawing = Image.new("RGB", (320, 240), "#d8c8b0")
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((70, 60, 230, 200), fill="#f4f4f4", outline="#808080", width=3)
    pen.ellipse((90, 75, 210, 165), fill="#4a2c17")
    pen.arc((205, 90, 285, 170), -90, 90, fill="#f4f4f4", width=14)
    drawing.save(cup)
    keyboard = Image.new("RGB", (320, 160), "#303030")
    pen = ImageDraw.Draw(keyboard)
    for row in range(4):
        for key in range(12):
            pen.rounded_rectangle((12 + 25 * key, 14 + 34 * row, 32 + 25 * key, 42 + 34 * row), 4, fill="#e0e0e0")
    keyboard.save(folder / "keyboard.jpg")
    (folder / "note.txt").write_text("A cup of coffee with milk on a wooden table.")
    shutil.copy(TINY.parent / "media" / "tall.mp4", folder / "pour.mp4")
    return cup, folder


def test_a_folder_is_ranked_by_a_model(tmp_path: Path) -> None:
    cup, folder = draw_tutorial(tmp_path / "desk")
    code = f"""
import core.cli
status = core.cli.main(["rank", {str(folder)!r}, "--image", {str(cup)!r}, "--scorer", {str(TINY)!r}, "--device", "cpu",
                        "--precision", "float32", "--budget", "full", "--format", "json"])
assert status == 0
"""
    rows = json.loads(run_without_network(code, tmp_path, timeout=110))
    assert [row["rank"] for row in rows] == [1, 2, 3]
    found = {Path(row["path"]).name: row["score"] for row in rows}
    with Qwen3VLReranker(TINY, device="cpu", torch_dtype="float32") as model:
        documents = [
            {"text": (folder / "note.txt").read_text()},
            {"image": str(folder / "keyboard.jpg")},
            {"video": str(folder / "pour.mp4")},
        ]
        expected = model.process({"query": {"image": str(cup)}, "documents": documents})
    assert [found[name] for name in ("note.txt", "keyboard.jpg", "pour.mp4")] == pytest.approx(expected, abs=1e-5)


def test_the_window_loads_a_model_ranks_and_unloads(tmp_path: Path) -> None:
    cup, folder = draw_tutorial(tmp_path / "desk")
    code = f"""
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from pathlib import Path
from PySide6.QtCore import QEventLoop, QTimer
from core import Query
from desktop.app import make_app, make_window
from desktop.session import Phase

def until(true, what):
    loop = QEventLoop()
    timer, limit = QTimer(), QTimer()
    timer.timeout.connect(lambda: true() and loop.exit(0))
    limit.timeout.connect(lambda: loop.exit(1))
    timer.start(20)
    limit.start(60_000)
    assert loop.exec() == 0, what

def main():
    app = make_app()
    window = make_window(app)
    window.show()
    window.begin({str(folder)!r}, Query(images=(Path({str(cup)!r}),)))
    until(lambda: window.session.phase is Phase.FINISHED, "the built-in matcher ranks")
    judges = window.desk.judges
    judges.add_folder({str(TINY)!r})
    judges.load()
    until(lambda: judges.resident is not None, "the model is loaded")
    until(lambda: window.session.phase is Phase.FINISHED and not window.session.ranked_by.is_builtin, "it ranks")
    assert not window.session.failures
    judges.unload()
    until(lambda: judges.resident is None, "it is unloaded")
    window.close()
    print("done")

if __name__ == "__main__":
    main()
"""
    assert run_without_network(code, tmp_path, timeout=115).endswith("done\n")
