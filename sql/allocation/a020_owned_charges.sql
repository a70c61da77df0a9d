/*
purpose:    Decides for every charge who owns it: a cost center, or a pool that is shared out later.
grain:      one row per invoice, owner, deciding rule, account, service, charge class, resource and owner tag.
inputs:     divided_charges, policy_rules, policy_rule_terms, policy_classes, policy_owner_values, policy_accounts
parameters: run_id varchar
invariants: the sum of exact_cost per invoice is the sum of unblended cost: the effective cost of every charge, plus its
            commitment bridge (unblended − effective) as a charge of class commitment_bridge.
            First that applies (allocation.md, section 4): the first rule of the policy that matches; else the charge
            class. Charged to its owner means: the cost center its owner tag names; pool unrecognized when the tag
            names none; without a tag the account's default owner, else pool untagged or, without a resource, untaggable.
            A bridge follows a rule only where that rule names the class commitment_bridge. Tag values are compared
            in NFC, trimmed and lower-case; the characters that are trimmed are Unicode's white space, spelled out
            because engines disagree about what \s means.
*/
with

rules as (
    select * from policy_rules where run_id = :run_id
),

rule_terms as (
    select * from policy_rule_terms where run_id = :run_id
),

classes as (
    select * from policy_classes where run_id = :run_id
),

owner_values as (
    select * from policy_owner_values where run_id = :run_id
),

accounts as (
    select * from policy_accounts where run_id = :run_id
),

effective_charges as (
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
        policy_tags,
        effective_cost as exact_cost,
        line_count
    from divided_charges
    where run_id = :run_id
),

bridge_charges as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        'commitment_bridge' as charge_class,
        resource_id,
        owner_tag,
        policy_tags,
        bridge_cost as exact_cost,
        0 as line_count
    from divided_charges
    where
        run_id = :run_id
        and bridge_cost <> 0
),

all_charges as (
    select * from effective_charges
    union all
    select * from bridge_charges
),

described as (
    select
        all_charges.*,
        lower(
            regexp_replace(
                regexp_replace(
                    normalize(owner_tag, NFC),
                    '^[\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+',
                    ''
                ),
                '[\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+$',
                ''
            )
        ) as owner_value,
        array_join(policy_tags, chr(31)) as tag_values
    from all_charges
),

signatures as (
    select
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        tag_values,
        arbitrary(policy_tags) as policy_tags
    from described
    group by
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        tag_values
),

matched_terms as (
    select
        signatures.sub_account_id,
        signatures.service_name,
        signatures.line_item_type,
        signatures.operation,
        signatures.usage_type,
        signatures.charge_class,
        signatures.tag_values,
        rule_terms.rule_order,
        rule_terms.match_key
    from signatures
    cross join rule_terms
    where
        case rule_terms.match_key
            when 'account' then signatures.sub_account_id = rule_terms.match_value
            when 'service' then signatures.service_name = rule_terms.match_value
            when 'line_item_type' then signatures.line_item_type = rule_terms.match_value
            when 'operation' then signatures.operation = rule_terms.match_value
            when 'charge_class' then signatures.charge_class = rule_terms.match_value
            when 'usage_type_prefix' then starts_with(signatures.usage_type, rule_terms.match_value)
            else lower(regexp_replace(
                regexp_replace(
                    normalize(element_at(signatures.policy_tags, rule_terms.tag_position), NFC),
                    '^[\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+',
                    ''
                ),
                '[\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+$',
                ''
            )) = rule_terms.match_value
        end
),

matched_rules as (
    select
        matched_terms.sub_account_id,
        matched_terms.service_name,
        matched_terms.line_item_type,
        matched_terms.operation,
        matched_terms.usage_type,
        matched_terms.charge_class,
        matched_terms.tag_values,
        matched_terms.rule_order
    from matched_terms
    inner join rules
        on matched_terms.rule_order = rules.rule_order
    group by
        matched_terms.sub_account_id,
        matched_terms.service_name,
        matched_terms.line_item_type,
        matched_terms.operation,
        matched_terms.usage_type,
        matched_terms.charge_class,
        matched_terms.tag_values,
        matched_terms.rule_order
    having
        count(distinct matched_terms.match_key) = max(rules.key_count)
        and (
            matched_terms.charge_class <> 'commitment_bridge'
            or count_if(matched_terms.match_key = 'charge_class') > 0
        )
),

first_rules as (
    select
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        tag_values,
        min(rule_order) as rule_order
    from matched_rules
    group by
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        tag_values
),

decided as (
    select
        described.*,
        coalesce(rules.rule_id, 'charge_class:' || described.charge_class) as rule_id,
        coalesce(rules.target_kind, classes.target_kind) as target_kind,
        coalesce(rules.target_id, classes.target_id) as target_id,
        coalesce(owner_values.cost_center, '') as tagged_owner,
        coalesce(accounts.cost_center, '') as account_owner
    from described
    left join first_rules
        on
            described.sub_account_id = first_rules.sub_account_id
            and described.service_name = first_rules.service_name
            and described.line_item_type = first_rules.line_item_type
            and described.operation = first_rules.operation
            and described.usage_type = first_rules.usage_type
            and described.charge_class = first_rules.charge_class
            and described.tag_values = first_rules.tag_values
    left join rules
        on first_rules.rule_order = rules.rule_order
    left join classes
        on described.charge_class = classes.charge_class
    left join owner_values
        on described.owner_value = owner_values.tag_value
    left join accounts
        on described.sub_account_id = accounts.sub_account_id
),

owned as (
    select
        decided.*,
        case
            when target_kind in ('cost_center', 'pool') then target_kind
            when owner_value <> '' and tagged_owner <> '' then 'cost_center'
            when owner_value = '' and account_owner <> '' then 'cost_center'
            else 'pool'
        end as owner_kind,
        case
            when target_kind in ('cost_center', 'pool') then target_id
            when owner_value <> '' and tagged_owner <> '' then tagged_owner
            when owner_value <> '' then 'unrecognized'
            when account_owner <> '' then account_owner
            when resource_id <> '' then 'untagged'
            else 'untaggable'
        end as owner_id
    from decided
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    owner_kind,
    owner_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    resource_id,
    owner_tag,
    cast(sum(exact_cost) as decimal(38, 10)) as exact_cost,
    cast(sum(line_count) as bigint) as line_count
from owned
group by
    billing_account_id,
    invoice_id,
    billing_currency,
    owner_kind,
    owner_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    resource_id,
    owner_tag
