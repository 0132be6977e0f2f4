"""``xcomkit lab``: JupyterLab for a walkthrough, with the stand-in beside it."""

import argparse
import signal
from pathlib import Path

from xcomkit.cli.terminal import note, relative, say
from xcomkit.findings.errors import SettingsError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    lab = commands.add_parser(
        "lab",
        help="walk through the notebooks in JupyterLab",
        description="Start JupyterLab on this machine at start.ipynb, with copies of the notebooks"
        " below runs/, so that a walk changes no file of a checkout. They share one target: that of"
        " the file, until a form saves or takes another. The stand-in of a practice target runs"
        " beside it. Ctrl-C, or File > Shut Down, ends all of it.",
        epilog="example:\n  xcomkit lab -f parameters/local-azure.yaml\n"
        "takes about ten seconds until it is open, and runs until it is closed",
    )
    lab.add_argument(
        "-f", "--file", type=Path, default=Path("parameters/local-aws.yaml"),
        help="a file of parameters/, filled in or not (default: %(default)s)",
    )  # fmt: skip
    lab.add_argument("--port", type=int, default=8888, help="first port to try (default: 8888)")
    lab.add_argument("--no-browser", action="store_true", help="only say where it is")
    lab.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Start, say where it is, and wait until it is closed; return the exit code."""
    import webbrowser

    from xcomkit.cli.jupyterlab import NOTEBOOKS, START, open_lab
    from xcomkit.steps.opening import find_root

    root = find_root(Path.cwd())
    if not (root / NOTEBOOKS / START).is_file():
        raise SettingsError(
            f"{NOTEBOOKS}/{START}: no such notebook.",
            hint="run xcomkit in the folder of the runbook.",
        )
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C: all of it ends
        signal.signal(number, signal.default_int_handler)
    note(f"starting JupyterLab on {relative(options.file)}")
    try:
        with open_lab(root, parameters=options.file, port=options.port) as lab:
            say(f"JupyterLab: {lab.url}")
            note("Ctrl-C here, or File > Shut Down there, ends it with all it started.")
            if not options.no_browser:
                webbrowser.open(lab.page)
            lab.wait_until_closed()
    except KeyboardInterrupt:
        note("closed")
    return 0
