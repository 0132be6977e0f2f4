"""One bucket with an identity on any cloud's stand-in, and a worker that reaches it by a proxy."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aws_rig import AwsRig
from azure_rig import AzureRig
from gcp_rig import GcpRig
from rig import SUBJECTS, Rig

from xcomkit.backend.fault_matrix import Case, Cell, run
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import STATE, XCOM, Subject
from xcomkit.findings.model import BACKENDS, STATE_STORES, CloudName
from xcomkit.stand_ins.common.stand_in import StandIn
from xcomkit.stand_ins.fault_proxy.proxy import FaultProxy, open_fault_proxy
from xcomkit.values.names import connection_variable

KINDS: dict[CloudName, type[Rig]] = {"aws": AwsRig, "azure": AzureRig, "gcp": GcpRig}


class ProxiedTarget:
    """A rig whose agents' identity pushes through a proxy."""

    def __init__(self, cloud: CloudName, stand_in: StandIn, directory: str) -> None:
        self.cloud_name = cloud
        self.rig = KINDS[cloud](stand_in)
        self.rig.make_bucket()
        self.rig.make_access()
        self.cloud = self.rig.cloud  # signed in, since a test may come without the environment
        settings = self.rig.settings
        identity = self.cloud.worker_identity(SUBJECTS[0], directory=directory)
        connection = json.dumps(dict(self.cloud.connection()))
        self.environment = {
            XCOM.path_variable: settings.base_path,
            XCOM.threshold_variable: "0",
            STATE.path_variable: settings.state_path,
            connection_variable(settings.connection_id): connection,
            **self.cloud.agent_environment(),
            **identity.environment,
            **stand_in.platform_environment,
        }

    def variables(self, backend: str) -> dict[str, str]:
        return {
            **self.environment,
            XCOM.class_variable: BACKENDS[backend],
            STATE.class_variable: STATE_STORES[backend],
        }

    @contextmanager
    def line(self, backend: str) -> Iterator[tuple[Worker, FaultProxy]]:
        environment = self.variables(backend)
        with (
            open_fault_proxy(self.cloud_name, environment=environment) as proxy,
            open_worker(environment, timeout=120) as worker,
        ):
            yield worker, proxy

    def cells(
        self,
        backend: str,
        cases: tuple[Case, ...],
        codecs: tuple[str, ...],
        subject: Subject = XCOM,
    ) -> dict[tuple[str, str], Cell]:
        settings = self.rig.settings
        with self.line(backend) as (worker, proxy):
            found = run(
                worker.about(subject), proxy=proxy, cases=cases, codecs=codecs, reader=self.cloud,
                bucket=settings.bucket, run_id="manual__2026-01-02T03:04:05+00:00", progress=str,
                prefix=settings.prefix if subject is XCOM else settings.state_prefix,
            )  # fmt: skip
        return {(f"{c.case.operation} {c.case.label}", c.codec): c for c in found}


@contextmanager
def open_proxied_target(
    cloud: CloudName, stand_ins: Callable[[CloudName], StandIn]
) -> Iterator[ProxiedTarget]:
    """Sign this process in as the administrator of the stand-in for as long as it is used."""
    stand_in = stand_ins(cloud)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        for name in [name for name in os.environ if name in stand_in.replaced]:
            patch.delenv(name)
        for name, value in stand_in.environment.items():
            patch.setenv(name, value)
        yield ProxiedTarget(cloud, stand_in, directory)
