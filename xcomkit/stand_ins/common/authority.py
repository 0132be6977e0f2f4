"""The token issuer of a stand-in: plays a cluster's OIDC issuer, and checks what it has signed."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"


class TokenAuthority:
    """Mints and verifies tokens with a key that never leaves this process."""

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

    def verify(
        self, token: str, *, audience: str | Sequence[str], issuer: str = ""
    ) -> dict[str, Any]:
        """Return the claims of a token for one of the audiences.

        Args:
            token: as it was sent.
            audience: one of them must be in the token.
            issuer: who must have issued it; ``""`` is this authority's own.

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
