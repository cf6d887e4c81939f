"""What a provider says about somebody, once it is certain that it said so, to us, now, and about this sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from retrograph.config.entry import wrong_address

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures with a provider's private key. `none`, and those with a key that both sides know, are not among them."""


class NotProven(Exception):
    """The token does not prove who somebody is. The text is for the log; it holds nothing of the token."""


class NotVerified(NotProven):
    """The provider says who it is, but does not vouch for the address."""


class UnknownKey(NotProven):
    """It is signed with a key that the provider had not shown yet when it was asked last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    now: int
    """Seconds since the epoch."""
    leeway: int
    """Seconds that the clocks may differ."""


def proven_claims(token: str, keys: Mapping[str, Any], expected: Expected) -> dict[str, Any]:
    """The claims of a valid ID token. `keys` is the provider's JWK set. Raises NotProven."""
    try:
        opened = jwt.decode(token, KeySet.import_key_set({"keys": _signing(keys)}), algorithms=list(ALGORITHMS))
        claims = CodeIDToken(
            opened.claims,
            opened.header,
            options={
                "iss": {"essential": True, "value": expected.issuer},
                "aud": {"essential": True, "value": expected.client_id},
            },
            params={
                "nonce": expected.nonce,
                "client_id": expected.client_id,
                "access_token": expected.access_token,
            },
        )
        claims.validate(now=expected.now, leeway=expected.leeway)
    except InvalidKeyIdError:
        raise UnknownKey("its key is not among the provider's") from None
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotProven(
            f"{type(error).__name__}: {getattr(error, 'description', None) or 'it cannot be read'}"
        ) from None
    return dict(claims)


def _signing(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = keys.get("keys")
    if not isinstance(found, list):
        raise NotProven("the provider's keys cannot be read")
    return [key for key in found if isinstance(key, dict) and key.get("use", "sig") == "sig"]


def verified_email(claims: Mapping[str, Any]) -> str:
    """The address that the provider has verified. Raises NotProven."""
    email = claims.get("email")
    if not isinstance(email, str) or wrong_address(email):
        raise NotVerified("the identity provider names no e-mail address")
    if claims.get("email_verified") is not True:
        raise NotVerified("the identity provider has not verified your e-mail address")
    return email
