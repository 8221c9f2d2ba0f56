//! The WebAPI over HTTP.

use corecast::cti::Fault;

use super::lab::{Answer, Lab, get, http};

async fn post(lab: &Lab, target: &str, content_type: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    let (status, body) = http(lab.proxy.webapi, &request).await;
    assert_eq!(status, 200, "{target}");
    Answer::read(body.as_bytes())
}

#[tokio::test]
async fn a_command_may_come_as_a_query_a_form_or_xml() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let query = "type=callstart&requestid=18&deviceid=7001&user1=SpecialCall";
    let xml = "<REQUEST><TYPE>CALLSTART</TYPE><REQUESTID>18</REQUESTID><DEVICEID>7001</DEVICEID></REQUEST>";
    let (_, got) = get(lab.proxy.webapi, &format!("/WEBAPI.ASPX?{query}")).await;
    let answers = [
        Answer::read(got.as_bytes()),
        post(&lab, &format!("/webAPI.aspx?{query}"), "text/plain", "").await,
        post(&lab, "/Webapi.aspx", "application/x-www-form-urlencoded", query).await,
        post(
            &lab,
            "/Webapi.aspx?type=CALLSTART",
            "application/x-www-form-urlencoded",
            "REQUESTID=18&DeviceID=7001",
        )
        .await,
        post(&lab, "/webAPI.aspx", "text/xml", &format!("\u{FEFF}\r\n{xml}\r\n")).await,
    ];
    for answer in answers {
        assert_eq!(answer.message, "CALLSTART sent to all of the following cores: 1,2", "{}", answer.text);
        assert_eq!(answer.element("REQUESTID"), "18");
    }
    lab.end().await;
}

#[tokio::test]
async fn errors_of_the_api_are_results_and_the_rest_is_http() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    for (path, label) in [
        ("/webapi.aspx", "API_INVALID_MESSAGE_FORMAT"),
        ("/webapi.aspx?type=nope&requestid=1", "API_UNKNOWN_MESSAGE_TYPE"),
        ("/webapi.aspx?type=test&requestid=x", "API_REQUESTID_INVALID"),
        ("/webapi.aspx?type=test&requestid=1&a%3Cb=2", "API_INVALID_MESSAGE_FORMAT"),
        ("/webapi.aspx?type=test&requestid=1&user1=%FF", "API_INVALID_MESSAGE_FORMAT"),
    ] {
        let (status, body) = get(lab.proxy.webapi, path).await;
        assert_eq!((status, Answer::read(body.as_bytes()).label.as_str()), (200, label), "{path}");
    }
    assert_eq!(get(lab.proxy.webapi, "/").await.0, 404);
    let (status, _) =
        http(lab.proxy.webapi, "PUT /webapi.aspx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status, 405);
    let large = post(&lab, "/webapi.aspx?type=test&requestid=9", "text/xml", &"x".repeat(70_000)).await;
    assert_eq!((large.label.as_str(), large.element("REQUESTID")), ("API_INVALID_MESSAGE_FORMAT", "9"));
    assert!(large.message.contains("larger than the limit of 65536 bytes"), "{}", large.message);
    lab.end().await;
}

#[tokio::test]
async fn answers_over_http_are_the_same_as_over_tcp() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Refuse]).await;
    let (_, body) = get(lab.proxy.webapi, "/webapi.aspx?type=callstart&requestid=1&deviceid=7001").await;
    let over_tcp = lab.ask("CALLSTART", "<DEVICEID>7001</DEVICEID>").await;
    assert_eq!(body, format!("{}\r\n", over_tcp.text.trim_end()));
    lab.end().await;
}
