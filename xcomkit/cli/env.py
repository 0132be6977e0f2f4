"""``xcomkit env``: what every component will see, and where each value stands."""

import argparse

from xcomkit.cli.configuration import add_files, read_files
from xcomkit.cli.terminal import say
from xcomkit.findings.errors import InputError
from xcomkit.findings.text import plain


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    parser = commands.add_parser(
        "env",
        help="show the environment each component will see",
        description="Compute the effective environment of every component, secrets masked, with"
        " the file and line each value comes from.",
        epilog="example:\n  xcomkit env values.yaml --component triggerer\n"
        "takes about a second\nexit codes: 0 shown, 2 a file cannot be read",
    )
    add_files(parser)
    parser.add_argument(
        "--component", metavar="NAME", help="e.g. worker:default-worker, dagProcessor, triggerer"
    )
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Write each variable with value and place, component by component."""
    from xcomkit.lint.displayed import environments

    found = environments((read_files(options),))
    if options.component and options.component not in found:
        names = ", ".join(found)
        raise InputError(f"no component {options.component!r}.", hint=f"there is {names}.")
    for component, variables in found.items():
        if options.component in (None, component):
            say(plain(f"# {component}"))
            for name, known in variables.items():
                value = "(not set in this file)" if known.value is None else known.value
                say(plain(f"{name}={value}  # {known.where}"))
    return 0
