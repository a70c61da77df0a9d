"""The allocation's SQL in one DuckDB connection: rendered as a close renders it, translated as the local Athena does.

Tables are filled directly, so that a month takes milliseconds; their columns have the types that the Glue tables
declare, and every statement's rows go through them, as they do through Parquet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml
from sqlglot import exp

from functions.shared import sql_catalog
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.periods import BillingPeriod
from functions.shared.policy import compile_policy, load_policy, tag_column_suffix
from functions.shared.policy.tables import ROW_TYPES, table_columns
from functions.shared.sql_catalog import ParameterValue
from local.athena.catalog import Table
from local.athena.dialect import MACROS, to_duckdb
from local.athena.plan import plan
from tests.reference.allocation import Allocation, LedgerLine
from tests.reference.bill import Invoice
from tests.reference.policy_file import Policy, Target

CONTRACTS = Path(__file__).resolve().parents[2] / "sql" / "contracts"
DATA_FILE = "s3://billing/data.parquet"
RUN = "run"
RUN_KEY = {"run_id": "string"}
UNOWNED = Target("cost_center", "unowned")
"""Who gets a pool that nobody has weight for, where there is no policy to say."""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Line = Mapping[str, Any]
Owned = Mapping[tuple[Target, LedgerLine], int]


@cache
def declared_tables() -> Mapping[str, Mapping[str, str]]:
    """Every table that the statements read, with its columns and their types as Glue has them."""
    contracts = yaml.safe_load((CONTRACTS / "tables.yaml").read_text(encoding="utf-8"))
    with (CONTRACTS / "cur2_columns.csv").open(encoding="utf-8", newline="") as file:
        cur = {row["name"]: row["type"] for row in csv.DictReader(file)}
    flat_tags = {f"tag_{tag_column_suffix(key)}": "string" for key in FLAT_TAGS}
    tables = {name: {**columns, **RUN_KEY} for name, columns in contracts["run_tables"].items()}
    tables["pool_shares"] = {**tables["pool_shares"], "level": "int"}
    policy = {name: {**table_columns(name), **RUN_KEY} for name in ROW_TYPES}
    tables["invoice_totals"] = {**contracts["invoice_totals"], **RUN_KEY}
    return {**tables, **policy, "ledger": contracts["ledger"], "cur": {**cur, **flat_tags, "billing_period": "string"}}


FLAT_TAGS = ("cost-center", "environment")
"""The tag keys that an export with flattened tags has as columns of their own."""


class DeclaredCatalog:
    """Answers the planner as the Glue catalog would."""

    def table(self, database: str, name: str, sql: str) -> Table:  # noqa: ARG002
        columns = {key: exp.DataType.build(kind, dialect="hive") for key, kind in declared_tables()[name].items()}
        return Table(database, name, "", "parquet", columns, {}, {})


@lru_cache(maxsize=4096)
def translated(sql: str) -> str:
    """A rendered statement in DuckDB's words."""
    planned = plan(sql, "main", DeclaredCatalog())  # type: ignore[arg-type]
    for reference in planned.references:
        alias = exp.to_identifier(reference.node.alias_or_name, quoted=True)
        reference.node.replace(exp.to_table(reference.table.name, alias=alias))
    return to_duckdb(planned.tree, sql)


class Engine:
    """One connection; each call of ``allocate`` or ``share_out`` starts from empty tables.

    In a ``crowded`` one the tables also hold what other runs, other deliveries and other months left there.
    """

    def __init__(self, *, crowded: bool = False) -> None:
        self._crowded = crowded
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"SET TimeZone = 'UTC'; {MACROS}")
        self._rendered: dict[Any, str] = {}
        self._values: dict[str, ParameterValue] = {}
        for table, columns in declared_tables().items():
            types = {name: exp.DataType.build(kind, dialect="hive").sql("duckdb") for name, kind in columns.items()}
            if table == "cur":
                types["$path"] = "VARCHAR"
            described = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            self._connection.execute(f"CREATE TABLE {table} ({described})")

    def allocate(
        self,
        lines: Sequence[Line],
        policy: Policy,
        invoiced: Mapping[Invoice, int] | None = None,
        *,
        flat_tags: bool = False,
    ) -> Allocation:
        """A month from its line items on, as a close does it; ``flat_tags`` as in an export with tag columns."""
        run = self._start(policy, has_invoices=invoiced is not None)
        flattened = {key: f"tag_{tag_column_suffix(key)}" for key in FLAT_TAGS} if flat_tags else {}
        rows = [_cur_row(line, policy.month, flattened) for line in lines]
        others = ({"$path": "s3://billing/older.parquet"}, {"billing_period": "2000-01"}) if self._crowded else ()
        self._fill("cur", [*rows, *(row | other for row in rows for other in others)])
        self._fill("invoice_totals", [_invoice_row(invoice, cents) for invoice, cents in (invoiced or {}).items()])
        self._run("r010_control_totals")
        self._run("f010_charges", flat_tags=frozenset(flattened.values()))
        self._run("a010_divided_charges")
        self._run("a020_owned_charges")
        return self._share_out(run, policy)

    def share_out(self, owned: Owned, policy: Policy) -> Allocation:
        """A month from its owned charges on: of any size, where doubles would no longer be exact."""
        run = self._start(policy)
        rows = [_owned_row(owner, line, amount) for (owner, line), amount in owned.items()]
        self._fill("owned_charges", rows)
        for table, amounts in (
            ("control_totals", "sum(exact_cost) AS exact_cost, sum(exact_cost) AS billed_cost"),
            ("charges", "sum(exact_cost) AS unblended_cost"),
        ):
            self._connection.execute(
                f"INSERT INTO {table} BY NAME SELECT billing_account_id, invoice_id, billing_currency, {amounts}, "
                "0 AS line_count, run_id FROM owned_charges GROUP BY ALL"
            )
        return self._share_out(run, policy)

    def round_items(self, items: Mapping[Invoice, Mapping[Target, int]]) -> dict[Invoice, dict[Target, int]]:
        """The cents of invoices' items alone: a030 and nothing else."""
        self._empty()
        self._fill(
            "owned_charges",
            [
                _owned_row(owner, LedgerLine(invoice, owner.id), amount)
                for invoice, amounts in items.items()
                for owner, amount in amounts.items()
            ],
        )
        self._run("a030_invoice_items")
        return self._allocation([]).item_cents

    def split_pools(self, pools: Mapping[str, tuple[int, Mapping[Target, int]]]) -> dict[str, dict[Target, int]]:
        """The shares of pools alone, by pool id, from cents and weights in millionths: a040 and nothing else."""
        self._empty()
        self._values |= {"unowned_cost_center": UNOWNED.id}
        key = _invoice_key(Invoice("", "", "")) | {"run_id": RUN}
        self._fill(
            "invoice_items",
            [
                key | {"owner_kind": "pool", "owner_id": pool, "exact_cost": 0, "cost": Decimal(cents).scaleb(-2)}
                for pool, (cents, _) in pools.items()
            ],
        )
        fixed = {"pool_level": 0, "split_method": "fixed", "run_id": RUN}
        self._fill("policy_pools", [{"pool_id": pool, **fixed} for pool in pools])
        self._fill(
            "policy_pool_recipients",
            [
                {"pool_id": pool, "recipient_kind": to.kind, "recipient_id": to.id, "weight_micros": str(weight)}
                | {"run_id": RUN}
                for pool, (_, weights) in pools.items()
                for to, weight in weights.items()
            ],
        )
        self._run("a040_pool_shares", level=0)
        return {pool: shares for (_, pool), shares in self._allocation([]).shares.items()}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a run's table as they stand after it."""
        return _dicts(self._connection.execute(f"SELECT * FROM {table} WHERE run_id = '{RUN}'"))

    def _empty(self) -> None:
        for table in declared_tables():
            self._connection.execute(f"DELETE FROM {table}")
        self._values = {"run_id": RUN}

    def _crowd(self, table: str, which: str = "") -> None:
        """Gives a table the same rows once more, as another run's."""
        if self._crowded and "run_id" in declared_tables()[table]:
            others = f"SELECT * REPLACE ('other' AS run_id) FROM {table}{which}"
            self._connection.execute(f"INSERT INTO {table} {others}")

    def _start(self, policy: Policy, *, has_invoices: bool = False) -> PolicyOfRun:
        """Compiles the policy into its tables, and gathers what a close puts into its statements."""
        loaded = load_policy(yaml.dump(policy.document, Dumper=_DUMPER, allow_unicode=True), policy.driver_files)
        compiled = compile_policy(loaded, BillingPeriod.parse(policy.month))
        run = PolicyOfRun.of(loaded, compiled)
        self._empty()
        for table in ROW_TYPES:
            self._fill(table, [{**row._asdict(), "run_id": RUN} for row in getattr(compiled, table)])
        self._values |= {
            "billing_period": policy.month,
            "charge_period": policy.month,
            "revision": 0,
            "data_files": (DATA_FILE,),
            "has_invoices": has_invoices,
            "cost_basis": run.cost_basis,
            "keeps_operation": run.keeps_operation,
            "keeps_usage_type": run.keeps_usage_type,
            "owner_tag": run.owner_tag,
            "policy_tags": run.policy_tags,
            "unowned_cost_center": run.unowned_cost_center,
        }
        return run

    def _share_out(self, run: PolicyOfRun, policy: Policy) -> Allocation:
        if self._crowded:
            self._values |= {"revision": 1}
            self._fill("ledger", [_ledger_row("2026-04", policy.month, 0), _ledger_row(policy.month, policy.month, 1)])
        self._run("r015_invoice_differences")
        self._run("a030_invoice_items")
        for level in run.pool_levels:
            self._run("a040_pool_shares", level=level)
        self._run("a050_ledger_entries")
        invoices, pools = self._select("r020_invoices"), self._select("r030_pools")
        self._require_reconciled(invoices, pools, policy)
        return self._allocation(invoices)

    def _require_reconciled(self, invoices: list[dict[str, Any]], pools: list[dict[str, Any]], policy: Policy) -> None:
        """What the close itself fails on, and that no entry is in the ledger twice or in another unit's name."""
        for row in invoices:
            assert row["delta"] == 0, f"r020: {row}"
            assert row["exact_owned"] == row["exact_billed"] == row["exact_folded"], f"r020: {row}"
            assert row["lines_folded"] == row["lines_read"], f"r020: {row}"
            assert row["entries_without_unit"] == 0, f"r020: {row}"
        for row in pools:
            assert row["delta"] == 0, f"r030: {row}"
        entries = self.rows("ledger_entries")
        assert len({entry["entry_id"] for entry in entries}) == len(entries)
        for entry in entries:
            assert entry["business_unit"] == policy.cost_centers[entry["cost_center"]], entry

    def _allocation(self, invoices: list[dict[str, Any]]) -> Allocation:
        """The run's tables in the reference's words."""
        found = Allocation(0, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
        for row in invoices:
            found.lines += row["lines_folded"]
            found.control_totals[_invoice(row)] = _exact(row["exact_owned"])
            found.bridge[_invoice(row)] = _exact(row["exact_bridge"])
            found.billed_cents[_invoice(row)] = _cents(row["billed_cost"])
        for row in self.rows("invoice_items"):
            owner = Target(row["owner_kind"], row["owner_id"])
            found.items.setdefault(_invoice(row), {})[owner] = _exact(row["exact_cost"])
            found.item_cents.setdefault(_invoice(row), {})[owner] = _cents(row["cost"])
        for row in self.rows("pool_shares"):
            key, recipient = (_invoice(row), row["pool_id"]), Target(row["recipient_kind"], row["recipient_id"])
            found.pools[key] = _cents(row["pool_cost"])
            found.weights.setdefault(key, {})[recipient] = int(row["weight"])
            found.shares.setdefault(key, {})[recipient] = _cents(row["share"])
        for row in self.rows("ledger_entries"):
            line = LedgerLine(
                _invoice(row),
                row["cost_center"],
                row["pool_id"],
                row["rule_id"],
                row["sub_account_id"],
                row["service_name"],
                row["charge_class"],
            )
            found.ledger[line] = _exact(row["exact_cost"])
            found.ledger_cents[line] = _cents(row["cost"])
        return found

    def _run(self, name: str, *, flat_tags: frozenset[str] = frozenset(), level: int | None = None) -> None:
        """Runs a statement and keeps its rows in the table that it makes."""
        keys = f", '{RUN}' AS run_id" + ("" if level is None else f", {level} AS level")
        query = self._duckdb_text(name, self._values | {"pool_level": level or 0}, flat_tags)
        relation = sql_catalog.load_statement(name).relation
        of_level = "" if level is None else f" WHERE level = {level}"
        self._connection.execute(f"INSERT INTO {relation} BY NAME SELECT *{keys} FROM ({query})")
        self._crowd(relation, of_level)

    def _select(self, name: str) -> list[dict[str, Any]]:
        return _dicts(self._connection.execute(self._duckdb_text(name, self._values, frozenset())))

    def _duckdb_text(self, name: str, values: Mapping[str, ParameterValue], flat_tags: frozenset[str]) -> str:
        statement = sql_catalog.load_statement(name)
        taken = {parameter: values[parameter] for parameter in statement.parameters}
        key = (statement.text, tuple(taken.items()), flat_tags)
        if key not in self._rendered:
            self._rendered[key] = translated(sql_catalog.render(name, taken, flat_tags=flat_tags))
        return self._rendered[key]

    def _fill(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        rows = list(rows)
        if rows:
            names = sorted({name for row in rows for name in row})
            columns = {name: pa.array([row.get(name) for row in rows], _arrow_type(table, name)) for name in names}
            self._connection.register("filling", pa.table(columns))
            self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM filling")
            self._connection.unregister("filling")
            self._crowd(table)


def _dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _arrow_type(table: str, column: str) -> pa.DataType:
    kind = declared_tables()[table].get(column, "string")
    if kind == "map<string,string>":
        return pa.map_(pa.string(), pa.string())
    if kind.startswith("decimal"):
        return pa.decimal128(38, 10)
    return {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "double": pa.float64()}[kind]


def _cur_row(line: Line, month: str, flattened: Mapping[str, str]) -> dict[str, Any]:
    """A line as the export has it: an empty map where there are no tags, or tag columns in place of the map."""
    tags = dict(line.get("resource_tags") or {})
    columns = {column: tags.pop(f"user_{column.removeprefix('tag_')}", None) for column in flattened.values()}
    return {**line, **columns, "resource_tags": list(tags.items()), "billing_period": month, "$path": DATA_FILE}


def _owned_row(owner: Target, line: LedgerLine, amount: int) -> dict[str, Any]:
    return _invoice_key(line.invoice) | {
        "owner_kind": owner.kind,
        "owner_id": owner.id,
        "rule_id": line.rule,
        "sub_account_id": line.account,
        "service_name": line.service,
        "charge_class": line.charge_class,
        "resource_id": "",
        "owner_tag": "",
        "exact_cost": Decimal(amount).scaleb(-10),
        "line_count": 0,
        "run_id": RUN,
    }


def _ledger_row(charge_period: str, billing_period: str, revision: int) -> dict[str, Any]:
    periods = {"charge_period": charge_period, "billing_period": billing_period, "revision": revision}
    owner = {"business_unit": "north", "cost_center": "CC-1", "allocation_method": "direct"}
    nowhere = dict.fromkeys(("pool_id", "rule_id", "sub_account_id", "service_name", "charge_class"), "")
    amounts = {"exact_cost": Decimal(7), "cost": Decimal(7), "line_count": 0}
    return _invoice_key(Invoice("111111111111", "USD", "INV-1")) | periods | owner | nowhere | amounts


def _invoice_row(invoice: Invoice, cents: int) -> dict[str, Any]:
    return _invoice_key(invoice) | {"invoiced_cost": f"{Decimal(cents).scaleb(-2):.2f}", "run_id": RUN}


def _invoice_key(invoice: Invoice) -> dict[str, str]:
    return {
        "billing_account_id": invoice.payer,
        "invoice_id": invoice.invoice_id,
        "billing_currency": invoice.currency,
    }


def _invoice(row: Mapping[str, Any]) -> Invoice:
    return Invoice(row["billing_account_id"], row["billing_currency"], row["invoice_id"])


def _exact(amount: Decimal) -> int:
    return int(amount.scaleb(10))


def _cents(amount: Decimal) -> int:
    cents = amount.scaleb(2)
    assert cents == int(cents), amount
    return int(cents)
