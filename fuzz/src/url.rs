//! Requests by URL: the same request as the same parameters by XML. An input is a query, and behind a line end a form.

use corecast::command::{Refusal, check as find_function};
use corecast::protocol::request::Request;
use corecast::protocol::url;
use corecast::protocol::write::{close, element, open};

use super::request::{BOUNDS, is_handed_on};
use super::strict;

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (query, form) = text.split_once('\n').unwrap_or((text, ""));
    match url::read(query, form, BOUNDS) {
        Ok(request) => {
            is_handed_on(&request, 3 * bytes.len());
            is_the_same(&request, &by_xml(&request));
            is_the_same(&request, &by_url(&request));
        }
        Err(bad) => assert!(!bad.reason.is_empty() && !bad.closes),
    }
}

fn is_the_same(request: &Request, other: &Request) {
    assert!(request.fields().iter().eq(other.fields().iter()), "{request:?}\n{other:?}");
    assert_eq!(verdict(request), verdict(other));
}

fn verdict(request: &Request) -> Result<&'static str, Refusal> {
    find_function(request).map(|function| function.name)
}

fn by_xml(request: &Request) -> Request {
    let mut xml = String::new();
    open(&mut xml, "REQUEST");
    request.fields().iter().for_each(|field| element(&mut xml, field.name, field.value));
    close(&mut xml, "REQUEST");
    strict::element(&xml).unwrap_or_else(|what| panic!("{what}\n{xml}"));
    Request::read(xml.as_bytes(), BOUNDS).expect("the same parameters by XML")
}

fn by_url(request: &Request) -> Request {
    let pair = |name: &str, value: &str| format!("{name}={}", percent(value));
    let pairs: Vec<_> = request.fields().iter().map(|field| pair(field.name, field.value)).collect();
    url::read("", &pairs.join("&"), BOUNDS).expect("the same parameters by URL")
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
