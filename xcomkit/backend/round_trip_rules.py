"""The rules of a round trip, what each must show, and how it is looked at."""

from xcomkit.backend.expectation import expect

PUSH = expect(
    ("XC503", "A push stores a reference below the configured path"),
    ("XC532", "Stored state is a reference below the configured path"),
    why="{Value} that is not behind a reference lies in the orchestration plane's database.",
    remedy="Give the identity the right to put below {prefix}, and set the path and threshold 0.",
    source="{module}",
    fix_in="02",
    expected=("a reference below the XCom path", "a reference below the state's path"),
    how="{serialize} in a fresh process",
)
OBJECT = expect(
    ("XC504", "The pushed object is in the bucket"),
    ("XC533", "The stored state is in the bucket"),
    why="A {push} may report success although nothing was uploaded.",
    remedy="Look for a denied upload in the access log; set compression to none.",
    source="read by a client that is not Airflow",
    fix_in="03",
    expected="every reference leads to an object",
    how="read without Airflow, after the push",
)
CONTENT = expect(
    ("XC505", "The object holds exactly what Airflow encoded"),
    ("XC534", "The object holds exactly the JSON of the state"),
    why="Truncated or foreign bytes make a task fail, or go on with a wrong {value}.",
    remedy="Look for whoever else writes below this prefix, and for proxies that rewrite bodies.",
    source="sha256 of the JSON that Airflow makes of the {value}",
    expected="length and sha256 as encoded",
    how="unpacked without Airflow",
)
PULL = expect(
    ("XC506", "A pull returns the same value and type"),
    ("XC535", "Another process gets the same state back"),
    why=(
        "A missing object is read back as its own path, without an error.",
        "A retry that gets nothing submits its external job a second time.",
    ),
    remedy="Leave path and connection id unchanged, and {expiry}.",
    source="{module}",
    expected="value and type as stored",
    how="{deserialize} in another fresh process",
)
PURGE = expect(
    ("XC507", "A purge removes the object"),
    ("XC536", "Deleting state removes the object"),
    why="The {purge} reports success without the right to delete, and the object stays.",
    remedy="Give the identity the right to delete below {prefix}.",
    source="s3fs drops the error of a single key in a bulk delete; DELETE of adlfs and gcsfs",
    fix_in="02",
    expected="no object after the {purge}",
    how="{purge} in a third process, then read without Airflow",
)
SILENCE = expect(
    ("XC508", "No exception is swallowed during a push"),
    ("XC537", "No exception is swallowed while state is stored"),
    why="An exception in a finalizer is printed and ignored, the task goes on as if all were well.",
    remedy="Set compression to none, or use a class that confirms its writes.",
    source="Python, sys.unraisablehook",
    fix_in="03",
    expected="no ignored exception, no logged error",
    how="sys.unraisablehook and log of the push",
)
ALL = (PUSH, OBJECT, CONTENT, PULL, PURGE, SILENCE)
"""In the order in which they are looked at."""
