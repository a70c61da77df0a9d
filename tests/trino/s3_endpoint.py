"""The local cloud's S3 on a loopback port, for a server that is not part of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from moto.core.models import botocore_stubber

_MOCKED_S3 = "https://s3.us-east-1.amazonaws.com"
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "date", "host", "server", "transfer-encoding"})


class _Forwarding(BaseHTTPRequestHandler):
    """Hands a request to moto, which answers for S3 in whichever local cloud is open."""

    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not botocore_stubber.enabled:  # or the request would leave for the real S3
            self.send_error(503, "no local cloud is open")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        is_head = self.command == "HEAD"
        url = _MOCKED_S3 + self.path
        answer = requests.request(
            self.command, url, headers=headers, data=body, allow_redirects=False, stream=is_head, timeout=60
        )
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        content = b"" if is_head else answer.content
        self.send_header("Content-Length", answer.headers.get("Content-Length", "0") if is_head else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Requests are not logged."""


@contextmanager
def serve_s3() -> Iterator[str]:
    """The endpoint's URL. Requests are answered while a local cloud is open, and refused outside of one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Forwarding) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="s3-endpoint", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
