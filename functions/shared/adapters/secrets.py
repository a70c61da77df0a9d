"""Secrets, read when they are needed and kept by nobody."""

from __future__ import annotations

import boto3


def read_secret(secret_id: str) -> str:
    """The text of a secret in AWS Secrets Manager."""
    text: str = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]
    return text
