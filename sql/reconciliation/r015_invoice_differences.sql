/*
purpose:    How far AWS's own invoices are from the control totals of their lines.
grain:      one row per invoice, of either side.
inputs:     control_totals, invoice_totals (from the Invoicing API or a reviewer's file; empty where there is neither)
parameters: run_id varchar, has_invoices boolean
invariants: without invoice totals every difference is 0.00. A difference within the policy's tolerance becomes one
            ledger entry of class invoice_rounding; a larger one fails the run (allocation.md, section 7).
*/
with

bill as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        billed_cost as control_cost
    from control_totals
    where run_id = :run_id
),

invoices as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cast(sum(cast(invoiced_cost as decimal(38, 2))) as decimal(38, 2)) as invoiced_cost
    from invoice_totals
    where run_id = :run_id
    group by
        billing_account_id,
        invoice_id,
        billing_currency
),

both_sides as (
    select
        coalesce(bill.billing_account_id, invoices.billing_account_id) as billing_account_id,
        coalesce(bill.invoice_id, invoices.invoice_id) as invoice_id,
        coalesce(bill.billing_currency, invoices.billing_currency) as billing_currency,
        coalesce(bill.control_cost, cast(0 as decimal(38, 2))) as control_cost,
        case
            when :has_invoices then coalesce(invoices.invoiced_cost, cast(0 as decimal(38, 2)))
            else bill.control_cost
        end as invoiced_cost
    from bill
    full outer join invoices
        on
            bill.billing_account_id = invoices.billing_account_id
            and bill.invoice_id = invoices.invoice_id
            and bill.billing_currency = invoices.billing_currency
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    control_cost,
    invoiced_cost,
    cast(invoiced_cost - control_cost as decimal(38, 2)) as difference
from both_sides
