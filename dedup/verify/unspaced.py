"""What to watch in scripts without spaces and capitals: there a name looks like any other characters.

Every character is a token there, so that a share of tokens says less, and
numbers are written in characters as often as in digits.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dedup.kernels.facts import LACKED, OWN
from dedup.verify.align import Survey
from dedup.verify.view import View

_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿億两兩")
# Own characters of the text to be dropped: a copy desk's touch, and no fact among them.
_OWN_SHARE = 0.08
# Places where one wording stands for another: one, and one more for so many characters. One character for
# another is a slip of the keys more often than a name, and counts a quarter.
_TOKENS_PER_EXCHANGE = 150
_SLIP = 0.25


def objection(a: View, b: View, survey: Survey, dropped: Literal[0, 1] | None) -> str:
    """Say what speaks against dropping one of two unspaced texts, "" when nothing does.

    Parameters
    ----------
    a, b : View
        The two documents.
    survey : Survey
        Their alignment.
    dropped : {0, 1, None}
        Which one would go; None when either may.
    """
    marks = np.frombuffer(survey.marks[0], np.uint8), np.frombuffer(survey.marks[1], np.uint8)
    owned = [np.isin(m, (OWN, LACKED)) for m in marks]
    own = [int(np.count_nonzero(o)) for o in owned]
    shares = [count / max(1, view.n_tokens) for count, view in zip(own, (a, b), strict=True)]
    share = min(shares) if dropped is None else shares[dropped]
    if share > _OWN_SHARE:
        return f"{share:.0%} of its characters are its own"
    exchanges, weight = 0, 0.0
    for i1, i2, j1, j2 in survey.gaps.tolist():
        left = [t for t in range(i1, i2) if owned[0][t]]
        right = [t for t in range(j1, j2) if owned[1][t]]
        if not left or not right:
            continue
        exchanges += 1
        weight += _SLIP if len(left) == len(right) == 1 else 1
        numbers, others = _numerals(a, left), _numerals(b, right)
        if numbers and others and numbers != others:
            return f"number {numbers} against {others}"
    if weight > 1 + min(a.n_tokens, b.n_tokens) // _TOKENS_PER_EXCHANGE:
        return f"{exchanges} wordings exchanged, any of which may be a name"
    return ""


def _numerals(view: View, places: list[int]) -> str:
    return "".join(view.tokens[t] for t in places if view.tokens[t] in _NUMERALS)
