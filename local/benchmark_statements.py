"""Measures signed statements per second on one core."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.render_statement.filing import file_signed
from functions.render_statement.model import StatementModel
from functions.render_statement.package import StatementFile
from functions.shared.signing.identity import SigningIdentity
from functions.shared.signing.request import Subject, request_certificate
from functions.shared.signing.signatory import Signatory
from local.outcome import UsageError
from local.progress import Show, counted
from local.sample.statement import FEWEST_LINES, statement_of
from local.signing import SUBJECT, LocalRoot

KEY_BITS = 3072
Clock = Callable[[], float]

_SIGNED_AT = datetime(2026, 6, 8, tzinfo=UTC)
_METHOD = f"""\
method:  CPU time of this process, from a statement's JSON to its five files in memory: the model is read and added
         up, PDF and CSV are rendered, the PDF is signed (PAdES B-B), the checksums are signed twice. No storage, no
         network, no start of a process. One statement of each size goes before and is not counted.
key:     RSA-{KEY_BITS} in this process, three signatures a statement. A close asks AWS KMS or Vault for them and waits,
         so the key's time is told apart, and the rate without it as well.
"""
_HEADER = (
    f"{'':>6}  {'':>8}  {'CPU ms a statement':^26}  {'of them,':>8}  {'statements a second':>20}\n"
    f"{'lines':>6}  {'PDF':>8}  {'min':>8} {'median':>8} {'max':>8}  {'the key':>8}  {'in all':>8} {'without key':>11}"
)


class Run(NamedTuple):
    """CPU seconds that one statement took, and those of them that the key took."""

    whole: float
    key: float


class Measured(NamedTuple):
    """All runs of one size, and the size of what came out in bytes."""

    lines: int
    runs: tuple[Run, ...]
    pdf_bytes: int

    @property
    def rate(self) -> float:
        """Statements per second of one core, by the median."""
        return 1 / median(run.whole for run in self.runs)

    @property
    def rate_without_key(self) -> float:
        """The same when the key is somebody else's work."""
        return 1 / median(run.whole - run.key for run in self.runs)


@dataclass
class TimedKey:
    """A signing key in this process that adds up what it takes."""

    clock: Clock
    private: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    )
    reference: str = "a key of this process"
    seconds: float = 0.0

    def public_key(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """The RSASSA-PKCS1-v1_5 signature with SHA-256."""
        begun = self.clock()
        signature = self.private.sign(message, padding.PKCS1v15(), SHA256())
        self.seconds += self.clock() - begun
        return signature


def benchmark_statements(sizes: Sequence[int], runs: int, show: Show, clock: Clock = time.process_time) -> int:
    """Measures every size and prints a line for each; returns 0. ``clock`` counts CPU seconds."""
    if runs < 1 or min(sizes) < FEWEST_LINES:
        raise UsageError(f"--runs takes at least 1, --lines at least {FEWEST_LINES}: a statement has pools too")
    show(f"machine: {_machine()}")
    for line in (*_METHOD.splitlines(), "", *_HEADER.splitlines()):
        show(line)
    key = TimedKey(clock)
    signatory = signatory_of(key)
    for lines in sizes:
        show(describe(measure(lines, runs, signatory, key)))
    show("")
    show(f"{counted(runs, 'run')} of each size; a rate is one core's, by the median")
    return 0


def measure(lines: int, runs: int, signatory: Signatory, key: TimedKey) -> Measured:
    """Makes one statement some times; the first, uncounted, pays for what is loaded once."""
    text = json.dumps(statement_of(lines))
    files = _make(text, signatory)
    taken = []
    for _ in range(runs):
        before, begun = key.seconds, key.clock()
        _make(text, signatory)
        taken.append(Run(key.clock() - begun, key.seconds - before))
    return Measured(lines, tuple(taken), len(files[0].content))


def describe(measured: Measured) -> str:
    """The line of one size."""
    whole = [1000 * run.whole for run in measured.runs]
    key = 1000 * median(run.key for run in measured.runs)
    return (
        f"{measured.lines:>6,}  {measured.pdf_bytes / 1000:>5,.0f} kB  {min(whole):>8.1f} {median(whole):>8.1f} "
        f"{max(whole):>8.1f}  {key:>8.1f}  {measured.rate:>8.1f} {measured.rate_without_key:>11.1f}"
    )


def _make(text: str, signatory: Signatory) -> list[StatementFile]:
    files: list[StatementFile] = []

    def keep(file: StatementFile) -> StatementFile:
        files.append(file)
        return file

    file_signed(StatementModel.model_validate_json(text), "benchmark/", keep, signatory, None)
    return files


def signatory_of(key: TimedKey) -> Signatory:
    """The key with a certificate of a root that is forgotten again."""
    with tempfile.TemporaryDirectory() as folder:
        root = LocalRoot(Path(folder))
        chain = root.issue(request_certificate(Subject(**SUBJECT), key)) + root.pem
    return Signatory.at(_SIGNED_AT, SigningIdentity(key=key.reference, certificate_chain=chain), key)


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("reportlab", "pyHanko", "cryptography"))
    return (
        f"{platform.machine()}, {counted(os.cpu_count() or 1, 'core')}, Python {platform.python_version()}, {libraries}"
    )
