"""What the functions ask of Vault is what docs/integrations.md has an administrator set up, no more and no less."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from infra.environments import ENVIRONMENTS, environment
from infra.names import SIGNERS, role_arn
from local.assembly import ROOT
from local.vault.set_up import BOOKS, POLICIES
from tests.infra.stacks import Stacks

PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8").split("\n## Vault\n")[1]
PRODUCTION = environment("production")
IN_VAULT = [name for name, config in ENVIRONMENTS.items() if config.vault]


def policy_on_the_page(name: str) -> dict[str, frozenset[str]]:
    """The paths of a policy, with what may be done there."""
    [text] = re.findall(rf"vault policy write {name} - <<'HCL'\n(.*?)\nHCL\n", PAGE, re.DOTALL)
    return rules_in(text)


def rules_in(text: str) -> dict[str, frozenset[str]]:
    rules = re.findall(r'path "([^"]+)"\s+\{ capabilities = \[([^\]]*)\] \}', text)
    return {path: frozenset(re.findall(r'"(\w+)"', capabilities)) for path, capabilities in rules}


def bound_on_the_page(role: str) -> list[str]:
    """The ARNs that a role of the auth method is bound to, with the shell's variable put in."""
    [prefix] = re.findall(r"^P=(\S+)$", PAGE, re.MULTILINE)
    [command] = re.findall(rf"vault write auth/aws/role/{role} (.*?)\n(?!  )", PAGE, re.DOTALL)
    [bound] = re.findall(r"bound_iam_principal_arn=(\S+)", command)
    return [arn.replace("$P", prefix) for arn in bound.split(",")]


def test_the_policies_on_the_page_are_those_with_which_months_are_closed_here() -> None:
    [for_assertions] = re.findall(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
    assert policy_on_the_page("chargeback-books") | rules_in(for_assertions) == POLICIES["chargeback-books"]
    assert policy_on_the_page("chargeback-signing") == POLICIES["chargeback-signing"]


@pytest.mark.parametrize(("role", "states"), [("chargeback-books", BOOKS), ("chargeback-signing", SIGNERS)])
def test_the_roles_on_the_page_are_bound_to_the_functions_that_take_them(role: str, states: tuple[str, ...]) -> None:
    arns = [role_arn(PRODUCTION.finops_account, PRODUCTION, state) for state in states]
    assert sorted(bound_on_the_page(role)) == sorted(arns)


@pytest.mark.parametrize("name", IN_VAULT)
def test_a_function_is_told_of_vault_when_it_needs_it_and_of_the_role_that_is_bound_to_it(
    stacks_of: Callable[[str], Stacks], name: str
) -> None:
    told: dict[str, set[str]] = {}
    for state, function in stacks_of(name).functions.items():
        if given := function.properties["Environment"]["Variables"].get("VAULT"):
            told.setdefault(json.loads(given)["role"], set()).add(state)
    assert told == {"chargeback-books": set(BOOKS), "chargeback-signing": set(SIGNERS)}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_function_has_a_credential_or_a_token_in_its_environment(
    stacks_of: Callable[[str], Stacks], name: str
) -> None:
    """But for where a secret is kept: its name, its ARN, or the JSON that says where Vault is."""
    secret = re.compile(r"PASSWORD|PASSPHRASE|TOKEN|PRIVATE_KEY|CREDENTIAL|API_KEY|ACCESS_KEY|CLIENT_SECRET")
    names = {
        variable
        for function in stacks_of(name).functions.values()
        for variable in function.properties["Environment"]["Variables"]
    }
    assert [variable for variable in sorted(names) if secret.search(variable)] == []


def test_an_authority_in_vault_certifies_the_key_in_vault(stacks_of: Callable[[str], Stacks]) -> None:
    stacks = stacks_of("localvault")
    given = stacks.functions["IssueCertificate"].properties["Environment"]["Variables"]
    assert (given["VAULT_PKI_ROLE"], given["PRIVATE_CA_ARN"]) == ("pki/chargeback", "none")
    assert given["SIGNING_KEY"] == "vault:transit/chargeback-statements"
    assert not [right for rights in stacks.roles.values() for right in rights if right.startswith("acm-pca:")]
