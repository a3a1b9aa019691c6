//! Answers, parsed strictly: what a lenient client would swallow is an error here.

use crate::TestkitError;

/// One answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Lower-case names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Parses every answer that a connection carried until it was closed. `bodiless` is for a
    /// `HEAD`, whose answer has a length and no body.
    ///
    /// # Errors
    /// If the bytes are not a sequence of whole answers.
    pub fn parse_all(mut bytes: &[u8], bodiless: bool) -> Result<Vec<Self>, TestkitError> {
        let mut replies = Vec::new();
        while !bytes.is_empty() {
            let (reply, rest) = Self::parse(bytes, bodiless)?;
            replies.push(reply);
            bytes = rest;
        }
        Ok(replies)
    }

    fn parse(bytes: &[u8], bodiless: bool) -> Result<(Self, &[u8]), TestkitError> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, rest) = end
            .and_then(|end| Some((bytes.get(..end)?, bytes.get(end + 4..)?)))
            .ok_or(TestkitError::BadReply("a head without end"))?;
        let head = std::str::from_utf8(head).map_err(|_| TestkitError::BadReply("not text"))?;
        if head.replace("\r\n", "").contains(['\r', '\n', '\0']) {
            return Err(TestkitError::BadReply("a bare line break in a head"));
        }
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default();
        // A client of HTTP/1.0 is refused in its own version.
        let status = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|line| line.get(..3)?.parse().ok());
        let status: u16 = status.ok_or(TestkitError::BadReply("no status"))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) =
                line.split_once(": ").ok_or(TestkitError::BadReply("a line that is no header"))?;
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut reply = Self { status, headers, body: Vec::new() };
        if status == 100 || status == 204 || status == 304 || bodiless {
            return Ok((reply, rest));
        }
        let length = reply.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or(TestkitError::BadReply("an answer without length"))?;
        let (body, rest) =
            rest.split_at_checked(length).ok_or(TestkitError::BadReply("a body cut short"))?;
        reply.body = body.to_vec();
        Ok((reply, rest))
    }

    /// The value of a header that is there once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The text of the first element of this name in the body, entities and all.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&str> {
        let body = std::str::from_utf8(&self.body).ok()?;
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text)
    }

    /// Status and error code, as the golden files show them: `403 AccessDenied`.
    #[must_use]
    pub fn outcome(&self) -> String {
        match self.element("Code") {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    /// What of the answer does not name the request: two answers that tell a stranger the same
    /// are equal in this.
    #[must_use]
    pub fn without_ids(&self) -> (u16, Vec<(String, String)>, String) {
        let ids = ["x-amz-request-id", "x-amz-id-2", "date"];
        let kept = self.headers.iter().filter(|(name, _)| !ids.contains(&name.as_str()));
        let mut body = String::from_utf8_lossy(&self.body).into_owned();
        for id in ["RequestId", "HostId"] {
            if let Some(text) = self.element(id) {
                body = body.replace(text, "");
            }
        }
        (self.status, kept.cloned().collect(), body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_each_other() {
        let bytes =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 29\r\n\r\n\
                      <Error><Code>A</Code></Error>";
        let replies = Reply::parse_all(bytes, false).unwrap();
        assert_eq!(replies.len(), 2);
        assert_eq!(replies[1].outcome(), "403 A");
        assert!(Reply::parse_all(&bytes[..bytes.len() - 1], false).is_err());
    }

    #[test]
    fn a_line_break_inside_a_header_is_no_answer() {
        let bytes = b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\nContent-Length: 0\r\n\r\n";
        assert!(Reply::parse_all(bytes, false).is_err());
    }
}
