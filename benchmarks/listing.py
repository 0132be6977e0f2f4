"""What a listing takes, beside plain loops: python benchmarks/listing.py KEYS.

Every contender is a process of its own against the same synthetic endpoint: the bare HTTP, obstore
with nothing but a count (one listing, and sixteen folders at once), xcomkit's sums, and the same
sums fed by boto3's paginator, of which a fifth is listed once and the CPU multiplied. The others
follow one another in five rounds, of which the medians are shown.
"""

import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
BOTO3_SHARE = 5
ROUNDS = 5


def bare_http(url: str, keys: int) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    for token in range(0, keys, 1_000):
        connection.request("GET", f"/bench?prefix=xcom/&continuation-token={token}")
        connection.getresponse().read()
    return keys


def _store(url: str) -> Any:
    from obstore.store import S3Store

    return S3Store(
        "bench", endpoint=url, access_key_id="a", secret_access_key="b", region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip


def _count(store: Any, prefix: str) -> int:
    import obstore

    batches = obstore.list(store, prefix, chunk_size=10_000, return_arrow=True)
    return sum(batch.num_rows for batch in batches)


def plain_obstore(url: str, keys: int) -> int:
    del keys
    return _count(_store(url), "xcom/")


def obstore_folders_at_once(url: str, keys: int) -> int:
    del keys
    import obstore

    store = _store(url)
    folders = obstore.list_with_delimiter(store, "xcom/")["common_prefixes"]
    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(lambda folder: _count(store, folder), folders))


def _cloud(url: str) -> Any:
    from xcomkit.clouds import Platform, open_cloud
    from xcomkit.settings.settings import Settings

    os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    settings = Settings.from_mapping(
        {"cloud": "aws", "bucket": "bench", "prefix": "xcom", "endpoint_url": url,
         "agent_keys_secret": "keys", "region": "us-east-1"}
    )  # fmt: skip
    return open_cloud(settings, platform=Platform("benchmark", ""))


def xcomkit(url: str, keys: int) -> int:
    del keys
    from xcomkit.steps.inspect_objects import begin_listing, list_prefix

    cloud = _cloud(url)
    listing = begin_listing(cloud.settings)
    list_prefix(cloud, listing=listing, say=lambda _: None)
    return listing.sums.count


def boto3_with_the_same_sums(url: str, keys: int) -> int:
    from itertools import islice

    from xcomkit.objects.sums import Sums

    sums = Sums("xcom", datetime.now(UTC), 30)
    listed = islice(_cloud(url).list_objects("xcom/"), keys // BOTO3_SHARE)
    while batch := list(islice(listed, 1_000)):
        sums.add(batch)
    return sums.count * BOTO3_SHARE


CONTENDERS: tuple[Callable[[str, int], int], ...] = (
    bare_http, plain_obstore, obstore_folders_at_once, xcomkit, boto3_with_the_same_sums,
)  # fmt: skip


def measure(name: str, url: str, keys: int) -> None:
    contender = next(one for one in CONTENDERS if one.__name__ == name)
    begun = time.perf_counter()
    counted = contender(url, keys)
    wall = time.perf_counter() - begun
    assert counted == keys, counted
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "mb": used.ru_maxrss / 1024}))


def endpoint(keys: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "s3_endpoint.py"), str(keys)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout
        yield serving.stdout.readline().strip()
        serving.terminate()


def run(contender: Callable[[str, int], int], url: str, keys: int, cache: str) -> dict[str, float]:
    """Run a contender, whose modules are compiled once, as those that pip installs are."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, __file__, contender.__name__, url, str(keys)],
        capture_output=True, text=True, check=True, env={**env, "PYTHONPYCACHEPREFIX": cache},
    )  # fmt: skip
    return json.loads(done.stdout)


def main(keys: int) -> None:
    rounds: dict[str, list[dict[str, float]]] = {one.__name__: [] for one in CONTENDERS}
    with tempfile.TemporaryDirectory() as cache:
        for url in endpoint(5_000):
            for contender in CONTENDERS:
                run(contender, url, 5_000, cache)
        for url in endpoint(keys):
            for number in range(ROUNDS):
                for contender in CONTENDERS:
                    if not number or contender is not boto3_with_the_same_sums:
                        rounds[contender.__name__].append(run(contender, url, keys, cache))
    found = {
        name: {what: median(one[what] for one in ones) for what in ones[0]}
        for name, ones in rounds.items()
    }
    for what in ("wall", "cpu"):
        found["boto3_with_the_same_sums"][what] *= BOTO3_SHARE
    ours = found["xcomkit"]
    print(f"{keys:,} keys\n{'':<28}    wall s     CPU s  peak MB  ours/wall  its CPU/ours")
    for name, one in found.items():
        print(
            f"{name.replace('_', ' '):<28}{one['wall']:10.1f}{one['cpu']:10.1f}{one['mb']:9.0f}"
            f"{ours['wall'] / one['wall']:11.2f}{one['cpu'] / ours['cpu']:14.1f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main(int(sys.argv[1]))
