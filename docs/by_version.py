"""Print what the stock and the durable class do with each version of Airflow, as Markdown.

`make findings` appends it to docs/findings.md. Each version is installed into an environment of its
own; the faults are those of step 04, injected by a proxy in front of the stand-in for S3.
"""

import sys
from pathlib import Path

from proxied_target import ProxiedTarget, open_proxied_target

from xcomkit.backend.fault_matrix import SILENT, Cell, cases, run
from xcomkit.backend.launch import Launch
from xcomkit.backend.process import open_worker
from xcomkit.backend.version_matrix import Matrix, Row, measure
from xcomkit.cli import versions as matrix
from xcomkit.findings.model import BACKENDS, Codec
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.fault_proxy.proxy import open_fault_proxy

VERSIONS = ("3.1.8", "3.2.2", "3.3.2", "3.4.0b2")
CODECS: tuple[Codec, ...] = ("none", "gzip", "zip")


def main() -> None:
    """Print one table per backend class and one sentence about reading across versions."""
    settings = Settings.from_yaml(Path("parameters/local-aws.yaml"))
    rows = matrix.make_rows(VERSIONS, settings=settings, more=(), progress=tell)
    with AwsStandIn.start() as stand_in, open_proxied_target("aws", lambda _: stand_in) as target:
        print("\n## By version of Airflow\n")
        print("On the stand-in for S3, with none, gzip and zip; the quick faults of step 04.")
        for backend in BACKENDS:
            found = read_across(target, rows, backend)
            failed = [cell for cell in found.cells if cell.verdict != "pass"]
            print(f"\n### {backend}\n")
            print(f"| | {' | '.join(VERSIONS)} |\n|---|{'---|' * len(VERSIONS)}")
            faults = [disturbed(target, row, backend) for row in rows]
            seen = [one.behaviour for one in found.environments]
            for title, cells in (
                ("object name", [f"`{one.key}`" for one in seen]),
                (
                    "silent outcomes",
                    [f"{sum(one.verdict in SILENT for one in c)} of {len(c)}" for c in faults],
                ),
                ("refused upload, none", [verdict(c, "push 403", "none") for c in faults]),
                ("refused upload, gzip", [verdict(c, "push 403", "gzip") for c in faults]),
                (
                    "delete of many keys, refused inside 200",
                    [verdict(c, "purge error inside 200", "none") for c in faults],
                ),
                ("missing object read as", [one.missing for one in seen]),
                ("zip, bytes of JSON", [one.zip for one in seen]),
                ("Dags with task loops", [one.loops for one in seen]),
            ):
                print(f"| {title} | {' | '.join(cells)} |")
            print(f"\nRead across versions: {len(found.cells) - len(failed)} of {len(found.cells)}")
            print("combinations of writer, reader and codec gave every value back the same.")


def tell(line: str) -> None:
    """Say what comes next."""
    print(line, file=sys.stderr)


def read_across(target: ProxiedTarget, rows: tuple[Row, ...], backend: str) -> Matrix:
    """Return which version reads what which wrote, without faults."""
    return measure(
        rows, environment=target.variables(backend), run_id="across", timeout=120,
        codecs=CODECS, progress=tell,
    )  # fmt: skip


def disturbed(target: ProxiedTarget, row: Row, backend: str) -> tuple[Cell, ...]:
    """Return what became of each fault and codec with a version."""
    if row.interpreter is None:
        raise SystemExit(row.problem)
    settings, environment = target.rig.settings, target.variables(backend)
    with (
        open_fault_proxy("aws", environment=environment) as proxy,
        open_worker(
            {**environment, **proxy.environment},
            timeout=120,
            launch=Launch(python=str(row.interpreter)),
        ) as worker,
    ):
        return run(
            worker, proxy=proxy, cases=cases("aws", depth="quick"), codecs=CODECS,
            reader=target.cloud, bucket=settings.bucket, prefix=settings.prefix,
            run_id=row.version, progress=str,
        )  # fmt: skip


def verdict(cells: tuple[Cell, ...], name: str, codec: Codec) -> str:
    """Return the verdict of one fault, in bold where nobody was told."""
    found = [c for c in cells if (f"{c.case.operation} {c.case.label}", c.codec) == (name, codec)]
    if not found:
        return "not sent"
    (cell,) = found
    return f"**{cell.verdict}**" if cell.verdict in SILENT else cell.verdict


if __name__ == "__main__":
    main()
