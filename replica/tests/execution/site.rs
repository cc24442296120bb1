//! An HTTP server on this machine, to which tests make HTTP outcalls.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// An HTTP server. Its threads end with the process.
pub struct Site {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Starts a server. `respond` gets the connection and the request: head and body.
    pub fn start(respond: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (respond, seen) = (Arc::new(respond), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, seen) = (respond.clone(), seen.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let request = read_request(&stream);
                    seen.lock().unwrap().push(request.clone());
                    respond(&mut stream, &request);
                });
            }
        });
        Self { port, requests }
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All requests so far, each with its body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until this many requests have arrived.
    pub fn wait_for_requests(&self, count: usize) {
        let started = Instant::now();
        while self.requests().len() < count {
            assert!(started.elapsed() < PATIENCE, "{:?}", self.requests());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A response with this status line, these headers, each with its line end, and this body.
pub fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
    let length = request
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}
