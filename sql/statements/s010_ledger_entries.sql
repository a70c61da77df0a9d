/*
purpose:    The ledger entries of the revision, in the order in which statements list them.
grain:      one row per ledger entry.
inputs:     ledger_entries
parameters: run_id varchar
invariants: the sum of cost per cost center is what its statement asks for and what is posted.
*/
select
    entry_id,
    billing_period,
    charge_period,
    cast(revision as varchar) as revision,
    billing_account_id,
    invoice_id,
    billing_currency,
    business_unit,
    cost_center,
    allocation_method,
    pool_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    cast(exact_cost as varchar) as exact_cost,
    cast(cost as varchar) as cost,
    cast(line_count as varchar) as line_count
from ledger_entries
where run_id = :run_id
order by
    business_unit,
    cost_center,
    allocation_method,
    pool_id,
    billing_account_id,
    invoice_id,
    sub_account_id,
    service_name,
    charge_class,
    rule_id
