"""Secrets that this product hands out: random, and known to the store by their hash alone.

They hold 256 random bits, so a plain SHA-256 cannot be turned back and needs no salt.
"""

import secrets
from hashlib import sha256
from typing import Final

TOKEN_PREFIX: Final = "rtg_"
"""Begins every API token, so that scanners for leaked secrets can know it."""


def new_secret() -> str:
    """256 random bits in 43 characters that are safe in a URL and a cookie."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What the store keeps instead of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
