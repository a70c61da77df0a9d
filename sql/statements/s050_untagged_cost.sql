/*
purpose:    How much of the taggable usage has no owner tag.
grain:      one row.
inputs:     charges
parameters: run_id varchar
invariants: taggable is usage on a resource, at effective cost; untagged is the part of it whose owner tag is blank.
*/
select
    cast(cast(coalesce(sum(effective_cost), 0) as decimal(38, 10)) as varchar) as taggable_cost,
    cast(cast(coalesce(sum(
        case when regexp_replace(owner_tag, '^[\s\p{Z}]+|[\s\p{Z}]+$', '') = '' then effective_cost else cast(0 as decimal(38, 10)) end
    ), 0) as decimal(38, 10)) as varchar) as untagged_cost,
    cast(count(*) as varchar) as charge_count
from charges
where
    run_id = :run_id
    and charge_class = 'usage'
    and resource_id <> ''
    and split_parent_resource_id = ''
