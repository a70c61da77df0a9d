"""Deliberate mistakes in the SQL's text, each of which the hand-written months must notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """A mistake: every occurrence of a text in a statement becomes another."""

    mistake: str
    statement: str
    written: str
    becomes: str


_F, _A, _O, _I = "f010_charges", "a010_divided_charges", "a020_owned_charges", "a030_invoice_items"
_P, _L, _C = "a040_pool_shares", "a050_ledger_entries", "r010_control_totals"
_RUN = "where run_id = :run_id"
_NEVER = "false then"
_TOTAL = "sum(exact_cost) over (partition by billing_account_id, invoice_id, billing_currency)"
_SIGNED = "* 100 as decimal(38, 0)) as cents,\n        cast(case when sum(incoming.cost) < 0 then "
_TEAM = "element_at(signatures.policy_tags, rule_terms.tag_position)"

MUTATIONS = (
    # the bill
    Mutation("another delivery's files are read", _F, 'and "$path" in (:data_files)', ""),
    Mutation("another month's lines are read", _F, "billing_period = :billing_period", "true"),
    Mutation("another delivery's files are totalled", _C, 'and "$path" in (:data_files)', ""),
    Mutation(
        "split rows count as unblended cost",
        _F,
        "case when split_parent_resource_id = '' then unblended_cost else cast(0 as decimal(38, 10)) end",
        "unblended_cost",
    ),
    Mutation(
        "split rows count in the control total", _C, "coalesce(split_line_item_parent_resource_id, '') = ''", "true"
    ),
    Mutation(
        "lines are rounded before they are added",
        _F,
        "cast(line_item_unblended_cost as decimal(38, 10))",
        "cast(line_item_unblended_cost as decimal(38, 2))",
    ),
    Mutation(
        "control totals add rounded lines",
        _C,
        "cast(line_item_unblended_cost as decimal(38, 10))",
        "cast(line_item_unblended_cost as decimal(38, 2))",
    ),
    Mutation(
        "a missing invoice id stays null",
        _F,
        "coalesce(bill_invoice_id, '') as invoice_id",
        "bill_invoice_id as invoice_id",
    ),
    Mutation(
        "a missing owner tag stays null", _F, "coalesce(resource_tag(:owner_tag), '')", "resource_tag(:owner_tag)"
    ),
    Mutation(
        "a missing effective cost stays null",
        _F,
        "coalesce(savings_plan_savings_plan_effective_cost, 0)",
        "savings_plan_savings_plan_effective_cost",
    ),
    Mutation(
        "the operation is folded away",
        _F,
        "case when :keeps_operation then coalesce(line_item_operation, '') else '' end",
        "''",
    ),
    # cost basis
    Mutation("the billed basis is ignored", _F, "when :cost_basis = 'billed' then", f"when {_NEVER}"),
    Mutation("the billed basis is always used", _F, "when :cost_basis = 'billed' then", "when true then"),
    Mutation(
        "all of a plan's commitment is unused",
        _F,
        "savings_plan_commitment - savings_plan_used_commitment",
        "savings_plan_commitment",
    ),
    Mutation(
        "a reservation's recurring fee is forgotten",
        _F,
        "reservation_unused_upfront_fee + reservation_unused_recurring_fee",
        "reservation_unused_upfront_fee",
    ),
    Mutation(
        "every fee is a reservation's", _F, "line_item_type = 'Fee' and reservation_arn <> ''", "line_item_type = 'Fee'"
    ),
    Mutation(
        "a plan's negation costs its owner",
        _F,
        "in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee')",
        "in ('SavingsPlanUpfrontFee')",
    ),
    Mutation("the bridge is dropped", _O, "union all\n    select * from bridge_charges", ""),
    Mutation("the bridge has the wrong sign", _A, "unblended_cost - effective_cost", "effective_cost - unblended_cost"),
    # classes
    Mutation("discounts begin with the word", _F, "like '%Discount'", "like 'Discount%'"),
    Mutation("a support product is forgotten", _F, "or starts_with(service_name, 'OCB')", ""),
    Mutation("a refund is usage", _F, "when line_item_type = 'Refund' then 'refund'", ""),
    # split cost
    Mutation(
        "pods without an owner claim",
        _A,
        "and regexp_like(\n            owner_tag,",
        "and regexp_like(\n            'pod' || owner_tag,",
    ),
    Mutation("claims are paid in full, whatever the instance costs", _A, "greatest(", "least("),
    Mutation("only the unused part is claimed", _F, "split_used_cost + split_unused_cost", "split_unused_cost"),
    Mutation("the instance pays what pods pay", _A, "cast(-claimed *", "cast(0 * claimed *"),
    Mutation("negative claims make room for others", _A, "        and split_cost > 0\n", ""),
    Mutation("a claim is rounded up", _A, "near_quotient + case", "1 + near_quotient + case"),
    Mutation(
        "weights are rounded up", _A, "cast(floor(sum(split_cost) * 1000000)", "cast(ceiling(sum(split_cost) * 1000000)"
    ),
    Mutation("credits are divided among pods", _A, "where plain_charges.effective_cost > 0", ""),
    Mutation(
        "pods claim in other accounts",
        _A,
        "            and instance_charges.sub_account_id = claimants.sub_account_id\n",
        "",
    ),
    # ownership
    Mutation("case matters in owner tags", _O, "lower(\n            regexp_replace(", "concat('', regexp_replace("),
    Mutation("spaces matter in owner tags", _O, r"\x1c-\x20", r"\x1c-\x1f"),
    Mutation("spaces that do not break matter in owner tags", _O, r"\x{a0}", ""),
    Mutation("accents must be composed", _O, "normalize(owner_tag, NFC)", "owner_tag"),
    Mutation(
        "case matters in rules",
        _O,
        "when 'usage_type_prefix'",
        f"when 'tag:team' then {_TEAM} = rule_terms.match_value when 'usage_type_prefix'",
    ),
    Mutation("the last rule wins", _O, "min(rule_order)", "max(rule_order)"),
    Mutation(
        "one key of a rule is enough", _O, "count(distinct matched_terms.match_key) = max(rules.key_count)", "true"
    ),
    Mutation(
        "classes win over rules",
        _O,
        "coalesce(rules.target_kind, classes.target_kind)",
        "coalesce(classes.target_kind, rules.target_kind)",
    ),
    Mutation("the bridge follows every rule", _O, "matched_terms.charge_class <> 'commitment_bridge'", "true"),
    Mutation(
        "a usage type must be the whole prefix",
        _O,
        "starts_with(signatures.usage_type, rule_terms.match_value)",
        "signatures.usage_type = rule_terms.match_value",
    ),
    Mutation("tag values run into each other", _O, "chr(31)", "''"),
    Mutation("an unknown owner falls to the account", _O, "when owner_value <> '' then 'unrecognized'", ""),
    Mutation("untaggable is untagged", _O, "when resource_id <> '' then 'untagged'", "when true then 'untagged'"),
    Mutation(
        "other runs' charges are owned", _O, "from divided_charges\n    where run_id = :run_id", "from divided_charges"
    ),
    Mutation("other runs' rules apply", _O, f"from policy_rules {_RUN}", "from policy_rules"),
    # rounding to the invoice
    Mutation("other runs' charges are rounded", _I, f"from owned_charges\n    {_RUN}", "from owned_charges"),
    Mutation("missing cents go to the smallest fractions", _I, "fraction desc", "fraction"),
    Mutation("ties go to the smaller magnitude", _I, "abs(exact_cost) desc", "abs(exact_cost)"),
    Mutation("ties go to the larger amount", _I, "abs(exact_cost) desc", "exact_cost desc"),
    Mutation("ties go to the last key", _I, "item_key\n        ) as", "item_key desc\n        ) as"),
    Mutation("a key has no kind", _I, "owner_kind || ':' || owner_id", "owner_id"),
    Mutation("the last missing cent is kept", _I, "fraction_rank <= invoice_cents", "fraction_rank < invoice_cents"),
    Mutation("floors are ceilings", _I, "cast(floor(exact_cost * 100) as", "cast(ceiling(exact_cost * 100) as"),
    Mutation(
        "floors are cut off at the point",
        _I,
        "cast(floor(exact_cost * 100) as",
        "cast(sign(exact_cost) * floor(abs(exact_cost) * 100) as",
    ),
    Mutation(
        "the invoice is cut off at the cent",
        _I,
        f"cast({_TOTAL} as decimal(38, 2))",
        f"cast(floor({_TOTAL} * 100) * decimal '0.01' as decimal(38, 2))",
    ),
    Mutation(
        "half a cent is rounded up, also below zero",
        _I,
        f"cast({_TOTAL} as decimal(38, 2))",
        f"cast(floor({_TOTAL} * 100 + decimal '0.5') * decimal '0.01' as decimal(38, 2))",
    ),
    Mutation(
        "half a cent is rounded towards zero",
        _I,
        f"cast({_TOTAL} as decimal(38, 2))",
        f"cast({_TOTAL} * decimal '0.999999999' as decimal(38, 2))",
    ),
    # splitting pools
    Mutation("ties go to the smaller weight", _P, "weight desc, recipient_id", "weight, recipient_id"),
    Mutation("ties go to the last recipient", _P, "weight desc, recipient_id,", "weight desc, recipient_id desc,"),
    Mutation(
        "a pool may win a tie with a cost center of its name",
        _P,
        "recipient_id, recipient_kind\n",
        "recipient_id, recipient_kind desc\n",
    ),
    Mutation(
        "leftover cents go to the smallest remainders",
        _P,
        "numerator - quotient * total_weight desc",
        "numerator - quotient * total_weight",
    ),
    Mutation(
        "the last leftover cent is kept", _P, "remainder_rank <= leftover_cents", "remainder_rank < leftover_cents"
    ),
    Mutation(
        "one leftover cent too many is given",
        _P,
        "remainder_rank <= leftover_cents",
        "remainder_rank <= leftover_cents + 1",
    ),
    Mutation("a credit becomes a charge", _P, "'-0.01'", "'0.01'"),
    Mutation(
        "a credit is not split as its mirror image",
        _P,
        f"cast(abs(sum(incoming.cost)) {_SIGNED}'-0.01'",
        f"cast(sum(incoming.cost) {_SIGNED}'0.01'",
    ),
    Mutation("negative weights take part", _P, "where weight > 0", "where weight <> 0"),
    Mutation("who has no weight takes part", _P, "where weight > 0", "where weight >= 0"),
    Mutation("chained pools are forgotten", _P, "and level < :pool_level", "and level > :pool_level"),
    Mutation("only the level just before counts", _P, "and level < :pool_level", "and level = :pool_level - 1"),
    Mutation("a cost center's share is a pool's", _P, "        and recipient_kind = 'pool'\n", ""),
    Mutation("a pool for nobody is dropped", _P, "where ranked.pool_id is null", "where false"),
    Mutation("weights are whole cents", _P, "as decimal(38, 6)) * 1000000", "as decimal(38, 2)) * 100"),
    Mutation("weights are rounded amounts", _P, "cast(cast(sum(exact_cost) as", "cast(cast(sum(cost) as"),
    Mutation(
        "weights are those of other payers too",
        _P,
        "            pool_costs.billing_account_id = direct_costs.billing_account_id\n            and",
        "           ",
    ),
    Mutation(
        "weights are those of other currencies too",
        _P,
        "            and pool_costs.billing_currency = direct_costs.billing_currency\n",
        "",
    ),
    Mutation(
        "quotients are guessed in single precision",
        _P,
        "cast(numerator as double) / cast(total_weight as double)",
        "cast(numerator as real) / cast(total_weight as real)",
    ),
    Mutation(
        "shares of all invoices are ranked together",
        _P,
        "sum(weight) over (partition by billing_account_id, invoice_id, billing_currency, pool_id)",
        "sum(weight) over (partition by billing_account_id, billing_currency, pool_id)",
    ),
    Mutation(
        "other runs' items are split", _P, "run_id = :run_id\n        and owner_kind = 'pool'", "owner_kind = 'pool'"
    ),
    # the ledger
    Mutation(
        "ledger lines tie by service before rule",
        _L,
        "abs(exact_cost) desc, rule_id, sub_account_id, service_name",
        "abs(exact_cost) desc, service_name desc, sub_account_id, rule_id",
    ),
    Mutation("ledger ties go to the smaller magnitude", _L, "abs(exact_cost) desc", "abs(exact_cost)"),
    Mutation(
        "a ledger line's last missing cent is kept", _L, "fraction_rank <= item_cents", "fraction_rank < item_cents"
    ),
    Mutation(
        "ledger floors are ceilings",
        _L,
        "cast(floor(direct_charges.exact_cost * 100) as",
        "cast(ceiling(direct_charges.exact_cost * 100) as",
    ),
    Mutation(
        "lines below half a cent are dropped", _L, "sum(exact_cost) <> 0\n        or sum(cost) <> 0", "sum(cost) <> 0"
    ),
    Mutation(
        "what a pool gave a pool is in the ledger",
        _L,
        "run_id = :run_id\n        and recipient_kind = 'cost_center'",
        "run_id = :run_id",
    ),
    Mutation(
        "other runs' shares are in the ledger",
        _L,
        "run_id = :run_id\n        and recipient_kind = 'cost_center'",
        "recipient_kind = 'cost_center'",
    ),
    Mutation("this revision is taken off itself", _L, "revision < :revision", "revision <= :revision"),
    Mutation("another month's ledger is taken off", _L, "and charge_period = :charge_period\n", ""),
    Mutation("invoice rounding is forgotten", _L, "and difference <> 0", "and false"),
    Mutation("an adjustment is on every invoice", _L, "and invoices_by_size.size_rank = 1", ""),
    Mutation("an adjustment is on the smallest invoice", _L, "order by sum(cost) desc", "order by sum(cost)"),
    Mutation("another run's adjustments are taken", _L, "policy_adjustments.run_id = :run_id\n        and ", ""),
)
