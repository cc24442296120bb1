//! HTTP outcalls over TLS, to a server whose certificate only the test knows.

use crate::binary::ServerProcess;
use candid::Principal;
use ic_management_canister_types::{HttpRequestArgs, HttpRequestResult};
use pocket_ic::{PocketIc, PocketIcBuilder};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use test_support::patience::in_one_of_ten;
use test_support::script::{call, rejected, script};
use test_support::{decode, encode};

/// A certificate for `localhost`, or its key.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/certificate").join(name)
}

/// Starts an HTTPS server, which responds to every request with `secure`. Returns its port.
fn secure_site() -> u16 {
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(session, connection.unwrap());
            let mut request = Vec::new();
            let mut byte = [0];
            // A client that does not trust the certificate ends the handshake.
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

/// The reply of a canister that makes an outcall on an instance that progresses by itself.
fn outcall(pic: &PocketIc, canister: Principal, url: String) -> Vec<u8> {
    let arguments = HttpRequestArgs { url, ..HttpRequestArgs::default() };
    let request = call(Principal::management_canister())
        .method("http_request")
        .argument(encode(arguments))
        .cycles(1_000_000_000_000);
    let script = script().call(request).bytes();
    let message = pic.submit_call(canister, Principal::anonymous(), "run", script).unwrap();
    pic.await_call_no_ticks(message).unwrap()
}

/// An instance that progresses by itself, with a canister that runs scripts.
fn progressing(server: &ServerProcess) -> (PocketIc, Principal) {
    let pic = PocketIcBuilder::new()
        .with_server_url(format!("http://127.0.0.1:{}/", server.port()).parse().unwrap())
        .with_application_subnet()
        .build();
    let canister = test_support::scripted::install(&pic);
    pic.auto_progress();
    (pic, canister)
}

#[test]
fn an_outcall_over_tls_trusts_the_certificates_that_the_machine_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/", secure_site());
    let trusted = file("cert.pem");
    let environment = [("SSL_CERT_FILE", trusted.as_os_str())];
    let server = ServerProcess::start_with(&folder.path().join("port"), &[], &environment);
    let (pic, canister) = progressing(&server);
    // A node gives a connection two seconds, which is little on a busy machine.
    let result: HttpRequestResult = in_one_of_ten(|| {
        let reply = outcall(&pic, canister, url.clone());
        if reply.starts_with(b"DIDL") { Ok(decode(&reply)) } else { Err(rejected(&reply).1) }
    });
    assert_eq!((result.status, result.body), (200u16.into(), b"secure".to_vec()));

    let stranger = ServerProcess::start(&folder.path().join("another port"), &[]);
    let (pic, canister) = progressing(&stranger);
    in_one_of_ten(|| {
        let (code, text) = rejected(&outcall(&pic, canister, url.clone()));
        assert_eq!(code, 2, "{text}");
        if text.contains("certificate") { Ok(()) } else { Err(text) }
    });
}
