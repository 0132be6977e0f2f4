"""The rules of the state store's proof; what they ask is asked of XComs by rules of their own."""

from xcomkit.findings.model import Rule

_STOCK = "airflow.providers.common.io.state_store.backend"

XC530 = Rule(
    id="XC530",
    title="Airflow resolves the configured state store class",
    severity="fail",
    why="A class that cannot be imported fails every task that reads or writes state.",
    remedy="Set stateStoreBackend to the class path, and install common-io 1.8 or newer, or"
    " xcomkit/durable.py, in the image.",
    source="airflow.sdk.execution_time.context; [workers] state_store_backend",
    fix_in="03",
)
XC531 = Rule(
    id="XC531",
    title="Path, threshold and compression of the state store are accepted",
    severity="fail",
    why="Without a path every task that stores state fails, as with a negative threshold or an"
    " unknown codec.",
    remedy="Set the path to <protocol>://<connection-id>@<bucket>/<prefix>, the threshold to 0.",
    source=f"{_STOCK}, _get_base_path and _get_threshold",
    fix_in="03",
)
XC532 = Rule(
    id="XC532",
    title="Stored state is a reference below the configured path",
    severity="fail",
    why="State that is not behind a reference lies in the orchestration plane's database.",
    remedy="Give the identity the right to put below state_prefix, and set the threshold to 0.",
    source=_STOCK,
    fix_in="02",
)
XC533 = Rule(
    id="XC533",
    title="The stored state is in the bucket",
    severity="fail",
    why="A set may report success although nothing was uploaded.",
    remedy="Look for a denied upload in the access log; set compression to none.",
    source="read by a client that is not Airflow",
    fix_in="03",
)
XC534 = Rule(
    id="XC534",
    title="The object holds exactly the JSON of the state",
    severity="fail",
    why="Truncated or foreign bytes make a task fail, or go on from a wrong state.",
    remedy="Look for whoever else writes below this prefix, and for proxies that rewrite bodies.",
    source="sha256 of json.dumps",
)
XC535 = Rule(
    id="XC535",
    title="Another process gets the same state back",
    severity="fail",
    why="A retry that gets nothing submits its external job a second time.",
    remedy="Let nothing expire below state_prefix, and leave path and connection id unchanged.",
    source=f"{_STOCK}; airflow.sdk.bases.resumablejobmixin",
)
XC536 = Rule(
    id="XC536",
    title="Deleting state removes the object",
    severity="fail",
    why="Without the right to delete the task succeeds and the object stays.",
    remedy="Give the identity the right to delete below state_prefix.",
    source="s3fs drops the error of a single key in a bulk delete",
    fix_in="02",
)
XC537 = Rule(
    id="XC537",
    title="No exception is swallowed while state is stored",
    severity="fail",
    why="An exception in a finalizer is printed and ignored, the task goes on as if all were well.",
    remedy="Set compression to none, or use a class that confirms its writes.",
    source="Python, sys.unraisablehook",
    fix_in="03",
)
XC538 = Rule(
    id="XC538",
    title="State that could not be uploaded is an error",
    severity="fail",
    why="Behind a codec the stock class uploads in a finalizer, where Python ignores errors: the"
    " set succeeds, no object exists, and the retry starts over.",
    remedy="Set backend to durable, or compression to none.",
    source=f"{_STOCK}, fsspec.core.OpenFile",
    fix_in="03",
)
XC539 = Rule(
    id="XC539",
    title="State that cannot be read is an error",
    severity="fail",
    why="The stock class gives None where the object is missing, which means that nothing was ever"
    " stored: a job is submitted twice, a watermark starts over.",
    remedy="Set backend to durable; let nothing expire below state_prefix.",
    source=f"{_STOCK}, _read_from_object_storage",
    fix_in="03",
)
XC540 = Rule(
    id="XC540",
    title="A refused delete of state is an error",
    severity="fail",
    why="The row is gone and the old state stays in the bucket, where nothing expires.",
    remedy="Set backend to durable; give the identity the right to delete below state_prefix.",
    source="s3fs drops the error of a single key in a bulk delete",
    fix_in="03",
)
XC541 = Rule(
    id="XC541",
    title="Stored state exists at once and after the process has ended",
    severity="fail",
    why="A task that is killed after its state was stored finds nothing when it is tried again.",
    remedy="Set backend to durable, or compression to none.",
    source=f"{_STOCK}: the codec's wrapper leaves the file open; gcsfs closes in a thread",
    fix_in="03",
)
XC542 = Rule(
    id="XC542",
    title="State below a moved prefix is an error",
    severity="fail",
    why="After the prefix is changed no state that was stored before is found.",
    remedy="Move the objects with the prefix, or let running jobs end before it is changed.",
    source=f"{_STOCK}, _is_storage_ref",
    fix_in="03",
)
XC543 = Rule(
    id="XC543",
    title="State under a renamed connection is an error",
    severity="fail",
    why="The connection id is part of the path: a new one hides every state stored before.",
    remedy="Leave the connection id as it is.",
    source=f"{_STOCK}, _is_storage_ref",
    fix_in="03",
)
XC544 = Rule(
    id="XC544",
    title="State whose object is gone is an error",
    severity="fail",
    why="The stock class gives None: a task believes that it never ran.",
    remedy="Set backend to durable, which raises; let nothing expire below state_prefix.",
    source=f"{_STOCK}, _read_from_object_storage",
    fix_in="03",
)
XC545 = Rule(
    id="XC545",
    title="Every component can read the others' state",
    severity="fail",
    why="A retry may run on another worker group, and a trigger reads what a task stored.",
    remedy="Put the state store's settings in commonEnv only.",
    source="remote agents Helm reference: commonEnv, workers, dagProcessor, triggerer",
    fix_in="03",
)
XC546 = Rule(
    id="XC546",
    title="The state store changes no type that the database keeps",
    severity="warn",
    why="A Dag whose state was in the database gets another type, without an error.",
    remedy="Store text, numbers, booleans, lists and dicts with text as keys only.",
    source="airflow.sdk.execution_time.context, TaskStateStoreAccessor",
)
XC547 = Rule(
    id="XC547",
    title="Every task, map index, asset and key has a state of its own",
    severity="fail",
    why="Two keys in one object mean that a task goes on from another one's state.",
    remedy="Use a class that quotes every part of the path, as common-io's and xcomkit's do.",
    source=f"{_STOCK}, _build_task_path and _build_asset_path",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (
    XC530, XC531, XC532, XC533, XC534, XC535, XC536, XC537, XC538, XC539, XC540, XC541, XC542,
    XC543, XC544, XC545, XC546, XC547,
)  # fmt: skip
