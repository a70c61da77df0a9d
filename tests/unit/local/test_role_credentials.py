"""Each role has credentials of its own, by which whoever checks a signature knows it."""

from __future__ import annotations

from local.aws.role_credentials import IssuedCredentials

POST_CHARGE, SIGN_EVIDENCE = (f"arn:aws:iam::123456789012:role/{name}" for name in ("PostCharge", "SignEvidence"))


def test_a_role_keeps_its_credentials_and_shares_them_with_no_other() -> None:
    issued = IssuedCredentials()
    first, again, other = issued.of(POST_CHARGE), issued.of(POST_CHARGE), issued.of(SIGN_EVIDENCE)
    assert first == again
    assert not set(first) & set(other)
    assert [each.role_arn for each in issued] == [POST_CHARGE, SIGN_EVIDENCE]


def test_a_role_is_known_by_its_access_key_in_the_cloud_that_handed_it_out_and_in_no_other() -> None:
    issued, elsewhere = IssuedCredentials(), IssuedCredentials()
    key = issued.of(POST_CHARGE).access_key
    elsewhere.of(POST_CHARGE)
    assert issued.known_by(key) == issued.of(POST_CHARGE)
    assert elsewhere.known_by(key) is None
