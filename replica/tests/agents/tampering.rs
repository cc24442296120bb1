//! A proxy between an agent and the network that flips bits.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Which responses are changed, by the end of their routes, and at which byte.
type Plan = Arc<Mutex<Option<(&'static str, usize)>>>;

/// A server that passes everything on to another one.
pub struct Tampering {
    port: u16,
    path: String,
    plan: Plan,
}

impl Tampering {
    /// Passes requests on to `url`, which ends with a slash.
    pub fn new(url: String) -> Self {
        let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, plan) = (listener.local_addr().unwrap().port(), Plan::default());
        let (host, shared) = (host.to_owned(), plan.clone());
        // It ends with the process.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (host, plan) = (host.clone(), shared.clone());
                std::thread::spawn(move || pass_on(connection, &host, &plan));
            }
        });
        Self { port, path: path.to_owned(), plan }
    }

    /// Where agents find it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.port, self.path)
    }

    /// Flips a bit of this byte in responses to requests whose route ends with `route`. Shorter
    /// responses stay as they are.
    pub fn flip(&self, route: &'static str, place: Option<usize>) {
        *self.plan.lock().unwrap() = place.map(|place| (route, place));
    }
}

/// Passes one request on, and the response back.
fn pass_on(mut agent: TcpStream, host: &str, plan: &Plan) {
    let Some((head, body)) = read_request(&mut agent) else { return };
    let mut server = TcpStream::connect(host).unwrap();
    let route = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).and_then(|()| server.write_all(&body)).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let begin = 4 + answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    if let Some((end, place)) = *plan.lock().unwrap()
        && route.ends_with(end)
        && let Some(byte) = answer.get_mut(begin + place)
    {
        *byte ^= 4;
    }
    // The agent may have gone away.
    let _ = agent.write_all(&answer);
}

/// The head of a request, with the empty line at its end, and the body.
fn read_request(agent: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end + 4].to_vec()).ok()?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
            });
            let mut body = bytes.split_off(end + 4);
            let missing = usize::saturating_sub(length.unwrap_or(0), body.len());
            let mut rest = vec![0; missing];
            agent.read_exact(&mut rest).ok()?;
            body.extend(rest);
            return Some((head, body));
        }
        match agent.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend(&buffer[..count]),
        }
    }
}
