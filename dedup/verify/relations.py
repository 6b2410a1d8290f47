"""What two texts have in common of which neither may be dropped."""

from __future__ import annotations

from dedup.kernels import gaps as kernels
from dedup.records import Relation
from dedup.verify.align import Survey
from dedup.verify.rules import NOTICE_DAYS, Verdict, days_between, name_weight
from dedup.verify.view import View

# Under this share of the shorter text in order, they share passages at most …
PASSAGES_SHARE = 0.3
# … and under this containment nothing worth a note.
RELATED_CONTAINMENT = 0.1
# More exchanged facts than one in so many tokens: a form filled in anew.
TOKENS_PER_EXCHANGE = 100
# A scanner damages two or three facts in a hundred words.
OCR_TOKENS_PER_EXCHANGE = 40
# One article in two cuts: this share of the shorter one is in the other if what it has of its own is one
# passage for the most part (a local paragraph); what two writers made of one statement lies scattered.
STORY_SHARE = 0.5
SIBLING_SHARE = 0.62
ONE_PASSAGE = 0.8
# A later take holds this share of the earlier one, with a few other numbers, and adds passages to it.
UPDATE_HOLDS = 0.82
UPDATE_NUMBERS = 6
UPDATE_ADDS = 0.2
UPDATE_PASSAGE = 12


def keep_both(
    a: View,
    b: View,
    survey: Survey,
    objections: tuple[str, str],
    exchanged: float | None,
    jaccard: float,
    containment: float,
    *,
    ocr: bool = False,
) -> Verdict:
    """Tell what two texts have in common of which neither may be dropped."""
    counts = survey.counts
    shorter = 0 if a.n_tokens <= b.n_tokens else 1
    n = max(1, min(a.n_tokens, b.n_tokens))
    objection = objections[shorter]
    found = (survey.matched + counts[kernels.MOVED_A + shorter]) / n
    names = name_weight((a, b)) * counts[kernels.NAMES_SWAPPED]
    if exchanged is None:
        exchanged = counts[kernels.NUMBERS_SWAPPED] + names
    if survey.matched < PASSAGES_SHARE * n and jaccard < 0.1:
        if containment < RELATED_CONTAINMENT:
            return Verdict("unrelated", None, "unrelated: little in common")
        return Verdict("related", None, "related: shared passages only")
    own, longest = counts[kernels.OWN_A + shorter], counts[kernels.LONGEST_A + shorter]
    per_exchange = OCR_TOKENS_PER_EXCHANGE if ocr else TOKENS_PER_EXCHANGE
    if exchanged * per_exchange > n and not (names < 1 and _is_update(a, b, counts, found)):
        return Verdict("template", None, f"template: {exchanged:.0f} facts exchanged in place; {objection}")
    region = counts[kernels.REGION_A + shorter]
    if found < (STORY_SHARE if region >= ONE_PASSAGE * own else SIBLING_SHARE):
        share = round(100 * found)
        return Verdict("related", None, f"related: {share} % of the shorter text shared; {objection}")
    compact = longest + counts[kernels.SECOND_A + shorter] >= 0.7 * own and not exchanged
    relation: Relation = "partial" if compact and longest > 15 else "revised"
    return Verdict(relation, None, f"{relation}: {objection}")


def _is_update(a: View, b: View, counts: list[int], found: float) -> bool:
    """Tell whether the longer text is a later take: nearly all of the shorter, and passages of its own."""
    days = days_between(a, b)
    longer = 1 if a.n_tokens <= b.n_tokens else 0
    n_longer = max(a.n_tokens, b.n_tokens)
    return (
        found >= UPDATE_HOLDS
        and counts[kernels.NUMBERS_SWAPPED] <= UPDATE_NUMBERS
        and counts[kernels.OWN_A + longer] >= UPDATE_ADDS * n_longer
        and counts[kernels.LONGEST_A + longer] >= UPDATE_PASSAGE
        and (days is None or days <= NOTICE_DAYS)
    )
