/*
purpose:    The owner tag values that name no cost center, so that each can be mended or granted as an alias.
grain:      one row per owner tag value as it is written.
inputs:     owned_charges
parameters: run_id varchar
invariants: the sum of exact_cost is what pool unrecognized collected through owner tags, before rounding.
*/
select
    owner_tag,
    cast(cast(sum(exact_cost) as decimal(38, 10)) as varchar) as exact_cost,
    cast(cast(sum(line_count) as bigint) as varchar) as line_count,
    cast(count(distinct sub_account_id) as varchar) as accounts
from owned_charges
where
    run_id = :run_id
    and owner_kind = 'pool'
    and owner_id = 'unrecognized'
    and owner_tag <> ''
group by owner_tag
order by
    sum(owned_charges.exact_cost) desc,
    owner_tag
