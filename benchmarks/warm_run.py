"""Where the time of a warm run goes, as ratios to what cannot be avoided, taken in one run."""

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
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
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


def whole_run(folder: Path) -> dict[str, float]:
    """Return the seconds of every step, and of the whole run under ``total``."""
    command = [sys.executable, "-m", "xcomkit", "run", "-f", "parameters/local-aws.yaml"]
    total = seconds(*command, "--out", str(folder))
    (record,) = folder.glob("*/record.json")
    steps = json.loads(record.read_text())["steps"]
    return {"total": total, **{step["name"]: step["seconds"] for step in steps}}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(sys.executable, "-c", IMPORT)  # the first import writes .pyc files
        kernel = min(empty_notebook(folder) for _ in range(3))
        airflow = min(seconds(sys.executable, "-c", IMPORT) for _ in range(3))
        steps = whole_run(folder / "runs")
    total = steps.pop("total")
    print(f"empty notebook {kernel:.1f} s; importing the backend {airflow:.1f} s")
    print(f"{'step':<20} {'seconds':>7} {'share':>6} {'x empty notebook':>17}")
    for step, spent in steps.items():
        print(f"{step:<20} {spent:>7.1f} {spent / total:>6.0%} {spent / kernel:>17.1f}")
    rest = total - sum(steps.values())
    print(f"{'start, record':<20} {rest:>7.1f} {rest / total:>6.0%}")
    without = total - steps["06_verify_dag"]
    floor = 7 * kernel + 2 * airflow
    print(f"{'total':<20} {total:>7.1f}   without step 06: {without:.1f} s")
    print(f"without step 06 / (7 empty notebooks + 2 imports of Airflow): {without / floor:.1f}")


if __name__ == "__main__":
    main()
