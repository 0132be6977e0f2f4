"""Every way in which the line must turn red, by the steps themselves in this process."""

import json

import pytest
from aws_rig import AwsRig
from azure_rig import AzureRig
from gcp_rig import GcpRig
from line import Line, become_administrator, edited
from rig import Rig, red

from xcomkit.findings.model import BACKENDS, CloudName
from xcomkit.steps import create_bucket, fidelity, grant_access, helm_values, round_trip, tear_down
from xcomkit.steps.agent import open_agent
from xcomkit.steps.opening import open_step
from xcomkit.steps.proof import Proof
from xcomkit.steps.rule_index import RULES_BY_ID
from xcomkit.values.names import connection_variable

KINDS: dict[CloudName, type[Rig]] = {"aws": AwsRig, "azure": AzureRig, "gcp": GcpRig}
WITHOUT_WRITING: dict[CloudName, str] = {
    "aws": "s3:PutObject", "azure": "nothing", "gcp": "roles/storage.objectUser",
}  # fmt: skip
FIRST = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"


@pytest.fixture
def cloud() -> CloudName:
    return "aws"


@pytest.fixture
def rig(cloud, stand_ins, monkeypatch) -> Rig:
    running = stand_ins(cloud)
    become_administrator(running, monkeypatch)
    return KINDS[cloud](running)


@pytest.fixture
def line(rig, tmp_path) -> Line:
    made = Line(rig, tmp_path)
    made.rig.make_bucket()
    made.do(grant_access.plan, grant_access.apply)
    return made


@pytest.mark.parametrize("cloud", KINDS)
class TestOnEveryCloud:
    def test_identity_that_may_not_write_is_red_by_behaviour(self, line, cloud):
        line.rig.weaken(WITHOUT_WRITING[cloud])

        checks = line.do(grant_access.verify, round_trip.prove)

        assert {"XC303", "XC306", "XC503"} <= red(checks)

    def test_target_of_somebody_else_is_red_and_stops_what_follows(self, rig, tmp_path):
        line = Line(rig.at_somebody_elses(), tmp_path)

        checks = line.do(create_bucket.plan, create_bucket.apply, create_bucket.verify)

        assert "XC201" in red(checks)
        assert RULES_BY_ID["XC201"].blocks


class TestValuesFile:
    def test_complete_one_is_green(self, line):
        path = line.values()

        assert not red(line.do(helm_values.verify, values_file=str(path), apply=False))

    def test_zip_of_the_guide_with_the_stock_class_is_red_for_each_silent_path(
        self, line, tmp_path
    ):
        (tmp_path / "mine.py").write_text("def rows():\n    return [(1, 'a')]\n")
        stock = {"backend": BACKENDS["stock"], f"{FIRST}_COMPRESSION": "zip"}
        path = line.values(**stock, PYTHONPATH=str(tmp_path))
        silent = {"XC015", "XC511", "XC516", "XC517", "XC518", "XC519", "XC521"}
        another_type = {"XC506"}  # a tuple comes back as a list
        reasons = "; ".join(f"{rule}: retries watch it" for rule in sorted(silent - {"XC521"}))

        checks = line.do(helm_values.verify, round_trip.prove, values_file=str(path), apply=False,
                         payload_callable="mine:rows", accepted=reasons)  # fmt: skip

        assert {n for n, c in checks.items() if c.status == "fail"} == silent | another_type
        assert red(checks) == {"XC521"} | another_type
        assert checks["XC511"].accepted == "retries watch it"
        assert "Set backend to durable" in checks["XC516"].remedy
        assert "callable" in checks["XC506"].observed
        assert checks["XC522"].status == "warn"  # zip, which only stores
        assert checks["XC523"].status == "warn"  # and seeks

    def test_one_without_a_threshold_is_red_by_rule_and_by_behaviour(self, line):
        path = line.values(**{f"{FIRST}_THRESHOLD": None})

        checks = line.do(helm_values.verify, round_trip.prove, values_file=str(path), apply=False)

        assert {"XC002", "XC503", "XC512"} <= red(checks)
        assert "stayed in the metadata database" in checks["XC503"].observed

    def test_one_with_keys_never_passes_as_the_agents_role(self, line):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        secret = [
            {"name": n, "valueFrom": {"secretKeyRef": {"name": "aws", "key": n}}} for n in names
        ]
        path = edited(line.values(), lambda document: document["commonEnv"].extend(secret))

        checks = line.do(helm_values.verify, values_file=str(path), apply=False)

        assert red(checks) == {"XC409"}


@pytest.mark.parametrize("cloud", ["azure"])  # whose client tries a refused exchange again
def test_wrong_service_account_is_red_without_a_single_push(line):
    typo = ("system:serviceaccount:astro:typo",)
    line.rig.cloud.access.apply(line.rig.cloud.access.plan(typo), typo)

    checks = line.do(grant_access.verify, round_trip.prove)

    assert {"XC302", "XC304", "XC503", "XC513"} <= red(checks)
    assert checks["XC513"].observed in checks["XC503"].observed


@pytest.mark.parametrize("cloud", ["gcp"])  # where a fork might ask its parent's metadata server
def test_component_whose_service_account_may_not_sign_in_is_named_and_never_green(line):
    access = line.rig.cloud.access
    names = ("worker-default-worker", "dag-processor")
    trusted = tuple(f"system:serviceaccount:astro:astro-agent-{name}" for name in names)
    access.apply(access.plan(trusted), trusted)

    step = open_step("04_round_trip", line.settings(step_timeout=12))  # gcsfs tries for 100 s
    with open_agent(step) as agent:
        *_, check = fidelity.examine(step, agent, Proof(), run_id="run")

    assert check.id == "XC526"
    assert check.status in ("fail", "unknown")
    assert "triggerer to " in check.observed
    assert "worker:default-worker to dagProcessor" not in check.observed


@pytest.mark.parametrize("cloud", ["gcp"])  # where a process may find other credentials by itself
def test_connection_that_nobody_defines_is_red(line):
    path = line.values(**{connection_variable(line.rig.settings.connection_id): None})

    checks = line.do(helm_values.verify, round_trip.prove, values_file=str(path), apply=False)

    assert {"XC004", "XC502", "XC503"} <= red(checks)


@pytest.mark.parametrize("cloud", ["azure"])
class TestAzure:
    def test_anon_as_the_text_false_is_red_by_rule_and_by_behaviour(self, line):
        connection = dict(line.rig.cloud.connection())
        connection["extra"] = {**connection["extra"], "anon": "false"}
        name = connection_variable(line.rig.settings.connection_id)
        path = line.values(**{name: json.dumps(connection)})

        checks = line.do(helm_values.verify, round_trip.prove, values_file=str(path), apply=False)

        assert {"XC016", "XC503"} <= red(checks)
        assert "Public access is not permitted" in checks["XC503"].observed

    def test_account_key_beside_the_identity_is_red_by_rule_and_by_behaviour(self, line):
        path = line.values(AZURE_STORAGE_ACCOUNT_KEY="bm90IGEga2V5")

        checks = line.do(helm_values.show_environment, helm_values.verify, round_trip.prove,
                         values_file=str(path), apply=False)  # fmt: skip

        assert {"XC409", "XC503"} <= red(checks)
        for written in (line.run / "evidence").iterdir():
            assert "bm90IGEga2V5" not in written.read_text()

    def test_pods_without_the_label_or_with_another_client_id_are_red(self, line):
        other = {"azure.workload.identity/client-id": "another"}
        path = edited(line.values(), lambda found: found.update(labels={}, annotations=other))

        checks = line.do(helm_values.verify, values_file=str(path), apply=False)

        assert red(checks) == {"XC407", "XC410"}


@pytest.mark.parametrize("cloud", ["gcp"])
def test_compression_on_gcp_is_red_because_values_are_seen_to_be_lost(line):
    stand_in = line.rig.stand_in
    before = stand_in.read_requests()[-1].seq

    for _ in range(4):  # what is uploaded when garbage is collected may all be there, by chance
        checks = line.do(helm_values.plan, helm_values.verify, round_trip.prove,
                         compression="gzip", backend="stock")  # fmt: skip
        if {"XC504", "XC506"} <= red(checks):
            break

    assert {"XC015", "XC504", "XC506", "XC511", "XC515"} <= red(checks)
    assert "even without a fault" in checks["XC015"].observed
    assert "after the process had ended" in checks["XC515"].observed
    requests = [one for one in stand_in.read_requests(since=before) if one.status < 300]
    writers = {one.principal for one in requests if one.action == "storage.objects.create"}
    (email,) = line.rig.cloud.annotations().values()
    assert writers == {f"serviceAccount:{email}"}


class TestTearDown:
    def tear_down(self, line, **parameters):
        cells = (tear_down.plan_target, tear_down.remove_target, tear_down.verify_target)
        return line.do(*cells, **parameters)["XC802"].status

    def test_bucket_and_identity_stay_until_the_name_is_typed_in(self, line):
        assert self.tear_down(line) == "skip"
        assert line.rig.bucket_checks()["XC201"].status == "pass"

    def test_typed_name_deletes_the_empty_bucket_and_the_identity(self, line):
        assert self.tear_down(line, confirm_delete=line.rig.settings.bucket) == "pass"
        assert line.rig.bucket_checks()["XC201"].status == "fail"

    def test_wrong_name_deletes_nothing_and_is_red(self, line):
        assert self.tear_down(line, confirm_delete="another-bucket") == "fail"
        assert line.rig.bucket_checks()["XC201"].status == "pass"

    def test_bucket_with_other_objects_stays_although_the_name_is_typed(self, line):
        line.rig.put_object("other", b"1")

        assert self.tear_down(line, confirm_delete=line.rig.settings.bucket) == "fail"
        assert line.rig.bucket_checks()["XC201"].status == "pass"
