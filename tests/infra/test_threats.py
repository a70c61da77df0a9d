"""GuardDuty watches what nothing of ours could: where functions talk to; and what it finds, the owners hear."""

from __future__ import annotations

from typing import Any

from tests.infra.stacks import Stacks
from tests.infra.test_posture import told


def finding(severity: float) -> dict[str, Any]:
    """An event of GuardDuty."""
    return {
        "source": "aws.guardduty",
        "detail-type": "GuardDuty Finding",
        "account": "222222222222",
        "region": "us-east-1",
        "detail": {
            "id": "finding-1",
            "type": "Backdoor:Lambda/C&CActivity.B",
            "title": "A function talks to a command server",
            "description": "Chargeback-production-PostCharge queried a domain.",
            "severity": severity,
        },
    }


def test_guardduty_watches_where_functions_talk_to_where_it_is_turned_on_here(stacks: Stacks) -> None:
    detectors = [detector.properties for detector in stacks.of("AWS::GuardDuty::Detector").values()]
    if not stacks.config.detects_threats:
        assert detectors == []
        return
    (detector,) = detectors
    assert detector["Enable"] is True
    assert {"Name": "LAMBDA_NETWORK_LOGS", "Status": "ENABLED"} in detector["Features"]


def test_what_guardduty_finds_is_told_to_the_owners_unless_it_is_slight(stacks: Stacks) -> None:
    messages = told(stacks, finding(8))
    if not stacks.config.detects_threats:
        assert messages == []
        return
    (message,) = messages
    for said in ("Backdoor:Lambda/C&CActivity.B", "talks to a command server", "PostCharge", "222222222222", "8"):
        assert said in message
    assert len(told(stacks, finding(4))) == 1
    assert told(stacks, finding(3.9)) == []


def test_a_finding_goes_to_the_owners_topic_with_a_role_that_can_do_nothing_else(stacks: Stacks) -> None:
    if not stacks.config.detects_threats:
        return
    (target,) = stacks.properties("Observability/ThreatDetection/Found")["Targets"]
    role = "Observability/ThreatDetection/Publisher"
    assert (target["Arn"], target["RoleArn"]) == ("<Observability/Alerts>", f"<{role}>")
    key = stacks.properties("Observability/Alerts")["KmsMasterKeyId"]
    topic = "sns:Publish <Observability/Alerts>"
    assert stacks.roles[role] == {topic, f"kms:GenerateDataKey {key}", f"kms:Decrypt {key}"}
