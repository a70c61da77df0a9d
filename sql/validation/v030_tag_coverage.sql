/*
purpose:    How much of each account's taggable usage, and how many of its resources, carry each mandatory tag.
grain:      one row per account that has taggable usage, and mandatory tag.
inputs:     charges
parameters: run_id varchar, tag_count integer (the first tags of policy_tags are the mandatory ones)
invariants: tag_position counts from 1 in the policy's order; a blank value is no value. A resource has the tag when any
            charge of it has. Every account has one row for each tag, with the same taggable cost and resources.
*/
with

taggable as (
    select
        sub_account_id,
        resource_id,
        policy_tags,
        effective_cost
    from charges
    where
        run_id = :run_id
        and charge_class = 'usage'
        and resource_id <> ''
        and split_parent_resource_id = ''
),

mandatory_tags as (
    select positions.tag_position
    -- Where none is mandatory there is no row: a sequence from 1 to 0 counts down.
    from unnest(sequence(1, greatest(:tag_count, 1))) as positions (tag_position)
    where positions.tag_position <= :tag_count
),

tagged as (
    select
        taggable.sub_account_id,
        mandatory_tags.tag_position,
        taggable.resource_id,
        taggable.effective_cost,
        regexp_like(
            coalesce(element_at(taggable.policy_tags, mandatory_tags.tag_position), ''),
            '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
        ) as has_tag
    from taggable
    cross join mandatory_tags
)

select
    sub_account_id,
    cast(tag_position as varchar) as tag_position,
    cast(cast(sum(effective_cost) as decimal(38, 10)) as varchar) as taggable_cost,
    cast(cast(sum(
        case when has_tag then effective_cost else cast(0 as decimal(38, 10)) end
    ) as decimal(38, 10)) as varchar) as tagged_cost,
    cast(count(distinct resource_id) as varchar) as resources,
    cast(count(distinct case when has_tag then resource_id end) as varchar) as tagged_resources
from tagged
group by
    sub_account_id,
    tag_position
order by
    sub_account_id,
    tagged.tag_position
