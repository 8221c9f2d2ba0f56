//! `[mail]`.

use super::*;
use crate::media::mail::{Encryption, MailSettings};
use crate::secret::Secret;

const SERVER: &str = "server = \"smtp://mail.example\"\nfrom = \"recorder@example.com\"";

/// A file of a test's own, gone when the test is.
struct Held(PathBuf);

impl Held {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("corecast_mail_{}_{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

fn mail(keys: &str) -> MailSettings {
    parse(&format!("[mail]\n{keys}\n{CORE}")).unwrap().mail.expect("a mail server")
}

#[test]
fn without_a_server_there_is_no_mail() {
    assert_eq!(
        parse(&format!("[mail]\ntimeout = \"5s\"\nfrom = \"a@b.example\"\n{CORE}")).unwrap().mail,
        None
    );
}

#[test]
fn a_server_and_a_sender_are_enough() {
    let settings = mail(SERVER);
    assert_eq!((&*settings.host, settings.port), ("mail.example", 587));
    assert_eq!((settings.encryption, settings.login), (Encryption::StartTls, None));
    assert_eq!((settings.from.to_string(), &*settings.hello), ("recorder@example.com".into(), "example.com"));
    assert_eq!(
        (settings.timeout, settings.max_bytes, settings.max_at_once),
        (Duration::from_secs(30), 26_214_400, 4)
    );
}

#[test]
fn servers_are_written_as_urls() {
    use Encryption::{Implicit, StartTls};
    for (server, host, port, encryption) in [
        ("smtp://mail", "mail", 587, StartTls),
        ("smtp://10.0.0.7:25", "10.0.0.7", 25, StartTls),
        ("smtps://mail.example", "mail.example", 465, Implicit),
        ("smtps://[fd00::7]:4650", "fd00::7", 4650, Implicit),
        ("smtp://[::1]", "::1", 587, StartTls),
    ] {
        let settings = mail(&format!("server = \"{server}\"\nfrom = \"a@b.example\""));
        assert_eq!((&*settings.host, settings.port, settings.encryption), (host, port, encryption));
    }
    assert_eq!(mail(&format!("{SERVER}\ntls = \"none\"")).encryption, Encryption::None);
    for bad in [
        "mail.example",
        "http://a",
        "smtp://",
        "smtp://u:hunter2@a",
        "smtp://a:0",
        "smtp://a/b",
        "smtp://[x]",
    ] {
        let (line, message) = only_fault(&format!("mail = {{ server = \"{bad}\", from = \"a@b.example\" }}"));
        assert!(
            line == Some(1) && message.starts_with("`mail.server` is no mail server"),
            "{bad}: {message}"
        );
    }
}

#[test]
fn what_does_not_fit_together_is_a_fault() {
    for (keys, part) in [
        ("server = \"smtp://a\"", "`mail.from` is missing"),
        ("server = \"smtp://a\"\nfrom = \"nobody\"", "`mail.from`"),
        (&format!("{SERVER}\nusername = \"u\""), "`mail.password_file` is missing"),
        (&format!("{SERVER}\npassword = \"p\""), "`mail.username` is missing"),
        (&format!("{SERVER}\nca_file = \"/no/such\""), "`mail.ca_file` is /no/such, which cannot be read"),
        (&format!("{SERVER}\ntls = \"maybe\""), "`mail.tls` must be"),
        ("server = \"smtps://a\"\nfrom = \"a@b.example\"\ntls = \"none\"", "is not \"implicit\""),
        (&format!("{SERVER}\nhello = \"a b\""), "`mail.hello` is no host name"),
        (&format!("{SERVER}\nmax_bytes = 3"), "`mail.max_bytes` must be a number from 1024"),
    ] {
        let (_, message) = only_fault(&format!("[mail]\n{keys}"));
        assert!(message.contains(part), "{keys}: {message}");
    }
}

#[test]
fn passwords_come_from_a_file_or_a_variable_and_are_never_shown() {
    let file = Held::new("password", "hunter2\r\n");
    let keys = format!("{SERVER}\nusername = \"u\"\npassword_file = \"{}\"", file.0.display());
    let login = mail(&keys).login.expect("a login");
    assert_eq!((&*login.username, &login.password), ("u", &Secret::new("hunter2")));
    assert!(!format!("{login:?}").contains("hunter2"));
    let text = format!("[mail]\n{SERVER}\nusername = \"u\"\n{CORE}");
    let settings = parse_with(&text, &[("CORECAST__MAIL__PASSWORD", "from a variable")]).unwrap();
    assert_eq!(settings.mail.unwrap().login.unwrap().password, Secret::new("from a variable"));
    let both = format!("[mail]\n{keys}\npassword = \"hunter3\"\n{CORE}");
    for (text, variables) in [
        (both.as_str(), &[][..]),
        (&format!("[mail]\n{SERVER}\nusername = \"u\"\npassword = [\"hunter3\"]\n{CORE}"), &[]),
        (&format!("mail = {{ username = \"u\", password = \"hunter3\\t\" }}\n{CORE}"), &[]),
        (&text, &[("CORECAST__MAIL__PASSWORD", "[\"hunter3\"]")]),
    ] {
        let shown = parse_with(text, variables).expect_err(text).to_string();
        assert!(shown.contains("`mail.password") && !shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn files_hold_what_they_should() {
    let (blank, rubbish) = (Held::new("blank", "\n"), Held::new("rubbish", "-----BEGIN CERTIFICATE-----\nx"));
    for (key, file, part) in [
        ("username = \"u\"\npassword_file", &blank, "does not hold a secret on a single line"),
        ("ca_file", &blank, "holds no certificate in PEM"),
        ("ca_file", &rubbish, "holds no certificate in PEM"),
    ] {
        let (_, message) = only_fault(&format!("[mail]\n{SERVER}\n{key} = \"{}\"", file.0.display()));
        assert!(message.contains(part), "{key}: {message}");
    }
}
