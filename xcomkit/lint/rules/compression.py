"""Rules about the compression: Airflow accepts it, and it hides no failed upload."""

from collections.abc import Iterator

from xcomkit.findings.model import CODECS, Rule
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.storage import is_stock, set_elsewhere
from xcomkit.lint.rules.stores import STORES
from xcomkit.values.names import (
    BACKEND,
    COMPRESSION,
    PATH,
    STATE_BACKEND,
    STATE_COMPRESSION,
    STATE_PATH,
    parse_base_path,
)
from xcomkit.values.sensitive import show

_CODECS = tuple(codec for codec in CODECS if codec != "none")
_SUBJECTS = ((COMPRESSION, BACKEND, PATH), (STATE_COMPRESSION, STATE_BACKEND, STATE_PATH))
"""Compression, class and path of XCom and of the state store."""
EXTRA_CODECS = ("lz4", "zstd")

XC005 = Rule(
    id="XC005",
    title="Airflow accepts the compression",
    severity="fail",
    why="Any other name raises ValueError in every task; the guide's None is such a name.",
    remedy="Remove the variable for no compression, or write zip, gzip, bz2, lzma or xz.",
    source="common.io provider, xcom backend; fsspec compressions",
)
XC015 = Rule(
    id="XC015",
    title="No compression hides failed uploads",
    severity="fail",
    why="The stock backend swallows a failed upload behind every codec: the push succeeds, no"
    " object exists, and the reader gets the path instead of the value.",
    remedy="Remove the compression, use a backend that confirms its writes, or accept XC015 by"
    " name with the reason.",
    source="measured with common.io and s3fs, for XComs and state; fsspec codecs",
)


@lint_rule(XC005, "empty, zip, gzip, bz2, lzma or xz", fix=(COMPRESSION, ""))
def _bad_compression(config: Configuration) -> Iterator[Objection]:
    for name, *_ in _SUBJECTS:
        for setting in config.settings(name):
            if setting.variable is not None and setting.is_elsewhere:
                yield set_elsewhere(name, setting)
            elif setting.value in EXTRA_CODECS:
                text = f"{setting.value!r} needs its package on every agent that reads"
                yield Objection(f"{text} ({setting.where})", setting.place)
            elif setting.value and setting.value not in _CODECS:
                yield Objection(f"{show(name, setting.value)} in {setting.where}", setting.place)


@lint_rule(XC015, "no compression with the stock backend", fix=(COMPRESSION, ""))
def _hiding_compression(config: Configuration) -> Iterator[Objection]:
    found = [(one, names) for names in _SUBJECTS for one in config.known(names[0])]
    for (value, setting), (_, backend, path_name) in found:
        environment = config.environment[setting.components[0]]
        if is_stock(environment.get(backend, "")) and value in (*_CODECS, *EXTRA_CODECS):
            path = parse_base_path(environment.get(path_name, ""))
            worse = path is not None and path.scheme in STORES["gcp"].schemes
            more = "; on Cloud Storage values are lost even without a fault" if worse else ""
            of = "the state store" if path_name == STATE_PATH else "XCom"
            text = f"{value} of {of} with the stock backend in {setting.where}{more}"
            yield Objection(text, setting.place)
