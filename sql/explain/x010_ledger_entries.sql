/*
purpose:    What the published ledger says of one cost center in one month, all revisions together.
grain:      one row per invoice, allocation method, pool, rule, account, service and charge class.
inputs:     ledger
parameters: charge_period varchar, cost_center varchar
invariants: the sum of cost is what the cost center's statements of the month ask for.
*/
select
    billing_account_id,
    invoice_id,
    allocation_method,
    pool_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    cast(cast(sum(exact_cost) as decimal(38, 10)) as varchar) as exact_cost,
    cast(cast(sum(cost) as decimal(38, 2)) as varchar) as cost
from ledger
where
    billing_period >= :charge_period
    and charge_period = :charge_period
    and cost_center = :cost_center
group by
    billing_account_id,
    invoice_id,
    allocation_method,
    pool_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class
order by
    allocation_method,
    pool_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    billing_account_id,
    invoice_id
