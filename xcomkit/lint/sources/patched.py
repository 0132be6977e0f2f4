"""Lays patches of kustomize over the releases that they are for."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xcomkit.findings.model import Finding
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.sources.layers import OfPods, Parameter, Unread
from xcomkit.lint.sources.patches import BUILD, Target
from xcomkit.lint.sources.releases import Release
from xcomkit.lint.sources.resolving import Repository
from xcomkit.lint.sources.unread import unread_part
from xcomkit.values.names import CHART_KEYS


def lay_over(releases: Sequence[Release]) -> tuple[list[Release], list[Release]]:
    """Return releases with the patches of other files over them, and the patches of none.

    A patch is for the nearest releases of its name; those of one file lie over one together.
    """
    bases: dict[str, list[Release]] = {}
    for one in releases:
        if not one.is_patch:
            bases.setdefault(one.label, []).append(one)
    over: dict[tuple[int, str], list[Release]] = {}
    alone = []
    for patch in (one for one in releases if one.is_patch):
        labels = patch.target.among(bases) if patch.target else [patch.label]
        target = patch.target or Target("", "", patch.space)
        near = [
            base
            for label in labels
            for base in _nearest([x for x in bases.get(label, ()) if target.is_in(x.space)], patch)
        ]
        for base in near:
            over.setdefault((id(base), patch.place[0]), [base]).append(patch)
        alone += [] if near else [patch]
    patched = {key for key, _ in over}
    laid = [replace(base, layers=tuple(layer for one in (base, *patches) for layer in one.layers),
                    place=patches[0].place) for base, *patches in over.values()]  # fmt: skip
    laid += [one for one in releases if not one.is_patch and id(one) not in patched]
    matched = {patch.place for _, *patches in over.values() for patch in patches}
    return laid, [one for one in alone if one.place not in matched]


def _nearest(bases: Sequence[Release], patch: Release) -> list[Release]:
    """Return the releases of one name that share most of their path with a patch."""
    depths = [len(os.path.commonpath([one.place[0], patch.place[0]])) for one in bases]
    return [one for one, depth in zip(bases, depths, strict=True) if depth == max(depths)]


def find_unmatched(
    patches: Sequence[Release], repository: Repository, configurations: Sequence[Configuration]
) -> Iterator[Finding]:
    """Yield what is patched and not read: what agents have in no release here, and their pods."""
    is_rendered = any(one.label.startswith("kustomize chart ") for one in configurations)
    known = {name.partition(":")[0] for one in configurations for name in one.variables}
    for patch in (one for one in patches if one.target):
        is_of_pods = patch.target and patch.target.among(known)
        for change in repository.read_patches(patch.layers):
            text = change.name if isinstance(change, Parameter) else getattr(change, "what", "")
            if isinstance(change, OfPods) and (is_of_pods or is_rendered):
                what = f"a {change.how} of {change.pointer}"
                yield unread_part(patch, Unread(what[:160], change.place, BUILD))
            elif CHART_KEYS.intersection(re.split(r"\W+", text)):
                what = f"{text[:80]}, which is patched and in no release here"
                yield unread_part(patch, Unread(what, patch.place, BUILD))
                break
