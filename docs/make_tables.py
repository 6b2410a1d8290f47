"""Fill the tables of docs/formats.md that come from the code: field names, flags, cleaning rules.

    python docs/make_tables.py

Between ``<!-- generated: NAME -->`` and ``<!-- end -->`` all is replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

from dedup.files import FIELD_NAMES
from dedup.flags import FLAG_MEANINGS, FLAGS
from dedup.normaliser.patterns import FURNITURE

TARGET = Path(__file__).with_name("formats.md")
_RULES = {
    "headline": "the headline repeated above the body: equal, with a site's name, in capitals, cut with …",
    "read_more": "Read more: …, See also, Continue reading",
    "related": "Related stories, Most read",
    "share": "Share this article, Follow us",
    "newsletter": "Sign up for our newsletter",
    "cookie": "We use cookies",
    "copyright": "Copyright, All rights reserved",
    "advertisement": "Advertisement",
    "navigation": "Back to top, Home, Menu",
    "media": "labels of pictures, videos and galleries",
    "credit": "credits of pictures and writers",
    "agency": "an agency's name alone in the last line",
    "end_mark": "###, -30-, (ends)",
}


def fill(page: str) -> str:
    """Return the page with its tables made anew."""
    tables = {"fields": _fields(), "flags": _flags(), "rules": _rules()}
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, n_found = pattern.subn(lambda found, table=table: found[1] + table + found[2], page)
        if n_found != 1:
            raise SystemExit(f"{TARGET.name} has {n_found} places for {name}")
    return page


def _fields() -> str:
    rows = [f"| {role} | {', '.join(f'`{name}`' for name in names)} |" for role, names in FIELD_NAMES.items()]
    return "\n".join(["| for | names |", "|---|---|", *rows, ""])


def _flags() -> str:
    rows = [f"| `{name}` | {FLAG_MEANINGS[name]} |" for name in FLAGS]
    return "\n".join(["| flag | meaning |", "|---|---|", *rows, ""])


def _rules() -> str:
    rows = [f"| `{name}` | {_RULES[name]} |" for name in ("headline", *FURNITURE, "agency", "end_mark")]
    return "\n".join(["| rule | lines such as |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    TARGET.write_text(fill(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
