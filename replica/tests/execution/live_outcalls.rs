//! HTTP outcalls of instances that auto-progress: the server makes the requests.

use crate::outcalls::*;
use crate::site::{Site, response};
use ic_management_canister_types::*;
use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;
use test_support::patience::in_one_of_ten;
use test_support::script::{Call, script};
use test_support::{CallResult, ScriptedNetwork, Server, on_every_server};

/// A request of this URL.
fn get_from(url: &str) -> HttpRequestArgs {
    HttpRequestArgs { url: url.into(), ..get() }
}

/// The result of an outcall on a network that progresses by itself.
fn live(network: &ScriptedNetwork, call: Call) -> CallResult {
    let message = network.submit(network.a, script().call(call));
    network.pic.await_call_no_ticks(message)
}

/// The reject of an outcall.
fn live_failure(network: &ScriptedNetwork, arguments: HttpRequestArgs) -> (u64, String) {
    failure(live(network, outcall(arguments)))
}

/// A network that progresses by itself.
fn progressing(server: Server) -> ScriptedNetwork {
    let network = server.one_subnet();
    network.pic.auto_progress();
    network
}

#[test]
fn a_live_outcall_is_one_request_and_the_canister_gets_the_response() {
    on_every_server(|server| {
        let network = progressing(server);
        let site = Site::start(|stream, _| {
            write!(stream, "{}", response("404 Not Found", "x-one: 1\r\n", "nothing here"))
                .unwrap();
        });
        let header =
            |name: &str, value: &str| HttpHeader { name: name.into(), value: value.into() };
        let arguments = HttpRequestArgs {
            method: HttpMethod::POST,
            headers: vec![header("X-Two", "a"), header("x-two", "b")],
            body: Some(b"question".to_vec()),
            ..get_from(&site.url("/path?query=1"))
        };
        let reply = live(&network, outcall(arguments)).unwrap();
        let result = crate::ic00::decode::<(HttpRequestResult,)>(&reply).0;
        assert_eq!(result.status, 404u16);
        assert_eq!(result.body, b"nothing here");
        assert!(result.headers.contains(&header("x-one", "1")), "{:?}", result.headers);
        let requests = site.requests();
        assert_eq!(requests.len(), 1, "thirteen nodes make one request: {requests:?}");
        assert!(requests[0].starts_with("POST /path?query=1 HTTP/1.1\r\n"), "{}", requests[0]);
        for part in ["x-two: a\r\n", "x-two: b\r\n", "user-agent: ic/1.0\r\n", "\r\n\r\nquestion"] {
            assert!(requests[0].contains(part), "{part} is missing in {}", requests[0]);
        }
    });
}

#[test]
fn an_outcall_that_was_waiting_is_made_when_the_instance_begins_to_progress() {
    on_every_server(|server| {
        // The instance has the real time, or the outcall would time out when the instance gets it.
        let network = progressing(server);
        network.pic.stop_progress();
        let site = Site::start(|stream, _| {
            write!(stream, "{}", response("200 OK", "", "answer")).unwrap();
        });
        let (message, _) = begin(&network, outcall(get_from(&site.url("/"))));
        assert!(site.requests().is_empty());
        network.pic.auto_progress();
        assert_eq!(body(&network.pic.await_call_no_ticks(message)), b"answer");
    });
}

#[test]
fn the_canister_transforms_what_the_server_got() {
    on_every_server(|server| {
        let network = with_code(server, &transform_to("same", b"the same"));
        network.pic.auto_progress();
        let site = Site::start(|stream, _| {
            write!(stream, "{}", response("200 OK", "", "answer")).unwrap();
        });
        let arguments =
            HttpRequestArgs { transform: transform(&network, "same"), ..get_from(&site.url("/")) };
        assert_eq!(body(&live(&network, outcall(arguments))), b"the same");
    });
}

#[test]
fn a_redirection_is_a_response_and_is_not_followed() {
    on_every_server(|server| {
        let network = progressing(server);
        let site = Site::start(|stream, _| {
            write!(stream, "{}", response("302 Found", "location: /elsewhere\r\n", "")).unwrap();
        });
        let reply = live(&network, outcall(get_from(&site.url("/")))).unwrap();
        let result = crate::ic00::decode::<(HttpRequestResult,)>(&reply).0;
        assert_eq!(result.status, 302u16);
        assert_eq!(site.requests().len(), 1);
    });
}

#[test]
fn a_response_above_the_maximum_is_rejected_before_all_of_it_is_read() {
    on_every_server(|server| {
        let network = progressing(server);
        let site = Site::start(|stream, _| {
            let head = "HTTP/1.1 200 OK\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes());
            // A body without an end.
            while written.is_ok() {
                written = stream.write_all(&[b'x'; 10_000]);
            }
        });
        let arguments =
            HttpRequestArgs { max_response_bytes: Some(10), ..get_from(&site.url("/")) };
        let (code, text) = live_failure(&network, arguments);
        assert_eq!((code, text.as_str()), (1, "Http body exceeds size limit of 10 bytes."));
        let (code, text) = live_failure(&network, get_from(&site.url("/")));
        assert_eq!((code, text.as_str()), (1, "Http body exceeds size limit of 2000000 bytes."));
    });
}

#[test]
fn a_connection_that_ends_too_early_or_is_refused_rejects_the_outcall() {
    let network = progressing(Server::Embedded);
    let silent = Site::start(|_, _| {});
    let (code, text) = live_failure(&network, get_from(&silent.url("/")));
    assert_eq!(code, 2);
    assert!(text.contains("The request to 127.0.0.1 failed"), "{text}");
    let half = Site::start(|stream, _| {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    });
    let (code, text) = live_failure(&network, get_from(&half.url("/")));
    assert_eq!(code, 1);
    assert!(text.contains("The response ended before its body"), "{text}");
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (code, text) = live_failure(&network, get_from(&format!("http://127.0.0.1:{port}/")));
    assert_eq!(code, 2);
    assert!(text.contains("Connecting to 127.0.0.1 failed"), "{text}");
}

#[test]
fn an_instance_is_used_while_a_server_lets_its_outcalls_wait() {
    on_every_server(|server| {
        let network = progressing(server);
        let (release, released) = channel::<()>();
        let released = std::sync::Mutex::new(released);
        let site = Site::start(move |stream, _| {
            released.lock().unwrap().recv().unwrap();
            write!(stream, "{}", response("200 OK", "", "at last")).unwrap();
        });
        let waiting = network.submit(network.a, script().call(outcall(get_from(&site.url("/")))));
        site.wait_for_requests(1);
        let other = network.submit(network.b, script().reply("pong"));
        assert_eq!(network.pic.await_call_no_ticks(other).unwrap(), b"pong");
        assert_eq!(network.response(&waiting), None);
        release.send(()).unwrap();
        assert_eq!(body(&network.pic.await_call_no_ticks(waiting)), b"at last");
    });
}

#[test]
fn an_outcall_that_pays_as_it_goes_pays_for_the_time_of_its_request() {
    let network = progressing(Server::Embedded);
    let pause = Duration::from_millis(400);
    let site = Site::start(move |stream, request| {
        if request.starts_with("GET /slow") {
            std::thread::sleep(pause);
        }
        write!(stream, "{}", response("200 OK", "", "answer")).unwrap();
    });
    let cost = |path: &str| {
        let arguments = HttpRequestArgs { pricing_version: Some(2), ..get_from(&site.url(path)) };
        network.spent(network.a, || live(&network, outcall(arguments)).unwrap()).0
    };
    let least = (pause.as_millis() - 100) * 300 * NODES;
    // On a busy machine, a quick request may take long.
    in_one_of_ten(|| {
        let [quick, slow] = ["/fast", "/slow"].map(cost);
        let little = || format!("{slow} is not more than {quick} and {least}");
        if slow > quick + least { Ok(()) } else { Err(little()) }
    });
}

#[test]
fn outcalls_to_other_machines_and_to_what_is_no_url_are_rejected_with_a_reason() {
    let network = progressing(Server::Embedded);
    for url in ["http://192.0.2.1/", "https://192.0.2.1/"] {
        let (code, text) = live_failure(&network, get_from(url));
        assert_eq!(code, 1);
        for way in ["--allow-outcalls", "EMBEDDED_REPLICA_ALLOW_OUTCALLS=1"] {
            assert!(text.contains(way), "{text}");
        }
    }
    // A part of a name has at most 63 characters, so no name server is asked.
    let nowhere = format!("{}.invalid", "a".repeat(64));
    let (code, text) = live_failure(&network, get_from(&format!("https://{nowhere}/")));
    assert_eq!(code, 2, "it may work later: {text}");
    assert!(text.contains(&nowhere) && !text.contains("--allow-outcalls"), "{text}");
    for url in ["ftp://localhost/", "http://local host/", "nothing", "/path"] {
        let (code, text) = live_failure(&network, get_from(url));
        assert_eq!(code, 1);
        assert!(text.contains("Failed to parse URL"), "{text}");
    }
}
