use tokio::net::UdpSocket;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(400);

async fn server() -> (UdpSocket, Ng) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let ng = Ng::new(socket.local_addr().unwrap(), TIMEOUT);
    (socket, ng)
}

/// The next request: whom it came from, its cookie and its text.
async fn request(server: &UdpSocket) -> (SocketAddr, String, Value) {
    let mut buffer = [0; 1000];
    let (length, from) = server.recv_from(&mut buffer).await.unwrap();
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    let (cookie, rest) = text.split_once(' ').unwrap();
    (from, cookie.to_owned(), serde_json::from_str(rest).unwrap())
}

async fn answer(server: &UdpSocket, reply: &str) -> Value {
    let (from, cookie, request) = request(server).await;
    server.send_to(format!("{cookie} {reply}").as_bytes(), from).await.unwrap();
    request
}

#[tokio::test]
async fn a_command_is_json_behind_a_cookie() {
    let (server, ng) = server().await;
    let call = "a \"call\" \\ 1@é".into();
    let (done, request) = tokio::join!(ng.start_recording(&call), answer(&server, r#"{"result":"ok"}"#));
    assert_eq!(done, Ok(()));
    assert_eq!(request, json!({"command": "start recording", "call-id": "a \"call\" \\ 1@é"}));
}

#[tokio::test]
async fn the_counters_are_the_calls_totals() {
    let (server, ng) = server().await;
    let call = "it".into();
    let reply =
        r#"{"totals":{"RTP":{"packets":40,"bytes":6880,"errors":0},"RTCP":{"packets":1}},"result":"ok"}"#;
    let (counters, _) = tokio::join!(ng.counters(&call), answer(&server, reply));
    let counters = counters.unwrap();
    assert_eq!(counters, Counters { packets: 40, bytes: 6880 });
    // 40 packets of 216 bytes each are what rtpengine writes for them.
    assert_eq!(counters.captured_since(Counters::default()), 40 * 216);
    assert_eq!(Counters::default().captured_since(counters), 0, "a stream is gone");
}

#[tokio::test]
async fn a_request_that_is_lost_is_repeated_under_its_cookie() {
    let (server, ng) = server().await;
    let call = "it".into();
    let lossy = async {
        let (_, first, _) = request(&server).await;
        let (from, second, _) = request(&server).await;
        assert_eq!(first, second);
        // An answer to somebody else, and to one whose cookie begins like ours.
        server.send_to(br#"0 {"result":"error"}"#, from).await.unwrap();
        server.send_to(format!("{second}1 {{\"result\":\"error\"}}").as_bytes(), from).await.unwrap();
        server.send_to(format!("{second} {{\"result\":\"ok\"}}").as_bytes(), from).await.unwrap();
    };
    let (done, ()) = tokio::join!(ng.stop_recording(&call), lossy);
    assert_eq!(done, Ok(()));
}

#[tokio::test]
async fn each_refusal_says_what_it_is() {
    let (server, ng) = server().await;
    let call: Arc<str> = "it".into();
    let cases = [
        (r#"{"result":"error","error-reason":"Unknown call-id"}"#, "does not know the call \"it\""),
        (r#"{"result":"error","error-reason":"Overload"}"#, "refuses \"query\": Overload"),
        (r#"{"result":"error"}"#, "no reason given"),
        (r#"{"result":"ok"}"#, "cannot be understood"),
        (r#"{"result":"load limit"}"#, "cannot be understood"),
        ("d6:result2:oke", "cannot be understood"),
        ("", "cannot be understood"),
    ];
    for (reply, says) in cases {
        let (refused, _) = tokio::join!(ng.counters(&call), answer(&server, reply));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(says), "{reply}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_answer_is_given_up_in_time() {
    let (server, ng) = server().await;
    let begun = Instant::now();
    let silent = ng.counters(&"it".into()).await.unwrap_err();
    assert_eq!(silent, NgError::Silent(server.local_addr().unwrap(), TIMEOUT));
    assert!(silent.to_string().contains("does not answer within 0.4 s"), "{silent}");
    assert_eq!(begun.elapsed(), TIMEOUT);
}

#[tokio::test]
async fn a_closed_port_is_noticed_at_once() {
    let (server, ng) = server().await;
    drop(server);
    let refused = ng.counters(&"it".into()).await.unwrap_err();
    assert!(matches!(refused, NgError::Unreachable(..)), "{refused}");
}
