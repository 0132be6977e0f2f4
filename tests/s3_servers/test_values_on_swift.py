"""Values of both classes on Swift, pushed by Airflow's own filesystem in fresh processes."""

import json
from collections.abc import Callable

import pytest

from xcomkit.backend import round_trip
from xcomkit.backend.process import open_worker
from xcomkit.findings.model import BACKENDS, Check, WorkerIdentity
from xcomkit.settings.settings import Settings

Prove = Callable[..., dict[str, Check]]
KEPT = ("XC503", "XC504", "XC505", "XC506", "XC508")


@pytest.fixture
def prove(store, settings, swift) -> Prove:
    """Return the checks of a round trip through either door, with what else a pod is given."""

    def proved(
        *,
        backend: str,
        codec: str = "",
        endpoint_url: str = swift.http,
        **given: str,
    ) -> dict[str, Check]:
        bound = Settings.from_mapping({**settings.to_parameters(), "endpoint_url": endpoint_url})
        extra = {"region_name": bound.region, "endpoint_url": endpoint_url}
        option = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
        environment = {
            "AIRFLOW__CORE__XCOM_BACKEND": BACKENDS[backend],
            f"{option}_PATH": bound.base_path,
            f"{option}_THRESHOLD": "0",
            **({f"{option}_COMPRESSION": codec} if codec else {}),
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws", "extra": extra}),
        }
        keys = {name: text for name, text in swift.environment.items() if "KEY" in name}
        identity = WorkerIdentity("", {**keys, **given}, proves="the key of the store")
        with open_worker({**environment, **identity.environment}, timeout=120) as worker:
            proof = round_trip.prove(
                worker,
                settings=bound,
                environment=environment,
                identity=identity,
                reader=store,
                run_id="run",
            )
        return {check.id: check for check in proof.checks}

    return proved


def statuses(checks: dict[str, Check], names: tuple[str, ...]) -> set[str]:
    return {checks[name].status for name in names}


def test_stock_class_keeps_the_values_and_its_refused_purge_is_red_for_the_reason(prove):
    checks = prove(backend="stock", codec="gzip")

    assert statuses(checks, KEPT) == {"pass"}
    assert checks["XC507"].status == "fail"
    assert "Content-MD5" in checks["XC507"].observed
    assert "right" not in checks["XC507"].remedy
    assert "backend to durable" in checks["XC507"].remedy


def test_durable_class_over_tls_keeps_and_purges_every_value(prove, swift):
    checks = prove(
        backend="durable",
        codec="gzip",
        endpoint_url=swift.https,
        AWS_CA_BUNDLE=str(swift.ca_bundle),
        AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
    )

    assert statuses(checks, (*KEPT, "XC507")) == {"pass"}, checks


def test_upload_with_a_checksum_behind_it_is_told_once_with_its_own_cause(prove, swift):
    checks = prove(backend="durable", endpoint_url=swift.https, AWS_CA_BUNDLE=str(swift.ca_bundle))

    assert checks["XC503"].status == "fail"
    assert "checksums: when_required" in checks["XC503"].remedy
    assert checks["XC503"].observed.startswith("small_dict, typed, records, dataframe: ")
    assert checks["XC503"].observed.count("push raised") == 1
