"""Rules about values that go lost without an error, by what was measured of the class."""

from collections.abc import Iterator

from xcomkit.findings.model import STOCK_BACKEND, Rule
from xcomkit.lint.context import Context, Objection, lint_rule
from xcomkit.lint.rules.storage import CODECS, EXTRA_CODECS, OLD_CLASSES
from xcomkit.values.names import BACKEND, COMPRESSION, PATH, parse_base_path

LOSING_SCHEMES = frozenset({"gs", "gcs"})  # gcsfs uploads what a codec wrote in the background

XC015 = Rule(
    id="XC015",
    title="No compression hides failed uploads",
    severity="fail",
    why="the stock backend swallows a failed upload behind every codec: the push succeeds, no"
    " object exists, and the reader gets the path instead of the value.",
    remedy="remove the compression, use a backend that confirms its writes, or accept XC015 by"
    " name with the reason.",
    source="measured with common.io and s3fs; fsspec codecs",
)


@lint_rule(
    XC015, "no compression with the stock backend", fix=((COMPRESSION, ""),), backend="stock"
)
def find_hiding_compression(context: Context) -> Iterator[Objection]:
    """Yield components in which the stock backend compresses."""
    for value, seen in context.told(COMPRESSION):
        environment = context.environment[seen.components[0]]
        backend = environment.get(BACKEND, "").strip()
        stock = backend == STOCK_BACKEND or backend in OLD_CLASSES
        if stock and value in (*CODECS, *EXTRA_CODECS):
            path = parse_base_path(environment.get(PATH, ""))
            worse = path is not None and path.scheme in LOSING_SCHEMES
            more = "; on Cloud Storage values are lost even without a fault" if worse else ""
            yield Objection(f"{value} with the stock backend in {seen.where}{more}", seen.place)
