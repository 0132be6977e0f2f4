"""A synthetic S3 endpoint that lists as many XCom keys as asked for, and does nothing else.

``python benchmarks/s3_endpoint.py KEYS`` prints its URL and serves until its input ends. Every Dag
has the same 5,000 objects, so a page is a text that is made once and in which the Dag is replaced.
"""

import asyncio
import sys
from functools import cache
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

PER_DAG = 5_000
PAGE = 1_000
PREFIX = "xcom/"
_MARK = b"dag-#####"
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>bench</Name><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>"
)
_SUFFIXES = ("", ".gz", ".zip", "")


def key_of(dag: int, number: int) -> str:
    """Return the key of one object of a Dag."""
    day, task = divmod(number, 170)
    run = f"scheduled__2026-10-{day + 1:02}T00:00:00+00:00"
    name = UUID(int=(number * 7_919 + 1) * 2**64 + 2**63, version=4)
    return f"{PREFIX}dag-{dag:05}/{run}/task_{task:03}/{name}{_SUFFIXES[number % 4]}"


def size_of(number: int) -> int:
    """Return the size of one object of a Dag."""
    return 200 + number * 37 % 100_000


@cache
def _page(first: int) -> bytes:
    """Return a page's entries, with a mark in place of the Dag."""
    entries = []
    for number in range(first, min(first + PAGE, PER_DAG)):
        key = key_of(0, number).replace("dag-00000", _MARK.decode())
        day, minute = number // 170 + 1, number % 60
        entries.append(
            f"<Contents><Key>{key.replace('+', '%2B').replace(':', '%3A')}</Key>"
            f"<LastModified>2026-10-{day:02}T00:{minute:02}:07.000Z</LastModified>"
            "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC64NVME"
            "</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
            f"<Size>{size_of(number)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    return "".join(entries).encode()


def _behind(key: str, first: int) -> int:
    """Return the number of the object behind a key, of all Dags together."""
    parts = key.removeprefix(PREFIX).split("/")
    if not parts[0]:
        return first * PER_DAG
    dag = int(parts[0].removeprefix("dag-"))
    if len(parts) < 3:  # everything of a Dag
        return (dag + 1) * PER_DAG
    day, task = int(parts[1][19:21]), int(parts[2].removeprefix("task_"))
    return dag * PER_DAG + (day - 1) * 170 + task + 1


class Endpoint(asyncio.Protocol):
    """Answers ListObjectsV2 with prefix, delimiter and continuation, on connections kept open."""

    def __init__(self, dags: int) -> None:
        self._dags = dags
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            line, self._rest = self._rest.split(b"\r\n", 1)[0], self._rest[end + 4 :]
            query = parse_qs(urlsplit(line.split(b" ")[1].decode()).query)
            parts = self._answer({name: values[0] for name, values in query.items()})
            length = sum(map(len, parts))
            self._transport.writelines(
                [
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"
                    b"Content-Length: %d\r\n\r\n" % length,
                    *parts,
                ]
            )

    def _answer(self, query: dict[str, str]) -> list[bytes]:
        prefix = query.get("prefix", "")
        if query.get("delimiter") == "/":
            names = (f"{PREFIX}dag-{dag:05}/" for dag in range(self._dags))
            common = "".join(
                f"<CommonPrefixes><Prefix>{n}</Prefix></CommonPrefixes>" for n in names
            )
            return [_HEAD, common.encode(), b"<IsTruncated>false</IsTruncated></ListBucketResult>"]
        only = prefix.removeprefix(PREFIX).removeprefix("dag-").rstrip("/")
        first, last = (int(only), int(only) + 1) if only else (0, self._dags)
        at = int(query.get("continuation-token", _behind(query.get("start-after", ""), first)))
        if at >= last * PER_DAG:
            return [_HEAD, b"<IsTruncated>false</IsTruncated></ListBucketResult>"]
        dag, number = divmod(at, PER_DAG)
        body = _page(number).replace(_MARK, b"dag-%05d" % dag)
        following = min(at + PAGE, (dag + 1) * PER_DAG)
        if following >= last * PER_DAG:
            return [_HEAD, b"<IsTruncated>false</IsTruncated>", body, b"</ListBucketResult>"]
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}"
        return [_HEAD, more.encode(), b"</NextContinuationToken>", body, b"</ListBucketResult>"]


async def serve(keys: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Endpoint(keys // PER_DAG), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
