"""Inputs and decisions of many clusters, for reports that are large."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

WORDS = [
    f"{start}{end}"
    for start in ("bar", "len", "mor", "tis", "vun", "kel", "dra", "sol")
    for end in ("ada", "en", "ilo", "ur", "ast", "omi")
]


def write_many(folder: Path, n_clusters: int) -> tuple[Path, Path]:
    """Write inputs and decisions of many clusters, as a run would have made them."""
    chance = random.Random(5)
    inputs, decisions = [], []
    for number in range(n_clusters):
        words = chance.choices(WORDS, k=120)
        texts = [" ".join(words), " ".join([*words[:50], str(number), *words[53:110]])]
        digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        for copy, text in enumerate(texts):
            title = f"{' '.join(words[copy * 3 : copy * 3 + 8])} {number}"
            inputs.append(
                {
                    "id": f"{number}-{copy}",
                    "title": title,
                    "text": text,
                    "date": "2026-11-0" + str(1 + number % 9),
                    "source": f"Paper {chance.randrange(200)}",
                    "url": f"https://paper.example/{number}/{copy}",
                }
            )
        kept = {
            "schema": 1,
            "record": digests[0],
            "id": f"{number}-0",
            "status": "kept",
            "cluster": f"{number}-0",
            "story": f"{number}-0",
            "stands_for_count": 1,
            "preferences": {
                "undegraded": True,
                "complete": 0,
                "source": None,
                "clean": 0,
                "earliest": None,
                "medoid": 0.8,
                "id": "x",
            },
        }
        dropped = {
            "schema": 1,
            "record": digests[1],
            "id": f"{number}-1",
            "status": "dropped",
            "cluster": f"{number}-0",
            "kept_id": f"{number}-0",
            "kept_in": "input",
            "relation": "contained",
            "jaccard": 0.8,
            "containment": round(chance.uniform(0.3, 1), 4),
            "ratio": 0.9,
            "reason": f"contained: no fact of its own; {number % 100} % of it in the other, in 2 runs",
        }
        decisions += [kept, dropped]
    source, target = folder / "in.jsonl", folder / "decisions.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in inputs))
    target.write_text(
        "".join(
            json.dumps(row | {"file": str(source), "line": line}) + "\n"
            for line, row in enumerate(decisions, 1)
        )
    )
    return source, target
