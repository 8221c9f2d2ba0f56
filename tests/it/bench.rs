//! The load generator as a process against a proxy.

use corecast::cti::Fault;
use serde_json::Value;

use super::lab::Lab;
use super::process::Process;

/// Runs `corecast bench` with JSON: its status, what it measured, and the ratios.
async fn bench(args: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let common =
        ["--json", "--duration", "300ms", "--warm-up", "100ms", "--rate", "200", "--connections", "4"];
    let ended = Process::corecast(&[&["bench"], args, &common].concat()).end().await;
    let json: Value = serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    let results = json["results"].as_array().expect("a list").clone();
    assert!(ended.err.is_empty(), "a progress line is for terminals: {ended:?}");
    (ended.code, results, json["ratios"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_a_load_is_answered_and_counted() {
    let lab = Lab::with_faults(&[Fault::None; 2]).await;
    let (api, webapi) = (lab.proxy.api.to_string(), lab.proxy.webapi.to_string());
    for args in [
        &[api.as_str(), "--pipeline", "8"][..],
        &[webapi.as_str(), "--http", "--param", "USER1=a & b", "--threads", "2"],
    ] {
        let args = [args, &["--expect-ok", "--mix", "CALLSTART=3,TEST"]].concat();
        let (status, results, _) = bench(&args).await;
        let [result] = &results[..] else { panic!("{results:?}") };
        assert_eq!((status, result["answers"].as_u64()), (Some(0), Some(60)), "{result}");
        assert_eq!(result["results"]["API_OK"], 60, "{result}");
        assert!(result["latency_us"]["p50"].as_f64().expect("a number") > 0.0, "{result}");
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ok_is_told_by_its_name() {
    let lab = Lab::with_faults(&[Fault::None, Fault::Refuse]).await;
    let api = lab.proxy.api.to_string();
    for (expect_ok, expected) in [(&[][..], Some(0)), (&["--expect-ok"], Some(1))] {
        let (status, results, _) = bench(&[&[api.as_str(), "--mix", "CALLSTART"], expect_ok].concat()).await;
        assert_eq!(status, expected, "{results:?}");
        assert_eq!(results[0]["results"]["API_PARTIAL_CORE_RESPONSE"], 60, "{results:?}");
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_an_answer_are_counted_however_they_went_missing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    let (status, results, _) = bench(&[&address, "--timeout", "200ms", "--pipeline", "64"]).await;
    let count = |name: &str| results[0][name].as_u64().expect("a number");
    assert_eq!((status, count("answers")), (Some(1), 0), "{results:?}");
    assert_eq!(count("timed_out") + count("unsent") + count("lost"), 60, "each once: {results:?}");
    assert!(count("timed_out") > 0, "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_addresses_are_compared() {
    let lab = Lab::with_faults(&[Fault::None]).await;
    let api = lab.proxy.api.to_string();
    let process = std::process::id().to_string();
    let args = [&api, "--against", &api, "--rounds", "2", "--cpu-of", &process, "--mix", "TEST"];
    let (status, results, ratios) = bench(&args).await;
    assert_eq!(
        (status, results.len(), &results[1]["answers"]),
        (Some(0), 2, &Value::from(120)),
        "{results:?}"
    );
    assert_eq!(ratios["answers"], 1.0, "{ratios}");
    assert!(results[0]["cpu_us"].is_number() && results[1]["cpu_us"].is_null(), "{results:?}");
}
