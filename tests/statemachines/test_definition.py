"""A reviewer can follow the state machine, nothing in it leads nowhere, and it treats money as text that it carries."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from functions.fetch_invoice_totals.logic import InvoiceTotalsFetched
from functions.shared import errors
from functions.shared.errors import ChargebackError
from infra.names import state_of
from tests.statemachines.definition import (
    FOLDER,
    ROOT,
    State,
    definition,
    readme_of,
    readme_rows,
    states,
    texts,
)

STATES = states()
TASKS = {name: state for name, state in STATES.items() if state.kind == "Task"}
BESIDE_THE_CLOSE = {"ActivateTags", "DecideApproval", "IssueCertificate", "RecordResponse"}
"""Functions that no state calls."""
OF_THE_REPLAY = {"RestorePeriod", "CompareReplay"}
"""Functions that states of replay_period call."""
OF_VALIDATION = {"CheckDelivery", "RenderChecks", "MeasureHygiene", "RecordHygiene", "UpdateTicket", "CountTickets"}
"""Functions that states of daily_validation call."""
FUNCTIONS = {state_of(file.parent.name): file.parent.name for file in (ROOT / "functions").glob("*/handler.py")}
STATE_FUNCTIONS = FUNCTIONS.keys() - BESIDE_THE_CLOSE - OF_THE_REPLAY - OF_VALIDATION

WITHOUT_CATCH = {
    "RecordFailure": "what it cannot record is the execution's own failure; the lock of a dead execution is taken over",
    "SplitPoolsOfLevel": "its Map catches",
    "RenderStatement": "its Map catches",
    "AttachStatement": "its Map catches",
    "PostCharge": "its Map tolerates; CheckPostings says which charge failed and why",
}
BOUND_BESIDE_FUNCTIONS = {
    "ApprovalTopic",
    "Database",
    "DecideApproval",
    "OverdueDay",
    "Periods",
    "PostingApproval",
    "WorkGroup",
}
APPROVAL_REQUEST = (
    "States.Format('The statements of {} are ready. Nothing is posted before you approve. Invoke the function "
    "${DecideApproval} with billing_period, decision (approve or reject), by, and reason.', $.delivery.billing_period)"
)
INTRINSICS = {
    r"States.Hash($$.Execution.Id, 'SHA-256')",
    r"States.MathAdd($.attempt, 1)",
    r"States.ArrayLength($)",
    r"States.Format('Approve the chargeback of {}', $.delivery.billing_period)",
    APPROVAL_REQUEST,
    r"States.ArrayGetItem($pool_shares, $.level)",
    r"States.ArrayGetItem(States.StringSplit($.request.scheduled_at, '-T'), 2)",
}
TOKEN = re.compile(r"States\.Format\('\{\}-\{\}-\w+(_\{\})?', \$\.token, \$\.attempt(, \$\.level)?\)")

every_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
every_task = pytest.mark.parametrize("state", TASKS.values(), ids=TASKS)


def siblings(state: State) -> dict[str, State]:
    """The states that it may lead to."""
    return {name: other for name, other in STATES.items() if other.map_name == state.map_name}


def model_of(function: str, suffix: str = "") -> dict[str, type[BaseModel]]:
    """The payloads that a function's logic declares, by name."""
    module = import_module(f"functions.{FUNCTIONS[function]}.handler")
    return {
        name: member
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, BaseModel) and name.endswith(suffix)
    }


@every_state
def test_a_state_leads_to_states_that_exist(state: State) -> None:
    assert {*state.next_states, *state.catching_states} <= siblings(state).keys()


def test_every_state_can_be_reached() -> None:
    reached, left = set(), [str(definition()["StartAt"])]
    while left:
        state = STATES[left.pop()]
        if state.name not in reached:
            reached.add(state.name)
            left += state.next_states + state.catching_states
            left += [state.body["ItemProcessor"]["StartAt"]] if "ItemProcessor" in state.body else []

    assert reached == STATES.keys()


def test_every_way_ends() -> None:
    ends = {name for name, state in STATES.items() if not state.next_states}

    assert all(STATES[name].kind in {"Succeed", "Fail"} or STATES[name].body.get("End") for name in ends)


@every_task
def test_a_task_retries_catches_and_gives_up_in_time(state: State) -> None:
    assert state.body["Retry"]
    assert state.body["TimeoutSeconds"] > 0
    assert bool(state.body.get("Catch")) != (state.name in WITHOUT_CATCH)


@pytest.mark.parametrize("name", WITHOUT_CATCH)
def test_a_task_without_catch_is_in_a_map_that_catches_or_is_the_last_one(name: str) -> None:
    state = STATES[name]

    assert STATES[state.map_name].body["Catch"] if state.map_name else state.next_states == ["CloseFailed"]


@every_state
def test_whatever_fails_is_recorded(state: State) -> None:
    catches = state.body.get("Catch", [])

    if catches:
        assert catches[-1]["ErrorEquals"] == ["States.ALL"]
        assert catches[-1]["Next"] == "RecordFailure"
        assert {catch["ResultPath"] for catch in catches} == {"$.caught"}


@every_state
def test_a_state_says_in_a_sentence_what_it_is_for(state: State) -> None:
    assert re.fullmatch(r"[A-Z].{15,}[.)]", state.body["Comment"])


def test_every_placeholder_is_something_that_is_deployed() -> None:
    named = set(re.findall(r"\$\{(\w+)\}", (FOLDER / "month_end_close.asl.json").read_text(encoding="utf-8")))

    assert named == STATE_FUNCTIONS | BOUND_BESIDE_FUNCTIONS


@every_state
def test_no_intrinsic_ever_computes_with_money(state: State) -> None:
    own = {name: value for name, value in state.body.items() if name != "ItemProcessor"}
    computed = {text for text in texts(own) if text.startswith("States.") and "(" in text}

    assert all(text in INTRINSICS or TOKEN.fullmatch(text) for text in computed), computed


@every_state
def test_no_choice_compares_an_amount(state: State) -> None:
    for condition in state.conditions:
        comparison = {name for name in condition if name not in {"Variable", "Next"}}
        counted = condition["Variable"] in {"$.attempt", "$.schedule.day", "$.prepared.charges.count"}
        assert comparison <= {"BooleanEquals", "StringEquals", "IsPresent"} or counted


@every_state
def test_a_function_is_given_exactly_what_it_declares(state: State) -> None:
    if not state.function or state.map_name == "PostCharges":
        return
    [model] = model_of(state.function, "Request").values()
    passed = STATES[state.map_name].body["ItemSelector"] if state.map_name else state.body["Parameters"]
    given = {name.removesuffix(".$") for name in passed}

    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= given <= model.model_fields.keys()


def test_a_charge_to_post_is_declared_once_for_who_writes_and_who_reads_it() -> None:
    from functions.post_charge.item import ChargeItem
    from functions.prepare_statements import totals

    assert model_of("PostCharge", "ChargeItem") == {"ChargeItem": ChargeItem}
    assert totals.ChargeItem is ChargeItem


@pytest.mark.parametrize("name", ["ResumeRun", "RestoredInvoices"])
def test_a_run_that_compares_no_invoices_again_has_them_of_the_same_form_as_any_other(name: str) -> None:
    given = {field.removesuffix(".$") for field in STATES[name].body["Parameters"]}

    assert given == InvoiceTotalsFetched.model_fields.keys()


def results_left_by(state: State) -> set[str]:
    """The places of the payload that are there once the state has succeeded, beside those that were there before."""
    return {state.result} if state.result else set()


KINDS = ("close", "preview", "replay")
"""What a run can be; a replay is a preview too."""


def next_states(state: State, kind: str) -> list[str]:
    """Where it leads in a run of that kind."""
    known = {"$.delivery.preview": kind != "close", "$.delivery.replay": kind == "replay"}
    for choice in state.body.get("Choices", []):
        if choice.get("Variable") not in known:
            return state.next_states
        if choice["BooleanEquals"] == known[choice["Variable"]]:
            return [choice["Next"]]
    return state.next_states[-1:]


def places_on_every_way(kind: str) -> dict[str, set[str]]:
    """For every state outside of Maps that is reached the places that every way to it has filled."""
    outer = {name: state for name, state in STATES.items() if not state.map_name}
    filled: dict[str, set[str]] = {definition()["StartAt"]: set()}
    left = [str(definition()["StartAt"])]
    while left:
        state = outer[left.pop()]
        before = filled[state.name]
        replaces = state.kind == "Pass" and "ResultPath" not in state.body
        own = {name.removesuffix(".$") for name in state.body["Parameters"]} if replaces else before
        ways = dict.fromkeys(next_states(state, kind), own | results_left_by(state))
        ways |= dict.fromkeys(state.catching_states, before | {"caught"})
        for follower, places in ways.items():
            known = filled.get(follower)
            if known is None or not known <= places:
                filled[follower] = places if known is None else known & places
                left.append(follower)
    return filled


FILLED = {kind: places_on_every_way(kind) for kind in KINDS}


def is_among(path: str, places: set[str]) -> bool:
    """Whether a place, or something within or around it, is filled."""
    return any(f"{path}.".startswith(f"{place}.") or f"{place}.".startswith(f"{path}.") for place in places)


@pytest.mark.parametrize("kind", KINDS)
@every_state
def test_a_state_reads_only_what_every_way_to_it_has_left(state: State, kind: str) -> None:
    if state.map_name:
        places = {name.removesuffix(".$") for name in STATES[state.map_name].body.get("ItemSelector", {})}
    elif state.name in FILLED[kind]:
        places = FILLED[kind][state.name]
    else:
        return

    assert not {path for path in state.references if not is_among(path, places)}


@pytest.mark.parametrize("kind", ["preview", "replay"])
def test_a_preview_or_replay_never_comes_near_the_lock_the_ledger_the_books_or_the_key(kind: str) -> None:
    tables = {name for name, state in TASKS.items() if "dynamodb" in state.body["Resource"]}
    closing = {"TakePeriodLock", "PublishLedger", "PostCharges", "CheckPostings", "AttachStatements"} | {
        "SummarizeRun",
        "SignEvidence",
    }

    assert not FILLED[kind].keys() & (closing | tables)


def test_a_replay_reads_nothing_that_aws_may_have_delivered_since() -> None:
    assert not FILLED["replay"].keys() & {"SealBillingData", "FetchInvoiceTotals", "CheckSeal"}
    assert {"FoldLineItems", "WriteLedger", "ReconcileLedger", "PrepareStatements"} < FILLED["replay"].keys()


def test_every_state_is_met_in_a_close_a_preview_or_a_replay() -> None:
    met = set().union(*FILLED.values())

    assert met == {name for name, state in STATES.items() if not state.map_name}


@every_state
def test_a_state_reads_only_fields_that_a_function_declares_to_give(state: State) -> None:
    givers = {other.result: other for other in TASKS.values() if other.function and other.result}

    for path in state.references if not state.map_name else ():
        place, _, field = path.partition(".")
        if field and place in givers:
            answers = answers_of(givers[place].function)
            assert any(field.split(".")[0] in model.model_fields for model in answers), f"$.{path}"


def answers_of(function: str) -> list[type[Any]]:
    """The payloads that a function's own modules declare or import, but for its request."""
    folder = ROOT / "functions" / FUNCTIONS[function]
    modules = [import_module(f"functions.{folder.name}.{file.stem}") for file in folder.glob("*.py")]
    found = [member for module in modules for member in vars(module).values() if inspect.isclass(member)]
    return [model for model in found if issubclass(model, BaseModel) and not model.__name__.endswith("Request")]


README = readme_of()
ROWS = dict(readme_rows())


def test_the_readme_has_a_row_for_every_state_in_the_order_of_the_file_and_for_no_other() -> None:
    assert ROWS.keys() == STATES.keys()
    assert len(readme_rows()) == len(STATES)


@every_state
def test_the_readme_says_that_a_query_is_one(state: State) -> None:
    runs_query = "athena" in state.body.get("Resource", "")

    assert runs_query == ROWS[state.name].endswith("| queries |")


def code_of_the_close() -> str:
    """The source of the functions that states call, and of all of ours that they import, but for the errors' own."""
    read: dict[str, str] = {}
    left = [f"functions.{FUNCTIONS[name]}.handler" for name in STATE_FUNCTIONS]
    while left:
        name = left.pop()
        path = ROOT.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in read or name == errors.__name__ or not file.is_file():
            continue
        read[name] = file.read_text(encoding="utf-8")
        imports = [node for node in ast.walk(ast.parse(read[name])) if isinstance(node, ast.ImportFrom) and node.module]
        left += [node.module or "" for node in imports]
        left += [f"{node.module}.{alias.name}" for node in imports for alias in node.names]
    return "\n".join(read.values())


def test_the_readme_names_only_errors_that_exist_and_all_that_a_close_can_meet() -> None:
    mentioned = {
        name for name in re.findall(r"`([A-Z]\w+)`", README) if name not in STATES and name not in {"Comment", "Name"}
    }
    classes = {
        name: member
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, ChargebackError)
    }
    leaves = {name for name, member in classes.items() if not member.__subclasses__()}

    code = code_of_the_close()
    met = {name for name in leaves if re.search(rf"\b{name}\b", code)}
    assert mentioned <= classes.keys()
    # A setting that is amiss is no state's failure; and the close looks changes up by their text, never by a number.
    assert met - mentioned <= {"InvalidConfiguration", "ChangeRequestNotFound"}


@pytest.mark.parametrize(("name", "row"), ROWS.items(), ids=ROWS)
def test_the_readme_names_an_error_where_the_function_may_raise_it(name: str, row: str) -> None:
    function = STATES[name].function
    named = [error for error in re.findall(r"`([A-Z]\w+)`", row.split("|")[-2]) if hasattr(errors, error)]
    if not function:
        assert not named
        return
    sources = (ROOT / "functions" / FUNCTIONS[function]).glob("*.py")
    code = "".join(file.read_text(encoding="utf-8") for file in sources)
    shared = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "functions" / "shared").rglob("*.py"))

    assert all(error in code or re.search(rf"raise .*{error}\(|\b{error}\(", shared) for error in named)
