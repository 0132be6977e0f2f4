"""Memory of the deep scan where every object is hostile: ``python benchmarks/scan_memory.py``.

Sixteen threads open objects of 5 MB that grow as far as their codec and JSON let them.
"""

import bz2
import gzip
import lzma
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from xcomkit.findings.model import ObjectDetails, StoredObject
from xcomkit.objects.decode import LIMIT
from xcomkit.objects.keys import parse_key
from xcomkit.objects.scan import Place, scan_objects
from xcomkit.steps.deep_scan import THREADS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JSON = {
    "dicts": b"[" + b'{"":0},' * (LIMIT // 7 - 2) + b"0]",
    "lists": b"[" + b"[]," * (LIMIT // 3 - 2) + b"0]",
    "wide text": '["{}"]'.format("\U0001f600" * (LIMIT // 4 - 4)).encode(),
}
XZ = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 64 * 2**20}]
BODIES = {
    **{(name, ""): body for name, body in JSON.items()},
    **{(name, ".gz"): gzip.compress(body) for name, body in JSON.items()},
    ("dicts", ".xz"): lzma.compress(JSON["dicts"], filters=XZ),
    ("bomb", ".bz2"): bz2.compress(bytes(10**9 // 5)),
}


class Reader:
    """Answers every key with the body of its task."""

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return a copy, as a network would."""
        _, _, _, name, file = key.split("/")
        return bytes(bytearray(BODIES[name.replace("_", " "), file[36:]][:limit]))

    def describe_object(self, key: str) -> ObjectDetails:
        """Return next to nothing."""
        return ObjectDetails(key, 0, NOW, encryption="AES256")


def main() -> None:
    """Scan, and print the peak."""
    keys = [
        f"p/d/r/{name.replace(' ', '_')}/{n:08x}-0000-4000-8000-{0:012}{suffix}"
        for n in range(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
        for name, suffix in BODIES
    ]
    found = [parse_key(StoredObject(key, LIMIT, NOW), prefix="p") for key in keys]
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(THREADS) as pool:
        work = [
            pool.submit(scan_objects, Reader(), [one], place=Place("b", "p"), measure=True)
            for one in found
        ]
        opened = sum(one.result().opened.count for one in work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{opened} objects: {start / 1e3:.0f} MB before, {peak / 1e3:.0f} MB peak\n")


if __name__ == "__main__":
    main()
