"""Bytes a second of the engine on one thread, against the fastest scanner that Python can call, in one run.

    python -m tests.bench.engine [-n ROUNDS] [FOLDER]

FOLDER is a tree of source code (default: the standard library of the running Python). The peer is
`kingfisher-secret-scanner` from PyPI; without it only our own figures are printed. Both get the same documents, files
joined into pieces of 1 MiB, with decoding on against on and off against off. Rounds are interleaved; the best of each
is compared, so that a machine with other work disturbs the ratio little.
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_builtin

PIECE_BYTES = 1 << 20
TOTAL_BYTES_MAX = 32 << 20


def pieces(folder: Path) -> list[bytes]:
    """The folder's Python files as documents of 1 MiB."""
    content = bytearray()
    for path in sorted(folder.rglob("*.py")):
        content += path.read_bytes()
        if len(content) >= TOTAL_BYTES_MAX:
            break
    return [bytes(content[at : at + PIECE_BYTES]) for at in range(0, len(content), PIECE_BYTES)]


def ours() -> dict[str, Callable[[bytes], int]]:
    """Scans by name; each returns the number of findings in a document."""
    rules = load_builtin()
    on = Detector(rules, compile_rules(rules))
    off = Detector(rules, compile_rules(rules, "off"))
    return {
        "gossip, decoding": lambda data: len(on.scan([data]).matches),
        "gossip, plain": lambda data: len(off.scan([data]).matches),
    }


def peers() -> dict[str, Callable[[bytes], int]]:
    """The same of the peer, where it is installed."""
    try:
        import kingfisher_sdk
    except ImportError:
        return {}
    on = kingfisher_sdk.Scanner(kingfisher_sdk.Rules(), base64=True)
    off = kingfisher_sdk.Scanner(kingfisher_sdk.Rules(), base64=False)
    return {
        "kingfisher_sdk, decoding": lambda data: len(on.scan(data)),
        "kingfisher_sdk, plain": lambda data: len(off.scan(data)),
    }


def main() -> None:
    """Print a table of MB/s and findings, then the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    parser.add_argument("-n", "--rounds", type=int, default=5)
    options = parser.parse_args()
    documents = pieces(options.folder)
    size = sum(map(len, documents)) / 1e6
    scans = {**ours(), **peers()}
    best = dict.fromkeys(scans, float("inf"))
    found = dict.fromkeys(scans, 0)
    for _ in range(options.rounds):
        for name, scan in scans.items():
            started = time.perf_counter()
            found[name] = sum(scan(document) for document in documents)
            best[name] = min(best[name], time.perf_counter() - started)
    print(f"{size:.1f} MB of source code, best of {options.rounds}")
    for name, seconds in best.items():
        print(f"{name:26} {size / seconds:7.1f} MB/s  {found[name]:5} findings")
    print(f"decoding costs {best['gossip, decoding'] / best['gossip, plain'] - 1:.1%} of a plain scan")
    for kind in ("decoding", "plain"):
        peer = best.get(f"kingfisher_sdk, {kind}")
        if peer is not None:
            print(f"{kind}: {peer / best[f'gossip, {kind}']:.1f} times the peer")


if __name__ == "__main__":
    main()
