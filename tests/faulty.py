"""A proxy before a server that fails as servers do, for as long as a test wants."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Faulty(ThreadingHTTPServer):
    """``fault``: None, "slow" (5 s an answer), "500", "hanging", "refusing" (connections are closed at once), or "lost"
    (what is asked is done, its answer is lost)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = port
        self.fault: str | None = None
        self.over = threading.Event()
        self.lost = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client went away: nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    server: Faulty
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        fault = self.server.fault
        if fault == "hanging":
            self.server.over.wait()
        if fault in ("hanging", "refusing"):
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == "500":
            self._answer(500, b"{}", {})
            return
        if fault == "slow":
            time.sleep(5)
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        with contextlib.closing(behind):
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
        if fault == "lost" and "runs/create" in self.path:
            self.server.lost += 1
            self.close_connection = True
            self.connection.close()
            return
        kept = {name: value for name, value in answer.getheaders() if name.lower() == "content-type"}
        self._answer(answer.status, content, kept)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *given: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def faulty(port: int) -> Iterator[Faulty]:
    """A proxy before the server on that port."""
    with Faulty(port) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, daemon=True)
        serving.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            proxy.shutdown()
