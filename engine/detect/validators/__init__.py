"""Offline validators: what the structure of a secret proves about it, without asking anybody.

Pure functions of bytes, one file a family. A validator never raises, looks at no clock and no network, and does not
look at more than `INPUT_BYTES_MAX` bytes. `registry.VALIDATORS` is the table.
"""

from gossip.engine.detect.validators.base import INPUT_BYTES_MAX, Validator, Verdict
from gossip.engine.detect.validators.registry import make_validator, validator_names

__all__ = ["INPUT_BYTES_MAX", "Validator", "Verdict", "make_validator", "validator_names"]
