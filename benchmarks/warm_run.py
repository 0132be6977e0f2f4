"""A warm run on each cloud beside what cannot be avoided, both taken in one sitting.

``python benchmarks/warm_run.py [CLOUD...]``; all three without. It reports, and fails nobody.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
IMPORT = "import airflow.providers.common.io.xcom.backend, s3fs"


def seconds(*command: str) -> float:
    begun = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    return time.monotonic() - begun


def empty_notebook(folder: Path) -> float:
    """Return the seconds one empty notebook takes in a process that has papermill loaded."""
    import papermill
    from traitlets.config import Config

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "p",
        "language": "python",
    }
    nbformat.write(notebook, folder / "empty.ipynb")
    sockets = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}})
    begun = time.monotonic()
    papermill.execute_notebook(
        folder / "empty.ipynb", folder / "out.ipynb", kernel_name="python3", progress_bar=False,
        log_output=False, shutdown_kernel="immediate", config=sockets,
    )  # fmt: skip
    return time.monotonic() - begun


def whole_run(folder: Path, cloud: str) -> dict[str, float]:
    """Return the seconds of every step, of all of it, and of the Dag by Airflow's own clock."""
    command = [sys.executable, "-m", "xcomkit", "run", "-f", f"parameters/local-{cloud}.yaml"]
    total = seconds(*command, "--out", str(folder))
    (record,) = folder.glob("*/record.json")
    steps = {s["name"]: s["seconds"] for s in json.loads(record.read_text())["steps"]}
    evidence = json.loads((record.parent / "evidence/06_verify_dag.json").read_text())
    dag = evidence["facts"].get("dag_run", {}).get("seconds", 0.0)
    return {**steps, "start, record": total - sum(steps.values()), "total": total, "the Dag": dag}


def main() -> None:
    clouds = sys.argv[1:] or ["aws", "azure", "gcp"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(sys.executable, "-c", IMPORT)  # the first import writes .pyc files
        kernel = min(empty_notebook(folder) for _ in range(3))
        airflow = min(seconds(sys.executable, "-c", IMPORT) for _ in range(3))
        print(f"empty notebook {kernel:.1f} s; importing the backend {airflow:.1f} s", flush=True)
        found = {cloud: whole_run(folder / cloud, cloud) for cloud in clouds}
    floors = {cloud: 8 * kernel + 2 * airflow + run["the Dag"] for cloud, run in found.items()}
    print(f"{'seconds':<20}" + "".join(f"{cloud:>8}" for cloud in clouds))
    for row in next(iter(found.values())):
        print(f"{row:<20}" + "".join(f"{found[cloud][row]:>8.1f}" for cloud in clouds))
    ratios = "".join(f"{found[cloud]['total'] / floors[cloud]:>8.2f}" for cloud in clouds)
    print("total / (8 empty notebooks + 2 imports of Airflow + the Dag by its own clock):")
    print(f"{'':<20}{ratios}")


if __name__ == "__main__":
    main()
