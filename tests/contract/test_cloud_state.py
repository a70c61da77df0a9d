"""What is in the local cloud outlives its process, however the process ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import LocalCloud
from local.aws.errors import StateCorrupted, StateInUse
from local.aws.journal import Journal
from tests.contract.cloud_support import create_state_machine, deploy

VERSIONED = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
LOCKED = {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}
PERIODS = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "KeySchema": [{"AttributeName": "period", "KeyType": "HASH"}, {"AttributeName": "part", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "period", "AttributeType": "S"},
            {"AttributeName": "part", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    },
}
POLICY = {"Version": "2012-10-17", "Statement": []}
SIGNING_KEY = {
    "Type": "AWS::KMS::Key",
    "Properties": {"KeyPolicy": POLICY, "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
}
Start = Callable[..., tuple[LocalCloud, dict[str, str]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Ends the running cloud, if any, starts one on the same state, and deploys the resources."""
    running: list[LocalCloud] = []

    def end() -> None:
        while running:
            running.pop().stop()

    def restart(**resources: Any) -> tuple[LocalCloud, dict[str, str]]:
        end()
        cloud = LocalCloud(tmp_path / "state")
        cloud.start()
        running.append(cloud)
        return cloud, deploy(cloud, tmp_path / "cdk.out", **resources)

    yield restart
    end()


def item(period: str, part: int = 1, **attributes: Any) -> dict[str, Any]:
    return {"period": {"S": period}, "part": {"N": str(part)}, **attributes}


def test_objects_come_back_with_everything_that_is_known_of_them(start: Start) -> None:
    cloud, names = start(Ledger=LOCKED)
    s3, where = cloud.client("s3"), {"Bucket": names["LedgerRef"], "Key": "2026-05/ü.json"}
    s3.put_object(**where, Body=b"first", Metadata={"revision": "1"}, ContentType="application/json", Tagging="a=b")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    s3.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    s3.put_object(**where, Body=b"second", ChecksumAlgorithm="SHA256")
    s3.delete_object(**where)

    def everything(s3: Any) -> Any:
        listing = s3.list_object_versions(Bucket=where["Bucket"])
        versions = [version["VersionId"] for version in listing["Versions"]]
        heads = [s3.head_object(**where, VersionId=version, ChecksumMode="ENABLED") for version in versions]
        tags = [s3.get_object_tagging(**where, VersionId=version)["TagSet"] for version in versions]
        bodies = [s3.get_object(**where, VersionId=version)["Body"].read() for version in versions]
        for answer in (listing, *heads):
            answer.pop("ResponseMetadata")
        return listing, heads, tags, bodies

    before = everything(s3)
    cloud, _ = start(Ledger=LOCKED)

    assert everything(cloud.client("s3")) == before
    assert before[3] == [b"second", b"first"]
    assert cloud.files.objects(where["Bucket"], "") == []


def test_a_restored_version_is_still_locked(start: Start) -> None:
    cloud, names = start(Ledger=LOCKED)
    where = {"Bucket": names["LedgerRef"], "Key": "2026-05"}
    until = datetime.now(UTC) + timedelta(days=30)
    locked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    version = cloud.client("s3").put_object(**where, Body=b"{}", **locked)["VersionId"]

    cloud, _ = start(Ledger=LOCKED)

    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("s3").delete_object(**where, VersionId=version)


def test_a_deleted_object_stays_deleted_and_its_bytes_are_gone(start: Start, tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket"}
    cloud, names = start(Work=bucket)
    for body in (b"one", b"two"):
        cloud.client("s3").put_object(Bucket=names["WorkRef"], Key="scratch", Body=body)
    cloud.client("s3").delete_object(Bucket=names["WorkRef"], Key="scratch")

    cloud, _ = start(Work=bucket)

    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket=names["WorkRef"])
    assert not [path for path in (tmp_path / "state" / "objects").rglob("*") if path.is_file()]


def test_a_restored_linked_file_stays_where_it_is(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.aws.s3_store.HASHED_WHOLE", 0)  # every file is large
    delivery = tmp_path / "cur.parquet"
    delivery.write_bytes(b"PAR1")
    cloud, names = start(Billing=VERSIONED)
    version = cloud.link(names["BillingRef"], "cur", delivery)

    cloud, _ = start(Billing=VERSIONED)

    assert cloud.link(names["BillingRef"], "cur", delivery) == version
    assert [one.path for one in cloud.files.objects(names["BillingRef"], "")] == [delivery]


def test_restoring_objects_causes_no_events(start: Start) -> None:
    billing = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}},
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": POLICY}}
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": definition, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
    }
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["aws.s3"]},
            "Targets": [{"Id": "machine", "Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}],
        },
    }
    resources = {"Role": role, "Machine": machine, "Rule": rule, "Billing": billing}
    cloud, names = start(**resources)
    cloud.client("s3").put_object(Bucket=names["BillingRef"], Key="cur", Body=b"{}")
    listing = {"stateMachineArn": names["MachineRef"]}
    assert len(cloud.client("stepfunctions").list_executions(**listing)["executions"]) == 1

    cloud, _ = start(**resources)

    assert cloud.client("s3").head_object(Bucket=names["BillingRef"], Key="cur")["ContentLength"] == 2
    assert cloud.client("stepfunctions").list_executions(**listing)["executions"] == []


def test_items_come_back_as_they_were_last(start: Start) -> None:
    cloud, names = start(Periods=PERIODS)
    table, dynamodb = names["PeriodsRef"], cloud.client("dynamodb")
    rich: dict[str, Any] = {
        "nested": {"M": {"list": {"L": [{"N": "1.10"}, {"NULL": True}]}}},
        "tags": {"SS": ["a", "b"]},
    }
    dynamodb.put_item(TableName=table, Item=item("2026-04", **rich))
    dynamodb.put_item(TableName=table, Item=item("2026-05"))
    dynamodb.put_item(TableName=table, Item=item("2026-06"))
    dynamodb.delete_item(TableName=table, Key=item("2026-06"))
    dynamodb.update_item(
        TableName=table,
        Key=item("2026-05"),
        UpdateExpression="SET #status = :running",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":running": {"S": "RUNNING"}},
    )

    cloud, _ = start(Periods=PERIODS)

    found = cloud.client("dynamodb").scan(TableName=table)["Items"]
    assert sorted(found, key=lambda one: one["period"]["S"]) == [
        item("2026-04", **rich),
        item("2026-05", status={"S": "RUNNING"}),
    ]


def test_a_cancelled_transaction_leaves_nothing_behind(start: Start) -> None:
    cloud, names = start(Periods=PERIODS)
    table = names["PeriodsRef"]
    missing = {"ConditionExpression": "attribute_exists(period)", "Key": item("2026-06"), "TableName": table}
    puts = [{"Put": {"TableName": table, "Item": item("2026-05")}}, {"ConditionCheck": missing}]

    with pytest.raises(ClientError, match="TransactionCanceled"):
        cloud.client("dynamodb").transact_write_items(TransactItems=puts)
    cloud, _ = start(Periods=PERIODS)

    assert cloud.client("dynamodb").scan(TableName=table)["Count"] == 0


def test_of_many_conditional_writes_at_once_one_wins(start: Start) -> None:
    from concurrent.futures import ThreadPoolExecutor

    cloud, names = start(Periods=PERIODS)
    dynamodb = cloud.client("dynamodb")

    def lock(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName=names["PeriodsRef"],
                Item=item("2026-05", execution={"N": str(number)}),
                ConditionExpression="attribute_not_exists(period)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lock, range(16))) == 1


@pytest.mark.parametrize("message_type", ["RAW", "DIGEST"])
def test_a_signing_key_is_the_same_key_after_a_restart(start: Start, message_type: str) -> None:
    from hashlib import sha256

    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    statement = b"claims owes 12.50"
    message = statement if message_type == "RAW" else sha256(statement).digest()
    cloud, names = start(Signing=SIGNING_KEY)
    key, algorithm = names["SigningRef"], "RSASSA_PKCS1_V1_5_SHA_256"
    request = {"KeyId": key, "Message": message, "MessageType": message_type, "SigningAlgorithm": algorithm}
    signature = cloud.client("kms").sign(**request)["Signature"]

    cloud, names = start(Signing=SIGNING_KEY)

    assert names["SigningRef"] == key
    assert cloud.client("kms").sign(**request)["Signature"] == signature
    assert cloud.client("kms").verify(**request, Signature=signature)["SignatureValid"]
    public_key: Any = load_der_public_key(cloud.client("kms").get_public_key(KeyId=key)["PublicKey"])
    public_key.verify(signature, statement, PKCS1v15(), SHA256())


def test_a_public_key_says_which_key_it_is_of_by_its_arn(start: Start) -> None:
    """Whoever asks for an alias learns which key it means today."""
    alias = {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/sign", "TargetKeyId": {"Ref": "Signing"}}}
    cloud, names = start(Signing=SIGNING_KEY, Alias=alias)

    answer = cloud.client("kms").get_public_key(KeyId="alias/sign")
    assert answer["KeyId"] == f"arn:aws:kms:us-east-1:123456789012:key/{names['SigningRef']}"


@pytest.mark.parametrize(("message_type", "length"), [("RAW", 4097), ("DIGEST", 31)])
def test_a_message_that_kms_would_not_sign_is_refused(start: Start, message_type: str, length: int) -> None:
    cloud, names = start(Signing=SIGNING_KEY)

    with pytest.raises(ClientError, match="ValidationException"):
        cloud.client("kms").sign(
            KeyId=names["SigningRef"],
            Message=bytes(length),
            MessageType=message_type,
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )


def test_what_a_key_encrypted_can_be_decrypted_after_a_restart(start: Start) -> None:
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": POLICY}}
    cloud, names = start(Key=key)
    secret = cloud.client("kms").encrypt(KeyId=names["KeyRef"], Plaintext=b"12.50")["CiphertextBlob"]

    cloud, _ = start(Key=key)

    assert cloud.client("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"12.50"


def test_a_generated_secret_keeps_the_value_it_was_given_later(start: Start) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "books", "GenerateSecretString": {}}}
    cloud, _ = start(Books=secret)
    generated = cloud.client("secretsmanager").get_secret_value(SecretId="books")["SecretString"]
    cloud, _ = start(Books=secret)
    assert cloud.client("secretsmanager").get_secret_value(SecretId="books")["SecretString"] == generated
    cloud.client("secretsmanager").put_secret_value(SecretId="books", SecretString="entered by an operator")

    cloud, _ = start(Books=secret)

    found = cloud.client("secretsmanager").get_secret_value(SecretId="books")
    assert found["SecretString"] == "entered by an operator"


def test_state_of_what_is_not_deployed_now_is_kept(start: Start) -> None:
    cloud, names = start(Ledger=VERSIONED)
    cloud.client("s3").put_object(Bucket=names["LedgerRef"], Key="2026-05", Body=b"{}")
    start(Other=VERSIONED)

    cloud, _ = start(Ledger=VERSIONED)

    assert cloud.client("s3").get_object(Bucket=names["LedgerRef"], Key="2026-05")["Body"].read() == b"{}"


def test_a_killed_process_leaves_everything_that_it_was_told_was_done(tmp_path: Path) -> None:
    source = f"""
        import itertools
        from pathlib import Path
        from local.aws.cloud import LocalCloud

        cloud = LocalCloud(Path({str(tmp_path / "state")!r}))
        cloud.start()
        cloud.client("s3").create_bucket(Bucket="ledger")
        cloud.client("dynamodb").create_table(
            TableName="periods",
            KeySchema=[{{"AttributeName": "period", "KeyType": "HASH"}}],
            AttributeDefinitions=[{{"AttributeName": "period", "AttributeType": "S"}}],
            BillingMode="PAY_PER_REQUEST",
        )
        for number in itertools.count():
            cloud.client("s3").put_object(Bucket="ledger", Key=f"{{number}}", Body=b"x" * 100_000)
            cloud.client("dynamodb").put_item(TableName="periods", Item={{"period": {{"S": f"{{number}}"}}}})
            print(number, flush=True)
        """
    process = subprocess.Popen([sys.executable, "-c", dedent(source)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while (done := int(process.stdout.readline())) < 20:
        pass
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    done = int(rest[-1]) if rest else done

    with LocalCloud(tmp_path / "state") as cloud:
        cloud.client("s3").create_bucket(Bucket="ledger")
        bodies = [cloud.client("s3").get_object(Bucket="ledger", Key=f"{n}")["Body"].read() for n in range(done + 1)]
        cloud.client("dynamodb").create_table(
            TableName="periods",
            KeySchema=[{"AttributeName": "period", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "period", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        periods = cloud.client("dynamodb").scan(TableName="periods")["Items"]

    assert set(bodies) == {b"x" * 100_000}
    assert {period["period"]["S"] for period in periods} >= {f"{number}" for number in range(done + 1)}


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    journal = Journal(tmp_path)
    journal.write({"a": {"n": 1}, "b": {"n": 1}})
    journal.write({"a": {"n": 2}, "c": {"n": 2}})
    journal.close()
    return tmp_path / "journal.jsonl"


def test_a_change_that_was_torn_by_a_kill_is_dropped_as_a_whole(journal_file: Path) -> None:
    whole = journal_file.read_bytes()
    change = b'[["a",{"n":3}],["b",null]]\n'
    for length in range(len(change)):
        journal_file.write_bytes(whole + change[:length])

        journal = Journal(journal_file.parent)
        found = dict(journal.items(""))
        journal.close()

        assert found == {"a": {"n": 2}, "b": {"n": 1}, "c": {"n": 2}}


def test_a_journal_that_was_damaged_otherwise_is_refused(journal_file: Path) -> None:
    journal_file.write_bytes(b"not ours\n" + journal_file.read_bytes())

    with pytest.raises(StateCorrupted, match=r"journal\.jsonl:1"):
        Journal(journal_file.parent)


def test_a_journal_grows_with_its_documents_and_not_with_their_changes(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(100):
        journal.write({"counter": {"n": number}})
    journal.close()
    Journal(tmp_path).close()

    assert (tmp_path / "journal.jsonl").read_text() == '[["counter",{"n":99}]]\n'


def test_one_state_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    with LocalCloud(tmp_path), pytest.raises(StateInUse, match="in use by another process"):
        LocalCloud(tmp_path).start()


def test_running_executions_are_aborted_when_the_cloud_stops(tmp_path: Path) -> None:
    import threading

    before = set(threading.enumerate())
    with LocalCloud(tmp_path) as cloud:
        waiting = create_state_machine(cloud, {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}})
        retrying = create_state_machine(
            cloud,
            {
                "Retry": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:s3:headBucket",
                    "Parameters": {"Bucket": "nothing"},
                    "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}],
                    "End": True,
                }
            },
            name="retrying",
        )
        for machine in (waiting, retrying):
            cloud.client("stepfunctions").start_execution(stateMachineArn=machine)

    assert set(threading.enumerate()) <= before
