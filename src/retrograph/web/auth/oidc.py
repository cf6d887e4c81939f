"""Sign-in by an OpenID Connect provider: code flow with PKCE, state and nonce.

What is on its way is kept in the store, so that the answer may come to another server. It is taken once, and only by
the browser that began: its own cookie must come back with the state.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from retrograph.clock import Clock
from retrograph.config import OidcSettings
from retrograph.config.entry import is_loopback
from retrograph.entry.secrets import new_secret
from retrograph.errors import DependencyDown
from retrograph.web.auth.id_token import Expected, NotProven, UnknownKey, proven_claims, verified_email

SCOPES: Final = "openid email"
CALLBACK: Final = "/sign-in/callback"
METADATA_SECONDS: Final = 3_600.0
"""How long the provider's own description counts. Its keys are asked for anew when a token needs another one."""
PATIENCE_SECONDS: Final = 10.0
LARGEST_ANSWER: Final = 1_000_000
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A sign-in that was begun: what must come back, or is needed then."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Who signed in."""

    email: str
    id_token: str


class Provider:
    """One provider, as its own description says. Every verb raises DependencyDown where it does not answer."""

    def __init__(self, settings: OidcSettings, public_url: str, clock: Clock) -> None:
        self._settings = settings
        self._issuer = settings.issuer or ""
        self._client_id = settings.client_id or ""
        self._redirect = public_url + CALLBACK
        self._after_sign_out = f"{public_url}/sign-in"
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._fresh_until = 0.0

    async def begin(self) -> tuple[str, Underway]:
        """Where to send the browser, and what to keep until it comes back."""
        metadata = await self._described()
        underway = Underway(state=new_secret(), nonce=new_secret(), verifier=new_secret())
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=underway.state,
                nonce=underway.nonce,
                code_verifier=underway.verifier,
            )
        return str(address), underway

    async def finish(self, code: str, issuer: str | None, underway: Underway) -> Proven:
        """Takes the code to the provider and checks what it says. `issuer` is what came back beside the code.

        Raises NotProven.
        """
        metadata = await self._described()
        # A provider that names itself in its answers (RFC 9207) cannot be confused with another one.
        named = issuer is not None or metadata.get("authorization_response_iss_parameter_supported") is True
        if named and issuer != self._issuer:
            raise NotProven("the answer comes from another issuer")
        tokens = await self._tokens(metadata["token_endpoint"], code, underway)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise NotProven("the provider gave no ID token")
        expected = Expected(
            issuer=self._issuer,
            client_id=self._client_id,
            nonce=underway.nonce,
            access_token=tokens.get("access_token"),
            now=int(self._clock.now().timestamp()),
            leeway=self._settings.clock_skew_seconds,
        )
        return Proven(email=verified_email(await self._claims(id_token, expected)), id_token=id_token)

    async def sign_out_address(self, id_token: str | None) -> str | None:
        """Where the browser ends the session at the provider as well; `None` where it has no such place."""
        try:
            endpoint = (await self._described()).get("end_session_endpoint")
        except DependencyDown:  # who signs out here is signed out here
            return None
        if not isinstance(endpoint, str) or not _is_guarded(endpoint):
            return None
        hint = {} if id_token is None else {"id_token_hint": id_token}
        query = {"client_id": self._client_id, "post_logout_redirect_uri": self._after_sign_out, **hint}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def _tokens(self, endpoint: str, code: str, underway: Underway) -> dict[str, Any]:
        async with self._client() as client:
            try:
                found = await client.fetch_token(
                    endpoint, grant_type="authorization_code", code=code, code_verifier=underway.verifier
                )
            except OAuthError as error:
                raise NotProven(f"the provider refused the code: {str(error.error)[:100]}") from None
            except httpx2.HTTPError as error:
                raise self._down(error) from error
            except ValueError:
                raise NotProven("the provider's answer cannot be read") from None
        return dict(found)

    async def _claims(self, id_token: str, expected: Expected) -> dict[str, Any]:
        if self._keys:
            try:
                return proven_claims(id_token, self._keys, expected)
            except UnknownKey:  # the provider may have changed its keys
                pass
        self._keys = await self._document(self._metadata["jwks_uri"])
        return proven_claims(id_token, self._keys, expected)

    async def _described(self) -> dict[str, Any]:
        if self._clock.monotonic() < self._fresh_until:
            return self._metadata
        found = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise DependencyDown("identity provider", "the identity provider calls itself by another issuer")
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str) or not _is_guarded(found[name]):
                raise DependencyDown("identity provider", f"the identity provider's {name} is missing or not encrypted")
        self._metadata, self._fresh_until = found, self._clock.monotonic() + METADATA_SECONDS
        self._keys = {}  # a key that the provider has withdrawn counts no longer than this
        return found

    async def _document(self, address: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS, follow_redirects=False) as client:
                answer = await client.get(address)
                answer.raise_for_status()
                found = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
        except (httpx2.HTTPError, ValueError) as error:
            raise self._down(error) from error
        if not isinstance(found, dict):
            raise DependencyDown("identity provider", f"the identity provider at {self._issuer} answers nonsense")
        return found

    def _client(self) -> AsyncOAuth2Client:
        try:
            secret = self._settings.secret
        except ValueError as error:
            raise DependencyDown("identity provider", f"RETROGRAPH_OIDC_CLIENT_SECRET_FILE {error}") from None
        supported = self._metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        by_post = "client_secret_basic" not in supported
        return AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="none" if secret is None else f"client_secret_{'post' if by_post else 'basic'}",
            scope=SCOPES,
            redirect_uri=self._redirect,
            code_challenge_method="S256",
            timeout=PATIENCE_SECONDS,
            follow_redirects=False,
        )

    def _down(self, error: Exception) -> DependencyDown:
        what = f"the identity provider at {self._issuer} does not answer ({type(error).__name__})"
        return DependencyDown("identity provider", what)


def _is_guarded(address: str) -> bool:
    """Whether secrets may travel there."""
    try:
        parts = httpx2.URL(address)
    except httpx2.InvalidURL:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.host))
