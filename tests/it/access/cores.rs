//! TLS towards cores. The simulated core speaks plain text, so what speaks TLS stands in front of it.

use std::sync::Arc;

use corecast::app::Proxy;
use corecast::client::Client;
use corecast::config::Settings;
use corecast::cti::{CtiCore, CtiSettings};
use corecast::model::CoreId;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificates::{provider, roots};
use super::*;

/// TLS with this certificate in front of a core; clients must show one of `clients`, if that is given.
async fn in_front_of(core: SocketAddr, own: &Certificate, clients: Option<&Ca>) -> SocketAddr {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("protocols");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let trusted = Arc::new(roots(&ca.pem()));
            let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider());
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let config = builder.with_single_cert(own.chain(), own.key()).expect("a good pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut secured = acceptor.accept(stream).await?;
                let mut plain = TcpStream::connect(core).await?;
                copy_bidirectional(&mut secured, &mut plain).await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_are_reached_over_tls_and_what_is_wrong_with_one_is_said() {
    let (scratch, ca, other) = (Scratch::new(), Ca::new("cores"), Ca::new("others"));
    let core = CtiCore::start(CtiSettings { id: CoreId(1), ..CtiSettings::default() }).await.expect("a core");
    let (right, own) = (ca.issue("core.example"), other.issue("proxy.example"));
    let ca_file = scratch.file("ca.pem", &ca.pem());
    let own_files = [scratch.file("own.pem", &own.chain), scratch.file("own.key", &own.key)];
    let mutual = format!("certificate = \"{}\"\nkey = \"{}\"\n", own_files[0], own_files[1]);
    let foreign = other.issue("core.example");
    let name = "server_name = \"core.example\"\n";
    let cores = [
        (in_front_of(core.address(), &right, None).await, name.to_owned()),
        (in_front_of(core.address(), &right, Some(&other)).await, format!("{name}{mutual}")),
        (in_front_of(core.address(), &right, None).await, String::new()),
        (in_front_of(core.address(), &foreign, None).await, name.to_owned()),
        (core.address(), name.to_owned()),
    ];
    let section = |(id, (address, more)): (usize, &(SocketAddr, String))| {
        format!(
            "[[core]]\nid = {id}\naddress = \"{address}\"\ntls = true\nca_file = \"{ca_file}\"\n{more}\
                 [[route.rule]]\ndevices = \"{id}001\"\ncores = [{id}]\n"
        )
    };
    let cores: String = (1..).zip(&cores).map(section).collect();
    let text = format!(
        "[listen]\napi = \"127.0.0.1:0\"\nwebapi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n{ONE_THREAD}[limits]\ndeadline = \"8s\"\nleg_timeout = \"7s\"\n\
         connect_timeout = \"5s\"\n{cores}"
    );
    let settings = Settings::parse(&text, "the test", std::iter::empty()).unwrap_or_else(|f| panic!("{f}"));
    let proxy = Proxy::start(settings).expect("the proxy starts");
    let last_errors = async || {
        let (_, body) = get(proxy.admin, "/api/v1/cores").await;
        let cores: Value = serde_json::from_str(&body).expect("JSON");
        (0..5).map(|at| cores[at]["last_error"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let expected = [
        "",
        "",
        "set server_name to a name of the core's certificate",
        "ca_file does not hold who signed the core's certificate",
        "the core seems to speak no TLS at this address",
    ];
    for (at, part) in expected.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        until(part, async || last_errors().await[at].contains(part)).await;
        let error = &last_errors().await[at];
        assert!(error.starts_with("could not connect: the TLS handshake failed: "), "{error}");
    }
    let mut client = Client::connect(proxy.api).await.expect("the API socket is open");
    for id in 1..=5 {
        let device = format!("<DEVICEID>{id}001</DEVICEID>");
        let label = ask(&mut client, "CALLSTART", &device).await.label;
        let expected = if id < 3 { "API_OK" } else { "API_ERROR_RECORDER_NOT_RUNNING" };
        assert_eq!(label, expected, "core {id}: {:?}", last_errors().await);
    }
    // A core that was down is asked over TLS too whether it is back.
    assert_eq!(last_errors().await[..2], ["", ""]);
    drop(client);
    within("the drain", proxy.drain()).await;
    core.stop().await;
}
