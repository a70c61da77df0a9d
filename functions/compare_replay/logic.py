"""What CompareReplay takes and gives, and how a difference is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from functions.shared.payload import Payload

_SHOWN_LENGTH = 200


class CompareReplayRequest(Payload):
    """The run that derived the close again, which close that is, and where Athena put the rows of the filed ledger."""

    run_id: str
    charge_period: str
    revision: int
    filed_entries_result: str


class Difference(Payload):
    """The first place in which a file differs: what was filed there, and what was derived.

    ``place`` is a line, a row, a page and byte, or a member of a JSON file.
    """

    file: str
    place: str
    filed: str
    derived: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: filed {_short(self.filed)}, derived {_short(self.derived)}"


class Comparison(Payload):
    """Everything that was compared, and what differs: nothing, if the close is what was filed.

    ``notes`` are no differences: that other code runs today, or a statement that the close did not have yet.
    """

    charge_period: str
    revision: int
    run_id: str
    signed_by: str
    closed_with: tuple[str, ...]
    replayed_with: str
    entries: int
    files: tuple[str, ...]
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]


class ReplayCompared(Payload):
    """The comparison as a reviewer of the execution sees it; all of it is at ``replay``."""

    replay: str
    files: int
    entries: int
    signed_by: str
    same_code: bool
    notes: list[str]


def gather_comparison(
    request: CompareReplayRequest,
    found: Mapping[str, Sequence[Difference]],
    *,
    entries: int,
    signed_by: str,
    closed_with: set[str],
    replayed_with: str,
    sql_of_close: set[str],
    queries: set[str],
) -> Comparison:
    """The comparison: differences by file, and what a reader should know beside them.

    ``closed_with`` are the versions of the code that made the statements and the evidence: a close that was resumed may
    have had two. ``queries`` are the statements that the replay ran, ``sql_of_close`` those that the close did.
    """
    notes = []
    if others := sorted(closed_with - {replayed_with}):
        ran = " and ".join(version[:12] for version in others)
        notes.append(f"other code: the close ran version {ran}, this replay {replayed_with[:12]}")
    if new := sorted(queries - sql_of_close):
        notes.append(f"statements that the close did not have yet, as they are today: {', '.join(new)}")
    return Comparison(
        charge_period=request.charge_period,
        revision=request.revision,
        run_id=request.run_id,
        signed_by=signed_by,
        closed_with=tuple(sorted(closed_with)),
        replayed_with=replayed_with,
        entries=entries,
        files=tuple(found),
        notes=tuple(notes),
        differences=tuple(difference for differences in found.values() for difference in differences),
    )


def describe_comparison(comparison: Comparison, where: str) -> ReplayCompared:
    """An identical replay, as the execution shows it."""
    return ReplayCompared(
        replay=where,
        files=len(comparison.files),
        entries=comparison.entries,
        signed_by=comparison.signed_by,
        same_code=comparison.closed_with == (comparison.replayed_with,),
        notes=list(comparison.notes),
    )


def describe_differences(comparison: Comparison, where: str) -> str:
    """The first difference, how many more there are, what is to be known beside them, and where they all are."""
    first, *more = comparison.differences
    others = [f"{len(more)} more"] if more else []
    return "; ".join([str(first), *others, *comparison.notes, f"all of it in {where}"])


def _short(text: str) -> str:
    return f"'{text}'" if len(text) <= _SHOWN_LENGTH else f"'{text[:_SHOWN_LENGTH]}…'"
