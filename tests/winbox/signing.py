"""Certificates for tests: an authority of our own, files signed with Authenticode, and a server's TLS."""

import datetime
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER = "Netwrix Corporation"


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(
    subject: str, key: rsa.RSAPrivateKey, issuer: str, by: rsa.RSAPrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name(issuer), subject_name=name(subject), public_key=key.public_key(),
        serial_number=x509.random_serial_number(), not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=30),
    ).add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)  # fmt: skip
    if not is_ca:
        uses = [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH]
        made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        made = made.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject.replace(" ", "-"))]), critical=False
        )
    return made.sign(by, hashes.SHA256())


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs code in anybody's name; `pem` is what a server must trust for that."""

    folder: Path
    common: str
    key: rsa.RSAPrivateKey

    @classmethod
    def new(cls, folder: Path, common: str) -> "Authority":
        made = cls(folder=folder, common=common, key=_key())
        made.pem.write_bytes(
            certificate(common, made.key, common, made.key, is_ca=True).public_bytes(serialization.Encoding.PEM)
        )
        return made

    @property
    def pem(self) -> Path:
        return self.folder / f"{self.common}.pem"

    def signed(self, file: Path, to: Path, signer: str = SIGNER) -> Path:
        """The file with a signature whose certificate was issued to `signer`."""
        pem, secret = self.issued(signer)
        command = ["osslsigncode", "sign", "-h", "sha256", "-certs", pem, "-key", secret, "-in", file, "-out", to]
        subprocess.run(command, check=True, capture_output=True)
        return to

    def issued(self, subject: str) -> tuple[Path, Path]:
        """A certificate and its key, good for code and, where the subject is a host's name, for a server."""
        key = _key()
        leaf = certificate(subject, key, self.common, self.key, is_ca=False)
        pem, secret = self.folder / f"{subject}.crt", self.folder / f"{subject}.key"
        pem.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pem, secret


def lack() -> str | None:
    """Why nothing can be signed here."""
    return None if shutil.which("osslsigncode") else "osslsigncode is not on the PATH (apt install osslsigncode)"


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
