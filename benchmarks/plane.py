"""What step 06 adds to Airflow's own times: becoming ready, and the Dag run, in the same run.

``python benchmarks/plane.py [TIMES]`` runs step 06 alone, so that nothing is started ahead, and
after it the whole line, in which the plane comes up while other steps work.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = "triggering, reading and judging"


def split(folder: Path, *steps: str) -> dict[str, float]:
    """Return the seconds of step 06 by who took them."""
    command = [sys.executable, "-m", "xcomkit", "run", *steps, "-f", "parameters/local-aws.yaml"]
    subprocess.run([*command, "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (evidence,) = folder.glob("*/evidence/06_verify_dag.json")
    found: dict[str, float] = json.loads(evidence.read_text())["facts"]["seconds"]
    return found


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for title, steps in (("step 06 alone", ["06"]), ("the whole line", [])):
        ratios = []
        for _ in range(times):
            with tempfile.TemporaryDirectory() as name:
                found = split(Path(name), *steps)
            airflow = sum(found.values()) - found[OWN]
            ratios.append(sum(found.values()) / airflow)
            parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in found.items())
            print(f"{title}: {parts}: {ratios[-1]:.2f} times Airflow's own", flush=True)
        print(f"{title}: median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
