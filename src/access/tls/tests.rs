//! What the files may hold, and what is said of those that hold something else.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn made(ends: i32) -> Pem {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.not_after = date_time_ymd(ends, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    Pem { certificate: certificate.pem().into(), key: key.serialize_pem().into() }
}

fn files(client_auth: ClientAuth) -> ListenerFiles {
    let client_ca = (client_auth != ClientAuth::None).then(|| "ca.pem".into());
    ListenerFiles { certificate: "cert.pem".into(), key: "key.pem".into(), client_ca, client_auth }
}

#[test]
fn a_chain_ends_with_the_first_of_its_certificates_to_end() {
    let (leaf, signer) = (made(2040), made(2035));
    let chain = [leaf.certificate.clone(), signer.certificate.clone()].concat();
    let tls = files(ClientAuth::Required).make(&[chain, leaf.key, signer.certificate]).unwrap();
    assert_eq!(ListenerFiles::ends(&tls), Some(2_051_222_400), "2035-01-01");
}

#[test]
fn what_is_of_no_use_is_named_and_never_shown() {
    let (one, other) = (made(2040), made(2040));
    let locked =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec();
    let cut = one.certificate[..200].to_vec();
    for (certificate, key, ca, parts) in [
        (&one.certificate, &other.key, &one.certificate, ["tls.key = \"key.pem\"", "keys"]),
        (&one.key, &one.key, &one.certificate, ["tls.certificate = \"cert.pem\"", "holds no certificate"]),
        (&cut, &one.key, &one.certificate, ["tls.certificate", "no sound PEM"]),
        (&one.certificate, &one.certificate, &one.certificate, ["tls.key", "holds no private key"]),
        (&one.certificate, &locked, &one.certificate, ["tls.key", "openssl pkey"]),
        (&one.certificate, &one.key, &one.key, ["tls.client_ca = \"ca.pem\"", "holds no certificate"]),
    ] {
        let contents = [certificate.clone(), key.clone(), ca.clone()];
        let error = files(ClientAuth::Optional).make(&contents).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {error}");
        let secret = String::from_utf8(other.key.clone()).unwrap();
        assert!(!error.contains(secret.lines().nth(1).unwrap()), "{error}");
    }
}

#[test]
fn a_core_may_be_shown_a_certificate_of_ours() {
    let (ca, own) = (made(2040), made(2033));
    let plain =
        CoreTls { ca_file: "ca.pem".into(), server_name: "core.example".try_into().unwrap(), identity: None };
    let config = plain.make(std::slice::from_ref(&ca.certificate)).unwrap();
    assert_eq!(CoreTls::ends(&config), None);
    let mutual = CoreTls { identity: Some(("own.pem".into(), "own.key".into())), ..plain };
    let config = mutual.make(&[own.certificate, own.key, ca.certificate]).unwrap();
    assert_eq!(CoreTls::ends(&config), Some(1_988_150_400), "2033-01-01");
    assert!(config.config.client_auth_cert_resolver.has_certs());
}
