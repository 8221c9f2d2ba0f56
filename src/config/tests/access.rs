//! `[listen]`, `[tls]`, `[access]` and TLS towards cores.

use super::*;
use crate::access::tls::ClientAuth;
use crate::access::token::TokenSource;

const TLS: &str = "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
const SECRET: &str = "0123456789abcdefSECRET";

#[test]
fn each_fault_is_named_with_its_line() {
    for (text, line, part) in [
        ("[listen]\napi_tls = \"[::]:1\"", 2, "`listen.api_tls` needs a certificate: set `tls.certificate`"),
        (
            &format!("{TLS}[listen]\nadmin_tls = \"[::]:1\"\napi = \"[::]:1\""),
            5,
            "`listen.admin_tls` is [::]:1, and so is `listen.api`",
        ),
        ("[listen]\nwebapi = \"off\"\napi = \"off\"", 3, "`listen.api` is off, and so are all others"),
        ("[listen]\napi = \"of\"", 2, "`listen.api` is no address to listen at"),
        ("[tls]\ncertificate = \"c.pem\"", 1, "`tls.key` is missing"),
        ("[tls]\nkey = \"c.pem\"", 1, "`tls.certificate` is missing"),
        (&format!("{TLS}client_auth = \"required\""), 1, "`tls.client_ca` is missing"),
        (&format!("{TLS}client_auth = \"yes\""), 4, "must be \"none\" or \"optional\" or \"required\""),
        (
            "[access]\napi = [\n  \"10.0.0.0/8\",\n  \"10.0.0.0/40\",\n]",
            4,
            "`access.api` is no network: \"10.0.0.0/40\": there are 32 bits",
        ),
        ("[access]\nadmin = \"::1\"", 2, "`access.admin` must be a list, not text"),
        ("[access]\ndefault = \"refuse\"", 2, "must be \"allow\" or \"deny\""),
        ("[access]\nrate = -1", 2, "must be a number from 0 to 1000000"),
        ("[access]\nadmin_token_for = \"all\"", 1, "`access.admin_token_file` is missing"),
        (
            &format!("[access]\nadmin_token = \"{SECRET}\"\nadmin_token_file = \"f\""),
            3,
            "stands beside `admin_token`",
        ),
        ("[[access.rule]]\nfunctions = [\"EMAIL\"]", 1, "`access.rule.allow` is missing"),
        ("[[access.rule]]\nallow = \"yes\"", 2, "must be true or false, not text"),
        (
            "[[access.rule]]\nallow = true\nfunctions = [\n\"EMAIL\",\n\"EMIAL\"]",
            5,
            "`access.rule.functions` names no function: \"EMIAL\"",
        ),
        ("[[access.rule]]\nallow = true\nfunctions = []", 3, "`access.rule.functions` has no entry"),
        ("[[access.rule]]\nallow = true\nfrom = []", 3, "`access.rule.from` has no entry"),
        ("[[access.rule]]\nallow = true\nfrom = [\"10.0.0.1/8\"]", 3, "has bits set behind its first 8"),
        ("[[access.rule]]\nallow = true\ncertificate = \"*a*\"", 3, "has more than one `*`"),
        (
            "[[access.rule]]\nallow = true\nfrom = [\"10.0.0.0/8\"]\n[[access.rule]]\nallow = false\nfrom = [\"10.1.2.3\"]",
            6,
            "`access.rule.from` never counts: rules before this one decide all of it",
        ),
        (
            "[[access.rule]]\nallow = true\n[[access.rule]]\nallow = false",
            4,
            "`access.rule.allow` never counts",
        ),
        (
            "[[core]]\nid = 2\naddress = \"a:1\"\nca_file = \"ca.pem\"",
            4,
            "`core.ca_file` is of no use without `tls = true`",
        ),
        ("[[core]]\nid = 2\naddress = \"a:1\"\ntls = true", 1, "`core.ca_file` is missing"),
        (
            "[[core]]\nid = 2\naddress = \"a:1\"\ntls = true\nca_file = \"ca.pem\"\nkey = \"k\"",
            1,
            "`core.certificate` is missing",
        ),
        (
            "[[core]]\nid = 2\naddress = \"a:1\"\ntls = true\nca_file = \"ca.pem\"\nserver_name = \"a b\"",
            6,
            "is neither a host's name",
        ),
    ] {
        let (at, message) = only_fault(text);
        assert!(message.contains(part), "{text}\nexpected: {part}\nfound: {message}");
        assert_eq!(at, Some(line), "{text}\n{message}");
    }
}

#[test]
fn what_is_written_is_what_counts() {
    let text = format!(
        "{TLS}client_ca = \"ca.pem\"\n[listen]\napi = \"off\"\napi_tls = \"[::1]:0\"\n\
         [access]\nwebapi = [\"10.0.0.0/8\", \"::1\"]\nrate = 5\nadmin_token = \"{SECRET}\"\nadmin_token_for = \"all\"\n\
         [[core]]\nid = 1\naddress = \"core.example:1\"\ntls = true\nca_file = \"cores.pem\"\n\
         [[core]]\nid = 2\naddress = \"[fd00::7]:1\"\ntls = true\nca_file = \"cores.pem\"\n\
         certificate = \"own.pem\"\nkey = \"own.key\"\n"
    );
    let settings = parse(&text).unwrap();
    assert_eq!((settings.listen.api, settings.listen.api_tls), (None, "[::1]:0".parse().ok()));
    assert_eq!(
        settings.tls.files.as_ref().unwrap().client_auth,
        ClientAuth::Required,
        "there is a client_ca"
    );
    assert!(!settings.access.webapi.contain("11.0.0.1".parse().ok()));
    assert_eq!(settings.access.rate.map(|rate| (rate.per_second, rate.burst)), Some((5, 200)));
    let token = settings.access.token.as_ref().unwrap();
    assert!(token.for_all && matches!(token.source, TokenSource::Given(_)));
    let names: Vec<_> = settings
        .cores
        .iter()
        .map(|core| core.tls.as_ref().unwrap().server_name.to_str().into_owned())
        .collect();
    assert_eq!(names, ["core.example", "fd00::7"]);
    assert!(settings.cores[1].tls.as_ref().unwrap().identity.is_some());
    assert!(!format!("{settings:?}").contains(SECRET), "nothing shows the token");
}

#[test]
fn no_fault_shows_a_token_or_a_password() {
    for (text, variables) in [
        (format!("[access]\nadmin_token = \"{SECRET} \""), vec![]),
        (format!("[access]\nadmin_tokn = \"{SECRET}\""), vec![]),
        (format!("access = {{ admin_token = \"{SECRET}\", admin_token_file = \"f\" }}"), vec![]),
        (format!("[access]\nadmin_token = {SECRET}"), vec![]),
        (format!("[directory]\nurl = \"mysql://me:{SECRET}@host/db\""), vec![]),
        (String::new(), vec![("CORECAST__ACCESS__ADMIN_TOKEN", format!("{SECRET} "))]),
        (String::new(), vec![("CORECAST__ACCESS", format!("{{ admin_token = \"{SECRET} \" }}"))]),
    ] {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let faults = parse_with(&format!("{text}\n{CORE}"), &variables).expect_err(&text);
        let shown = format!("{faults} {faults:#} {faults:?}");
        assert!(!shown.contains(SECRET), "{text} {variables:?}: {shown}");
        let is_located = faults.iter().all(|fault| fault.line().is_some() || fault.variable().is_some());
        assert!(is_located, "{shown}");
        assert!(text.is_empty() || shown.contains("test.toml:"), "{shown}");
    }
}
