//! `TYPE KEY=VALUE…` of `call` and `route`, and times of several commands.

use std::time::Duration;

use jiff::SignedDuration;

use crate::protocol::param::Param;
use crate::protocol::write::{close, element, open};

/// A command as it is typed.
#[derive(Debug, clap::Args)]
pub(super) struct Typed {
    /// The function, for example CALLSTART; `corecast functions` lists them
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Parameters, for example DEVICEID=7001
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
}

/// `KEY=VALUE`, the key in upper case.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        Ok((name.to_ascii_uppercase(), value.to_owned()))
    } else {
        Err(format!("{name:?} is no parameter"))
    }
}

/// A time such as `500ms`, `10s` or `15m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("{text} is no time such as 500ms, 10s or 15m");
    text.parse::<SignedDuration>().map_err(wrong)?.try_into().map_err(wrong)
}

impl Typed {
    /// The command as a request; its REQUESTID is 1 unless one is given.
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        open(&mut out, "REQUEST");
        element(&mut out, Param::Type.name(), &self.kind.to_ascii_uppercase());
        if !self.params.iter().any(|(name, _)| Param::from_name(name) == Some(Param::RequestId)) {
            element(&mut out, Param::RequestId.name(), "1");
        }
        self.params.iter().for_each(|(name, value)| element(&mut out, name, value));
        close(&mut out, "REQUEST");
        out.push_str("\r\n");
        out
    }
}
