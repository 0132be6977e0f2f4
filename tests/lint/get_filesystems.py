"""Prints, for each connection of a JSON document, what the providers' filesystems make of it.

It runs in a process of its own: the providers are imported for seconds, and take what the
environment holds. No request leaves it: STS is a closed port.
"""

import asyncio
import json
import os
import re
import sys
from typing import Any

_CREDENTIALS = ("_target_principal", "_delegates", "_scopes", "_quota_project_id")


def look_at(cloud: str, fs: Any) -> dict[str, Any]:
    """Return what a filesystem will do its requests with."""
    if cloud == "aws":
        session, credentials = fs.session, asyncio.run(fs.session.get_credentials())
        own = {"region": session.get_config_variable("region"), "profile": session.profile}
        own |= {name: getattr(credentials, name, None) for name in ("access_key", "token")}
        return {**own, "url": fs.endpoint_url, "config": fs.config_kwargs, "anon": fs.anon}
    if cloud == "azure":
        names = ("account_name", "account_key", "account_url", "sas_token", "connection_string",
                 "tenant_id", "client_id", "client_secret", "anon", "credential")  # fmt: skip
        return {name: getattr(fs, name, None) for name in names}
    credentials = fs.storage_options["token"]
    return {
        **{n: v for n, v in fs.storage_options.items() if n != "token"},
        "type": type(credentials).__name__,
        **{name: getattr(credentials, name, None) for name in _CREDENTIALS},
    }


def main() -> None:
    from airflow.providers.amazon.aws.fs.s3 import get_fs as s3
    from airflow.providers.google.cloud.fs.gcs import get_fs as gcs
    from airflow.providers.microsoft.azure.fs.adls import get_fs as adls

    get_fs = {"aws": s3, "azure": adls, "gcp": gcs}
    found = []
    for cloud, connection in json.load(sys.stdin):
        os.environ["AIRFLOW_CONN_PROBE"] = json.dumps(connection)
        try:
            seen = json.dumps(look_at(cloud, get_fs[cloud]("probe")), default=repr)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what the field does
            seen = f"{type(error).__name__}: {error}"
        found.append(re.sub(r" at 0x[0-9a-f]+", "", seen))
    print(json.dumps(found))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
