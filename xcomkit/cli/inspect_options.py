"""Options of ``xcomkit inspect`` that do not go together."""

import argparse

from xcomkit.findings.errors import InputError

_OF_LISTING = (
    "save", "resume", "inventory", "rerun_days", "price", "versions", "decode", "orphans", "delete",
)  # fmt: skip
_APART = (
    (("dag", "run", "task"), ("journal", *_OF_LISTING), "one value is shown in place of a listing"),
    (("journal",), _OF_LISTING, "a journal is shown in place of a listing"),
    (
        ("inventory",), ("resume", "versions", "decode", "orphans", "delete"),
        "an inventory is older than the bucket and its rows, and has its old versions in it",
    ),
    (("decode", "orphans"), ("resume",), "a whole listing is needed, and --resume lists a part"),
    (("decode",), ("delete",), "objects are looked at in one call and deleted in another"),
)  # fmt: skip
"""Options that do not go with others, and why."""


def refuse(options: argparse.Namespace, *, prefix: str) -> None:
    """Go on with options that fit together.

    Raises:
        InputError: they do not.
    """
    given = {name for name in vars(options) if getattr(options, name) not in (None, False, "none")}
    for these, others, why in _APART:
        first, second = (
            ", ".join(f"--{name}".replace("_", "-") for name in names if name in given)
            for names in (these, others)
        )
        if first and second:
            raise InputError(f"{first} with {second}: {why}.", hint=f"leave out {second}.")
    if options.save and options.save.suffix not in (".json", ".parquet"):
        raise InputError(
            f"--save {options.save}: no format.", hint="name a .json or a .parquet file."
        )
    if options.save and not options.save.absolute().parent.is_dir():
        raise InputError(
            f"--save {options.save}: there is no such folder.", hint="make it, or name another."
        )
    if options.delete is not None and not options.older_than:
        raise InputError(
            "--delete with --older-than 0: what was just written has no row yet.",
            hint="give --older-than more days than your longest Dag run takes.",
        )
    has_values = options.orphans and "://" not in options.orphans
    if options.delete is not None and not (has_values and options.delete == prefix):
        raise InputError(
            f"--delete {options.delete}: nothing is deleted.",
            hint="type in what the parameter prefix says, and give --orphans an export or a"
            " database: a Deployment lists no values.",
        )
