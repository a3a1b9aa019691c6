//! The bytes of an event: `docs/formats/audit-event.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Buf, BufMut, Bytes};
use strongroom_types::{AccountId, RequestId, Timestamp};

use crate::{AuditEvent, AuthKind, Outcome, PrincipalKind};

/// Bytes that are no event of this format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventCodecError {
    /// The bytes end before the event does, or go on behind it.
    #[error("the event has the wrong length")]
    Length,
    /// The format version is not one that this build reads.
    #[error("unknown event format version {0}")]
    Version(u8),
    /// A field holds what it may not.
    #[error("the field `{0}` is not valid")]
    Field(&'static str),
}

impl AuditEvent {
    /// The compact form, at most about 3.5 KiB; typically 150 to 300 bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        self.encode_with(&self.object_key, &self.version_id, &self.decision, &self.outcome)
    }

    /// The compact form of this event with another key, version and outcome.
    pub(crate) fn encode_with(
        &self,
        object_key: &str,
        version_id: &str,
        decision: &str,
        outcome: &Outcome,
    ) -> Bytes {
        let texts = [
            self.service.as_str(),
            &self.operation,
            &self.access_key_id,
            &self.bucket,
            object_key,
            version_id,
            &outcome.error_code,
            decision,
        ];
        // Exactly, as a rule: an engine keeps new events in memory for a while, as they are.
        let texts_bytes = texts.iter().map(|text| 2 + text.len()).sum::<usize>();
        let mut out = Vec::with_capacity(FIXED_BYTES + ip_bytes(self.source_ip) + texts_bytes);
        out.put_u8(FORMAT_VERSION);
        out.put_u8(pack(self.principal, self.auth));
        out.put_slice(self.request_id.as_bytes());
        out.put_u64(self.time.micros());
        out.put_u64(self.account.map_or(ACCOUNT_NONE, AccountId::number));
        put_ip(&mut out, self.source_ip);
        out.put_u8(self.tls_version);
        out.put_u16(outcome.status);
        out.put_u64(outcome.received_bytes);
        out.put_u64(outcome.sent_bytes);
        for text in texts {
            put_text(&mut out, text);
        }
        out.into()
    }

    /// Reads the compact form back.
    ///
    /// # Errors
    /// If the bytes are not exactly one event.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, EventCodecError> {
        let input = &mut bytes;
        let version = input.try_get_u8().map_err(|_| EventCodecError::Length)?;
        if !(1..=FORMAT_VERSION).contains(&version) {
            return Err(EventCodecError::Version(version));
        }
        let (principal, auth) = unpack(input.try_get_u8().map_err(|_| EventCodecError::Length)?)?;
        let request_id = RequestId::from_bytes(take::<8>(input)?);
        let time =
            Timestamp::from_micros(take_u64(input)?).map_err(|_| EventCodecError::Field("time"))?;
        let account = match take_u64(input)? {
            ACCOUNT_NONE => None,
            number => Some(
                AccountId::from_number(number).map_err(|_| EventCodecError::Field("account"))?,
            ),
        };
        let source_ip = take_ip(input)?;
        let tls_version = input.try_get_u8().map_err(|_| EventCodecError::Length)?;
        let status = input.try_get_u16().map_err(|_| EventCodecError::Length)?;
        let received_bytes = take_u64(input)?;
        let sent_bytes = take_u64(input)?;
        let event = Self {
            request_id,
            time,
            principal,
            auth,
            account,
            source_ip,
            tls_version,
            service: take_text(input)?,
            operation: take_text(input)?,
            access_key_id: take_text(input)?,
            bucket: take_text(input)?,
            object_key: take_text(input)?,
            version_id: take_text(input)?,
            outcome: Outcome { status, error_code: take_text(input)?, received_bytes, sent_bytes },
            decision: match version {
                1 => String::new(),
                _ => take_text(input)?,
            },
        };
        if input.is_empty() { Ok(event) } else { Err(EventCodecError::Length) }
    }
}

fn pack(principal: PrincipalKind, auth: AuthKind) -> u8 {
    let principal = match principal {
        PrincipalKind::Anonymous => 0,
        PrincipalKind::Root => 1,
        PrincipalKind::Operator => 2,
        PrincipalKind::User => 3,
        PrincipalKind::RoleSession => 4,
        PrincipalKind::FederatedUser => 5,
    };
    let auth = match auth {
        AuthKind::Anonymous => 0,
        AuthKind::Header => 1,
        AuthKind::Query => 2,
        AuthKind::Local => 3,
        AuthKind::QueryV2 => 4,
        AuthKind::Form => 5,
        AuthKind::FormV2 => 6,
    };
    principal << 4 | auth
}

fn unpack(byte: u8) -> Result<(PrincipalKind, AuthKind), EventCodecError> {
    let principal = match byte >> 4 {
        0 => PrincipalKind::Anonymous,
        1 => PrincipalKind::Root,
        2 => PrincipalKind::Operator,
        3 => PrincipalKind::User,
        4 => PrincipalKind::RoleSession,
        5 => PrincipalKind::FederatedUser,
        _ => return Err(EventCodecError::Field("principal")),
    };
    let auth = match byte & 0x0f {
        0 => AuthKind::Anonymous,
        1 => AuthKind::Header,
        2 => AuthKind::Query,
        3 => AuthKind::Local,
        4 => AuthKind::QueryV2,
        5 => AuthKind::Form,
        6 => AuthKind::FormV2,
        _ => return Err(EventCodecError::Field("auth")),
    };
    Ok((principal, auth))
}

fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            out.put_u8(4);
            out.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put_u8(6);
            out.put_slice(&ip.octets());
        }
    }
}

fn ip_bytes(ip: IpAddr) -> usize {
    match ip {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

fn take_ip(input: &mut &[u8]) -> Result<IpAddr, EventCodecError> {
    match input.try_get_u8().map_err(|_| EventCodecError::Length)? {
        4 => Ok(Ipv4Addr::from(take::<4>(input)?).into()),
        6 => Ok(Ipv6Addr::from(take::<16>(input)?).into()),
        _ => Err(EventCodecError::Field("source_ip")),
    }
}

/// A length in two bytes, then the text. Longer texts are cut at a character border.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX.into());
    let kept = text.as_bytes().get(..end).unwrap_or_default();
    out.put_u16(u16::try_from(kept.len()).unwrap_or(TEXT_BYTES_MAX));
    out.put_slice(kept);
}

fn take_text(input: &mut &[u8]) -> Result<String, EventCodecError> {
    let length = usize::from(input.try_get_u16().map_err(|_| EventCodecError::Length)?);
    let (text, rest) = input.split_at_checked(length).ok_or(EventCodecError::Length)?;
    *input = rest;
    let text = std::str::from_utf8(text).map_err(|_| EventCodecError::Field("text"))?;
    Ok(text.to_owned())
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], EventCodecError> {
    let (bytes, rest) = input.split_first_chunk::<N>().ok_or(EventCodecError::Length)?;
    *input = rest;
    Ok(*bytes)
}

fn take_u64(input: &mut &[u8]) -> Result<u64, EventCodecError> {
    input.try_get_u64().map_err(|_| EventCodecError::Length)
}

const FORMAT_VERSION: u8 = 2;
const FIXED_BYTES: usize = 1 + 1 + 8 + 8 + 8 + 1 + 1 + 2 + 8 + 8; // all but address and texts
const ACCOUNT_NONE: u64 = u64::MAX; // account numbers are below 10^12
const TEXT_BYTES_MAX: u16 = 1024; // the longest object key

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> AuditEvent {
        AuditEvent {
            request_id: RequestId::from_bytes(*b"\x01\x02\x03\x04\x05\x06\x07\x08"),
            time: Timestamp::from_micros(1_767_323_045_678_901).unwrap(),
            service: "s3".into(),
            operation: "PutObject".into(),
            principal: PrincipalKind::Root,
            account: Some(AccountId::from_number(1).unwrap()),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            auth: AuthKind::Query,
            source_ip: "::1".parse().unwrap(),
            tls_version: 13,
            bucket: "bucket-name".into(),
            object_key: "photos/2026/ä.jpg".into(),
            version_id: String::new(),
            decision: "allow s3:PutObject by identity user/alice/w@3#0".into(),
            outcome: Outcome {
                status: 200,
                error_code: String::new(),
                received_bytes: 4096,
                sent_bytes: 0,
            },
        }
    }

    #[test]
    fn an_event_reads_back_as_written_and_is_small() {
        let bytes = event().encode();
        assert!(bytes.len() <= 300, "{}", bytes.len());
        let texts = event();
        let texts = [texts.service, texts.operation, texts.access_key_id, texts.bucket];
        let texts_bytes = texts.iter().map(String::len).sum::<usize>() + 16;
        let key_bytes = event().object_key.len() + event().decision.len();
        assert_eq!(bytes.len(), FIXED_BYTES + 16 + texts_bytes + key_bytes);
        assert_eq!(AuditEvent::decode(&bytes), Ok(event()));
    }

    #[test]
    fn every_kind_of_caller_reads_back_and_no_other() {
        use AuthKind::{Anonymous, Form, FormV2, Header, Local, Query, QueryV2};
        let principals = [
            PrincipalKind::Anonymous,
            PrincipalKind::Root,
            PrincipalKind::Operator,
            PrincipalKind::User,
            PrincipalKind::RoleSession,
            PrincipalKind::FederatedUser,
        ];
        for principal in principals {
            for auth in [Anonymous, Header, Query, Local, QueryV2, Form, FormV2] {
                let written = AuditEvent { principal, auth, ..event() };
                assert_eq!(AuditEvent::decode(&written.encode()), Ok(written));
            }
        }
        let mut bytes = event().encode().to_vec();
        for bad in [0x60, 0x07] {
            bytes[1] = bad;
            assert!(AuditEvent::decode(&bytes).is_err(), "{bad}");
        }
    }

    #[test]
    fn shortened_lengthened_and_foreign_bytes_are_refused() {
        let bytes = event().encode();
        for end in 0..bytes.len() {
            assert!(AuditEvent::decode(&bytes[..end]).is_err(), "{end}");
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(AuditEvent::decode(&longer), Err(EventCodecError::Length));
        longer[0] = 9;
        assert_eq!(AuditEvent::decode(&longer), Err(EventCodecError::Version(9)));
    }

    #[test]
    fn long_texts_are_cut_at_a_character_border() {
        let mut long = event();
        long.object_key = "ä".repeat(1000);
        let read = AuditEvent::decode(&long.encode()).unwrap();
        assert_eq!(read.object_key, "ä".repeat(512));
    }
}
