"""What a run is bound to: cloud, bucket, identity and the chart's agents."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from xcomkit.findings.model import CODECS, CloudName, Codec
from xcomkit.settings.bucket_names import bucket_problem
from xcomkit.settings.regions import read_region
from xcomkit.settings.terms import EMBEDDED, NAMES, TERMS
from xcomkit.settings.validators import (
    ADDRESS_ALONE,
    BESIDE_ADDRESS,
    PLACEHOLDER,
    SECRET,
    hidden,
    parameter,
    split,
    texts,
    whole_number,
)

_NEVER_EMPTY = ("prefix", "state_prefix", "namespace", "release", "resource_name_prefix")
_AGENTS = "02 03 04 06"  # what reads the values file, and makes the agents' environment of it
_IDENTITY = "02 03 04 06 07"
_STATE = "01 02 03 04 05 06"
_BUCKET = "01 02 06"  # step 06 looks whether the bucket still expires what it wrote

WholeNumber = Annotated[int, BeforeValidator(whole_number)]
Texts = Annotated[tuple[str, ...], BeforeValidator(split)]


class TargetSettings(BaseModel):
    """Where the objects lie, who may reach them, and what judges every other field too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cloud: CloudName = parameter("aws", "", "cloud of the bucket: aws, azure or gcp")
    bucket: str = parameter("", "", "bucket (Azure: container) that will hold the XCom objects")
    prefix: str = parameter("xcom", "", "prefix of all XCom keys, without outer slashes")
    region: str = parameter(
        "", "", "region of the bucket; empty: us-east-1, westeurope or europe-west1",
        validate_default=True,
    )  # fmt: skip
    endpoint_url: str = parameter(
        "", "", "embedded: our stand-in; URL of an S3-compatible store; empty: the cloud"
    )
    agent_keys_secret: str = parameter("", _AGENTS, "S3-compatible: Secret with the agents' keys")
    ca_bundle: str = parameter("", _AGENTS, "S3-compatible: CA file of it in the agents' pods")
    checksums: Literal["when_supported", "when_required"] = parameter(
        "when_supported", _AGENTS, "S3-compatible: when_required, if uploads end in 411 or 501"
    )
    subscription_id: str = parameter("", "", "Azure: subscription of the storage account")
    resource_group: str = parameter("", "", "Azure: resource group, which must exist")
    storage_account: str = parameter("", "", "Azure: storage account that holds the container")
    project: str = parameter("", "", "GCP: id of the project of the bucket")
    connection_id: str = parameter(
        "", _AGENTS, "Airflow connection id, before @ in the path; empty: as aws_default",
        validate_default=True,
    )  # fmt: skip
    connection_store: Literal["values", "secrets-manager"] = parameter(
        "values", _AGENTS, "values: AIRFLOW_CONN_* in commonEnv; secrets-manager (AWS)"
    )
    threshold: WholeNumber = parameter(
        0, f"{_AGENTS} 05", "bytes of JSON from which a value goes to the bucket; 0: always", ge=-1
    )
    backend: Literal["durable", "stock"] = parameter(
        "durable", _AGENTS, "durable: confirms what it writes; stock: common-io's class"
    )
    state_store: bool = parameter(
        True, _STATE, "True: a state store beside XCom, needed from agent 1.8.0 on; False: none"
    )
    state_prefix: str = parameter(
        "task-state", _STATE, "prefix of the state store, apart from that of XCom"
    )
    state_threshold: WholeNumber = parameter(
        0, _AGENTS, "bytes of JSON from which state goes to the bucket; 0: always", ge=0
    )
    compression: Codec = parameter("none", _AGENTS, "none, gzip, zip, bz2, lzma or xz")
    retention_days: WholeNumber = parameter(
        30, "01 05 06", "days until an XCom object expires; longer than any re-run window", ge=1
    )
    noncurrent_days: WholeNumber = parameter(
        7, "01 06", "days until a replaced or deleted version is gone", ge=1
    )
    encryption: str = parameter(
        "", _BUCKET, "sse-kms, key-vault or customer-managed need kms_key; empty: as it is",
        validate_default=True,
    )  # fmt: skip
    kms_key: str = parameter("", _BUCKET, "ARN (AWS), URL (Azure) or path (GCP) of that key")
    role_name: str = parameter("xcom-agents", _IDENTITY, "AWS: role of the agents' accounts")
    managed_identity: str = parameter("xcom-agents", _IDENTITY, "Azure: the agents' identity")
    service_account: str = parameter("xcom-agents", _IDENTITY, "GCP: the agents' name or e-mail")
    oidc_issuer: str = parameter("", "02", "AWS, Azure: URL of the cluster's token issuer")
    workload_pool: str = parameter("", _IDENTITY, "GCP: the cluster's pool; empty: the project's")
    namespace: str = parameter("astro", _AGENTS, "Kubernetes namespace of the agents")
    release: str = parameter("astro-agent", "03", "name of the Helm release")
    chart: str = parameter("", "03", "folder, .tgz or oci:// of the chart; empty: the vendor's")
    chart_version: str = parameter("", "03", "version of the chart; empty: the newest")
    resource_name_prefix: str = parameter("astro-agent", _AGENTS, "resourceNamePrefix of the chart")
    workers: Texts = parameter(("default-worker",), _AGENTS, "worker groups, separated by commas")
    values_file: str = parameter("", _AGENTS, "values.yaml of the Astro UI; empty: a fragment")

    @field_validator("*", mode="before")
    @classmethod
    def _reject_secrets_and_placeholders(cls, value: object, info: ValidationInfo) -> object:
        is_elsewhere = info.data.get("endpoint_url", EMBEDDED) not in ("", EMBEDDED)
        if info.field_name == "oidc_issuer" and is_elsewhere and PLACEHOLDER.search(str(value)):
            return ""  # a store that speaks S3 asks for none
        for text in texts(value):
            if SECRET.search(text):
                raise ValueError("this looks like a secret, which no parameter may hold")
            if PLACEHOLDER.search(text):
                raise ValueError("this is still a placeholder")
        return value

    @field_validator("compression", mode="before")
    @classmethod
    def _explain_none(cls, value: object) -> object:
        if value is None or value in ("None", "NONE"):
            raise ValueError(
                f"must be {', '.join(CODECS)}; the guide's None reaches Airflow as a word and"
                " raises ValueError in every task, so write none, which leaves the variable out"
            )
        return value

    @field_validator("region", "connection_id")
    @classmethod
    def _default_of_the_cloud(cls, value: str, info: ValidationInfo) -> str:
        cloud = info.data.get("cloud", "")
        if not cloud:
            return value
        if info.field_name == "connection_id":
            return value or TERMS[cloud].connection_id
        return read_region(value, cloud=cloud) if value else TERMS[cloud].region

    @field_validator("bucket")
    @classmethod
    def _bucket_name(cls, value: str, info: ValidationInfo) -> str:
        cloud = info.data.get("cloud", "")
        if value and cloud and (reason := bucket_problem(value, cloud=cloud)):
            raise ValueError(reason)
        return value

    @field_validator("workers")
    @classmethod
    def _worker_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("must be at least one name, each once")
        pattern, words = NAMES["namespace"]
        if any(not re.fullmatch(pattern, name) for name in value):
            raise ValueError(f"must be names of {words}")
        return value

    @field_validator(*NAMES, check_fields=False)  # some are fields of the proof
    @classmethod
    def _name(cls, value: str, info: ValidationInfo) -> str:
        pattern, words = NAMES[info.field_name or ""]
        may_be_empty = info.field_name not in _NEVER_EMPTY
        if not re.fullmatch(pattern, value, re.ASCII) and (value or not may_be_empty):
            raise ValueError(f"must be {words}")
        return value

    @field_validator("endpoint_url", "oidc_issuer")
    @classmethod
    def _url(cls, value: str, info: ValidationInfo) -> str:
        if BESIDE_ADDRESS.search(value):
            raise hidden(ADDRESS_ALONE)
        if value and value != EMBEDDED and not re.fullmatch(r"https?://[^\s/]+(?:/[^\s]*)?", value):
            raise ValueError("must be a URL that starts with https://")
        # An AKS issuer ends in a slash, and a federated credential compares it to the letter.
        return value if info.data.get("cloud") == "azure" else value.rstrip("/")
