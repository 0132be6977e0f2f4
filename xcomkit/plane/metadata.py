"""The metadata database of the local plane, searched without Airflow."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from xcomkit.findings.errors import ServiceError
from xcomkit.findings.text import number_of

_BUSY_SECONDS = 30


def search(database: Path, *texts: str) -> dict[str, list[str]]:
    """Return for each text where it is: ``TABLE.COLUMN (COUNT rows)``, in order.

    Every row of every table is read, bytes as well as text. What is compressed or encrypted there
    stays unseen.

    Raises:
        ServiceError: the database is missing or cannot be read.
    """
    found: dict[str, Counter[str]] = {text: Counter() for text in texts}
    address = f"{database.absolute().as_uri()}?mode=ro"  # otherwise SQLite would make an empty one
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
            connection.text_factory = bytes
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                table = name.decode()
                quoted = table.replace('"', '""')
                rows = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - quoted
                columns = [f"{table}.{column[0]}" for column in rows.description]
                for row in rows:
                    for column, value in zip(columns, row, strict=True):
                        body = value if isinstance(value, bytes) else str(value).encode()
                        for text in texts:
                            found[text][column] += text.encode() in body
    except sqlite3.Error as error:
        raise ServiceError(
            f"The plane's metadata database cannot be read: {type(error).__name__}.",
            hint="run the step again, while the plane is up.",
        ) from None
    return {
        text: [
            f"{name} ({number_of(count, 'row')})" for name, count in sorted(counts.items()) if count
        ]
        for text, counts in found.items()
    }
