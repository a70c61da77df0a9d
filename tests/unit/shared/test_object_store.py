"""Objects as functions use them; some are written once and stay."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from functions.shared.adapters.object_store import ObjectStore, read_query_result, split_uri
from functions.shared.errors import LedgerConflict, StorageUnavailable
from tests.unit.function_bench import FunctionBench

UNTIL = datetime(2033, 7, 1, tzinfo=UTC)


def write_once(store: ObjectStore, content: bytes, content_id: str = "id-1") -> str:
    return store.write_once("ledger/part", content, "application/octet-stream", content_id, UNTIL)


def test_an_object_written_once_is_retained_in_compliance_mode(bench: FunctionBench) -> None:
    version_id = write_once(bench.ledger, b"ledger")

    assert bench.retention("ledger", "ledger/part", version_id) == ("COMPLIANCE", UNTIL)
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.s3.delete_object(Bucket="ledger", Key="ledger/part", VersionId=version_id)


def test_writing_the_same_content_again_keeps_the_first_version(bench: FunctionBench) -> None:
    first = write_once(bench.ledger, b"ledger")

    assert write_once(bench.ledger, b"ledger, compressed otherwise") == first
    assert bench.ledger.read("ledger/part") == b"ledger"


def test_other_content_under_the_key_is_a_conflict_and_nothing_is_overwritten(bench: FunctionBench) -> None:
    write_once(bench.ledger, b"ledger")

    with pytest.raises(LedgerConflict, match="s3://ledger/ledger/part exists with other content"):
        write_once(bench.ledger, b"another ledger", "id-2")
    assert [bench.ledger.read(version.key) for version in bench.ledger.latest_versions("")] == [b"ledger"]


def test_an_object_somebody_else_wrote_without_an_id_is_a_conflict(bench: FunctionBench) -> None:
    bench.ledger.write("ledger/part", b"who knows", "text/plain")

    with pytest.raises(LedgerConflict):
        write_once(bench.ledger, b"ledger")


def test_retention_is_set_on_one_version_and_its_successors_stay_free(bench: FunctionBench) -> None:
    bench.billing.write("data", b"one", "text/plain")
    [first] = bench.billing.latest_versions("data")
    bench.billing.retain("data", first.version_id, UNTIL)
    bench.billing.write("data", b"two", "text/plain")

    [second] = bench.billing.latest_versions("data")
    assert bench.retention("billing", "data", first.version_id) == ("COMPLIANCE", UNTIL)
    assert bench.retention("billing", "data", second.version_id) is None


def test_the_latest_versions_are_sorted_and_without_what_was_deleted(bench: FunctionBench) -> None:
    for key in ("b", "a", "gone", "other/a"):
        bench.billing.write(key, key.encode(), "text/plain")
    bench.billing.write("a", b"newer", "text/plain")
    bench.s3.delete_object(Bucket="billing", Key="gone")

    found = bench.billing.latest_versions("")

    assert [(version.key, version.size) for version in found] == [("a", 5), ("b", 1), ("other/a", 7)]
    assert found[0].etag == hashlib.md5(b"newer", usedforsecurity=False).hexdigest()


def test_a_digest_is_of_one_version_and_tells_its_ends(bench: FunctionBench) -> None:
    bench.billing.write("data", b"PAR1 first 1RAP", "text/plain")
    [first] = bench.billing.latest_versions("data")
    bench.billing.write("data", b"second", "text/plain")

    digest = bench.billing.digest("data", first.version_id)

    assert digest.sha256 == hashlib.sha256(b"PAR1 first 1RAP").hexdigest()
    assert (digest.head, digest.tail) == (b"PAR1", b"1RAP")


def test_equal_values_are_equal_bytes(bench: FunctionBench) -> None:
    bench.work.write_json("one", {"b": 1, "a": "ä"})
    bench.work.write_json("other", {"a": "ä", "b": 1})

    assert bench.work.read("one") == bench.work.read("other")
    assert "ä" in bench.work.read_text("one")


def test_records_are_read_in_the_order_of_their_keys(bench: FunctionBench) -> None:
    for key in ("posted/b.json", "posted/a.json", "refused/a.json"):
        bench.work.write_json(key, key)

    assert bench.work.read_records("posted/") == ["posted/a.json", "posted/b.json"]


def test_json_lines_are_one_object_a_line(bench: FunctionBench) -> None:
    bench.work.write_json_lines("rows", [{"a": "1\n2"}, {"a": "ü"}])

    assert bench.work.read_text("rows") == '{"a": "1\\n2"}\n{"a": "ü"}\n'


def test_a_query_result_reads_back_whatever_is_in_a_value(bench: FunctionBench) -> None:
    odd = ["a,b", 'say "so"', "two\nlines", "crlf\r\nhere", "a\u2028b\x0bc\x85d", " kept ", ""]
    text = '"n","value"\n' + "".join(f'"{n}","{value.replace(chr(34), chr(34) * 2)}"\n' for n, value in enumerate(odd))

    rows = list(read_query_result(bench.put_query_result("odd", text)))

    assert [row["value"] for row in rows] == odd
    assert [row["n"] for row in rows] == [str(n) for n in range(len(odd))]


def test_a_query_result_without_rows_is_none(bench: FunctionBench) -> None:
    assert list(read_query_result(bench.put_query_result("none", '"n","value"\n'))) == []


def test_an_address_is_bucket_and_key() -> None:
    assert split_uri("s3://work/a/b c.csv") == ("work", "a/b c.csv")
    assert ObjectStore("work").uri("a/b c.csv") == "s3://work/a/b c.csv"


def answering(status: int, code: str) -> Any:
    """An S3 that gives one answer to everything."""

    class Body:
        def stream(self) -> list[bytes]:
            return [f"<Error><Code>{code}</Code><Message>later</Message></Error>".encode()]

    return lambda request, **_: AWSResponse(request.url, status, {}, Body())


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict")]
)
def test_a_busy_s3_is_named_so_that_the_state_machine_tries_again(bench: FunctionBench, status: int, code: str) -> None:
    store = bench.ledger
    store._client.meta.events.register_first("before-send.s3", answering(status, code))

    with pytest.raises(StorageUnavailable, match=f"S3 PutObject: {status} {code} later"):
        write_once(store, b"ledger")


def test_what_s3_refuses_for_good_is_not_tried_again(bench: FunctionBench) -> None:
    store = bench.ledger
    store._client.meta.events.register_first("before-send.s3", answering(403, "AccessDenied"))

    with pytest.raises(ClientError, match="AccessDenied"):
        write_once(store, b"ledger")
