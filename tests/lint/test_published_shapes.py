"""Configurations in the shapes in which people publish them, judged as a person would."""

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

STOCK = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
COMMON = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"
CONNECTION = """'{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'"""
GOOD = f"""resourceNamePrefix: astro-agent
namespace: astro
xcomBackend: {STOCK}
commonEnv:
  - name: {COMMON}PATH
    value: s3://aws_default@acme-xcom/astro
  - name: {COMMON}THRESHOLD
    value: "0"
  - name: AIRFLOW_CONN_AWS_DEFAULT
    value: {CONNECTION}
serviceAccount:
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents
"""


@pytest.fixture
def judged(tmp_path):
    def judge_files(**files: str) -> dict[str, list[Finding]]:
        names = []
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".").replace("_", "-")
            path.write_text(text)
            names.append(str(path))
        found: dict[str, list[Finding]] = {}
        report = judge([read_configuration(names)], cloud=CloudFiles())
        for finding in report.findings:
            found.setdefault(finding.rule.id, []).append(finding)
        return found

    return judge_files


def red(found: dict[str, list[Finding]]) -> set[str]:
    return {rule for rule, hits in found.items() if any(f.severity == "fail" for f in hits)}


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_good_file_has_nothing_but_notes(judged):
    assert red(judged(values__yaml=GOOD)) == set()
    assert judged(values__yaml=GOOD) == {}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (STOCK, "airflow.models.xcom.BaseXCom", "XC009"),
        ("@acme-xcom/", "@your-bucket-name/", "XC008"),
        ('"0"', '""', "XC010"),
    ],
)  # fmt: skip
def test_mistake_is_found(judged, old, new, rule):
    assert rule in red(judged(values__yaml=changed(old, new)))


def test_secrets_backend_that_knows_nothing_defines_no_connection(judged):
    text = changed("AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW_CONN_OTHER")
    local = "secretBackend: airflow.secrets.local_filesystem.LocalFilesystemBackend\n"
    manager = "secretBackend: airflow.providers.hashicorp.secrets.vault.VaultBackend\n"
    kwargs = (
        "  - name: AIRFLOW__SECRETS__BACKEND_KWARGS\n"
        """    value: '{"connections_file_path": "/etc/connections.json"}'\nserviceAccount:"""
    )

    assert "XC004" in red(judged(values__yaml=local + text))
    assert "XC004" not in red(judged(values__yaml=manager + text))
    filled = local + text.replace("serviceAccount:", kwargs)
    assert "XC004" not in red(judged(values__yaml=filled))


def test_workers_written_as_a_mapping_are_refused_and_their_variables_judged(judged):
    env = f"workers:\n  env:\n    - name: {COMMON}THRESHOLD\n      value: '1MB'\n"

    assert {"XC006", "XC010", "XC013"} <= red(judged(values__yaml=GOOD + env))


def test_old_class_with_compression_is_told_of_both(judged):
    env = (
        "AIRFLOW__CORE__XCOM_BACKEND=airflow.providers.common.io.xcom.backend.XComObjectStoreBackend"
        f"\n{COMMON}PATH=s3://aws_default@acme-xcom/x\n{COMMON}THRESHOLD=0\n"
        f'{COMMON}COMPRESSION="zip"\nAIRFLOW_CONN_AWS_DEFAULT={CONNECTION}\n'
    )

    assert red(judged(prod__env=env)) == {
        "XC009",
        "XC015",
    }


def test_key_of_a_store_outside_kubernetes_stands_over_no_identity(judged):
    env = (
        f"AIRFLOW__CORE__XCOM_BACKEND={STOCK}\n{COMMON}PATH=s3://minio@acme-xcom/x\n"
        f"{COMMON}THRESHOLD=0\n"
        "AIRFLOW_CONN_MINIO='aws://minio:minio123@/?endpoint_url=http%3A%2F%2Fminio%3A9000'\n"
    )

    assert red(judged(prod__env=env)) == set()


@pytest.mark.parametrize("endpoint", ["http://minio:9000", "https://s3.eu-west-1.amazonaws.com"])
def test_key_of_a_store_that_is_not_aws_is_asked_for_no_role(judged, endpoint):
    extra = f'{{"endpoint_url": "{endpoint}", "aws_secret_access_key": "s"}}'
    text = changed(CONNECTION, f"""'{{"conn_type": "aws", "extra": {extra}}}'""")
    text = text.replace("commonEnv:\n", "commonEnv:\n  - name: AWS_ACCESS_KEY_ID\n    valueFrom:"
                        " {secretKeyRef: {name: s, key: k}}\n", 1)  # fmt: skip
    found = judged(values__yaml=text.replace("eks.amazonaws.com/role-arn", "another"))

    about_roles = {"XC016", "XC022", "XC046"} & set(found)
    assert about_roles == (set() if "minio" in endpoint else {"XC016", "XC022", "XC046"})


def test_connection_from_a_kubernetes_secret_is_looked_for_there(judged):
    text = changed(f"value: {CONNECTION}", "valueFrom: {secretKeyRef: {name: s, key: k}}")

    (finding,) = judged(values__yaml=text)["XC004"]
    assert finding.is_unknown
    assert finding.remedy.startswith("Look where it comes from")


def test_values_of_another_chart_are_refused_unless_the_kind_is_said(judged, tmp_path):
    text = "executor: KubernetesExecutor\nenv: []\nworkers: {replicas: 2}\n"

    with pytest.raises(InputError, match="values of the Airflow chart"):
        judged(values__yaml=text)
    assert [read_configuration([str(tmp_path / "values.yaml")], kind="values")]


@pytest.mark.parametrize("rest", ["null\n", "\n", GOOD])
def test_what_helm_get_values_prints_is_read(judged, rest):
    assert ("XC001" in judged(release=f"USER-SUPPLIED VALUES:\n{rest}")) is (rest != GOOD)


def test_missing_class_is_shown_where_its_key_stands_also_in_a_later_file(judged):
    (finding,) = judged(a__yaml=GOOD, b__yaml="# none\nxcomBackend: null\n")["XC009"]
    assert finding.file.endswith("b.yaml")
    assert finding.line == 2

    (finding,) = judged(c__yaml=changed(f"xcomBackend: {STOCK}", "xcomBackend: ~"))["XC009"]
    assert finding.line == 3


def test_name_in_two_files_names_both(judged):
    over = f"triggerer:\n  env:\n    - name: {COMMON}THRESHOLD\n      value: '0'\n"

    (finding,) = judged(a__yaml=GOOD, b__yaml=over)["XC013"]
    assert finding.file.endswith("b.yaml")
    assert "a.yaml:7) and triggerer.env (" in finding.observed
    assert "b.yaml:3)" in finding.observed


def test_key_that_stands_twice_is_judged_by_the_one_that_counts(judged):
    text = "labels: {azure.workload.identity/use: 'true'}\n" + GOOD.replace("s3://", "abfs://")
    text += "labels: {}\n"

    (finding,) = judged(values__yaml=text)["XC050"]
    assert finding.line == len(text.splitlines())


def test_storage_account_with_a_dash_is_no_name(judged):
    azure = '{"conn_type": "azure_data_lake", "extra": {"account_name": "acme-xcom"}}'
    text = changed("s3://", "abfs://").replace(CONNECTION, f"'{azure}'")

    (finding,) = judged(values__yaml=text)["XC026"]
    assert "acme-xcom" in finding.observed


def test_each_file_is_listed_as_what_it_is(tmp_path):
    (tmp_path / "airflow.cfg").write_text("[core]\nx = 1\n")
    (tmp_path / ".env").write_text("A=1\n")
    names = [str(tmp_path / name) for name in ("airflow.cfg", ".env")]

    report = judge([read_configuration(names)], cloud=CloudFiles())
    assert [i.kind for i in report.inputs] == ["an airflow.cfg", "an env file"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("arn:aws:iam::123456789012:role/xcom-agents", "00000000-0000-0000-0000-000000000000"),
        ("eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents",
         "iam.gke.io/gcp-service-account: astro-xcom@acme-prod-1.gserviceaccount.com"),
        ("eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents",
         "azure.workload.identity/client-id: 00000000-0000-0000-0000-000000000000"),
    ],
)  # fmt: skip
def test_annotation_of_a_wrong_form_is_refused(judged, old, new):
    assert "XC048" in red(judged(values__yaml=changed(old, new)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("triggerer: [{env: []}]\n", "triggerer: must be a mapping"),
        ("image: {repository: r, tag: t}\n", "image: must be a text"),
        ("workers: {a: {env: []}}\n", "workers: must be a list"),
    ],
)
def test_key_of_a_shape_the_chart_does_not_read_is_no_pass(judged, text, words):
    assert words in judged(values__yaml=GOOD + text)["XC006"][0].observed


def test_reference_to_a_secret_is_not_told_instead_of_unresolved(judged):
    text = GOOD.replace("@acme-xcom/", "@$(BUCKET)/").replace(
        "commonEnv:\n",
        "commonEnv:\n  - name: BUCKET\n    valueFrom: {secretKeyRef: {name: s, key: k}}\n",
    )

    found = judged(values__yaml=text)
    assert "XC023" not in found
    assert found["XC001"][0].is_unknown


def test_reference_has_the_value_of_the_moment_as_kubernetes_walks_down_the_list(judged):
    text = GOOD.replace("@acme-xcom/", "@$(B)/").replace(
        "commonEnv:\n", "commonEnv:\n  - {name: B, value: acme-xcom}\n"
    )
    text = text.replace("serviceAccount:", "  - {name: B, value: LATER_AND_BAD}\nserviceAccount:")

    assert red(judged(values__yaml=text)) == {"XC007"}


def test_setting_that_may_come_from_elsewhere_in_one_pod_is_unknown_not_unequal(judged):
    container = "{name: w, env: [%s{name: AIRFLOW__X__Y, value: z}]%s}"
    compressed = "{name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION, value: gzip}, "
    first = container % (compressed, "")
    second = container % ("", ", envFrom: [{secretRef: {name: s}}]")
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [%s]}\n"

    found = judged(pods__yaml=pod % ("a", first) + "---\n" + pod % ("b", second))
    assert [finding.is_unknown for finding in found["XC018"]] == [True]


@pytest.mark.parametrize(
    "connection",
    [
        '{"conn_type": "aws", "port": "abc"}',
        '{"conn_type": 5}',
        "aws://h:abc/",
        "aws://h:99999/",
        "aws://:@:/?endpoint_url=http://minio:9000",
        "aws://?a=http://b&c=http://d",
    ],
)
def test_connection_that_raises_in_airflow_is_refused(judged, connection):
    text = changed(CONNECTION, f"'{connection}'")

    assert "XC019" in red(judged(values__yaml=text))


@pytest.mark.parametrize(
    "extra",
    ['{"session_kwargs": {"aws_access_key_id": "x"}}', '{"session_kwargs": {"profile_name": "p"}}'],
)
def test_key_inside_the_session_stands_over_the_identity(judged, extra):
    text = changed(CONNECTION, f"""'{{"conn_type": "aws", "extra": {extra}}}'""")

    assert "XC016" in red(judged(values__yaml=text))


def test_user_and_password_in_the_path_reach_no_report(judged):
    for user in ("AKID:hunter2@", "AKID:hunt/er2hunter2@"):
        found = judged(values__yaml=changed("aws_default@", user))
        assert "XC011" in red(found)
        assert "hunt" not in repr(found).lower()


@pytest.mark.parametrize(
    ("backend", "kwargs", "is_unknown"),
    [
        ("AIRFLOW__SECRETS__BACKEND", "", False),
        ("airflow.secrets.metastore.MetastoreBackend", "", False),
        ("airflow.secrets.local_filesystem.LocalFilesystemBackend", '{"connections_file_path": ""}',
         False),
        ("airflow.providers.hashicorp.secrets.vault.VaultBackend", '{"connections_path": null}',
         False),
        ("airflow.providers.amazon.aws.secrets.secrets_manager.SecretManagerBackend", "", True),
        ("acme.secrets.Backend", "", True),
    ],
)  # fmt: skip
def test_secrets_backend_is_asked_what_it_can_know(judged, backend, kwargs, is_unknown):
    text = f"secretBackend: {backend}\n" + changed("AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW_CONN_X")
    entry = f"  - name: AIRFLOW__SECRETS__BACKEND_KWARGS\n    value: '{kwargs}'\nserviceAccount:"

    (finding,) = judged(values__yaml=text.replace("serviceAccount:", entry))["XC004"]
    assert finding.is_unknown is is_unknown


def test_path_to_paste_is_of_the_store_the_connection_is_of(judged):
    azure = '{"conn_type": "azure_data_lake", "extra": {"account_name": "acmexcom"}}'
    text = changed(CONNECTION, f"'{azure}'").replace(f"{COMMON}PATH", "OTHER")

    (finding,) = judged(values__yaml=text)["XC001"]
    assert "abfs://aws_default@<bucket>/<prefix>" in finding.fix


def test_only_the_rules_that_were_asked_are_in_the_report(tmp_path):
    (tmp_path / "x.env").write_text("AIRFLOW__A__B=1\n")

    report = judge([read_configuration([str(tmp_path / "x.env")])], cloud=CloudFiles())
    ids = {rule.id for rule in report.rules}
    assert "XC042" not in ids
    assert "XC070" not in ids
    assert "XC053" in ids


def test_config_map_with_a_prefix_or_of_another_namespace_is_not_taken_for_the_setting(judged):
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: a}}\nspec: {{containers: "
        "[{{name: w, envFrom: [{{{prefix}configMapRef: {{name: m}}}}]}}]}}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, namespace: {space}}}\n"
        "data: {{" + COMMON + "THRESHOLD: '0'}}\n"
    )

    assert "XC002" not in judged(p__yaml=pod.format(prefix="", space="a"))
    assert "XC002" in red(judged(p__yaml=pod.format(prefix="prefix: FOO_, ", space="a")))
    assert judged(p__yaml=pod.format(prefix="", space="b"))["XC002"][0].is_unknown


def test_section_that_stands_twice_is_refused_as_airflow_does(judged):
    with pytest.raises(InputError, match=r"airflow\.cfg:3:1: \[core\] stands twice"):
        judged(airflow__cfg="[core]\na = 1\n[core]\nb = 2\n")


def test_secret_in_an_env_file_stands_where_it_stands_by_custom(judged):
    assert "XC014" not in judged(x__env="AIRFLOW__CORE__FERNET_KEY=hush\nDB_PASSWORD=hush\n")


def test_secret_in_compose_is_named_once_for_all_services_that_share_it(judged):
    text = (
        "x-env: &env\n  AIRFLOW__CORE__FERNET_KEY: hush\nservices:\n"
        "  worker: {environment: *env}\n  triggerer: {environment: *env}\n"
    )

    assert len(judged(compose__yaml=text)["XC014"]) == 1


def test_last_of_three_files_is_named_also_below_a_key_that_the_second_brought(judged):
    start, account = GOOD.split("serviceAccount:")
    wrong = "serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: nope\n"

    found = judged(a__yaml=start, b__yaml="serviceAccount:" + account, c__yaml=wrong)
    (finding,) = found["XC048"]
    assert finding.file.endswith("c.yaml")
    assert finding.line == 3
