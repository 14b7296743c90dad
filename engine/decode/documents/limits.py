"""Every cap of the document extractors, unit last. Each is counted, not timed: the same bytes give the same parts on
every machine.
"""

from __future__ import annotations

MIB = 1024 * 1024

INPUT_BYTES_MAX = 64 * MIB
"""A larger document is not opened at all: most formats must be held whole, and cost several times their size."""

OUTPUT_BYTES_MAX = 8 * MIB
"""Text of all parts of one document. The reference system stops at 32 KiB, which one notebook with a data frame or
one page of a database exceeds: whatever leaked after it would be lost without a word.
"""

PARTS_MAX = 50_000
"""Parts of one document; each costs a scan of its own."""

LABEL_CHARS_MAX = 120
"""Labels are for people; names inside a document may be megabytes long."""

PROBLEM_CHARS_MAX = 300
"""A document may be wrong in many ways; the first few say enough."""

DEPTH_MAX = 200
"""Nesting of JSON, XML and marshalled values. Real documents stay below 30."""

JSON_TOKENS_MAX = 2_000_000
"""Strings, numbers and brackets of one JSON text, about two seconds of reading."""

JSON_GROUP_LEAVES_MAX = 20_000
"""String values of one JSON text that are held at a time."""

NAME_CHARS_MAX = 256
"""A key of JSON, XML or a property list, where it becomes part of a line; longer ones are cut."""

NAMES_MAX = 16
"""Keys on the path to a value, the last ones, that become part of a line."""

XML_TAG_BYTES_MAX = 2 * MIB
"""Bytes from one `<` to the next. Attributes are held all at once, at many times their size."""

XML_EVENTS_MAX = 2_000_000
"""Start and end tags and runs of text of one XML member, about two seconds of reading."""

DOTENV_QUOTED_LINES_MAX = 1024
"""Lines that one quoted value of a dotenv file may span."""

SETTINGS_BYTES_MAX = 2 * MIB
"""Beginning of a settings file (.env, .npmrc, .netrc, .pypirc) that is read. Real ones have ten lines."""

MARSHAL_OBJECTS_MAX = 1_000_000
"""Marshalled values of one .pyc file, about one second of reading."""

MARSHAL_DEPTH_MAX = 8000
"""Containers left open: the depth of 2000 that Python itself allows, times what one code object leaves open."""

KEYSTORE_ENTRIES_MAX = 10_000
"""Entries of a keystore whose aliases are read."""

PLIST_OBJECTS_MAX = 400_000
"""Objects of a binary property list."""

SQLITE_CELLS_MAX = 1_000_000
"""Rows of a database, deleted ones included."""

SQLITE_BLOB_PART_BYTES = 1024
"""A BLOB of this size is a part of its own, so that what it is (an archive, a key) can be recognised."""

SQLITE_COLUMNS_MAX = 2000
"""Columns of a row: the limit of SQLite itself."""

SWEEP_RUN_BYTES_MIN = 6
"""Shorter runs of printable bytes in damaged or deleted content are noise."""

MAIL_DEPTH_MAX = 16
"""Multiparts and messages inside each other."""

MAIL_PARTS_MAX = 50_000
"""Bodies and attachments of one mailbox."""

MAIL_HEADER_BYTES_MAX = 64 * 1024
"""Header block of one body. What is beyond counts as body."""

MAIL_FIELD_BYTES_MAX = 4096
"""One header field that is taken apart; its grammar is read with backtracking."""

PDF_INPUT_BYTES_MAX = 32 * MIB
"""The PDF reader keeps what it has parsed as objects, at many times the size of the file."""

PDF_PAGES_MAX = 500
"""Pages read of one PDF."""

PDF_STREAM_BYTES_MAX = 8 * MIB
"""One decompressed stream of a PDF."""

PDF_OBJECTS_MAX = 500_000
"""Objects that the table of contents of a PDF may list."""

PDF_OPERANDS_MAX = 500_000
"""Operands and operators of one page."""

PDF_FORMS_MAX = 1000
"""Reusable drawings that one page may draw; they may draw each other."""

PDF_CALLS_MAX = 6_000_000
"""Function calls that reading one PDF may take: about four seconds, or 450 pages full of text."""
