"""Which field holds what: the published lists of names, and how a name is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from dedup.config import ReadConfig
from dedup.errors import UsageError
from dedup.files.chunks import Fields, Source

# The first of a list that is there wins. Matching ignores case; the exact spelling goes first.
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "body", "content", "article", "maintext", "article_text", "full_text", "story"),
    "id": ("id", "guid", "uuid", "article_id", "doc_id", "document_id", "_id", "url"),
    "title": ("title", "headline", "heading"),
    "source": ("source", "publisher", "site", "domain", "outlet", "newspaper", "agency"),
    "date": (
        *("date", "published", "published_at", "publication_date", "pubdate"),
        *("date_publish", "datetime", "timestamp", "created_at"),
    ),
    "url": ("url", "link", "canonical_url", "source_url"),
}


def resolve_fields(sources: Sequence[Source], config: ReadConfig) -> Fields:
    """Choose the field for each purpose, once for all sources.

    Each source is told the outcome (``source.resolved``): columnar sources
    read only these columns in the first pass, writers replace this text. Text
    folders have their own two fields; empty sources constrain nothing.

    Raises
    ------
    UsageError
        If a named field is nowhere, or a source lacks the text.
    """
    described = [(source, source.fields()) for source in sources if source.format != "text"]
    described = [(source, names) for source, names in described if names]
    union = list(dict.fromkeys(name for _, names in described for name in names))
    if not union:
        union = ["id", "text"]
    fields = choose_fields(union, config)
    for source, names in described:
        if fields.text not in names:
            raise UsageError(
                f"no field {fields.text!r} for the text in {source.name}",
                where=_listed(names),
                remedy="name one that all inputs have",
            )
    for source in sources:
        source.use_fields(fields)
    return fields


def choose_fields(names: Sequence[str], config: ReadConfig) -> Fields:
    """Choose the field for each purpose among the names there are.

    Raises
    ------
    UsageError
        If a named field is not there, or none holds the text.

    Examples
    --------
    >>> choose_fields(["guid", "headline", "body"], ReadConfig())
    Fields(text='body', id='guid', title='headline', source=None, date=None, url=None)
    """
    chosen = {role: _choose(role, getattr(config, role), list(names)) for role in FIELD_NAMES}
    text = chosen["text"]
    if text is None:
        raise UsageError(
            "found no field that holds the text", where=_listed(names), remedy="name it with --text FIELD"
        )
    return Fields(text, chosen["id"], chosen["title"], chosen["source"], chosen["date"], chosen["url"])


def _choose(role: str, named: str | None, names: list[str]) -> str | None:
    wanted = FIELD_NAMES[role] if named is None else (named,)
    folded = {name.casefold(): name for name in reversed(names)}
    for name in wanted:
        if name in names:
            return name
        if name.casefold() in folded:
            return folded[name.casefold()]
    if named is not None:
        raise UsageError(
            f"no field {named!r} for --{role}", where=_listed(names), remedy="choose one of these"
        )
    return None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:40])
    return f"fields: {shown}{', …' if len(names) > 40 else ''}"
