/*
purpose:    Splits the pools of one level among their recipients, cent by cent.
grain:      one row per invoice, pool and recipient that gets part of it.
inputs:     invoice_items, pool_shares (of the levels before), policy_pools, policy_pool_recipients
parameters: run_id varchar, pool_level integer, unowned_cost_center varchar
invariants: per invoice and pool the sum of share is the pool's cost: what the invoice put into it, plus what pools of
            the levels before passed on. Largest remainder over integer weights: q = c·w div W; leftover cents to the
            largest c·w mod W; ties to the larger weight, then to the recipient in code-point order; a negative pool is
            the mirror image. Nobody with a weight: the unowned cost center gets all (allocation.md, section 6).
            The DOUBLE only guesses the quotient; the exact remainder corrects it, so that both engines agree.
*/
with

pools as (
    select * from policy_pools
    where
        run_id = :run_id
        and pool_level = :pool_level
),

recipients as (
    select * from policy_pool_recipients where run_id = :run_id
),

incoming as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_id as pool_id,
        cost
    from invoice_items
    where
        run_id = :run_id
        and owner_kind = 'pool'

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        recipient_id as pool_id,
        share as cost
    from pool_shares
    where
        run_id = :run_id
        and level < :pool_level
        and recipient_kind = 'pool'
),

pool_costs as (
    select
        incoming.billing_account_id,
        incoming.invoice_id,
        incoming.billing_currency,
        incoming.pool_id,
        pools.split_method,
        cast(sum(incoming.cost) as decimal(38, 2)) as pool_cost,
        cast(abs(sum(incoming.cost)) * 100 as decimal(38, 0)) as cents,
        cast(case when sum(incoming.cost) < 0 then '-0.01' else '0.01' end as decimal(3, 2)) as signed_cent
    from incoming
    inner join pools
        on incoming.pool_id = pools.pool_id
    group by
        incoming.billing_account_id,
        incoming.invoice_id,
        incoming.billing_currency,
        incoming.pool_id,
        pools.split_method
),

direct_costs as (
    select
        billing_account_id,
        billing_currency,
        owner_id as cost_center,
        cast(cast(sum(exact_cost) as decimal(38, 6)) * 1000000 as decimal(38, 0)) as weight
    from invoice_items
    where
        run_id = :run_id
        and owner_kind = 'cost_center'
    group by
        billing_account_id,
        billing_currency,
        owner_id
),

weights as (
    select
        pool_costs.billing_account_id,
        pool_costs.invoice_id,
        pool_costs.billing_currency,
        pool_costs.pool_id,
        pool_costs.split_method,
        pool_costs.pool_cost,
        pool_costs.cents,
        pool_costs.signed_cent,
        recipients.recipient_kind,
        recipients.recipient_id,
        case
            when pool_costs.split_method = 'proportional' then coalesce(direct_costs.weight, cast(0 as decimal(38, 0)))
            else cast(recipients.weight_micros as decimal(38, 0))
        end as weight
    from pool_costs
    inner join recipients
        on pool_costs.pool_id = recipients.pool_id
    left join direct_costs
        on
            pool_costs.billing_account_id = direct_costs.billing_account_id
            and pool_costs.billing_currency = direct_costs.billing_currency
            and recipients.recipient_id = direct_costs.cost_center
            and recipients.recipient_kind = 'cost_center'
),

weighted as (
    select
        weights.*,
        cast(
            sum(weight) over (partition by billing_account_id, invoice_id, billing_currency, pool_id) as decimal(38, 0)
        ) as total_weight,
        cast(cents * weight as decimal(38, 0)) as numerator
    from weights
    where weight > 0
),

guesses as (
    select
        weighted.*,
        cast(floor(cast(numerator as double) / cast(total_weight as double)) as decimal(38, 0)) as near_quotient
    from weighted
),

corrected as (
    select
        guesses.*,
        cast(
            near_quotient + case
                when numerator < near_quotient * total_weight then -1
                when numerator >= (near_quotient + 1) * total_weight then 1
                else 0
            end as decimal(38, 0)
        ) as quotient
    from guesses
),

ranked as (
    select
        corrected.*,
        cast(
            cents
            - sum(quotient) over (partition by billing_account_id, invoice_id, billing_currency, pool_id)
            as decimal(38, 0)
        ) as leftover_cents,
        row_number() over (
            partition by billing_account_id, invoice_id, billing_currency, pool_id
            order by numerator - quotient * total_weight desc, weight desc, recipient_id, recipient_kind
        ) as remainder_rank
    from corrected
),

shares as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        pool_id,
        split_method,
        pool_cost,
        recipient_kind,
        recipient_id,
        weight,
        total_weight,
        cast(
            (quotient + case when remainder_rank <= leftover_cents then 1 else 0 end) * signed_cent as decimal(38, 2)
        ) as share
    from ranked

    union all

    select
        pool_costs.billing_account_id,
        pool_costs.invoice_id,
        pool_costs.billing_currency,
        pool_costs.pool_id,
        pool_costs.split_method,
        pool_costs.pool_cost,
        'cost_center' as recipient_kind,
        cast(:unowned_cost_center as varchar) as recipient_id,
        cast(0 as decimal(38, 0)) as weight,
        cast(0 as decimal(38, 0)) as total_weight,
        pool_costs.pool_cost as share
    from pool_costs
    left join ranked
        on
            pool_costs.billing_account_id = ranked.billing_account_id
            and pool_costs.invoice_id = ranked.invoice_id
            and pool_costs.billing_currency = ranked.billing_currency
            and pool_costs.pool_id = ranked.pool_id
    where ranked.pool_id is null
)

select
    billing_account_id,
    invoice_id,
    billing_currency,
    pool_id,
    split_method,
    pool_cost,
    recipient_kind,
    recipient_id,
    weight,
    total_weight,
    share
from shares
