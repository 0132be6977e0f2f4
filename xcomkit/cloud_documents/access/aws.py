"""AWS: the audience of web identities, and the trust policy of the agents' role.

Source: IAM user guide, web identity federation.
"""

from typing import Any

AUDIENCE = "sts.amazonaws.com"


def trust(*, provider_arn: str, issuer: str, subjects: tuple[str, ...]) -> dict[str, Any]:
    """Return the trust policy for exactly these service accounts, without any wildcard."""
    host = issuer.removeprefix("https://")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {f"{host}:aud": AUDIENCE, f"{host}:sub": sorted(subjects)}
                },
            }
        ],
    }
