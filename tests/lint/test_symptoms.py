"""Each text of the troubleshooting page is one that Airflow and its filesystems really log."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from xcomkit.lint.logs import find_symptoms
from xcomkit.lint.symptoms import SYMPTOMS, to_markdown

ROOT = Path(__file__).parents[2]
STOCK = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
DURABLE = "xcomkit.durable.DurableXComObjectStorageBackend"
IO = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"
XML = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
# The services' words: their codes and messages, as the clients get to see them.
ANSWERS = {
    "denied-put": {"PUT": (403, "AccessDenied", "Access Denied")},
    "denied-head": {"HEAD": (403, "", ""), "PUT": (403, "AccessDenied", "Access Denied")},
    "denied-get": {"GET": (403, "AccessDenied", "Access Denied")},
    "no-bucket": {"PUT": (404, "NoSuchBucket", "The specified bucket does not exist")},
    "slow": {"PUT": (503, "SlowDown", "Please reduce your request rate.")},
    "archived": {"GET": (403, "InvalidObjectState", "The operation is not valid")},
    "kms": {"PUT": (403, "AccessDenied", "not authorized to perform: kms:GenerateDataKey")},
    "kms-off": {"PUT": (400, "KMS.DisabledException", "The key is disabled")},
    "clock": {"PUT": (403, "RequestTimeTooSkewed", "The difference is too large")},
    "node": {"PUT": (403, "AccessDenied",
                     "User: arn:aws:sts::1:assumed-role/node/i-0abc is not authorized")},
    "firewall": {"GET": (403, "AuthorizationFailure", "not authorized")},
    "gone": {"GET": (404, "NoSuchKey", "The specified key does not exist.")},
    "storage": {"GET": (403, "", "x@p.iam does not have storage.objects.list access")},
    "no-role": {"GET": (403, "AuthorizationPermissionMismatch", "not authorized")},
    "trust": {"POST": (403, "AccessDenied",
                       "Not authorized to perform sts:AssumeRoleWithWebIdentity")},
    "region": {"PUT": (400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong")},
    "length": {"PUT": (411, "MissingContentLength", "Unknown")},
    "keys": {"PUT": (403, "InvalidAccessKeyId", "The Access Key Id does not exist")},
    "no-store": {"PUT": (405, "MethodNotAllowed", "The method is not allowed")},
    "oidc": {"POST": (400, "InvalidIdentityToken",
                      "No OpenIDConnect provider found in your account for https://oidc")},
}  # fmt: skip


class Scripted(BaseHTTPRequestHandler):
    """A store that answers one method as the first part of the path says, and the rest with 200."""

    protocol_version = "HTTP/1.1"  # botocore waits for its 100 Continue

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        case = self.path.strip("/").partition("/")[0].partition("?")[0]
        status, code, message = ANSWERS.get(case, {}).get(self.command, (200, "", ""))
        if self.command == "HEAD" and self.path.strip("/").count("/"):  # no object is there
            status = 404
        body = b""
        if status != 200:
            body = XML.format(code=code, message=message)
            if self.command == "POST":  # as STS answers
                body = f"<ErrorResponse>{body.partition('?>')[2]}</ErrorResponse>"
            body = body.encode()
            if not code:
                body = json.dumps({"error": {"code": status, "message": message}}).encode()
        self.send_response(status)
        self.send_header("x-ms-error-code", code)
        self.send_header("Content-Type", "application/xml" if code else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> dict[str, str]:
    """Return what each case logs, all made by one process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "tests/lint/logged_errors.py"],
        input=json.dumps(cases(url)), capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home), "AWS_MAX_ATTEMPTS": "1",
             "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
             "AWS_DEFAULT_REGION": "us-east-1", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
             "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cases(url: str) -> dict:
    def s3(bucket: str, *, do: str = "push", backend: str = STOCK, **more: str) -> dict:
        connection = {"conn_type": "aws", "extra": {"endpoint_url": url}}
        return {"do": do, "env": {
            "AIRFLOW__CORE__XCOM_BACKEND": backend, f"{IO}PATH": f"s3://aws_default@{bucket}/x",
            f"{IO}THRESHOLD": "0", "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection), **more,
        }}  # fmt: skip

    unknown = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
               "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    web = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r", "AWS_ACCESS_KEY_ID": "",
           "AWS_WEB_IDENTITY_TOKEN_FILE": __file__}  # fmt: skip
    azure, firewall = (json.dumps({"conn_type": "wasb", "extra": {"connection_string":
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=YQ==;"
        f"BlobEndpoint={url}/{case};"}}) for case in ("no-role", "firewall"))  # fmt: skip
    google = json.dumps({"conn_type": "google_cloud_platform", "extra": {
        "is_anonymous": True, "gcs.endpoint": url, "project": "p"}})  # fmt: skip
    return {
        "XC130": s3("gone", do="pull", backend=DURABLE),
        "XC131": s3("x", **{f"{IO}THRESHOLD": "1MB"}),
        "XC132": s3("x", **{f"{IO}COMPRESSION": "None"}),
        "XC133": s3("x", backend="xcomkit.durabel.Durable"),
        "XC134": s3("x", **{f"{IO}PATH": "s4://aws_default@x/x"}),
        "XC135": s3("x", **{f"{IO}PATH": "abfs://acc@x/x",
                            "AIRFLOW_CONN_ACC": '{"conn_type":"wasb","login":"acc"}'}),
        "XC136": s3("x", do="connection"),
        "XC137": s3("denied-head"),
        "XC138": s3("x", **unknown),
        "XC138 node": s3("node"),
        "XC145": s3("denied-put"),
        "XC145 pull": s3("denied-get", do="pull"),
        "XC146": s3("kms"),
        "XC146 off": s3("kms-off"),
        "XC147": s3("no-bucket"),
        "XC148": s3("slow"),
        "XC149": s3("archived", do="pull"),
        "XC150": s3("x", do="pull_foreign_class"),
        "XC151": s3("x", do="push_object"),
        "XC152": s3("x", do="hook"),
        "XC155": s3("x", AIRFLOW_CONN_AWS_DEFAULT='{"conn_type":"aws","extra":'
                    '{"endpoint_url":"http://127.0.0.1:9"}}'),
        "XC155 firewall": s3("x", **{f"{IO}PATH": "abfs://acc@firewall/x",
                                     "AIRFLOW_CONN_ACC": firewall}),
        "XC163": s3("x", do="pull", backend=DURABLE, WRITTEN_BELOW="s3://aws_default@x/before"),
        "XC165": s3("region"),
        "XC166": s3("length"),
        "XC167": s3("keys"),
        "XC168": s3("no-store"),
        "XC169": s3("clock"),
        "XC142": s3("x", **{f"{IO}PATH": "abfs://acc@no-role/x", "AIRFLOW_CONN_ACC": azure}),
        "XC144": s3("x", **{f"{IO}PATH": "gs://g@right/x", "AIRFLOW_CONN_G": google}),
        "XC139": s3("x", AWS_ENDPOINT_URL_STS=f"{url}/trust", **web),
        "XC140": s3("x", AWS_ENDPOINT_URL_STS=f"{url}/oidc", **web),
    }  # fmt: skip


NOT_PRODUCED = {
    "XC141": "Entra ID's own code",
    "XC143": "Google's metadata server's own words",
    "XC154": "OpenSSL's own words",
    "XC153": "releases of the task SDK that are not installed here",
    "XC156": "Astro's agent, which is not public",
}


def test_every_text_is_produced_or_said_why_not():
    produced = {name[:5] for name in cases("http://127.0.0.1:9")}

    assert {symptom.rule.id for symptom in SYMPTOMS} == produced | set(NOT_PRODUCED)
    assert not produced & set(NOT_PRODUCED)


@pytest.mark.parametrize("name", cases("http://127.0.0.1:9"))
def test_text_that_is_logged_is_found(logs, name):
    found = {finding.rule.id for finding in find_symptoms(logs[name], file="worker.log")}

    assert name[:5] in found, logs[name][-2000:]


def test_page_on_troubleshooting_is_current():
    assert (ROOT / "docs/troubleshooting.md").read_text() == to_markdown()
