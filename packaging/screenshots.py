"""Takes the pictures of the README: the real window with the sample library, in dark and in light."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "screenshots"
SIZE = (1400, 880)


def take(mode: str) -> None:
    """In a process of its own with an empty home: what a person sees at the first start, settled."""
    from PySide6.QtCore import QTimer

    from core import Query
    from desktop import theme
    from desktop.app import make_app, make_window
    from desktop.session import Phase

    app = make_app()
    window = make_window(app)
    theme.apply_theme(app, mode)  # type: ignore[arg-type]
    window.resize(*SIZE)
    window.show()
    window.begin(None, Query())

    def wait_for_the_end() -> None:
        if window.session.phase is not Phase.FINISHED:
            QTimer.singleShot(100, wait_for_the_end)
            return
        window.notice.hide()
        window.results.view.set_current(int(window.results.model.order[0]))
        QTimer.singleShot(2500, save)

    def save() -> None:
        FOLDER.mkdir(exist_ok=True)
        window.grab().save(str(FOLDER / f"main-{mode}.png"))
        window.close()

    QTimer.singleShot(100, wait_for_the_end)
    app.exec()


def main() -> None:
    for mode in ("dark", "light"):
        with tempfile.TemporaryDirectory() as home:
            environment = os.environ | {"SEMBLANCE_HOME": home}
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
            subprocess.run([sys.executable, __file__, mode], env=environment, check=True)
            print(FOLDER / f"main-{mode}.png")


if __name__ == "__main__":
    if sys.argv[1:]:
        take(sys.argv[1])
    else:
        main()
