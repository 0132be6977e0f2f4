"""The stand-in's token authority: plays a cluster's OIDC issuer and the check STS makes on it.

Tokens are RS256 service-account tokens. A token is accepted like by AWS STS: an OIDC provider for
its issuer with its audience must exist in IAM, signature and times must hold, and the role's trust
policy must let the subject in. Source: STS API reference, AssumeRoleWithWebIdentity.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"


class TokenRefused(Exception):  # noqa: N818 - an answer of STS, not an error of ours
    """A web-identity token is refused: the code, message and HTTP status STS answers with."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Provider:
    """An OIDC provider as IAM holds it: ARN and the audiences (client ids) it accepts."""

    arn: str
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, once it is proved."""

    subject: str
    audience: str
    issuer: str
    provider: str


class TokenAuthority:
    """Mints and proves tokens with a key that never leaves this process."""

    def __init__(self) -> None:
        self.issuer = f"https://oidc.stand-in.internal/id/{secrets.token_hex(16).upper()}"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = secrets.token_hex(8)
        self._minted: deque[str] = deque(maxlen=1000)
        self._lock = threading.Lock()

    @property
    def minted(self) -> tuple[str, ...]:
        """Return the last tokens handed out, so that a test can look for leaks."""
        with self._lock:
            return tuple(self._minted)

    def mint(
        self,
        subject: str,
        *,
        audience: str,
        issuer: str = "",
        expires_in: int = 3600,
        more: Mapping[str, str] | None = None,
    ) -> str:
        """Return a signed token; ``expires_in`` in seconds, negative for one already expired."""
        now = int(time.time())
        claims = {
            "iss": issuer or self.issuer,
            "sub": subject,
            "aud": [audience],
            "iat": min(now, now + expires_in - 1),
            "nbf": min(now, now + expires_in - 1),
            "exp": now + expires_in,
            "jti": secrets.token_hex(8),
            **(more or {}),
        }
        token = jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})
        with self._lock:
            self._minted.append(token)
        return token

    def verify(self, token: str, *, audience: str, issuer: str = "") -> dict[str, Any]:
        """Return the claims of a token for an audience; ``""`` is this authority's own issuer.

        Raises:
            jwt.InvalidTokenError: signature, times, issuer or audience do not hold.
        """
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key.public_key(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer or self.issuer,
            options={"require": ["iss", "sub", "aud", "iat", "exp"]},
        )
        return claims

    def prove(self, token: str, providers: Mapping[str, Provider]) -> Identity:
        """Return who the token speaks for.

        Args:
            token: the web-identity token as sent.
            providers: the OIDC providers of the account by issuer, without ``https://``.

        Raises:
            TokenRefused: with the code STS uses for what is wrong.
        """
        issuer = _read_issuer(token)
        provider = providers.get(issuer.removeprefix("https://"))
        if provider is None:
            raise TokenRefused(
                "InvalidIdentityToken",
                f"No OpenIDConnect provider found in your account for {issuer}",
            )
        return self._verify(token, provider)

    def _verify(self, token: str, provider: Provider) -> Identity:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[ALGORITHM],
                audience=provider.audiences,
                issuer=self.issuer,
                options={"require": ["iss", "sub", "aud", "iat", "exp"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused(
                "ExpiredTokenException",
                "Token expired: current date/time must be before the expiration date/time",
            ) from None
        except jwt.InvalidAudienceError:
            raise TokenRefused("InvalidIdentityToken", "Incorrect token audience") from None
        except jwt.InvalidTokenError:
            raise TokenRefused(
                "InvalidIdentityToken", "The ID Token provided is not a valid JWT"
            ) from None
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        audience = next(item for item in audiences if item in provider.audiences)
        return Identity(str(claims["sub"]), audience, self.issuer, provider.arn)


def _read_issuer(token: str) -> str:
    """Return the issuer a token claims, before anything is proved."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        claims = {}
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise TokenRefused("InvalidIdentityToken", "The ID Token provided is not a valid JWT")
    return issuer
