"""Words that say how far a matter has got, and which way: a new stage makes a new event of an old text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# Who acted. "Committee approves" becoming "Senate approves" is next week's news.
BODIES = frozenset(
    {"committee", "subcommittee", "ausschuss", "comite", "commission", "comision", "commissione"}
)
# What was done, by stage. Two stages of one line in one place exclude each other.
_LINES: tuple[dict[str, str], ...] = (
    {
        "proposed": "propose proposes proposed proposal urge urges urged plans planned",
        "introduced": "introduce introduces introduced introducing introduction reintroduce reintroduced "
        "unveils unveiled eingebracht",
        "approved": "approve approves approved approval clears cleared endorse endorsed gebilligt approuve "
        "aprueba aprobado",
        "passed": "pass passes passed passing passage adopted adopts verabschiedet adopte",
        "signed": "sign signs signed signing law enacted unterzeichnet signe firma firmado",
        "rejected": "reject rejects rejected veto vetoes vetoed defeat defeated abgelehnt rejette rechaza",
    },
    {
        "up": "raise raises raised raising rise rises rose increase increases increased up higher gain gains "
        "gained erhoht steigt hausse sube",
        "down": "cut cuts cutting lower lowers lowered lowering fall falls fell reduce reduces reduced "
        "decrease down drop drops dropped gesenkt sinkt baisse baja",
        "steady": "unchanged steady unverandert inchange",
    },
    {
        "begun": "begin begins begun began start starts started starting opens opened launch launches "
        "launched beginnt commence empieza",
        "ended": "complete completes completed completing end ends ended finish finishes finished concludes "
        "concluded closes closed endet termine termina",
    },
    {
        "first": "first erste ersten premier premiere primer primera primo prima",
        "second": "second zweite zweiten deuxieme segundo segunda secondo seconda",
        "third": "third dritte dritten troisieme tercer tercera terzo terza",
        "fourth": "fourth vierte vierten quatrieme cuarto cuarta quarto quarta",
        "fifth": "fifth funfte funften cinquieme quinto quinta",
    },
)
# A body named in so many words: "Health, Education, Labor and Pensions Committee".
BODY_WORDS = 8
STAGES = {
    word: (n, stage)
    for n, line in enumerate(_LINES)
    for stage, words in line.items()
    for word in words.split()
}


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
    stages_a = {STAGES[word] for word in only_a if word in STAGES}
    stages_b = {STAGES[word] for word in only_b if word in STAGES}
    for line, stage in sorted(stages_a - stages_b):
        for other_line, other in sorted(stages_b - stages_a):
            if line == other_line:
                return f"{stage} / {other}"
    return ""


def count_bodies(a: list[str], b: list[str], bodies: Counter[str]) -> None:
    """Count the bodies that act in one text only, +1 for a, -1 for b: a mere swap sums to nothing.

    Examples
    --------
    >>> bodies = Counter()
    >>> count_bodies(["appropriations", "committee"], [], bodies)
    >>> bodies
    Counter({'committee': 1})
    """
    if len(a) > BODY_WORDS or len(b) > BODY_WORDS:
        return
    for words, step in ((a, 1), (b, -1)):
        for word in words:
            # "the committee's" may have lost its apostrophe.
            body = word if word in BODIES else word.removesuffix("s")
            if body in BODIES:
                bodies[body] += step
