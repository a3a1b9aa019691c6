//! What there is to be lost: a bucket, an object, an upload that is not complete.

use std::time::Duration;

use strongroom_gateway::Limits;
use strongroom_testkit::{Keys, Role, TestServer};

pub(crate) const BUCKET: &str = "kept-bucket";
pub(crate) const KEY: &str = "kept/object";
pub(crate) const CONTENT: &[u8] = b"what must not be lost";
/// MD5 of [`CONTENT`], which is also the content of the part.
pub(crate) const PART_ETAG: &str = "\"97683d7f1f8d5a68c724ab24a9570ce3\"";

/// A server with something in it, and credentials whose time is over.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) upload_id: String,
    pub(crate) expired: Keys,
    pub(crate) people: People,
}

/// Callers of the first account, and one of the other, whom policies let do what they may.
pub(crate) struct People {
    pub(crate) no_policy: Keys,
    pub(crate) explicit_deny: Keys,
    pub(crate) bounded: Keys,
    pub(crate) limited_session: Keys,
    pub(crate) federated: Keys,
    pub(crate) foreign_admin: Keys,
    /// May do everything.
    pub(crate) admin: Keys,
    /// May do everything but list.
    pub(crate) blind: Keys,
}

impl People {
    fn of(server: &TestServer) -> Self {
        let add = |account, role, policy: &str| server.cast().add(account, role, policy).unwrap();
        let (main, other) = (server.main().account, server.other().account);
        let nothing = policy(&[("Allow", "s3:None")]);
        let everything = policy(&[("Allow", "*")]);
        Self {
            no_policy: add(main, Role::User, ""),
            explicit_deny: add(main, Role::User, &policy(&[("Allow", "*"), ("Deny", "*")])),
            bounded: add(main, Role::Bounded(&nothing), &everything),
            limited_session: add(main, Role::Session(&nothing), &everything),
            federated: add(main, Role::Federated, &everything),
            foreign_admin: add(other, Role::User, &everything),
            admin: add(main, Role::User, &everything),
            blind: add(main, Role::User, &policy(&[("Allow", "*"), ("Deny", "s3:List*")])),
        }
    }
}

/// A policy of statements about everything, each with its effect and its action.
pub(crate) fn policy(statements: &[(&str, &str)]) -> String {
    let statement = |(effect, action): &(&str, &str)| {
        format!(r#"{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}"#)
    };
    let statements: Vec<_> = statements.iter().map(statement).collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    /// The same on a server that allows its clients so much.
    pub(crate) fn with(limits: Limits) -> Self {
        Self::in_server(TestServer::start_with(limits).unwrap())
    }

    pub(crate) fn in_server(server: TestServer) -> Self {
        let expired = server.session(Duration::from_secs(15 * 60)).unwrap();
        server.clock().advance(Duration::from_secs(60 * 60));
        let send = |method: &str, target: &str, body: &[u8]| {
            let reply = server.send_signed(server.call(method, target).body(body)).unwrap();
            assert_eq!(reply.status, 200, "{method} {target}: {reply:?}");
            reply
        };
        send("PUT", &format!("/{BUCKET}"), b"");
        send("PUT", &format!("/{BUCKET}/{KEY}"), CONTENT);
        let created = send("POST", &format!("/{BUCKET}/{KEY}?uploads="), b"");
        let upload_id = created.element("UploadId").unwrap().to_owned();
        let part = format!("/{BUCKET}/{KEY}?partNumber=1&uploadId={upload_id}");
        let part = send("PUT", &part, CONTENT);
        assert_eq!(part.header("etag"), Some(PART_ETAG));
        // When a key was last used is noted once in a while, and not behind what follows.
        let list = server.call("GET", "/").sign(&server.signer(server.other())).unwrap();
        assert_eq!(server.send(&list).unwrap().status, 200);
        let people = People::of(&server);
        Self { server, upload_id, expired, people }
    }
}
