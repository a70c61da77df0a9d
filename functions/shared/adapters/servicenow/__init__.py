"""ServiceNow over its REST APIs.

``connection`` opens an instance. ``instance`` is it as one of its users, kept as long as the process lives; ``client``
asks it and waits no longer than it may; ``refusals`` names what it answers. On these stand ``tables``, ``import_sets``,
``attachments`` and ``changes``, one for each API, and on those what the product knows: ``expense_lines`` and
``tickets``, in the tables and columns of ``mappings``.

A read is asked for again when it fails on the way. A write is asked for again only if it cannot have been done: whoever
writes looks first, and looks again when the answer was lost. No secret reaches a message: credentials are SecretStr,
and whatever ServiceNow says is redacted before it is quoted.
"""
