"""Containers that may run an agent, as kubectl and helm template print them."""

import yaml

from xcomkit.lint.sources.pod import read_pods
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
