/*
purpose:    Who the month's cost belongs to so far: the share of the bill that ends in shared pools.
grain:      one row per cost center or pool that owns anything.
inputs:     owned_charges
parameters: run_id varchar
invariants: the sum of exact_cost is the bill so far, before rounding; pools are not split yet.
*/
select
    owner_kind,
    owner_id,
    cast(cast(sum(exact_cost) as decimal(38, 10)) as varchar) as exact_cost
from owned_charges
where run_id = :run_id
group by
    owner_kind,
    owner_id
order by
    owner_kind,
    owner_id
