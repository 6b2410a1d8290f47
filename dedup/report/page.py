"""A report → one offline HTML file: figures and charts as markup, clusters as data shown on demand."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from dedup.flags import FLAG_MEANINGS
from dedup.report.model import ClusterView, Pair, Record, Report
from dedup.schema import RELATIONS
from dedup.version import __version__

# A record's digest is told by so many characters in links.
_RECORD_CHARS = 12


def render_page(report: Report) -> str:
    """Return the page."""
    style, script = _asset("report.css"), _asset("report.js")
    index, details = _payload(report)
    return str(
        environment()
        .from_string(_asset("report.html.j2"))
        .render(
            report=report,
            figures=report.figures,
            charts=[(chart, Markup(chart.svg), Markup(chart.narrow)) for chart in report.charts],
            meanings=FLAG_MEANINGS,
            run=_run_facts(report),
            policy=policy(style, script),
            style=Markup(style),
            script=Markup(script),
            index=_inert(index),
            details=_inert(details),
            version=__version__,
        )
    )


@cache
def _asset(name: str) -> str:
    return files("dedup.report").joinpath("assets", name).read_text("utf-8")


@cache
def environment() -> Environment:
    """Return the environment of all pages: autoescaped, and strict about names."""
    made = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["grouped"] = lambda number: f"{number:,}"
    made.filters["percent"] = lambda share: f"{share:.1%}"
    return made


def policy(style: str, script: str = "") -> str:
    """Return a Content-Security-Policy under which nothing but our own style and script can act."""
    own_script = f" script-src {_source_hash(script)};" if script else ""
    return (
        f"default-src 'none'; style-src {_source_hash(style)};{own_script}"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def trusted(markup: str) -> Markup:
    """Return markup of our own making that needs no escaping."""
    return Markup(markup)


def _source_hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _inert(value: Any) -> Markup:
    r"""Return JSON that can't end the script element it stands in, nor begin a comment in it.

    Examples
    --------
    >>> _inert(["</script>"])
    Markup('["\\u003c/script\\u003e"]')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Lone surrogates have no UTF-8.
    return Markup(text.encode("utf-8", "replace").decode())


class _Numbers:
    """Strings that come again and again, by number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def _payload(report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the table of clusters needs at once, and what a cluster needs when it is opened."""
    sources, reasons, orders = _Numbers(), _Numbers(), _Numbers()
    rows, views = [], []
    for view in report.clusters:
        names = {r.source for r in (view.keeper, *(pair.record for pair in view.members)) if r.source}
        relations = sorted({RELATIONS.index(pair.relation) for pair in view.members})
        lowest = min((pair.containment for pair in view.members), default=1.0)
        title = view.keeper.title or (view.members[0].record.title if view.members else None) or ""
        rows.append(
            [
                view.keeper.id,
                title,
                view.keeper.date or "",
                view.size,
                relations,
                round(lowest * 100),
                sorted(map(sources, sorted(names))),
                sources(view.keeper.source) if view.keeper.source else -1,
            ]
        )
        views.append(_detail(view, sources, reasons, orders))
    index = {
        "relations": list(RELATIONS),
        "sources": list(sources.numbers),
        "clusters": rows,
        "borderline": [
            {"a": at, **_pair(report.clusters[at].members[m], sources, reasons, None), "e": None}
            for at, m in report.borderline
        ],
        "misses": [
            {
                "a": _record(m.a, sources),
                "b": _record(m.b, sources),
                **_pair(m.pair, sources, reasons, None),
                # The list shows it at once; the other reasons come with the details.
                "y": m.pair.reason,
            }
            for m in report.misses
        ],
    }
    index["sources"] = list(sources.numbers)
    return index, {
        "reasons": list(reasons.numbers),
        "orders": [order.split() for order in orders.numbers],
        "views": views,
    }


def _detail(view: ClusterView, sources: _Numbers, reasons: _Numbers, orders: _Numbers) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "k": _record(view.keeper, sources),
        "m": [_pair(pair, sources, reasons, view.keeper) for pair in view.members],
        "n": view.left_out,
        "p": [orders(" ".join(view.preferences)), *view.preferences.values()] if view.preferences else None,
        "l": [
            [link.record.id, RELATIONS.index(link.relation), _percent(link.containment)]
            for link in view.links
        ],
        "s": view.story,
        "x": view.supersedes,
        "w": view.kept_in if view.kept_in != "input" else None,
    }
    return {name: value for name, value in detail.items() if value}


def _record(record: Record, sources: _Numbers) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "i": record.id,
        "t": record.title,
        "s": sources(record.source) if record.source else None,
        "d": record.date,
        "u": record.url,
        "f": record.flags,
        "r": _short(record.record),
    }
    return {name: value for name, value in shown.items() if value not in (None, [], "")}


def _pair(pair: Pair, sources: _Numbers, reasons: _Numbers, keeper: Record | None) -> dict[str, Any]:
    shown = _record(pair.record, sources)
    if keeper is not None and keeper.title == pair.record.title and keeper.title:
        shown["t"] = 0  # the same as the kept one's
    shown |= {
        "q": RELATIONS.index(pair.relation),
        "c": _percent(pair.containment),
        "j": _percent(pair.jaccard),
    }
    if pair.ratio is not None:
        shown["o"] = _percent(pair.ratio)
    if pair.reason:
        shown["y"] = reasons(pair.reason)
    if pair.diff is not None:
        shown["e"] = pair.diff
    return shown


def _short(record: str) -> str:
    digest, _, occurrence = record.partition("#")
    return digest[:_RECORD_CHARS] + (f".{occurrence}" if occurrence else "")


def _percent(share: float) -> float:
    return round(share * 100, 1)


def _run_facts(report: Report) -> dict[str, Any]:
    """Return what the manifest tells about settings, versions and inputs, as rows of text."""
    manifest = report.manifest or {}
    settings = [
        (f"{stage}.{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for stage, values in manifest.get("config", {}).items()
        for name, value in values.items()
        if value not in (None, [])
    ]
    return {
        "id": manifest.get("run_id"),
        "finished": manifest.get("finished", "").replace("T", " ").replace("+00:00", " UTC"),
        "inputs": [*manifest.get("inputs", ()), *manifest.get("against", ())],
        "settings": settings,
        "versions": list(manifest.get("versions", {}).items()),
        "seconds": list(manifest.get("seconds", {}).items()),
        "fields": [(role, name) for role, name in manifest.get("fields", {}).items() if name],
        "statistics": manifest.get("statistics_fingerprint"),
        "config_fingerprint": manifest.get("config_fingerprint"),
        "digest": manifest.get("decisions_digest"),
        "warnings": manifest.get("warnings", []),
    }
