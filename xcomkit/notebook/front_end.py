"""What the front end of a notebook tells: whether a person is there, and how each cell ends."""

from collections.abc import Sequence
from typing import Any, Protocol

INTERRUPTED = "Interrupted. Run the step again from the cell that opens it: what ran is half done."


class Follower(Protocol):
    """Wants to know how each cell ends."""

    def cell_ended(self, error: BaseException | None) -> None:
        """Take what the cell raised, if anything."""


_FOLLOWERS: list[Follower] = []
"""Who is told, at most one."""


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()


def is_somebody_there() -> bool:
    """Tell whether the front end can ask a person; papermill and nbconvert say they cannot.

    Jupyter's messages carry it with every cell as ``allow_stdin``.
    """
    shell = _shell()
    if shell is None or not hasattr(shell, "get_parent"):
        return False
    content = (shell.get_parent() or {}).get("content", {})
    return bool(content.get("allow_stdin"))


def follow_cells(follower: Follower) -> Follower | None:
    """Tell the follower from now on how each cell ends; return who was told before, if anybody.

    Outside IPython there are no cells.
    """
    shell = _shell()
    if shell is None:
        return None
    before = _FOLLOWERS.pop() if _FOLLOWERS else None
    _FOLLOWERS.append(follower)
    shell.events.register("post_run_cell", _tell_end)  # IPython keeps one of each
    shell.set_custom_exc((KeyboardInterrupt,), _show_interrupt)
    return before


def _tell_end(result: Any) -> None:
    """Tell how the cell ended; IPython has no result of one that was cancelled."""
    (follower,) = _FOLLOWERS
    if result is None:
        follower.cell_ended(KeyboardInterrupt())
    elif result.info.store_history:  # others are no cells of the notebook but a front end's own
        follower.cell_ended(result.error_before_exec or result.error_in_exec)


class _Interrupted(KeyboardInterrupt):
    """An interrupt that IPython shows as one line."""

    def _render_traceback_(self) -> Sequence[str]:
        return [INTERRUPTED]


def _show_interrupt(shell: Any, *_: object, **__: object) -> None:
    """Show one line: where a process was waited for says nothing to whoever interrupted it."""
    shell.showtraceback((KeyboardInterrupt, _Interrupted(), None))
