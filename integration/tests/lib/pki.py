"""Certificates for the tests, issued in process with times relative to now."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate chain and its key, as files and as PEM."""

    certificate: Path
    key: Path

    @property
    def serial(self):
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).serial_number


def key_usage(**true):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: name in true for name in names})


def _alt_names(dns, uri, email, ip):
    names = [x509.DNSName(value) for value in dns]
    names += [x509.UniformResourceIdentifier(value) for value in uri]
    names += [x509.RFC822Name(value) for value in email]
    names += [x509.IPAddress(ipaddress.ip_address(value)) for value in ip]
    return x509.SubjectAlternativeName(names) if names else None


def _builder(subject, issuer, public_key, begin, end):
    now = datetime.datetime.utcnow()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name, **others):
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    if "organization" in others:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, others["organization"]))
    return x509.Name(parts)


def pem_of(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key, passphrase=None):
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def write(path, content, mode=0o600):
    """As a whole: readers see the former file or this one."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    temporary.rename(path)
    return path


DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority whose files live in `directory`."""

    def __init__(self, directory, name="Test CA", uri=(), parent=None, permitted=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        signer = parent or self
        self.intermediates = b"" if parent is None else None
        builder = (
            _builder(subject, parent.certificate.subject if parent else subject, self.key.public_key(), -DAY, 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        )
        if uri:
            builder = builder.add_extension(_alt_names((), uri, (), ()), critical=False)
        if permitted:
            subtrees = [x509.DNSName(name) for name in permitted]
            builder = builder.add_extension(x509.NameConstraints(subtrees, None), critical=True)
        if parent:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(parent.key.public_key()), critical=False
            )
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        if parent:
            self.intermediates = self.pem + parent.intermediates
        self.file = write(self.directory / f"{name.replace(' ', '-').lower()}.crt", self.pem, 0o644)

    @property
    def pem(self):
        return pem_of(self.certificate)

    def issue(
        self,
        file,
        common_name=None,
        *,
        dns=(),
        uri=(),
        email=(),
        ip=(),
        begin=-DAY,
        end=7 * DAY,
        passphrase=None,
        client_only=False,
        key=None,
        point=None,
    ):
        """`file`.crt and `file`.key in the authority's directory."""
        certificate, key = self.make(
            common_name, dns=dns, uri=uri, email=email, ip=ip, begin=begin, end=end, client_only=client_only, key=key, point=point
        )
        return Pair(
            write(self.directory / f"{file}.crt", certificate + self.intermediates, 0o644),
            write(self.directory / f"{file}.key", key_pem(key, passphrase)),
        )

    def make(
        self,
        common_name=None,
        *,
        dns=(),
        uri=(),
        email=(),
        ip=(),
        begin=-DAY,
        end=7 * DAY,
        client_only=False,
        self_signed=False,
        key=None,
        point=None,
    ):
        """(certificate as PEM, key). `point`: where its revocation list is to be found."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([] if client_only else [ExtendedKeyUsageOID.SERVER_AUTH])
        subject = _name(common_name)
        builder = (
            _builder(subject, subject if self_signed else self.certificate.subject, key.public_key(), begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if not self_signed:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        names = _alt_names(dns, uri, email, ip)
        if names is not None:
            builder = builder.add_extension(names, critical=not common_name)
        if point:
            where = x509.DistributionPoint([x509.UniformResourceIdentifier(point)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([where]), critical=False)
        signed = builder.sign(key if self_signed else self.key, hashes.SHA256())
        return pem_of(signed), key

    def crl(self, *revoked, number=1, begin=-DAY, end=DAY, point=None):
        """A revocation list as PEM that names the certificates of these pairs. `point`: it is for the certificates of this one."""
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now + begin)
            .next_update(now + end)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        if point:
            names = [x509.UniformResourceIdentifier(point)]
            builder = builder.add_extension(
                x509.IssuingDistributionPoint(names, None, False, False, None, False, False), critical=True
            )
        for pair in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(pair.serial).revocation_date(now + begin).build()
            builder = builder.add_revoked_certificate(entry)
        return pem_of(builder.sign(self.key, hashes.SHA256()))

    def self_signed(self, file, common_name):
        """Names whatever it likes, signed by nobody we know."""
        certificate, key = self.make(common_name, self_signed=True)
        return Pair(write(self.directory / f"{file}.crt", certificate, 0o644), write(self.directory / f"{file}.key", key_pem(key)))

    def server(self, file="server", **more):
        return self.issue(file, "localhost", dns=("localhost",), ip=("127.0.0.1",), **more)


def rsa_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)
