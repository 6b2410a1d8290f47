"""Words that say how far a matter has got, and which way: a new stage makes a new event of an old text."""

from __future__ import annotations

from collections.abc import Iterable

# fmt: off
# Who acted. "Committee approves" becoming "Senate approves" is next week's news.
_BODIES = frozenset(
    "committee subcommittee panel full floor plenary ausschuss plenum comite commission comision commissione".split()
)
# What was done, by stage. Two stages of one line in the same place exclude each other.
_LINES: tuple[dict[str, str], ...] = (
    {
        "proposed": "propose proposes proposed proposal urge urges urged plans planned",
        "introduced": "introduce introduces introduced introducing introduction reintroduce reintroduced unveils unveiled eingebracht",
        "approved": "approve approves approved approval clears cleared endorse endorsed gebilligt approuve aprueba aprobado",
        "passed": "pass passes passed passing passage adopted adopts verabschiedet adopte",
        "signed": "sign signs signed signing law enacted unterzeichnet signe firma firmado",
        "rejected": "reject rejects rejected veto vetoes vetoed defeat defeated abgelehnt rejette rechaza",
    },
    {
        "up": "raise raises raised raising rise rises rose increase increases increased up higher gain gains gained erhoht steigt hausse sube",
        "down": "cut cuts cutting lower lowers lowered lowering fall falls fell reduce reduces reduced decrease down drop drops dropped gesenkt sinkt baisse baja",
        "steady": "unchanged steady unverandert inchange",
    },
    {
        "before": "will expected scheduled upcoming tomorrow",
        "after": "was were did held yesterday",
    },
)
# fmt: on
# A body named in so many words: "Health, Education, Labor and Pensions Committee".
BODY_WORDS = 8
_STAGES = {word: (n, stage) for n, line in enumerate(_LINES[:2]) for stage, words in line.items() for word in words.split()}


def exchanged_stage(a: Iterable[str], b: Iterable[str]) -> str:
    """Name the stage that one side reached and the other did not, "" when they agree.

    Parameters
    ----------
    a, b : iterable of str
        Tokens that only one text has, from short gaps near the top.

    Examples
    --------
    >>> exchanged_stage(["introduced"], ["passed"]), exchanged_stage(["big"], ["large"])
    ('introduced / passed', '')
    """
    only_a, only_b = set(a), set(b)
    body = (only_a ^ only_b) & _BODIES
    if body and len(only_a) <= BODY_WORDS and len(only_b) <= BODY_WORDS:
        return min(body)
    stages_a = {_STAGES[word] for word in only_a if word in _STAGES}
    stages_b = {_STAGES[word] for word in only_b if word in _STAGES}
    for line, stage in sorted(stages_a - stages_b):
        for other_line, other in sorted(stages_b - stages_a):
            if line == other_line:
                return f"{stage} / {other}"
    return ""
