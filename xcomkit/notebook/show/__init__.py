"""Results as objects that look right in a notebook, in the record and as plain text.

Every text is escaped for where it goes: object keys and values are hostile input.
"""

from xcomkit.notebook.show.charts import bar_chart, codec_chart, heat_map, load_chart
from xcomkit.notebook.show.parts import (
    MARKS,
    Cell,
    Picture,
    Table,
    Text,
    aligned,
    marked,
    status_cell,
)
from xcomkit.notebook.show.results import checks, counted, facts, measurements, plan, table

__all__ = (
    "MARKS",
    "Cell",
    "Picture",
    "Table",
    "Text",
    "aligned",
    "bar_chart",
    "checks",
    "codec_chart",
    "counted",
    "facts",
    "heat_map",
    "load_chart",
    "marked",
    "measurements",
    "plan",
    "status_cell",
    "table",
)
