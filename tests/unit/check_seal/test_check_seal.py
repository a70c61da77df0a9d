"""What the allocation has read must still be what AWS has delivered when the ledger is about to be published."""

from __future__ import annotations

import pytest

from functions.shared import run_files
from functions.shared.errors import SealedDataChanged
from functions.shared.seal import SealedFile
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import DATA_KEY, RUN_ID, seal


def keep_seal(bench: FunctionBench) -> None:
    bench.billing.write(DATA_KEY, b"PAR1 sealed PAR1", "application/octet-stream")
    [stored] = bench.billing.latest_versions(DATA_KEY)
    file = SealedFile(key=DATA_KEY, version_id=stored.version_id, size=16, etag=stored.etag, sha256="ab" * 32)
    bench.work.write_json(run_files.seal_key(RUN_ID), seal(files=(file,)).model_dump(mode="json"))


def test_a_seal_holds_while_nothing_is_delivered(bench: FunctionBench) -> None:
    keep_seal(bench)

    assert bench.invoke("check_seal", {"run_id": RUN_ID}) == {"files": 1, "unchanged": True}


def test_other_months_and_other_files_do_not_break_a_seal(bench: FunctionBench) -> None:
    keep_seal(bench)
    bench.billing.write(DATA_KEY.replace("2026-05", "2026-06"), b"PAR1PAR1", "application/octet-stream")
    bench.billing.write(f"{DATA_KEY}.crc", b"1", "application/octet-stream")

    assert bench.invoke("check_seal", {"run_id": RUN_ID})["unchanged"]


def test_a_file_delivered_again_breaks_the_seal_even_with_the_same_bytes(bench: FunctionBench) -> None:
    """Only the sealed versions are retained: a new one could still change after we have looked."""
    keep_seal(bench)
    bench.billing.write(DATA_KEY, b"PAR1 sealed PAR1", "application/octet-stream")

    with pytest.raises(SealedDataChanged, match=f"AWS delivered {DATA_KEY} again while 2026-05 was being closed"):
        bench.invoke("check_seal", {"run_id": RUN_ID})


def test_a_file_removed_breaks_the_seal(bench: FunctionBench) -> None:
    keep_seal(bench)
    bench.s3.delete_object(Bucket="billing", Key=DATA_KEY)

    with pytest.raises(SealedDataChanged, match="was removed while 2026-05 was being closed"):
        bench.invoke("check_seal", {"run_id": RUN_ID})
