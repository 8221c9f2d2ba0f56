//! `[mail]`: the mail server.

use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;

use super::kinds::{SOME_TIME, choice, content, duration, parsed, text, whole};
use super::section::Section;
use super::tree::Node;
use crate::media::mail::{Encryption, Login, MailSettings, Secret};

/// The mail server, if one is named.
pub(super) fn mail(s: &mut Section<'_>) -> Option<MailSettings> {
    let server = s.optional("server", server);
    let encryptions =
        [("starttls", Encryption::StartTls), ("implicit", Encryption::Implicit), ("none", Encryption::None)];
    let implied = server.as_ref().map_or(Encryption::StartTls, |server| server.encryption);
    let encryption = s.or("tls", implied, choice(&encryptions));
    if implied == Encryption::Implicit && encryption != implied {
        s.clash(["tls", "server"], "is not \"implicit\", which is what smtps:// means in");
    }
    let authorities = s.optional("ca_file", certificates);
    let login = login(s);
    let from = from(s, server.is_some());
    let hello = s.optional("hello", host);
    let timeout = s.or("timeout", Duration::from_secs(30), duration(SOME_TIME));
    let max_bytes = s.or("max_bytes", 25 << 20, whole(1024..=1 << 30));
    let max_at_once = s.or("max_at_once", 4, whole(1..=1000));
    let (Server { host, port, .. }, from) = (server?, from?);
    let hello = hello.unwrap_or_else(|| from.email.domain().to_owned());
    Some(MailSettings {
        host,
        port,
        encryption,
        authorities,
        login,
        from,
        hello,
        timeout,
        max_bytes,
        max_at_once,
    })
}

struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
}

/// `smtp://host:587` or `smtps://host:465`. What is wrong with it is not repeated: people write passwords into URLs.
fn server(node: &Node) -> Result<Server, String> {
    let written = text(node)?;
    let schemes = [("smtp://", 587, Encryption::StartTls), ("smtps://", 465, Encryption::Implicit)];
    let found = schemes.into_iter().find_map(|(scheme, port, encryption)| {
        let (host, port) = host_and_port(written.strip_prefix(scheme)?, port)?;
        Some(Server { host, port, encryption })
    });
    found.ok_or_else(|| {
        "is no mail server: write \"smtp://host:587\" or \"smtps://host:465\", and the login as `username` and \
         `password_file`"
            .into()
    })
}

fn host_and_port(written: &str, default: u16) -> Option<(String, u16)> {
    let is_bare_v6 = written.ends_with(']');
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) if !is_bare_v6 => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (written, default),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_sound = bare.map_or_else(|| is_host(host), |host| host.parse::<std::net::Ipv6Addr>().is_ok());
    is_sound.then(|| (bare.unwrap_or(host).to_owned(), port))
}

fn is_host(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn host(node: &Node) -> Result<String, String> {
    let name = text(node)?;
    if is_host(&name) { Ok(name) } else { Err(format!("is no host name: \"{name}\"")) }
}

/// Certificates in PEM.
fn certificates(node: &Node) -> Result<String, String> {
    let pem = content(node)?;
    let holds_some = pem.contains("-----BEGIN CERTIFICATE-----");
    let is_sound = holds_some && Certificate::from_pem(pem.as_bytes()).is_ok();
    if is_sound { Ok(pem) } else { Err("names a file that holds no certificate in PEM".into()) }
}

fn from(s: &mut Section<'_>, is_needed: bool) -> Option<Mailbox> {
    let example = "from = \"recorder@example.com\"";
    let address =
        if is_needed { s.required("from", example, parsed::<Address>) } else { s.optional("from", parsed) };
    let name = s.optional("from_name", text);
    Some(Mailbox::new(name, address?))
}

fn login(s: &mut Section<'_>) -> Option<Login> {
    let username = s.optional("username", text);
    let password = password(s);
    if s.has("username") && !s.has("password") && !s.has("password_file") {
        s.missing("password_file", "password_file = \"/etc/corecast/mail.password\"");
    }
    if password.is_some() && !s.has("username") {
        s.missing("username", "username = \"recorder\"");
    }
    Some(Login { username: username?, password: password? })
}

/// The password, of a file or as it is written; none of what is wrong with it shows it.
fn password(s: &mut Section<'_>) -> Option<Secret> {
    let file = s.optional("password_file", secret_file);
    let written = s.optional("password", |node| Ok(text(node)));
    if s.has("password") && s.has("password_file") {
        s.fault("password_file", "stands beside `password`: one of them is enough");
    }
    match written {
        Some(Ok(password)) => Some(Secret(password)),
        Some(Err(wrong)) => {
            s.secret_fault("password", &wrong);
            None
        }
        None => file,
    }
}

fn secret_file(node: &Node) -> Result<Secret, String> {
    let held = content(node)?;
    let password = held.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.contains(char::is_control) {
        return Err("names a file that does not hold a password on a single line".into());
    }
    Ok(Secret(password.to_owned()))
}
