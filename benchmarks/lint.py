"""How long xcomkit lint takes, beside a bare Python and beside reading the same YAML only."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ERA = ROOT / "tests/values/examples/era-2.3.0.yaml"
ROUNDS = 9


def median_ms(*command: str) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    entries = "".join(
        f'  - name: VARIABLE_{n}\n    value: "value {n} of $SHELL"\n' for n in range(350)
    )
    text = ERA.read_text().replace("commonEnv:\n  - name", f"commonEnv:\n{entries}  - name", 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.yaml"
        path.write_text(text)
        read = "import sys, yaml; yaml.load(open(sys.argv[1]), yaml.CSafeLoader)"
        rows = {
            "python -c pass": median_ms(sys.executable, "-c", "pass"),
            "yaml.load alone": median_ms(sys.executable, "-c", read, str(path)),
            "xcomkit lint": median_ms(sys.executable, "-m", "xcomkit", "lint", str(path)),
            "xcomkit lint --format sarif": median_ms(
                sys.executable, "-m", "xcomkit", "lint", str(path), "--format", "sarif"
            ),
        }
    base = rows["yaml.load alone"]
    print(f"{len(text.splitlines())} lines, median of {ROUNDS}")
    for name, found in rows.items():
        print(f"{name:<28} {found:7.0f} ms {found / base:6.1f} x reading the YAML")


if __name__ == "__main__":
    main()
