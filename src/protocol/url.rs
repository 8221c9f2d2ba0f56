//! The WebAPI's form of a request: parameters of a query or of a form body.

use std::borrow::Cow;

use super::fields::{Fields, Text};
use super::param::Param;
use super::request::{BadRequest, Request};
use super::xml::{Bounds, is_writable};

/// Whether a URL's path is the WebAPI's; the reference writes it in three ways.
#[must_use]
pub fn is_web_api(path: &str) -> bool {
    path.eq_ignore_ascii_case("/webapi.aspx")
}

/// Reads the parameters of `query`, then those of `form`, both in `name=value&…` form.
///
/// # Errors
/// [`BadRequest`] for a name that no XML element can have, a control character, text that is not UTF-8,
/// or more parameters than the bounds allow.
pub fn read(query: &str, form: &str, bounds: Bounds) -> Result<Request, BadRequest> {
    let mut fields = Fields::with_room();
    let pairs = query.split('&').chain(form.split('&')).filter(|pair| !pair.is_empty());
    let mut fault = None;
    for pair in pairs {
        if let Err(reason) = add(&mut fields, pair, bounds) {
            fault.get_or_insert(reason);
        }
    }
    let request = Request::from(fields);
    match fault {
        None => Ok(request),
        Some(reason) => {
            Err(BadRequest { kind: request.kind().into(), id: request.id().into(), reason, closes: false })
        }
    }
}

fn add(fields: &mut Fields, pair: &str, bounds: Bounds) -> Result<(), String> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let name = decode(name).ok_or("a parameter's name is not UTF-8")?;
    let value = decode(value).ok_or_else(|| format!("the value of {name} is not UTF-8"))?;
    if fields.len() >= bounds.max_fields {
        return Err(format!("more than {} parameters", bounds.max_fields));
    }
    if !is_writable(&value) {
        return Err(format!("a control character in {name}"));
    }
    fields.push("", Text::Made(element_name(&name)?.into()), Text::Made(value.trim().into()), None);
    Ok(())
}

/// The element that a parameter's name stands for: the reference's spelling, or the name in upper case.
fn element_name(name: &str) -> Result<String, String> {
    if let Some(param) = Param::from_name(name) {
        return Ok(param.name().into());
    }
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if is_name { Ok(name.to_ascii_uppercase()) } else { Err(format!("{name:?} is no name of a parameter")) }
}

/// Undoes URL encoding; a `%` that begins no byte stands for itself.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.first_chunk().copied().and_then(hex_byte)).flatten();
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex_byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|d| char::from(d).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { max_fields: 5, max_depth: 4 };

    fn values(query: &str, form: &str) -> Vec<(String, String)> {
        let request = read(query, form, BOUNDS).unwrap_or_else(|bad| panic!("{}", bad.reason));
        request.fields().iter().map(|f| (f.name.into(), f.value.into())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn the_path_is_found_in_every_spelling() {
        for path in ["/webAPI.aspx", "/WebAPI.aspx", "/Webapi.aspx"] {
            assert!(is_web_api(path));
        }
        assert!(!is_web_api("/") && !is_web_api("/webapi"));
    }

    #[test]
    fn names_become_elements_and_values_are_decoded() {
        let expected = [pair("TYPE", "callupdate"), pair("USER1", "Special Call é&=%zz"), pair("X-Y", "")];
        assert_eq!(values("type=callupdate&user1=Special+Call%20%C3%A9%26%3d%zz&&x-y", ""), expected);
    }

    #[test]
    fn query_and_form_are_one_request() {
        assert_eq!(values("type=TEST", "requestid=+7+"), [pair("TYPE", "TEST"), pair("REQUESTID", "7")]);
    }

    #[test]
    fn what_cannot_be_an_element_is_refused_by_name() {
        for (query, reason) in [
            ("a%3Cb=1", "no name of a parameter"),
            ("=1", "no name of a parameter"),
            ("user1=%00", "a control character in user1"),
            ("user1=%FF", "the value of user1 is not UTF-8"),
            ("a=1&b=2&c=3&d=4&e=5&f=6", "more than 5 parameters"),
        ] {
            let bad = read(&format!("{query}&type=TEST&requestid=3"), "", BOUNDS).expect_err(query);
            assert!(bad.reason.contains(reason), "{query}: {}", bad.reason);
        }
        let bad = read("a%3Cb=1&type=TEST&requestid=3", "", BOUNDS).expect_err("a name with < in it");
        assert_eq!((bad.kind.as_str(), bad.id.as_str()), ("TEST", "3"));
    }
}
