//! A server that is asked to stop while clients are at work.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use strongroom_gateway::Limits;
use strongroom_testkit::Reply;

use super::spoilt;
use crate::world::{BUCKET, CONTENT, KEY, World};

fn get(world: &World) -> Vec<u8> {
    let call = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    spoilt(call.sign(&world.server.signer(world.server.main())).unwrap(), &[], b"")
}

/// The whole answer that is next on a connection which stays open or not.
fn read_one(socket: &mut TcpStream) -> Reply {
    let mut answer = Vec::new();
    let mut byte = [0; 1];
    loop {
        socket.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
        if let Ok(mut replies) = Reply::parse_all(&answer, false) {
            return replies.remove(0);
        }
    }
}

fn assert_ended(mut socket: TcpStream) {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_stop_answers_what_was_sent_and_takes_no_more() {
    let mut world =
        World::with(Limits { stop_idle_max: Duration::from_secs(5), ..Limits::default() });
    let whole = get(&world);
    let put = world.server.call("PUT", &format!("/{BUCKET}/late"));
    let put = put.sign(&world.server.signer(world.server.main())).unwrap();
    let put = spoilt(put, &[b"content-length: 5", b"expect: 100-continue"], b"");
    let mut working = world.server.connect().unwrap();
    working.write_all(&put).unwrap();
    let mut go_on = [0; 25];
    working.read_exact(&mut go_on).unwrap();
    let mut kept = world.server.connect().unwrap();
    kept.write_all(&whole).unwrap();
    let reply = read_one(&mut kept);
    assert_eq!((reply.status, reply.header("connection")), (200, None));
    let mut new = world.server.connect().unwrap();

    world.server.stop();
    // Nobody comes in any more.
    while TcpStream::connect(world.server.address()).is_ok() {}
    // Who had asked, or asks on a connection that there is, is answered; then it ends.
    for socket in [&mut kept, &mut new] {
        socket.write_all(&whole).unwrap();
        let reply = read_one(socket);
        assert_eq!((reply.status, reply.body.as_slice()), (200, CONTENT));
        assert_eq!(reply.header("connection"), Some("close"));
    }
    working.write_all(b"hello").unwrap();
    let reply = read_one(&mut working);
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_ended(kept);
    assert_ended(new);
    assert_ended(working);
    world.server.wait_stopped().unwrap();
}

#[test]
fn a_stop_waits_for_nobody_for_ever() {
    let mut world = World::with(Limits {
        stop_idle_max: Duration::from_millis(100),
        drain_max: Duration::from_millis(500),
        ..Limits::default()
    });
    let silent = world.server.connect().unwrap();
    let mut kept = world.server.connect().unwrap();
    kept.write_all(&get(&world)).unwrap();
    assert_eq!(read_one(&mut kept).status, 200);
    let put = world.server.call("PUT", &format!("/{BUCKET}/never"));
    let put = put.sign(&world.server.signer(world.server.main())).unwrap();
    let mut stalled = world.server.connect().unwrap();
    stalled.write_all(&spoilt(put, &[b"content-length: 5"], b"hell")).unwrap();
    let before = world.server.contents().unwrap();
    world.server.stop();
    assert_ended(silent);
    assert_ended(kept);
    world.server.wait_stopped().unwrap();
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    assert!(world.server.contents().unwrap() == before);
}
