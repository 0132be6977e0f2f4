"""The doctor finds the cause in what helm, kubectl and the cloud say, the worst harm first."""

import json

import pytest
import yaml
from good_values import COMMON, CONNECTION, GOOD, STOCK, changed, with_entry

from xcomkit.findings.errors import InputError
from xcomkit.lint.diagnosis import diagnose

NONE = "TypeError: string indices must be integers, not 'str'\n"
DENIED = (
    "ClientError: An error occurred (AccessDenied) when calling the {} operation: Access Denied\n"
)


def pods(
    environment: dict[str, str], *, state: dict | None = None, last: dict | None = None,
    account: str = "", image: str = "r/agent:3.1-1-astro-agent-1.7.0",
    names: tuple[str, ...] = ("worker-0", "dag-processor-0", "triggerer-0"),
) -> str:  # fmt: skip
    """Return what kubectl prints of the pods of a worker, a Dag processor and a triggerer."""
    env = [{"name": name, "value": value} for name, value in environment.items()]
    items = [
        {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": f"astro-agent-{name}", "namespace": "astro"},
            "spec": {"serviceAccountName": account, "containers": [
                {"name": "c", "image": image, "env": env},
            ]},
            "status": {"containerStatuses": [
                {"name": "c", "restartCount": 7, "state": state or {"running": {}},
                 "lastState": {"terminated": last or {}}},
            ]},
        }
        for name in names
    ]  # fmt: skip
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})


SETTINGS = {
    "AIRFLOW__CORE__XCOM_BACKEND": STOCK,
    f"{COMMON}PATH": "s3://aws_default@xcom-bucket/astro/xcom",
    f"{COMMON}THRESHOLD": "0",
    "AIRFLOW_CONN_AWS_DEFAULT": CONNECTION.strip("'"),
}
ROW = "s3://aws_default@xcom-bucket/astro/xcom/d/r/t/5"
CASES = {
    "a codec hid failed uploads": (
        {"values.yaml": with_entry(f"{COMMON}COMPRESSION", "zip"), "worker.log": NONE,
         "xcoms.json": json.dumps({"xcom_entries": [{"key": "k", "value": f"{ROW}.zip"}]}),
         "objects.json": json.dumps({"Contents": [{"Key": "astro/xcom/d/r/t/6.zip"}]})},
        "lost", "XC160", {"XC015"},
    ),
    "nothing goes to the bucket": (
        {"values.yaml": changed((f"{COMMON}THRESHOLD", "AIRFLOW__CORE__XCOM_THRESHOLD"))},
        "leaves", "XC002", set(),
    ),
    "the threshold has a unit": (
        {"values.yaml": changed(('"0"', '"1MB"')), "worker.log": 'AirflowConfigException: Failed to'
         ' convert value to int. Please check "xcom_objectstorage_threshold" key'},
        "fails", "XC010", {"XC131"},
    ),
    "the pods are older than the release": (
        {"values.yaml": GOOD, "pods.yaml": pods({**SETTINGS, f"{COMMON}THRESHOLD": "1000"})},
        "fails", "XC159", set(),
    ),
    "the bucket may not be listed": (
        {"pods.yaml": pods(SETTINGS), "worker.log": DENIED.format("CreateBucket")},
        "fails", "XC137", set(),
    ),
    "a secret is missing": (
        {"pods.yaml": pods(SETTINGS, state={"waiting": {
            "reason": "CreateContainerConfigError", "message": 'secret "s" not found'}})},
        "fails", "XC158", set(),
    ),
    "a container is out of memory": (
        {"values.yaml": GOOD, "pods.yaml": pods(
            SETTINGS, last={"exitCode": 137, "reason": "OOMKilled"})},
        "fails", "XC158", set(),
    ),
    "the pods run as another account": (
        {"values.yaml": GOOD, "pods.yaml": pods(SETTINGS, account="default")},
        "fails", "XC157", set(),
    ),
    "the durable class is not in the image": (
        {"values.yaml": GOOD, "pods.yaml": pods(SETTINGS, state={"waiting": {
            "reason": "CrashLoopBackOff"}}), "worker.log": "ModuleNotFoundError: No module named"
         " 'xcomkit.durable'"},
        "fails", "XC133", {"XC158"},
    ),
    "refused uploads were hidden by a codec": (
        {"values.yaml": with_entry(f"{COMMON}COMPRESSION", "zip"),
         "worker.log": DENIED.format("PutObject")},
        "lost", "XC015", {"XC145"},
    ),
    "the values are wrong and the pods have been helped by hand": (
        {"values.yaml": changed(('"0"', '"-1"')), "pods.yaml": pods(SETTINGS)},
        "leaves", "XC002", set(),
    ),
    "objects expire while they are needed": (
        {"values.yaml": GOOD, "lifecycle.json": json.dumps({"Rules": [
            {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""},
             "Transitions": [{"Days": 0, "StorageClass": "GLACIER"}]}]})},
        "silent", "XC070", set(),
    ),
    "one component has other settings": (
        {"values.yaml": GOOD + "triggerer:\n  env:\n    - name: AIRFLOW__COMMON_IO__"
         "XCOM_OBJECTSTORAGE_PATH\n      value: s3://aws_default@xcom-bucket/other\n"},
        "silent", "XC018", set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cause_of_a_broken_install_comes_first(tmp_path, case):
    files, harm, first, also = CASES[case]
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    found = diagnose(tmp_path).findings

    assert (found[0][0], found[0][1].rule.id) == (harm, first)
    assert also <= {finding.rule.id for _, finding in found}


@pytest.mark.parametrize(("days", "found"), [(None, ("other", "XC072")), (8, ("silent", "XC070"))])
def test_expiry_is_judged_by_the_re_runs_that_the_user_names(tmp_path, days, found):
    week = {"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 7}}
    (tmp_path / "values.yaml").write_text(GOOD)
    (tmp_path / "lifecycle.json").write_text(json.dumps({"Rules": [week]}))

    harm, finding = diagnose(tmp_path, rerun_days=days).findings[0]

    assert (harm, finding.rule.id) == found
    assert "--rerun-days" in finding.remedy or days


def test_container_that_starts_before_waits_and_the_sentinel_has_its_own_account(tmp_path):
    listed = yaml.safe_load(pods(SETTINGS, account="agents"))
    for pod in listed["items"]:
        pod["metadata"]["name"] = "astro-agent-sentinel-0"
        pod["status"] = {"initContainerStatuses": [
            {"name": "init", "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
        ]}  # fmt: skip
    (tmp_path / "values.yaml").write_text(GOOD)
    (tmp_path / "pods.yaml").write_text(yaml.safe_dump(listed))

    rules = [finding.rule.id for _, finding in diagnose(tmp_path).findings]
    assert ("XC158" in rules, "XC157" in rules) == (True, False)


def test_good_install_has_nothing_wrong(tmp_path):
    (tmp_path / "values.yaml").write_text(GOOD)
    (tmp_path / "pods.yaml").write_text(pods(SETTINGS))
    (tmp_path / "worker.log").write_text("INFO task done\n")
    (tmp_path / "xcoms.json").write_text(json.dumps([ROW]))
    (tmp_path / "objects.json").write_text(json.dumps(["astro/xcom/d/r/t/5"]))

    found = diagnose(tmp_path)

    assert [f.rule.id for harm, f in found.findings if harm != "other"] == []
    assert found.looked_at == (
        "values.yaml",
        "pods.yaml",
        "xcoms.json",
        "objects.json",
        "worker.log",
    )
    assert [name for name, _ in found.not_looked_at] == [
        "manifest.yaml", "trust.json", "policy.json", "lifecycle.json"
    ]  # fmt: skip


def test_setting_that_is_wrong_in_the_release_is_no_difference_of_the_pods(tmp_path):
    (tmp_path / "values.yaml").write_text(changed(('"0"', '"-1"')))
    (tmp_path / "pods.yaml").write_text(pods(SETTINGS))

    assert "XC159" not in {f.rule.id for _, f in diagnose(tmp_path).findings}


@pytest.mark.parametrize("text", ["commonEnv: [", "apiVersion: v1\nkind: List\nitems: []\n"])
def test_file_that_cannot_be_read_is_named_and_the_rest_is_looked_at(tmp_path, text):
    (tmp_path / "pods.yaml").write_text(text)
    (tmp_path / "worker.log").write_text(DENIED.format("PutObject"))

    found = {f.rule.id: (harm, f.file) for harm, f in diagnose(tmp_path).findings}

    assert found == {"XC161": ("fails", "pods.yaml"), "XC145": ("fails", "worker.log")}


def test_reference_below_a_longer_prefix_is_of_somebody_else(tmp_path):
    (tmp_path / "values.yaml").write_text(GOOD)
    (tmp_path / "xcoms.json").write_text(json.dumps([ROW.replace("/xcom/d", "/xcom-2/d"), ROW]))
    (tmp_path / "objects.json").write_text(json.dumps(["astro/xcom/d/r/t/6"]))

    (lost,) = (f for _, f in diagnose(tmp_path).findings if f.rule.id == "XC160")

    assert lost.observed == f"1 reference without an object: {ROW}"


def test_references_without_a_path_to_look_below_are_unknown(tmp_path):
    (tmp_path / "xcoms.json").write_text(json.dumps([ROW]))
    (tmp_path / "objects.json").write_text("[]")

    ((_, finding),) = diagnose(tmp_path).findings

    assert (finding.rule.id, finding.is_unknown) == ("XC162", True)


def test_errors_that_are_not_known_are_named_by_their_class_and_never_green(tmp_path):
    (tmp_path / "a.log").write_text(
        "INFO fine\nsomething.else.OddError: token=hunter2\n2026 ERROR hunter2\n"
    )

    ((harm, finding),) = diagnose(tmp_path).findings

    assert (harm, finding.is_unknown) == ("other", True)
    assert finding.observed == "2 error lines: OddError, ERROR"
    assert finding.line == 3


def test_log_in_json_is_read_as_one_in_text(tmp_path):
    known, other = 'value to int. Please check "xcom_objectstorage_threshold" key', "token=hunter2"
    texts = (f"Failed to convert {known}", other)
    lines = [json.dumps({"timestamp": "t", "event": text, "level": "error"}) for text in texts]
    (tmp_path / "a.log").write_text("\n".join(lines))

    found = [(f.rule.id, f.line, f.is_unknown) for _, f in diagnose(tmp_path).findings]

    assert found == [("XC131", 1, False), ("XC129", 2, True)]


def test_part_of_the_values_beside_the_manifest_is_no_difference_of_the_pods(tmp_path):
    env = [{"name": name, "value": text} for name, text in SETTINGS.items()]
    pod = {"spec": {"containers": [{"name": "worker", "env": env}]}}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a-worker-b"},
            "spec": {"selector": {}, "template": pod}}  # fmt: skip
    (tmp_path / "values.yaml").write_text("workers: [{name: default-worker, replicas: 3}]\n")
    (tmp_path / "manifest.yaml").write_text(json.dumps(made))
    (tmp_path / "pods.yaml").write_text(pods(SETTINGS))

    assert "XC159" not in {f.rule.id for _, f in diagnose(tmp_path).findings}


def test_value_from_a_secret_of_the_release_is_no_difference(tmp_path):
    hidden = changed(("value: " + CONNECTION, "valueFrom: {secretKeyRef: {name: s, key: k}}"))
    (tmp_path / "values.yaml").write_text(hidden)
    (tmp_path / "pods.yaml").write_text(pods(SETTINGS))

    assert "XC159" not in {f.rule.id for _, f in diagnose(tmp_path).findings}


def test_text_of_a_log_beside_the_known_one_is_never_shown(tmp_path):
    line = f"password=hunter2 {DENIED.format('PutObject')}"
    (tmp_path / "a.log").write_text(line * 3)

    ((_, finding),) = diagnose(tmp_path).findings

    assert finding.observed == "'(AccessDenied) when calling the PutObject' on 3 lines"
    assert (finding.file, finding.line) == ("a.log", 3)


def test_line_with_two_known_texts_is_said_once_and_names_the_cause(tmp_path):
    (tmp_path / "a.log").write_text(DENIED.format("PutObject").strip() + ": kms:GenerateDataKey")

    assert [f.rule.id for _, f in diagnose(tmp_path).findings] == ["XC146"]


def test_pods_of_another_release_in_the_namespace_are_left_out(tmp_path):
    other = pods({**SETTINGS, f"{COMMON}THRESHOLD": "9"}, state={"waiting": {"reason": "Bad"}})
    both = yaml.safe_load(other.replace("astro-agent-", "astro-agent-b-"))
    both["items"] += yaml.safe_load(pods(SETTINGS))["items"]
    (tmp_path / "values.yaml").write_text(GOOD)
    (tmp_path / "pods.yaml").write_text(yaml.safe_dump(both))

    assert [f.observed for harm, f in diagnose(tmp_path).findings if harm != "other"] == []


def groups_without_pods(folder, *names, groups, owners=None):
    """Return what the doctor says of worker groups whose pods have these names."""
    listed = yaml.safe_load(pods(SETTINGS))
    (one, *others) = listed["items"]
    for name in names:
        of_pod = {"name": name, **({"ownerReferences": [owners]} if owners else {})}
        others.append({**one, "metadata": of_pod})
    (folder / "pods.yaml").write_text(yaml.safe_dump({**listed, "items": others}))
    text = "".join(f"  - name: {group}\n" for group in groups)
    (folder / "values.yaml").write_text(changed(("  - name: default-worker\n    env: []\n", text)))
    found = [f for _, f in diagnose(folder).findings if f.rule.id == "XC158"]
    return [(f.observed.rpartition(" ")[2], f.severity) for f in found]


POD = "astro-agent-worker-{}-6d4b75cb6d-hwx2k"
GPU = POD.format("gpu")


@pytest.mark.parametrize(("groups", "names", "found"), [
    (["a", "b"], [POD.format("a")], [("b", "fail")]),
    (["a", "b"], [POD.format("a"), "astro-agent-worker-b-0"], []),  # of a StatefulSet
    (["gpu", "gpu-large"], [GPU.replace("gpu", "gpu-large")], [("gpu", "fail")]),
    (["gpu", "gpu-large"], [GPU], [("gpu-large", "fail")]),
    (["agent", "a"], [POD.format("a")], [("agent", "fail")]),  # which is in every pod's name
    (["new"], [POD.format("old")], [("new", "warn")]),  # renamed, or pods have other names
    (["new"], ["agents-0"], [("new", "fail")]),  # no worker at all
])  # fmt: skip
def test_worker_group_without_a_pod_is_named(tmp_path, groups, names, found):
    assert groups_without_pods(tmp_path, *names, groups=groups) == found


def test_worker_group_with_a_name_too_long_for_its_pods_is_known_by_what_owns_them(tmp_path):
    long = "x" * 60
    owner = {"kind": "ReplicaSet", "name": f"astro-agent-worker-{long}-6d4b75cb6d"}
    assert not groups_without_pods(tmp_path, POD[:40], groups=[long], owners=owner)


def test_worker_group_without_replicas_needs_no_pod(tmp_path):
    found = groups_without_pods(tmp_path, GPU, groups=["gpu", "off\n    replicas: 0"])

    assert found == []


def test_folder_without_any_known_file_says_what_to_save(tmp_path):
    with pytest.raises(InputError, match="nothing to look at") as refused:
        diagnose(tmp_path)
    assert "kubectl get pods -n NAMESPACE -o yaml > pods.yaml" in str(refused.value)
