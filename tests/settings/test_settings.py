from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import SettingsError
from xcomkit.settings.bucket_names import bucket_problem
from xcomkit.settings.settings import Settings, parameters_of, read_notebook
from xcomkit.settings.terms import TERMS

ROOT = Path(__file__).parents[2]


def message(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping({"bucket": "some-bucket", **values})
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_shipped_defaults_are_the_safe_ones():
    settings = Settings.from_mapping({"bucket": "some-bucket"})

    assert (settings.threshold, settings.compression, settings.apply) == (0, "none", False)


def test_what_is_for_one_run_is_left_out_of_a_file():
    settings = Settings.from_mapping({"bucket": "some-bucket", "confirm_delete": "some-bucket"})
    assert settings.to_file() == {"cloud": "aws", "bucket": "some-bucket"}


def test_unknown_name_is_refused_with_the_nearest_known_one():
    assert "buckt: no such parameter; did you mean bucket?" in message(buckt="x")


@pytest.mark.parametrize("none", [None, "None"])
def test_none_of_the_guide_is_refused_and_its_effect_is_told(none):
    text = message(compression=none)

    assert "raises ValueError in every task" in text
    assert "none, gzip, zip, bz2, lzma, xz" in text


@pytest.mark.parametrize("cloud", TERMS)
@given(name=st.text())
def test_any_bucket_name_is_judged_without_a_traceback(cloud, name):
    assert isinstance(bucket_problem(name, cloud=cloud), str)


@pytest.mark.parametrize("value", ["arn:aws:s3:::acme-xcom", "s3://acme-xcom"])
def test_bucket_that_is_more_than_a_name_is_told_to_be_the_name(value):
    assert "must be the name alone, without arn:aws:s3::: or s3://" in message(bucket=value)


@pytest.mark.parametrize("value", ["<bucket-name>", "REPLACE_ME", "CHANGEME"])
def test_placeholder_left_in_is_refused(value):
    assert "still a placeholder" in message(role_name=value)


@pytest.mark.parametrize(
    "secret",
    [
        "AK" + "IA" + "ABCDEFGHIJKLMNOP",
        "-----BEGIN " + "PRIVATE KEY-----",
        "ey" + "J" * 12 + ".ey" + "J" * 12 + ".sig",
        "https://user:" + "hunter2@example.com",
    ],
)
def test_anything_like_a_secret_is_refused_and_never_repeated(secret):
    for values in ({"kms_key": secret}, {"tags": {"a": secret}}, {"accepted": [secret]}):
        text = message(**values)
        assert secret not in text
        assert "secret" in text


def test_secret_is_not_repeated_where_it_stands_as_a_name_or_under_the_name_of_one():
    secret = "AK" + "IA" + "ABCDEFGHIJKLMNOP"
    values = ({secret: 1}, {"aws_secret_access_key": "abcabc"}, {"tags": {"api_token": "abcabc"}},
              {"tags": {"password": "abcabc"}})  # fmt: skip
    for given_ in values:
        text = message(**given_)
        assert "secret" in text
        assert secret not in text
        assert "abcabc" not in text


@pytest.mark.parametrize("wrap", [str.encode, lambda s: bytearray(s, "utf-8"), lambda s: {s}])
def test_secret_in_bytes_or_in_a_set_is_refused_and_never_repeated(wrap):
    secret = "AK" + "IA" + "ABCDEFGHIJKLMNOP"
    for values in (
        {"kms_key": wrap(secret)},
        {"bucket": [wrap(secret)]},
        {"tags": {"a": wrap(secret)}},
        {"kms_key": wrap(f"a\n{secret}")},
    ):
        text = message(**values)
        assert secret not in text
        assert "(hidden) is invalid: must be a text" in text


@pytest.mark.parametrize("rest", ["/?X-Amz-Signature=abcabc", "/#abcabc", "/@abcabc"])
@pytest.mark.parametrize("name", ["endpoint_url", "oidc_issuer"])
def test_address_with_what_may_be_a_secret_is_refused_and_not_repeated(name, rest):
    text = message(**{name: f"https://store.example.com{rest}"})

    assert "must be a URL without user, password, query and fragment" in text
    assert "abcabc" not in text


LIMITS = {
    "threshold": ((-1,), (-2, "1MB", "0.5", "0  # all", "", 0.5, True)),
    "retention_days": ((1,), (0,)),
    "noncurrent_days": ((1, 36_500), (0, 36_501)),
    "repetitions": ((1, 50), (0, 51)),
    "load_tasks": ((0, 1024), (-1, 1025, "1MB", "", 1.5, True)),
    "step_timeout": ((5,), (4,)),
    "payload_sizes": (("100", "200000000"), ("99", "200000001", "")),
    "prefix": (("a/b",), ("/xcom/", "a//b", "../x", "")),
    "namespace": (("a" * 63,), ("a" * 64, "Astro", "")),
    "workers": (("a,b",), ("a,a", "", "Upper")),
    "connection_id": (("a.b-c",), ("a@b",)),
    "pod": (("deployment/agent",), ("Under_score",)),
    "endpoint_url": (("https://s3.example.com",), ("ftp://x",)),
    "accepted": (("XC123: why",), ("XC1: no",)),
    "compression": (("zip",), ("snappy",)),
    "cloud": (("aws",), ("oracle",)),
    "tags": (("a=b",), ("x",)),
    "payload_callable": (("a.b:c",), ("x",)),
    "encryption": (("sse-s3",), ("key-vault",)),
    "bucket": (
        ("a.b", "a" * 63, "abc", "x-123456789012-eu-west-1-an"),
        ("ab", "a" * 64, "Upper", "under_score", "-a-b", "a-b-", "a..b", "192.168.5.4", "xn--abc",
         "sthree-x", "abc-s3alias", "abc--ol-s3", "x-an", "schräg"),
    ),
}  # fmt: skip
"""Per parameter what is just accepted, and what is invalid."""


@pytest.mark.parametrize("name", LIMITS)
def test_value_is_accepted_up_to_its_limit_and_beyond_it_field_and_value_are_named(name):
    accepted, invalid = LIMITS[name]
    for value in accepted:
        Settings.from_mapping({"bucket": "some-bucket", name: value})
    for value in invalid:
        assert message(**{name: value}).startswith(f"{name}: {value!r} is invalid: ")


def test_all_that_is_wrong_is_said_at_once_and_a_long_value_is_cut_within_its_quotes():
    text = message(threshold=-5, prefix="/" * 200, encryption="sse-kms", buckt="x")

    wrong = ("threshold: -5 is", "prefix: '///", "///' is invalid", "kms_key: '' is invalid")
    assert all(one in text for one in (*wrong, "buckt: no such parameter"))
    assert len(text) < 700
    many = message(**{f"name{number}": 1 for number in range(30)})
    assert "name9: no such parameter. and 20 more" in many


def test_encryption_with_kms_needs_its_key():
    assert "kms_key" in message(encryption="sse-kms")


def test_missing_bucket_says_what_to_set():
    with pytest.raises(
        SettingsError, match=r"cannot do without it\. Next: fill in bucket in parameters"
    ):
        Settings.from_mapping({})


def test_text_from_a_notebook_or_the_command_line_becomes_lists_and_tags():
    settings = Settings.from_mapping(
        {"bucket": "some-bucket", "workers": "a, b", "payload_sizes": 1000,
         "tags": "team=data, env=prod", "accepted": "XC205: no budget, yet; XC211: later",
         "apply": "true", "threshold": "10"}
    )  # fmt: skip

    assert settings.workers == ("a", "b")
    assert settings.payload_sizes == (1000,)  # papermill -p makes a number
    assert settings.tags == {"team": "data", "env": "prod"}
    assert settings.accepted_reasons == {"XC205": "no budget, yet", "XC211": "later"}
    assert (settings.apply, settings.threshold) == (True, 10)


class TestFiles:
    def test_file_for_other_stores_asks_for_bucket_and_address_only(self):
        given = {"bucket": "some-bucket", "endpoint_url": "https://store.example"}

        settings = Settings.from_yaml(ROOT / "parameters/s3-compatible.yaml", overrides=given)

        assert settings.is_compatible_store
        assert settings.agent_keys_secret
        assert not settings.oidc_issuer

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("- a\n", "not a mapping"), ("a: [1\n", ":2:1: "), ("a: b: c\n", "mapping values"),
            ("bucket: a\nbucket: b\n", "duplicate key bucket"),
            ("", "not a mapping"), ("1: x\n", "not a mapping"), ("\x00", "not YAML"),
            ("bucket: &a [*a]\n", ":1:9: no anchors and aliases"),
            ("cloud: aws\ntags: &a {x: *a}\n", ":2:7: no anchors"),
            ("bucket: *a\n", ":1:9: no anchors"),
            ("&a bucket: x\n", "no anchors"),
            ("bucket: &a x\nprefix: *a\n", "no anchors"),
            ("[" * 9_000, "nested too deeply"),
            ("a: " + "{a: " * 3_000, "nested too deeply"),
            ("".join(" " * n + "a:\n" for n in range(3_000)), "nested too deeply"),
            ("kms_key: !!binary QUtJQQ==\n", ":1:10: no tags"),
            ("kms_key: ! .nan\n", "a number that is none"),
            ("bucket: !!set {a}\n", ":1:9: no tags"),
            (f"bucket: !{'AK'}IAABCDEFGHIJKLMNOP x\n", ":1:9: no tags, write the value itself."),
            ("threshold: !!float nan\n", ":1:12: no tags"),
            ("cloud: .nan\n", ":1:8: a number that is none"),
            ("cloud: aws\ntags: {a: [.NaN]}\n", ":2:12: a number that is none"),
            ("bucket: a\n---\nbucket: b\n", "another document"),
            (f"threshold: 0x{'f' * 5_000}\n", "Exceeds the limit"),
            ("bucket: 2020-13-45", "Next: quote that value"),
            ("threshold: 0x_", "Next: quote that value"),
        ],
    )  # fmt: skip
    def test_file_that_no_parameters_can_be_is_refused_in_one_line(self, tmp_path, text, problem):
        path = tmp_path / "p.yaml"
        path.write_text(text)

        with pytest.raises(SettingsError) as caught:
            Settings.from_yaml(path)

        assert problem in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_text_that_only_looks_like_any_of_that_is_a_text(self, tmp_path):
        text = "bucket: !!str 123456\ntags: {a: '.nan', b: '&a', c: '*a', d: .nan.}\n"
        (tmp_path / "p.yaml").write_text(text)

        settings = Settings.from_yaml(tmp_path / "p.yaml")

        assert settings.bucket == "123456"
        assert settings.tags == {"a": ".nan", "b": "&a", "c": "*a", "d": ".nan."}

    def test_file_that_is_missing_or_no_text_is_one_line(self, tmp_path):
        (tmp_path / "p.yaml").write_bytes(b"\xff\xfe\xff")
        for name, problem in (("none.yaml", "No such file"), ("p.yaml", "not UTF-8")):
            with pytest.raises(SettingsError, match=problem):
                Settings.from_yaml(tmp_path / name)


class TestNotebooks:
    def test_value_that_no_line_could_hold_is_one_line_that_does_not_repeat_it(self):
        endless = []
        endless.append(endless)
        for value in (endless, b"bytes", {"a-set"}, 2**50_000):
            for name in ("tags", "typo"):
                with pytest.raises(SettingsError, match=f"^{name}: .hidden. is invalid: must be"):
                    Settings.from_mapping({"bucket": "my-bucket", name: value})

    def test_untouched_parameters_mean_the_practice_target(self):
        settings = Settings.from_notebook(Settings().to_parameters(), root=ROOT)

        assert (settings.is_embedded, settings.bucket) == (True, "xcom-runbook-local")

    def test_practice_takes_what_was_changed_and_names_its_file(self):
        namespace = {**Settings().to_parameters(), "retention_days": 5}

        assert Settings.from_notebook(namespace, root=ROOT).retention_days == 5
        assert read_notebook(namespace, root=ROOT).file == ROOT / "parameters/local-aws.yaml"
        assert read_notebook({"bucket": "my-bucket"}, root=ROOT).file is None

    def test_list_of_the_target_is_not_replaced_by_the_default_that_the_parameters_cell_spells(
        self, tmp_path
    ):
        folder = tmp_path / "parameters"
        folder.mkdir()
        lists = "workers: a,b\npayload_sizes: [1000]\n"
        (folder / "local-aws.yaml").write_text(f"bucket: b-1\nendpoint_url: embedded\n{lists}")
        cell = {"bucket": "", "workers": "default-worker", "payload_sizes": "100000,2000000"}

        settings = Settings.from_notebook(cell, root=tmp_path)

        assert (settings.workers, settings.payload_sizes) == (("a", "b"), (1000,))

    def test_named_bucket_takes_nothing_from_the_practice_file(self):
        namespace = {"bucket": "my-bucket", "In": [], "Out": {}, "_": 1, "_i": "x", "Path": Path}

        settings = Settings.from_notebook(namespace, root=ROOT)

        assert (settings.endpoint_url, settings.apply) == ("", False)

    @pytest.mark.parametrize("bucket", ["", "my-bucket"])
    def test_misspelled_parameter_in_the_namespace_is_refused(self, bucket):
        namespace = {**Settings().to_parameters(), "bucket": bucket, "comression": "zip"}

        with pytest.raises(SettingsError, match="did you mean compression"):
            Settings.from_notebook(namespace, root=ROOT)


AZURE = {
    "cloud": "azure",
    "bucket": "xcom",
    "subscription_id": "00000000-0000-4000-8000-000000000001",
    "resource_group": "rg",
    "storage_account": "xcomaccount",
}
GCP = {"cloud": "gcp", "bucket": "xcom", "project": "my-project"}


@pytest.mark.parametrize(
    ("given", "path", "place"),
    [
        ({"bucket": "xcom", "prefix": "a/b"}, "s3://aws_default@xcom/a/b", "s3://xcom/a/b"),
        (AZURE, "abfs://azure_data_lake_default@xcom/xcom",
         "https://xcomaccount.blob.core.windows.net/xcom/xcom"),
        (GCP, "gs://google_cloud_default@xcom/xcom", "gs://xcom/xcom"),
    ],
)  # fmt: skip
def test_every_cloud_has_its_own_words_where_nothing_is_said(given, path, place):
    settings = Settings.from_mapping(given)

    assert (settings.base_path, settings.place) == (path, place)
    assert settings.region
    assert Settings.from_mapping(settings.to_parameters()) == settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**AZURE, "storage_account": ""}, "storage_account: '' is invalid: azure cannot do"),
        ({**AZURE, "storage_account": "Under_score"}, "3 to 24 lower case letters and digits"),
        ({**AZURE, "subscription_id": "mine"}, "subscription_id: 'mine' is invalid"),
        ({**AZURE, "managed_identity": "x"}, "managed_identity: 'x' is invalid"),
        ({**AZURE, "bucket": "two--dashes"}, "bucket: 'two--dashes' is invalid"),
        ({**AZURE, "encryption": "sse-s3"}, "must be microsoft-managed or key-vault on azure"),
        ({**AZURE, "encryption": "key-vault"}, "kms_key: '' is invalid: key-vault needs a key"),
        ({"encryption": "sse-kms", "kms_key": "abc"}, "'abc' is invalid: must be an ARN such as"),
        ({**GCP, "encryption": "customer-managed", "kms_key": "k"}, "must be a path such as"),
        ({**AZURE, "encryption": "key-vault", "kms_key": "k"}, "must be a URL such as"),
        ({**GCP, "kms_key": "projects/p"}, "only customer-managed takes one"),
        ({**AZURE, "endpoint_url": "https://minio.local"}, "must be embedded or empty on azure"),
        ({**AZURE, "connection_store": "secrets-manager"}, "connection_store: 'secrets-manager'"),
        ({**GCP, "project": ""}, "project: '' is invalid: gcp cannot do without it"),
        ({**GCP, "project": "1abc"}, "project: '1abc' is invalid"),
        ({**GCP, "noncurrent_days": 3}, "must be 7 to 90, as Google Cloud Storage accepts"),
        ({**GCP, "bucket": "my.domain"}, "needs a domain"),
        ({**GCP, "bucket": "goog-xcom"}, "reserved"),
        ({**GCP, "workload_pool": "pool"}, "workload_pool: 'pool' is invalid"),
        ({"cloud": "oracle", "bucket": "xcom"}, "must be 'aws', 'azure' or 'gcp'"),
    ],
)
def test_what_a_cloud_would_refuse_is_refused_in_one_line(given, told):
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping(given)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_issuer_of_an_aks_cluster_keeps_its_last_slash():
    issuer = "https://westeurope.oic.prod-aks.azure.com/t/c/"

    assert Settings.from_mapping({**AZURE, "oidc_issuer": issuer}).oidc_issuer == issuer


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_notebook_that_names_only_a_cloud_practises_on_its_stand_in(cloud):
    settings = Settings.from_notebook({"cloud": cloud, "bucket": "", "endpoint_url": ""}, root=ROOT)

    assert (settings.cloud, settings.is_embedded) == (cloud, True)


@pytest.mark.parametrize("name", ["aws", "azure", "gcp"])
def test_file_for_a_real_account_is_refused_until_it_is_filled_in(name):
    with pytest.raises(SettingsError, match="still a placeholder"):
        Settings.from_yaml(ROOT / f"parameters/{name}.yaml")


def test_every_parameter_is_taken_by_a_step_and_the_start_page_takes_all():
    steps = [parameters_of(f"{number:02}_step") for number in range(8)]

    assert {name for names in steps for name in names} == set(Settings.model_fields)
    assert set(parameters_of("start")) == set(Settings.model_fields)
    assert not {"apply", "workers", "load_tasks"} & set(steps[0])
    for names in steps:
        assert {
            "cloud",
            "bucket",
            "prefix",
            "region",
            "endpoint_url",
            "subscription_id",
            "resource_group",
            "storage_account",
            "project",
            "run_dir",
            "accepted",
        } <= {*names}
