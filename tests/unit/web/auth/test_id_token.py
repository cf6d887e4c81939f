"""ID tokens: only a valid one, for us, for this sign-in and for this moment, proves anything."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from retrograph.web.auth.id_token import Expected, NotProven, UnknownKey, proven_claims, verified_email

NOW = 1_800_000_000
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
KEYS: dict[str, Any] = dict(KeySet([KEY]).as_dict(private=False))
EXPECTED = Expected(
    issuer="https://id.example.com", client_id="console", nonce="n-1", access_token=None, now=NOW, leeway=60
)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example.com",
    "sub": "1",
    "aud": "console",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": "n-1",
    "email": "ann@example.com",
    "email_verified": True,
}


def signed(key: Any = KEY, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": "one", **(header or {})}, claims, key, algorithms=[algorithm])


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'kid': 'one'})}.{part(CLAIMS)}."


def test_a_valid_token_proves_who_it_is() -> None:
    assert verified_email(proven_claims(signed(), KEYS, EXPECTED)) == "ann@example.com"


def test_one_of_several_audiences_may_be_us_if_we_asked_for_it() -> None:
    token = signed(aud=["console", "other"], azp="console")
    assert proven_claims(token, KEYS, EXPECTED)["sub"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "n-2"},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": ["n-1"]},
        {"iss": "https://id.example.com/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": "other", "azp": "console"},
        {"aud": None},
        {"aud": ["other"]},
        {"aud": ["console", "other"]},
        {"aud": ["console", "other"], "azp": "other"},
        {"azp": "other"},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "never"},
        {"exp": 1e400},
        {"iat": NOW + 61},
        {"iat": None},
        {"nbf": NOW + 61},
        {"sub": None},
    ],
)
def test_a_token_that_says_something_else_proves_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(NotProven):
        proven_claims(signed(**changes), KEYS, EXPECTED)


@pytest.mark.parametrize("changes", [{"exp": NOW - 59}, {"iat": NOW + 59}, {"nbf": NOW + 59}])
def test_clocks_may_differ_a_little(changes: dict[str, Any]) -> None:
    assert proven_claims(signed(**changes), KEYS, EXPECTED)["sub"] == "1"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_that_nobody_signed_proves_nothing(algorithm: str) -> None:
    with pytest.raises(NotProven):
        proven_claims(unsigned(algorithm), KEYS, EXPECTED)


def test_a_public_key_signs_nothing_as_if_it_were_a_shared_secret() -> None:
    head = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(CLAIMS)}"
    for secret in (KEY.as_pem(private=False), KEY.as_pem(private=False).strip(), KEY.as_der(private=False)):
        tag = base64.urlsafe_b64encode(hmac.digest(secret, head.encode(), "sha256")).rstrip(b"=").decode()
        with pytest.raises(NotProven):
            proven_claims(f"{head}.{tag}", KEYS, EXPECTED)


def test_a_shared_secret_among_the_providers_keys_is_no_key() -> None:
    shared = OctKey.import_key(b"s" * 32, {"kid": "one"})
    with pytest.raises(NotProven):
        proven_claims(signed(shared, "HS256"), {"keys": [shared.as_dict()]}, EXPECTED)


def test_another_ones_key_proves_nothing_even_if_the_token_brings_it() -> None:
    brought = {"jwk": OTHER.as_dict(private=False)}
    for token in (signed(OTHER), signed(OTHER, header=brought)):
        with pytest.raises(NotProven):
            proven_claims(token, KEYS, EXPECTED)


def test_a_key_that_is_not_known_yet_is_told_apart_so_that_it_can_be_asked_for() -> None:
    with pytest.raises(UnknownKey):
        proven_claims(signed(OTHER, header={"kid": "two"}), KEYS, EXPECTED)


def test_a_token_that_was_changed_proves_nothing() -> None:
    head, _, tail = signed().split(".")
    claims = part({**CLAIMS, "email": "eve@example.com"})
    for token in (f"{head}.{claims}.{tail}", "", "x", "a.b.c", signed() + "x" * 5, "." * 4):
        with pytest.raises(NotProven):
            proven_claims(token, KEYS, EXPECTED)


def test_curves_sign_as_well() -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    keys = dict(KeySet([key]).as_dict(private=False))
    assert proven_claims(signed(key, "ES256"), keys, EXPECTED)["sub"] == "1"


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": []}, {"keys": ["x"]}, {"keys": [{"kty": "what"}]}])
def test_keys_that_cannot_be_read_prove_nothing(keys: dict[str, Any]) -> None:
    with pytest.raises(NotProven):
        proven_claims(signed(), keys, EXPECTED)


@pytest.mark.parametrize("verified", [False, None, "true", "True", 1, "yes", [True]])
def test_an_address_counts_only_when_it_is_verified(verified: object) -> None:
    with pytest.raises(NotProven, match="has not verified"):
        verified_email({**CLAIMS, "email_verified": verified})


@pytest.mark.parametrize(
    "email", [None, "", 7, ["ann@example.com"], {"a": 1}, "ann", "ann@a@b", "ann@x\x00", "a\nnn@x"]
)
def test_what_is_no_address_is_none(email: object) -> None:
    with pytest.raises(NotProven, match="no e-mail"):
        verified_email({**CLAIMS, "email": email})
