//! Connections with and without threads of their own.

use super::*;
use crate::server::threads::run_long;

/// The thread that serves a request.
fn thread() -> String {
    format!("{:?}", std::thread::current().id())
}

/// Sends a request, and reads the response, which comes in one piece.
async fn ask(connection: &mut TcpStream) -> String {
    connection.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("it reads");
    let mut response = vec![0; 1 << 10];
    let bytes = connection.read(&mut response).await.expect("it responds");
    let response = String::from_utf8_lossy(&response[..bytes]).into_owned();
    response.split("\r\n\r\n").nth(1).expect("there is a body").to_owned()
}

#[tokio::test]
async fn a_connection_has_a_thread_of_its_own_on_which_long_operations_run_and_others_are_served_too()
 {
    let handler = async || {
        tokio::task::yield_now().await;
        run_long(thread)
    };
    // On this runtime, an operation that may take long would panic.
    let router = Router::new().fallback(handler);
    let (server, address) = start_with(router, Patience::default(), with_threads(FEW_THREADS));
    let mut connections = Vec::new();
    for _ in 0..FEW_THREADS {
        connections.push(connect(address, "").await);
    }
    let mut threads = std::collections::BTreeSet::new();
    for connection in &mut connections {
        let first = ask(connection).await;
        assert_eq!(ask(connection).await, first, "a connection stays on its thread");
        threads.insert(first);
    }
    assert_eq!(threads.len(), FEW_THREADS as usize);
    assert!(!threads.contains(&thread()));
    server.abort();
}

#[tokio::test]
async fn a_connection_at_rest_gets_another_thread_and_is_served_on() {
    let rest = Duration::from_millis(1);
    let threads = ConnectionThreads::new(1, SERVER_THREAD_STACK_BYTES).with_rest(rest);
    let shared = Shared { threads, ..Shared::default() };
    let router = Router::new().fallback(async || thread());
    let (server, address) = start_with(router, Patience::default(), shared);
    let mut connection = connect(address, "").await;
    let mut threads = std::collections::BTreeSet::new();
    while threads.len() < 3 {
        threads.insert(ask(&mut connection).await);
        tokio::time::sleep(5 * rest).await;
    }
    assert!(!threads.contains(&thread()));
    // The connection still has the only thread of its own, and gives it back.
    assert_eq!(ask(&mut connect(address, "").await).await, thread());
    drop(connection);
    while ask(&mut connect(address, "").await).await == thread() {}
    server.abort();
}

#[tokio::test]
async fn connections_without_a_thread_of_their_own_are_served() {
    let router = Router::new().fallback(async || thread());
    let (server, address) = start_with(router, Patience::default(), with_threads(FEW_THREADS));
    let mut connections = Vec::new();
    for number in 0..FEW_THREADS + 3 {
        let mut connection = connect(address, "").await;
        let served_here = ask(&mut connection).await == thread();
        assert_eq!(served_here, number >= FEW_THREADS, "connection {number}");
        connections.push(connection);
    }
    // Its thread is free again, some time after.
    connections.pop();
    drop(connections.swap_remove(0));
    let is_served_here = async || ask(&mut connect(address, "").await).await == thread();
    while is_served_here().await {}
    server.abort();
}

#[tokio::test]
async fn a_task_of_a_handler_goes_on_when_its_connection_is_closed() {
    let (go, gone) = tokio::sync::watch::channel(false);
    let (done, mut dones) = tokio::sync::mpsc::unbounded_channel();
    let handler = async move || {
        let (mut gone, done) = (gone.clone(), done.clone());
        tokio::spawn(async move {
            let closed = gone.wait_for(|gone| *gone).await.is_ok();
            let _ = done.send(closed);
        });
        "begun"
    };
    let (server, address) = start(Router::new().fallback(handler), Patience::default());
    let response = send(address, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(response.ends_with("begun"), "{response}");
    go.send_replace(true);
    assert_eq!(dones.recv().await, Some(true));
    server.abort();
}

#[tokio::test]
async fn a_server_that_is_dropped_closes_connections_that_have_threads_of_their_own() {
    let (server, address) = start(Router::new().fallback(async || "served"), Patience::default());
    let mut connection = connect(address, "").await;
    assert_eq!(ask(&mut connection).await, "served");
    server.abort();
    assert_eq!(rest(connection).await, b"");
}

#[tokio::test]
async fn a_connection_for_which_the_system_has_no_thread_is_served() {
    // More memory for its stack than any machine has.
    let threads = ConnectionThreads::new(1, 1 << 60);
    let shared = Shared { threads, ..Shared::default() };
    let router = Router::new().fallback(async || thread());
    let (server, address) = start_with(router, Patience::default(), shared);
    assert_eq!(ask(&mut connect(address, "").await).await, thread());
    server.abort();
}
