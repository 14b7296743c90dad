"""detect-secrets: `.secrets.baseline`, a JSON object whose `results` hold the SHA-1 of each secret, by file.

Only the digest counts: if another secret stands at the line today, it is not the one that somebody looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gossip.engine.baseline.foreign.claims import Claim, mapping_of, number_of, place_of, plain_path, text_of

REASON = "left out for detect-secrets"
_SHA1 = re.compile(r"[0-9a-f]{40}")


def baseline(data: object) -> Iterator[Claim]:
    """Claims of a baseline, files in its order."""
    for name, items in mapping_of(mapping_of(data).get("results")).items():
        for item in items if isinstance(items, list) else []:
            record = mapping_of(item)
            path = plain_path(text_of(record.get("filename")) or name)
            line, kind = number_of(record.get("line_number")), text_of(record.get("type"))
            hashed = text_of(record.get("hashed_secret")).lower()
            audited = {True: ", audited: a secret", False: ", audited: no secret"}
            judged = record.get("is_secret")
            said = audited[judged] if isinstance(judged, bool) else ""
            shown = f"{place_of(path, line)} {kind}"
            if not _SHA1.fullmatch(hashed):
                yield Claim(shown, problem="it has no SHA-1 of the secret")
                continue
            yield Claim(shown, REASON + said, digests=(("sha1", hashed),), path=path, line=line, rule=kind)
