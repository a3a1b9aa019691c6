//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use strongroom_wire::{
    DecodeError, DecodeRequest, HostRules, InputKind, Operation, OperationSpec, Query, RequestHead,
    Router, Target, parse_target,
};

use crate::s3;

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[("requests", requests), ("documents", documents)];

/// Whole requests: host, path, query and headers, routing, then the input of the operation that
/// was found. There is one such operation or none, whatever the order of parameters.
///
/// The input is a head as text, an empty line, and a body.
pub fn requests(bytes: &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let Some(head) = heads::head(head) else {
        return;
    };
    let hosts = HostRules::new(["s3.example.com", "localhost"]);
    let Ok(target) = parse_target(&head, &hosts) else {
        return;
    };
    let router = Router::new(s3::OPERATIONS);
    let found = router.route(&head, &target);
    let mut parameters: Vec<_> = head.raw_query.split('&').collect();
    parameters.reverse();
    let Ok(query) = Query::parse(&parameters.join("&")) else {
        return;
    };
    let (method, headers) = (head.method.clone(), head.headers.clone());
    let (raw_path, raw_query) = (head.raw_path.clone(), head.raw_query.clone());
    let reversed = RequestHead { method, raw_path, raw_query, query, headers };
    assert_eq!(router.route(&reversed, &target).ok(), found.as_ref().ok().copied());
    match found {
        Ok(index) => {
            let spec = router.spec(index);
            assert!(spec.is_some_and(|spec| spec.method == head.method.as_str()));
            if let Some(spec) = spec {
                decode(spec, &head, &target, body);
            }
        }
        Err(error) => {
            let refused = error.s3();
            assert!([400, 405, 501].contains(&refused.status));
        }
    }
}

/// Documents: the first byte says for which operation.
pub fn documents(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let Some(head) = heads::head(b"PUT /bucket/key?uploadId=1&partNumber=1&id=1\nhost: localhost")
    else {
        return;
    };
    let Ok(target) = parse_target(&head, &HostRules::default()) else {
        return;
    };
    let with_document: Vec<_> =
        s3::OPERATIONS.iter().filter(|spec| matches!(spec.input, InputKind::Xml { .. })).collect();
    if let Some(spec) = with_document.get(usize::from(*first) % with_document.len().max(1)) {
        decode(spec, &head, &target, body);
    }
}

/// Reads the input of an operation; a body is either its input or the reason of the refusal.
fn decode(spec: &'static OperationSpec, head: &RequestHead, target: &Target, body: &[u8]) {
    let body = match spec.input {
        InputKind::Stream | InputKind::None => None,
        InputKind::Xml { .. } | InputKind::Text { .. } | InputKind::Form => Some(body),
    };
    let request = match DecodeRequest::new(spec, head, target, body) {
        Ok(request) => request,
        Err(error) => return check_refusal(&error),
    };
    assert!(request.present().iter().all(|index| index < spec.members.len()));
    if let Err(error) = decode_as(spec, &request) {
        check_refusal(&error);
    }
}

macro_rules! decode_by_name {
    ($($operation:ident,)*) => {
        fn decode_as(
            spec: &'static OperationSpec,
            request: &DecodeRequest<'_>,
        ) -> Result<(), DecodeError> {
            match spec.name {
                $(s3::$operation::NAME => s3::$operation::decode(request).map(drop),)*
                other => {
                    assert!(other.is_empty(), "`{other}` is an operation");
                    Ok(())
                }
            }
        }
    };
}
crate::s3_operations!(decode_by_name);

/// A refusal is short and a client's fault.
fn check_refusal(error: &DecodeError) {
    let response = error.s3();
    assert!((400..500).contains(&response.status) || response.status == 501);
    assert!(response.message.len() < 8 * 1024, "a message is no echo of the request");
}

#[path = "../../../fuzz/heads.rs"]
mod heads;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
