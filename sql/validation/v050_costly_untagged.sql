/*
purpose:    The untagged resources of each account that cost most: where tagging pays first.
grain:      one row per account and resource, the ten most costly of each account.
inputs:     charges
parameters: run_id varchar
invariants: taggable usage with a blank owner tag, at effective cost, added up per resource and service; equal costs are
            in the order of resource and service.
*/
with

untagged as (
    select
        sub_account_id,
        resource_id,
        service_name,
        cast(sum(effective_cost) as decimal(38, 10)) as exact_cost
    from charges
    where
        run_id = :run_id
        and charge_class = 'usage'
        and resource_id <> ''
        and split_parent_resource_id = ''
        and not regexp_like(
            owner_tag,
            '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
        )
    group by
        sub_account_id,
        resource_id,
        service_name
),

ranked as (
    select
        sub_account_id,
        resource_id,
        service_name,
        exact_cost,
        row_number() over (
            partition by sub_account_id
            order by
                exact_cost desc,
                resource_id,
                service_name
        ) as cost_rank
    from untagged
)

select
    sub_account_id,
    cast(cost_rank as varchar) as cost_rank,
    resource_id,
    service_name,
    cast(exact_cost as varchar) as exact_cost
from ranked
where cost_rank <= 10
order by
    sub_account_id,
    ranked.cost_rank
