"""Which folders lie on a network share, or on anything else whose locks and shared memory can't be trusted."""

from __future__ import annotations

import os
from pathlib import Path

_SHARES = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "smb", "afpfs", "webdav", "ncpfs", "afs", "coda"),
    # Of a virtual machine's host, and of many machines at once.
    *("9p", "virtiofs", "vboxsf", "prl_fs", "hgfs", "ceph", "lustre", "gfs2", "ocfs2", "glusterfs", "beegfs"),
}
_LOCAL_FUSE = {"fuse.ntfs-3g", "fuse.exfat", "fuse.ext4", "fuse.ecryptfs", "fuse.encfs", "fuse.gocryptfs"}
"""File systems in user space that lie on this machine's own disks. Of any other that is not known."""


def is_on_share(path: Path) -> bool:
    """Whether `path` lies on a network share, by the kind of file system; False where that can't be told."""
    kind = _file_system(path)
    if kind in _LOCAL_FUSE or kind == "fuseblk":
        return False
    return kind in _SHARES or kind.startswith("fuse") or kind == "remote"


def _file_system(path: Path) -> str:
    """The name of the file system, lower case; on Windows "remote" for a share; empty if it isn't known."""
    # Imported here, as only who opens a catalog needs it.
    import psutil

    real = os.path.realpath(path)
    if real.startswith("\\\\"):
        return "remote"
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return ""
    found, length = "", 0
    for mount in mounts:
        # Of several mounted in the same place the last one counts.
        point = os.path.normcase(mount.mountpoint)
        if len(point) >= length and _is_under(os.path.normcase(real), point):
            found, length = ("remote" if "remote" in mount.opts.split(",") else mount.fstype.lower()), len(point)
    return found


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)
