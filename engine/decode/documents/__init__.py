"""Extractors that turn structured files into text a scanner can read: notebooks, databases, mail, compiled code.

`extractor_for` recognises a document, `extract` reads it and never raises. To add a format, add a module beside the
others, a row in `registry.EXTRACTORS` and its names in `recognise`.
"""

from __future__ import annotations

from gossip.engine.decode.documents.parts import Extracted, Part
from gossip.engine.decode.documents.recognise import extractor_for
from gossip.engine.decode.documents.registry import EXTRACTORS, extract

__all__ = ["EXTRACTORS", "Extracted", "Part", "extract", "extractor_for"]
