/*
purpose:    The control total of every invoice, taken from the bill itself and not from anything allocated.
grain:      one row per billing account, invoice and currency.
inputs:     cur (exactly the data files that the export manifest lists)
parameters: billing_period varchar, data_files varchar list
invariants: exact_cost adds line_item_unblended_cost, cast to DECIMAL before the sum; EKS and ECS split rows add nothing.
            billed_cost is exact_cost rounded half away from zero to cents, once per invoice (allocation.md, section 2).
*/
with

lines as (
    select
        coalesce(bill_payer_account_id, '') as billing_account_id,
        coalesce(bill_invoice_id, '') as invoice_id,
        coalesce(line_item_currency_code, '') as billing_currency,
        case
            when coalesce(split_line_item_parent_resource_id, '') = ''
                then cast(line_item_unblended_cost as decimal(38, 10))
            else cast(0 as decimal(38, 10))
        end as unblended_cost
    from cur
    where
        billing_period = :billing_period
        and "$path" in (:data_files)
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    cast(sum(unblended_cost) as decimal(38, 10)) as exact_cost,
    cast(sum(unblended_cost) as decimal(38, 2)) as billed_cost,
    count(*) as line_count
from lines
group by
    billing_account_id,
    invoice_id,
    billing_currency
order by
    billing_account_id,
    invoice_id,
    billing_currency
