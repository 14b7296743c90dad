"""Character classes: Perl and POSIX names, case folding, and classes with characters outside ASCII as UTF-8 bytes."""

from __future__ import annotations

from gossip.engine.rules.syntax.nodes import ALL_BYTES, Alternate, Atom, Node, concat, mask_of

DIGIT = mask_of(range(0x30, 0x3A))
UPPER = mask_of(range(0x41, 0x5B))
LOWER = mask_of(range(0x61, 0x7B))
ALPHA = UPPER | LOWER
WORD = DIGIT | ALPHA | mask_of(b"_")
SPACE = mask_of(b"\t\n\f\r ")
SYMBOL = mask_of(b"$+<=>^`|~")
NON_ASCII = mask_of(range(0x80, 0x100))

PERL: dict[str, int] = {
    "d": DIGIT,
    "w": WORD,
    "s": SPACE,
    "D": ALL_BYTES & ~DIGIT,
    "W": ALL_BYTES & ~WORD,
    "S": ALL_BYTES & ~SPACE,
}

POSIX: dict[str, int] = {
    "alnum": DIGIT | ALPHA,
    "alpha": ALPHA,
    "ascii": mask_of(range(0x80)),
    "blank": mask_of(b"\t "),
    "cntrl": mask_of([*range(0x20), 0x7F]),
    "digit": DIGIT,
    "graph": mask_of(range(0x21, 0x7F)),
    "lower": LOWER,
    "print": mask_of(range(0x20, 0x7F)),
    "punct": mask_of(range(0x21, 0x7F)) & ~(DIGIT | ALPHA),
    "space": mask_of(b"\t\n\v\f\r "),
    "upper": UPPER,
    "word": WORD,
    "xdigit": DIGIT | mask_of(b"abcdefABCDEF"),
}

# Unicode properties over bytes: the ASCII members, and any byte of a multi-byte character.
UNICODE: dict[str, int] = {
    "L": ALPHA | NON_ASCII,
    "Lu": UPPER | NON_ASCII,
    "Ll": LOWER | NON_ASCII,
    "N": DIGIT | NON_ASCII,
    "Nd": DIGIT | NON_ASCII,
    "P": POSIX["punct"] & ~SYMBOL | NON_ASCII,
    "S": SYMBOL | NON_ASCII,
    "Z": mask_of(b" ") | NON_ASCII,
}


def fold(mask: int) -> int:
    """The mask with both cases of every ASCII letter in it."""
    return mask | (mask & UPPER) << 32 | (mask & LOWER) >> 32


def utf8_atoms(char: int) -> Node:
    """One code point as the sequence of its UTF-8 bytes."""
    return concat(Atom(1 << byte) for byte in chr(char).encode("utf-8", "surrogatepass"))


def utf8_ranges(low: int, high: int) -> list[Node]:
    """Code points `low` to `high`, all outside ASCII, as alternatives of byte-range sequences."""
    nodes: list[Node] = []
    stack = [(low, high)]
    while stack:
        start, end = stack.pop()
        split = _split_at(start, end)
        if split is not None:
            stack += [(split + 1, end), (start, split)]
            continue
        first = chr(start).encode("utf-8", "surrogatepass")
        last = chr(end).encode("utf-8", "surrogatepass")
        nodes.append(concat(Atom(mask_of(range(a, b + 1))) for a, b in zip(first, last, strict=True)))
    return nodes


def _split_at(start: int, end: int) -> int | None:
    """Where a range must be cut so that both parts are products of byte ranges; None where it is one already."""
    for top in (0x7F, 0x7FF, 0xFFFF):
        if start <= top < end:
            return top
    for bits in (6, 12, 18):
        mask = (1 << bits) - 1
        if start & ~mask != end & ~mask:
            if start & mask:
                return start | mask
            if end & mask != mask:
                return (end & ~mask) - 1
    return None


def class_node(mask: int, wide: list[tuple[int, int]]) -> Node:
    """A class of ASCII and byte members (`mask`) and code-point ranges outside ASCII (`wide`)."""
    branches: list[Node] = [Atom(mask)] if mask or not wide else []
    for low, high in wide:
        branches.extend(utf8_ranges(low, high))
    return branches[0] if len(branches) == 1 else Alternate(tuple(branches))
