"""Patterns looked up by the characters that a match must begin with."""

from __future__ import annotations


def pattern_starts(pattern: str, length: int) -> set[str]:
    """Return what the strings that match a pattern with alternatives can begin with, to the given length.

    Examples
    --------
    >>> sorted(pattern_starts("(?:tele)?phone|fax", 3))
    ['fax', 'pho', 'tel']
    """
    return literal_starts(f"(?:{pattern})", length)


def literal_starts(pattern: str, length: int) -> set[str]:
    """Return what the strings that match a pattern can begin with, to the given length.

    Knows what the tables use: literals, an optional character, groups, optional and repeated groups. What it
    does not know may begin with anything.

    Examples
    --------
    >>> sorted(literal_starts("e-?mail (?:this|us)", 3))
    ['e-m', 'ema']
    """
    if pattern.startswith("\\W{0,"):
        # Signs are passed over before a text is looked up.
        return literal_starts(pattern[pattern.index("}") + 1 :], length)
    if not pattern or not length or pattern[0] in ".[$^" or (pattern[0] == "\\" and pattern[1].isalnum()):
        return {""}
    if pattern[0] == "(" and not pattern.startswith("(?:"):
        return {""}
    if pattern.startswith("(?:"):
        alternatives, rest = _split_group(pattern)
        if rest[:1] == "*" or rest[:2] == "{0":
            return {""}
        if rest[:1] in ("+", "{"):
            return set().union(*(literal_starts(alternative + ".", length) for alternative in alternatives))
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
    """Return the alternatives of the group that a pattern begins with, and what follows the group."""
    depth, start, position, alternatives = 0, 3, 0, []
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif character == "[":
            position = _skip_class(pattern, position)
        else:
            if character in "()":
                depth += 1 if character == "(" else -1
            if (character == "|" and depth == 1) or depth == 0:
                alternatives.append(pattern[start:position])
                start = position + 1
            if depth == 0:
                break
        position += 1
    return alternatives, pattern[start:]


def _skip_class(pattern: str, position: int) -> int:
    position = pattern.index("]", position + (3 if pattern[position + 1] == "^" else 2))
    while pattern[position - 1] == "\\":
        position = pattern.index("]", position + 1)
    return position
