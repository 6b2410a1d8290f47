"""What an index says of an article, and how that is kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import msgspec

from dedup.records import Link, Relation

Word = Literal["new", "duplicate", "revision", "sibling", "candidate"]
_REVISIONS = ("partial", "revised")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an index says of one article.

    Attributes
    ----------
    id : Any
        The article's id with its JSON type; made from the content where it has none.
    record : str
        Digest of its text, in hexadecimal.
    verdict : {"new", "duplicate", "revision", "sibling", "candidate"}
        ``duplicate``: nothing in it is new against `of`, which is kept
        instead. ``revision``: kept, another version of `of`. ``sibling``:
        kept, of the same template or making as `of`. ``candidate``: an index
        without texts estimates that it resembles `of`.
    kept : bool
        Whether it stands for itself.
    of : Any
        Id of the record that the verdict names.
    relation, jaccard, containment, ratio, reason
        The evidence of that very pair, as in a batch run's decisions.
    supersedes : Any
        Id of a stored record that this one is the better version of.
    replaced : bool
        Whether the superseded record became this one's duplicate. Where it is
        False both are kept: this one can't stand for all that the other stands for.
    links : tuple of Link
        Other records that look alike and were not merged.
    flags : tuple of str
        As in a batch run's decisions.
    verifier : str
        Fingerprint of the rules and statistics that the verdict was made by.
    repeated : bool
        The article was stored before; this is its present verdict.
    """

    id: Any
    record: str
    verdict: Word = "new"
    kept: bool = True
    of: Any = None
    relation: Relation | None = None
    jaccard: float | None = None
    containment: float | None = None
    ratio: float | None = None
    reason: str | None = None
    supersedes: Any = None
    replaced: bool = False
    links: tuple[Link, ...] = ()
    flags: tuple[str, ...] = ()
    verifier: str = ""
    repeated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that have a value, for one line of JSON."""
        row = {name: getattr(self, name) for name in _FIELDS}
        row["links"] = [{name: getattr(link, name) for name in _FIELDS_OF_LINKS} for link in self.links]
        return {name: value for name, value in row.items() if name in _ALWAYS or not _is_nothing(value)}


_FIELDS = tuple(f.name for f in fields(Verdict))
_FIELDS_OF_LINKS = tuple(f.name for f in fields(Link))
_ALWAYS = frozenset(("id", "record", "verdict", "kept"))


def _is_nothing(value: Any) -> bool:
    # An id may be 0, which equals False.
    return value is None or value is False or value in ((), [], "")


def word_for(relation: Relation) -> Word:
    """Return the verdict on a kept article whose strongest link has this relation.

    Examples
    --------
    >>> word_for("revised"), word_for("template")
    ('revision', 'sibling')
    """
    return "revision" if relation in _REVISIONS else "sibling"


def encode(verdict: Verdict) -> bytes:
    """Return a verdict as JSON."""
    return msgspec.json.encode(verdict.to_dict())


def decode(data: bytes | str) -> Verdict:
    """Return the verdict behind its JSON.

    Examples
    --------
    >>> decode(encode(Verdict("a", "00", links=(Link("b", "template", 0.5, 0.6),)))).links[0].id
    'b'
    """
    row = msgspec.json.decode(data)
    row["links"] = tuple(Link(**link) for link in row.get("links", ()))
    row["flags"] = tuple(row.get("flags", ()))
    return Verdict(**row)


def repeated(verdict: Verdict) -> Verdict:
    """Return the verdict marked as one given before."""
    return replace(verdict, repeated=True)
