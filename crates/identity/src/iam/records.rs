//! Users, groups, roles and managed policies as they are stored: `docs/formats/iam-record.md`.

use std::collections::BTreeMap;

use strongroom_types::{AccessKeyId, AccountId, Timestamp};

use crate::codec::{Malformed, Reader, pairs, put_count, put_long, put_pairs, put_texts, texts};
use crate::records::timestamp;

/// What a record is of. Names are unique in an account within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    Policy,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::Group, Self::Role, Self::Policy];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Group => 2,
            Self::Role => 3,
            Self::Policy => 4,
        }
    }

    /// The word in ARNs and messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
        }
    }

    /// What unique ids start with. SPEC: access-control, 0.1.
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::Policy => "ANPA",
        }
    }
}

/// A user, group, role or managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The unique id, never used again.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Starts and ends with a slash.
    pub(crate) path: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Vec<(String, String)>,
    /// The ARNs of attached policies, in the order in which they were attached.
    pub(crate) attached: Vec<String>,
    /// Inline policies by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// The ARN of the policy that is the permissions boundary.
    pub(crate) boundary: Option<String>,
    pub(crate) detail: Detail,
}

/// What each kind has beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detail {
    User {
        /// Unique ids of groups.
        groups: Vec<String>,
        access_key_ids: Vec<AccessKeyId>,
    },
    Group,
    Role {
        trust: String,
        description: String,
        max_session_seconds: u32,
    },
    Policy {
        description: String,
        updated: Timestamp,
        default_version: u32,
        /// The number that the next version gets: numbers are never used again.
        next_version: u32,
        versions: Vec<(u32, Timestamp)>,
    },
}

impl Record {
    pub(crate) fn kind(&self) -> Kind {
        match self.detail {
            Detail::User { .. } => Kind::User,
            Detail::Group => Kind::Group,
            Detail::Role { .. } => Kind::Role,
            Detail::Policy { .. } => Kind::Policy,
        }
    }

    pub(crate) fn arn(&self, account: AccountId) -> String {
        format!("arn:aws:iam::{account}:{}{}{}", self.kind().word(), self.path, self.name)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![FORMAT_VERSION, self.kind().code()];
        put_long(&mut out, &self.id)?;
        put_long(&mut out, &self.name)?;
        put_long(&mut out, &self.path)?;
        out.extend_from_slice(&self.created.micros().to_be_bytes());
        put_pairs(&mut out, self.tags.iter().map(|(key, value)| (key, value)))?;
        put_texts(&mut out, &self.attached)?;
        put_pairs(&mut out, self.inline.iter())?;
        put_texts(&mut out, self.boundary.as_slice())?;
        match &self.detail {
            Detail::User { groups, access_key_ids } => {
                put_texts(&mut out, groups)?;
                let ids: Vec<_> = access_key_ids.iter().map(ToString::to_string).collect();
                put_texts(&mut out, &ids)?;
            }
            Detail::Group => {}
            Detail::Role { trust, description, max_session_seconds } => {
                put_long(&mut out, trust)?;
                put_long(&mut out, description)?;
                out.extend_from_slice(&max_session_seconds.to_be_bytes());
            }
            Detail::Policy { description, updated, default_version, next_version, versions } => {
                put_long(&mut out, description)?;
                out.extend_from_slice(&updated.micros().to_be_bytes());
                out.extend_from_slice(&default_version.to_be_bytes());
                out.extend_from_slice(&next_version.to_be_bytes());
                put_count(&mut out, versions.len())?;
                for (number, created) in versions {
                    out.extend_from_slice(&number.to_be_bytes());
                    out.extend_from_slice(&created.micros().to_be_bytes());
                }
            }
        }
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT_VERSION {
            return Err(Malformed);
        }
        let kind = reader.byte()?;
        let kind = Kind::ALL.into_iter().find(|known| known.code() == kind).ok_or(Malformed)?;
        let id = reader.long_text()?.to_owned();
        let name = reader.long_text()?.to_owned();
        let path = reader.long_text()?.to_owned();
        let created = timestamp(&mut reader)?;
        let tags = pairs(&mut reader)?;
        let attached = texts(&mut reader)?;
        let listed = pairs(&mut reader)?;
        let inline: BTreeMap<_, _> = listed.iter().cloned().collect();
        // Sorted, and none twice: else it would not be written like this again.
        if !inline.iter().eq(listed.iter().map(|(name, text)| (name, text))) {
            return Err(Malformed);
        }
        let mut boundary = texts(&mut reader)?;
        if boundary.len() > 1 {
            return Err(Malformed);
        }
        let boundary = boundary.pop();
        let detail = match kind {
            Kind::User => {
                let groups = texts(&mut reader)?;
                let ids = texts(&mut reader)?;
                let ids = ids.iter().map(|id| id.parse().map_err(|_| Malformed));
                Detail::User { groups, access_key_ids: ids.collect::<Result<_, _>>()? }
            }
            Kind::Group => Detail::Group,
            Kind::Role => Detail::Role {
                trust: reader.long_text()?.to_owned(),
                description: reader.long_text()?.to_owned(),
                max_session_seconds: reader.u32()?,
            },
            Kind::Policy => {
                let description = reader.long_text()?.to_owned();
                let updated = timestamp(&mut reader)?;
                let (default_version, next_version) = (reader.u32()?, reader.u32()?);
                let mut versions = Vec::new();
                for _ in 0..reader.u16()? {
                    versions.push((reader.u32()?, timestamp(&mut reader)?));
                }
                Detail::Policy { description, updated, default_version, next_version, versions }
            }
        };
        reader.end()?;
        Ok(Self { id, name, path, created, tags, attached, inline, boundary, detail })
    }
}

/// How much of each kind an account has. Written with every change of its identities, so that its
/// revision is the epoch of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// In the order of [`Kind::ALL`].
    pub(crate) counts: [u32; 4],
    pub(crate) alias: String,
}

impl Ledger {
    pub(crate) fn count(&mut self, kind: Kind) -> &mut u32 {
        let [users, groups, roles, policies] = &mut self.counts;
        match kind {
            Kind::User => users,
            Kind::Group => groups,
            Kind::Role => roles,
            Kind::Policy => policies,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![FORMAT_VERSION];
        for count in self.counts {
            out.extend_from_slice(&count.to_be_bytes());
        }
        put_long(&mut out, &self.alias)?;
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT_VERSION {
            return Err(Malformed);
        }
        let counts = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let alias = reader.long_text()?.to_owned();
        reader.end()?;
        Ok(Self { counts, alias })
    }
}

/// When an access key was last used, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastUsed {
    pub(crate) time: Timestamp,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl LastUsed {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![FORMAT_VERSION];
        out.extend_from_slice(&self.time.micros().to_be_bytes());
        put_long(&mut out, &self.region)?;
        put_long(&mut out, &self.service)?;
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT_VERSION {
            return Err(Malformed);
        }
        let time = timestamp(&mut reader)?;
        let region = reader.long_text()?.to_owned();
        let service = reader.long_text()?.to_owned();
        reader.end()?;
        Ok(Self { time, region, service })
    }
}

const FORMAT_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Record> {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let details = [
            Detail::User {
                groups: vec!["AGPAX".to_owned()],
                access_key_ids: vec!["AKIAIOSFODNN7EXAMPLE".parse().unwrap()],
            },
            Detail::Group,
            Detail::Role {
                trust: "{}".to_owned(),
                description: "d".to_owned(),
                max_session_seconds: 3600,
            },
            Detail::Policy {
                description: String::new(),
                updated: at(9),
                default_version: 2,
                next_version: 4,
                versions: vec![(2, at(7)), (3, at(8))],
            },
        ];
        let record = |detail| Record {
            id: "AIDAX".to_owned(),
            name: "Alice".to_owned(),
            path: "/team/".to_owned(),
            created: at(5),
            tags: vec![("k".to_owned(), "v".to_owned())],
            attached: vec!["arn:aws:iam::aws:policy/X".to_owned()],
            inline: BTreeMap::from([("p".to_owned(), "{}".to_owned())]),
            boundary: Some("arn:aws:iam::aws:policy/B".to_owned()),
            detail,
        };
        details.into_iter().map(record).collect()
    }

    #[test]
    fn records_read_back_and_nothing_shorter_or_longer_does() {
        for record in samples() {
            let bytes = record.encode().unwrap();
            assert_eq!(Record::decode(&bytes), Ok(record));
            for end in 0..bytes.len() {
                assert!(Record::decode(&bytes[..end]).is_err(), "{end}");
            }
            assert!(Record::decode(&[bytes, vec![0]].concat()).is_err());
        }
        let ledger = Ledger { counts: [1, 2, 3, 4], alias: "a".to_owned() };
        assert_eq!(Ledger::decode(&ledger.encode().unwrap()), Ok(ledger));
        let used = LastUsed {
            time: Timestamp::from_micros(1).unwrap(),
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
        };
        assert_eq!(LastUsed::decode(&used.encode().unwrap()), Ok(used));
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let group = samples().remove(1);
        let text =
            |text: &str| [&[0, 0, 0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let expected = [
            vec![1, 2],
            text("AIDAX"),
            text("Alice"),
            text("/team/"),
            vec![0, 0, 0, 0, 0, 0, 0, 5],
            vec![0, 1],
            text("k"),
            text("v"),
            vec![0, 1],
            text("arn:aws:iam::aws:policy/X"),
            vec![0, 1],
            text("p"),
            text("{}"),
            vec![0, 1],
            text("arn:aws:iam::aws:policy/B"),
        ];
        assert_eq!(group.encode().unwrap(), expected.concat());
    }
}
