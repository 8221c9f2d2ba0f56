//! The configuration in force as operators see it: every key that holds no secret, with its value. What is not named here
//! is not shown, so that a new key is a secret until somebody says otherwise.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::HeaderName;
use serde_json::{Map, Value, json};

use super::{LogFormat, Settings};
use crate::access;
use crate::command::FUNCTIONS;
use crate::fanout::Detail;
use crate::model::Core;
use crate::names::CoreSrv;
use crate::route::rule::{Owners, Rule, UnknownDevice};
use crate::trail::TraceSettings;

/// What stands where something is set that nobody is shown.
const HIDDEN: &str = "(set, and not shown)";

impl Settings {
    /// The sections of the file, each with its keys and their values in force, defaults too.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "listen": self.shown_listen(),
            "tls": { "reload": time(self.tls.reload), "handshake_timeout": time(self.tls.handshake_timeout) },
            "access": shown_access(&self.access),
            "limits": self.shown_limits(),
            "runtime": { "threads": self.threads },
            "core": self.cores.iter().map(shown_core).collect::<Vec<_>>(),
            "core_srv": self.core_srv.iter().map(shown_srv).collect::<Vec<_>>(),
            "dns": {
                "servers": self.dns.servers,
                "refresh": time(self.dns.refresh),
                "forget": time(self.dns.forget),
            },
            "route": self.shown_route(),
            "breaker": {
                "failures": self.breaker.failures,
                "probe_min": time(self.breaker.probe_min),
                "probe_max": time(self.breaker.probe_max),
            },
            "directory": {
                "url": if self.directory.is_shared() { "postgres://…" } else { "sqlite://…" },
                "refresh": time(self.directory.refresh),
            },
            "late_delivery": {
                "enabled": self.late_delivery.enabled,
                "retry": time(self.late_delivery.retry),
                "poll": time(self.late_delivery.poll),
                "expire": time(self.late_delivery.expire),
            },
            "safety": {
                "compensation": self.safety.action.label(),
                "exposure_limit": time(self.safety.exposure_limit),
            },
            "records": { "max_rows": self.records.max_rows, "keep_days": self.records.retention.keep_days },
            "media": self.shown_media(),
            "mail": self.mail.as_ref().map(|mail| json!({
                "server": format!("{}:{}", mail.host, mail.port),
                "from": mail.from.to_string(),
                "login": mail.login.as_ref().map(|_| HIDDEN),
                "timeout": time(mail.timeout),
                "max_bytes": mail.max_bytes,
                "max_at_once": mail.max_at_once,
            })),
            "reload": { "watch": self.watch },
            "compat": {
                "blackout_partial": if self.compat.blackout_partial_ok { "ok" } else { "partial" },
                "detail": match self.compat.detail {
                    Detail::Never => "never",
                    Detail::OnRequest => "on-request",
                    Detail::Always => "always",
                },
            },
            "traces": self.traces.as_ref().map(shown_traces),
            "log": {
                "format": match self.log.format { LogFormat::Text => "text", LogFormat::Json => "json" },
                "level": self.log.level,
                "access_share": self.log.access.share.part(),
                "access_failures": self.log.access.failures,
            },
        })
    }

    fn shown_listen(&self) -> Value {
        let listen = &self.listen;
        json!({
            "api": address(listen.api),
            "webapi": address(listen.webapi),
            "admin": address(listen.admin),
            "api_tls": address(listen.api_tls),
            "webapi_tls": address(listen.webapi_tls),
            "admin_tls": address(listen.admin_tls),
            "handover": listen.handover.as_ref().map(|path| path.display().to_string()),
        })
    }

    fn shown_limits(&self) -> Value {
        let limits = &self.limits;
        json!({
            "deadline": time(limits.deadline),
            "leg_timeout": time(limits.leg_timeout),
            "connect_timeout": time(limits.connect_timeout),
            "max_request_bytes": limits.max_request_bytes,
            "max_depth": limits.max_depth,
            "max_fields": limits.max_fields,
            "max_connections": limits.max_connections,
            "max_pipelined": limits.max_pipelined,
            "max_in_flight": limits.max_in_flight,
            "max_in_flight_bytes": limits.max_in_flight_bytes,
            "max_buffered_bytes": limits.max_buffered_bytes,
            "idle_timeout": time(limits.idle_timeout),
            "drain_timeout": time(limits.drain_timeout),
            "max_reply_bytes": limits.max_reply_bytes,
        })
    }

    fn shown_route(&self) -> Value {
        let rule = |rule: &Rule| {
            let devices = rule.devices.to_string();
            match &rule.owners {
                Owners::Cores(cores) => json!({ "devices": devices, "cores": cores }),
                Owners::Site(site) => json!({ "devices": devices, "site": site }),
            }
        };
        json!({
            "unknown_device": match self.unknown_device {
                UnknownDevice::Broadcast => "broadcast",
                UnknownDevice::Reject => "reject",
            },
            "repeat_window": time(self.repeat_window),
            "rule": self.rules.iter().map(rule).collect::<Vec<_>>(),
        })
    }

    fn shown_media(&self) -> Value {
        let media = &self.media;
        json!({
            "url": HIDDEN,
            "mp3_command": media.mp3_command.first(),
            "pcm_command": media.pcm_command.first(),
            "max_exports": media.max_exports,
            "max_conversions": media.max_conversions,
            "max_recordings": media.max_recordings,
            "patience": time(media.patience),
            "timeout": time(media.timeout),
            "max_time": time(media.max_time),
        })
    }
}

fn shown_access(access: &access::Settings) -> Value {
    let functions = |rule: &access::Rule| -> Vec<&str> {
        FUNCTIONS.iter().filter(|f| rule.functions.contain(f)).map(|f| f.name).collect()
    };
    let rule = |rule: &access::Rule| {
        json!({
            "from": networks(&rule.from),
            "certificate": rule.certificate.is_some(),
            "functions": if rule.functions == access::Functions::ALL { vec!["*"] } else { functions(rule) },
            "allow": rule.allow,
        })
    };
    json!({
        "api": networks(&access.api),
        "webapi": networks(&access.webapi),
        "admin": networks(&access.admin),
        "default": if access.is_open { "allow" } else { "deny" },
        "rate": access.rate.map_or(0, |limit| limit.per_second),
        "burst": access.rate.map(|limit| limit.burst),
        "admin_token": access.token.as_ref().map(|_| HIDDEN),
        "admin_token_for": access.token.as_ref().map(|token| if token.for_all { "all" } else { "changes" }),
        "rule": access.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn shown_traces(traces: &TraceSettings) -> Value {
    let header = |name: &HeaderName| (name.to_string(), json!(HIDDEN));
    json!({
        "endpoint": traces.shown,
        "share": traces.share.part(),
        "service_name": traces.service,
        "instance": traces.instance,
        "headers": traces.headers.keys().map(header).collect::<Map<_, _>>(),
        "timeout": time(traces.timeout),
        "queue": traces.queue,
    })
}

fn shown_core(core: &Core) -> Value {
    json!({
        "id": core.id,
        "name": core.name,
        "site": core.site,
        "address": core.address,
        "connections": core.connections,
        "pipeline": core.pipeline,
        "queue": core.queue,
        "tls": core.tls.is_some(),
    })
}

fn shown_srv(srv: &CoreSrv) -> Value {
    let mut shown = shown_core(&srv.like);
    if let Some(keys) = shown.as_object_mut() {
        ["id", "address"].into_iter().for_each(|key| drop(keys.remove(key)));
        keys.insert("name".into(), json!(srv.name));
        keys.insert("first_id".into(), json!(srv.first_id));
    }
    shown
}

fn networks(networks: &access::Networks) -> Vec<String> {
    networks.0.iter().map(ToString::to_string).collect()
}

fn address(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "off".into(), |address| address.to_string())
}

/// A time as the file has it: `1500ms`, `2s`.
fn time(time: Duration) -> String {
    format!("{time:?}")
}
