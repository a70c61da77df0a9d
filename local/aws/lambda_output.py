"""What handlers print goes to one log file a function, what the command line prints stays on the console.

Handlers run in threads of the process whose console shows progress, so standard output is routed by thread.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class _Router(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr and passes text on to whoever owns the writing thread."""

    def __init__(self, console: TextIO) -> None:
        self.console = console
        self._of_thread = threading.local()
        self._of_handler: TextIO | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._target() is self.console and self.console.isatty()

    def write(self, text: str) -> int:
        return self._target().write(text)

    def flush(self) -> None:
        self._target().flush()

    @contextmanager
    def to(self, log: TextIO) -> Iterator[None]:
        """The calling thread's output goes to the log, and that of threads that the handler starts."""
        outer, outer_handler = getattr(self._of_thread, "log", None), self._of_handler
        self._of_thread.log = self._of_handler = log
        try:
            yield
        finally:
            self._of_thread.log, self._of_handler = outer, outer_handler

    def _target(self) -> TextIO:
        own: TextIO | None = getattr(self._of_thread, "log", None)
        if own is not None:
            return own
        if self._of_handler is not None and threading.current_thread() is not threading.main_thread():
            return self._of_handler
        return self.console


_routers: list[_Router] = []
"""One pair for the whole process: loggers keep the stream that they were made with beyond the cloud they ran in."""


class OutputRouting:
    """Puts the routers in place of the process's streams, and the streams back."""

    def __init__(self) -> None:
        if not _routers:
            _routers.extend((_Router(sys.stdout), _Router(sys.stderr)))
        self._stdout, self._stderr = _routers

    @contextmanager
    def to(self, log: TextIO) -> Iterator[None]:
        self._take_streams()
        with self._stdout.to(log), self._stderr.to(log):
            yield

    def undo(self) -> None:
        if sys.stdout is self._stdout:
            sys.stdout = self._stdout.console
        if sys.stderr is self._stderr:
            sys.stderr = self._stderr.console

    def _take_streams(self) -> None:
        """Each time anew: others, such as test runners, replace the streams too."""
        if sys.stdout is not self._stdout:
            self._stdout.console, sys.stdout = sys.stdout, self._stdout
        if sys.stderr is not self._stderr:
            self._stderr.console, sys.stderr = sys.stderr, self._stderr
