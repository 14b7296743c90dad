"""Extractors on arbitrary and on mutated documents: never an exception, always within the caps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.engine.decode.documents import EXTRACTORS, extract, extractor_for
from gossip.engine.decode.documents.limits import OUTPUT_BYTES_MAX, PARTS_MAX, PROBLEM_CHARS_MAX
from tests.support.documents import samples

SAMPLES = samples()
HEADS = sorted({data[:length] for _, _, data in SAMPLES for length in (8, 16, 100)})


def check(kind: str, name: str, data: bytes) -> None:
    """The contract of `extract`."""
    found = extract(kind, name, data)
    assert found.kind == kind
    assert sum(len(part.text) for part in found.parts) <= OUTPUT_BYTES_MAX
    assert len(found.parts) <= PARTS_MAX
    assert len(found.problem) <= PROBLEM_CHARS_MAX
    assert all(
        part.text and part.label.isprintable() and 0 <= part.start <= part.end <= len(data) for part in found.parts
    )
    assert found == extract(kind, name, data)


@given(
    st.sampled_from(sorted(EXTRACTORS)), st.text(max_size=20), st.sampled_from([b"", *HEADS]), st.binary(max_size=2000)
)
@settings(max_examples=300)
def test_arbitrary_bytes(kind: str, name: str, head: bytes, tail: bytes) -> None:
    """Any bytes as any kind, under any name."""
    check(kind, name, head + tail)
    assert extractor_for(name, head + tail) in {None, *EXTRACTORS}


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=400)
def test_mutated_documents(sample: tuple[str, str, bytes], draw: st.DataObject) -> None:
    """A valid document with some spans replaced."""
    kind, name, data = sample
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(data)))
        size = draw.draw(st.sampled_from([0, 1, 2, 4, 100]))
        patch = draw.draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff", b"(", b"{"]))
        )
        data = data[:start] + patch + data[start + size :]
    check(kind, name, data)
