"""From starting the program to the first paint of its window, warm; and what that process has loaded."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7


def measured() -> None:
    """In a process of its own: prints the seconds since it was started (given as the argument) at the first paint."""
    started = float(sys.argv[2])
    from PySide6.QtCore import QEvent, QObject, QTimer

    import desktop.__main__  # noqa: F401 (what the command imports first)
    from core import Query
    from desktop.app import make_app, make_window

    app = make_app()
    window = make_window(app)

    class FirstPaint(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and not hasattr(self, "seen"):
                self.seen = True
                QTimer.singleShot(0, lambda: print(time.time() - started, flush=True))
                QTimer.singleShot(500, window.close)
            return False

    paint = FirstPaint()
    window.installEventFilter(paint)
    window.show()
    window.begin(None, Query())
    app.exec()
    heavy = sorted({"torch", "transformers", "cv2", "av", "PIL", "sqlite_utils", "pebble"} & set(sys.modules))
    print("loaded in the window's process:", ", ".join(heavy) or "none of the heavy libraries", flush=True)


def main() -> None:
    times, said = [], ""
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as home:
        for _ in range(ROUNDS + 1):
            output = subprocess.run(
                [sys.executable, __file__, "measured", str(time.time())],
                env=os.environ | {"SEMBLANCE_HOME": home},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout.splitlines()
            times.append(float(output[0]))
            said = output[-1]
    warm = times[1:]
    print(
        f"first paint of the window: median {statistics.median(warm):.2f} s, worst {max(warm):.2f} s"
        f" of {ROUNDS} warm starts (within 0.5 s); {said}"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["measured"]:
        measured()
    else:
        main()
