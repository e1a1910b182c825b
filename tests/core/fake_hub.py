"""A hub on this machine: serves one model as the real one does, counts what it sends, and misbehaves when told."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", "tokenizer.json", ".bin")
PIECE = 64 * 1024


def git_digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class FakeHub:
    """`files` by path; what is in `sent` was sent; the rest says how it misbehaves."""

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        self.repo, self.files, self.revision = repo, files, REVISION
        self.sent: Counter[str] = Counter()
        """Bytes sent of each file. To count anew, give it another: a request under way goes on counting in its own."""
        self.asked: list[str] = []
        self.cut_after: int | None = None
        """Bytes after which a connection is cut, each time."""
        self.ranges = True
        self.unavailable = 0
        """How many requests are still answered with 503."""
        self.altered: dict[str, bytes] = {}
        """Contents sent in place of what was published."""
        self.delay = 0.0
        """Seconds before each piece of 64 KiB."""
        self.page: bytes | None = None
        """What is answered in place of the list of files."""
        self.address = ""

    def listing(self) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for path, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_digest(content)}
            if path.endswith(LARGE):
                sha = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        return {"id": self.repo, "sha": self.revision, "siblings": siblings}

    @contextmanager
    def serving(self) -> Iterator[FakeHub]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def model_files(folder: Path) -> dict[str, bytes]:
    """The files of a model, and some that a repository has besides and nobody should fetch."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    code = b"raise SystemExit('code of the repository was run')"
    return files | {
        "README.md": b"# A model",
        "scripts/reranker.py": code,
        "modeling.py": code,
        "pytorch_model.bin": b"a pickle",
        "onnx/model.onnx": b"weights for another program",
        "onnx/config.json": b"{}",
        "tf_model.h5": b"likewise",
        "spiece.model": b"a tokenizer for another program",
        "1_LogitScore/config.json": b"{}",
    }


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            if hub.unavailable > 0:
                hub.unavailable -= 1
                self._answer(503, b"busy")
            elif path == f"/api/models/{hub.repo}/revision/main":
                self._answer(200, hub.page or json.dumps(hub.listing()).encode())
            elif path.startswith(f"/{hub.repo}/resolve/{hub.revision}/"):
                # As the hub does: the file itself comes from another address.
                self._answer(302, b"", {"Location": f"{hub.address}/store/{path.split('/', 5)[5]}"})
            elif path.startswith("/store/") and path[7:] in hub.files:
                self._send_file(path[7:])
            else:
                self._answer(404, b"nothing")

        def _send_file(self, path: str) -> None:
            content = hub.altered.get(path, hub.files[path])
            asked = self.headers.get("Range") if hub.ranges else None
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            end = len(content) if hub.cut_after is None else min(len(content), start + hub.cut_after)
            sent = hub.sent  # of the time when it was asked
            for offset in range(start, end, PIECE):
                piece = content[offset : min(end, offset + PIECE)]
                time.sleep(hub.delay)
                sent[path] += len(piece)
                try:
                    self.wfile.write(piece)
                except OSError:  # the reader has gone
                    return
            self.close_connection = True

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
