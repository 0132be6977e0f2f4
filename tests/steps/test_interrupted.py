"""Step 04 interrupted in a real kernel: nothing is left busy, and nothing looks green."""

import json
from pathlib import Path

import nbformat
import psutil
import yaml
from live_kernel import open_kernel

from xcomkit.notebook.front_end import INTERRUPTED

ROOT = Path(__file__).parents[2]
NAME = "04_round_trip"


def read_cells(run: Path) -> list[str]:
    """Return the code cells of the notebook, its parameters those of the practice target."""
    notebook = nbformat.read(ROOT / f"notebooks/{NAME}.ipynb", as_version=4)
    first, *others = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    given = yaml.safe_load((ROOT / "parameters/local-aws.yaml").read_text())
    given |= {"run_dir": str(run), "repetitions": 1, "payload_sizes": "1000"}
    return [first + "".join(f"\n{name} = {value!r}" for name, value in given.items()), *others]


def processes(kernel):
    return {p.pid for p in psutil.Process(kernel.pid).children(recursive=True)}


def test_interrupted_round_trip_is_red_until_the_step_is_run_again_and_leaves_no_process(tmp_path):
    run = tmp_path / "run"
    evidence = run / f"evidence/{NAME}.json"
    parameters, guide, form, opening, prove, *more, save, gate = read_cells(run)
    with open_kernel(tmp_path) as kernel:
        for cell in (parameters, guide, form, opening):
            assert not kernel.run(cell).error
        before = processes(kernel)

        # Forks of the worker run then, sent through the proxy.
        interrupted = kernel.run(prove, interrupt_at="pushing while the store fails")
        assert interrupted.error["traceback"] == [INTERRUPTED]
        assert interrupted.seconds < 10
        assert processes(kernel) == before
        assert not evidence.exists()

        kernel.run(save)
        (check,) = json.loads(evidence.read_text())["checks"]
        assert (check["id"], check["status"]) == ("XC902", "fail")
        assert kernel.run(gate).error["ename"] == "GateError"

        kernel.run(opening)
        assert not evidence.exists()
        for cell in (prove, *more, save, gate):
            assert not kernel.run(cell).error

        found = json.loads(evidence.read_text())
        ids = [check["id"] for check in found["checks"]]
        assert found["verdict"] == "pass"
        assert len(ids) == len(set(ids)) > 15
        assert processes(kernel) == before
