"""Looks for secrets in files, as detect-secrets knows them."""

from collections.abc import Iterable
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings, get_settings, transient_settings

# sums of files are of high entropy, and addresses of tests no secrets
LEFT_OUT = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"}
KEYWORDS = "KeywordDetector"


def find_secrets(files: Iterable[Path], *, by_keyword: bool = True) -> dict[str, str]:
    """Return each text that looks like a secret, with the file and line it stands in.

    ``by_keyword``: also what is assigned to a ``password`` or ``token``, unless it is a sentence.
    """
    with default_settings():
        known = {plugin["name"] for plugin in get_settings().json()["plugins_used"]}
    names = known - LEFT_OUT - (set() if by_keyword else {KEYWORDS})
    found: dict[str, str] = {}
    with transient_settings({"plugins_used": [{"name": name} for name in sorted(names)]}):
        secrets = SecretsCollection()
        for path in files:
            secrets.scan_file(str(path))
        for name, secret in secrets:
            text = str(secret.secret_value)
            if secret.type != "Secret Keyword" or " " not in text:
                found[text] = f"{name}:{secret.line_number}: {secret.type}"
    return found
