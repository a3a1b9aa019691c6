//! Attacks over raw sockets: what a client library would never send.
//!
//! Every request is rightly signed by the root of the account wherever it can be, so that nothing
//! but the attack can be the reason of a refusal.

mod chunks;
mod crowds;
mod documents;
mod forms;
mod framing;
mod heads;
mod oddities;
mod paths;
mod presigned_v2;
mod queries;
mod responses;
mod slowness;
mod stops;

use strongroom_testkit::{Call, Reply};

use crate::world::World;

/// A request for liveness, after which the server closes the connection: whoever gets an answer to
/// it has smuggled it, or was understood as meant.
pub(crate) const SENTINEL: &[u8] =
    b"GET /-/live HTTP/1.1\r\nhost: sentinel\r\nconnection: close\r\n\r\n";

/// A signed request with these lines after its own, and then these bytes.
pub(crate) fn spoilt(call: Call, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{} {}", call.method, call.path).into_bytes();
    if !call.query.is_empty() {
        bytes.extend_from_slice(format!("?{}", call.query).as_bytes());
    }
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in &call.headers {
        bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    for line in lines {
        bytes.extend_from_slice(&[line, b"\r\n".as_slice()].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes are refused: one answer, a refusal in AWS's words, then the connection is closed, so
/// that what follows is never read as a request; and nothing has changed.
pub(crate) fn assert_refused(world: &World, name: &str, bytes: &[u8]) -> Option<Reply> {
    let before = world.server.contents().unwrap();
    let replies = world.server.converse(bytes);
    let mut replies = replies.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert!(replies.len() <= 1, "{name}: something was smuggled: {replies:?}");
    let reply = replies.pop().unwrap_or_else(|| panic!("{name}: no answer"));
    let by_name = reply.outcome() == "501 NotImplemented";
    assert!((400..500).contains(&reply.status) || by_name, "{name}: {reply:?}");
    assert_is_of_aws(name, &reply);
    assert!(world.server.contents().unwrap() == before, "{name} changed the store");
    assert_alive(world);
    Some(reply)
}

/// The answer is an error document that names its request.
pub(crate) fn assert_is_of_aws(name: &str, reply: &Reply) {
    let request_id = reply.header("x-amz-request-id").unwrap_or_default();
    assert_eq!(request_id.len(), 16, "{name}: {reply:?}");
    assert_eq!(reply.element("RequestId"), Some(request_id), "{name}: {reply:?}");
    assert!(reply.header("x-amz-id-2").is_some(), "{name}: {reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{name}: {reply:?}");
    assert!(reply.element("Code").is_some_and(|code| !code.is_empty()), "{name}: {reply:?}");
    assert!(reply.header("date").is_some(), "{name}: {reply:?}");
}

/// The server still does its work.
pub(crate) fn assert_alive(world: &World) {
    let live = world.server.converse(SENTINEL).unwrap();
    assert_eq!((live.len(), live[0].status), (1, 200));
}
