/*
purpose:    What one owner, a cost center or a pool, is charged: by invoice, rule, account, service and charge class.
grain:      one row per invoice, deciding rule, account, service and charge class.
inputs:     owned_charges
parameters: run_id varchar, owner_kind varchar (cost_center | pool), owner_id varchar, service_name varchar ('' for all)
invariants: the sum of exact_cost per invoice is the owner's item of that invoice before rounding.
*/
select
    billing_account_id,
    invoice_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    cast(cast(sum(exact_cost) as decimal(38, 10)) as varchar) as exact_cost,
    cast(cast(sum(line_count) as bigint) as varchar) as line_count
from owned_charges
where
    run_id = :run_id
    and owner_kind = :owner_kind
    and owner_id = :owner_id
    and (:service_name = '' or service_name = :service_name)
group by
    billing_account_id,
    invoice_id,
    rule_id,
    sub_account_id,
    service_name,
    charge_class
order by
    rule_id,
    sub_account_id,
    service_name,
    charge_class,
    billing_account_id,
    invoice_id
