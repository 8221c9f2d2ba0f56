//! What an integration writes into USER1 to USER15 reaches the cores unchanged.

use corecast::cti::Fault;

use super::lab::{Lab, http, request};

const VALUES: [&str; 8] = [
    "Gold \"Level\" & 'more'",
    "a < b > c",
    "Zoë Çelik, Łódź",
    "😀 👩‍👩‍👧 ✅",
    "line one\r\nline two\ttab",
    "]]> <!-- --> &amp; &#65; %41 +",
    "日本語 العربية",
    "=?;'\"`\\/{}[]$@!~^*()",
];

fn escaped(value: &str) -> String {
    let references = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"), ("\n", "&#xA;")];
    references.iter().fold(value.to_owned(), |text, (c, reference)| text.replace(c, reference))
}

fn percent(value: &str) -> String {
    value.bytes().map(|b| format!("%{b:02x}")).collect()
}

/// What each core got in USER1 to USER15 of its last request.
fn received(lab: &Lab) -> Vec<Vec<String>> {
    let users = |core: &corecast::cti::CtiCore| {
        let last = core.received().last().cloned().expect("a request");
        let names = (1..=15).map(|n| format!("USER{n}"));
        names
            .map(|name| {
                let value = last.request.fields().iter().find(|f| f.name == name).map(|f| f.value.to_owned());
                value.unwrap_or_default()
            })
            .collect()
    };
    lab.cores.iter().map(users).collect()
}

#[tokio::test]
async fn every_character_of_a_value_reaches_every_core() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let values: Vec<_> = (0..15).map(|n| VALUES[n % VALUES.len()].to_owned()).collect();
    let fields = |write: fn(&str) -> String| (1..).zip(&values).map(move |(n, v)| (n, write(v)));

    let xml: String = fields(escaped).map(|(n, v)| format!("<USER{n}>{v}</USER{n}>")).collect();
    assert_eq!(lab.ask("CALLSTART", &format!("<DEVICEID>7001</DEVICEID>{xml}")).await.label, "API_OK");
    assert_eq!(received(&lab), vec![values.clone(); 2], "as XML");

    let cdata: String = (1..)
        .zip(&values)
        .map(|(n, v)| format!("<USER{n}><![CDATA[{}]]></USER{n}>", v.replace("]]>", "]]]]><![CDATA[>")))
        .collect();
    assert_eq!(lab.ask("CALLSTART", &format!("<DEVICEID>7002</DEVICEID>{cdata}")).await.label, "API_OK");
    assert_eq!(received(&lab), vec![values.clone(); 2], "as CDATA");

    let query: String = fields(percent).map(|(n, v)| format!("&user{n}={v}")).collect();
    let target = format!("/WebAPI.aspx?type=callstart&requestid=1&deviceid=7003{query}");
    let (status, _) = http(
        lab.proxy.webapi,
        &format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(received(&lab), vec![values; 2], "as a URL");
    lab.end().await;
}

#[tokio::test]
async fn unknown_elements_reach_the_cores_and_detail_does_not() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let params =
        "<DEVICEID>1001</DEVICEID><DETAIL>Y</DETAIL><NEW a=\"1\">x<Y>2 &amp; 3</Y></NEW><ODD>4</ODD>";
    assert_eq!(lab.ask("CALLSTART", params).await.label, "API_OK");
    let last = lab.cores[0].received().last().cloned().expect("a request");
    let fields: Vec<_> =
        last.request.fields().iter().map(|f| f.markup.unwrap_or(f.value).to_owned()).collect();
    assert!(fields.contains(&"<NEW a=\"1\">x<Y>2 &amp; 3</Y></NEW>".to_owned()), "{fields:?}");
    assert!(fields.contains(&"4".to_owned()), "{fields:?}");
    assert!(!last.request.fields().iter().any(|f| f.name == "DETAIL"), "{fields:?}");
    lab.end().await;
}

#[tokio::test]
async fn windows_1252_is_understood_when_it_is_declared() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let mut client = lab.client().await;
    let mut message = b"<?xml version=\"1.0\" encoding=\"windows-1252\"?>".to_vec();
    let body = request("CALLSTART", 1, "<DEVICEID>1001</DEVICEID><USER1>caf\u{1} \u{2}</USER1>");
    message.extend(body.bytes().map(|b| match b {
        1 => 0xE9,
        2 => 0x80,
        b => b,
    }));
    let answer = client.ask(&message).await.expect("an answer");
    assert!(String::from_utf8_lossy(&answer).contains("API_OK"));
    assert_eq!(received(&lab)[0][0], "café €");
    drop(client);
    lab.end().await;
}
