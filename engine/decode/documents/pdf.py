"""Text of PDF documents, by pypdf."""

from __future__ import annotations

import io
import logging
import sys
from types import FrameType
from typing import TYPE_CHECKING

from gossip.engine.decode.documents.limits import (
    NAME_CHARS_MAX,
    PDF_CALLS_MAX,
    PDF_FORMS_MAX,
    PDF_INPUT_BYTES_MAX,
    PDF_OBJECTS_MAX,
    PDF_OPERANDS_MAX,
    PDF_PAGES_MAX,
    PDF_STREAM_BYTES_MAX,
)
from gossip.engine.decode.documents.parts import Output, assignment

if TYPE_CHECKING:
    from pypdf import PdfReader


class _SpentError(BaseException):
    """The budget of calls is spent. Not an Exception, because the library goes on after many of those."""


class _Budget:
    """Counts calls of Python functions in this thread while it is entered; raises _SpentError when there are too many.

    A file can make its reader work for hours: drawings that draw each other, long streams named by every page. A clock
    would end that at another place on every machine. Tracing calls makes the reader three times slower; a profile
    function, which also sees calls of C functions, six times.
    """

    def __init__(self, calls: int) -> None:
        self._left = calls
        self._before = sys.gettrace()

    def _count(self, _frame: FrameType, event: str, _argument: object) -> None:
        self._left -= 1
        if self._left < 0:
            raise _SpentError

    def __enter__(self) -> None:
        sys.settrace(self._count)

    def __exit__(self, *_error: object) -> None:
        sys.settrace(self._before)


def extract_pdf(data: bytes, out: Output, _name: str) -> None:
    """A part per page with text, `page 2`, and one for the document's properties. Spans are the whole document.

    Documents that are encrypted with an empty password, as many with restrictions are, are read.
    """
    if len(data) > PDF_INPUT_BYTES_MAX:
        out.damaged(f"PDF of {len(data)} bytes, at most {PDF_INPUT_BYTES_MAX} are opened")
        return
    try:
        with _Budget(PDF_CALLS_MAX):
            _read(data, out)
    except _SpentError:
        out.cut()


def _read(data: bytes, out: Output) -> None:
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import PyPdfError

    # The library reports damage to the log, in words that quote the document.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    # Images are no text, and the library would start a program to decode some.
    with apply_configuration(
        jbig2dec_binary=None,
        maximum_declared_stream_length=PDF_STREAM_BYTES_MAX,
        array_based_stream_maximum_output_length=PDF_STREAM_BYTES_MAX,
        lzw_maximum_output_length=PDF_STREAM_BYTES_MAX,
        run_length_maximum_output_length=PDF_STREAM_BYTES_MAX,
        zlib_maximum_output_length=PDF_STREAM_BYTES_MAX,
        stream_decoding_work_maximum_length=4 * PDF_STREAM_BYTES_MAX,
        stream_parsing_work_maximum_count=PDF_OPERANDS_MAX,
        page_tree_maximum_entries=PDF_PAGES_MAX * 20,
        page_tree_maximum_page_entries=PDF_PAGES_MAX * 400,
        xform_maximum_invocations_per_extraction=PDF_FORMS_MAX,
    ):
        try:
            reader = PdfReader(io.BytesIO(data), xref_stream_maximum_entries=PDF_OBJECTS_MAX)
            if reader.is_encrypted and not reader.decrypt(""):
                out.damaged("encrypted with a password")
                return
            _properties(reader, out)
            _pages(reader, out)
        except PyPdfError as err:
            out.damaged(f"damaged: reading stopped with {type(err).__name__}")


def _properties(reader: PdfReader, out: Output) -> None:
    """Add title, author and whatever else a program left there."""
    found: dict[str, object] = dict(reader.metadata or {})
    lines = [assignment(str(key).lstrip("/")[:NAME_CHARS_MAX], str(found[key])) for key in found]
    out.add("".join(lines), "properties")


def _pages(reader: PdfReader, out: Output) -> None:
    """Add the text of each page; one that is damaged does not keep the others from being read."""
    for number, page in enumerate(reader.pages, 1):
        if number > PDF_PAGES_MAX:
            out.stop()
        try:
            text = page.extract_text()
        except Exception as err:
            # Broad as in `extract`: fonts and encodings fail in every way there is.
            out.damaged(f"a page is damaged: reading stopped with {type(err).__name__}")
            continue
        out.add(text, f"page {number}")
