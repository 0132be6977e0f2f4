"""Charts as pictures, each with its numbers in words for those who cannot see it."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from xcomkit.airflow_plane.load import PlainLoop, Times
from xcomkit.model import Measurement
from xcomkit.show.escaping import printable
from xcomkit.show.parts import Picture


def _canvas(width: float, height: float) -> Any:
    """Return an empty figure that needs no window system; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _picture(figure: Any, alt: str) -> Picture:
    buffer = io.BytesIO()
    # Without metadata the same numbers give the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return Picture(buffer.getvalue(), alt)


def codec_chart(found: Sequence[Measurement], *, backend: str) -> Picture:
    """Return stored bytes and times of the largest payload, per codec of a backend class."""
    biggest = max(found, key=lambda m: m.json_bytes)
    rows = [m for m in found if m.payload == biggest.payload]
    names = [f"{backend}, {m.codec}" for m in rows]
    figure = _canvas(8, 2.6)
    left, right = figure.subplots(1, 2)
    left.barh(names, [100 * m.ratio for m in rows], color="#5470c6")
    left.set_xlabel(f"stored, % of {biggest.json_bytes:,} B JSON")
    left.invert_yaxis()
    places = range(len(rows))
    right.barh([p - 0.2 for p in places], [m.push_ms.median for m in rows], 0.4, label="push")
    right.barh([p + 0.2 for p in places], [m.pull_ms.median for m in rows], 0.4, label="pull")
    right.set_yticks(list(places), names)
    right.set_xlabel("median, ms (log)")
    right.set_xscale("log")
    right.invert_yaxis()
    right.legend(frameon=False)
    sizes = ", ".join(f"{m.codec} {100 * m.ratio:.1f} %" for m in rows)
    times = ", ".join(f"{m.codec} {m.push_ms.median:.0f}/{m.pull_ms.median:.0f}" for m in rows)
    alt = f"{biggest.payload}, class {backend}. Stored share: {sizes}. Push/pull in ms: {times}."
    return _picture(figure, alt)


def bar_chart(values: Mapping[str, float], *, label: str) -> Picture:
    """Return one bar per name; names are cut to 40 characters."""
    figure = _canvas(8, 1.2 + 0.28 * len(values))
    axes = figure.subplots()
    # Without parse_math=False a key such as "$x_" is read as TeX and can fail.
    axes.barh(range(len(values)), list(values.values()), color="#5470c6")
    axes.set_yticks(range(len(values)), [_label(n)[:40] for n in values], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    alt = f"{label}: " + ", ".join(f"{_label(n)} {v:,.0f}" for n, v in values.items())
    return _picture(figure, alt)


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    words: Mapping[tuple[str, str], str],
    *,
    colours: Mapping[str, str],
    title: str,
) -> Picture:
    """Return one coloured field per row and column, the word in it; no word leaves it white."""
    figure = _canvas(2.6 + 1.1 * len(columns), 1.0 + 0.26 * len(rows))
    axes = figure.subplots()
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if word := words.get((row, column)):
                axes.barh(y, 1, left=x, height=1, color=colours[word], edgecolor="white")
                axes.text(x + 0.5, y, word, ha="center", va="center", fontsize=6)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([x + 0.5 for x in range(len(columns))], [fill(c, 15) for c in columns])
    axes.set_yticks(range(len(rows)), [_label(row)[:40] for row in rows], fontsize=7)
    axes.xaxis.tick_top()
    axes.set_title(title, fontsize=9)
    axes.tick_params(length=0)
    counts = Counter(words.values())
    alt = f"{title}: " + ", ".join(f"{word} {count} times" for word, count in counts.items())
    return _picture(figure, alt)


def load_chart(push: Times, pull: Times, *, alone: PlainLoop | None) -> Picture:
    """Return the share of the load run's tasks that were done in so many ms, per direction.

    Points mark p50, p95 and p99; upright lines the medians of the plain loop, where there is one.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = _canvas(8, 3.4)
    axes = figure.subplots()
    words: list[str] = []
    plain = (alone.push, alone.pull) if alone else (None, None)
    # Dark and light, whole and broken: also to be told apart in grey.
    looks = (("push", push, "#274b9f", "-"), ("pull", pull, "#e08214", "--"))
    for (name, times, colour, line), without in zip(looks, plain, strict=True):
        marks = {0.5: times.p50, 0.95: times.p95, 0.99: times.p99}
        told = ", ".join(f"p{100 * share:.0f} {ms:.1f}" for share, ms in marks.items())
        words.append(f"{name} {told}, longest {times.max:.1f} ms")
        axes.ecdf(times.values, color=colour, linestyle=line, label=f"{name}: {told} ms")
        axes.plot(list(marks.values()), list(marks), "o", color=colour, markeredgecolor="white")
        if without:
            words.append(f"plain SDK {name} median {without.p50:.1f} ms")
            axes.axvline(without.p50, color=colour, linestyle=":", label=words[-1])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("ms (log)")
    axes.set_ylim(0, 1.03)
    axes.set_yticks((0, 0.25, 0.5, 0.75, 0.95), ("0", "25", "50", "75", "95"))
    axes.set_ylabel("% of tasks done")
    axes.grid(visible=True, axis="y", alpha=0.4)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return _picture(figure, f"Load run, tasks: {len(push.values)}; {'; '.join(words)}")


def _label(text: str) -> str:
    """Return the text on one line."""
    return " ".join(printable(text).split())
