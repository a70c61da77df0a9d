/*
purpose:    Folds the month's line items, in one scan, into the small table of charges that everything later reads.
grain:      one row per invoice, account, service, line type, resource and tag values (operation and usage type only
            where a rule of the policy asks for them).
inputs:     cur (exactly the data files that the export manifest lists)
parameters: billing_period varchar, data_files varchar list, cost_basis varchar (effective | billed),
            keeps_operation boolean, keeps_usage_type boolean, owner_tag tag, policy_tags tag list
invariants: the sum of line_count is the number of lines read; costs become DECIMAL(38,10) before any sum;
            split rows (EKS, ECS) carry no cost, only split_cost as a weight; NULL and blank are the same: ''.
            resource_tag(key) is the export's flattened tag column, or element_at(resource_tags, key) where it has none.
            The effective cost of each line type is that of allocation.md, section 3. costed keeps the lines' identity
            for x020_line_items, which explains a number by the same relations; the fold itself does not read it.
*/
with

lines as (
    select
        coalesce(identity_line_item_id, '') as identity_line_item_id,
        coalesce(identity_time_interval, '') as identity_time_interval,
        "$path" as data_file,
        coalesce(bill_payer_account_id, '') as billing_account_id,
        coalesce(bill_invoice_id, '') as invoice_id,
        coalesce(line_item_currency_code, '') as billing_currency,
        coalesce(line_item_usage_account_id, '') as sub_account_id,
        coalesce(line_item_product_code, '') as service_name,
        coalesce(line_item_line_item_type, '') as line_item_type,
        case when :keeps_operation then coalesce(line_item_operation, '') else '' end as operation,
        case when :keeps_usage_type then coalesce(line_item_usage_type, '') else '' end as usage_type,
        coalesce(line_item_resource_id, '') as resource_id,
        coalesce(split_line_item_parent_resource_id, '') as split_parent_resource_id,
        coalesce(reservation_reservation_a_r_n, '') as reservation_arn,
        coalesce(resource_tag(:owner_tag), '') as owner_tag,
        resource_tag_list(:policy_tags) as policy_tags,
        cast(line_item_unblended_cost as decimal(38, 10)) as unblended_cost,
        cast(coalesce(savings_plan_savings_plan_effective_cost, 0) as decimal(38, 10)) as savings_plan_effective_cost,
        cast(coalesce(savings_plan_total_commitment_to_date, 0) as decimal(38, 10)) as savings_plan_commitment,
        cast(coalesce(savings_plan_used_commitment, 0) as decimal(38, 10)) as savings_plan_used_commitment,
        cast(coalesce(reservation_effective_cost, 0) as decimal(38, 10)) as reservation_effective_cost,
        cast(coalesce(reservation_unused_amortized_upfront_fee_for_billing_period, 0) as decimal(38, 10))
            as reservation_unused_upfront_fee,
        cast(coalesce(reservation_unused_recurring_fee, 0) as decimal(38, 10)) as reservation_unused_recurring_fee,
        cast(coalesce(split_line_item_split_cost, 0) as decimal(38, 10)) as split_used_cost,
        cast(coalesce(split_line_item_unused_cost, 0) as decimal(38, 10)) as split_unused_cost
    from cur
    where
        billing_period = :billing_period
        and "$path" in (:data_files)
),

costed as (
    select
        identity_line_item_id,
        identity_time_interval,
        data_file,
        billing_account_id,
        invoice_id,
        billing_currency,
        sub_account_id,
        service_name,
        line_item_type,
        operation,
        usage_type,
        resource_id,
        split_parent_resource_id,
        owner_tag,
        policy_tags,
        case
            when line_item_type = 'Tax' then 'tax'
            when line_item_type = 'Credit' then 'credit'
            when line_item_type = 'Refund' then 'refund'
            when line_item_type in ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'SavingsPlanNegation')
                then 'commitment_fee'
            when line_item_type = 'Fee' then 'fee'
            when line_item_type like '%Discount' then 'discount'
            when
                starts_with(service_name, 'AWSSupport')
                or starts_with(service_name, 'AWSDeveloperSupport')
                or starts_with(service_name, 'AWSPremiumSupport')
                or starts_with(service_name, 'OCB')
                then 'support'
            else 'usage'
        end as charge_class,
        case when split_parent_resource_id = '' then unblended_cost else cast(0 as decimal(38, 10)) end
            as unblended_cost,
        case
            when split_parent_resource_id <> '' then cast(0 as decimal(38, 10))
            when :cost_basis = 'billed' then unblended_cost
            when line_item_type = 'SavingsPlanCoveredUsage' then savings_plan_effective_cost
            when line_item_type = 'SavingsPlanRecurringFee'
                then cast(savings_plan_commitment - savings_plan_used_commitment as decimal(38, 10))
            when line_item_type in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') then cast(0 as decimal(38, 10))
            when line_item_type = 'DiscountedUsage' then reservation_effective_cost
            when line_item_type = 'RIFee'
                then cast(reservation_unused_upfront_fee + reservation_unused_recurring_fee as decimal(38, 10))
            when line_item_type = 'Fee' and reservation_arn <> '' then cast(0 as decimal(38, 10))
            else unblended_cost
        end as effective_cost,
        case
            when split_parent_resource_id = '' then cast(0 as decimal(38, 10))
            else cast(split_used_cost + split_unused_cost as decimal(38, 10))
        end as split_cost
    from lines
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
    split_parent_resource_id,
    owner_tag,
    policy_tags,
    cast(sum(unblended_cost) as decimal(38, 10)) as unblended_cost,
    cast(sum(effective_cost) as decimal(38, 10)) as effective_cost,
    cast(sum(split_cost) as decimal(38, 10)) as split_cost,
    count(*) as line_count
from costed
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
    split_parent_resource_id,
    owner_tag,
    policy_tags
