//! Requests that botocore wrote (`tests/make_botocore_vectors.py`).

use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_model::s3;
use strongroom_wire::{
    DecodeError, DecodeRequest, HostRules, InputKind, Operation, PresentMembers, RequestHead,
    Router, Target, parse_target,
};

/// One request.
pub(crate) struct Vector {
    pub(crate) operation: String,
    pub(crate) head: RequestHead,
    pub(crate) target: Target,
    pub(crate) body: String,
    /// Paths of the members that botocore was asked to send.
    pub(crate) sent: Vec<String>,
}

/// All requests: for each operation one with every member and one with the required ones.
pub(crate) fn all() -> Vec<Vector> {
    include_str!("vectors/requests.jsonl").lines().map(parse).collect()
}

/// The request of an operation with every member.
pub(crate) fn full(operation: &str) -> Vector {
    all().into_iter().find(|vector| vector.operation == operation).expect(operation)
}

fn parse(line: &str) -> Vector {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for pair in value["headers"].as_array().unwrap() {
        let name = HeaderName::try_from(pair[0].as_str().unwrap()).unwrap();
        headers.append(name, HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap());
    }
    let method = text("method").parse().unwrap();
    let head = RequestHead::new(method, &text("path"), &text("query"), headers).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    let sent = value["sent"].as_array().unwrap();
    let sent = sent.iter().map(|path| path.as_str().unwrap().to_owned()).collect();
    Vector { operation: text("operation"), head, target, body: text("body"), sent }
}

impl Vector {
    /// The name of the operation that the router finds.
    pub(crate) fn route(&self, router: &Router) -> &'static str {
        let index = router.route(&self.head, &self.target);
        let index = index.unwrap_or_else(|error| panic!("{}: {error:?}", self.operation));
        router.spec(index).unwrap().name
    }

    /// The input, and which members were seen.
    pub(crate) fn decode<O: Operation>(&self) -> Result<(O::Input, PresentMembers), DecodeError> {
        let body = match O::SPEC.input {
            InputKind::None | InputKind::Form | InputKind::Stream => None,
            InputKind::Xml { .. } | InputKind::Text { .. } => Some(self.body.as_bytes()),
        };
        let request = DecodeRequest::new(O::SPEC, &self.head, &self.target, body)?;
        let input = O::decode(&request)?;
        Ok((input, request.into_present()))
    }
}

/// A router over all operations of S3.
pub(crate) fn router() -> Router {
    Router::new(s3::OPERATIONS)
}
