"""Import sets, attachments and change requests, as far as they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.shared.adapters.servicenow.attachments import Attachments
from functions.shared.adapters.servicenow.changes import Approval, ChangeRequests
from functions.shared.adapters.servicenow.import_sets import ImportSetApi
from functions.shared.attaching import CHEAP_TO_READ_BYTES, AttachedFile, FilesAttached, FileToAttach, attach_once
from functions.shared.errors import (
    AttachmentMismatch,
    BooksRateLimited,
    BooksRecordNotFound,
    BooksUnavailable,
    ChangeRequestNotFound,
    ImportFailed,
    PostingForbidden,
)
from local.servicenow.import_api import CHARGES, TransformMap
from local.servicenow.server import ServiceNowStandIn
from tests.unit.servicenow_bench import LINES, Desk, answered_by

STAGING = "u_chargeback_import"
PDF = FileToAttach("claims-2026-05-r1.pdf", b"%PDF-1.7 claims", "application/pdf")
CSV = FileToAttach("claims-2026-05-r1.csv", b"cost_center,amount\r\nCC-1001,79.99\r\n", "text/csv")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[ServiceNowStandIn]:
    with ServiceNowStandIn(tmp_path, slow_seconds=60) as stand_in:
        yield stand_in


@pytest.fixture
def desk(instance: ServiceNowStandIn) -> Desk:
    return Desk(instance)


@pytest.fixture
def line(instance: ServiceNowStandIn, desk: Desk) -> Attachments:
    """The files of one expense line."""
    return Attachments(desk.client, LINES, instance.add_record(LINES, {"amount": "79.99"})["sys_id"])


def files_in(instance: ServiceNowStandIn) -> dict[str, bytes]:
    records = instance.records("sys_attachment")
    assert len(records) == len({record["file_name"] for record in records}), "attached more than once"
    return {record["file_name"]: instance.file(record["sys_id"]) for record in records}


def test_an_imported_row_becomes_a_record(instance: ServiceNowStandIn, desk: Desk) -> None:
    imports = ImportSetApi(desk.client)

    for _ in range(2):
        imports.import_row(STAGING, {"u_chargeback_key": "k1", "amount": "5.00"})

    assert [line["amount"] for line in instance.records(LINES)] == ["5.00"]
    assert len(instance.records(STAGING)) == 2


def test_a_row_that_was_staged_and_not_transformed_has_failed_whatever_the_status_code_says(tmp_path: Path) -> None:
    refusing = TransformMap(CHARGES.name, STAGING, LINES, "u_chargeback_key", refuses="No such cost center: CC-9999")
    with ServiceNowStandIn(tmp_path, transform_maps=(refusing,)) as instance:
        imports = ImportSetApi(Desk(instance).client)
        with pytest.raises(ImportFailed, match=r"'Chargeback charges' says 'error': No such cost center: CC-9999"):
            imports.import_row(STAGING, {"u_chargeback_key": "k1"})

        assert instance.records(LINES) == []
        assert len(instance.records(STAGING)) == 1


def test_one_map_that_fails_among_others_is_a_failure(tmp_path: Path) -> None:
    second = TransformMap("Mirror", STAGING, "incident", "correlation_id", refuses="mandatory field")
    with ServiceNowStandIn(tmp_path, transform_maps=(CHARGES, second)) as instance:
        imports = ImportSetApi(Desk(instance).client)
        with pytest.raises(ImportFailed, match="'Mirror' says 'error': mandatory field"):
            imports.import_row(STAGING, {"u_chargeback_key": "k1"})


def test_a_staging_table_without_a_map_makes_nothing(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, transform_maps=()) as instance:
        imports = ImportSetApi(Desk(instance).client)
        with pytest.raises(ImportFailed, match="no transform map is active"):
            imports.import_row(STAGING, {"u_chargeback_key": "k1"})


def test_files_are_attached_once_whatever_is_repeated(instance: ServiceNowStandIn, line: Attachments) -> None:
    assert attach_once(line, [PDF, CSV]) == FilesAttached(uploaded=2, found=0)
    assert attach_once(line, [PDF, CSV]) == FilesAttached(uploaded=0, found=2)

    assert files_in(instance) == {PDF.name: PDF.content, CSV.name: CSV.content}
    kinds = {record["file_name"]: record["content_type"] for record in instance.records("sys_attachment")}
    assert kinds == {PDF.name: "application/pdf", CSV.name: "text/csv"}


def test_a_file_whose_upload_was_not_answered_is_not_uploaded_again(
    instance: ServiceNowStandIn, line: Attachments
) -> None:
    instance.fail_next(1, "reset_after_act", on="upload")

    assert attach_once(line, [PDF, CSV]) == FilesAttached(uploaded=2, found=0)
    assert set(files_in(instance)) == {PDF.name, CSV.name}


def test_an_upload_that_did_not_arrive_is_left_to_the_next_attempt(
    instance: ServiceNowStandIn, line: Attachments
) -> None:
    instance.fail_next(1, "500", on="upload")
    with pytest.raises(BooksUnavailable):
        attach_once(line, [PDF, CSV])
    assert files_in(instance) == {}

    attach_once(line, [PDF, CSV])
    assert set(files_in(instance)) == {PDF.name, CSV.name}


@pytest.mark.usefixtures("line")
def test_after_a_refusal_for_the_rate_nothing_more_is_asked(instance: ServiceNowStandIn) -> None:
    hurried = Attachments(Desk(instance, seconds=120).client, LINES, instance.records(LINES)[0]["sys_id"])
    instance.fail_next(9, "429", on="upload")

    with pytest.raises(BooksRateLimited):
        attach_once(hurried, [PDF])
    assert instance.requests[-1] == "POST /api/now/attachment/file"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"%PDF-1.7 CLAIMS", "what is in it is not ours"), (b"%PDF", "has 4 bytes, ours has 15")],
)
def test_another_file_of_the_same_name_is_not_passed_over(
    instance: ServiceNowStandIn, line: Attachments, content: bytes, said: str
) -> None:
    instance.attach(LINES, instance.records(LINES)[0]["sys_id"], PDF.name, content)

    with pytest.raises(AttachmentMismatch, match=said):
        attach_once(line, [PDF])
    assert files_in(instance) == {PDF.name: content}


def test_a_file_that_is_attached_twice_is_named(instance: ServiceNowStandIn, line: Attachments) -> None:
    for _ in range(2):
        instance.attach(LINES, instance.records(LINES)[0]["sys_id"], PDF.name, PDF.content)

    with pytest.raises(AttachmentMismatch, match=r"attached 2 times, as .* and .*; remove all but one"):
        attach_once(line, [PDF])


def test_a_file_of_another_record_is_another_file(instance: ServiceNowStandIn, line: Attachments) -> None:
    other = instance.add_record(LINES, {})
    instance.attach(LINES, other["sys_id"], PDF.name, b"other")

    assert attach_once(line, [PDF]).uploaded == 1


def test_a_large_file_that_is_there_is_known_by_its_size() -> None:
    class Holder:
        name = "a record"

        def listed(self) -> list[AttachedFile]:
            return [AttachedFile("a1", "big.pdf", CHEAP_TO_READ_BYTES + 1)]

        def upload(self, file: FileToAttach) -> AttachedFile:
            raise AssertionError(file.name)

        def read(self, file: AttachedFile) -> bytes:
            raise AssertionError(file.name)

    big = FileToAttach("big.pdf", bytes(CHEAP_TO_READ_BYTES + 1), "application/pdf")
    assert attach_once(Holder(), [big]) == FilesAttached(uploaded=0, found=1)


def test_a_file_that_is_accepted_and_not_shown_is_no_success() -> None:
    class Holder:
        name = "fm_expense_line 0"

        def listed(self) -> list[AttachedFile]:
            return []

        def upload(self, file: FileToAttach) -> AttachedFile:
            return AttachedFile("a1", file.name, len(file.content))

        def read(self, file: AttachedFile) -> bytes:
            raise AssertionError(file.name)

    with pytest.raises(AttachmentMismatch, match=r"claims-2026-05-r1\.pdf was accepted but is not shown"):
        attach_once(Holder(), [PDF])


def test_a_hidden_record_takes_no_file_and_says_that_it_may_be_hidden(
    instance: ServiceNowStandIn, line: Attachments
) -> None:
    instance.hide(instance.records(LINES)[0]["sys_id"])

    with pytest.raises(BooksRecordNotFound, match="an access rule hides it from our user"):
        attach_once(line, [PDF])


def test_a_kind_of_file_that_the_instance_does_not_allow_is_refused(tmp_path: Path) -> None:
    with ServiceNowStandIn(tmp_path, attachment_extensions=["pdf", "csv"]) as instance:
        line = instance.add_record(LINES, {})
        holder = Attachments(Desk(instance).client, LINES, line["sys_id"])
        with pytest.raises(PostingForbidden, match=r"File type is not allowed: a\.p7s"):
            attach_once(holder, [FileToAttach("a.p7s", b"x", "application/pkcs7-signature")])


@pytest.mark.usefixtures("line")
def test_many_attachments_are_listed_page_by_page(instance: ServiceNowStandIn, desk: Desk) -> None:
    sys_id = instance.records(LINES)[0]["sys_id"]
    for number in range(5):
        instance.attach(LINES, sys_id, f"{number}.txt", b"x")

    pages = Attachments(desk.client, LINES, sys_id, page_size=2)
    assert sorted(file.name for file in pages.listed()) == [f"{number}.txt" for number in range(5)]


def test_what_is_in_a_file_is_read_byte_by_byte(line: Attachments) -> None:
    content = hashlib.sha256(b"seed").digest() * 1000 + b"\r\n\x00"
    attached = line.upload(FileToAttach("a.sig", content, "application/octet-stream"))

    assert attached.size == len(content)
    assert line.read(attached) == content


def test_a_change_request_is_read_with_who_approved_it(instance: ServiceNowStandIn, desk: Desk) -> None:
    change = instance.request_change("New driver table", "policy sha256 abc")
    changes = ChangeRequests(desk.client)

    waiting = changes.read(change["number"])
    assert (waiting.approval, waiting.state, waiting.approvals) == ("requested", "Assess", ())
    assert waiting.text == "policy sha256 abc"
    assert not waiting.is_approved

    approver = instance.approver_credentials
    path = f"{instance.url}/api/sn_chg_rest/change/{change['sys_id']}/approvals"
    approved = httpx.patch(
        path, json={"state": "approved"}, auth=(approver["username"], approver["password"]), trust_env=False
    )
    assert approved.status_code == 200
    read = changes.read(change["number"])
    assert (read.approval, read.state, read.requested_by) == ("approved", "Scheduled", "chargeback.integration")
    assert [each.approver for each in read.approvals] == ["cab.approver"]
    assert read.is_approved


def test_a_change_request_that_nobody_approved_is_not_approved_by_its_field_alone(
    instance: ServiceNowStandIn, desk: Desk
) -> None:
    change = instance.request_change("New driver table", "")
    instance.change_record("change_request", change["sys_id"], {"approval": "approved"})

    assert not ChangeRequests(desk.client).read(change["number"]).is_approved


def test_approvals_of_other_changes_do_not_count_even_if_the_instance_ignores_the_query() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "change_request" in request.url.path or "sn_chg_rest" in request.url.path:
            shown = {"number": "CHG1", "sys_id": "c1", "state": "-2", "approval": "approved", "requested_by": ""}
            shown |= {"short_description": "a", "description": ""}
            change = {name: {"value": value, "display_value": value} for name, value in shown.items()}
            return httpx.Response(200, json={"result": [change]})
        foreign = {"sysapproval": "c2", "state": "approved", "approver.user_name": "b", "sys_updated_on": "x"}
        own = {"sysapproval": "c1", "state": "approved", "approver.user_name": "a", "sys_updated_on": "y"}
        return httpx.Response(200, json={"result": [{"sys_id": "1", **foreign}, {"sys_id": "2", **own}]})

    desk = answered_by(answer)
    assert ChangeRequests(desk.client).read("CHG1").approvals == (Approval("a", "y"),)


def test_a_change_request_that_is_not_there_or_hidden_is_not_found(instance: ServiceNowStandIn, desk: Desk) -> None:
    hidden = instance.request_change("secret", "")
    instance.hide(hidden["sys_id"])

    for number in ("CHG9999999", hidden["number"]):
        with pytest.raises(ChangeRequestNotFound, match=f"change request {number}: ServiceNow shows us 0"):
            ChangeRequests(desk.client).read(number)
