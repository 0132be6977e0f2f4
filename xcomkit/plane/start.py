"""Starts an ``airflow`` command. Run as a script.

A worker imports the filesystem of its path once, for all the tasks that it forks. An import opens
no connection and starts no thread, so a fork shares nothing but code.
"""

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    import fsspec
    from airflow.__main__ import main
    from airflow.sdk.io.fs import has_fs

    if sys.argv[1:3] == ["edge", "worker"]:
        path = os.environ.get("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "")
        with suppress(ImportError, ValueError):  # the task that needs it tells what is missing
            has_fs("file")
            fsspec.get_filesystem_class(path.partition(":")[0])
    main()
