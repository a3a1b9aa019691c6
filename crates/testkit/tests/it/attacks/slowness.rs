//! Clients that take their time: each is let go of after a while, with an answer where there is
//! somebody to hear it, and costs nobody else anything.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use strongroom_gateway::Limits;
use strongroom_sigv4::PayloadMode;
use strongroom_testkit::{Call, Reply};

use super::{assert_alive, assert_is_of_aws, spoilt};
use crate::world::{BUCKET, CONTENT, KEY, World};

/// Little patience, so that no test needs much.
fn impatient() -> World {
    World::with(Limits {
        head_max: Duration::from_millis(400),
        idle_max: Duration::from_millis(400),
        body_window: Duration::from_millis(400),
        answer_window: Duration::from_millis(400),
        pace_bytes_min: 1024,
        ..Limits::default()
    })
}

fn signed(world: &World, method: &str, target: &str) -> Call {
    let call = world.server.call(method, target);
    call.sign(&world.server.signer(world.server.main())).unwrap()
}

/// Sends bytes in pieces, each after a moment in which the server said nothing; returns what it
/// said in the end.
fn trickle(socket: &mut TcpStream, bytes: &[u8], piece_bytes: usize) -> Vec<u8> {
    let mut answer = vec![0; 4096];
    socket.set_read_timeout(Some(MOMENT)).unwrap();
    for piece in bytes.chunks(piece_bytes) {
        let _ = socket.write_all(piece);
        match socket.read(&mut answer) {
            Ok(read_bytes) => {
                answer.truncate(read_bytes);
                let _ = socket.read_to_end(&mut answer);
                return answer;
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock), "{error}"),
        }
    }
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    answer.clear();
    socket.read_to_end(&mut answer).unwrap();
    answer
}

fn one(answer: &[u8]) -> Reply {
    let mut replies = Reply::parse_all(answer, false).unwrap();
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.remove(0)
}

#[test]
fn a_head_that_trickles_is_cut() {
    let world = impatient();
    let whole = signed(&world, "GET", &format!("/{BUCKET}/{KEY}")).to_bytes();
    let mut socket = world.server.connect().unwrap();
    let reply = one(&trickle(&mut socket, &whole, 1));
    assert_eq!(reply.outcome(), "400 RequestTimeout");
    assert_eq!(reply.header("connection"), Some("close"));
    assert_is_of_aws("a slow head", &reply);
    assert_eq!(world.server.take_refusals().get("RequestTimeout"), Some(&1));
    // On a connection that was served before it is the same.
    let mut socket = world.server.connect().unwrap();
    let whole = spoilt(signed(&world, "GET", &format!("/{BUCKET}/{KEY}")), &[], b"");
    socket.write_all(&[&whole, b"GET /".as_slice()].concat()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let replies = Reply::parse_all(&answer, false).unwrap();
    let outcomes: Vec<_> = replies.iter().map(Reply::outcome).collect();
    assert_eq!(outcomes, ["200", "400 RequestTimeout"]);
}

#[test]
fn a_connection_that_says_nothing_or_nothing_more_is_closed_without_a_word() {
    let world = impatient();
    let whole = spoilt(signed(&world, "GET", &format!("/{BUCKET}/{KEY}")), &[], b"");
    for (request, count) in [(b"".as_slice(), 0), (&whole, 1)] {
        let mut socket = world.server.connect().unwrap();
        socket.write_all(request).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert_eq!(Reply::parse_all(&answer, false).unwrap().len(), count);
    }
}

#[test]
fn a_body_that_trickles_is_refused_and_leaves_nothing() {
    let world = impatient();
    let before = world.server.contents().unwrap();
    let target = format!("/{BUCKET}/{KEY}");
    let length: &[&[u8]] = &[b"content-length: 5000"];
    let signer = world.server.signer(world.server.main());
    let streaming = world.server.call("PUT", &target);
    let streaming = streaming.header("x-amz-decoded-content-length", "5000");
    let (streaming, _) = streaming.sign_for(&signer, PayloadMode::UnsignedTrailer).unwrap();
    let document = world.server.call("POST", &format!("/{BUCKET}?delete="));
    for (name, head, byte) in [
        ("a body", spoilt(signed(&world, "PUT", &target), length, b""), b"x".as_slice()),
        ("chunks", spoilt(streaming, &[b"transfer-encoding: chunked"], b""), b"1\r\n1\r\n"),
        ("a document", spoilt(document.sign(&signer).unwrap(), length, b""), b" "),
    ] {
        let mut socket = world.server.connect().unwrap();
        socket.write_all(&head).unwrap();
        let reply = one(&trickle(&mut socket, &byte.repeat(200), byte.len()));
        assert_eq!(reply.outcome(), "400 RequestTimeout", "{name}");
        assert_eq!(reply.header("connection"), Some("close"), "{name}");
        assert_is_of_aws(name, &reply);
        // One that does not come at all is no different.
        let mut socket = world.server.connect().unwrap();
        socket.write_all(&head).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert_eq!(one(&answer).outcome(), "400 RequestTimeout", "{name}");
        assert_alive(&world);
    }
    assert!(world.server.contents().unwrap() == before);
}

/// Slow is not too slow: many windows long, but something comes in each.
#[test]
fn a_body_that_keeps_the_pace_is_taken() {
    let world = impatient();
    let body = vec![b'x'; 20 * 1024];
    let put = signed(&world, "PUT", &format!("/{BUCKET}/slow"));
    let length = format!("content-length: {}", body.len());
    let mut socket = world.server.connect().unwrap();
    let lines: &[&[u8]] = &[length.as_bytes(), b"connection: close"];
    socket.write_all(&spoilt(put, lines, b"")).unwrap();
    assert_eq!(one(&trickle(&mut socket, &body, 1024)).status, 200);
    let get = world.server.call("GET", &format!("/{BUCKET}/slow"));
    assert_eq!(world.server.send_signed(get).unwrap().body, body);
}

#[test]
fn an_answer_that_nobody_reads_is_cut_and_gives_its_memory_back() {
    let limits = Limits {
        answer_window: Duration::from_millis(400),
        // One download has room in what one address may borrow.
        body_memory_kib_max: 2 * 1024,
        memory_wait_max: Duration::from_millis(50),
        ..Limits::default()
    };
    let world = World::with(limits);
    // More than the kernel keeps for both sides.
    let target = format!("/{BUCKET}/large");
    let large = vec![b'x'; 40_000_000];
    let put = world.server.call("PUT", &target).header("content-length", large.len().to_string());
    let put = put.body(&large).sign(&world.server.signer(world.server.main())).unwrap();
    // An upload borrows two MiB, and there is one and a half.
    assert_eq!(world.server.send(&put).unwrap().outcome(), "503 SlowDown");
    drop(world);

    let limits = Limits {
        answer_window: Duration::from_millis(400),
        body_memory_kib_max: 3 * 1024,
        memory_wait_max: Duration::from_millis(50),
        ..Limits::default()
    };
    let world = World::with(limits);
    let put = world.server.call("PUT", &target).body(&large);
    assert_eq!(world.server.send_signed(put).unwrap().status, 200);
    let get = signed(&world, "GET", &target);
    let stalled: Vec<_> = (0..2)
        .map(|_| {
            let mut socket = world.server.connect().unwrap();
            socket.write_all(&get.to_bytes()).unwrap();
            let mut first = [0; 12];
            socket.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            socket
        })
        .collect();
    // While they stall nothing is left to borrow; later it is there again.
    assert_eq!(world.server.send(&get).unwrap().outcome(), "503 SlowDown");
    let served = (0..200).any(|_| world.server.send(&get).is_ok_and(|reply| reply.status == 200));
    assert!(served, "the memory was not given back");
    for mut socket in stalled {
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
        assert!(rest.len() < large.len(), "the answer was not cut");
    }
}

/// SPEC: data-protection, INT-005. Gone in the middle, in two manners, and more often than there
/// is memory for.
#[test]
fn uploads_that_are_abandoned_leave_nothing_and_hold_nothing() {
    let world = World::with(Limits {
        body_memory_kib_max: 16 * 1024,
        memory_wait_max: Duration::from_secs(5),
        ..Limits::default()
    });
    let before = world.server.contents().unwrap();
    let put = signed(&world, "PUT", &format!("/{BUCKET}/{KEY}"));
    let half = spoilt(put, &[b"content-length: 4000000"], &vec![b'x'; 2_000_000]);
    for round in 0..40 {
        let mut socket = world.server.connect().unwrap();
        socket.write_all(&half).unwrap();
        if round % 2 == 0 {
            socket.shutdown(Shutdown::Both).unwrap();
        }
    }
    // As many as there is memory for, all at once, are served.
    let body = vec![b'y'; 3_000_000];
    let call = world.server.call("PUT", &format!("/{BUCKET}/next")).body(&body);
    let next = call.sign(&world.server.signer(world.server.main())).unwrap();
    std::thread::scope(|scope| {
        let sent: Vec<_> = (0..6).map(|_| scope.spawn(|| world.server.send(&next))).collect();
        for reply in sent {
            assert_eq!(reply.join().unwrap().unwrap().status, 200);
        }
    });
    let delete = world.server.call("DELETE", &format!("/{BUCKET}/next"));
    assert_eq!(world.server.send_signed(delete).unwrap().status, 204);
    assert!(world.server.contents().unwrap() == before);
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    assert_eq!(world.server.send_signed(get).unwrap().body, CONTENT);
}

/// Between two pieces of a trickle.
const MOMENT: Duration = Duration::from_millis(40);
