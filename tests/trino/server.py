"""A Trino server on this machine: fetched once with Maven, started on loopback, ended with the test run."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.maven import MavenProgram, Unavailable
from tests.trino.client import TrinoClient

HERE = Path(__file__).resolve().parent
TRINO = MavenProgram("trino", HERE / "pom.xml", HERE.parents[1] / ".cache" / "trino")
OLDEST_JAVA = 17
HEAP = "-Xmx3G"
START_SECONDS = 120
STOP_SECONDS = 15
CATALOG = "hive"


class TrinoDidNotStart(Exception):
    """The server was there and ended, or did not answer; the message ends with its log."""


def fetch_trino() -> Path:
    """The folder of the server; raises Unavailable."""
    _require_java()
    return TRINO.fetch(_name_the_plugin)


def _name_the_plugin(home: Path) -> None:
    (home / "plugin" / f"trino-hive-{TRINO.version}").rename(home / "plugin" / "hive")


@contextmanager
def run_trino(home: Path, s3_endpoint: str) -> Iterator[TrinoClient]:
    """A server whose catalog ``hive`` lies in the S3 behind that endpoint; stopped however the context ends."""
    with tempfile.TemporaryDirectory(prefix="trino-") as directory:
        work = Path(directory)
        port = _free_port()
        _configure(work, home, port, s3_endpoint)
        log = work / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                _command(home, work), cwd=work, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(server, url, log)
            with TrinoClient(url, CATALOG) as client:
                yield client
        finally:
            _stop(server)


def _require_java() -> None:
    java = shutil.which("java")
    if not java:
        raise Unavailable("Trino needs Java, and there is no java on the PATH")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < OLDEST_JAVA:
        raise Unavailable(
            f"Trino {TRINO.version} needs Java {OLDEST_JAVA} or newer; java -version says: {said.strip()}"
        )


def _configure(work: Path, home: Path, port: int, s3_endpoint: str) -> None:
    catalogs = work / "catalog"
    catalogs.mkdir()
    _write_properties(
        work / "config.properties",
        {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "node.environment": "tests",
            "node.bind-ip": "127.0.0.1",
            "node.internal-address": "127.0.0.1",
            "http-server.http.port": str(port),
            "http-server.log.enabled": "false",
            "discovery.uri": f"http://127.0.0.1:{port}",
            "catalog.config-dir": str(catalogs),
            "plugin.dir": str(home / "plugin"),
            "task.concurrency": "2",
            "optimizer.join-reordering-strategy": "NONE",
        },
    )
    _write_properties(
        catalogs / f"{CATALOG}.properties",
        {
            "connector.name": "hive",
            "hive.metastore": "file",
            "hive.metastore.catalog.dir": "s3://trino/metastore/",
            "hive.non-managed-table-writes-enabled": "true",
            "hive.partition-projection-enabled": "true",
            "hive.recursive-directories": "true",
            "fs.hadoop.enabled": "false",
            "fs.native-s3.enabled": "true",
            "s3.endpoint": s3_endpoint,
            "s3.region": "us-east-1",
            "s3.path-style-access": "true",
            "s3.aws-access-key": "local",
            "s3.aws-secret-key": "local",
        },
    )


def _command(home: Path, work: Path) -> list[str]:
    return [
        "java",
        HEAP,
        "-XX:TieredStopAtLevel=1",  # every query is new to the server, so none lives long enough to be optimized
        "-XX:+ExitOnOutOfMemoryError",
        "-Duser.timezone=UTC",
        "-Djdk.attach.allowAttachSelf=true",
        f"-Dconfig={work / 'config.properties'}",
        "-cp",
        f"{home / 'lib'}/*",
        str(HERE / "TrinoServer.java"),
        TRINO.version,
    ]


def _write_properties(path: Path, properties: dict[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TrinoDidNotStart(f"Trino ended with {server.returncode}:\n{_tail(log)}")
        try:
            if httpx.get(f"{url}/v1/info", timeout=5, trust_env=False).json().get("starting") is False:
                return
        except (httpx.HTTPError, ValueError):
            pass  # not listening yet
        time.sleep(0.25)
    raise TrinoDidNotStart(f"Trino did not answer within {START_SECONDS} seconds:\n{_tail(log)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin:
        server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
