"""Configurations in the shapes in which people publish them, judged as a person would."""

import pytest
from good_values import (
    COMMON,
    CONNECTION,
    FROM_SECRET,
    GOOD,
    STOCK,
    changed,
    failed,
    own,
    with_entry,
)

from xcomkit.findings.errors import InputError
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

ROLE = "eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents"
BUCKET = "@xcom-bucket/"
AZURE = """'{"conn_type": "azure_data_lake", "extra": {"account_name": "acme-xcom"}}'"""
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"


def env_file(*, path: str, **more: str) -> str:
    lines = {"AIRFLOW__CORE__XCOM_BACKEND": STOCK, f"{COMMON}PATH": path, f"{COMMON}THRESHOLD": "0"}
    return "".join(f"{name}={value}\n" for name, value in (lines | more).items())


def test_good_file_has_nothing_but_notes(judged):
    assert judged(GOOD) == {}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (STOCK, "airflow.models.xcom.BaseXCom", "XC009"),
        (BUCKET, "@your-bucket-name/", "XC008"),
        ("arn:aws:iam::123456789012:role/xcom-agents", "00000000-0000-0000-0000-000000000000",
         "XC048"),
        (ROLE, "iam.gke.io/gcp-service-account: astro-xcom@acme-prod-1.gserviceaccount.com",
         "XC048"),
        (ROLE, "azure.workload.identity/client-id: 00000000-0000-0000-0000-000000000000", "XC048"),
        ("resourceNamePrefix:", "triggerer: [{env: []}]\nresourceNamePrefix:", "XC006"),
        ("resourceNamePrefix:", "image: {repository: r, tag: t}\nresourceNamePrefix:", "XC006"),
        ("workers:\n  - name: default-worker\n    env: []", "workers: {a: {env: []}}", "XC006"),
        ("aws_default@", "AKID:hunter2@", "XC011"),
        ("aws_default@", "AKID:hunt/er2hunter2@", "XC011"),
    ],
)  # fmt: skip
def test_mistake_is_found_and_no_secret_is_shown(judged, old, new, rule):
    found = judged(changed((old, new)))
    assert rule in failed(found)
    assert "hunt" not in repr(found).lower()


@pytest.mark.parametrize(
    ("backend", "kwargs", "status"),
    [
        ("airflow.secrets.local_filesystem.LocalFilesystemBackend", "", "fail"),
        ("airflow.secrets.local_filesystem.LocalFilesystemBackend", '{"connections_file_path": ""}',
         "fail"),
        ("airflow.secrets.local_filesystem.LocalFilesystemBackend",
         '{"connections_file_path": "/etc/c.json"}', "pass"),
        ("airflow.providers.hashicorp.secrets.vault.VaultBackend", "", "pass"),
        ("airflow.providers.hashicorp.secrets.vault.VaultBackend", '{"connections_path": null}',
         "fail"),
        ("AIRFLOW__SECRETS__BACKEND", "", "fail"),
        ("airflow.secrets.metastore.MetastoreBackend", "", "fail"),
        ("airflow.providers.amazon.aws.secrets.secrets_manager.SecretManagerBackend", "",
         "unknown"),
        ("acme.secrets.Backend", "", "unknown"),
    ],
)  # fmt: skip
def test_secrets_backend_is_asked_what_it_can_know(judged, backend, kwargs, status):
    text = f"secretBackend: {backend}\n" + changed(("AIRFLOW_CONN_AWS", "AIRFLOW_CONN_X"))

    found = judged(with_entry(KWARGS, kwargs, text=text)).get("XC004", [])
    assert [one.is_unknown for one in found] == ([] if status == "pass" else [status == "unknown"])


@pytest.mark.parametrize("written", ["XComObjectStoreBackend", "XcomObjectStorageBackend"])
def test_old_or_misspelt_class_with_compression_is_described_by_both_rules(judged, written):
    env = env_file(path="s3://aws_default@acme-xcom/x", AIRFLOW_CONN_AWS_DEFAULT=CONNECTION,
                   **{f"{COMMON}COMPRESSION": '"zip"'})  # fmt: skip
    old = env.replace("XComObjectStorageBackend", written)

    assert failed(judged(prod__env=old)) == {"XC009", "XC015"}


def test_key_of_a_store_outside_kubernetes_stands_over_no_identity(judged):
    uri = "'aws://minio:minio123@/?endpoint_url=http%3A%2F%2Fminio%3A9000'"
    env = env_file(path="s3://minio@acme-xcom/x", AIRFLOW_CONN_MINIO=uri)

    assert failed(judged(prod__env=env)) == set()


@pytest.mark.parametrize("endpoint", ["http://minio:9000", "https://s3.eu-west-1.amazonaws.com"])
def test_key_of_a_store_that_is_not_aws_is_asked_for_no_role(judged, endpoint):
    extra = f'{{"endpoint_url": "{endpoint}", "aws_secret_access_key": "s"}}'
    text = changed(
        (CONNECTION, f"""'{{"conn_type": "aws", "extra": {extra}}}'"""),
        ("commonEnv:\n", f"commonEnv:\n  - name: AWS_ACCESS_KEY_ID\n    {FROM_SECRET}\n"),
        ("eks.amazonaws.com/role-arn", "another"),
    )

    about_roles = {"XC016", "XC022", "XC046"} & set(judged(text))
    assert about_roles == (set() if "minio" in endpoint else {"XC016", "XC022", "XC046"})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ((f"value: {CONNECTION}", FROM_SECRET), "XC004"),
        (('value: "0"', FROM_SECRET), "XC002"),
        ((BUCKET, "@$(BUCKET)/"), "XC001"),
    ],
)
def test_value_that_comes_from_a_secret_is_unknown_and_looked_for_there(judged, change, rule):
    bucket = ("commonEnv:\n", f"commonEnv:\n  - name: BUCKET\n    {FROM_SECRET}\n")

    found = judged(changed(change, bucket))
    (finding,) = found[rule]
    assert finding.is_unknown
    assert finding.remedy.startswith("Look where it comes from")
    assert "XC023" not in found


def test_values_of_another_chart_are_refused_unless_the_kind_is_said(judged, tmp_path):
    text = "executor: KubernetesExecutor\nenv: []\nworkers: {replicas: 2}\n"

    with pytest.raises(InputError, match="values of the Airflow chart"):
        judged(values__yaml=text)
    assert [read_configuration([str(tmp_path / "values.yaml")], kind="values")]


@pytest.mark.parametrize("rest", ["null\n", "\n", GOOD])
def test_what_helm_get_values_prints_is_read(judged, rest):
    assert ("XC001" in judged(release=f"USER-SUPPLIED VALUES:\n{rest}")) is (rest != GOOD)


def test_missing_class_is_shown_where_its_key_stands(judged):
    (finding,) = judged(changed((f"xcomBackend: {STOCK}", "xcomBackend: ~")))["XC009"]
    assert finding.line == 3


def test_duplicate_key_is_judged_by_the_one_that_counts(judged):
    text = "labels: {azure.workload.identity/use: 'true'}\n" + changed(("s3://", "abfs://"))
    text += "labels: {}\n"

    (finding,) = judged(text)["XC050"]
    assert finding.line == len(text.splitlines())


def test_storage_account_with_a_dash_is_no_name(judged):
    (finding,) = judged(changed(("s3://", "abfs://"), (CONNECTION, AZURE)))["XC026"]
    assert "acme-xcom" in finding.observed


def test_path_to_paste_is_of_the_store_the_connection_is_of(judged):
    (finding,) = judged(changed((CONNECTION, AZURE), (f"{COMMON}PATH", "OTHER")))["XC001"]
    assert "abfs://aws_default@<bucket>/<prefix>" in finding.fix


def test_reference_has_the_value_of_the_moment_as_kubernetes_walks_down_the_list(judged):
    text = with_entry("B", "acme-xcom", text=changed((BUCKET, "@$(B)/")))
    text = text.replace("workers:", "  - {name: B, value: LATER_AND_BAD}\nworkers:")

    assert failed(judged(text)) == {"XC007"}


def test_report_names_each_file_as_what_it_is_and_the_rules_for_those_files_only(tmp_path):
    (tmp_path / "airflow.cfg").write_text("[core]\nx = 1\n")
    (tmp_path / ".env").write_text("A=1\n")
    names = [str(tmp_path / name) for name in ("airflow.cfg", ".env")]

    report = judge([read_configuration(names)], cloud=CloudFiles())
    assert [i.kind for i in report.inputs] == ["an airflow.cfg", "an env file"]
    assert {"XC042", "XC053", "XC070"} & {rule.id for rule in report.rules} == {"XC053"}


def test_config_map_with_a_prefix_or_of_another_namespace_is_not_taken_for_the_setting(judged):
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: a}}\nspec: {{containers: "
        "[{{name: w, envFrom: [{{{prefix}configMapRef: {{name: m}}}}]}}]}}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, namespace: {space}}}\n"
        "data: {{" + COMMON + "THRESHOLD: '0'}}\n"
    )

    assert "XC002" not in judged(p__yaml=pod.format(prefix="", space="a"))
    assert "XC002" in failed(judged(p__yaml=pod.format(prefix="prefix: FOO_, ", space="a")))
    assert judged(p__yaml=pod.format(prefix="", space="b"))["XC002"][0].is_unknown


def test_secret_is_expected_in_an_env_file_and_named_once_for_services_that_share_it(judged):
    assert "XC014" not in judged(x__env="AIRFLOW__CORE__FERNET_KEY=hush\nDB_PASSWORD=hush\n")

    text = (
        "x-env: &env\n  AIRFLOW__CORE__FERNET_KEY: hush\nservices:\n"
        "  worker: {environment: *env}\n  triggerer: {environment: *env}\n"
    )
    assert len(judged(compose__yaml=text)["XC014"]) == 1


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("astroDeploymentAPIURL: https://a/one\n", "astroDeploymentAPIURL: https://a/two\n", 1),
        ("astroDeploymentAPIURL: https://a/one\n", "astroDeploymentAPIURL: https://a/one\n", 0),
        ("", "", 0),
    ],
    ids=["two Deployments", "one Deployment", "one installation"],
)
def test_prefix_of_files_judged_one_by_one_is_shared_by_two_deployments_only(
    tmp_path, one, other, count
):
    for name, more in (("a.yaml", one), ("b.yaml", other)):
        (tmp_path / name).write_text(GOOD + more)
    files = [read_configuration([str(tmp_path / name)]) for name in ("a.yaml", "b.yaml")]

    found = judge(files, cloud=CloudFiles()).findings
    assert [f.rule.id for f in found].count("XC028") == count


@pytest.mark.parametrize("value", ["True", "False", "0", "f", "F "])
def test_log_folder_counts_only_where_logs_go_there(judged, value):
    logging = "AIRFLOW__LOGGING__REMOTE_"
    text = with_entry(f"{logging}BASE_LOG_FOLDER", "s3://xcom-bucket/astro")

    found = judged(with_entry(f"{logging}LOGGING", value, text=text))
    assert ("XC027" in found) is (value == "True")


def test_account_that_the_chart_does_not_create_is_unknown_not_named(judged):
    found = judged(GOOD + "  triggerer: {create: false, name: mine}\n")

    assert [finding.is_unknown for finding in found["XC046"]] == [True]


@pytest.mark.parametrize("component", ["triggerer", ""])
def test_client_id_in_the_environment_counts_where_every_component_has_it(judged, component):
    text = changed(("s3://", "abfs://"), (CONNECTION, AZURE), (ROLE, "other: annotation"))
    uuid = "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"
    if component:
        text += own(component, "AZURE_CLIENT_ID", f"value: {uuid}")
    else:
        text = with_entry("AZURE_CLIENT_ID", uuid, text=text)

    assert ("XC045" in judged(text)) is bool(component)
