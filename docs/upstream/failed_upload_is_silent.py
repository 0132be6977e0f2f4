"""With compression, XComObjectStorageBackend reports a refused upload as done.

Expected: the push raises, as without compression. Happens: it returns a reference, no object
exists, and the pull returns that reference in place of the value. Why: fsspec's
open(compression=...) returns the codec's wrapper of the S3 file, and the "with" closes the wrapper
only: GzipFile, BZ2File, LZMAFile and ZipFile never close a file given to them. s3fs sends a small
object in close(), left to AbstractBufferedFile.__del__; Python prints and drops what a finalizer
raises. deserialize_value answers FileNotFoundError with the reference. Exits 0: defect, 1: none.
"""

import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module, metadata, reload
from types import SimpleNamespace

BACKEND = "airflow.providers.common.io.xcom.backend"
puts, pushed, pulled = [], {}, None


class Store(BaseHTTPRequestHandler):  # S3 with one empty bucket, "b", that nobody may write to
    protocol_version = "HTTP/1.1"  # knows Expect: 100-continue

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        puts.extend([403] if self.command == "PUT" else [])
        found = 200 if self.path.split("?")[0] == "/b" else 404
        self.send_response(403 if self.command == "PUT" else found)  # and logs it to stderr
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"<ListBucketResult/>" if self.command == "GET" else b"")

    do_GET = do_HEAD = do_PUT = answer


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http%3A%2F%2F127.0.0.1%3A{server.server_port}"
os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = f"aws://key-id:secret@/?endpoint_url={url}"
os.environ["AIRFLOW__CORE__XCOM_BACKEND"] = f"{BACKEND}.XComObjectStorageBackend"
os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"] = "s3://aws_default@b/x"
os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"] = "0"
os.environ["no_proxy"] = "127.0.0.1"
with tempfile.TemporaryDirectory() as os.environ["AIRFLOW_HOME"]:
    for codec in ("", "gzip"):
        os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"] = codec
        stock = reload(import_module(BACKEND)).XComObjectStorageBackend  # it caches its options
        try:
            pushed[codec] = stock.serialize_value(["a value"] * 1000)
            pulled = stock.deserialize_value(SimpleNamespace(value=pushed[codec]))
        except PermissionError as error:
            pushed[codec] = f"raised {type(error).__name__}"
names = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec", "s3fs")
print(f"push {'returned ' * bool(pulled)}{pushed['gzip']}; answers to PUT: {puts};", end=" ")
print(f"pull returned the reference string: {pulled == pushed['gzip']};", end=" ")
print(f"without compression: {pushed['']};", end=" ")
print(*(f"{name} {metadata.version(name)}" for name in names), sep=", ")
sys.exit(pulled != pushed["gzip"])
