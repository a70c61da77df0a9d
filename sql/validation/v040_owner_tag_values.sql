/*
purpose:    The owner tag values of each account as they are written, so that those which name nobody are found.
grain:      one row per account and owner tag value.
inputs:     charges
parameters: run_id varchar
invariants: of taggable usage only, at effective cost; blank values are left out.
*/
with

taggable as (
    select
        sub_account_id,
        resource_id,
        owner_tag,
        effective_cost
    from charges
    where
        run_id = :run_id
        and charge_class = 'usage'
        and resource_id <> ''
        and split_parent_resource_id = ''
        and regexp_like(
            owner_tag,
            '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
        )
)

select
    sub_account_id,
    owner_tag,
    cast(cast(sum(effective_cost) as decimal(38, 10)) as varchar) as exact_cost,
    cast(count(distinct resource_id) as varchar) as resources
from taggable
group by
    sub_account_id,
    owner_tag
order by
    sub_account_id,
    owner_tag
