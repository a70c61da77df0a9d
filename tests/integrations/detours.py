"""Networks that fail: connections that nobody takes, and processes that die between request and answer."""

from __future__ import annotations

import socket
from functools import cache
from typing import Literal

import httpx

from local.servicenow.faults import FaultyRequests
from local.servicenow.routes import Incoming

Moment = Literal["before the request", "before the answer"]
_TAKEN = socket.socket()


class RefusedConnections(httpx.BaseTransport):
    """Sends some requests to a port on which nobody listens, so that the machine itself refuses the connection."""

    def __init__(self, on: FaultyRequests, table: str) -> None:
        self._network = httpx.HTTPTransport()
        self._on, self._table = on, table
        self._times = self._after = 0

    def refuse(self, times: int, *, after: int) -> None:
        """From now on so many of the requests find nobody, after so many that do."""
        self._times, self._after = times, after

    @property
    def still_to_refuse(self) -> int:
        """How many."""
        return self._times

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuses the connection, or passes the request on."""
        asked = Incoming(request.method, request.url.raw_path.decode(), {}, b"").asked
        if asked.is_meant_by(self._on, self._table):
            self._after -= 1
            if self._after < 0 and self._times > 0:
                self._times -= 1
                request.url = request.url.copy_with(port=closed_port())
        return self._network.handle_request(request)

    def close(self) -> None:
        """Lets go of the connections."""
        self._network.close()


class Died(BaseException):
    """The process was killed. No code of ours may catch this."""


class Mortal(httpx.BaseTransport):
    """Dies at one request, counted from 0: before it is sent, or when the other side has acted and answered."""

    def __init__(self, at: int, moment: Moment) -> None:
        self._network = httpx.HTTPTransport()
        self._left, self._moment = at, moment

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Passes the request on, or dies."""
        self._left -= 1
        if self._left == -1 and self._moment == "before the request":
            raise Died
        response = self._network.handle_request(request)
        if self._left == -1:
            response.read()
            raise Died
        return response

    def close(self) -> None:
        """Lets go of the connections."""
        self._network.close()


@cache
def closed_port() -> int:
    """A port on which nobody listens, nor can while the tests run: it is taken."""
    _TAKEN.bind(("127.0.0.1", 0))
    port: int = _TAKEN.getsockname()[1]
    return port
