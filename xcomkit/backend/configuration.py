"""Judge what a worker is bound to before anything is pushed: class, connection, codec, path."""

from collections.abc import Mapping
from dataclasses import replace

from xcomkit.backend.expectation import Expectation, expect
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import STATE, XCOM, Hello, Subject, connection
from xcomkit.findings.model import Check, Rule, WorkerIdentity

SCHEMES = ("s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl")
"""Schemes of Airflow that leave the pod and honour the connection id."""
_GREETING = "a fresh process with only the effective environment"

_CLASS = expect(
    ("XC501", "Airflow resolves the configured backend class"),
    ("XC530", "Airflow resolves the configured state store class"),
    why="A class that cannot be imported fails every task that needs it; without one each {value}"
    " stays in the database.",
    remedy=(
        "Set xcomBackend to the class path and install common-io and the provider in the image.",
        "Set stateStoreBackend to the class path, with common-io 1.8 or xcomkit in the image.",
    ),
    source=(
        "airflow.sdk.execution_time.xcom",
        "airflow.sdk.execution_time.context; [workers] state_store_backend",
    ),
    fix_in="03",
    blocks=True,
    how=f"import in {_GREETING}",
)
XC502 = Rule(
    id="XC502",
    title="The connection id of the path is defined for the agent",
    severity="fail",
    why="An undefined id makes the backend fall to whatever identity surrounds the process.",
    remedy="Define AIRFLOW_CONN_<ID> in commonEnv, or the connection in the secrets backend.",
    source="connections in the amazon, microsoft-azure and google providers",
    fix_in="03",
)
XC509 = Rule(
    id="XC509",
    title="Airflow accepts the compression",
    severity="fail",
    why="An unknown name raises ValueError in every task that pushes.",
    remedy="Leave the variable out for no compression, or name a codec the agents have.",
    source="airflow.providers.common.io.xcom.backend",
)
XC510 = Rule(
    id="XC510",
    title="The proof runs as the agents' own identity",
    severity="warn",
    why="Rights of somebody else say nothing about the agents' rights.",
    remedy="Repeat the round trip in an agent pod, or with a service-account token of the agents.",
    source="workload identity on EKS, AKS and GKE",
)
_PATH = expect(
    ("XC512", "Path and threshold send values to the bucket"),
    ("XC531", "Path, threshold and compression of the state store are accepted"),
    why=(
        "Without a path values land in a folder of the pod, without a threshold in the database.",
        "Without a path, or with a negative threshold, every task that stores state fails.",
    ),
    remedy="Set the path to <protocol>://<connection-id>@<bucket>/<prefix> and the threshold to 0.",
    source="apache-airflow-providers-common-io, configuration reference",
    fix_in="03",
    expected="a path with a bucket and a threshold from 0",
    how=f"settings as Airflow reads them in {_GREETING}",
    basis="rule",
)
XC527 = Rule(
    id="XC527",
    title="Airflow runs Dags with task loops on the backend class",
    severity="warn",
    why="A class that overrides serialize_value and not store_value cannot tell the iterations of a"
    " loop apart, so Airflow 3.4 fails every task of such a Dag.",
    remedy="Set backend to durable, or update the package that holds the class.",
    source="airflow.sdk.execution_time.task_runner, check_xcom_backend_supports_loops",
    fix_in="03",
)
RULES_OF: Mapping[Subject, tuple[Rule, ...]] = {
    XCOM: (_CLASS[XCOM].rule, XC502, XC509, XC510, _PATH[XCOM].rule, XC527),
    STATE: (_CLASS[STATE].rule, _PATH[STATE].rule),
}
RULES = (*RULES_OF[XCOM], *RULES_OF[STATE])

_CONNECTION = Expectation(
    XC502,
    "the connection resolves from the environment or the secrets backend",
    f"Connection.get in {_GREETING}",
)
_LOOPS = Expectation(XC527, "no refusal", f"asked the installed task runner in {_GREETING}")


def check_configuration(
    worker: Worker, *, environment: Mapping[str, str], identity: WorkerIdentity
) -> tuple[Check, ...]:
    """Return one check per rule of the worker's subject, from the greeting and one look-up.

    Raises:
        ProcessError: when the worker is gone.
    """
    hello = worker.hello
    if worker.subject is STATE:
        configured = environment.get(STATE.class_variable, "")
        return check_class(hello, configured=configured, subject=STATE), check_path(hello, STATE)
    resolved, connected = check_connection(worker)
    return (
        check_class(hello, configured=environment.get(XCOM.class_variable, "")),
        connected,
        check_compression(hello),
        check_identity(identity, key_of=resolved),
        check_path(hello),
        check_loops(hello),
    )


def check_class(hello: Hello, *, configured: str, subject: Subject = XCOM) -> Check:
    """Return whether Airflow resolves the class that the environment names (XC501, XC530)."""
    bound = hello.bound(subject)
    expected = configured or f"a class path in {subject.class_variable}"
    return replace(_CLASS[subject], expected=expected).judge(
        bound.error is None and bound.backend == configured.strip() != "",
        str(bound.error or bound.backend),
    )


def check_connection(worker: Worker) -> tuple[str, Check]:
    """Return the connection whose own key signs, if any, and whether a task finds it (XC502)."""
    conn_id = connection_id(worker.hello.settings.get("path", ""))
    if worker.hello.error:
        return "", _CONNECTION.skip("Airflow could not be imported")
    if not conn_id:
        observed = "the path names no connection id, so the surrounding identity is used"
        return "", _CONNECTION.judge(False, observed)
    (found,) = worker.run([connection(conn_id)])
    observed = f"{conn_id} {'resolves' if found.resolved else 'is not defined for the agent'}"
    reasons = found.reasons if found.error is None else (str(found.error),)
    check = _CONNECTION.judge(found.resolved, "; ".join((observed, *reasons)))
    return conn_id if found.signs else "", check


def connection_id(path: str) -> str:
    """Return the connection id of an XCom path, ``""`` when it names none."""
    _, _, rest = path.partition("://")
    id_, at, _ = rest.partition("/")[0].rpartition("@")
    return id_ if at else ""


def check_compression(hello: Hello) -> Check:
    """Return whether the codec's name is one that this environment knows (XC509)."""
    codec = hello.settings.get("compression", "")
    expected, how = f"unset, or one of {', '.join(hello.codecs)}", "fsspec's registered codecs in"
    expectation = Expectation(XC509, expected, f"{how} {_GREETING}", "rule")
    if hello.error:
        return expectation.skip("Airflow could not be imported")
    return expectation.judge(codec == "" or codec in hello.codecs, codec or "unset")


def check_identity(identity: WorkerIdentity, *, key_of: str = "") -> Check:
    """Return whether the worker has the agents' rights or somebody else's (XC510).

    A connection with a key of its own signs as that key wherever it is resolved: also in the pods.
    """
    proves = f"the key that connection {key_of} holds" if key_of else identity.proves
    return Expectation(
        XC510,
        "a service account of the agents, or the key of their connection",
        "the variables the platform injects, handed to the process",
        "rule",
    ).judge(
        identity.agents or bool(key_of),
        f"{identity.subject}: {proves}" if proves else identity.subject,
    )


def check_path(hello: Hello, subject: Subject = XCOM) -> Check:
    """Return whether path and threshold send values to a bucket (XC512), as for state (XC531)."""
    bound, expected = hello.bound(subject), _PATH[subject]
    if bound.error:
        return expected.skip("the class could not be imported")
    settings, problems = dict(bound.settings), list[str]()
    if subject is STATE:  # its threshold has a default, and its codec no check of its own
        settings["threshold"] = settings["threshold"] or "0"
        if (codec := settings["compression"]) and codec not in hello.codecs:
            problems.append(f"compression {codec} is none of {', '.join(hello.codecs)}")
    problems += _path_problems(settings)
    shown = f"{settings['path']}, threshold {settings['threshold']}"
    return expected.judge(not problems, "; ".join(problems) or shown)


def _path_problems(settings: Mapping[str, str]) -> list[str]:
    path, threshold = settings["path"], settings["threshold"]
    scheme, _, rest = path.partition("://")
    problems = []
    if not path:
        problems.append("the path is missing: values land in a directory of the pod")
    elif scheme not in SCHEMES or not rest.rpartition("@")[2].strip("/"):
        problems.append(f"path {path} names no bucket behind one of {', '.join(SCHEMES)}")
    if not threshold:
        problems.append("the threshold is missing: values stay in the metadata database")
    elif not is_threshold(threshold):
        problems.append(f"threshold {threshold} is no number from 0")
    return problems


def check_loops(hello: Hello) -> Check:
    """Return whether a Dag with a task loop could run with the class (XC527)."""
    if hello.loops is None:
        version = hello.packages.get("apache-airflow", "which could not be imported,")
        return _LOOPS.skip(f"Airflow {version} has no task loops")
    return _LOOPS.judge(not hello.loops, hello.loops or "accepted")


def is_threshold(text: str) -> bool:
    """Tell whether Airflow reads a threshold as a whole number from 0: ``0``, also ``1e6``."""
    try:
        number = float(text)
    except ValueError:
        return False
    return number >= 0 and number.is_integer()
