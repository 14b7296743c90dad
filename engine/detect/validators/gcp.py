"""Key files of Google Cloud's service accounts."""

from __future__ import annotations

import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict
from gossip.engine.detect.validators.codec import json_object
from gossip.engine.detect.validators.private_key import armoured

_PROJECT: Final = re.compile(r"[a-z0-9.:-]{1,63}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{40}")
_SHOWN: Final = frozenset({"type", "bits", "curve"})


def service_account(secret: bytes) -> Verdict:
    """JSON of type `service_account`, whose `private_key` decides; other JSON is undecided.

    The project is a fact; the account's name is not, as it may be a person's.
    """
    found = json_object(secret)
    if found is None or found.get("type") != "service_account":
        return INDETERMINATE
    key, key_id = found.get("private_key"), found.get("private_key_id")
    if not isinstance(key, str) or not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
        return INDETERMINATE
    verdict = armoured(key.encode())
    if verdict.status != "valid":
        return INVALID if verdict.status == "invalid" else INDETERMINATE
    project = found.get("project_id")
    facts: Facts = (("project", project),) if isinstance(project, str) and _PROJECT.fullmatch(project) else ()
    return Verdict("valid", facts + tuple(fact for fact in verdict.facts if fact[0] in _SHOWN))
