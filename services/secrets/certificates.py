"""The environment's own certificate authority, and what it signs: certificates for the web server and for Postgres.

Made when the environment speaks TLS (compose/tls.yml), kept with the other secrets, and renewed at a start when one is
about to run out. Names and dates as browsers demand them: https://support.apple.com/en-us/102028.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# By service, each also by the names that this machine's programs call it by.
SERVERS = ("webserver", "postgres")
LOCAL = ("localhost", "127.0.0.1", "::1")
OF_AUTHORITY = timedelta(days=3650)
OF_SERVER = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=60)


def issue(stored: Mapping[str, str], environment: str) -> dict[str, str]:
    """What is missing or about to run out, as PEM texts: `<name>_key` and `<name>_certificate`, for ca and servers."""
    made = {} if _is_good(stored.get("ca_certificate", "")) else _authority(environment)
    known = {**stored, **made}
    for server in SERVERS:
        if made or not _is_good(stored.get(f"{server}_certificate", "")):
            made |= _server(server, known["ca_key"], known["ca_certificate"])
    return made


def _is_good(pem: str) -> bool:
    return bool(pem) and _read(pem).not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE


def _read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _authority(environment: str) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Windtunnel {environment}")
    builder = _builder(name, name, key, OF_AUTHORITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return {"ca_key": _pem(key), "ca_certificate": _signed(builder, key)}


def _server(server: str, ca_key: str, ca_certificate: str) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = load_pem_private_key(ca_key.encode(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    builder = _builder(_name(server), _read(ca_certificate).subject, key, OF_SERVER)
    builder = builder.add_extension(x509.SubjectAlternativeName(_names(server)), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    # Python 3.13 refuses a certificate that does not say who signed it: https://docs.python.org/3/library/ssl.html
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    builder = builder.add_extension(signer, critical=False)
    return {f"{server}_key": _pem(key), f"{server}_certificate": _signed(builder, authority)}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # A laptop's clock and its virtual machine's may differ.
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + lifetime)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _names(server: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(server)]
    for one in LOCAL:
        names.append(x509.DNSName(one) if one[0].isalpha() else x509.IPAddress(ip_address(one)))
    return names


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
