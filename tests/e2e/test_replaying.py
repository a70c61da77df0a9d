"""A replay on the command line, in a process of its own: identical, or the first difference by file and line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.world import World, open_world
from tests.e2e.bills import PERIOD, Bill
from tests.e2e.command import REPOSITORY, Ended, close, summary_of
from tests.e2e.test_council_and_audit import variant, with_a_refund

pytestmark = pytest.mark.slow

CSV = f"statements/claims-{PERIOD}-r1.csv"


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory, bill: Bill, policy: Path) -> Path:
    """A month that AWS restated after its close: its files are overwritten, and another policy was in force."""
    folder = tmp_path_factory.mktemp("replaying")
    mine, out = bill.copy_to(folder / "cur"), folder / "out"
    assert close(mine.folder, policy, PERIOD, out).code == 0
    mine.edit_lines(with_a_refund, files=slice(0, 1))
    support = "{id: support, name: AWS Enterprise Support, split: {method: %s}}"
    later = variant(policy, folder / "policy", support % "proportional", support % "even")
    assert close(mine.folder, later, PERIOD, out).code == 0
    assert summary_of(out, PERIOD)["revision"] == 2
    return out


def replay(out: Path, *options: str) -> Ended:
    command = [sys.executable, "-m", "local", "replay", "--period", PERIOD, "--out", str(out), *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())


def overwrite(world: World, key: str, change: Callable[[bytes], bytes]) -> None:
    """Puts another content over what was filed, as nobody can where Object Lock and the bucket's policy stand guard."""
    s3, bucket = world.cloud.client("s3"), world.statements_bucket
    filed = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    changed = change(filed)
    assert changed != filed
    s3.put_object(Bucket=bucket, Key=key, Body=changed)


@pytest.mark.parametrize(("options", "revision"), [(("--revision", "1"), 1), ((), 2)])
def test_both_revisions_of_a_restated_month_come_out_again(
    restated: Path, options: tuple[str, ...], revision: int
) -> None:
    ended = replay(restated, *options)

    assert (ended.code, ended.err) == (0, [])
    assert any(line.startswith(f"{PERIOD}  revision {revision} identical: ") for line in ended.out), ended.out
    result = json.loads((restated / "replay" / f"{PERIOD}-revision-{revision}.json").read_text())
    assert result["differences"] == []
    assert f"charge_period={PERIOD}/statements/claims-{PERIOD}-r{revision}.pdf" in result["files"]


def test_the_folder_of_a_restated_month_verifies_with_both_revisions_and_the_chain_between_them(restated: Path) -> None:
    command = [sys.executable, "-m", "local", "verify", str(restated / PERIOD)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert (restated / PERIOD / "revision-0001" / "evidence.json").is_file()
    assert "not here" not in done.stdout


def test_a_changed_amount_is_named_by_its_file_and_line_with_both_values(restated: Path) -> None:
    with open_world(restated) as world:
        overwrite(world, f"charge_period={PERIOD}/{CSV}", lambda content: content.replace(b"usage,", b"usagf,", 1))

    ended = replay(restated, "--revision", "1")

    assert ended.code == 4
    [error] = ended.err
    assert error.startswith(f"ReplayDiffers: charge_period={PERIOD}/{CSV}, line 2: filed '")
    assert f"{PERIOD}  revision 1 DIFFERS in 1 file:" in ended.out
    [difference] = [line for line in ended.out if CSV in line]
    filed, _, derived = difference.partition("filed ")[2].partition(", derived ")
    assert filed.replace("usagf,", "usage,") == derived
