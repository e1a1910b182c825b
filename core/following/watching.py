"""How we hear that something changed on the disk: by the system's notifications (watchfiles), or not at all.

What is heard is a hint and no more. Notifications get lost: when too many come at once, in folders made a moment
ago, on network shares altogether. `core.following` looks at the disk itself, and compares in intervals.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Sequence

DEBOUNCE, STEP = 300, 100
"""Milliseconds: changes are gathered until nothing came for a STEP, at most for DEBOUNCE."""

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "afpfs", "9p", "ceph", "lustre", "beegfs")
) | frozenset(("webdav", "davfs", "glusterfs", "gpfs", "ocfs2", "gfs2", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "acfs"))
"""File systems whose files others can change without this machine's being notified. All of FUSE counts too
(sshfs, rclone, gvfs, mtp): few of those notify."""

_DRIVE_REMOTE = 4  # GetDriveType in winbase.h


def is_network_folder(path: str) -> bool:
    """Whether the folder lies on another machine, or on a file system that behaves so. False if there's no telling."""
    if os.name == "nt":
        import ctypes

        drive = os.path.splitdrive(path)[0]
        kind = ctypes.windll.kernel32.GetDriveTypeW(drive + "\\")  # type: ignore[attr-defined, unused-ignore]
        return drive.startswith("\\\\") or kind == _DRIVE_REMOTE
    import psutil

    real = os.path.realpath(path)
    try:
        mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    except OSError:
        return False
    while real not in mounts and real != os.path.dirname(real):
        real = os.path.dirname(real)
    kind = mounts.get(real, "").lower()
    if kind.startswith("fuse"):
        return "fuseblk" not in kind  # that one is a disk: NTFS, exFAT
    return kind in NETWORK_FILE_SYSTEMS


class Watch:
    """Watches folders, and all below them if recursive, in a thread of its own, until it is closed.

    It begins to hear after a moment (`ready`): the system is asked to watch each folder. That takes about 0.15 s for
    100,000 files and holds the interpreter all the while, so it's best done when the folders have just been read.
    """

    def __init__(self, paths: Sequence[str], *, recursive: bool = True) -> None:
        self.ready = threading.Event()
        """Set once it hears, or never will."""
        self._heard: queue.SimpleQueue[dict[str, bool] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._listen, args=(paths, recursive), name="watching", daemon=True)
        self._thread.start()

    def hear(self, seconds: float) -> dict[str, bool] | None:
        """Paths where something happened, each with whether it was said to be gone; empty if nothing happened for so
        long. None: it hears nothing, or no longer."""
        try:
            return self._heard.get(timeout=seconds)
        except queue.Empty:
            return {}

    def close(self) -> None:
        """End it. Its thread has ended then, but for one that is still getting ready: that ends at once when it is."""
        self._closed = True
        self._thread.join(timeout=0.4)

    def is_set(self) -> bool:
        """For watchfiles, which asks this in every step, and not before it watches: whether it should end."""
        self.ready.set()
        return self._closed

    def _listen(self, paths: Sequence[str], recursive: bool) -> None:
        # Here: a folder that is never watched needs none of it.
        from watchfiles import Change, watch

        try:
            # A subfolder that we may not read fails it: all others after it would be left unwatched silently.
            for changes in watch(
                *paths,
                watch_filter=None,
                debounce=DEBOUNCE,
                step=STEP,
                stop_event=self,
                rust_timeout=0,
                recursive=recursive,
                force_polling=False,
                ignore_permission_denied=False,
            ):
                heard: dict[str, bool] = {}
                for change, path in changes:
                    heard[path] = heard.get(path, False) or change is Change.deleted
                self._heard.put(heard)
        except (OSError, RuntimeError, UnicodeError):
            # Too many folders or watchers, no permission, or a name that is not UTF-8, which it can't tell.
            pass
        self._heard.put(None)
        self.ready.set()
