"""``xcomkit matrix``: which version of Airflow reads what which version wrote."""

import argparse
from pathlib import Path

from xcomkit.cli.terminal import note, read_pair, relative, say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    matrix = commands.add_parser(
        "matrix",
        help="prove which version of Airflow reads what which version wrote",
        description="Install each version of Airflow into an environment of its own (with uv, kept"
        " in its cache), push values with each of them without compression, with gzip and"
        " with zip, and read them with all of them. Worth it before an upgrade, and where agents"
        " of two versions share a prefix. The table goes to stdout, the evidence into matrix.json.",
        epilog="example:\n  xcomkit matrix --airflow 3.1.8,3.3.2 -f parameters/local-aws.yaml\n"
        "takes some minutes: each version is installed first\n"
        "exit codes: 0 all pass, 1 some failed or are unknown, 2 bad parameters, 3 environment or"
        " service",
    )
    matrix.add_argument(
        "--airflow", required=True, metavar="VERSIONS",
        help="full versions with commas between them, e.g. the one you have and the one to come",
    )  # fmt: skip
    matrix.add_argument("-f", "--file", type=Path, required=True, help="a file of parameters/")
    matrix.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE",
        help="replace one parameter of the file; may be repeated",
    )  # fmt: skip
    matrix.add_argument(
        "--with", dest="more", action="append", default=[], metavar="REQUIREMENT",
        help='something your image pins, e.g. "pandas<3"; may be repeated',
    )  # fmt: skip
    matrix.add_argument(
        "--out", type=Path, metavar="DIR",
        help="folder for matrix.json; runs/<UTC>-NAME-matrix if nothing is said",
    )  # fmt: skip
    matrix.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Prove every version with every other, say it as a table, and return the exit code."""
    from xcomkit.cli import versions as matrix
    from xcomkit.settings.settings import Settings

    versions = matrix.read_versions(options.airflow)
    more = matrix.read_requirements(options.more, versions=versions)
    overrides: dict[str, object] = dict(read_pair(text) for text in options.parameter)
    settings = Settings.from_yaml(options.file, overrides=overrides)
    folder = matrix.open_folder(options.out, name=options.file.stem)

    rows = matrix.make_rows(versions, settings=settings, more=more, progress=note)
    found = matrix.run(settings, folder=folder, rows=rows, progress=note)
    say(f"{matrix.to_text(found)}\nevidence: {relative(folder / matrix.FILE)}")
    return matrix.exit_code(found)
