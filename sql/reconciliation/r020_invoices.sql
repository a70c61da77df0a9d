/*
purpose:    Proves, invoice by invoice, that the ledger is the bill.
grain:      one row per billing account, invoice and currency.
inputs:     control_totals, invoice_differences, charges, owned_charges, ledger_entries,
            ledger (the revisions before this one)
parameters: run_id varchar, charge_period varchar, revision integer
invariants: severity fail: in every row delta is 0.00, exact_owned = exact_billed (effective + bridge = unblended, at 10
            decimals), lines_folded = lines_read, and every entry has a business unit. billed_cost is what AWS's
            invoice says where it is known, else the control total; invoice_rounding is the difference of the two.
*/
with

totals as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        billed_cost,
        exact_cost,
        line_count
    from control_totals
    where run_id = :run_id
),

differences as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        difference
    from invoice_differences
    where run_id = :run_id
),

folded as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cast(sum(unblended_cost) as decimal(38, 10)) as exact_cost,
        cast(sum(line_count) as bigint) as line_count
    from charges
    where run_id = :run_id
    group by
        billing_account_id,
        invoice_id,
        billing_currency
),

owned as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cast(sum(exact_cost) as decimal(38, 10)) as exact_cost,
        cast(
            sum(case when charge_class = 'commitment_bridge' then exact_cost else cast(0 as decimal(38, 10)) end)
            as decimal(38, 10)
        ) as bridge_cost
    from owned_charges
    where run_id = :run_id
    group by
        billing_account_id,
        invoice_id,
        billing_currency
),

entries as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        business_unit,
        cost,
        cost as revision_cost
    from ledger_entries
    where run_id = :run_id

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        business_unit,
        cost,
        cast(0 as decimal(38, 2)) as revision_cost
    from ledger
    where
        billing_period >= :charge_period
        and charge_period = :charge_period
        and revision < :revision
),

allocated as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cast(sum(cost) as decimal(38, 2)) as allocated_cost,
        cast(sum(revision_cost) as decimal(38, 2)) as revision_cost,
        count_if(coalesce(business_unit, '') = '') as entries_without_unit
    from entries
    group by
        billing_account_id,
        invoice_id,
        billing_currency
),

invoices as (
    select
        billing_account_id,
        invoice_id,
        billing_currency
    from totals
    union
    select
        billing_account_id,
        invoice_id,
        billing_currency
    from differences
    union
    select
        billing_account_id,
        invoice_id,
        billing_currency
    from folded
    union
    select
        billing_account_id,
        invoice_id,
        billing_currency
    from owned
    union
    select
        billing_account_id,
        invoice_id,
        billing_currency
    from allocated
),

compared as (
    select
        invoices.billing_account_id,
        invoices.invoice_id,
        invoices.billing_currency,
        cast(
            coalesce(totals.billed_cost, cast(0 as decimal(38, 2)))
            + coalesce(differences.difference, cast(0 as decimal(38, 2))) as decimal(38, 2)
        ) as billed_cost,
        coalesce(differences.difference, cast(0 as decimal(38, 2))) as invoice_rounding,
        coalesce(allocated.allocated_cost, cast(0 as decimal(38, 2))) as allocated_cost,
        coalesce(allocated.revision_cost, cast(0 as decimal(38, 2))) as revision_cost,
        coalesce(totals.exact_cost, cast(0 as decimal(38, 10))) as exact_billed,
        coalesce(folded.exact_cost, cast(0 as decimal(38, 10))) as exact_folded,
        coalesce(owned.exact_cost, cast(0 as decimal(38, 10))) as exact_owned,
        coalesce(owned.bridge_cost, cast(0 as decimal(38, 10))) as exact_bridge,
        coalesce(totals.line_count, 0) as lines_read,
        coalesce(folded.line_count, 0) as lines_folded,
        coalesce(allocated.entries_without_unit, 0) as entries_without_unit
    from invoices
    left join totals
        on
            invoices.billing_account_id = totals.billing_account_id
            and invoices.invoice_id = totals.invoice_id
            and invoices.billing_currency = totals.billing_currency
    left join differences
        on
            invoices.billing_account_id = differences.billing_account_id
            and invoices.invoice_id = differences.invoice_id
            and invoices.billing_currency = differences.billing_currency
    left join folded
        on
            invoices.billing_account_id = folded.billing_account_id
            and invoices.invoice_id = folded.invoice_id
            and invoices.billing_currency = folded.billing_currency
    left join owned
        on
            invoices.billing_account_id = owned.billing_account_id
            and invoices.invoice_id = owned.invoice_id
            and invoices.billing_currency = owned.billing_currency
    left join allocated
        on
            invoices.billing_account_id = allocated.billing_account_id
            and invoices.invoice_id = allocated.invoice_id
            and invoices.billing_currency = allocated.billing_currency
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    billed_cost,
    allocated_cost,
    cast(billed_cost - allocated_cost as decimal(38, 2)) as delta,
    cast(exact_bridge as decimal(38, 2)) as commitment_bridge,
    invoice_rounding,
    revision_cost,
    exact_billed,
    exact_folded,
    exact_owned,
    exact_bridge,
    lines_read,
    lines_folded,
    entries_without_unit
from compared
order by
    billing_account_id,
    invoice_id,
    billing_currency
