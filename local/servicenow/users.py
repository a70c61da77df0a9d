"""Who is who in the instance: users with their roles, and a request's caller."""

from __future__ import annotations

from dataclasses import dataclass

INTEGRATION_ROLES = ("financial_mgmt_user", "import_transformer", "sn_incident_write", "sn_change_read")
APPROVER_ROLES = ("approver_user", "sn_change_read")
REQUESTER_ROLES = ("itil", "sn_change_read", "sn_change_write")


@dataclass(frozen=True)
class User:
    """A user of the instance; an administrator may do everything."""

    username: str
    password: str
    roles: tuple[str, ...]
    sys_id: str = ""

    def has(self, role: str) -> bool:
        """Whether an access rule that asks for this role lets the user through; a blank one asks for none."""
        return not role or role in self.roles or "admin" in self.roles


ADMINISTRATOR = User("admin", "", ("admin",))


@dataclass(frozen=True)
class Caller:
    """The user of one request, and the address under which they reached the instance."""

    user: User
    url: str
