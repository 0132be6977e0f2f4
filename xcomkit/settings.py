"""All parameters of a run in one flat, documented and validated model.

The same model reads ``parameters/*.yaml``, ``-p name=value`` pairs and the namespace of a notebook.
A refusal names the field, the value and what is accepted, in one line, and never repeats a secret.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from xcomkit.errors import SettingsError
from xcomkit.model import CODECS, CloudName, Codec
from xcomkit.parameter_file import read_parameters
from xcomkit.refusals import (
    PLACEHOLDER,
    SECRET,
    one_line,
    split,
    split_accepted,
    split_tags,
    texts,
    unknown_name,
    whole_number,
)
from xcomkit.terms import EMBEDDED, NAMES, TERMS, contradictions

PRACTICE_FILE = "parameters/local-{cloud}.yaml"

_NEVER_EMPTY = ("prefix", "namespace", "release", "resource_name_prefix")
_ACCEPTED = re.compile(r"(XC\d{3}): *(\S.*)")


WholeNumber = Annotated[int, BeforeValidator(whole_number)]


class Settings(BaseModel):
    """What a run is bound to; every field is a parameter of every notebook."""

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
    subscription_id: str = Field("", description="Azure: subscription of the storage account")
    resource_group: str = Field("", description="Azure: resource group, which must exist")
    storage_account: str = Field("", description="Azure: storage account that holds the container")
    project: str = Field("", description="GCP: id of the project of bucket and service account")
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
        description="sse-kms, key-vault or customer-managed need kms_key; empty: the usual",
    )
    kms_key: str = Field(
        "", description="key of sse-kms (ARN), key-vault (URL) or customer-managed (its path)"
    )
    role_name: str = Field("xcom-agents", description="AWS: role of the agents' service accounts")
    managed_identity: str = Field(
        "xcom-agents", description="Azure: user-assigned managed identity of the agents"
    )
    service_account: str = Field(
        "xcom-agents", description="GCP: service account of the agents, the part before @"
    )
    oidc_issuer: str = Field(
        "", description="AWS, Azure: issuer of the cluster's service-account tokens, a https URL"
    )
    workload_pool: str = Field(
        "", description="GCP: workload identity pool of the cluster; empty: PROJECT.svc.id.goog"
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
    payload_sizes: Annotated[tuple[WholeNumber, ...], BeforeValidator(split)] = Field(
        (100_000, 5_000_000), description="bytes of the two record payloads that are timed"
    )
    repetitions: WholeNumber = Field(
        3, ge=1, le=50, description="repetitions behind each median of step 04"
    )
    run_in: Literal["local", "kubectl"] = Field(
        "local", description="where step 04 runs: local, or kubectl for the agent's own pod"
    )
    pod: str = Field(
        "", description="pod, or deployment/NAME, for run_in; empty: the first worker group's"
    )
    container: str = Field("", description="container of that pod; empty: its default one")
    assumed_rtt_ms: WholeNumber = Field(
        20, ge=0, le=2000, description="ms between agent and store, for the advice on codecs"
    )
    fault_depth: Literal["quick", "full"] = Field(
        "quick", description="faults tried in step 04; full waits for retries, some minutes"
    )
    payload_file: str = Field("", description="JSON file with a value of your own to round-trip")
    payload_callable: str = Field(
        "", description="module:function that returns such a value; only the worker imports it"
    )
    dags_folder: str = Field(
        "", description="folder of your Dag files; step 06 reads, never runs them"
    )
    step_timeout: WholeNumber = Field(
        600, ge=5, description="seconds after which a cell of a step counts as hung"
    )
    tags: Annotated[dict[str, str], BeforeValidator(split_tags)] = Field(
        default_factory=dict,
        description="tags of what is created, name and value joined by an equals sign",
    )
    accepted: Annotated[tuple[str, ...], BeforeValidator(split_accepted)] = Field(
        (), description="risks taken knowingly, as XC123: reason; XC124: reason"
    )
    apply: bool = Field(
        default=False, description="False: show the plan only; True: make the changes"
    )
    confirm_delete: str = Field(
        "", description="type the bucket's name to let step 07 delete bucket and identity"
    )
    run_dir: str = Field("", description="directory of this run; empty: a new one below runs/")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_secrets_and_placeholders(cls, value: object) -> object:
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

    @field_validator("region", "connection_id", "encryption")
    @classmethod
    def _default_of_the_cloud(cls, value: str, info: ValidationInfo) -> str:
        terms = TERMS.get(info.data.get("cloud", ""))
        if value or terms is None or info.field_name is None:
            return value
        usual = {"encryption": terms.encryptions[0], "region": terms.region}
        return usual.get(info.field_name, terms.connection_id)

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

    @field_validator(*NAMES)
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
        if value and value != EMBEDDED and not re.fullmatch(r"https?://[^\s/]+(?:/[^\s]*)?", value):
            raise ValueError("accepted is a URL that starts with https://")
        # An AKS issuer ends in a slash, and a federated credential compares it to the letter.
        return value if info.data.get("cloud") == "azure" else value.rstrip("/")

    @field_validator("payload_sizes")
    @classmethod
    def _sizes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(not 100 <= size <= 200_000_000 for size in value):
            raise ValueError("accepted are sizes from 100 to 200000000 bytes")
        return value

    @field_validator("accepted")
    @classmethod
    def _accepted_risks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _ACCEPTED.fullmatch(item) for item in value):
            raise ValueError("accepted is the check's id and a reason, as XC123: reason")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        refusals = contradictions(self)
        for name, reason in refusals.items():
            if reason:
                raise ValueError(f"{name}: {getattr(self, name)!r} is refused: {reason}")
        return self

    @property
    def base_path(self) -> str:
        """Return the XCom path, ``<protocol>://<connection-id>@<bucket>/<prefix>`` (guide)."""
        return f"{TERMS[self.cloud].scheme}://{self.connection_id}@{self.bucket}/{self.prefix}"

    @property
    def place(self) -> str:
        """Return where the objects are, as a person would write it down."""
        return TERMS[self.cloud].place.format(
            bucket=self.bucket, prefix=self.prefix, storage_account=self.storage_account
        )

    @property
    def accepted_reasons(self) -> dict[str, str]:
        """Return the reason per accepted check id."""
        found = (_ACCEPTED.fullmatch(item) for item in self.accepted)
        return {match[1]: match[2] for match in found if match}

    @property
    def is_embedded(self) -> bool:
        """Tell whether the target is the stand-in shipped with this package."""
        return self.endpoint_url == EMBEDDED

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, source: str = "parameters") -> Self:
        """Return validated settings.

        Raises:
            SettingsError: on the first refused name or value, in one line.
        """
        for name, value in values.items():
            if name not in cls.model_fields:
                raise SettingsError(
                    unknown_name(name, value, known=cls.model_fields), hint=f"correct {source}."
                )
        try:
            settings = cls(
                **{
                    name: value
                    for name, value in values.items()
                    if value is not None or name == "compression"
                }
            )
        except ValidationError as error:
            raise SettingsError(one_line(error, values), hint=f"correct {source}.") from None
        for name in ("bucket", *TERMS[settings.cloud].needed):
            if not getattr(settings, name):
                raise SettingsError(
                    f"{name}: '' is refused: {settings.cloud} cannot do without it.",
                    hint=f"set {name} in {source}.",
                )
        return settings

    @classmethod
    def from_yaml(cls, path: Path, *, overrides: Mapping[str, Any] | None = None) -> Self:
        """Return the settings of a parameter file, each override replacing its value.

        Raises:
            SettingsError: when the file cannot be read or a value is refused.
        """
        given = overrides or {}
        source = f"{path.name} or what replaces it (-p)" if given else path.name
        return cls.from_mapping({**read_parameters(path), **given}, source=source)

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any], *, root: Path) -> Self:
        """Return the settings found in a notebook's namespace.

        A namespace without bucket and endpoint means that nobody named a target: the practice
        target of the cloud, ``parameters/local-<cloud>.yaml``, is used, under whatever else
        differs from the defaults. Nothing of that file is ever mixed into a named target.

        Raises:
            SettingsError: also for a name that only a typo could have put there.
        """
        plain = (bool, int, float, str, list, tuple, dict, type(None))
        values = {
            name: value
            for name, value in namespace.items()
            if not name.startswith("_") and name not in ("In", "Out") and isinstance(value, plain)
        }
        if not values.get("bucket") and not values.get("endpoint_url"):
            defaults = cls().to_parameters()
            passed = {name: value for name, value in values.items() if value != defaults.get(name)}
            changed = {name: value for name, value in passed.items() if value != ""}
            name = changed.get("cloud", defaults["cloud"])
            practice = PRACTICE_FILE.format(cloud=name if name in TERMS else defaults["cloud"])
            return cls.from_yaml(root / practice, overrides=changed)
        return cls.from_mapping(values, source="the parameters of this notebook")

    def to_parameters(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, as a parameter file would hold them."""
        return self.model_dump(mode="json")
