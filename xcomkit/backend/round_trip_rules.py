"""The rules of a round trip, what each must show, and how it is looked at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from xcomkit.backend import state_rules as state
from xcomkit.backend.expectation import Expectation
from xcomkit.backend.protocol import STATE, XCOM
from xcomkit.findings.model import Rule

XC503 = Rule(
    id="XC503",
    title="A push stores a reference below the configured path",
    severity="fail",
    why="A value that is not behind a reference lies in the orchestration plane's database.",
    remedy="Give the identity the right to put, set threshold 0 and the path of this bucket.",
    source="airflow.providers.common.io.xcom.backend",
    fix_in="02",
)
XC504 = Rule(
    id="XC504",
    title="The pushed object is in the bucket",
    severity="fail",
    why="A push may report success although nothing was uploaded.",
    remedy="Look for a denied upload in the access log; set compression to none.",
    source="read by a client that is not Airflow",
    fix_in="03",
)
XC505 = Rule(
    id="XC505",
    title="The object holds exactly what Airflow encoded",
    severity="fail",
    why="Truncated or foreign bytes are read back as a wrong value or as the path.",
    remedy="Look for whoever else writes below this prefix, and for proxies that rewrite bodies.",
    source="sha256 of airflow.utils.json.XComEncoder's text",
)
XC506 = Rule(
    id="XC506",
    title="A pull returns the same value and type",
    severity="fail",
    why="A missing object is read back as its own path, without an error.",
    remedy="Keep objects longer than any re-run, and path and connection id unchanged.",
    source="airflow.providers.common.io.xcom.backend, deserialize_value",
)
XC507 = Rule(
    id="XC507",
    title="A purge removes the object",
    severity="fail",
    why="Without the right to delete a purge reports success and the object stays.",
    remedy="Give the identity the right to delete below the prefix.",
    source="s3fs drops the error of a single key in a bulk delete; DELETE of adlfs and gcsfs",
    fix_in="02",
)
XC508 = Rule(
    id="XC508",
    title="No exception is swallowed during a push",
    severity="fail",
    why="An exception in a finalizer is printed and ignored, the task goes on as if all were well.",
    remedy="Set compression to none, or use a backend class that confirms its writes.",
    source="Python, sys.unraisablehook",
    fix_in="03",
)


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a round trip must show, in the order in which it is looked at."""

    push: Expectation
    object: Expectation
    content: Expectation
    pull: Expectation
    purge: Expectation
    silence: Expectation

    def __iter__(self) -> Iterator[Expectation]:
        """Yield each of them."""
        return (getattr(self, one.name) for one in fields(self))


_OBJECT = ("every reference leads to an object", "read without Airflow, after the push")
_CONTENT = ("length and sha256 as encoded", "unpacked without Airflow")
_SILENCE = ("no ignored exception, no logged error", "sys.unraisablehook and log of the push")
_PURGED = "a third process, then read without Airflow"
EXPECTATIONS: Mapping[str, Expectations] = {
    XCOM.name: Expectations(
        Expectation(XC503, "a reference below the XCom path", "serialize_value in a fresh process"),
        Expectation(XC504, *_OBJECT),
        Expectation(XC505, *_CONTENT),
        Expectation(
            XC506, "value and type as pushed", "deserialize_value in another fresh process"
        ),
        Expectation(XC507, "no object after the purge", f"purge in {_PURGED}"),
        Expectation(XC508, *_SILENCE),
    ),
    STATE.name: Expectations(
        Expectation(
            state.XC532,
            "a reference below the state's path",
            "task_state_store.set in a fresh process",
        ),
        Expectation(state.XC533, *_OBJECT),
        Expectation(state.XC534, *_CONTENT),
        Expectation(
            state.XC535, "value and type as set", "task_state_store.get in another fresh process"
        ),
        Expectation(state.XC536, "no object after the delete", f"delete in {_PURGED}"),
        Expectation(state.XC537, *_SILENCE),
    ),
}
