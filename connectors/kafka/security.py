"""How a cluster is reached: TLS and SASL, from options and from the environment, never from an address."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gossip.schemas.errors import MisuseError

USERNAME_VARIABLE = "GOSSIP_KAFKA_USERNAME"
PASSWORD_VARIABLE = "GOSSIP_KAFKA_PASSWORD"  # noqa: S105 - the name of a variable
SECURITY = {"plaintext": "PLAINTEXT", "tls": "SSL", "sasl": "SASL_PLAINTEXT", "sasl-tls": "SASL_SSL"}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FILES = {"ca-file": "ssl_cafile", "cert-file": "ssl_certfile", "key-file": "ssl_keyfile"}
COMPRESSIONS = ("none", "gzip", "zstd", "lz4", "snappy")
OPTIONS = {
    "security": f"one of {', '.join(SECURITY)}; default: plaintext, or sasl-tls where there is a username",
    "mechanism": f"one of {', '.join(MECHANISMS)}; default: {MECHANISMS[0]}",
    "username": f"default: {USERNAME_VARIABLE}",
    "password-file": f"default: {PASSWORD_VARIABLE}",
    "ca-file": "certificates in PEM that brokers are checked against; default: the system's",
    "cert-file": "this client's certificate in PEM",
    "key-file": "its key",
    "check-hostname": "yes or no; default: yes",
    "compression": f"of what is sent: one of {', '.join(COMPRESSIONS)}; default: none",
}
"""What `--kafka-option` takes, and what it means."""


@dataclass(frozen=True, slots=True)
class Security:
    """Settings of the client library."""

    client: dict[str, Any] = field(default_factory=dict, repr=False)
    compression: str | None = None

    @property
    def username(self) -> str | None:
        """Who logs in; None for nobody."""
        return self.client.get("sasl_plain_username")


_used: dict[str, str] = {}


def use_options(options: Mapping[str, str]) -> None:
    """Keep the options of this run for sources, in this process and those that it forks. Raises MisuseError."""
    security_of(options, os.environ)
    _used.clear()
    _used.update(options)


def used_security() -> Security:
    """Of the options that were kept, and the environment."""
    return security_of(_used, os.environ)


def security_of(options: Mapping[str, str], environment: Mapping[str, str]) -> Security:
    """Settings of options and environment. Raises MisuseError."""
    for name in options:
        if name not in OPTIONS:
            raise MisuseError(f"--kafka-option {name}: unknown; known are {', '.join(OPTIONS)}")
    user = options.get("username") or environment.get(USERNAME_VARIABLE)
    kind = _one_of(options, "security", tuple(SECURITY), "sasl-tls" if user else "plaintext")
    client: dict[str, Any] = {"security_protocol": SECURITY[kind]}
    if kind.startswith("sasl"):
        password = _password(options, environment)
        if not user or password is None:
            raise MisuseError(
                f"security={kind} needs a username (--kafka-option username=NAME or {USERNAME_VARIABLE}) and a "
                f"password ({PASSWORD_VARIABLE}, or --kafka-option password-file=FILE)"
            )
        client["sasl_mechanism"] = _one_of(options, "mechanism", MECHANISMS, MECHANISMS[0])
        client["sasl_plain_username"], client["sasl_plain_password"] = user, password
    elif user and "security" in options:
        raise MisuseError(f"security={kind} knows no users: leave username out, or say security=sasl-tls")
    for name, setting in _FILES.items():
        if name in options:
            if not Path(options[name]).is_file():
                raise MisuseError(f"--kafka-option {name}: {options[name]}: no such file")
            client[setting] = options[name]
    _check_files(options)
    client["ssl_check_hostname"] = _one_of(options, "check-hostname", ("yes", "no"), "yes") == "yes"
    compression = _one_of(options, "compression", COMPRESSIONS, "none")
    return Security(client, None if compression == "none" else compression)


def _check_files(options: Mapping[str, str]) -> None:
    """Raise MisuseError for certificates and keys that cannot be read: a connection would only say that it failed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if "ca-file" in options:
            context.load_verify_locations(options["ca-file"])
    except (ssl.SSLError, OSError) as err:
        raise MisuseError(f"--kafka-option ca-file: {options['ca-file']}: no certificates in PEM in it") from err
    try:
        if "cert-file" in options:
            # The function stands for a password: a key that needs one must not ask on the terminal.
            context.load_cert_chain(options["cert-file"], options.get("key-file"), lambda: "")
    except (ssl.SSLError, OSError) as err:
        raise MisuseError(
            f"--kafka-option cert-file: {options['cert-file']}: not a certificate in PEM with its key, in "
            "the same file or in key-file, without a password"
        ) from err


def _one_of(options: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = options.get(name, default)
    if value not in allowed:
        raise MisuseError(f"--kafka-option {name}={value}: must be one of {', '.join(allowed)}")
    return value


def _password(options: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    file = options.get("password-file")
    if file is None:
        return environment.get(PASSWORD_VARIABLE)
    try:
        return Path(file).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not text in UTF-8"
        raise MisuseError(f"--kafka-option password-file: {file}: {reason}") from err
