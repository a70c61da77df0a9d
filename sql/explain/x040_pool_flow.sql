/*
purpose:    How a pool came to its cost and how it was split: what it collected, received, and passed to whom by what weight.
grain:      one row per invoice and flow: collected (from the invoice), received (from another pool), or shared (to a recipient).
inputs:     invoice_items, pool_shares
parameters: run_id varchar, pool_id varchar
invariants: per invoice collected + received = the sum of shared. Weights are integers of 10^-6 units.
*/
select
    'collected' as flow,
    billing_account_id,
    invoice_id,
    '' as other_party,
    '' as split_method,
    '' as weight,
    '' as total_weight,
    cast(cost as varchar) as cost
from invoice_items
where
    run_id = :run_id
    and owner_kind = 'pool'
    and owner_id = :pool_id

union all

select
    'received' as flow,
    billing_account_id,
    invoice_id,
    'pool:' || pool_id as other_party,
    split_method,
    cast(weight as varchar) as weight,
    cast(total_weight as varchar) as total_weight,
    cast(share as varchar) as cost
from pool_shares
where
    run_id = :run_id
    and recipient_kind = 'pool'
    and recipient_id = :pool_id

union all

select
    'shared' as flow,
    billing_account_id,
    invoice_id,
    case when recipient_kind = 'pool' then 'pool:' || recipient_id else recipient_id end as other_party,
    split_method,
    cast(weight as varchar) as weight,
    cast(total_weight as varchar) as total_weight,
    cast(share as varchar) as cost
from pool_shares
where
    run_id = :run_id
    and pool_id = :pool_id
order by
    flow,
    billing_account_id,
    invoice_id,
    other_party
