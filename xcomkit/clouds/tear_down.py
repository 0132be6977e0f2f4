"""The rows of a tear down: what deleting identity and bucket would do, and what stays."""

from xcomkit.findings.model import Change


def identity_row(name: str, kind: str, *, is_ours: bool | None, command: str) -> Change:
    """Return the row of the agents' identity; ``is_ours`` is ``None`` where there is none."""
    return Change(
        resource=name,
        setting=kind,
        before="absent" if is_ours is None else "present",
        after="present" if is_ours is False else "absent",
        action="unchanged" if is_ours is None else "delete" if is_ours else "keep",
        command=command,
        note="was not made by xcomkit" if is_ours is False else "",
    )


def bucket_row(
    name: str, *, is_used: bool | None, command: str, kind: str = "bucket", note: str = ""
) -> Change:
    """Return the row of the bucket; ``is_used`` is ``None`` where there is no bucket."""
    stays = f"objects that this run did not make stay, and so does the {kind}"
    return Change(
        resource=name,
        setting="bucket",
        before="absent" if is_used is None else "holds objects" if is_used else "empty",
        after="present" if is_used else "absent",
        action="unchanged" if is_used is None else "keep" if is_used else "delete",
        command=command,
        note=stays if is_used else note,
    )
