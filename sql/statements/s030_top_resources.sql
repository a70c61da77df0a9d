/*
purpose:    The resources that cost a cost center most, for the statement's reader to recognise.
grain:      one row per cost center, resource, account and service; at most ten per cost center.
inputs:     owned_charges
parameters: run_id varchar
invariants: exact_cost is before the rounding to the invoice, so these rows inform and need not add up to cents.
*/
with

resources as (
    select
        owner_id as cost_center,
        resource_id,
        sub_account_id,
        service_name,
        cast(sum(exact_cost) as decimal(38, 10)) as exact_cost
    from owned_charges
    where
        run_id = :run_id
        and owner_kind = 'cost_center'
        and resource_id <> ''
        and charge_class <> 'commitment_bridge'
    group by
        owner_id,
        resource_id,
        sub_account_id,
        service_name
),

ranked as (
    select
        resources.*,
        row_number() over (
            partition by cost_center
            order by exact_cost desc, resource_id, sub_account_id, service_name
        ) as cost_rank
    from resources
    where exact_cost > 0
)

select
    cost_center,
    resource_id,
    sub_account_id,
    service_name,
    cast(exact_cost as varchar) as exact_cost
from ranked
where cost_rank <= 10
order by
    cost_center,
    cost_rank
