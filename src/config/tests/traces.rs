//! `[traces]`.

use super::*;
use crate::trail::TraceSettings;

fn traces(keys: &str) -> Option<TraceSettings> {
    parse(&format!("[traces]\n{keys}\n{CORE}")).unwrap().traces
}

#[test]
fn nothing_is_traced_unless_a_collector_is_named() {
    assert_eq!(parse(CORE).unwrap().traces, None);
    assert_eq!(traces("share = 1\nheaders = \"a=b\""), None);
}

#[test]
fn a_collector_is_enough() {
    let settings = traces("endpoint = \"http://collector:4318\"").unwrap();
    assert_eq!(settings.target, "http://collector:4318/v1/traces".parse().unwrap());
    assert_eq!((settings.share, &*settings.service), (Share::of(0.01).unwrap(), "corecast"));
    assert!(settings.instance.ends_with(&format!(":{}", std::process::id())), "{}", settings.instance);
    assert_eq!((settings.timeout, settings.queue), (Duration::from_secs(10), 8192));
}

#[test]
fn its_url_is_a_base_with_or_without_a_path() {
    for (endpoint, target, shown) in [
        ("https://c.example/", "https://c.example/v1/traces", "https://c.example"),
        ("http://c/otlp", "http://c/otlp/v1/traces", "http://c/otlp"),
        ("http://u:p@[::1]:4318", "http://u:p@[::1]:4318/v1/traces", "http://[::1]:4318"),
    ] {
        let settings = traces(&format!("endpoint = \"{endpoint}\"")).unwrap();
        assert_eq!((settings.target, &*settings.shown), (target.parse().unwrap(), shown));
    }
    for endpoint in ["collector:4318", "grpc://c:4317", "http://", "http://c?key=s3cret", "http://s3cret@#"] {
        let (line, message) = only_fault(&format!("[traces]\nendpoint = \"{endpoint}\""));
        assert_eq!(line, Some(2));
        assert!(
            message.contains("`traces.endpoint` is no collector") && !message.contains("s3cret"),
            "{message}"
        );
    }
}

#[test]
fn headers_are_written_as_opentelemetry_has_them_and_never_shown() {
    let keys = "endpoint = \"http://c\"\nheaders = \"Authorization=Bearer%20s3cret%2C1, x-tenant=s3cret\"";
    let settings = parse(&format!("[traces]\n{keys}\n{CORE}")).unwrap();
    let headers = &settings.traces.as_ref().unwrap().headers;
    assert_eq!(headers["authorization"], "Bearer s3cret,1");
    assert_eq!(headers["x-tenant"], "s3cret");
    let (debug, shown) = (format!("{settings:?}"), settings.shown().to_string());
    assert!(!debug.contains("s3cret") && !shown.contains("s3cret"), "{debug}{shown}");
    assert!(shown.contains("\"x-tenant\":\"(set, and not shown)\""), "{shown}");
    for headers in ["s3cret", "a b=s3cret", "a=s3cret%zz", "a=s3cret%0A", "a=s3cret,"] {
        let shown =
            parse(&format!("[traces]\nheaders = \"{headers}\"\n{CORE}")).expect_err(headers).to_string();
        assert!(shown.contains("`traces.headers` must be written") && !shown.contains("s3cret"), "{shown}");
    }
}
