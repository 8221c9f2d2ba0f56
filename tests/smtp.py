"""A mail server for tests, and a reader of mails that shares no code with what wrote them.

    smtp.py serve FOLDER [--tls starttls|implicit] [--login USER:PASSWORD]
        listens on a free port of this machine and prints it; keeps each mail as FOLDER/N.eml with its envelope in
        FOLDER/N.json. With TLS the certificate of its authority is FOLDER/ca.pem.
    smtp.py read FILE
        prints what a mail holds, as JSON.

The part of a recipient's address before the @ says what becomes of it: nobody is refused for ever, later is refused
for now, rejected is refused when the mail is there, and slow never gets an answer.
"""

import argparse
import asyncio
import base64
import datetime
import email
import email.policy
import ipaddress
import json
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.partition("@")[0]
        if local == "nobody":
            return "550 5.1.1 nobody of this name\tlives here"
        if local == "later":
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].partition("@")[0]
        if local == "slow":
            await asyncio.Event().wait()
        if local == "rejected":
            return "554 5.7.1 looks like spam"
        self.count += 1
        about = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "login": getattr(session, "auth_data", None),
        }
        (self.folder / f"{self.count}.eml").write_bytes(envelope.original_content)
        (self.folder / f"{self.count}.json").write_text(json.dumps(about))
        return "250 kept"


def make_certificates(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def certificate(subject, key, issuer, issuer_key, is_authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            builder = builder.add_extension(here, critical=False)
        made = builder.sign(issuer_key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(certificate("test authority", authority, "test authority", authority, True))
    (folder / "server.pem").write_bytes(key + certificate("server", server, "test authority", authority, False))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


async def serve(options):
    folder = pathlib.Path(options.folder)
    keeper = Keeper(folder)
    context = make_certificates(folder) if options.tls else None
    settings = {"enable_SMTPUTF8": True, "hostname": "mail.test"}
    if options.tls == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    if options.login:
        expected = tuple(part.encode() for part in options.login.split(":", 1))

        def authenticate(server, session, envelope, mechanism, login):
            is_right = (login.login, login.password) == expected
            return AuthResult(success=is_right, auth_data=login.login.decode(), handled=False)

        settings |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": bool(options.tls)}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keeper, **settings), "127.0.0.1", 0, ssl=context if options.tls == "implicit" else None
    )
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def read(path):
    message = email.message_from_bytes(pathlib.Path(path).read_bytes(), policy=email.policy.default)
    attachments = [
        {
            "name": part.get_filename(),
            "type": part.get_content_type(),
            "content": base64.b16encode(part.get_payload(decode=True)).decode(),
        }
        for part in message.iter_attachments()
    ]
    headers = [[name, str(value)] for name, value in message.items()]
    text = message.get_body(("plain",)).get_content()
    print(json.dumps({"headers": headers, "text": text, "attachments": attachments}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve")
    serving.add_argument("folder")
    serving.add_argument("--tls", choices=["starttls", "implicit"])
    serving.add_argument("--login")
    commands.add_parser("read").add_argument("file")
    options = parser.parse_args()
    if options.command == "serve":
        asyncio.run(serve(options))
    else:
        read(options.file)


main()
