"""Signatures that anybody can verify without us: by a key that stays where it is, with a certificate inside.

``key`` is what signs (AWS KMS or Vault), ``identity`` says which key and whose certificate, ``signatory`` joins the two
and lets no signature pass that its certificate does not verify. ``detached`` signs files, ``request`` asks a
certificate authority for a certificate. Everything is RSA PKCS#1 v1.5 with SHA-256: equal bytes, equal signatures.
"""
