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
        case
            when
                not regexp_like(
                    owner_tag,
                    '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
                )
                then effective_cost
            else cast(0 as decimal(38, 10))
        end
    ), 0) as decimal(38, 10)) as varchar) as untagged_cost,
    cast(count(*) as varchar) as charge_count
from charges
where
    run_id = :run_id
    and charge_class = 'usage'
    and resource_id <> ''
    and split_parent_resource_id = ''
