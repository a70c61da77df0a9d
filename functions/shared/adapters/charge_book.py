"""Opens the books that charges are posted to, from the one secret that says where they are and who we are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.shared.adapters.servicenow import (
    ExpenseLineMapping,
    ServiceNowChargeBook,
    ServiceNowClient,
    ServiceNowCredentials,
)
from functions.shared.errors import PostingUnauthorized


class ServiceNowConnection(BaseModel):
    """An instance: its address, our credentials, and the table and columns that take a charge."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(min_length=1)
    credentials: ServiceNowCredentials
    expense_line: ExpenseLineMapping = ExpenseLineMapping()
    timeout_seconds: float = Field(default=20.0, gt=0)


@contextmanager
def open_charge_book(secret: str) -> Iterator[ServiceNowChargeBook]:
    """The books of the instance in the secret (JSON of a ServiceNowConnection).

    Raises PostingUnauthorized, which names the fields and never a value, when the secret is not of that form.
    """
    connection = _parse(secret)
    with ServiceNowClient(
        connection.base_url, connection.credentials, timeout_seconds=connection.timeout_seconds
    ) as client:
        yield ServiceNowChargeBook(client, connection.expense_line)


def _parse(secret: str) -> ServiceNowConnection:
    try:
        return ServiceNowConnection.model_validate_json(secret)
    except ValidationError as error:
        defects = error.errors(include_input=False, include_url=False, include_context=False)
    fields = "; ".join(f"{'.'.join(map(str, defect['loc'])) or 'secret'}: {defect['type']}" for defect in defects)
    raise PostingUnauthorized(
        f"the stored ServiceNow connection is unusable ({fields}); it is JSON with base_url and credentials"
    )
