/*
purpose:    Writes the ledger: every cost center's direct cost by account and service, and its share of every pool.
grain:      one row per invoice, cost center, allocation method, pool, rule, account, service and charge class.
inputs:     owned_charges, invoice_items, pool_shares, invoice_differences, policy_adjustments, policy_cost_centers,
            ledger (the revisions before this one)
parameters: run_id varchar, billing_period varchar, charge_period varchar, revision integer,
            unowned_cost_center varchar
invariants: per invoice the sum of cost, over this revision and those before, is the invoice's control total.
            A cost center's direct cents are spread over its entries as an invoice's are over its items: floors, then
            missing cents to the largest fractions; ties to the larger magnitude, then to the key columns in order.
            A shared entry's exact_cost is its share in whole cents: shares exist in cents only.
            What AWS's invoice adds to its lines is one entry of class invoice_rounding for the unowned cost center.
            An adjustment of the policy is two entries of class adjustment that add up to nothing, both on the largest
            invoice in its currency; equal ones by account, then by invoice id.
            A revision after the first holds differences only, booked in the billing period in which it is made
            (allocation.md, section 9). entry_id is the SHA-256 of the key columns: the same close gives the same ids.
*/
with

direct_charges as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_id as cost_center,
        rule_id,
        sub_account_id,
        service_name,
        charge_class,
        cast(sum(exact_cost) as decimal(38, 10)) as exact_cost,
        cast(sum(line_count) as bigint) as line_count
    from owned_charges
    where
        run_id = :run_id
        and owner_kind = 'cost_center'
    group by
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_id,
        rule_id,
        sub_account_id,
        service_name,
        charge_class
),

direct_items as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        owner_id as cost_center,
        cast(cost * 100 as decimal(38, 0)) as item_cents
    from invoice_items
    where
        run_id = :run_id
        and owner_kind = 'cost_center'
),

direct_floors as (
    select
        direct_charges.*,
        direct_items.item_cents,
        cast(floor(direct_charges.exact_cost * 100) as decimal(38, 0)) as floor_cents,
        cast(direct_charges.exact_cost * 100 - floor(direct_charges.exact_cost * 100) as decimal(38, 10)) as fraction
    from direct_charges
    inner join direct_items
        on
            direct_charges.billing_account_id = direct_items.billing_account_id
            and direct_charges.invoice_id = direct_items.invoice_id
            and direct_charges.billing_currency = direct_items.billing_currency
            and direct_charges.cost_center = direct_items.cost_center
),

direct_ranked as (
    select
        direct_floors.*,
        cast(
            sum(floor_cents) over (partition by billing_account_id, invoice_id, billing_currency, cost_center)
            as decimal(38, 0)
        ) as cost_center_floor_cents,
        row_number() over (
            partition by billing_account_id, invoice_id, billing_currency, cost_center
            order by fraction desc, abs(exact_cost) desc, rule_id, sub_account_id, service_name, charge_class
        ) as fraction_rank
    from direct_floors
),

invoices_by_size as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        row_number() over (
            partition by billing_currency
            order by sum(cost) desc, billing_account_id, invoice_id
        ) as size_rank
    from invoice_items
    where run_id = :run_id
    group by
        billing_account_id,
        invoice_id,
        billing_currency
),

entries_of_the_bill as (
    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cost_center,
        'direct' as allocation_method,
        '' as pool_id,
        rule_id,
        sub_account_id,
        service_name,
        charge_class,
        exact_cost,
        cast(
            (floor_cents + case when fraction_rank <= item_cents - cost_center_floor_cents then 1 else 0 end)
            * cast('0.01' as decimal(3, 2)) as decimal(38, 2)
        ) as cost,
        line_count
    from direct_ranked

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        recipient_id as cost_center,
        'shared' as allocation_method,
        pool_id,
        '' as rule_id,
        '' as sub_account_id,
        '' as service_name,
        '' as charge_class,
        cast(share as decimal(38, 10)) as exact_cost,
        share as cost,
        cast(0 as bigint) as line_count
    from pool_shares
    where
        run_id = :run_id
        and recipient_kind = 'cost_center'

    union all

    select
        billing_account_id,
        invoice_id,
        billing_currency,
        cast(:unowned_cost_center as varchar) as cost_center,
        'direct' as allocation_method,
        '' as pool_id,
        'invoice_rounding' as rule_id,
        billing_account_id as sub_account_id,
        '' as service_name,
        'invoice_rounding' as charge_class,
        cast(difference as decimal(38, 10)) as exact_cost,
        difference as cost,
        cast(0 as bigint) as line_count
    from invoice_differences
    where
        run_id = :run_id
        and difference <> 0

    union all

    select
        invoices_by_size.billing_account_id,
        invoices_by_size.invoice_id,
        invoices_by_size.billing_currency,
        policy_adjustments.cost_center,
        'direct' as allocation_method,
        '' as pool_id,
        concat('adjustment:', policy_adjustments.adjustment_id) as rule_id,
        invoices_by_size.billing_account_id as sub_account_id,
        '' as service_name,
        'adjustment' as charge_class,
        cast(policy_adjustments.amount as decimal(38, 10)) as exact_cost,
        cast(policy_adjustments.amount as decimal(38, 2)) as cost,
        cast(0 as bigint) as line_count
    from policy_adjustments
    inner join invoices_by_size
        on policy_adjustments.billing_currency = invoices_by_size.billing_currency
    where
        policy_adjustments.run_id = :run_id
        and invoices_by_size.size_rank = 1
),

cost_centers as (
    select * from policy_cost_centers where run_id = :run_id
),

movements as (
    select
        entries_of_the_bill.billing_account_id,
        entries_of_the_bill.invoice_id,
        entries_of_the_bill.billing_currency,
        cost_centers.business_unit,
        entries_of_the_bill.cost_center,
        entries_of_the_bill.allocation_method,
        entries_of_the_bill.pool_id,
        entries_of_the_bill.rule_id,
        entries_of_the_bill.sub_account_id,
        entries_of_the_bill.service_name,
        entries_of_the_bill.charge_class,
        entries_of_the_bill.exact_cost,
        entries_of_the_bill.cost,
        entries_of_the_bill.line_count
    from entries_of_the_bill
    left join cost_centers
        on entries_of_the_bill.cost_center = cost_centers.cost_center

    union all

    select
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
        cast(-exact_cost as decimal(38, 10)) as exact_cost,
        cast(-cost as decimal(38, 2)) as cost,
        -line_count as line_count
    from ledger
    where
        billing_period >= :charge_period
        and charge_period = :charge_period
        and revision < :revision
),

entries as (
    select
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
        cast(sum(exact_cost) as decimal(38, 10)) as exact_cost,
        cast(sum(cost) as decimal(38, 2)) as cost,
        cast(sum(line_count) as bigint) as line_count
    from movements
    group by
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
        charge_class
    having
        sum(exact_cost) <> 0
        or sum(cost) <> 0
)

select
    lower(to_hex(sha256(to_utf8(concat_ws(
        chr(31),
        :billing_period,
        :charge_period,
        cast(:revision as varchar),
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
        charge_class
    ))))) as entry_id,
    cast(:billing_period as varchar) as billing_period,
    cast(:charge_period as varchar) as charge_period,
    cast(:revision as integer) as revision,
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
    exact_cost,
    cost,
    line_count
from entries
order by
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
    charge_class
