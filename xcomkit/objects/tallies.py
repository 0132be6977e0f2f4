"""Objects counted by Arrow and numpy, column by column: how many share a name, and their bytes."""

from collections.abc import Iterable
from typing import Any

from xcomkit.objects.groups import Grouped, Tally
from xcomkit.objects.keys import CODECS, MAX_ID

_FEW = 10_000


def to_numpy(array: Any) -> Any:
    """Return an Arrow array in numpy; ``to_numpy`` imports pandas, which takes 40 MB."""
    import numpy as np
    import pyarrow as pa

    if array.type == pa.bool_():
        return np.from_dlpack(array.cast(pa.uint8())).view(bool)
    return np.from_dlpack(array)


def read_groups(keys: Any, sizes: Any, *, layout: str, below: str) -> Grouped | None:
    """Return Dag, task and codec of keys that a strict pattern matched, with their tallies.

    Nothing is returned where an id is too long to be one.
    """
    import numpy as np
    import pyarrow.compute as pc

    _, offsets, text = keys.buffers()
    ends = np.frombuffer(offsets, np.int32)[keys.offset :][: len(keys) + 1]
    slashes: Any = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("/"))
    first: Any = np.searchsorted(slashes, ends)
    last = first[1:] - (1 if layout == "uuid" else 2)
    dags, tasks = (
        _cut(text, begin, end).dictionary_encode()
        for begin, end in (
            (ends[:-1] + len(below.encode()), slashes[first[:-1] + below.count("/")]),
            (slashes[last - 1] + 1, slashes[last]),
        )
    )
    codecs: Any = np.zeros(len(keys), np.int64)
    for number, suffix in enumerate(CODECS):
        if suffix:
            codecs[to_numpy(pc.ends_with(keys, f".{suffix}"))] = number
    few = (len(dags.dictionary), len(tasks.dictionary), len(CODECS))
    numbers = np.ravel_multi_index((to_numpy(dags.indices), to_numpy(tasks.indices), codecs), few)
    dag_names, task_names = dags.dictionary.to_pylist(), tasks.dictionary.to_pylist()
    if max(map(len, (*dag_names, *task_names))) > MAX_ID:
        return None
    found, counts, sums = tally(numbers, sizes)
    places = np.unravel_index(np.array(found), (*few[:2], 1, few[2]))
    names = (dag_names, task_names, [layout], [*CODECS.values()])
    return Grouped(names, places, counts, sums)


def _cut(text: Any, begin: Any, end: Any) -> Any:
    """Return what lies in a text between each begin and its end, one behind the other."""
    import numpy as np
    import pyarrow as pa

    offsets = np.stack((begin, end), axis=1).astype(np.int32)
    parts = pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), text)
    every_other = pa.py_buffer(np.arange(0, offsets.size, 2))
    return parts.take(pa.Array.from_buffers(pa.int64(), len(begin), [None, every_other]))


def tally(numbers: Any, sizes: Any) -> tuple[list[int], list[int], list[int]]:
    """Return each number once, how often it is there, and the bytes of its objects."""
    import numpy as np

    least = numbers.min()
    places = numbers - least
    if places.max() > 4 * len(numbers) + _FEW:  # a place for each would be too many
        kinds, places = np.unique(numbers, return_inverse=True)
    else:
        kinds = np.arange(places.max() + 1) + least
    counts = np.bincount(places)
    found = np.flatnonzero(counts)
    # A float holds every whole number up to 2**53, so the bytes of a batch are exact.
    sums = np.bincount(places, weights=sizes)[found].astype(np.int64)
    return kinds[found].tolist(), counts[found].tolist(), sums.tolist()


def add_tallies(
    tallies: dict[Any, Tally], names: Iterable[Any], counts: Iterable[int], sizes: Iterable[int]
) -> None:
    """Add how many objects each name has, and their bytes, to what was counted before."""
    for name, count, size in zip(names, counts, sizes, strict=True):
        if (tally := tallies.get(name)) is None:
            tallies[name] = [count, size]
        else:
            tally[0] += count
            tally[1] += size
