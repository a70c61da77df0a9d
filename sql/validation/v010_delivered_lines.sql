/*
purpose:    What a delivery holds, before anything is decided on it: lines per data file, currency, month and finality.
grain:      one row per data file, billing account, currency, month and line kind, and whether AWS has issued the invoice.
inputs:     cur
parameters: billing_period varchar
invariants: every line of the folder is counted in exactly one row, also lines of files that the manifest does not list.
*/
with

delivered as (
    select
        "$path" as data_file,
        coalesce(bill_payer_account_id, '') as billing_account_id,
        coalesce(line_item_currency_code, '') as billing_currency,
        date_format(bill_billing_period_start_date, '%Y-%m') as billing_period_of_lines,
        coalesce(line_item_line_item_type, '') as line_item_type,
        coalesce(bill_invoice_id, '') <> '' as is_invoiced,
        line_item_unblended_cost as unblended_cost
    from cur
    where billing_period = :billing_period
)

select
    data_file,
    billing_account_id,
    billing_currency,
    billing_period_of_lines,
    line_item_type,
    is_invoiced,
    count(*) as line_count,
    count_if(unblended_cost is null) as lines_without_cost,
    count_if(unblended_cost <> 0) as lines_with_cost,
    cast(coalesce(sum(cast(unblended_cost as decimal(38, 10))), 0) as decimal(38, 10)) as unblended_cost
from delivered
group by
    data_file,
    billing_account_id,
    billing_currency,
    billing_period_of_lines,
    line_item_type,
    is_invoiced
order by
    data_file,
    billing_account_id,
    billing_currency,
    billing_period_of_lines,
    line_item_type,
    is_invoiced
