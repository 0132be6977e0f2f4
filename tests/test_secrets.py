"""No secret is in the repository but those that tests make up, each named here."""

import subprocess
from pathlib import Path

import pytest
from secret_scan import find_secrets

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "package-lock.json")
OF_TESTS = {
    "AKIAUNKNOWNUNKNOWNUN", "eyJhbGciOiJSUzI1NiJ9.e30.", "hidden", "hunter2", "hunter22", "hush",
    "key", "minio123", "pw", "word",
}  # fmt: skip
NAMES = {
    "keys", "xcom-store-key", "cached_property[SecretsManagerClient]", "AIRFLOW__SECRETS__BACKEND",
    "AIRFLOW__SECRETS__BACKEND_KWARGS",
}  # fmt: skip


def tracked(*words: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    names = [name for name in listed.split("\0") if name and not name.endswith(LOCKS)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@pytest.mark.parametrize(("where", "by_keyword", "known"), [
    (("tests",), False, OF_TESTS),
    ((".", ":!tests"), True, NAMES),
])  # fmt: skip
def test_repository_holds_no_secret(where, by_keyword, known):
    found = find_secrets(tracked(*where), by_keyword=by_keyword)

    assert {text: place for text, place in found.items() if text not in known} == {}


def test_secret_is_found_and_a_name_of_one_is_not(tmp_path):
    key, word = f"AKIA{'Q3EGRIZPVXKH7TWD'}", f"hunter2-{'and-more'}"
    path = tmp_path / "a.yaml"
    path.write_text(f"password: {word}\nAWS: {key}\nkeys: in a secrets backend\n")

    assert set(find_secrets([path])) == {key, word}
