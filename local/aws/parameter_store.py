"""Parameters that programs have put, kept from one process to the next; those that a stack declares it puts again."""

from __future__ import annotations

from inspect import signature
from typing import Any

from local.aws.journal import Journal
from local.aws.patching import Patches

_ID = "parameter:"


class ParameterStore:
    """Writes a parameter that replaces another, or none, through to the journal, and puts it again at the start."""

    def __init__(self, journal: Journal, account_id: str) -> None:
        self._journal = journal
        self._account_id = account_id
        self._returned: set[str] = set()

    def install(self, patches: Patches) -> None:
        from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends

        for document_id, document in list(self._journal.items(_ID)):
            ssm_backends[self._account_id][document["region"]].put_parameter(**document["arguments"])
            self._returned.add(document_id)
        patches.wrap(SimpleSystemManagerBackend, "put_parameter", self._put)

    def _put(self, original: Any, backend: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = dict(signature(original).bind(backend, *args, **kwargs).arguments)
        arguments.pop("self")
        name = arguments["name"]
        document_id = f"{_ID}{backend.region_name}:{name}"
        if not arguments["overwrite"]:
            if document_id in self._returned:  # a stack declares it at every start; what was put later stands
                self._returned.remove(document_id)
                return backend._parameters[name][-1]
            return original(backend, *args, **kwargs)
        parameter = original(backend, *args, **kwargs)
        self._journal.write({document_id: {"region": backend.region_name, "arguments": arguments}})
        return parameter
