"""How long xcomkit lint takes: one file beside reading its YAML, and repositories of many files.

Seconds of processor time, the least of some runs: what else the machine does is not in them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ERA = ROOT / "tests/values/examples/era-2.3.0.yaml"
ROUNDS = 7
REPOSITORIES = (1250, 2500, 5000)
OTHERS = (
    (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{n}}}\nspec:\n  template:\n"
        "    spec:\n      containers:\n        - {{name: c, image: 'nginx:1', env: []}}\n"
    ),
    "image: {{repository: nginx, tag: '{n}'}}\nreplicaCount: 2\n",
    (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a{n}}}\nspec:\n"
        "  source: {{path: apps/{n}, helm: {{valueFiles: [values.yaml]}}}}\n"
    ),
    (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: r{n}}}\n"
        "spec:\n  chart: {{spec: {{chart: nginx}}}}\n  values: {{replicaCount: 2}}\n"
    ),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{n}}}\ndata: {{key: value}}\n",
)
AGENTS = 50  # every so many files is one of agents


def cpu_ms(*command: str, rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        used = os.wait4(process.pid, 0)[2]
        process.returncode = 0
        times.append((used.ru_utime + used.ru_stime) * 1000)
    return min(times)


def one_file(folder: Path) -> None:
    entries = "".join(
        f'  - name: VARIABLE_{n}\n    value: "value {n} of $SHELL"\n' for n in range(350)
    )
    text = ERA.read_text().replace("commonEnv:\n  - name", f"commonEnv:\n{entries}  - name", 1)
    path = folder / "values.yaml"
    path.write_text(text)
    read = "import sys, yaml; yaml.load(open(sys.argv[1]), yaml.{})"
    lint = (sys.executable, "-m", "xcomkit", "lint", str(path))
    rows = {
        "python -c pass": cpu_ms(sys.executable, "-c", "pass"),
        "yaml.CSafeLoader": cpu_ms(sys.executable, "-c", read.format("CSafeLoader"), str(path)),
        "yaml.SafeLoader": cpu_ms(sys.executable, "-c", read.format("SafeLoader"), str(path)),
        "xcomkit lint": cpu_ms(*lint),
        "xcomkit lint --format sarif": cpu_ms(*lint, "--format", "sarif"),
    }
    print(f"{len(text.splitlines())} lines, least of {ROUNDS}")
    for name, found in rows.items():
        ratio = found / rows["yaml.CSafeLoader"]
        print(f"{name:<28} {found:7.0f} ms {ratio:6.1f} x reading the YAML")


def repositories(folder: Path) -> None:
    for count in REPOSITORIES:
        top = folder / str(count)
        for n in range(count):
            home = top / f"apps/{n}"
            home.mkdir(parents=True)
            is_ours = n % AGENTS == 0
            text = ERA.read_text() if is_ours else OTHERS[n % len(OTHERS)].format(n=n)
            (home / "values.yaml").write_text(text)
        found = cpu_ms(sys.executable, "-m", "xcomkit", "lint", str(top), rounds=2)
        print(f"{count} files, {count // AGENTS} of agents {found / 1000:6.1f} s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one_file(Path(folder))
        repositories(Path(folder))


if __name__ == "__main__":
    main()
