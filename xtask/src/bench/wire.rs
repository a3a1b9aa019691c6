//! The least HTTP/1.1 client that can load a server: one connection, one request at a time.
//!
//! It knows framing and signing. Must not know what is measured.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use strongroom_crypto::SecretText;
use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_sigv4::{PayloadMode, RequestView};
use strongroom_types::Timestamp;

use crate::Failure;

/// Where the server is, and who asks it.
pub struct Endpoint {
    address: SocketAddr,
    /// Value of the `Host` header.
    host: String,
    server_name: ServerName<'static>,
    tls: Option<Arc<ClientConfig>>,
    access_key_id: String,
    secret_access_key: SecretText,
    session_token: Option<SecretText>,
    region: String,
}

impl Endpoint {
    /// Reads what `strongroom env` exports, or what a user has in the environment.
    pub fn new(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let need =
            |name: &str| variable(name).ok_or_else(|| Failure::new(format!("`{name}` is not set")));
        let url = need("AWS_ENDPOINT_URL")?;
        let (scheme, host) =
            url.split_once("://").ok_or_else(|| Failure::new(format!("`{url}` is no URL")))?;
        let host = host.trim_end_matches('/').to_owned();
        let is_tls = scheme == "https";
        let authority = match (host.contains(':'), is_tls) {
            (true, _) => host.clone(),
            (false, true) => format!("{host}:443"),
            (false, false) => format!("{host}:80"),
        };
        let address = authority.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| Failure::new(format!("`{host}` has no address")))?;
        let name = authority.rsplit_once(':').map_or(authority.as_str(), |(name, _)| name);
        let server_name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())?;
        let tls = match is_tls {
            true => Some(Arc::new(client_config(&need("AWS_CA_BUNDLE")?)?)),
            false => None,
        };
        Ok(Self {
            address,
            host,
            server_name,
            tls,
            access_key_id: need("AWS_ACCESS_KEY_ID")?,
            secret_access_key: SecretText::new(need("AWS_SECRET_ACCESS_KEY")?),
            session_token: variable("AWS_SESSION_TOKEN").map(SecretText::new),
            region: variable("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }

    /// A signer for now; its requests are good for a quarter of an hour.
    pub fn signer(&self) -> Result<Signer, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let credentials = Credentials {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            session_token: self.session_token.as_ref(),
        };
        let now = Timestamp::from_micros(u64::try_from(now)?)?;
        Ok(Signer::new(&credentials, &self.region, "s3", now))
    }

    /// The head of a request, signed, as it goes over the wire.
    pub fn head(&self, signer: &Signer, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
        let headers = [("host", self.host.as_bytes())];
        let view = RequestView {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &headers,
        };
        let signed = signer
            .sign_headers(&view, request.mode)
            .map_err(|error| Failure::new(format!("cannot sign: {error:?}")))?;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let question = if request.query.is_empty() { "" } else { "?" };
        let Request { method, path, query, .. } = request;
        write!(head, "{method} {path}{question}{query} HTTP/1.1\r\nhost: {}\r\n", self.host)?;
        for (name, value) in &signed.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        if request.content_length > 0 || *method == "PUT" {
            write!(head, "content-length: {}\r\n", request.content_length)?;
        }
        head.extend_from_slice(b"\r\n");
        Ok(head)
    }

    /// A new connection.
    pub fn connect(&self) -> Result<Connection, Failure> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        socket.set_write_timeout(Some(SILENCE_MAX))?;
        let stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(config) => {
                let session = ClientConnection::new(Arc::clone(config), self.server_name.clone())?;
                Stream::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        };
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Ok(Connection { stream, buffer, start: 0, end: 0 })
    }
}

/// One request before it is signed.
pub struct Request<'a> {
    pub method: &'a str,
    /// Encoded as it goes over the wire.
    pub path: &'a str,
    pub query: &'a str,
    pub mode: PayloadMode,
    pub content_length: u64,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    /// Length of the body that was read; of a `HEAD`, what the body would have.
    pub content_length: u64,
}

/// One kept-alive connection.
pub struct Connection {
    stream: Stream,
    buffer: Box<[u8]>,
    /// What was read and not used yet.
    start: usize,
    end: usize,
}

impl Connection {
    /// Sends a request and reads the whole answer; the body passes through `sink`.
    pub fn exchange(
        &mut self,
        head: &[u8],
        body: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Answer, Failure> {
        self.send(head, body)?;
        self.receive(head, sink)
    }

    /// Reads the whole answer to what was sent with this head.
    pub fn receive(&mut self, head: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<Answer, Failure> {
        let answer = self.read_head()?;
        let is_head = head.starts_with(b"HEAD ");
        let mut refusal = Vec::new();
        if !is_head {
            if (200..300).contains(&answer.status) {
                self.read_body(answer.content_length, sink)?;
            } else {
                self.read_body(answer.content_length, &mut |bytes| {
                    refusal.extend_from_slice(bytes)
                })?;
            }
        }
        if !(200..300).contains(&answer.status) {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let (line, text) = (String::from_utf8_lossy(line), String::from_utf8_lossy(&refusal));
            return Err(Failure::new(format!("{line} answered {}: {text}", answer.status)));
        }
        Ok(answer)
    }

    /// Sends a request, whose answer is to be received next.
    pub fn send(&mut self, head: &[u8], body: &[u8]) -> Result<(), Failure> {
        // One segment for small requests, no copy for large ones.
        let mut sent = 0;
        while sent < head.len() {
            let parts = [IoSlice::new(&head[sent..]), IoSlice::new(body)];
            match self.stream.write_vectored(&parts)? {
                0 => return Err(Failure::new("the connection was closed while sending")),
                more => sent += more,
            }
        }
        self.stream.write_all(&body[sent - head.len()..])?;
        self.stream.flush()?;
        Ok(())
    }

    fn read_head(&mut self) -> Result<Answer, Failure> {
        loop {
            let unused = &self.buffer[self.start..self.end];
            if let Some(at) = unused.windows(4).position(|window| window == b"\r\n\r\n") {
                let answer = parse_head(&unused[..at + 2]);
                self.start += at + 4;
                return answer;
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let more = self.stream.read(&mut self.buffer[self.end..])?;
            if more == 0 {
                return Err(Failure::new(
                    "the connection was closed before the answer's head ended",
                ));
            }
            self.end += more;
        }
    }

    fn read_body(&mut self, bytes: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
        let mut remaining = usize::try_from(bytes)?;
        let at_hand = remaining.min(self.end - self.start);
        sink(&self.buffer[self.start..self.start + at_hand]);
        self.start += at_hand;
        remaining -= at_hand;
        while remaining > 0 {
            let room = remaining.min(self.buffer.len());
            let more = self.stream.read(&mut self.buffer[..room])?;
            if more == 0 {
                return Err(Failure::new(format!("the body ended {remaining} bytes early")));
            }
            sink(&self.buffer[..more]);
            remaining -= more;
        }
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> Result<Answer, Failure> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.unwrap_or_default().parse()?;
    let mut content_length = None;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            content_length = Some(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Failure::new("the answer has no length"));
        }
    }
    match (status, content_length) {
        (204, _) => Ok(Answer { status, content_length: 0 }),
        (_, Some(content_length)) => Ok(Answer { status, content_length }),
        (_, None) => Err(Failure::new(format!("an answer {status} without a length"))),
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_vectored(parts),
            Self::Tls(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn client_config(ca_bundle: &str) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_bundle)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// One read of a large body; the head of an answer fits in it.
const BUFFER_BYTES: usize = 256 * 1024;
/// What a signed head takes, about.
const HEAD_BYTES: usize = 640;
/// A server that is silent for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_needs_a_length_unless_it_has_no_content() {
        let answer = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n").ok();
        assert_eq!(answer.map(|answer| (answer.status, answer.content_length)), Some((200, 12)));
        let answer = parse_head(b"HTTP/1.1 204 No Content\r\n").ok();
        assert_eq!(answer.map(|answer| (answer.status, answer.content_length)), Some((204, 0)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n").is_err());
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n").is_err());
        assert!(parse_head(b"nonsense\r\n").is_err());
    }
}
