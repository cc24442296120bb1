//! Requests to PocketIC's interface, whose replies are JSON.

use serde_json::Value;
use test_support::http::exchange;

/// A reply whose body is JSON.
pub struct JsonReply {
    pub status: u16,
    pub body: Value,
}

impl JsonReply {
    /// The message of an error.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_else(|| panic!("no message in {}", self.body))
    }
}

/// Sends a request and returns the reply.
pub fn request(port: u16, method: &str, path: &str, body: &[u8]) -> JsonReply {
    request_with(port, method, path, "content-type: application/json\r\n", body)
}

/// Sends a request with these lines in its head and returns the reply.
pub fn request_with(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> JsonReply {
    let reply = exchange(port, method, path, &format!("host: localhost\r\n{lines}"), body);
    let body = serde_json::from_slice(&reply.body);
    let body = body.unwrap_or_else(|_| panic!("the body is not JSON: {}", reply.text()));
    JsonReply { status: reply.status, body }
}

pub fn get(port: u16, path: &str) -> JsonReply {
    request(port, "GET", path, b"")
}

pub fn post(port: u16, path: &str, body: &str) -> JsonReply {
    request(port, "POST", path, body.as_bytes())
}

/// Makes an instance with one application subnet and returns its number.
pub fn instance(port: u16) -> u64 {
    let spec = r#"{"state_config":"New","instruction_config":"Production"}"#;
    let config = format!(
        r#"{{"subnet_config_set":{{"system":[],"application":[{spec}],"verified_application":[]}}}}"#
    );
    let created = post(port, "/instances", &config);
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["Created"]["instance_id"].as_u64().unwrap()
}
