/*
purpose:    Divides the cost of EKS and ECS instances among their pods and tasks, as far as those carry an owner tag.
grain:      one row per charge that is not a split row, plus one per instance charge and tagged pod or task on it.
inputs:     charges
parameters: run_id varchar
invariants: per invoice the sum of effective_cost is the same as that of charges; the instance keeps what nobody claims.
            A pod or task claims split_cost of its instance's effective cost, and in proportion to split_cost when all
            of them together claim more than the instance cost (allocation.md, section 8). A split_cost below zero
            claims nothing and makes no room for others: an instance is never divided for more than it costs.
            A claim is claimable × weight ÷ divisor in whole 1e-10 dollars, rounded down: the DOUBLE only guesses the
            quotient, integer remainders correct it twice, so that both engines find the same one.
*/
with

charges_of_run as (
    select * from charges where run_id = :run_id
),

plain_charges as (
    select * from charges_of_run where split_parent_resource_id = ''
),

claimants as (
    select
        billing_account_id,
        billing_currency,
        sub_account_id,
        split_parent_resource_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        resource_id,
        owner_tag,
        policy_tags,
        cast(floor(sum(split_cost) * 1000000) as decimal(38, 0)) as weight_micros,
        cast(sum(line_count) as bigint) as line_count
    from charges_of_run
    where
        split_parent_resource_id <> ''
        and split_cost > 0
        and regexp_like(
            owner_tag,
            '[^\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
        )
    group by
        billing_account_id,
        billing_currency,
        sub_account_id,
        split_parent_resource_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        charge_class,
        resource_id,
        owner_tag,
        policy_tags
),

claimed_weights as (
    select
        billing_account_id,
        billing_currency,
        sub_account_id,
        split_parent_resource_id,
        cast(floor(sum(split_cost) * 1000000) as decimal(38, 0)) as weight_micros
    from charges_of_run
    where
        split_parent_resource_id <> ''
        and split_cost > 0
    group by
        billing_account_id,
        billing_currency,
        sub_account_id,
        split_parent_resource_id
),

instance_costs as (
    select
        billing_account_id,
        billing_currency,
        sub_account_id,
        resource_id,
        cast(ceiling(sum(effective_cost) * 1000000) as decimal(38, 0)) as cost_micros
    from plain_charges
    where
        resource_id <> ''
        and effective_cost > 0
    group by
        billing_account_id,
        billing_currency,
        sub_account_id,
        resource_id
),

divisors as (
    select
        claimed_weights.billing_account_id,
        claimed_weights.billing_currency,
        claimed_weights.sub_account_id,
        claimed_weights.split_parent_resource_id,
        greatest(claimed_weights.weight_micros, instance_costs.cost_micros) as divisor
    from claimed_weights
    inner join instance_costs
        on
            claimed_weights.billing_account_id = instance_costs.billing_account_id
            and claimed_weights.billing_currency = instance_costs.billing_currency
            and claimed_weights.sub_account_id = instance_costs.sub_account_id
            and claimed_weights.split_parent_resource_id = instance_costs.resource_id
),

instance_charges as (
    select
        plain_charges.*,
        divisors.divisor,
        cast(plain_charges.effective_cost * 10000000000 as decimal(38, 0)) as claimable,
        row_number() over (
            partition by
                plain_charges.billing_account_id,
                plain_charges.billing_currency,
                plain_charges.sub_account_id,
                plain_charges.resource_id
            order by
                plain_charges.effective_cost desc,
                plain_charges.invoice_id,
                plain_charges.service_name,
                plain_charges.line_item_type,
                plain_charges.operation,
                plain_charges.usage_type,
                plain_charges.charge_class,
                plain_charges.owner_tag,
                array_join(plain_charges.policy_tags, chr(31))
        ) as charge_rank
    from plain_charges
    inner join divisors
        on
            plain_charges.billing_account_id = divisors.billing_account_id
            and plain_charges.billing_currency = divisors.billing_currency
            and plain_charges.sub_account_id = divisors.sub_account_id
            and plain_charges.resource_id = divisors.split_parent_resource_id
    where plain_charges.effective_cost > 0
),

guesses as (
    select
        instance_charges.billing_account_id,
        instance_charges.invoice_id,
        instance_charges.billing_currency,
        instance_charges.sub_account_id,
        claimants.service_name,
        claimants.line_item_type,
        claimants.operation,
        claimants.usage_type,
        claimants.charge_class,
        claimants.resource_id,
        claimants.owner_tag,
        claimants.policy_tags,
        instance_charges.resource_id as instance_resource_id,
        instance_charges.charge_rank,
        case when instance_charges.charge_rank = 1 then claimants.line_count else 0 end as line_count,
        instance_charges.divisor,
        cast(instance_charges.claimable * claimants.weight_micros as decimal(38, 0)) as numerator,
        cast(
            floor(
                cast(instance_charges.claimable * claimants.weight_micros as double)
                / cast(instance_charges.divisor as double)
            ) as decimal(38, 0)
        ) as quotient
    from instance_charges
    inner join claimants
        on
            instance_charges.billing_account_id = claimants.billing_account_id
            and instance_charges.billing_currency = claimants.billing_currency
            and instance_charges.sub_account_id = claimants.sub_account_id
            and instance_charges.resource_id = claimants.split_parent_resource_id
    where claimants.weight_micros > 0
),

corrected as (
    select
        guesses.*,
        cast(
            quotient + cast(
                floor(cast(numerator - quotient * divisor as double) / cast(divisor as double)) as decimal(38, 0)
            ) as decimal(38, 0)
        ) as near_quotient
    from guesses
),

claims as (
    select
        corrected.*,
        cast(
            near_quotient + case
                when numerator < near_quotient * divisor then -1
                when numerator >= (near_quotient + 1) * divisor then 1
                else 0
            end as decimal(38, 0)
        ) as claimed
    from corrected
),

claimed_charges as (
    select
        billing_account_id,
        billing_currency,
        sub_account_id,
        instance_resource_id,
        charge_rank,
        cast(sum(claimed) as decimal(38, 0)) as claimed
    from claims
    group by
        billing_account_id,
        billing_currency,
        sub_account_id,
        instance_resource_id,
        charge_rank
),

reductions as (
    select
        instance_charges.billing_account_id,
        instance_charges.invoice_id,
        instance_charges.billing_currency,
        instance_charges.sub_account_id,
        instance_charges.service_name,
        instance_charges.line_item_type,
        instance_charges.operation,
        instance_charges.usage_type,
        instance_charges.charge_class,
        instance_charges.resource_id,
        instance_charges.owner_tag,
        instance_charges.policy_tags,
        claimed_charges.claimed
    from instance_charges
    inner join claimed_charges
        on
            instance_charges.billing_account_id = claimed_charges.billing_account_id
            and instance_charges.billing_currency = claimed_charges.billing_currency
            and instance_charges.sub_account_id = claimed_charges.sub_account_id
            and instance_charges.resource_id = claimed_charges.instance_resource_id
            and instance_charges.charge_rank = claimed_charges.charge_rank
),

divided as (
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
        effective_cost,
        cast(unblended_cost - effective_cost as decimal(38, 10)) as bridge_cost,
        line_count
    from plain_charges

    union all

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
        cast(-claimed * cast('0.0000000001' as decimal(11, 10)) as decimal(38, 10)) as effective_cost,
        cast(0 as decimal(38, 10)) as bridge_cost,
        0 as line_count
    from reductions

    union all

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
        cast(claimed * cast('0.0000000001' as decimal(11, 10)) as decimal(38, 10)) as effective_cost,
        cast(0 as decimal(38, 10)) as bridge_cost,
        line_count
    from claims
)

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
    cast(sum(effective_cost) as decimal(38, 10)) as effective_cost,
    cast(sum(bridge_cost) as decimal(38, 10)) as bridge_cost,
    cast(sum(line_count) as bigint) as line_count
from divided
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
    policy_tags
