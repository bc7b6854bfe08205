"""Certificate authorities and certificates for tests, made with the library that the bot's own libraries use."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: Path
    key: Path


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _upn(name: str) -> x509.OtherName:
    text = name.encode()
    return x509.OtherName(UPN, bytes([0x0C, len(text)]) + text)


class Authority:
    """A CA; `pem` is what a client pins."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.pem = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"Authority {folder.name}")
        now = dt.datetime.now(dt.UTC)
        made = self._builder(self._name, self._key.public_key(), now - 400 * DAY, now + 400 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(_usage(signs=True), critical=True)
        self.pem.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *, into: Path, client: bool = False, names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        ends: dt.timedelta = 30 * DAY,
    ) -> Pair:  # fmt: skip
        """A server's certificate for `names`, or a client's for the user `name`@localhost, as Windows maps them."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        made = self._builder(_name(name), key.public_key(), now - 60 * DAY, now + ends)
        alternative = [_upn(f"{name}@localhost")] if client else [_general(one) for one in names]
        made = made.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        use = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(_usage(signs=False), critical=True)
        pair = Pair(into / f"{name}.pem", into / f"{name}.key")
        pair.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, begins: dt.datetime, ends: dt.datetime
    ) -> x509.CertificateBuilder:
        own = self._key.public_key()
        return x509.CertificateBuilder(
            issuer_name=self._name, subject_name=name, public_key=key, serial_number=x509.random_serial_number(),
            not_valid_before=begins, not_valid_after=ends,
            extensions=[
                x509.Extension(one.oid, False, one)
                for one in (
                    x509.SubjectKeyIdentifier.from_public_key(key),
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(own),
                )
            ],
        )  # fmt: skip


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs, crl_sign=signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
