//! What botocore signs, verified; and refused once it was changed.
//!
//! `tests/vectors/botocore.jsonl` was made by `tests/make_botocore_vectors.py`.

use serde::Deserialize;
use strongroom_crypto::SecretText;
use strongroom_sigv4::{AuthError, Expected, SigningKey, parse_form_claim};
use strongroom_types::Timestamp;

use crate::support::{Request, drain};

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "t")]
    seconds: u64,
    #[serde(rename = "r")]
    region: String,
    #[serde(rename = "s")]
    service: String,
    #[serde(flatten)]
    request: Request,
    #[serde(rename = "b")]
    body: String,
    #[serde(rename = "d")]
    payload: Option<String>,
    #[serde(rename = "f", default)]
    fields: Vec<(String, String)>,
}

impl Vector {
    /// Bodies of trailer uploads are written as Latin-1, others as UTF-8.
    fn body(&self) -> Vec<u8> {
        if self.payload.is_some() { latin1(&self.body) } else { self.body.clone().into_bytes() }
    }

    fn outcome(&self, request: &Request, body: &[u8]) -> Result<(), String> {
        let now = Timestamp::from_seconds(self.seconds).unwrap();
        let expected = Expected { service: &self.service, region: &self.region, now };
        let known = (self.service != "s3").then_some(body);
        let (_, decoder) =
            request.verify_with(&expected, secret_of, known).map_err(|e| e.to_string())?;
        let (payload, end) = drain(decoder, [body]);
        end.map_err(|error| error.to_string())?;
        let expected = self.payload.as_ref().map_or(body.to_vec(), |text| latin1(text));
        if payload == expected { Ok(()) } else { Err("another payload".to_owned()) }
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn secret_of(access_key_id: &str) -> SecretText {
    let secret = match access_key_id {
        "AKIAIOSFODNN7EXAMPLE" => "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIDTHEOTHERUSER0001" => "short+secret",
        "ASIASESSIONKEY000001" => "SessionSecret/With+Odd=Characters0000000",
        _ => "nobody",
    };
    SecretText::new(secret.to_owned())
}

fn vectors() -> Vec<Vector> {
    let lines = include_str!("../vectors/botocore.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_that_botocore_signs_is_accepted() {
    let mut accepted = std::collections::BTreeMap::new();
    for (index, vector) in vectors().iter().enumerate().filter(|(_, v)| v.kind != "form") {
        let outcome = vector.outcome(&vector.request.clone(), &vector.body());
        assert_eq!(outcome, Ok(()), "line {} ({})", index + 1, vector.kind);
        *accepted.entry(vector.kind.clone()).or_insert(0) += 1;
    }
    let expected = ["header", "other", "other-query", "query", "trailer"];
    assert_eq!(accepted.keys().collect::<Vec<_>>(), expected);
    assert!(accepted.values().all(|count| *count > 100), "{accepted:?}");
}

#[test]
fn every_request_that_botocore_signs_is_refused_after_a_change() {
    for (index, vector) in vectors().iter().enumerate().filter(|(_, v)| v.kind != "form") {
        for change in CHANGES {
            let (mut request, mut body) = (vector.request.clone(), vector.body());
            if !change.1(&mut request, &mut body) {
                continue;
            }
            let outcome = vector.outcome(&request, &body);
            assert!(outcome.is_err(), "line {}, {} ({})", index + 1, change.0, vector.kind);
        }
    }
}

type Change = fn(&mut Request, &mut Vec<u8>) -> bool;

/// Each changes what the request means, and says whether it could.
const CHANGES: &[(&str, Change)] = &[
    ("another method", |request, _| {
        request.method = if request.method == "GET" { "DELETE" } else { "GET" }.to_owned();
        true
    }),
    ("another path", |request, _| {
        request.path.push_str("/x");
        true
    }),
    ("a query parameter more", |request, _| {
        let separator = if request.query.is_empty() { "" } else { "&" };
        request.query.push_str(separator);
        request.query.push_str("zz");
        true
    }),
    ("a query parameter less", |request, _| match request.query.split_once('&') {
        Some((_, rest)) => {
            request.query = rest.to_owned();
            true
        }
        None => !std::mem::take(&mut request.query).is_empty(),
    }),
    ("another host", |request, _| {
        request.set("host", "127.0.0.1:9001");
        true
    }),
    ("an added header", |request, _| {
        request.set("x-amz-tagging", "a=b");
        true
    }),
    ("a signed header changed", |request, _| change_signed(request, |value| value.push('x'))),
    ("a signed header doubled", |request, _| {
        let Some(name) = last_signed(request) else { return false };
        let value = request.header(&name).to_owned();
        request.headers.push((name, value));
        true
    }),
    ("a signed header removed", |request, _| {
        let Some(name) = last_signed(request) else { return false };
        request.remove(&name);
        true
    }),
    ("another body", |request, body| {
        let text = format!("{request:?}");
        if text.contains("UNSIGNED-PAYLOAD") {
            return false;
        }
        let presigned_s3 = text.contains("X-Amz-Signature") && text.contains("%2Fs3%2F");
        body.push(b'x');
        !presigned_s3
    }),
    ("another signature", |request, _| {
        let flip = |text: &mut String| {
            let last = if text.ends_with('0') { '1' } else { '0' };
            text.pop();
            text.push(last);
        };
        match request.headers.iter_mut().find(|header| header.0 == "authorization") {
            Some(header) => flip(&mut header.1),
            None => flip(&mut request.query),
        }
        true
    }),
];

fn last_signed(request: &Request) -> Option<String> {
    let authorization = request.headers.iter().find(|header| header.0 == "authorization")?;
    let (_, list) = authorization.1.split_once("SignedHeaders=")?;
    let (list, _) = list.split_once(',')?;
    list.split(';').next_back().map(str::to_owned)
}

fn change_signed(request: &mut Request, change: fn(&mut String)) -> bool {
    let Some(name) = last_signed(request) else { return false };
    let header = request.headers.iter_mut().find(|header| header.0 == name).unwrap();
    change(&mut header.1);
    true
}

#[test]
fn every_form_that_botocore_signs_is_accepted_and_refused_after_a_change() {
    let mut accepted = 0;
    for vector in vectors().iter().filter(|vector| vector.kind == "form") {
        let verify = |fields: &[(String, String)]| {
            let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let now = Timestamp::from_seconds(vector.seconds).unwrap();
            let expected = Expected { service: "s3", region: &vector.region, now };
            let checked =
                parse_form_claim(&fields)?.ok_or(AuthError::Anonymous)?.check(&expected)?;
            let secret = secret_of(checked.claim().access_key().as_str());
            let date = checked.claim().scope().unwrap().date().to_owned();
            checked.verify(&SigningKey::derive(&secret, &date, &vector.region, "s3"))
        };
        let verified = verify(&vector.fields).unwrap();
        assert_eq!(verified.signature_form().auth_type(), "POST");
        accepted += 1;
        for (index, (name, _)) in vector.fields.iter().enumerate() {
            let mut fields = vector.fields.clone();
            fields[index].1.insert(0, 'A');
            let covered = !matches!(name.as_str(), "key" | "x-amz-security-token");
            assert_eq!(verify(&fields).is_err(), covered, "{name}");
            let mut fields = vector.fields.clone();
            fields.remove(index);
            assert_eq!(verify(&fields).is_err(), name != "key", "{name}");
        }
    }
    assert!(accepted > 30);
}
