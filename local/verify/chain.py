"""Follows the chain: every evidence names the one before it, with its hash, so that none can be replaced unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from functions.shared.evidence import facts_sha256
from functions.shared.run_files import evidence_key
from local.verify.close import Close
from local.verify.findings import Finding, failed, noted, passed, short
from local.verify.records import Evidence


class Place(NamedTuple):
    """A closed revision in the chain; sorts by time."""

    billing_period: str
    revision: int

    def __str__(self) -> str:
        return f"{self.billing_period}, revision {self.revision}"


def check_chain(closes: Iterable[Close], near: Iterable[Close] = ()) -> Iterator[Finding]:
    """One line for each evidence; ``near`` are closes that are not verified and may all the same be the one before."""
    checked = _by_place(closes)
    known = _by_place(near) | checked
    for place, close in sorted(checked.items(), key=lambda item: item[0]):
        if close.evidence:
            yield _check_link(place, close.evidence, known)


def _check_link(place: Place, evidence: Evidence, known: Mapping[Place, Close]) -> Finding:
    name, facts, file = str(place), evidence.previous_evidence, evidence.run.previous_evidence
    if facts is None and file is None:
        return passed(name, "names no evidence before it: a chain begins here")
    if facts is None or file is None:
        return failed(name, "only one of previous_evidence and run.previous_evidence names an evidence")
    before = Place(facts.billing_period, facts.revision)
    if file.key != evidence_key(*before) or before >= place:
        return failed(name, f"run.previous_evidence.key is {file.key}, previous_evidence says {before}")
    previous = known.get(before)
    if previous is None:
        text = f"follows {before}, SHA-256 {short(file.sha256)}, which is not here"
        older = any(other < before for other in known)
        return failed(name, f"{text}: the chain has a gap") if older else noted(name, f"{text}: not compared")
    found, found_facts = previous.evidence_file.sha256 or "", facts_sha256(previous.evidence_record.members)
    if found_facts != facts.facts_sha256:
        text = f"follows facts of {before} with the SHA-256 {short(facts.facts_sha256)}"
        return failed(name, f"{text} (previous_evidence.facts_sha256), those here have {short(found_facts)}")
    if found != file.sha256:
        text = f"follows an evidence of {before} with the SHA-256 {short(file.sha256)} (run.previous_evidence.sha256)"
        return failed(name, f"{text}, the one here has {short(found)}: with the same facts, it differs in its run")
    return passed(name, f"follows {before}: SHA-256 {short(found)}, that of its facts {short(found_facts)}")


def _by_place(closes: Iterable[Close]) -> dict[Place, Close]:
    return {Place(found.billing_period, found.revision): close for close in closes if (found := close.evidence)}
