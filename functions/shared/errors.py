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


class DeliveryInProgress(BadInputError):
    """AWS is overwriting the data files of a month; its manifest, which comes last, has not arrived yet."""


class DeliveryStale(BadInputError):
    """AWS has delivered nothing for longer than the freshness objective allows; the message says for how long."""


class SchemaBroken(BadInputError):
    """A column that the allocation needs is gone from the export, or has another type; the message names it."""


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


class CostExplorerRefused(ChargebackError):
    """Cost Explorer does not let us list or activate cost-allocation tags; the message has its own words."""


class BackfillRefused(ChargebackError):
    """AWS takes no backfill of cost-allocation tags at the moment; the message has its own words."""


class AnswerNotDelivered(ChargebackError):
    """CloudFormation's address did not take the answer for a custom resource, which fails when its time is over."""


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


class EvidenceNotFound(BadInputError):
    """There is no signed evidence of the month, or of that revision of it: it is not closed."""


class SignatureInvalid(ReconciliationError):
    """A signature is not that of the file beside it, or no signature at all; the message says which and why."""


class RestorationFailed(ReconciliationError):
    """Something that a close stands on is not there any more, or not with the bytes that it had."""


class ReplayDiffers(ReconciliationError):
    """A close that was derived again is not the one that was filed; the message names the first difference."""


class ApprovalNotAwaited(BadInputError):
    """Nobody waits for an approval of the month: it is not that far, or the execution that asked has ended."""


class PostingNotApproved(PostingError):
    """An approver rejected the month before it was posted; the ledger and the statements stand."""


class StatementNotFound(BadInputError):
    """There is no such statement; the message names those there are."""


class ResponseNotPossible(BadInputError):
    """The statement stands in a way that does not allow the response; the message says what is possible."""


class PostingRejected(PostingError):
    """The books refused a request; the message has their words."""


class PostingForbidden(PostingRejected):
    """The user that we are in the books lacks a right: a role, or what an access rule or a data policy asks for."""


class PostingConflict(PostingRejected):
    """The books hold a record with this key already."""


class BooksRecordNotFound(PostingRejected):
    """The books have no such record, or an access rule hides it from us: they answer both alike."""


class ImportFailed(PostingRejected):
    """The books took a row into a staging table and could not make a record of it."""


class PostingMismatch(PostingError):
    """The books hold something else than the ledger; the message names the lines and by how much they differ."""


class MissingPosting(PostingMismatch):
    """The ledger has charges that the books do not show."""


class DuplicatePosting(PostingMismatch):
    """The books hold a charge more than once."""


class UnexpectedPosting(PostingMismatch):
    """The books hold lines of this revision that the ledger does not have."""


class ChargesNotPosted(PostingError):
    """Charges were tried for as long as the books may be away, and are not posted; the message names them."""


class AttachmentMismatch(PostingError):
    """A record of the books has a file of this name that is not ours, or has ours more than once."""


class PostingUnauthorized(PostingError):
    """The books do not accept our credentials."""


class BooksUnavailable(TransientError, PostingError):
    """The books could not be reached, or failed; what was asked of them may have been done.

    ``is_pending`` when they took the request and did not answer in time: they may still be at work on it.
    """

    exit_code = 5
    is_pending = False


class BooksRateLimited(BooksUnavailable):
    """The books take no more requests for now; the message says for how long, if they do."""


class BooksAnswerUnreadable(BooksUnavailable):
    """Something answered that is not the books, or not whole; what was asked of them may have been done."""


class DuplicateTicket(ChargebackError):
    """More than one ticket has the correlation id of one concern."""


class TicketClosed(ChargebackError):
    """A ticket is closed for good, and neither changed nor reopened; a new concern needs a new ticket."""


class TicketsNotUpdated(ChargebackError):
    """Accounts whose tickets could not be brought up to the day; the message names them, and why."""


class TicketBusy(TransientError):
    """Another execution works on the account's ticket at this moment."""


class ChangeRequestNotFound(BadInputError):
    """There is no change request of this number, or we may not read it."""


class ChangeNotApproved(BadInputError):
    """Policy or SQL differ from the last close's, and no approved change request names their hash."""


class SecretUnreadable(ChargebackError):
    """A secret is not there, holds no text, or is not for us to read."""


class SecretNotFound(SecretUnreadable):
    """What keeps the secrets has none of this name."""


class SecretDeleted(SecretUnreadable):
    """The newest version of a secret was deleted or destroyed."""


class SecretForbidden(SecretUnreadable):
    """The secret is not for us to read."""


class VaultLoginRefused(ChargebackError):
    """Vault does not let the function's role in; the message has its own words."""


class SecretsUnavailable(TransientError):
    """What keeps the secrets is busy or briefly away."""


class StorageUnavailable(TransientError):
    """S3 or DynamoDB throttled us beyond botocore's own retries."""


class SigningIdentityInvalid(ChargebackError):
    """There is no signing identity, or its certificate chain cannot be used; the message says which part and why."""


class SigningCertificateMismatch(ChargebackError):
    """A certificate is not the key's: what the key signs does not verify with it."""


class SigningRefused(ChargebackError):
    """AWS KMS or Vault does not sign with the key, or does not show its public key; the message has its own words."""


class CertificateRefused(ChargebackError):
    """The certificate authority does not issue a certificate for the key; the message has its own words."""


class SigningServiceUnavailable(TransientError):
    """AWS KMS or Vault is busy or briefly away."""


class TimestampUnavailable(TransientError):
    """The timestamp authority gave no timestamp; the message has its answer."""
