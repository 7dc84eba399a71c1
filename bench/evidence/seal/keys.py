"""The bench's signing key: Ed25519, one a bench or a laboratory, in its user's configuration folder.

    $KENSHIN_KEY, else ~/.config/kenshin/bench-key.pem   the secret: PKCS #8, readable by its owner alone, encrypted
                                                         where a passphrase was given
    beside it, bench-key.pub.pem                         for those who verify
    beside it, bench-key.ledger.jsonl                    what the key has sealed, in order (`sealing`)

It signs evidence; people sign reports. It is read before anything is driven, so that a wrong passphrase costs no week.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.errors import InputError

PLACE: Final = "KENSHIN_KEY"
"""Names the key file; empty: no key."""
PASSPHRASE: Final = "KENSHIN_KEY_PASSPHRASE"
_OTHERS: Final = 0o077


@attrs.frozen(slots=True)
class SigningKey:
    """A key that can sign, and where it lies."""

    path: Path
    secret: Ed25519PrivateKey = attrs.field(repr=False)

    @property
    def public(self) -> Ed25519PublicKey:
        return self.secret.public_key()

    @property
    def id(self) -> str:
        """Fingerprint of the public key."""
        return fingerprint(self.public)

    @property
    def ledger(self) -> Path:
        """What this key has sealed, a JSON object a line."""
        return self.path.with_suffix(".ledger.jsonl")


def default_place() -> Path | None:
    """Where the key is looked for; None where the environment says that there is none."""
    named = os.environ.get(PLACE)
    if named is not None:
        return Path(named) if named else None
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kenshin" / "bench-key.pem"


def public_place(path: Path) -> Path:
    """Where the public half of a key file lies."""
    return path.with_suffix(".pub.pem")


def fingerprint(key: Ed25519PublicKey) -> str:
    """``sha256:`` and the hex digest of the key's SubjectPublicKeyInfo."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return "sha256:" + sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def pem(key: Ed25519PublicKey) -> str:
    """The public key as PEM text."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def public_of(text: str | bytes, source: object) -> Ed25519PublicKey:
    """A public key from PEM text; InputError naming ``source`` where it is none."""
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    try:
        key = serialization.load_pem_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{source}: no public key; expected an Ed25519 public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{source}: a key of another kind; expected an Ed25519 public key in PEM")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in a file; InputError in one line."""
    return public_of(_octets(path), path)


def read_key(path: Path, passphrase: str | None) -> SigningKey:
    """The signing key in a file; InputError for one that others can read, none at all, or a wrong passphrase."""
    octets = _octets(path)
    if path.stat().st_mode & _OTHERS:
        raise InputError(f"{path}: others may read this key; expected mode 600 (chmod 600 {path})")
    try:
        key = serialization.load_pem_private_key(octets, passphrase.encode() if passphrase else None)
    except TypeError:
        what = "needs no passphrase" if passphrase else f"needs its passphrase; expected it in {PASSPHRASE}"
        if not passphrase:
            raise InputError(f"{path}: {what}, or asked for at a terminal") from None
        return read_key(path, None)
    except (ValueError, UnsupportedAlgorithm):
        wrong = "the passphrase is wrong, or it is no key" if passphrase else "no private key"
        raise InputError(f"{path}: {wrong}; expected an Ed25519 private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: a key of another kind; expected an Ed25519 private key in PEM")
    return SigningKey(path, key)


def is_encrypted(path: Path) -> bool:
    """Whether a key file wants a passphrase."""
    return b"ENCRYPTED" in _octets(path)[:64]


def new_key(path: Path, passphrase: str | None) -> SigningKey:
    """Make a key: the secret at ``path``, the public half beside it. InputError where something is there already."""
    secret = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    octets = secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    public = public_place(path)
    for there in (path, public):
        if there.exists():
            raise InputError(f"{there}: is there already; expected a new file (a key that is replaced ends its chain)")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, octets, 0o600)
        _write_new(public, pem(secret.public_key()).encode(), 0o644)
    except OSError as error:
        raise InputError(f"{path}: cannot be made ({error.strerror}); expected a writable place") from None
    return SigningKey(path, secret)


def _write_new(path: Path, octets: bytes, mode: int) -> None:
    """Never readable by others, not for a moment; never over what is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a key file in PEM") from None
