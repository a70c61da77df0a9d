/*
purpose:    Proves, pool by pool, that what went into a pool came out of it; shows what each pool collected.
grain:      one row per invoice and pool.
inputs:     invoice_items, pool_shares
parameters: run_id varchar
invariants: severity fail: in every row delta is 0.00 (collected from the invoice + received from pools = passed on).
*/
with

flows as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_id as pool_id,
        cost as collected,
        cast(0 as decimal(38, 2)) as received,
        cast(0 as decimal(38, 2)) as shared
    from invoice_items
    where
        run_id = :run_id
        and owner_kind = 'pool'

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        recipient_id as pool_id,
        cast(0 as decimal(38, 2)) as collected,
        share as received,
        cast(0 as decimal(38, 2)) as shared
    from pool_shares
    where
        run_id = :run_id
        and recipient_kind = 'pool'

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        pool_id,
        cast(0 as decimal(38, 2)) as collected,
        cast(0 as decimal(38, 2)) as received,
        share as shared
    from pool_shares
    where run_id = :run_id
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    pool_id,
    cast(sum(collected) as decimal(38, 2)) as collected,
    cast(sum(received) as decimal(38, 2)) as received,
    cast(sum(shared) as decimal(38, 2)) as shared,
    cast(sum(shared) - sum(collected) - sum(received) as decimal(38, 2)) as delta
from flows
group by
    billing_account_id,
    invoice_id,
    billing_currency,
    pool_id
order by
    billing_account_id,
    invoice_id,
    billing_currency,
    pool_id
