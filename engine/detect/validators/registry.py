"""The table of validators, and the way from a rule's `validator` key to a function."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gossip.engine.detect.validators import (
    aws,
    azure,
    chat,
    checksum,
    gcp,
    jwt,
    keyring,
    logins,
    payments,
    private_key,
    sealed,
    slack,
    wallets,
)
from gossip.engine.detect.validators.base import INDETERMINATE, Factory, Validator, Verdict, guarded, plain

VALIDATORS: Final[Mapping[str, Factory]] = MappingProxyType(
    {
        "age": plain(wallets.age),
        "aws-access-key": plain(aws.access_key),
        "azure-annotated-key": plain(azure.annotated_key),
        "azure-sas": plain(azure.sas),
        "azure-storage-key": plain(azure.storage_key),
        "basic-auth": plain(logins.basic_auth),
        "bitcoin-wif": plain(wallets.bitcoin_wif),
        "connection-url": plain(logins.connection_url),
        "crc32-base62": checksum.crc32_base62,
        "discord-bot": plain(chat.discord_bot),
        "ethereum": plain(wallets.ethereum),
        "extended-key": plain(wallets.extended_key),
        "gcp-service-account": plain(gcp.service_account),
        "github": plain(checksum.github),
        "github-fine-grained": plain(checksum.github_fine_grained),
        "gitlab": plain(checksum.gitlab),
        "grafana": plain(checksum.grafana),
        "json-token": jwt.json_token,
        "jwt": plain(jwt.token),
        "luhn": plain(payments.luhn),  # gossip:allow
        "matrix": plain(checksum.matrix),
        "netbird": plain(checksum.netbird),
        "nostr": plain(wallets.nostr),
        "npm": plain(checksum.npm),
        "pgp-private-key": plain(keyring.pgp),
        "private-key": plain(private_key.armoured),
        "private-key-base64": plain(private_key.encoded),
        "putty-private-key": plain(keyring.putty),
        "pypi": plain(sealed.pypi),
        "sentry": plain(sealed.sentry),
        "slack": plain(slack.token),
        "solana": plain(wallets.solana),
        "stellar-seed": plain(wallets.stellar_seed),
        "stripe": plain(payments.stripe),
        "telegram": plain(chat.telegram_bot),
    }
)
"""Every validator by its name in rule files, in order of names."""

assert list(VALIDATORS) == sorted(VALIDATORS), "the table of validators is in order of names"


def validator_names() -> tuple[str, ...]:
    """The names that a rule may use, in order."""
    return tuple(VALIDATORS)


def make_validator(spec: str | Mapping[str, object]) -> Validator:
    """The validator that a rule's `validator` key asks for.

    `spec` is a name, or a table with the name under `kind` and the validator's options beside it. Every validator
    takes `suppress` (true by default): false turns `invalid` into `indeterminate`, for corpora whose tokens were
    rewritten. Raises ValueError that says what is wrong with the spec.
    """
    options = {"kind": spec} if isinstance(spec, str) else dict(spec)
    kind = options.pop("kind", None)
    if not isinstance(kind, str):
        # ValueError throughout: whatever is wrong with a spec, its reader is told the same way.
        raise ValueError(f"a validator is a name, or a table with a name under 'kind', not {spec!r}")  # noqa: TRY004
    factory = VALIDATORS.get(kind)
    if factory is None:
        raise ValueError(f"validator {kind!r} does not exist; there are: {', '.join(VALIDATORS)}")
    suppress = options.pop("suppress", True)
    if not isinstance(suppress, bool):
        raise ValueError(f"validator {kind!r}: option 'suppress' must be true or false, not {suppress!r}")  # noqa: TRY004
    try:
        check = factory(options)
    except ValueError as err:
        raise ValueError(f"validator {kind!r}: {err}") from err
    return guarded(check) if suppress else guarded(_keeping(check))


def _keeping(check: Validator) -> Validator:
    """`check` without its right to suppress."""

    def validate(secret: bytes) -> Verdict:
        verdict = check(secret)
        return INDETERMINATE if verdict.status == "invalid" else verdict

    return validate
