"""Containers that may run an agent, as kubectl and helm template print them."""

import pytest
import yaml

from xcomkit.findings.errors import InputError
from xcomkit.lint.displayed import environments
from xcomkit.lint.rules import find
from xcomkit.lint.sources.pod import MOST_CONTAINERS, read_pods
from xcomkit.values.values import read_documents

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "astro-agent-worker-x", "labels": {"azure.workload.identity/use": "true"}},
    "spec": {
        "containers": [
            {
                "name": "worker",
                "image": "r/agent:1",
                "env": [
                    {"name": "BASE", "value": "astro"},
                    {"name": "AIRFLOW__A__B", "value": "$(BASE)/xcom"},
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k"}}},
                ],
            },
            {"name": "vector-logging-sidecar", "env": [{"name": "AIRFLOW__A__B", "value": "no"}]},
        ]
    },
}


def pods(*objects: object):
    text = yaml.safe_dump_all(objects)
    return read_pods(read_documents(text, name="pods.yaml"), sources=())


def test_pod_is_read_with_references_filled_in_and_sidecars_left_out():
    found = pods(POD)

    (component,) = found.environment
    assert component == "pod/astro-agent-worker-x:worker"
    assert found.environment[component] == {"BASE": "astro", "AIRFLOW__A__B": "astro/xcom"}
    assert found.variables[component][2].value is None
    assert found.pods[0].labels == {"azure.workload.identity/use": "true"}


def test_pods_are_found_in_lists_and_templates_and_sentinels_left_out():
    template = {"metadata": {}, "spec": POD["spec"]}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": template},
    }  # fmt: skip
    cron = {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"jobTemplate": {"spec": {"template": template}}},
    }  # fmt: skip
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}
    sentinel = {**POD, "metadata": {"name": "astro-agent-sentinel"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [POD, POD]}

    assert set(pods(deployment, service, cron, sentinel, listed).environment) == {
        "deployment/d:worker",
        "cronjob/c:worker",
        "pod/astro-agent-worker-x:worker",
        "pod/astro-agent-worker-x:worker#2",
    }


def test_config_map_of_the_same_files_is_looked_into_and_another_is_said_to_be_missing():
    container = {
        "name": "worker",
        "envFrom": [{"configMapRef": {"name": "here"}}, {"secretRef": {"name": "elsewhere"}}],
    }
    pod = {**POD, "spec": {"containers": [container]}}
    config = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "here"},
        "data": {"AIRFLOW__A__B": "1"},
    }  # fmt: skip

    found = pods(pod, config)
    (component,) = found.environment
    assert found.environment[component] == {"AIRFLOW__A__B": "1"}
    assert found.elsewhere == {component: "envFrom elsewhere"}

    foreign = {**config, "metadata": {"name": "here", "namespace": "other"}}
    assert pods(pod, foreign).elsewhere[component] == "envFrom here, elsewhere"


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_containers_are_read_up_to_their_limit(more):
    given = [{"name": f"worker-{n}"} for n in range(MOST_CONTAINERS + more)]
    pod = {**POD, "spec": {"containers": given}}
    if more > 0:
        with pytest.raises(InputError, match="more than 300 containers"):
            pods(pod)
    else:
        assert len(pods(pod).variables) == MOST_CONTAINERS + more


@pytest.mark.parametrize(
    ("pod", "container", "is_judged"),
    [
        ("sentinelone-worker", "worker", True),
        ("sentinel-worker-default", "agent", True),
        ("astro-agent-sentinel-5d9f", "agent", False),
        ("astro-agent-worker-x", "vectordb", True),
        ("astro-agent-worker-x", "vector-logging-sidecar", False),
        ("astro-agent-worker-x", "istio-proxy", False),
        ("astro-agent-worker-x", "git-sync", False),
    ],
)
def test_helpers_are_known_by_whole_words_of_their_names(pod, container, is_judged):
    spec = {"containers": [{"name": container, "env": POD["spec"]["containers"][0]["env"]}]}

    assert bool(pods({**POD, "metadata": {"name": pod}, "spec": spec}).variables) is is_judged


def secret(**fields: dict[str, str]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **fields}


@pytest.mark.parametrize(
    "given",
    [secret(stringData={"AIRFLOW__A__B": "hush"}), secret(data={"AIRFLOW__A__B": "aHVzaA=="})],
)
@pytest.mark.parametrize(
    "container",
    [
        {"envFrom": [{"secretRef": {"name": "s"}}]},
        {"env": [{
            "name": "AIRFLOW__A__B",
            "valueFrom": {"secretKeyRef": {"name": "s", "key": "AIRFLOW__A__B"}},
        }]},
    ],
)  # fmt: skip
def test_secret_of_the_same_files_is_read_and_its_values_are_never_displayed(given, container):
    found = pods({**POD, "spec": {"containers": [{"name": "w", **container}]}}, given)

    (component,) = found.environment
    assert found.environment[component] == {"AIRFLOW__A__B": "hush"}
    assert found.elsewhere == {}
    assert environments([found])[component]["AIRFLOW__A__B"].value == "***"


def test_encrypted_secret_is_unknown_and_what_is_no_base64_is_said():
    for text, problem in (("ENC[AES256_GCM,data:x]", ""), ("%%%", "no base64")):
        given = secret(data={"AIRFLOW__A__B": text})
        container = {"name": "w", "envFrom": [{"secretRef": {"name": "s"}}]}
        (variables,) = pods({**POD, "spec": {"containers": [container]}}, given).variables.values()
        assert variables[0].value is None
        assert problem in variables[0].problem


def test_map_that_no_pod_of_the_files_takes_is_judged_by_what_is_in_it():
    found = pods({**secret(), "kind": "ConfigMap", "data": {"AIRFLOW__A__B": "1"}})

    assert found.environment == {"configmap/s": {"AIRFLOW__A__B": "1"}}
    assert found.elsewhere == {"configmap/s": "what else its pods are given"}


def test_account_that_helm_rendered_twice_is_found():
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shared"}}
    other = {**account, "metadata": {"name": "shared", "namespace": "other"}}
    found = [one for one in find(pods(POD, account, other, account)) if one.rule.id == "XC051"]
    assert [one.line for one in found] == [40]
    assert [one.observed for one in found] == ["'shared' for line 29, line 40"]
