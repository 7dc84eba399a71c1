"""`kenshin stamp` and `kenshin verify --stamp` against a time stamping authority of the test's own, OpenSSL's."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import attrs
import pytest

from bench.cli.stamp import stamp_run
from bench.cli.verify import integrity, verify_run
from bench.errors import BenchError, InputError
from bench.evidence.seal.keys import SigningKey
from bench.evidence.seal.sealing import reopen
from tests.evidence.seal.sealed_run import make_key, seal, second_opinion
from tests.places import RUNS

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to be the authority")

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
[stamping]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""


@attrs.frozen
class Authority:
    """A certificate authority of its own, and a time stamping authority with a certificate by it."""

    folder: Path

    @classmethod
    def founded(cls, folder: Path, name: str = "Somebody Else", digests: str = "sha256") -> Authority:
        folder.mkdir()
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder, digests=digests), encoding="utf-8")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        subject = f"/CN={name}"
        openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"{subject} Root")
        openssl(folder, "req", "-new", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", subject)
        signs = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30")
        given = ("-extfile", "tsa.cnf", "-extensions", "stamping")
        openssl(folder, "x509", "-req", "-in", "tsa.csr", *signs, *given, "-out", "tsa.pem")
        return cls(folder)

    @property
    def root(self) -> Path:
        return self.folder / "ca.pem"

    def answers(self, query: bytes) -> bytes:
        (self.folder / "q").write_bytes(query)
        openssl(self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q", "-out", "r")
        return (self.folder / "r").read_bytes()


def openssl(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority") / "a")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return make_key(tmp_path)


@pytest.fixture
def run(tmp_path: Path, key: SigningKey) -> Path:
    run = shutil.copytree(RUNS / "2", tmp_path / "run")
    seal(run, key)
    return run


@pytest.fixture
def stamped(run: Path, authority: Authority, tmp_path: Path) -> Path:
    """Asked by hand: the request is carried to the authority, its answer back."""
    stamp_run(run, None, None, io.StringIO())
    answer = tmp_path / "reply.tsr"
    answer.write_bytes(authority.answers((run / "manifest.tsq").read_bytes()))
    stamp_run(run, None, answer, io.StringIO())
    return run


def verified(run: Path, certificates: Path | None) -> tuple[int, str]:
    out = io.StringIO()
    return verify_run(run, None, None, out, certificates), out.getvalue()


def test_a_stamped_run_is_verified_by_the_authoritys_certificate(stamped: Path, authority: Authority) -> None:
    code, said = verified(stamped, authority.root)
    assert code == 0, said
    assert " by CN=Somebody Else (serial number 1); its signature stands" in said
    assert second_opinion(stamped, None)[0] == 0, "the stamp is no file of the run"


def test_openssl_reads_what_was_asked_and_takes_what_was_kept(stamped: Path, authority: Authority) -> None:
    asked = openssl(stamped, "ts", "-query", "-in", "manifest.tsq", "-text")
    assert "Hash Algorithm: sha256" in asked
    assert "Certificate required: yes" in asked
    given = ("-data", "manifest.json", "-in", "manifest.tsr", "-CAfile", str(authority.root))
    assert "Verification: OK" in openssl(stamped, "ts", "-verify", *given)
    openssl(stamped, "ts", "-verify", "-queryfile", "manifest.tsq", *given[2:])


def test_without_certificates_a_stamp_is_told_and_not_checked(stamped: Path) -> None:
    code, said = verified(stamped, None)
    assert code == 0
    assert "; not checked: --stamp CERTIFICATES" in said


def test_another_authoritys_certificate_does_not_vouch_for_it(stamped: Path, tmp_path: Path) -> None:
    """One of the same name, too: what counts is its key."""
    for name in ("Another", "Somebody Else"):
        other = Authority.founded(tmp_path / name, name)
        code, said = verified(stamped, other.root)
        assert code == 1, said
        assert "ALTERED: manifest.tsr: none of the certificates vouches for it" in said


def test_a_stamp_of_another_manifest_is_none_of_this_one(stamped: Path, key: SigningKey, authority: Authority) -> None:
    """Somebody with the key seals the run again, and leaves the old stamp beside it."""
    (stamped / "manifest.json").unlink()
    seal(stamped, key, "sealed again")
    code, said = verified(stamped, authority.root)
    assert (code, "ALTERED: manifest.tsr: stamps something else than this manifest" in said) == (1, True)
    code, said = verified(stamped, None)
    assert (code, "manifest.tsr: stamps something else than this manifest" in said) == (0, True)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_stamp_with_an_octet_changed_is_refused(stamped: Path, authority: Authority, share: float) -> None:
    octets = bytearray((stamped / "manifest.tsr").read_bytes())
    octets[int(len(octets) * share)] ^= 1
    (stamped / "manifest.tsr").write_bytes(octets)
    code, said = verified(stamped, authority.root)
    assert (code, "ALTERED: manifest.tsr: " in said) == (1, True)


def test_a_run_that_nobody_stamped_is_not_proven_where_a_stamp_is_asked_for(run: Path, authority: Authority) -> None:
    code, said = verified(run, authority.root)
    assert (code, "NOT PROVEN: no manifest.tsr: not time-stamped" in said) == (4, True)
    assert verified(run, None)[0] == 0


def test_a_run_that_goes_on_takes_its_stamp_along_with_its_manifest(stamped: Path, key: SigningKey) -> None:
    answer = (stamped / "manifest.tsr").read_bytes()
    reopen(stamped)
    assert (stamped / "seals" / "1.tsr").read_bytes() == answer
    assert not (stamped / "manifest.tsr").exists()
    seal(stamped, key, "went on")
    assert not integrity(stamped).altered
    (stamped / "seals" / "1.tsr").unlink()
    assert integrity(stamped).altered == ["seals/1.tsr: removed"], "and the next seal covers it"


@contextmanager
def served(answer: bytes | Authority, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            octets = answer if isinstance(answer, bytes) else answer.answers(asked)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_authority_is_asked_over_http(run: Path, authority: Authority) -> None:
    said = io.StringIO()
    with served(authority) as url:
        stamp_run(run, url, None, said)
    assert "manifest.tsr: 20" in said.getvalue()
    assert verified(run, authority.root)[0] == 0
    with pytest.raises(InputError, match=r"manifest\.tsr: is there already"):
        stamp_run(run, "http://127.0.0.1:9/", None, said)


def test_an_answer_to_somebody_elses_question_is_refused(run: Path, authority: Authority) -> None:
    """The same manifest, asked about before: the number of the question is another one."""
    stamp_run(run, None, None, io.StringIO())
    before = authority.answers((run / "manifest.tsq").read_bytes())
    with served(before) as url, pytest.raises(InputError, match="answers another question"):
        stamp_run(run, url, None, io.StringIO())
    assert not (run / "manifest.tsr").exists()


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [(b"", 200, "no answer of a time stamping authority"), (b"<html>", 200, "no answer of"), (b"", 503, "answers 503")],
)
def test_what_is_no_stamp_is_said_on_one_line(run: Path, answer: bytes, status: int, says: str) -> None:
    with served(answer, status) as url, pytest.raises((InputError, BenchError), match=says) as raised:
        stamp_run(run, url, None, io.StringIO())
    assert "\n" not in str(raised.value)
    assert not (run / "manifest.tsr").exists()


def test_an_authority_that_refuses_is_told_with_its_words(run: Path, tmp_path: Path) -> None:
    strict = Authority.founded(tmp_path / "strict", digests="sha512")
    with served(strict) as url, pytest.raises(InputError, match="the authority refused"):
        stamp_run(run, url, None, io.StringIO())


def test_nobody_there_is_said(run: Path) -> None:
    with pytest.raises(BenchError, match="expected a time stamping authority"):
        stamp_run(run, "http://127.0.0.1:9/", None, io.StringIO())


def test_wrong_input_names_the_file(run: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.pem: no certificate"):
        verified(run, bad)
    with pytest.raises(InputError, match=r"none\.tsr: cannot be read"):
        stamp_run(run, None, tmp_path / "none.tsr", io.StringIO())
    with pytest.raises(InputError, match="expected one of them"):
        stamp_run(run, "http://x", bad, io.StringIO())
    (run / "manifest.json").unlink()
    with pytest.raises(InputError, match="expected a sealed run"):
        stamp_run(run, None, None, io.StringIO())
