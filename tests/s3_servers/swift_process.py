"""OpenStack Swift with s3api in one process: what Debian packages, none of it ours.

Run by the system's own python3, which has the packages: ``swift_process.py FOLDER PEM``, where
PEM holds key and certificate. It says its addresses as JSON in one line, and serves until its
standard input ends.
"""

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

STORES = ("account", "container", "object")
DEFAULT = """\
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
recon_cache_path = {folder}
log_name = {name}
log_level = ERROR
"""
STORE = """\
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
container_update_timeout = 10
"""
PROXY = """\
[pipeline:main]
pipeline = catch_errors gatekeeper proxy_logging cache listing_formats bulk s3api tempauth copy \
slo dlo versioned_writes symlink proxy_logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 60
error_suppression_limit = 1000000
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
set log_level = CRITICAL
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_bucket_listing = 20
[filter:tempauth]
use = egg:swift#tempauth
user_xcom_root = rootSecretKey0123456789 .admin
user_xcom_reader = readerSecretKey0123456789
user_other_root = otherSecretKey0123456789 .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
"""
PLAIN = (
    "catch_errors", "gatekeeper", "proxy_logging", "listing_formats", "bulk", "copy", "slo", "dlo",
    "symlink",
)  # fmt: skip


def listen() -> eventlet.greenio.GreenSocket:
    return eventlet.listen(("127.0.0.1", 0))


def serve(sock: eventlet.greenio.GreenSocket, app: object) -> None:
    # As Swift's own server does: boto3 wants ETag, never Etag.
    wsgi.server(
        sock, app, utils.NullLogger(), protocol=SwiftHttpProtocol, capitalize_response_headers=False
    )


def configure(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.conf"
    path.write_text(DEFAULT.format(folder=folder, name=name) + text.format(name=name))
    return path


def main(folder: Path, pem: str) -> None:
    (folder / "devices/d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = throwaway\nswift_hash_path_prefix = throwaway\n"
        "[storage-policy:0]\nname = Policy-0\ndefault = yes\n"
    )
    utils.set_swift_dir(str(folder))
    sockets = {name: listen() for name in STORES}
    for name, sock in sockets.items():
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        place = {"ip": "127.0.0.1", "port": sock.getsockname()[1]}
        builder.add_dev({"region": 1, "zone": 1, "device": "d1", "weight": 1.0, **place})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))
    for name, sock in sockets.items():
        eventlet.spawn(serve, sock, loadapp(str(configure(folder, name, STORE))))
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in PLAIN)
    proxy = loadapp(str(configure(folder, "proxy", PROXY + filters)))
    doors = {
        "http": listen(),
        "https": eventlet.wrap_ssl(listen(), certfile=pem, keyfile=pem, server_side=True),
    }
    for sock in doors.values():
        eventlet.spawn(serve, sock, proxy)
    addresses = {
        scheme: f"{scheme}://127.0.0.1:{sock.getsockname()[1]}" for scheme, sock in doors.items()
    }
    print(json.dumps(addresses), flush=True)  # noqa: T201
    eventlet.tpool.execute(sys.stdin.read)


main(Path(sys.argv[1]), sys.argv[2])
