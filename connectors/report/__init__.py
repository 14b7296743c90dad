"""Output formats of findings. To add one: one file here and one row in `formats.FORMATS`.

`render_summary`, the summary for people, is in `gossip.connectors.report.text`: only who shows it loads rich.
"""

from __future__ import annotations

from gossip.connectors.report.base import STDOUT, Options, Output
from gossip.connectors.report.formats import FORMATS, Format, format_of, open_reporter

__all__ = ["FORMATS", "STDOUT", "Format", "Options", "Output", "format_of", "open_reporter"]
