"""What the front end of a notebook tells: whether a person is there, and how each cell ends."""

from collections.abc import Sequence
from typing import Any, Protocol

INTERRUPTED = "Interrupted. Run the step again from the cell that opens it: what ran is half done."


class Follower(Protocol):
    """Wants to know when each cell begins, and how it ends."""

    def cell_begins(self) -> None:
        """Take that a cell begins."""

    def cell_ended(self, error: BaseException | None) -> None:
        """Take what the cell raised, if anything."""


_FOLLOWERS: dict[str, Follower] = {}
"""Who is informed, at most one per role."""


class Display:
    """A place in the output of the cell that first shows something in it; later texts replace it.

    An interrupt while it is first shown leaves a place that can be replaced all the same.
    """

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str, text: str) -> None:
        """Show HTML, and the same as text where there is none."""
        from IPython.display import DisplayHandle

        shown, is_first = {"text/html": html, "text/plain": text}, self._handle is None
        self._handle = self._handle or DisplayHandle()  # type: ignore[no-untyped-call]
        (self._handle.display if is_first else self._handle.update)(shown, raw=True)


def is_notebook() -> bool:
    """Tell whether there are cells to show something in."""
    return _shell() is not None


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


def follow_cells(follower: Follower, *, role: str = "step") -> Follower | None:
    """Inform the follower of each cell from now on; return who was in its role before, if anybody.

    Outside IPython there are no cells.
    """
    shell = _shell()
    if shell is None:
        return None
    before = _FOLLOWERS.pop(role, None)
    _FOLLOWERS[role] = follower
    shell.events.register("pre_run_cell", _note_begin)  # IPython keeps one of each
    shell.events.register("post_run_cell", _note_end)
    shell.set_custom_exc((KeyboardInterrupt,), _show_interrupt)
    return before


def _note_begin(info: Any) -> None:
    if info.store_history:  # others are no cells of the notebook but a front end's own
        for follower in _FOLLOWERS.values():
            follower.cell_begins()


def _note_end(result: Any) -> None:
    """Pass on how the cell ended; IPython has no result of one that was cancelled."""
    for follower in _FOLLOWERS.values():
        if result is None:
            follower.cell_ended(KeyboardInterrupt())
        elif result.info.store_history:
            follower.cell_ended(result.error_before_exec or result.error_in_exec)


class _Interrupted(KeyboardInterrupt):
    """An interrupt that IPython shows as one line."""

    def _render_traceback_(self) -> Sequence[str]:
        return [INTERRUPTED]


def _show_interrupt(shell: Any, *_: object, **__: object) -> None:
    """Show one line: where a process was waited for says nothing to whoever interrupted it."""
    shell.showtraceback((KeyboardInterrupt, _Interrupted(), None))
