//! `[listen]`, `[tls]`, `[access]`, and what of a `[[core]]` is about TLS: keys that depend on each other.

use std::net::SocketAddr;
use std::path::PathBuf;

use rustls::pki_types::ServerName;

use super::kinds::{duration, flag, listen_address, parsed, text, whole};
use super::section::Section;
use super::tree::Node;
use super::{Listen, Tls};
use crate::access::tls::{ClientAuth, ListenerFiles};
use crate::access::token::{MIN_LENGTH, TokenSettings, TokenSource};
use crate::access::{Functions, NamePattern, Networks, RateLimit, Rule, Settings};
use crate::model::CoreTls;
use crate::secret::Secret;

/// An address to listen at, or `off`.
fn maybe_address(node: &Node) -> Result<Option<SocketAddr>, String> {
    if text(node).is_ok_and(|written| written == "off") {
        return Ok(None);
    }
    listen_address(node).map(Some)
}

pub(super) fn listen(s: &mut Section<'_>, has_tls: bool) -> Listen {
    let d = Listen::default();
    let listen = Listen {
        api: s.or("api", d.api, maybe_address),
        webapi: s.or("webapi", d.webapi, maybe_address),
        admin: s.or("admin", d.admin, maybe_address),
        api_tls: s.or("api_tls", d.api_tls, maybe_address),
        webapi_tls: s.or("webapi_tls", d.webapi_tls, maybe_address),
        admin_tls: s.or("admin_tls", d.admin_tls, maybe_address),
        handover: s.optional("handover", path),
    };
    let secured =
        [("api_tls", listen.api_tls), ("webapi_tls", listen.webapi_tls), ("admin_tls", listen.admin_tls)];
    for (key, _) in secured.iter().filter(|(_, address)| address.is_some() && !has_tls) {
        s.fault(key, "needs a certificate: set `tls.certificate` and `tls.key`");
    }
    let all =
        [("api", listen.api), ("webapi", listen.webapi), ("admin", listen.admin)].into_iter().chain(secured);
    let all: Vec<_> = all.filter_map(|(key, address)| Some((key, address?))).collect();
    for (i, (key, address)) in all.iter().enumerate() {
        for (earlier, _) in all.iter().take(i).filter(|(_, a)| a == address && address.port() != 0) {
            s.clash([key, earlier], &format!("is {address}, and so is"));
        }
    }
    if [listen.api, listen.webapi, listen.api_tls, listen.webapi_tls].iter().all(Option::is_none) {
        s.fault("api", "is off, and so are all others: there is nothing to listen at");
    }
    listen
}

/// `[tls]`; and whether a certificate is named in it, sound or not.
pub(super) fn tls(s: &mut Section<'_>) -> (Tls, bool) {
    let d = Tls::default();
    let [certificate, key, client_ca] = ["certificate", "key", "client_ca"].map(|key| s.optional(key, path));
    let times = super::kinds::SOME_TIME;
    let (reload, handshake) = (
        s.or("reload", d.reload, duration(times.clone())),
        s.or("handshake_timeout", d.handshake_timeout, duration(times)),
    );
    let auth = client_auth(s, client_ca.is_some());
    for (one, other) in [("certificate", "key"), ("key", "certificate"), ("client_ca", "certificate")] {
        if s.has(one) && !s.has(other) {
            s.missing(other, &format!("{other} = \"/etc/corecast/{other}.pem\""));
        }
    }
    let files = certificate.zip(key).map(|(certificate, key)| ListenerFiles {
        certificate,
        key,
        client_ca: client_ca.filter(|_| auth != ClientAuth::None),
        client_auth: auth,
    });
    (Tls { files, reload, handshake_timeout: handshake }, s.has("certificate") || s.has("key"))
}

fn client_auth(s: &mut Section<'_>, has_ca: bool) -> ClientAuth {
    let words =
        [("none", ClientAuth::None), ("optional", ClientAuth::Optional), ("required", ClientAuth::Required)];
    let by_itself = if has_ca { ClientAuth::Required } else { ClientAuth::None };
    let auth = s.or("client_auth", by_itself, super::kinds::choice(&words));
    if auth != ClientAuth::None && !s.has("client_ca") {
        s.missing("client_ca", "client_ca = \"/etc/corecast/clients-ca.pem\"");
    }
    auth
}

fn path(node: &Node) -> Result<PathBuf, String> {
    text(node).map(PathBuf::from)
}

/// TLS towards a core, if it is asked for.
pub(super) fn core_tls(s: &mut Section<'_>, address: &str) -> Option<CoreTls> {
    let is_on = s.or("tls", false, flag);
    let ca_file = s.optional("ca_file", path);
    let name = s.optional("server_name", server_name);
    let (certificate, key) = (s.optional("certificate", path), s.optional("key", path));
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if s.has(one) && !s.has(other) {
            s.missing(other, &format!("{other} = \"/etc/corecast/core-client.pem\""));
        }
    }
    if !is_on {
        let idle = ["ca_file", "server_name", "certificate", "key"].into_iter().find(|key| s.has(key));
        idle.iter().for_each(|key| s.fault(key, "is of no use without `tls = true`"));
        return None;
    }
    if !s.has("ca_file") {
        s.missing("ca_file", "ca_file = \"/etc/corecast/cores-ca.pem\"");
    }
    let host = address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
    let name = name.or_else(|| ServerName::try_from(host.to_owned()).ok());
    if name.is_none() && !s.has("server_name") && !host.is_empty() {
        s.missing("server_name", "server_name = \"core-1.example\", as it stands in the core's certificate");
    }
    Some(CoreTls { ca_file: ca_file?, server_name: name?, identity: certificate.zip(key) })
}

fn server_name(node: &Node) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text(node)?).map_err(|_| "is neither a host's name nor an IP address".into())
}

pub(super) fn access(s: &mut Section<'_>) -> Settings {
    let [api, webapi, admin] = ["api", "webapi", "admin"].map(|key| networks(s, key));
    let decisions = [("allow", true), ("deny", false)];
    let is_open = s.or("default", true, super::kinds::choice(&decisions));
    let rules = rules(s);
    Settings { api, webapi, admin, rules, is_open, rate: rate(s), token: token(s) }
}

fn networks(s: &mut Section<'_>, key: &'static str) -> Networks {
    Networks(s.list(key, parsed).unwrap_or_default())
}

fn rate(s: &mut Section<'_>) -> Option<RateLimit> {
    let per_second = s.or("rate", 0, whole(0..=1_000_000));
    let burst = s.or("burst", 200, whole(1..=1_000_000));
    (per_second > 0).then_some(RateLimit { per_second, burst })
}

fn token(s: &mut Section<'_>) -> Option<TokenSettings> {
    let file = s.optional("admin_token_file", path);
    let given = s.optional("admin_token", secret);
    let uses = [("changes", false), ("all", true)];
    let for_all = s.or("admin_token_for", false, super::kinds::choice(&uses));
    let (has_file, has_token) = (s.has("admin_token_file"), s.has("admin_token"));
    if has_file && has_token {
        s.fault("admin_token_file", "stands beside `admin_token`: there is one token");
    } else if s.has("admin_token_for") && for_all && !has_file && !has_token {
        s.missing("admin_token_file", "admin_token_file = \"/etc/corecast/admin-token\"");
    }
    let source = file.map(TokenSource::File).or_else(|| given.map(TokenSource::Given))?;
    Some(TokenSettings { source, for_all })
}

fn secret(node: &Node) -> Result<Secret, String> {
    let written = text(node).map_err(|_| format!("must be text of {MIN_LENGTH} characters at least"))?;
    let is_sound = written.len() >= MIN_LENGTH && written.bytes().all(|b| b.is_ascii_graphic());
    is_sound
        .then(|| Secret::new(written))
        .ok_or_else(|| format!("must be {MIN_LENGTH} characters at least, without spaces"))
}

/// The rules, in the order of the file. One that can never decide anything is a mistake: it was meant to.
fn rules(s: &mut Section<'_>) -> Vec<Rule> {
    let mut earlier: Vec<Rule> = Vec::new();
    s.sections("rule", |s| {
        let Some(rule) = rule(s) else { return };
        if rule.is_decided_by(&earlier) {
            let at = ["functions", "from", "certificate", "allow"].into_iter().find(|key| s.has(key));
            s.fault(at.unwrap_or("allow"), "never counts: rules before this one decide all of it");
        }
        earlier.push(rule);
    });
    earlier
}

/// `None` if it is at fault.
fn rule(s: &mut Section<'_>) -> Option<Rule> {
    let from = s.list("from", parsed);
    let certificate = s.optional("certificate", parsed::<NamePattern>);
    let functions = s.list("functions", functions);
    let allow = s.required("allow", "allow = true", flag);
    for key in ["from", "functions"] {
        let is_empty = if key == "from" {
            from.as_ref().map(Vec::is_empty)
        } else {
            functions.as_ref().map(Vec::is_empty)
        };
        if is_empty == Some(true) {
            s.fault(key, "has no entry: leave it out if it does not matter");
        }
    }
    if s.has("certificate") && certificate.is_none() {
        return None;
    }
    let functions =
        functions.map_or(Functions::ALL, |all| all.into_iter().fold(Functions::NONE, Functions::and));
    let is_sound =
        functions != Functions::NONE && !(s.has("from") && from.as_ref().is_none_or(Vec::is_empty));
    is_sound.then_some(Rule {
        from: Networks(from.unwrap_or_default()),
        certificate,
        functions,
        allow: allow?,
    })
}

fn functions(node: &Node) -> Result<Functions, String> {
    let written = text(node)?;
    Functions::named(&written).ok_or_else(|| {
        format!("names no function: \"{written}\"; `corecast functions` lists them, and \"BLACKOUT*\" is all that begin so")
    })
}
