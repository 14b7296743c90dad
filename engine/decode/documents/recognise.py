"""Which extractor a document is for. This runs on every document: two look-ups, and more only for a likely hit."""

from __future__ import annotations

import re

_BY_NAME = {
    ".dockerconfigjson": "docker-config",
    ".dockercfg": "docker-config",
    ".env": "dotenv",
    ".netrc": "netrc",
    ".npmrc": "npmrc",
    ".pypirc": "pypirc",
    "_netrc": "netrc",
    "mbox": "mbox",
    "npmrc": "npmrc",
}

_BY_SUFFIX = {
    "class": "class",
    "eml": "eml",
    "har": "har",
    "ipynb": "ipynb",
    "jceks": "keystore",
    "jks": "keystore",
    "mbox": "mbox",
    "mht": "eml",
    "mhtml": "eml",
    "p12": "keystore",
    "pdf": "pdf",
    "pfx": "keystore",
    "plist": "plist",
    "pyc": "pyc",
    "pyo": "pyc",
    "tfstate": "tfstate",
}

_BY_MAGIC = {
    b"%PDF": "pdf",
    b"SQLi": "sqlite",
    b"bpli": "plist",
    b"\xca\xfe\xba\xbe": "class",
    b"\xce\xce\xce\xce": "keystore",
    b"\xfe\xed\xfe\xed": "keystore",
}

_CLASS_MAJOR_MIN = 45
"""Java's first version. Universal Mach-O files share the magic number; where a class has its version they have a count
of processors, which is small.
"""

_OFFICE = re.compile(
    r"(?:^|[/\\!:])(?:"
    r"word[/\\](?:glossary[/\\])?(?:document|header|footer|comments\w*?|footnotes|endnotes)\d*"
    r"|xl[/\\](?:sharedstrings|comments\d*|(?:worksheets|comments|threadedcomments)[/\\][\w.-]+)"
    r"|ppt[/\\](?:slides|notesslides|slidelayouts|slidemasters|comments)[/\\][\w.-]+"
    r")\.xml\Z"
)
_OPENDOCUMENT = re.compile(r"(?:^|[/\\!:])(?:content|styles)\.xml\Z")


def extractor_for(name: str, head: bytes) -> str | None:
    """The kind of extractor for a document called `name` (a path; case does not matter) that begins with `head`
    (4 KiB are plenty, 16 bytes suffice for most), or None.

    Office files are archives: their members are recognised by their path inside (`word/document.xml`).
    """
    base = name[max(name.rfind("/"), name.rfind("\\")) + 1 :].lower()
    kind = _BY_MAGIC.get(head[:4])
    if kind is not None and _confirmed(kind, head):
        return kind
    suffix = base[base.rfind(".") + 1 :]
    kind = _BY_NAME.get(base) or _BY_SUFFIX.get(suffix)
    if kind is not None:
        # A .class or .pfx that is something else has no text for us; text with such a name is scanned as text.
        return kind if kind not in _BY_CONTENT or _BY_CONTENT[kind](head) else None
    if base.startswith(".env."):
        return "dotenv"
    if suffix == "xml":
        return _member(name, head)
    if suffix == "json":
        return "docker-config" if base in {"config.json", "dockerconfig.json"} and b'"auths"' in head else None
    if suffix == "backup" and base.endswith(".tfstate.backup"):
        return "tfstate"
    return None


def _confirmed(kind: str, head: bytes) -> bool:
    """Whether more than the first four bytes speak for the kind."""
    if kind == "sqlite":
        return head.startswith(b"SQLite format 3\0")
    if kind == "plist":
        return head.startswith(b"bplist")
    if kind == "class":
        return _is_class(head)
    return True


def _is_class(head: bytes) -> bool:
    return head.startswith(b"\xca\xfe\xba\xbe") and int.from_bytes(head[6:8], "big") >= _CLASS_MAJOR_MIN


def _is_keystore(head: bytes) -> bool:
    """PKCS12 begins with a sequence that holds version 3; the Java formats have magic numbers."""
    return head.startswith(b"\x30") and b"\x02\x01\x03\x30" in head[:12]


def _is_pyc(head: bytes) -> bool:
    return head[2:4] == b"\r\n"


_BY_CONTENT = {"class": _is_class, "keystore": _is_keystore, "pyc": _is_pyc}


def _member(name: str, head: bytes) -> str | None:
    """The kind of an XML file by its path: members of office files only."""
    path = name.lower()
    if _OFFICE.search(path) or (_OPENDOCUMENT.search(path) and b"urn:oasis:names:tc:opendocument" in head):
        return "xml-text"
    return None
