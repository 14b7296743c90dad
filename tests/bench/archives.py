"""Speed and memory of expanding archives: `python tests/bench/archives.py [MIB]` makes a tar.gz of so many MiB (500)
and a zip of 5,000 small files in a temporary folder, and expands each in a process of its own.
"""

from __future__ import annotations

import io
import os
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

from gossip.engine.decode.archives import ArchiveLimits, Member, archive_kind, expand


def make(folder: str, mib: int) -> list[str]:
    """The two archives."""
    draw = random.Random(1)
    words = [draw.randbytes(draw.randint(2, 8)).hex().encode() for _ in range(5000)]
    text = b" ".join(draw.choices(words, k=120_000))[: 1 << 20]
    large, small = os.path.join(folder, "large.tar.gz"), os.path.join(folder, "small.zip")
    with tarfile.open(large, "w:gz", compresslevel=6) as tar:
        for index in range(mib):
            info = tarfile.TarInfo(f"file{index}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(5000):
            archive.writestr(f"folder{index % 50}/file{index}", text[index * 20 : index * 20 + 4000])
    return [large, small]


def measure(path: str) -> None:
    """Expand one archive; print members, MiB, seconds, MiB/s, and the peak of memory."""
    with open(path, "rb") as stream:
        kind = archive_kind(path, stream.read(1024))
        assert kind is not None
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.monotonic()
        members = total = problems = 0
        for item in expand(kind, path, stream, ArchiveLimits(), time.monotonic):
            if isinstance(item, Member):
                members += 1
                total += sum(map(len, item.chunks))
            else:
                problems += 1
        seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{os.path.basename(path)}: {members} members, {problems} problems, {total / 2**20:.0f} MiB in {seconds:.2f} s, "
        f"{total / 2**20 / seconds:.0f} MiB/s, {members / seconds:.0f} members/s, peak {peak:.0f} MiB (+{peak - before:.0f})"
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[2])
    else:
        size = int(sys.argv[1]) if len(sys.argv) > 1 else 500
        with tempfile.TemporaryDirectory() as temporary:
            for made in make(temporary, size):
                subprocess.run([sys.executable, __file__, str(size), made], check=True)
