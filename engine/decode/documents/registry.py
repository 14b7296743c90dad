"""The table of extractors, and the one way to call them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from gossip.engine.decode.documents.limits import INPUT_BYTES_MAX
from gossip.engine.decode.documents.parts import Extracted, FullError, Output

Extractor = Callable[[bytes, Output, str], None]
"""Reads a document (bytes, where to put parts, its name). May raise anything: what it put in place before is kept."""

EXTRACTORS = {
    "class": "classfile:extract_class",
    "docker-config": "credentials:extract_docker_config",
    "dotenv": "dotenv:extract_dotenv",
    "eml": "mail:extract_eml",
    "har": "har:extract_har",
    "ipynb": "ipynb:extract_ipynb",
    "keystore": "keystore:extract_keystore",
    "mbox": "mail:extract_mbox",
    "netrc": "credentials:extract_netrc",
    "npmrc": "credentials:extract_npmrc",
    "pdf": "pdf:extract_pdf",
    "plist": "plist:extract_plist",
    "pyc": "pyc:extract_pyc",
    "pypirc": "credentials:extract_pypirc",
    "sqlite": "sqlite:extract_sqlite",
    "tfstate": "tfstate:extract_tfstate",
    "xml-text": "office:extract_office",
}
"""Kind to module and function of this package; a module is imported when its kind is first met."""

assert list(EXTRACTORS) == sorted(EXTRACTORS)

_loaded: dict[str, Extractor] = {}


def extract(kind: str, name: str, data: bytes) -> Extracted:
    """The text of a document of a kind that `extractor_for` named. Never raises: what is wrong is in `problem`.

    Time and memory are bounded by the caps in `limits`, whatever the bytes are. The raw bytes of a text document are
    to be scanned all the same: an extractor shows what they hide, and may drop what they show.
    """
    out = Output(len(data))
    try:
        _run(kind, name, data, out)
    except FullError:
        pass
    except RecursionError:
        out.damaged("nested too deeply")
    except MemoryError:
        out.damaged("needs too much memory")
    except Exception as err:
        # Broad on purpose: libraries answer damage with whatever breaks first, and one document must not end a scan.
        # The message of an error may quote the document; its class does not.
        out.damaged(f"damaged: reading stopped with {type(err).__name__}")
    return out.extracted(kind)


def _run(kind: str, name: str, data: bytes, out: Output) -> None:
    if kind not in EXTRACTORS:
        out.damaged(f"no extractor of this kind, there are {', '.join(EXTRACTORS)}")
    elif len(data) > INPUT_BYTES_MAX:
        out.cut()
        out.damaged(f"document of {len(data)} bytes, at most {INPUT_BYTES_MAX} are opened")
    elif data:
        _extractor(kind)(data, out, name)


def _extractor(kind: str) -> Extractor:
    found = _loaded.get(kind)
    if found is None:
        module, _, function = EXTRACTORS[kind].partition(":")
        found = _loaded[kind] = getattr(import_module(f"gossip.engine.decode.documents.{module}"), function)
    return found
