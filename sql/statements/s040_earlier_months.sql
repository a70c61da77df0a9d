/*
purpose:    What each cost center paid in the months before, for trends and month-over-month.
grain:      one row per charge period, business unit and cost center.
inputs:     ledger
parameters: first_period varchar, last_period varchar
invariants: all revisions of a month count, so a month is shown as it stands now.
*/
select
    charge_period,
    business_unit,
    cost_center,
    cast(cast(
        sum(case when allocation_method = 'direct' then cost else cast(0 as decimal(38, 2)) end) as decimal(38, 2)
    ) as varchar) as direct_cost,
    cast(cast(
        sum(case when allocation_method = 'shared' then cost else cast(0 as decimal(38, 2)) end) as decimal(38, 2)
    ) as varchar) as shared_cost
from ledger
where
    billing_period >= :first_period
    and charge_period >= :first_period
    and charge_period <= :last_period
group by
    charge_period,
    business_unit,
    cost_center
order by
    charge_period,
    business_unit,
    cost_center
