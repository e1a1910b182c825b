"""`make bench`: every figure that is promised, measured on this machine in one run. Asserts nothing.

Needs about 3 GB of disk and twelve minutes, and a machine that does nothing else meanwhile. Figures that count are
copied into RESULTS.md beside this file, with the machine in words.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = (
    "looks",
    "same_picture",
    "stacks",
    "look_words",
    "words",
    "matcher_speed",
    "finding",
    "listing",
    "reopening",
    "catalog",
    "first_paint",
    "big_pictures",
    "window_gaps",
    "grid_paint",
    "jpeg_decoding",
    "thumbnails",
    "qwen",
    "encoding",
    "towers",
)


def main(parts: tuple[str, ...]) -> None:
    environment = os.environ | {"QT_LOGGING_RULES": "*.debug=false"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a warm start has its bytecode
    screen = None
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and not os.environ.get("QT_QPA_PLATFORM"):
        if shutil.which("Xvfb"):
            display = f":{90 + os.getpid() % 100}"
            screen = subprocess.Popen(
                ["Xvfb", display, "-screen", "0", "1600x1000x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL
            )
            environment["DISPLAY"] = display
            time.sleep(1)
        else:
            environment["QT_QPA_PLATFORM"] = "offscreen"
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    try:
        for part in parts:
            subprocess.run([sys.executable, "-m", f"tests.bench.{part}"], cwd=ROOT, env=environment, check=False)
    finally:
        if screen is not None:
            screen.terminate()
            screen.wait()


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or PARTS)
