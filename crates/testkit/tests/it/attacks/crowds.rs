//! More clients than there is room for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use strongroom_gateway::Limits;
use strongroom_testkit::{Call, Reply};

use super::{SENTINEL, assert_is_of_aws, spoilt};
use crate::world::{BUCKET, CONTENT, KEY, World};

fn signed(world: &World, call: Call) -> Call {
    call.sign(&world.server.signer(world.server.main())).unwrap()
}

fn get(world: &World) -> Call {
    signed(world, world.server.call("GET", &format!("/{BUCKET}/{KEY}")))
}

/// An upload of which all but the last byte has been sent, and the server has said to go on.
fn pending(world: &World, key: &str, body_bytes: usize) -> TcpStream {
    let put = signed(world, world.server.call("PUT", &format!("/{BUCKET}/{key}")));
    let length = format!("content-length: {body_bytes}");
    let lines: &[&[u8]] = &[length.as_bytes(), b"expect: 100-continue", b"connection: close"];
    let mut socket = world.server.connect().unwrap();
    socket.write_all(&spoilt(put, lines, b"")).unwrap();
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(&vec![b'x'; body_bytes - 1]).unwrap();
    socket
}

fn finish(mut socket: TcpStream) -> Reply {
    socket.write_all(b"x").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    Reply::parse_all(&answer, false).unwrap().remove(0)
}

fn assert_slow_down(reply: &Reply) {
    assert_eq!(reply.outcome(), "503 SlowDown");
    assert_eq!(reply.header("connection"), Some("close"));
    assert_is_of_aws("overload", reply);
}

#[test]
fn who_finds_no_place_is_told_to_slow_down() {
    let world = World::with(Limits {
        connections_max: 3,
        connections_per_address_max: 3,
        ..Limits::default()
    });
    let mut busy: Vec<_> = (0..3).map(|n| pending(&world, &format!("k{n}"), 5)).collect();
    // Whatever it is that is asked for, and however large the question.
    let large = world.server.call("PUT", &format!("/{BUCKET}/large")).body(vec![b'x'; 500_000]);
    for call in [get(&world), signed(&world, large)] {
        assert_slow_down(&world.server.send(&call).unwrap());
    }
    // Health is still told, and several requests of one connection get one answer.
    let live = world.server.converse(SENTINEL).unwrap();
    assert_eq!((live.len(), live[0].status), (1, 200));
    let twice = spoilt(get(&world), &[], b"").repeat(2);
    let replies = world.server.converse(&twice).unwrap();
    assert_eq!(replies.len(), 1);
    assert_slow_down(&replies[0]);
    assert_eq!(world.server.take_refusals().get("SlowDown"), Some(&3));
    // Those who have a place are unharmed, and the next one is free when they are done.
    assert_eq!(finish(busy.pop().unwrap()).status, 200);
    assert_eq!(world.server.send(&get(&world)).unwrap().body, CONTENT);
    for socket in busy {
        assert_eq!(finish(socket).status, 200);
    }
}

#[test]
fn silent_connections_give_their_places_to_clients() {
    let world = World::with(Limits {
        connections_max: 8,
        connections_per_address_max: 8,
        ..Limits::default()
    });
    let busy = pending(&world, "busy", 5);
    let silent: Vec<_> = (0..100)
        .map(|n| {
            let mut socket = world.server.connect().unwrap();
            // Some have begun to speak.
            let begun: &[u8] = if n % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nhost:" };
            socket.write_all(begun).unwrap();
            socket
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(world.server.send(&get(&world)).unwrap().body, CONTENT);
    }
    // Most of them are gone by now, without having to wait for the end of their time.
    for mut socket in silent.into_iter().take(90) {
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(finish(busy).status, 200);
}

/// A connection that was served and rests is closed for another one, but not at once.
#[test]
fn resting_connections_give_their_places_after_a_while() {
    let world = World::with(Limits {
        connections_max: 4,
        connections_per_address_max: 4,
        idle_kept_min: Duration::from_millis(1_500),
        ..Limits::default()
    });
    let whole = spoilt(get(&world), &[], b"");
    let mut resting: Vec<_> = (0..4)
        .map(|_| {
            let mut socket = world.server.connect().unwrap();
            socket.write_all(&whole).unwrap();
            let mut answer = vec![0; 12];
            socket.read_exact(&mut answer).unwrap();
            socket
        })
        .collect();
    assert_slow_down(&world.server.send(&get(&world)).unwrap());
    let served = |_| world.server.send(&get(&world)).is_ok_and(|reply| reply.status == 200);
    assert!((0..10_000).any(served), "no place became free");
    // One had to leave for it, after its answer; the others are served again.
    let served = resting.iter_mut().filter_map(|socket| {
        socket.write_all(&whole).ok()?;
        let mut answer = Vec::new();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let _ = socket.read_to_end(&mut answer);
        // The rest of the first answer, and the second one.
        (answer.windows(9).filter(|window| *window == b"HTTP/1.1 ").count() == 1).then_some(())
    });
    assert_eq!(served.count(), 3);
}

#[test]
fn who_finds_no_memory_is_told_to_slow_down_while_others_go_on() {
    let world = World::with(Limits {
        // One address may borrow three MiB of it.
        body_memory_kib_max: 4 * 1024,
        memory_wait_max: Duration::from_millis(200),
        ..Limits::default()
    });
    let large = 2_000_000;
    let first = pending(&world, "first", large);
    let put = world.server.call("PUT", &format!("/{BUCKET}/second")).body(vec![b'x'; large]);
    let put = signed(&world, put);
    let copy = world.server.call("PUT", &format!("/{BUCKET}/copy"));
    let copy = copy.header("x-amz-copy-source", format!("{BUCKET}/{KEY}"));
    let copy = signed(&world, copy);
    let part = format!("/{BUCKET}/{KEY}?partNumber=2&uploadId={}", world.upload_id);
    let part = world.server.call("PUT", &part);
    let part = signed(&world, part.header("x-amz-copy-source", format!("{BUCKET}/{KEY}")));
    let list = signed(&world, world.server.call("GET", &format!("/{BUCKET}?list-type=2")));
    let before = world.server.contents().unwrap();
    for call in [&put, &copy, &part, &list] {
        assert_slow_down(&world.server.send(call).unwrap());
    }
    assert!(world.server.contents().unwrap() == before);
    // What borrows little or nothing is served meanwhile.
    assert_eq!(world.server.send(&get(&world)).unwrap().body, CONTENT);
    let small = world.server.call("PUT", &format!("/{BUCKET}/small")).body("x");
    assert_eq!(world.server.send_signed(small).unwrap().status, 200);
    assert_eq!(finish(first).status, 200);
    for call in [&put, &copy, &part] {
        assert_eq!(world.server.send(call).unwrap().status, 200);
    }
}

/// SECURITY: many connections, each with the largest head that there may be.
#[test]
fn a_flood_of_broken_heads_is_answered_one_by_one() {
    let world = World::new();
    for _ in 0..200 {
        let replies = world.server.converse(b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n").unwrap();
        assert_eq!((replies.len(), replies[0].outcome().as_str()), (1, "400 BadRequest"));
    }
    assert_eq!(world.server.take_refusals().get("BadRequest"), Some(&200));
}
