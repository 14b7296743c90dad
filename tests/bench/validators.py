"""Measures how long one verdict takes: median and 99th percentile, for a valid secret of each kind.

Run as `python -m tests.bench.validators`.
"""

from __future__ import annotations

import statistics
import time
from random import Random

from gossip.engine.detect.validators import Validator, make_validator
from tests.support import key_files, tokens

SECRETS: list[tuple[str | dict[str, object], bytes]] = [
    ("age", tokens.age(Random(1))),
    ("aws-access-key", tokens.aws_access_key(Random(1))),
    ("azure-sas", tokens.azure_sas(Random(1))),
    ("azure-annotated-key", b"A" * 76 + b"+ASt" + b"A" * 6 + b"=="),
    ("basic-auth", tokens.basic_auth(Random(1))),
    ("bitcoin-wif", tokens.bitcoin_wif(Random(1))),
    ("connection-url", b"postgres://app:" + b"hunter2@db.example/x"),
    ("discord-bot", tokens.discord_bot(Random(1))),
    ("extended-key", tokens.extended_key(Random(1))),
    ("github", tokens.github(Random(1))),
    ("github-fine-grained", tokens.github_fine_grained(Random(1))),
    ("gitlab", tokens.gitlab(Random(1))),
    ("grafana", tokens.grafana(Random(1))),
    ({"kind": "json-token", "prefix": "glc_", "keys": "o,n,k"}, tokens.json_token(Random(1))),
    ("jwt", tokens.jwt(Random(1))),
    ("luhn", tokens.luhn(Random(1))),
    ("matrix", tokens.matrix(Random(1))),
    ("nostr", tokens.nostr(Random(1))),
    ("pgp-private-key", key_files.pgp(Random(1))),
    ("private-key", key_files.pem("RSA")),
    ("private-key", key_files.pem("RSA", encrypted=True)),
    ("private-key", key_files.pem("EC")),
    ("private-key", key_files.pem("RSA", "openssh")),
    ("putty-private-key", tokens.ppk(Random(1))),
    ("pypi", tokens.pypi(Random(1))),
    ("sentry", tokens.sentry(Random(1))),
    ("slack", tokens.slack(Random(1))),
    ("solana", key_files.solana(Random(1))),
    ("stellar-seed", tokens.stellar_seed(Random(1))),
]
ROUNDS = 5000


def microseconds(validate: Validator, secret: bytes) -> list[float]:
    """How long each of many calls took."""
    validate(secret)
    spent = []
    for _ in range(ROUNDS):
        before = time.perf_counter_ns()
        validate(secret)
        spent.append((time.perf_counter_ns() - before) / 1000)
    return spent


def main() -> None:
    """Print one line a validator."""
    print(f"{'validator':22}{'verdict':16}{'median us':>10}{'p99 us':>10}")
    for spec, secret in SECRETS:
        validate = make_validator(spec)
        spent = microseconds(validate, secret)
        name = spec if isinstance(spec, str) else str(spec["kind"])
        status = validate(secret).status
        print(f"{name:22}{status:16}{statistics.median(spent):10.1f}{statistics.quantiles(spent, n=100)[98]:10.1f}")


if __name__ == "__main__":
    main()
