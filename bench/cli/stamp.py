"""`kenshin stamp`: a time stamp of a sealed run's manifest, from an authority that is asked here or elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TextIO

from bench.errors import BenchError, InputError
from bench.evidence.seal.contents import MANIFEST
from bench.evidence.seal.manifest import NoManifest, read_manifest
from bench.evidence.seal.stamp import ANSWER, QUERY, NoStamp, query, read_stamp

PATIENCE_S: Final = 30.0
_MOST: Final = 1 << 20
_ASKS: Final = "application/timestamp-query"
_ANSWERS: Final = "application/timestamp-reply"


def stamp_run(run: Path, ask: str | None, answer: Path | None, say: TextIO) -> None:
    """Write the request to a file; with ``ask`` send it to that address, with ``answer`` take the authority's answer.

    InputError where the run is not sealed, is stamped already, or the answer is no stamp of it; BenchError where the
    authority cannot be reached.
    """
    if ask is not None and answer is not None:
        raise InputError("--ask and --answer: expected one of them")
    manifest = _manifest(run)
    if (run / ANSWER).exists():
        raise InputError(f"{run / ANSWER}: is there already; expected a run that is not stamped")
    if answer is not None:
        _take(run, manifest, _read(answer), None, str(answer), say)
        return
    asked = query(manifest)
    _write(run / QUERY, asked.octets)
    if ask is not None:
        _take(run, manifest, _asked(ask, asked.octets), asked.nonce, ask, say)
        return
    print(f"{run / QUERY}: send it to a time stamping authority, as {_ASKS}", file=say)
    print(f"then: kenshin stamp {run} --answer FILE", file=say)


def _manifest(run: Path) -> bytes:
    path = run / MANIFEST
    if not path.is_file():
        raise InputError(f"{path}: not there; expected a sealed run")
    try:
        read_manifest(path)
    except NoManifest as error:
        raise InputError(f"{path}: {error}; expected the manifest of a sealed run") from None
    return path.read_bytes()


def _take(run: Path, manifest: bytes, octets: bytes, nonce: int | None, whence: str, say: TextIO) -> None:
    try:
        stamp = read_stamp(octets, manifest, nonce)
    except NoStamp as error:
        raise InputError(f"{whence}: {error}; expected a stamp of {run / MANIFEST}") from None
    _write(run / ANSWER, octets)
    print(f"{run / ANSWER}: {stamp}", file=say)
    print(f"who trusts the authority checks it: kenshin verify {run} --stamp CERTIFICATES", file=say)


def _asked(url: str, octets: bytes) -> bytes:
    """What an authority answers over HTTP (RFC 3161, 3.4)."""
    import requests

    try:
        with requests.post(
            url, data=octets, headers={"Content-Type": _ASKS, "Accept": _ANSWERS}, timeout=PATIENCE_S, stream=True
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise BenchError(f"{url}: answers {answer.status_code} {answer.reason}; expected a time stamp")
            return next(answer.iter_content(_MOST), b"")
    except requests.exceptions.RequestException as error:
        raise BenchError(f"{url}: {_first(error)}; expected a time stamping authority") from None


def _first(error: Exception) -> str:
    """What went wrong, without the layers of a library."""
    return type(error).__name__ if not str(error) else " ".join(str(error).split())[:200]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected an authority's answer") from None


def _write(path: Path, octets: bytes) -> None:
    try:
        path.write_bytes(octets)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); expected a run folder of one's own") from None
