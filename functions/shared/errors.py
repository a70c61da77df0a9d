"""Every way a run can fail, by name.

State machines catch these classes by their name, the period records them with their message, and the command line
turns their family into its exit code; so a name here is a public contract. A message says what is wrong, where, by
how much, and what to do, in one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class ChargebackError(Exception):
    """Base of every error this product raises on purpose."""

    exit_code: ClassVar[int] = 1


class BadInputError(ChargebackError):
    """The billing data, the policy or the request cannot be used as it is. Exit code 2."""

    exit_code = 2


class BooksStillOpenError(ChargebackError):
    """AWS has not finalised the month: lines with a cost have no invoice id yet. Exit code 3."""

    exit_code = 3


class ReconciliationError(ChargebackError):
    """The ledger does not add up to the invoice, or an invariant of allocation.md does not hold. Exit code 4."""

    exit_code = 4


class PostingError(ChargebackError):
    """A charge is not in the books as the ledger has it; the run resumes when started again. Exit code 5."""

    exit_code = 5


class TransientError(ChargebackError):
    """The other side is busy or briefly away; state machines retry these, with backoff, and nothing else."""


class InvoicesNotFinal(BooksStillOpenError):
    """Lines with a cost have no invoice id yet; the message counts them by kind."""


class InvalidConfiguration(ChargebackError):
    """A function's environment lacks a setting, or holds an invalid one; the message names every one."""


class InvalidRequest(BadInputError):
    """The execution's input is not what the state machine takes."""


class InvalidPeriod(BadInputError):
    """A billing period is not of the form YYYY-MM."""


class ManifestNotFound(BadInputError):
    """The export folder has no manifest for the billing period."""


class InvalidManifest(BadInputError):
    """The manifest cannot be read, or does not describe the delivery."""


class MissingColumn(BadInputError):
    """The export lacks a column that the allocation needs."""


class MissingDataFile(BadInputError):
    """A data file that the manifest lists is not in the bucket."""


class UnlistedDataFile(BadInputError):
    """A data file holds lines of the month but the manifest does not list it."""


class UnreadableDataFile(BadInputError):
    """A data file is not whole Parquet."""


class EmptyMonth(BadInputError):
    """The delivery has no line for the billing period."""


class WrongBillingPeriod(BadInputError):
    """The delivery holds lines of another billing period."""


class WrongCurrency(BadInputError):
    """The delivery is in another currency than the policy's."""


class MissingCost(BadInputError):
    """A line has no unblended cost; a total over it would be a guess."""


class InvalidPolicy(BadInputError):
    """The chargeback policy or a driver table cannot be used; ``defects`` has every one, with its path in the file."""

    defects: Sequence[object] = ()


class InvalidInvoiceFile(BadInputError):
    """The file with AWS's invoice totals is not there or cannot be read; the message names line and column."""


class PeriodLocked(ChargebackError):
    """Another execution is closing the period."""


class SealedDataChanged(ChargebackError):
    """AWS delivered again while the month was being closed; the run starts over on the new delivery."""


class QueryFailed(ChargebackError):
    """Athena refused or stopped a query."""


class LedgerConflict(ChargebackError):
    """A ledger object of this period and revision exists with other content; a closed ledger is never overwritten."""


class ReconciliationFailed(ReconciliationError):
    """The ledger and the invoice differ; the message names the invoice and the difference."""


class InvariantViolated(ReconciliationError):
    """An invariant of allocation.md does not hold; the message names it with both values."""


class PostingRejected(PostingError):
    """The books refused a charge."""


class PostingMismatch(PostingError):
    """The books hold another amount for a charge than the ledger."""


class PostingUnauthorized(PostingError):
    """The books do not accept our credentials."""


class BooksUnavailable(TransientError, PostingError):
    """The books could not be reached, or asked us to come back later."""

    exit_code = 5


class StorageUnavailable(TransientError):
    """S3 or DynamoDB throttled us beyond botocore's own retries."""
