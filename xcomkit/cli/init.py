"""``xcomkit init``: a working folder with the notebooks, the parameter files and the recipes."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from xcomkit.cli.terminal import say
from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text import program
from xcomkit.settings.terms import TERMS

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = {
    "notebooks": ("*.ipynb",),
    # in a checkout people's own files may stand beside these
    "parameters": (
        *(f"{kind}{cloud}.yaml" for kind in ("", "local-") for cloud in TERMS),
        "s3-compatible.yaml",
    ),
    "docs/recipes": ("*.*",),
}
_LOCK = "requirements.lock"
_IGNORED = "# records hold names of your accounts and buckets\nruns/\n"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    init = commands.add_parser(
        "init",
        help="lay out a folder with notebooks, parameters and recipes",
        description="Lay out notebooks/, parameters/, recipes/ (CI jobs, a CronJob, a Dag) and"
        " requirements.lock in a folder. A file that is there already stays as it is and is named.",
        epilog="example:\n  xcomkit init . && xcomkit run -f parameters/local-aws.yaml\n"
        "takes less than a second",
    )
    init.add_argument("folder", type=Path, metavar="DIR", help="the folder, made if missing")
    init.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Write what is missing, name what differs, and say what to type next.

    Raises:
        SettingsError: the folder cannot be written to.
    """
    folder: Path = options.folder
    written, different = 0, []
    try:
        for name, content in _files():
            path = folder / name
            if path.exists():
                different += [name] if path.read_bytes() != content else []
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written += 1
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be laid out: {error.strerror}.", hint="choose another folder."
        ) from error
    say(f"{written} files written.")
    for name in different:
        say(f"{folder / name}: is there and differs from the one shipped; it stays as it is.")
    change = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    say(f"Next: {change}{program(seen_from=folder)} run -f parameters/local-aws.yaml")
    return 0


def shipped() -> Path:
    """Return the folder that holds ``notebooks`` and ``parameters`` of this installation."""
    installed = _PACKAGE / "shipped"
    return installed if installed.is_dir() else _PACKAGE.parent


def _files() -> Iterator[tuple[str, bytes]]:
    """Yield the name below the folder and the content of each file."""
    source = shipped()
    for folder, patterns in _FOLDERS.items():
        for path in sorted(path for one in patterns for path in (source / folder).glob(one)):
            yield f"{Path(folder).name}/{path.name}", path.read_bytes()
    yield _LOCK, (source / _LOCK).read_bytes()
    yield ".gitignore", _IGNORED.encode()
