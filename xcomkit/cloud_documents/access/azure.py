"""Azure: federated credentials of a managed identity, and the role on the container."""

import re
import uuid

AUDIENCE = "api://AzureADTokenExchange"
CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
ROLE = "Storage Blob Data Contributor"
MOST_CREDENTIALS = 20
OURS = "xcom-"
"""Begins the name of every federated credential made here; others are somebody else's."""


def credential_name(subject: str) -> str:
    """Return the name of a subject's federated credential: 3 to 120 letters, digits and dashes."""
    *_, namespace, name = subject.split(":")
    text = re.sub(r"[^A-Za-z0-9-]", "-", f"{OURS}{namespace}-{name}")
    short = uuid.uuid5(uuid.NAMESPACE_URL, subject).hex[:8]
    return f"{text[:110]}-{short}"
