/*
purpose:    How each cost center's share of each pool was computed, for the statement's shared cost table.
grain:      one row per pool and cost center.
inputs:     pool_shares
parameters: run_id varchar
invariants: weight and total_weight are the integers (10^-6 units) the split used; they are the same for every invoice
            of the bill. pool_cost and share are sums over the bill's invoices.
*/
select
    pool_id,
    recipient_id as cost_center,
    split_method,
    cast(cast(sum(pool_cost) as decimal(38, 2)) as varchar) as pool_cost,
    cast(max(weight) as varchar) as weight,
    cast(max(total_weight) as varchar) as total_weight,
    cast(cast(sum(share) as decimal(38, 2)) as varchar) as share
from pool_shares
where
    run_id = :run_id
    and recipient_kind = 'cost_center'
group by
    pool_id,
    recipient_id,
    split_method
order by
    recipient_id,
    pool_id
