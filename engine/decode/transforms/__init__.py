"""Reversible encodings of text: where they stand in a buffer, and what they say.

One file a family. Each offers generic `PROBES` (expressions that need no rule), turns hits into spans, and decodes a
span into a `Decoded`, which can say where in the outer buffer each decoded byte came from.
"""

from __future__ import annotations

from gossip.engine.decode.transforms.base import Decoded, Form, Hit, Transform
from gossip.engine.decode.transforms.base64_ import Base64
from gossip.engine.decode.transforms.compressed import inflate
from gossip.engine.decode.transforms.escapes import BackslashEscape, HtmlEntity, Percent, QuotedPrintable
from gossip.engine.decode.transforms.hex_ import Hex
from gossip.engine.decode.transforms.utf import WideText, utf_encoding

__all__ = ["TRANSFORMS", "Decoded", "Form", "Hit", "Transform", "WideText", "inflate", "utf_encoding"]

TRANSFORMS: tuple[Transform, ...] = (
    Base64(),
    Hex(),
    Percent(),
    BackslashEscape(),
    HtmlEntity(),
    QuotedPrintable(),
)
"""In the order in which they are tried. A probe of a compiled program names one by its index."""
