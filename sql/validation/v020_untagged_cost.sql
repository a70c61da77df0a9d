/*
purpose:    How much of each account's taggable usage has no owner tag, service by service.
grain:      one row per account and service that has taggable usage.
inputs:     charges
parameters: run_id varchar
invariants: taggable is usage on a resource, at effective cost; untagged is the part of it whose owner tag is blank. The
            sums over all rows are those of s050_untagged_cost. A resource is untagged when any charge of it is.
*/
with

taggable as (
    select
        sub_account_id,
        service_name,
        resource_id,
        effective_cost,
        not regexp_like(
            owner_tag,
            '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
        ) as is_untagged
    from charges
    where
        run_id = :run_id
        and charge_class = 'usage'
        and resource_id <> ''
        and split_parent_resource_id = ''
)

select
    sub_account_id,
    service_name,
    cast(cast(sum(effective_cost) as decimal(38, 10)) as varchar) as taggable_cost,
    cast(cast(sum(
        case when is_untagged then effective_cost else cast(0 as decimal(38, 10)) end
    ) as decimal(38, 10)) as varchar) as untagged_cost,
    cast(count(distinct resource_id) as varchar) as resources,
    cast(count(distinct case when is_untagged then resource_id end) as varchar) as untagged_resources
from taggable
group by
    sub_account_id,
    service_name
order by
    sub_account_id,
    service_name
