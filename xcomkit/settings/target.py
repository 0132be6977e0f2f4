"""What a run is bound to: cloud, bucket, identity and the chart's agents."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from xcomkit.findings.model import CODECS, CloudName, Codec
from xcomkit.settings.refusals import (
    ADDRESS_ALONE,
    BESIDE_ADDRESS,
    PLACEHOLDER,
    SECRET,
    hidden,
    split,
    texts,
    whole_number,
)
from xcomkit.settings.regions import read_region
from xcomkit.settings.terms import EMBEDDED, NAMES, TERMS

_NEVER_EMPTY = ("prefix", "namespace", "release", "resource_name_prefix")

WholeNumber = Annotated[int, BeforeValidator(whole_number)]


class TargetSettings(BaseModel):
    """Where the objects lie, who may reach them, and what judges every other field too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cloud: CloudName = Field("aws", description="cloud of the bucket: aws, azure or gcp")
    bucket: str = Field(
        "", description="name of the bucket (Azure: container) that will hold the XCom objects"
    )
    prefix: str = Field("xcom", description="prefix of all XCom keys, without outer slashes")
    region: str = Field(
        "",
        validate_default=True,
        description="region of the bucket; empty: us-east-1, westeurope or europe-west1",
    )
    endpoint_url: str = Field(
        "",
        description="embedded: our stand-in; URL of an S3-compatible store; empty: the cloud",
    )
    agent_keys_secret: str = Field(
        "", description="S3-compatible: Kubernetes Secret that holds the agents' keys"
    )
    ca_bundle: str = Field(
        "", description="S3-compatible: file in the agents' pods of the CA behind endpoint_url"
    )
    checksums: Literal["when_supported", "when_required"] = Field(
        "when_supported",
        description="S3-compatible: when_required, if uploads end in 411 or 501",
    )
    subscription_id: str = Field("", description="Azure: subscription of the storage account")
    resource_group: str = Field("", description="Azure: resource group, which must exist")
    storage_account: str = Field("", description="Azure: storage account that holds the container")
    project: str = Field("", description="GCP: id of the project of the bucket")
    connection_id: str = Field(
        "",
        validate_default=True,
        description="Airflow connection id, the part before @ in the path; empty: the usual",
    )
    connection_store: Literal["values", "secrets-manager"] = Field(
        "values",
        description="values: AIRFLOW_CONN_* in commonEnv; secrets-manager (AWS)",
    )
    threshold: WholeNumber = Field(
        0, ge=-1, description="bytes of JSON from which a value goes to the bucket; 0: always"
    )
    backend: Literal["durable", "stock"] = Field(
        "durable",
        description="durable: confirms what it writes; stock: common-io's class",
    )
    compression: Codec = Field("none", description="none, gzip, zip, bz2, lzma or xz")
    retention_days: WholeNumber = Field(
        30, ge=1, description="days until an XCom object expires; longer than any re-run window"
    )
    noncurrent_days: WholeNumber = Field(
        7, ge=1, description="days until a replaced or deleted version is gone"
    )
    encryption: str = Field(
        "",
        validate_default=True,
        description="sse-kms, key-vault or customer-managed need kms_key; empty: as it is",
    )
    kms_key: str = Field(
        "", description="key of sse-kms (ARN), key-vault (URL) or customer-managed (its path)"
    )
    role_name: str = Field("xcom-agents", description="AWS: role of the agents' service accounts")
    managed_identity: str = Field(
        "xcom-agents", description="Azure: user-assigned managed identity of the agents"
    )
    service_account: str = Field(
        "xcom-agents",
        description="GCP: agents' service account; e-mail if of another project",
    )
    oidc_issuer: str = Field(
        "", description="AWS, Azure: issuer of the cluster's service-account tokens, a https URL"
    )
    workload_pool: str = Field(
        "", description="GCP: identity pool of the cluster; empty: that of the account's project"
    )
    namespace: str = Field("astro", description="Kubernetes namespace of the agents")
    release: str = Field("astro-agent", description="name of the Helm release")
    resource_name_prefix: str = Field(
        "astro-agent", description="resourceNamePrefix of the chart, in each account"
    )
    workers: Annotated[tuple[str, ...], BeforeValidator(split)] = Field(
        ("default-worker",), description="names of the worker groups, separated by commas"
    )
    values_file: str = Field(
        "", description="values.yaml downloaded from the Astro UI; empty: a fragment is made"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_secrets_and_placeholders(cls, value: object, info: ValidationInfo) -> object:
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
                f"accepted are {', '.join(CODECS)}; the guide's None reaches Airflow as a word and"
                " raises ValueError in every task, so write none, which leaves the variable out"
            )
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: str, info: ValidationInfo) -> str:
        cloud = info.data.get("cloud", "")
        return read_region(value, cloud=cloud) if value and cloud else value

    @field_validator("region", "connection_id")
    @classmethod
    def _default_of_the_cloud(cls, value: str, info: ValidationInfo) -> str:
        terms = TERMS.get(info.data.get("cloud", ""))
        if value or terms is None or info.field_name is None:
            return value
        return terms.region if info.field_name == "region" else terms.connection_id

    @field_validator("bucket")
    @classmethod
    def _bucket_name(cls, value: str, info: ValidationInfo) -> str:
        terms = TERMS.get(info.data.get("cloud", ""))
        if value and terms and (reason := terms.name_problem(value)):
            raise ValueError(reason)
        return value

    @field_validator("workers")
    @classmethod
    def _worker_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("accepted is at least one name, each once")
        if any(not re.fullmatch(NAMES["namespace"][0], name) for name in value):
            raise ValueError("accepted are names of lower case letters, digits and inner dashes")
        return value

    @field_validator(*NAMES, check_fields=False)  # some are fields of the proof
    @classmethod
    def _name(cls, value: str, info: ValidationInfo) -> str:
        pattern, accepted = NAMES[info.field_name or ""]
        may_be_empty = info.field_name not in _NEVER_EMPTY
        if not re.fullmatch(pattern, value, re.ASCII) and (value or not may_be_empty):
            raise ValueError(f"accepted are {accepted}")
        return value

    @field_validator("endpoint_url", "oidc_issuer")
    @classmethod
    def _url(cls, value: str, info: ValidationInfo) -> str:
        if BESIDE_ADDRESS.search(value):
            raise hidden(ADDRESS_ALONE)
        if value and value != EMBEDDED and not re.fullmatch(r"https?://[^\s/]+(?:/[^\s]*)?", value):
            raise ValueError("accepted is a URL that starts with https://")
        # An AKS issuer ends in a slash, and a federated credential compares it to the letter.
        return value if info.data.get("cloud") == "azure" else value.rstrip("/")
