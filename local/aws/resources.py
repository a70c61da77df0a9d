"""What a resource handler is given and gives back, and the check that it applies every property it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from local.aws.clients import client


@dataclass(frozen=True)
class Request:
    """A resource of a template, with every reference in its properties resolved."""

    type: str
    logical_id: str
    name: str
    """The physical name to use when the properties give none."""
    properties: Mapping[str, Any]
    account_id: str
    region: str

    def client(self, service: str) -> Any:
        return client(service, self.region, self.account_id)

    def pick(self, *names: str) -> dict[str, Any]:
        """The properties of these names that are set, as API parameters of the same names."""
        return {name: self.properties[name] for name in names if name in self.properties}


@dataclass(frozen=True)
class Created:
    """What `Ref` and `Fn::GetAtt` give for a resource."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Created]


def applies(*names: str, leaves_out: Mapping[str, str] | None = None) -> Callable[[Handler], Handler]:
    """Declares the properties that a handler applies, and those it leaves out, each with the reason.

    A stack that sets any other property is refused, because it would silently differ from the one on AWS.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def checked(request: Request) -> Created:
            if unknown := sorted(request.properties.keys() - set(names) - (leaves_out or {}).keys()):
                where = f"{handler.__module__}.{handler.__name__}"
                raise ValueError(f"the local cloud does not apply {', '.join(unknown)}; teach {where} to.")
            return handler(request)

        return checked

    return decorate


def truth(value: Any) -> bool:
    """CloudFormation writes booleans as booleans or as text."""
    return value is True or str(value).lower() == "true"


def camel(node: Any) -> Any:
    """CloudFormation's PascalCase in the camelCase of some APIs, all the way down."""
    if isinstance(node, Mapping):
        return {name[:1].lower() + name[1:]: camel(member) for name, member in node.items()}
    if isinstance(node, list):
        return [camel(member) for member in node]
    return node


def tag_map(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}
