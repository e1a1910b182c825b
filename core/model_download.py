"""How a model comes from the hub: by plain HTTP with ranges, into the hub's cache, checked against its digests.

The library made for it (huggingface_hub 2.4) begins a file of gigabytes anew when the line breaks, and by default
fetches over a protocol of its own, past a mirror that HF_ENDPOINT names. So it is only asked which hub is meant.

The one module of Semblance that opens a connection.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx2
from filelock import FileLock, Timeout

from core import hub
from core.errors import DownloadBroken, DownloadDiskFull, DownloadForbidden
from core.hub import Published
from core.jobs import Downloading

if TYPE_CHECKING:
    import hashlib

PATIENCE = 20.0
"""Seconds without a byte after which a connection counts as broken."""
ATTEMPTS = 5
"""Tries in a row that bring nothing, before a download is given up."""
LONGEST_WAIT = 8.0
"""Seconds between tries: one, then twice as many each time, up to this."""
EVENT_SECONDS, RATE_SECONDS = 0.2, 5.0


def fetch(name: str, repo: str) -> Iterator[Downloading]:
    """Bring the newest revision of `repo` into the cache; `name` is what the errors call it.

    What is here already is not fetched again; a file that was begun goes on where it stopped, and counts only once
    its digest is right. Closing keeps what has arrived. HF_ENDPOINT, HF_HUB_OFFLINE and the proxies of the
    environment are honoured; no account is used, the known models are public. Raises DownloadError.
    """
    if _is_offline():
        raise DownloadForbidden(name=name)
    endpoint = _endpoint(name)
    with _client(name) as client:
        work = _Fetch(name, repo, endpoint, client)
        try:
            yield from work.run()
        except httpx2.HTTPError as error:
            raise DownloadBroken(name=name, detail=_in_words(error)) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise work.disk_full() from error
            where = error.filename or hub.cache()
            raise DownloadBroken(name=name, detail=f"{where}: {error.strerror or error}") from error


def _is_offline() -> bool:
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in {"1", "ON", "YES", "TRUE"}


def _endpoint(name: str) -> str:
    """The hub's address: a mirror that the environment names, else the library's own. Raises DownloadBroken."""
    said = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if not said:
        # Imported here: it takes 0.4 s.
        from huggingface_hub import constants

        return constants.ENDPOINT.rstrip("/")
    try:
        address = httpx2.URL(said)
    except httpx2.InvalidURL:
        address = httpx2.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise DownloadBroken(name=name, detail=f"HF_ENDPOINT is no web address: {said}")
    return said


def _client(name: str) -> httpx2.Client:
    """Raises DownloadBroken for a proxy of the environment that can't be used."""
    try:
        return httpx2.Client(follow_redirects=True, timeout=PATIENCE, headers={"User-Agent": "semblance"})
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        detail = "the proxy that the environment names is of no kind that can be used; one of SOCKS 5 "
        detail += "needs the package socksio" if isinstance(error, ImportError) else "begins with socks5://"
        raise DownloadBroken(name=name, detail=detail) from error


def _may_pass(error: httpx2.HTTPError) -> bool:
    """Whether trying again may help."""
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        return status in (408, 429) or status >= 500
    return isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.UnsupportedProtocol)


def _in_words(error: httpx2.HTTPError) -> str:
    """What happened to a connection, in plain words."""
    host = error.request.url.host
    if isinstance(error, httpx2.HTTPStatusError):
        return f"{host} answered {error.response.status_code} {error.response.reason_phrase}".rstrip()
    if "CERTIFICATE" in str(error):
        return f"the certificate of {host} could not be checked"
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return f"no connection to {host}"
    if isinstance(error, httpx2.TimeoutException):
        return f"{host} sent nothing for {PATIENCE:.0f} seconds"
    return f"the connection to {host} was lost"


class _Fetch:
    """One fetching of one model: how far it is, and how fast."""

    def __init__(self, name: str, repo: str, endpoint: str, client: httpx2.Client) -> None:
        self.name, self.repo, self.endpoint, self.client = name, repo, endpoint, client
        self.folder = hub.folder_of(repo)
        self.revision = self.file = ""
        self.done = self.total = 0
        self._told = 0.0
        self._received: deque[tuple[float, int]] = deque()

    def run(self) -> Iterator[Downloading]:
        files = yield from self._ask()
        snapshot = self.folder / "snapshots" / self.revision
        self.total = sum(file.size for file in files)
        self.done = sum(self._present(snapshot, file) for file in files)
        if self.total - self.done > shutil.disk_usage(self.folder).free:
            raise self.disk_full()
        yield self._event()
        for file in files:
            self.file = file.path
            if hub.length(snapshot / file.path) != file.size:
                with self._alone(file):
                    yield from self._bring(file)
                    hub.link(self._blob(file), snapshot / file.path)
        # Last: until all of it is here, an older revision stays the one that is used.
        hub.publish(self.folder, self.revision)
        yield self._event()

    def disk_full(self) -> DownloadDiskFull:
        free = shutil.disk_usage(self.folder).free
        needed = max(self.total - self.done, free)
        path = str(hub.cache())
        return DownloadDiskFull(
            name=self.name, needed=round(needed / 1e9, 1), available=round(free / 1e9, 1), path=path
        )

    def _ask(self) -> Generator[Downloading, None, list[Published]]:
        """The newest revision's wanted files, small ones first; what the hub said is kept with them."""
        address = f"{self.endpoint}/api/models/{self.repo}/revision/main"
        failures = 0
        while True:
            try:
                answer = self.client.get(address, params={"blobs": "true"})
                answer.raise_for_status()
                break
            except httpx2.HTTPError as error:
                failures += 1
                yield from self._after(failures, error)
        self.revision, tree = self._understood(answer)
        hub.record(self.folder, self.revision, tree)
        files = hub.recorded(self.folder, self.revision)
        return sorted(files, key=lambda file: (file.path.endswith(".safetensors"), file.path))

    def _understood(self, answer: httpx2.Response) -> tuple[str, dict[str, dict[str, Any]]]:
        """A revision and its files, out of the hub's answer. A hotel's page to log in is an answer too."""
        try:
            told = answer.json()
            # It becomes a folder's name.
            revision = re.fullmatch("[0-9a-f]{40}", told["sha"])
            tree = {str(each["rfilename"]): _entry(each) for each in told["siblings"]}
        except (ValueError, TypeError, KeyError):
            revision, tree = None, {}
        if not revision or not tree:
            detail = f"{answer.url.host} answered with something else than a list of files"
            raise DownloadBroken(name=self.name, detail=detail)
        return revision[0], tree

    def _present(self, snapshot: Path, file: Published) -> int:
        """Bytes of a file that need not be fetched, as far as lengths tell."""
        here = [hub.length(path) for path in (snapshot / file.path, self._blob(file), self._partial(file))]
        return file.size if here[0] == file.size else min(file.size, here[1] or here[2])

    def _blob(self, file: Published) -> Path:
        return self.folder / "blobs" / file.digest

    def _partial(self, file: Published) -> Path:
        return self.folder / "blobs" / f"{file.digest}.incomplete"

    @contextlib.contextmanager
    def _alone(self, file: Published) -> Iterator[None]:
        """Hold the lock that the library takes for this file, so that no two programs write it."""
        path = hub.cache() / ".locks" / self.folder.name / f"{file.digest}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A generator may be closed by another thread than the one that ran it.
        lock = FileLock(path, timeout=0, thread_local=False, mode=0o664)
        try:
            lock.acquire()
        except Timeout as error:
            raise DownloadBroken(name=self.name, detail="another program is fetching it") from error
        try:
            yield
        finally:
            lock.release()

    # --- one file

    def _bring(self, file: Published) -> Iterator[Downloading]:
        """Leave the file in the blobs, its digest right."""
        blob, partial = self._blob(file), self._partial(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        if blob.is_file():
            # Here under its digest, but not in the snapshot: fetched for another revision, or found damaged and its
            # name in the snapshot deleted.
            hasher = file.hasher()
            yield from self._read(blob, hasher)
            if hasher.hexdigest() == file.digest:
                return
            self.done -= min(file.size, hub.length(blob))
            blob.unlink()
            self.done += min(file.size, hub.length(partial))
        for _ in range(2):
            hasher = yield from self._receive(file, partial)
            if hasher.hexdigest() == file.digest:
                partial.replace(blob)
                return
            # What lay here from before may have been wrong: once more, from the start.
            partial.unlink()
            self.done -= file.size
        raise DownloadBroken(name=self.name, detail=f"{file.path} arrived with another content than was published")

    def _read(self, path: Path, hasher: hashlib._Hash) -> Iterator[Downloading]:
        for _ in hub.read_through(path, hasher):
            yield from self._tell()

    def _receive(self, file: Published, partial: Path) -> Generator[Downloading, None, hashlib._Hash]:
        """Fetch what is missing of a file, over as many connections as it takes; returns the digest of all of it."""
        with partial.open("ab") as out:
            if out.tell() > file.size:
                self._empty(out, file.size)
            hasher = file.hasher()
            yield from self._read(partial, hasher)
            failures, most = 0, out.tell()
            while out.tell() < file.size:
                have = out.tell()
                try:
                    with self._request(file, have) as answer:
                        answer.raise_for_status()
                        if have and answer.status_code != httpx2.codes.PARTIAL_CONTENT:
                            # A server without ranges sends the file from its start.
                            self._empty(out, have)
                            have, hasher = 0, file.hasher()
                        yield from self._take(answer, file, out, hasher)
                    if out.tell() < file.size:
                        raise httpx2.RemoteProtocolError("ended too early", request=answer.request)
                except httpx2.HTTPError as error:
                    # From a server without ranges every try begins anew: only one that gets further counts.
                    failures = 1 if out.tell() > most else failures + 1
                    most = max(most, out.tell())
                    yield from self._after(failures, error)
        return hasher

    def _empty(self, out: BinaryIO, counted: int) -> None:
        out.seek(0)
        out.truncate()
        self.done -= counted

    def _request(self, file: Published, have: int) -> contextlib.AbstractContextManager[httpx2.Response]:
        # Not compressed, so that lengths and ranges are those of the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        return self.client.stream(
            "GET", f"{self.endpoint}/{self.repo}/resolve/{self.revision}/{file.path}", headers=headers
        )

    def _take(
        self, answer: httpx2.Response, file: Published, out: BinaryIO, hasher: hashlib._Hash
    ) -> Iterator[Downloading]:
        for block in answer.iter_raw():
            kept = block[: file.size - out.tell()]
            if not kept:
                return  # it sends more than there should be
            out.write(kept)
            hasher.update(kept)
            self.done += len(kept)
            self._received.append((time.monotonic(), len(kept)))
            yield from self._tell()

    def _after(self, failures: int, error: httpx2.HTTPError) -> Iterator[Downloading]:
        """Wait before the next try, or raise the error. In steps, so that it can be cancelled meanwhile."""
        if failures >= ATTEMPTS or not _may_pass(error):
            raise error
        until = time.monotonic() + min(2.0 ** (failures - 1), LONGEST_WAIT)
        while time.monotonic() < until:
            time.sleep(EVENT_SECONDS)
            yield self._event()

    # --- telling

    def _tell(self) -> Iterator[Downloading]:
        if time.monotonic() - self._told >= EVENT_SECONDS:
            yield self._event()

    def _event(self) -> Downloading:
        self._told = now = time.monotonic()
        while self._received and now - self._received[0][0] > RATE_SECONDS:
            self._received.popleft()
        since = now - self._received[0][0] if self._received else 0.0
        rate = sum(size for _, size in self._received) / since if since > 0 else 0.0
        seconds_left = (self.total - self.done) / rate if rate else None
        return Downloading(self.file, self.done, self.total, rate, seconds_left)


def _entry(told: Mapping[str, Any]) -> dict[str, Any]:
    """One file as the hub lists it, in the form in which the library keeps it."""
    entry = {"size": told["size"], "blob_id": told["blobId"]}
    if large := told.get("lfs"):
        entry |= {"lfs_sha256": large["sha256"], "lfs_size": large["size"]}
    return entry
