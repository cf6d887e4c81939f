"""E-mail addresses, judged by `email-validator` without asking the network."""

import re
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from retrograph.facts import MAX_ID_LENGTH

_PLAIN_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LONGEST_LOCAL: Final = 64
_LONGEST_PLAIN: Final = 200
"""Far below what the library allows for a whole address, so that its own limits decide near them."""


def normal_email(text: str) -> str | None:
    """The address in lower case, its domain as people write it; `None` where it is none."""
    local, at, domain = text.rpartition("@")
    if at and len(local) <= _LONGEST_LOCAL and len(text) <= _LONGEST_PLAIN and _PLAIN_LOCAL.fullmatch(local):
        known = _domain(domain)
        return None if known is None else f"{local}@{known}"
    return _whole(text)


@lru_cache(maxsize=65_536)
def _domain(domain: str) -> str | None:
    """The library's word about a domain, which many addresses share."""
    found = _whole(f"a@{domain}")
    return None if found is None else found[2:]


def _whole(text: str) -> str | None:
    try:
        found = validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None
    return found if len(found) <= MAX_ID_LENGTH else None
