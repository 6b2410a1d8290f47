"""Patterns looked up by the characters that a match must begin with."""

from __future__ import annotations


def literal_starts(pattern: str, length: int) -> set[str]:
    """Return what the strings that match a pattern can begin with, to the given length.

    Knows what the table uses: literals, an optional character, groups and optional groups.

    Examples
    --------
    >>> sorted(literal_starts("e-?mail (?:this|us)", 3))
    ['e-m', 'ema']
    """
    if not pattern or not length or pattern[0] in ".[" or (pattern[0] == "\\" and pattern[1].isalnum()):
        return {""}
    if pattern.startswith("(?:"):
        alternatives, rest = _split_group(pattern)
        if rest[:1] in ("*", "+", "{"):
            return {""}
        optional = rest.startswith("?")
        rest = rest.removeprefix("?")
        starts = set().union(*(literal_starts(alternative + rest, length) for alternative in alternatives))
        return starts | literal_starts(rest, length) if optional else starts
    literal, rest = (pattern[1], pattern[2:]) if pattern[0] == "\\" else (pattern[0], pattern[1:])
    if rest[:1] in ("*", "+", "{"):
        return {""}
    if rest.startswith("?"):
        return {literal + start for start in literal_starts(rest[1:], length - 1)} | literal_starts(
            rest[1:], length
        )
    return {literal + start for start in literal_starts(rest, length - 1)}


def _split_group(pattern: str) -> tuple[list[str], str]:
    depth, start, alternatives = 0, 3, []
    for position, character in enumerate(pattern):
        if character in "()" and pattern[position - 1] != "\\":
            depth += 1 if character == "(" else -1
        if (character == "|" and depth == 1) or depth == 0:
            alternatives.append(pattern[start:position])
            start = position + 1
        if depth == 0:
            break
    return alternatives, pattern[start:]
