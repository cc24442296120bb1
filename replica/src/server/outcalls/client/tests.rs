//! Requests to a server that hardly speaks HTTP.

use super::*;
use crate::cycles::http::Replication;
use crate::error::RejectCode;
use crate::subnet::Pricing;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Starts a server that reads a little, and then writes this and waits.
fn site(reply: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("0.0.0.0", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 1_000]);
                let _ = stream.write_all(reply);
                let _ = stream.read(&mut [0; 1_000]);
            });
        }
    });
    port
}

fn get(url: String) -> OutcallRequest {
    OutcallRequest {
        url,
        method: HttpMethod::GET,
        headers: vec![],
        body: None,
        max_response_bytes: None,
        transform: None,
        replication: Replication::FullyReplicated,
        pricing: Pricing::Legacy,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_at_its_time_limit_whatever_the_server_has_sent() {
    for reply in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let mut client = OutcallClient::new(OutcallDestinations::ThisMachine);
        client.time_limit = Duration::from_millis(300);
        let (response, elapsed) =
            client.request(&get(format!("http://127.0.0.1:{}/", site(reply)))).await;
        let NodeResponse::Reject(reject) = response else { panic!("{response:?}") };
        assert_eq!(reject.code, RejectCode::SysFatal);
        assert!(reject.message.contains("Timeout expired"), "{}", reject.message);
        assert!(elapsed >= client.time_limit);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn all_destinations_include_addresses_that_are_not_loopback() {
    // On Linux, this address leads to this machine, and is not a loopback address.
    let url =
        format!("http://0.0.0.0:{}/", site(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
    let ask =
        async |destinations| OutcallClient::new(destinations).request(&get(url.clone())).await.0;
    let NodeResponse::Reject(reject) = ask(OutcallDestinations::ThisMachine).await else {
        panic!("it is another machine");
    };
    assert!(reject.message.contains("--allow-outcalls"), "{}", reject.message);
    let NodeResponse::Reply(reply) = ask(OutcallDestinations::All).await else {
        panic!("it may be reached");
    };
    assert_eq!(reply.body, b"hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_that_cannot_be_resolved_is_not_called_another_machine() {
    // A part of a name has at most 63 characters, so no name server is asked.
    let url = format!("http://{}.invalid/", "a".repeat(64));
    for destinations in [OutcallDestinations::ThisMachine, OutcallDestinations::All] {
        let (response, _) = OutcallClient::new(destinations).request(&get(url.clone())).await;
        let NodeResponse::Reject(reject) = response else { panic!("{response:?}") };
        assert_eq!(reject.code, RejectCode::SysTransient, "{}", reject.message);
        assert!(reject.message.starts_with("Connecting to aaaa"), "{}", reject.message);
        assert!(!reject.message.contains("--allow-outcalls"), "{}", reject.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_header_that_no_request_can_have_is_rejected() {
    let client = OutcallClient::new(OutcallDestinations::ThisMachine);
    for (name, value) in [("two words", "a"), ("a", "two\nlines")] {
        let headers = vec![HttpHeader { name: name.into(), value: value.into() }];
        let request = OutcallRequest { headers, ..get("http://127.0.0.1:9/".into()) };
        let (response, _) = client.request(&request).await;
        let NodeResponse::Reject(reject) = response else { panic!("{response:?}") };
        assert!(reject.message.contains("Failed to parse header"), "{}", reject.message);
    }
}

#[test]
fn a_request_is_marked_as_one_of_a_canister_whatever_headers_the_canister_names() {
    let client = OutcallClient::new(OutcallDestinations::ThisMachine);
    let forged = HttpHeader { name: OUTCALL_HEADER.to_uppercase(), value: "0".into() };
    let outcall = OutcallRequest { headers: vec![forged], ..get("http://127.0.0.1/".into()) };
    let request = client.http_request(&outcall).expect("it is valid");
    let marks: Vec<_> = request.headers().get_all(OUTCALL_HEADER).iter().collect();
    assert_eq!(marks, ["1"]);
}
