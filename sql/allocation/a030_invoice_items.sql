/*
purpose:    Rounds every invoice's items (cost centers' direct cost, pools' cost) to cents that add up to the invoice.
grain:      one row per invoice and item.
inputs:     owned_charges
parameters: run_id varchar
invariants: per invoice the sum of cost is the invoice's exact cost rounded half away from zero to cents; no item is a
            cent or more off its exact cost. Missing cents go one each to the largest fractions; ties to the larger
            magnitude, then to the item key in code-point order (allocation.md, section 5).
*/
with

items as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_kind,
        owner_id,
        owner_kind || ':' || owner_id as item_key,
        cast(sum(exact_cost) as decimal(38, 10)) as exact_cost
    from owned_charges
    where run_id = :run_id
    group by
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_kind,
        owner_id
),

floors as (
    select
        items.*,
        cast(floor(exact_cost * 100) as decimal(38, 0)) as floor_cents,
        cast(exact_cost * 100 - floor(exact_cost * 100) as decimal(38, 10)) as fraction
    from items
),

ranked as (
    select
        floors.*,
        cast(
            cast(sum(exact_cost) over (partition by billing_account_id, invoice_id, billing_currency) as decimal(38, 2))
            * 100 as decimal(38, 0)
        ) as invoice_cents,
        cast(
            sum(floor_cents) over (partition by billing_account_id, invoice_id, billing_currency) as decimal(38, 0)
        ) as invoice_floor_cents,
        row_number() over (
            partition by billing_account_id, invoice_id, billing_currency
            order by fraction desc, abs(exact_cost) desc, item_key
        ) as fraction_rank
    from floors
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    owner_kind,
    owner_id,
    exact_cost,
    cast(
        (floor_cents + case when fraction_rank <= invoice_cents - invoice_floor_cents then 1 else 0 end)
        * cast('0.01' as decimal(3, 2)) as decimal(38, 2)
    ) as cost
from ranked
