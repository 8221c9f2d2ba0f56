//! Every request of the vendor's reference, to the letter.

use corecast::cti::Fault;

use super::lab::{Answer, Lab, get, receive, within};

/// The XML requests and the URLs of the fixture.
fn fixture() -> (Vec<&'static str>, Vec<&'static str>) {
    let text = include_str!("../fixtures/requests.txt");
    let (xml, urls) = text.split_once("========\n").expect("URLs behind the XML");
    let xml: Vec<_> = xml.split("--------\n").skip(1).collect();
    let urls: Vec<_> = urls.lines().collect();
    assert!(xml.len() >= 25 && urls.len() >= 3, "the fixture holds {} and {}", xml.len(), urls.len());
    (xml, urls)
}

/// The text of an element of a request, as the page writes it.
fn element<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = request.split_once(&format!("<{name}>"))?;
    after.split('<').next().map(str::trim)
}

fn check(answer: &Answer, kind: &str, id: &str, request: &str) {
    assert_eq!(answer.element("REQUESTTYPE"), kind, "{request}\n{}", answer.text);
    assert_eq!(answer.element("REQUESTID"), id, "{request}\n{}", answer.text);
    assert!(answer.label.starts_with("API_") && !answer.element("RESULTCODE").is_empty(), "{}", answer.text);
    let refused = ["API_UNKNOWN_MESSAGE_TYPE", "API_INVALID_MESSAGE_FORMAT", "API_REQUESTID_INVALID"];
    assert!(!refused.contains(&&*answer.label), "{request}\n{}", answer.text);
    let mut reader = quick_xml::Reader::from_str(&answer.text);
    while !matches!(reader.read_event().expect("well-formed XML"), quick_xml::events::Event::Eof) {}
}

#[tokio::test]
async fn every_example_gets_a_result_over_tcp() {
    let lab = Lab::with_faults(&[Fault::None; 3]).await;
    let mut client = lab.client().await;
    for request in fixture().0 {
        within(request, client.send(request.as_bytes())).await.expect("it is sent");
        within(request, client.send(b"\r\n")).await.expect("it is sent");
        let kind = element(request, "TYPE").or(element(request, "REQUESTTYPE")).expect("a type");
        let id = element(request, "REQUESTID").expect("a number");
        check(&receive(&mut client).await, kind, id, request);
    }
    drop(client);
    lab.end().await;
}

#[tokio::test]
async fn every_example_gets_a_result_as_a_url() {
    let lab = Lab::with_faults(&[Fault::None; 3]).await;
    let (xml, urls) = fixture();
    let as_url = |request: &str| {
        let params: Vec<_> = request
            .split('<')
            .skip(2)
            .filter(|piece| !piece.starts_with('/') && piece.contains('>'))
            .filter_map(|piece| piece.split_once('>'))
            .map(|(name, value)| format!("{}={}", name.to_lowercase(), percent(value.trim())))
            .collect();
        format!("/webAPI.aspx?{}", params.join("&"))
    };
    let paths = xml.iter().map(|request| as_url(request));
    let paths =
        paths.chain(urls.iter().map(|url| url.trim_start_matches("http://ccserveraddress:2012").to_owned()));
    for path in paths {
        let param = |name: &str| {
            let query = path.split_once('?').map_or("", |(_, query)| query);
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.clone().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
        };
        let kind = param("type").or_else(|| param("requesttype")).expect("a type");
        let (status, body) = get(lab.proxy.webapi, &path).await;
        assert_eq!(status, 200, "{path}");
        check(
            &Answer::read(body.as_bytes()),
            &kind.to_uppercase(),
            &param("requestid").expect("a number"),
            &path,
        );
    }
    lab.end().await;
}

fn percent(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b',');
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
