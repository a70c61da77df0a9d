"""``python -m local verify``: do statements, ledger and evidence still say what was signed?

Reads files only: no AWS, no network, no local cloud. Every check is one line: what was compared, and if it fails, where
the two differ. ``docs/audit.md`` does the same without this program.

``layout`` finds what lies in a path. ``trust``, ``detached_signature`` and ``pdf_signature`` judge signatures,
``checksums``, ``sheet``, ``ledger`` and ``evidence`` contents, ``sums`` the arithmetic, ``chain`` the order of months.
"""
