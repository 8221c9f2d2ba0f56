//! Requests, made before the load begins but for their REQUESTID and DEVICEID.

use super::mix::{Devices, Mix};
use crate::command::Function;
use crate::protocol::param::Param;
use crate::protocol::write::element;

/// How requests are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// XML over TCP.
    Xml,
    /// A URL over HTTP.
    Http,
}

/// What requests look like.
#[derive(Clone, Debug)]
pub(super) struct Renderer {
    pub speech: Speech,
    forms: Vec<Form>,
    devices: Devices,
}

/// A request with its REQUESTID and perhaps its DEVICEID left out.
#[derive(Clone, Debug)]
struct Form {
    before_id: String,
    /// `None` for a function that is not about a device.
    before_device: Option<String>,
    end: String,
}

impl Renderer {
    /// For requests to this host.
    pub fn new(
        speech: Speech,
        host: &str,
        mix: &Mix,
        devices: &Devices,
        params: &[(String, String)],
    ) -> Self {
        let form = |function: &&Function| match speech {
            Speech::Xml => xml(function, params),
            Speech::Http => url(function, params, host),
        };
        Self { speech, forms: mix.cycle().iter().map(form).collect(), devices: devices.clone() }
    }

    /// Appends the request whose turn it is.
    pub fn write(&self, turn: usize, request_id: u32, random: &mut fastrand::Rng, out: &mut Vec<u8>) {
        let form = &self.forms[turn % self.forms.len()];
        out.extend_from_slice(form.before_id.as_bytes());
        number(out, u64::from(request_id), 0);
        if let Some(before) = &form.before_device {
            out.extend_from_slice(before.as_bytes());
            self.devices.write(random, out);
        }
        out.extend_from_slice(form.end.as_bytes());
    }
}

fn is_about_a_device(function: &Function, params: &[(String, String)]) -> bool {
    let identifiers = function.identifiers.params();
    let is_named = params
        .iter()
        .any(|(name, _)| Param::from_name(name).is_some_and(|param| identifiers.contains(&param)));
    identifiers.contains(&Param::DeviceId) && !is_named
}

fn xml(function: &Function, params: &[(String, String)]) -> Form {
    let mut end = String::new();
    params.iter().for_each(|(name, value)| element(&mut end, name, value));
    let is_about_a_device = is_about_a_device(function, params);
    Form {
        before_id: format!("<REQUEST><TYPE>{}</TYPE><REQUESTID>", function.name),
        before_device: is_about_a_device.then(|| "</REQUESTID><DEVICEID>".into()),
        end: format!("</{}>{end}</REQUEST>\r\n", if is_about_a_device { "DEVICEID" } else { "REQUESTID" }),
    }
}

fn url(function: &Function, params: &[(String, String)], host: &str) -> Form {
    let pair = |(name, value): &(String, String)| format!("&{name}={}", escaped(value));
    Form {
        before_id: format!("GET /webAPI.aspx?type={}&requestid=", function.name),
        before_device: is_about_a_device(function, params).then(|| "&deviceid=".into()),
        end: format!("{} HTTP/1.1\r\nHost: {host}\r\n\r\n", params.iter().map(pair).collect::<String>()),
    }
}

/// A value as URLs carry it.
fn escaped(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// Appends a number with at least so many digits, 20 at most.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number > 0 || at == text.len() {
        at -= 1;
        text[at] += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&text[at.min(text.len().saturating_sub(digits))..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(speech: Speech, mix: &str, params: &[(&str, &str)]) -> Vec<String> {
        let params: Vec<_> = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mix: Mix = mix.parse().expect("a good mix");
        let renderer = Renderer::new(speech, "h:1", &mix, &"7-7".parse().expect("a range"), &params);
        let request = |turn| {
            let mut out = Vec::new();
            renderer.write(turn, 40 + u32::try_from(turn).expect("few"), &mut fastrand::Rng::new(), &mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        (0..2).map(request).collect()
    }

    #[test]
    fn a_request_has_its_number_its_device_and_the_parameters() {
        assert_eq!(
            rendered(Speech::Xml, "CALLUPDATE,TEST", &[("USER1", "a&b")]),
            [
                "<REQUEST><TYPE>CALLUPDATE</TYPE><REQUESTID>40</REQUESTID><DEVICEID>7</DEVICEID>\
                 <USER1>a&amp;b</USER1></REQUEST>\r\n",
                "<REQUEST><TYPE>TEST</TYPE><REQUESTID>41</REQUESTID><USER1>a&amp;b</USER1></REQUEST>\r\n",
            ]
        );
        assert_eq!(
            rendered(Speech::Http, "TEST,CALLUPDATE", &[("USER1", "a&b")]),
            [
                "GET /webAPI.aspx?type=TEST&requestid=40&USER1=a%26b HTTP/1.1\r\nHost: h:1\r\n\r\n",
                "GET /webAPI.aspx?type=CALLUPDATE&requestid=41&deviceid=7&USER1=a%26b HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ]
        );
    }

    #[test]
    fn a_device_that_is_named_otherwise_has_no_number() {
        let [request, _] =
            rendered(Speech::Xml, "BLACKOUTSTART", &[("SYS_USER", "jsmith")]).try_into().expect("two");
        assert!(!request.contains("DEVICEID") && request.contains("jsmith"), "{request}");
    }

    #[test]
    fn numbers_are_written_with_the_digits_they_need() {
        for (value, digits, text) in
            [(0, 0, "0"), (7, 3, "007"), (1234, 2, "1234"), (u64::MAX, 0, "18446744073709551615")]
        {
            let mut out = Vec::new();
            number(&mut out, value, digits);
            assert_eq!(out, text.as_bytes());
        }
    }
}
