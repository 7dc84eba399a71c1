"""A time stamp of a manifest by an authority (RFC 3161): asked for, taken, checked.

A signature says who sealed a run, a stamp that it was so at a time, by the word of somebody who has nothing to do with
it. `QUERY` beside the manifest is what was asked, `ANSWER` what the authority answered; the seal covers neither, for
they come after it. Whose word counts is said by whoever checks: the certificates come with the question, never with the
run. The arithmetic is `rfc3161-client`'s and `cryptography`'s.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256, sha384, sha512
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from bench.errors import InputError
from bench.evidence.seal.contents import STAMPS

QUERY, ANSWER = STAMPS
_DIGESTS: Final = {
    "2.16.840.1.101.3.4.2.1": sha256,
    "2.16.840.1.101.3.4.2.2": sha384,
    "2.16.840.1.101.3.4.2.3": sha512,
}
"""Of the message imprint, by object identifier (RFC 5754)."""
_GRANTED: Final = (0, 1)
"""PKIStatus: granted, and granted with a modification (RFC 3161, 2.4.2)."""


class NoStamp(ValueError):
    """An answer that is no stamp of this manifest; says why in a few words."""


@attrs.frozen(slots=True)
class Query:
    """What is sent to an authority: DER, and the number that its answer must repeat."""

    octets: bytes
    nonce: int | None


@attrs.frozen(slots=True)
class Stamp:
    """A stamp of a manifest. ``at``: the authority's time, UTC; ``by``: its name, by its own word; ``serial``: the
    stamp's number there."""

    at: datetime
    by: str
    serial: int
    _answer: TimeStampResponse = attrs.field(repr=False, eq=False)
    _manifest: bytes = attrs.field(repr=False, eq=False)

    def __str__(self) -> str:
        return f"{self.at.isoformat(timespec='seconds')} by {self.by} (serial number {self.serial})"

    def wrong_with_signature(self, trusted: list[x509.Certificate]) -> str:
        """Why none of ``trusted`` vouches for it, in a few words; empty where one does."""
        try:
            VerifierBuilder(roots=trusted).build().verify_message(self._answer, self._manifest)
        except (VerificationError, ValueError) as error:
            return " ".join(str(error).split())
        return ""


def query(manifest: bytes) -> Query:
    """A request for a stamp of a manifest's octets, by their SHA-256; the answer is to hold the certificate."""
    builder = TimestampRequestBuilder().data(manifest).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    return Query(request.as_bytes(), request.nonce)


def read_stamp(answer: bytes, manifest: bytes, nonce: int | None = None) -> Stamp:
    """The stamp in an authority's answer. NoStamp where it refused, or stamps something else than ``manifest``."""
    try:
        read = decode_timestamp_response(answer)
        if read.status not in _GRANTED:
            said = "; ".join(read.status_string) or f"status {read.status}"
            raise NoStamp(f"the authority refused ({' '.join(said.split())})")
        told = read.tst_info
        imprint = told.message_imprint
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        at, serial, by = told.gen_time, told.serial_number, _signer(read)
    except NoStamp:
        raise
    except ValueError as error:
        raise NoStamp(f"no answer of a time stamping authority ({_kind(error)})") from None
    if digest is None:
        raise NoStamp(f"stamps a digest of an unknown kind ({imprint.hash_algorithm.dotted_string})")
    if digest(manifest).digest() != imprint.message:
        raise NoStamp("stamps something else than this manifest")
    if nonce is not None and told.nonce != nonce:
        raise NoStamp("answers another question than the one that was asked")
    return Stamp(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC), by, serial, read, manifest)


def _kind(error: ValueError) -> str:
    """What a parser of DER did not like, without its layers."""
    found = re.search(r"kind: (\w+)", str(error))
    return f"DER: {found[1]}" if found else " ".join(str(error).split())


def _signer(read: TimeStampResponse) -> str:
    """The subject of the certificate that signed, else its issuer and number."""
    signer = next(iter(read.signed_data.signer_infos), None)
    if signer is None:
        raise ValueError("nobody signed")
    for der in read.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
            return certificate.subject.rfc4514_string()
    return f"certificate {signer.serial_number} of {signer.issuer.rfc4514_string()}"


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file, one at least. InputError where there is none."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected certificates in PEM") from None
    except ValueError:
        raise InputError(f"{path}: no certificate; expected those of a time stamping authority, in PEM") from None
