"""Puts what a closed revision stands on back into a run's folder, and compares every byte of it with the evidence."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from functions.restore_period.logic import ledger_to_read, require_same, restored_delivery
from functions.shared import run_files
from functions.shared.adapters.object_copy import ObjectCopier
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.closed_evidence import ArchivedFile, ClosedEvidence
from functions.shared.errors import RestorationFailed, SignatureInvalid
from functions.shared.evidence import StoredObject
from functions.shared.filed_statement import FiledStatement
from functions.shared.restored_close import RestoredClose
from functions.shared.restored_sql import SqlCatalog
from functions.shared.seal import SealedFile
from functions.shared.signing.signer import Signer
from functions.shared.signing.verification import signer_of

_FILES_AT_A_TIME = 4
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Restoration:
    """One closed revision, from the buckets that keep it to a run's folder in the work bucket.

    ``signer`` is who signed its evidence.
    """

    evidence: ClosedEvidence
    signer: Signer
    run_id: str
    billing: ObjectStore
    ledger: ObjectStore
    statements: ObjectStore
    work: ObjectStore

    def restore(self) -> SqlCatalog:
        """Restores bill, ledger, policy and SQL; returns the SQL, ready to be rendered over them.

        Raises RestorationFailed when anything is not there, or not with the bytes that the evidence names.
        """
        self._restore_bill()
        self._restore_ledger()
        archived = self.evidence.policy.files
        self._restore_texts(run_files.policy_source_prefix(self.run_id), {file.name: file for file in archived})
        queries = self._restore_texts(
            run_files.sql_source_prefix(self.run_id), {f"{file.name}.sql": file for file in self.evidence.sql}
        )
        rows = [dict(row) for row in self.evidence.invoice_totals]
        self.work.write_json_lines(f"{run_files.table_prefix(self.run_id, 'invoice_totals')}rows.jsonl", rows)
        self.work.write_json(run_files.restored_close_key(self.run_id), self._describe().model_dump(mode="json"))
        return SqlCatalog.restored({name.removesuffix(".sql"): text for name, text in queries.items()}, self.run_id)

    def _restore_bill(self) -> None:
        """Copies the sealed versions, and hashes the copies: they are what the queries will read."""
        seal, copier = self.evidence.seal, ObjectCopier(self.billing, self.work)

        def restore(file: SealedFile) -> tuple[SealedFile, str]:
            key = run_files.restored_bill_key(self.run_id, file.key)
            version_id = copier.copy(file.key, file.version_id, file.size, key)
            require_same(self._version(self.billing, file), file.sha256, self.work.digest(key, version_id).sha256)
            return file, version_id

        with ThreadPoolExecutor(max_workers=_FILES_AT_A_TIME) as copiers:
            restored = list(copiers.map(restore, seal.files))
        delivery = restored_delivery(self.evidence, self.run_id, restored)
        self.work.write_json(run_files.delivery_key(self.run_id), delivery.model_dump(mode="json"))
        self.work.write_json(run_files.seal_key(self.run_id), seal.model_dump(mode="json"))

    def _restore_ledger(self) -> None:
        """The objects that the close read, as they were; and its own ledger as it stands now, to compare it."""
        copier = ObjectCopier(self.ledger, self.work)
        for item in ledger_to_read(self.evidence):
            key = run_files.restored_ledger_key(self.run_id, item.key)
            version_id = copier.copy(item.key, item.version_id, item.size, key)
            require_same(self._version(self.ledger, item), item.sha256, self.work.digest(key, version_id).sha256)
        for stored in self.ledger.latest_versions(self.evidence.ledger.prefix):
            key = run_files.restored_ledger_key(self.run_id, stored.key)
            copier.copy(stored.key, stored.version_id, stored.size, key)

    def _restore_texts(self, folder: str, files: dict[str, ArchivedFile]) -> dict[str, str]:
        """Files of the archive, by the names that they get in a folder of the run."""
        texts = {}
        for name, file in files.items():
            where, text = self.ledger.uri(file.key), self.ledger.find_text(file.key)
            if text is None:
                raise RestorationFailed(f"{where} is not there any more; look for it in the replica")
            content = text.encode("utf-8")
            require_same(where, file.sha256, hashlib.sha256(content).hexdigest())
            self.work.write(folder + name, content, _TEXT)
            texts[name] = text
        return texts

    def _describe(self) -> RestoredClose:
        evidence = self.evidence
        return RestoredClose(
            charge_period=evidence.billing_period,
            billing_period=evidence.booked_in,
            revision=evidence.revision,
            policy_key=run_files.policy_source_prefix(self.run_id) + evidence.policy.file,
            has_invoices=bool(evidence.invoice_totals),
            code_version=evidence.code_version,
            signers={statement.business_unit: self._signer(statement) for statement in evidence.statements},
            provenance={
                statement.business_unit: statement.model_dump(include={"code_version", "sql_sha256"}, exclude_none=True)
                for statement in evidence.statements
            },
        )

    def _signer(self, statement: FiledStatement) -> Signer:
        """Who signed a statement; where its signature does not tell any more, whoever signed the evidence.

        That the signature is not what it was, the comparison finds.
        """
        sums = self.statements.find(statement.folder + statement.sha256sums)
        signature = self.statements.find(f"{statement.folder}{statement.signature}")
        if sums is None or signature is None:
            return self.signer
        try:
            return signer_of(statement.sha256sums, sums, signature)
        except SignatureInvalid:
            return self.signer

    @staticmethod
    def _version(store: ObjectStore, item: SealedFile | StoredObject) -> str:
        return f"{store.uri(item.key)} (version {item.version_id})"
