/*
purpose:    The line items of the bill behind what one owner, a cost center or a pool, is charged.
grain:      one row per line item and part of it (its effective cost, its commitment bridge) that the owner is charged.
inputs:     costed (of f010_charges), owned (of a020_owned_charges): the very relations that made the ledger
parameters: owner_kind varchar (cost_center | pool), owner_id varchar, service_name varchar ('' for all)
invariants: the sum of exact_cost is what the owner was charged, but for EKS and ECS: a split row is a weight without
            cost, and an instance's line items are whole, before pods and tasks claimed their parts (x030_owned_cost
            minus these line items is what was claimed).
*/
with

owned_parts as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        resource_id,
        owner_tag,
        tag_values,
        rule_id
    from owned
    where
        owner_kind = :owner_kind
        and owner_id = :owner_id
        and (:service_name = '' or service_name = :service_name)
    group by
        billing_account_id,
        invoice_id,
        billing_currency,
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        resource_id,
        owner_tag,
        tag_values,
        rule_id
),

line_items as (
    select
        costed.*,
        array_join(policy_tags, chr(31)) as tag_values
    from costed
)

select
    owned_parts.rule_id,
    owned_parts.charge_class,
    line_items.billing_account_id,
    line_items.invoice_id,
    line_items.sub_account_id,
    line_items.service_name,
    line_items.line_item_type,
    line_items.resource_id,
    line_items.owner_tag,
    line_items.identity_line_item_id,
    line_items.identity_time_interval,
    line_items.data_file,
    cast(cast(
        case
            when owned_parts.charge_class = 'commitment_bridge'
                then line_items.unblended_cost - line_items.effective_cost
            else line_items.effective_cost
        end as decimal(38, 10)
    ) as varchar) as exact_cost
from line_items
inner join owned_parts
    on
        line_items.billing_account_id = owned_parts.billing_account_id
        and line_items.invoice_id = owned_parts.invoice_id
        and line_items.billing_currency = owned_parts.billing_currency
        and line_items.sub_account_id = owned_parts.sub_account_id
        and line_items.service_name = owned_parts.service_name
        and line_items.line_item_type = owned_parts.line_item_type
        and line_items.operation = owned_parts.operation
        and line_items.usage_type = owned_parts.usage_type
        and line_items.resource_id = owned_parts.resource_id
        and line_items.owner_tag = owned_parts.owner_tag
        and line_items.tag_values = owned_parts.tag_values
        and (
            line_items.charge_class = owned_parts.charge_class
            or (
                owned_parts.charge_class = 'commitment_bridge'
                and line_items.unblended_cost <> line_items.effective_cost
            )
        )
order by
    owned_parts.rule_id,
    line_items.sub_account_id,
    line_items.service_name,
    owned_parts.charge_class,
    line_items.resource_id,
    line_items.identity_time_interval,
    line_items.identity_line_item_id,
    line_items.data_file,
    line_items.invoice_id
