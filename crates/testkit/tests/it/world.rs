//! What there is to be lost: a bucket, an object, an upload that is not complete.

use std::time::Duration;

use strongroom_gateway::Limits;
use strongroom_testkit::{Keys, TestServer};

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
        Self { server, upload_id, expired }
    }
}
