"""Results as objects that look right in a notebook, in the record and as plain text.

Every text is escaped for where it goes: object keys and values are hostile input.
"""

from xcomkit.notebook.show.chart import Bar, Chart
from xcomkit.notebook.show.parts import (
    COLOURS,
    MARKS,
    Cell,
    Table,
    Text,
    aligned,
    marked,
    status_cell,
    widget_bundle,
)
from xcomkit.notebook.show.results import facts, measurements, plan, table
from xcomkit.notebook.show.verdicts import Checks, checks, counted

__all__ = (
    "COLOURS", "MARKS", "Bar", "Cell", "Chart", "Checks", "Table", "Text", "aligned", "checks",
    "counted", "facts", "marked", "measurements", "plan", "status_cell", "table", "widget_bundle",
)  # fmt: skip
