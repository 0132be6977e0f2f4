"""What ``xcomkit doctor`` looks for in a folder."""

from collections.abc import Mapping

FILES: Mapping[str, str] = {
    "values.yaml": "helm get values RELEASE -n NAMESPACE -o yaml",
    "manifest.yaml": "helm get manifest RELEASE -n NAMESPACE",
    "pods.yaml": "kubectl get pods -n NAMESPACE -o yaml",
    "*.log": "kubectl logs -n NAMESPACE POD --all-containers --tail=2000 > POD.log",
    "trust.json": "who may become the identity, as for xcomkit lint --trust",
    "policy.json": "what it may do, as for xcomkit lint --policy",
    "lifecycle.json": "when objects expire, as for xcomkit lint --lifecycle",
    "xcoms.json": "answers of Airflow's REST API to .../xcomEntries/KEY, one after another",
    "objects.json": "all keys below the path, listed after the rows: aws s3api list-objects-v2",
}
"""What is looked for in the folder, and the command that prints it."""
