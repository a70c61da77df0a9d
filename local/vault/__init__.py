"""A HashiCorp Vault on this machine."""
