//! Which members a request has, found from the specification alone.
//!
//! The scan does not depend on the code that decodes: a member that a service refuses, or one that
//! nobody knows, is found even if no code reads it.

use crate::xml::{XmlDocument, XmlElement};
use crate::{Location, MemberSpec, OperationSpec, RequestHead, Target};

/// Members that a request has, as indexes into [`OperationSpec::members`], and names in it that
/// are no member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresentMembers {
    /// One flag for each member of the specification.
    seen: Vec<bool>,
    unknown: Vec<UnknownMember>,
}

/// A name in a request that no member of its operation has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownMember {
    /// A query parameter.
    Query(String),
    /// A header that starts with `x-amz-`, in lower case.
    Header(String),
    /// An element, with the elements around it, joined by dots.
    Element(String),
    /// An attribute, with the elements around it, joined by dots.
    Attribute(String),
}

impl UnknownMember {
    /// The name as it stands in the request.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Query(name)
            | Self::Header(name)
            | Self::Element(name)
            | Self::Attribute(name) => name,
        }
    }
}

impl PresentMembers {
    /// Whether the member at this index of the specification is present.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.seen.get(index).copied().unwrap_or(false)
    }

    /// Indexes of the members that are present, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(index, _)| index)
    }

    /// Names that are no member. Of elements and attributes at most the first 16, so that a hostile
    /// body cannot fill memory; of query parameters and headers all, as their number is limited.
    #[must_use]
    pub fn unknown(&self) -> &[UnknownMember] {
        &self.unknown
    }

    /// Looks at every name in a request.
    pub(crate) fn scan(
        spec: &OperationSpec,
        head: &RequestHead,
        target: &Target,
        document: Option<&XmlDocument<'_>>,
        body: Option<&[u8]>,
    ) -> Self {
        let mut found = Self { seen: vec![false; spec.members.len()], unknown: Vec::new() };
        for (index, member) in spec.members.iter().enumerate().filter(|(_, m)| m.depth == 0) {
            let present = match member.location {
                // Labels are bucket and key only; a path of another shape does not reach here.
                Location::Label => target.bucket.is_some(),
                Location::Text => body.is_some(),
                Location::Stream => true,
                Location::Root(_) => document.is_some(),
                _ => false,
            };
            if present {
                found.mark(index);
            }
        }
        found.scan_query(spec, head);
        found.scan_headers(spec, head);
        if let Some(document) = document {
            let root = spec.members.iter().position(|m| matches!(m.location, Location::Root(_)));
            found.scan_element(spec.members, root, document.root());
        }
        found
    }

    fn scan_query(&mut self, spec: &OperationSpec, head: &RequestHead) {
        for (name, _) in head.query.iter() {
            let fits = |m: &MemberSpec| matches!(m.location, Location::Query(n) if n == name);
            if let Some(index) = spec.members.iter().position(fits) {
                self.mark(index);
            } else if !spec.takes_query(name) && !is_protocol_query(name) {
                self.unknown.push(UnknownMember::Query(name.to_owned()));
            }
        }
    }

    fn scan_headers(&mut self, spec: &OperationSpec, head: &RequestHead) {
        for name in head.headers.keys().map(http::HeaderName::as_str) {
            let fits = |m: &MemberSpec| match m.location {
                Location::Header(n) => n == name,
                Location::HeaderPrefix(prefix) => name.starts_with(prefix),
                _ => false,
            };
            if let Some(index) = spec.members.iter().position(fits) {
                self.mark(index);
            } else if (name.starts_with("x-amz-") && !PROTOCOL_HEADERS.contains(&name))
                || CONDITIONS.contains(&name)
            {
                self.unknown.push(UnknownMember::Header(name.to_owned()));
            }
        }
    }

    /// Marks what stands in the element of member `parent`; `None` for an input whose members are
    /// children of the root.
    fn scan_element(
        &mut self,
        members: &'static [MemberSpec],
        parent: Option<usize>,
        element: XmlElement<'_>,
    ) {
        for (name, _) in element.attributes() {
            let fits = |m: &MemberSpec| matches!(m.location, Location::Attribute(n) if n == name);
            match child(members, parent, fits) {
                Some(index) => self.mark(index),
                None => self.note_in_body(|| {
                    UnknownMember::Attribute(format!("{}.{name}", element.path()))
                }),
            }
        }
        for inner in element.children() {
            let name = inner.name();
            let fits = |m: &MemberSpec| match m.location {
                Location::Element(n) | Location::Wrapped(n, _) => n == name,
                _ => false,
            };
            let Some(index) = child(members, parent, fits) else {
                self.note_in_body(|| UnknownMember::Element(inner.path()));
                continue;
            };
            self.mark(index);
            match members.get(index).map(|member| member.location) {
                Some(Location::Wrapped(_, item)) => self.scan_list(members, index, item, inner),
                _ => self.scan_element(members, Some(index), inner),
            }
        }
    }

    fn scan_list(
        &mut self,
        members: &'static [MemberSpec],
        index: usize,
        item: &str,
        list: XmlElement<'_>,
    ) {
        for inner in list.children() {
            if inner.name() == item {
                self.scan_element(members, Some(index), inner);
            } else {
                self.note_in_body(|| UnknownMember::Element(inner.path()));
            }
        }
    }

    fn mark(&mut self, index: usize) {
        if let Some(seen) = self.seen.get_mut(index) {
            *seen = true;
        }
    }

    fn note_in_body(&mut self, member: impl FnOnce() -> UnknownMember) {
        let in_body = |member: &&UnknownMember| {
            matches!(member, UnknownMember::Element(_) | UnknownMember::Attribute(_))
        };
        if self.unknown.iter().filter(in_body).count() < UNKNOWN_IN_BODY_MAX {
            self.unknown.push(member());
        }
    }
}

/// The index of the child of `parent` that fits.
fn child(
    members: &[MemberSpec],
    parent: Option<usize>,
    fits: impl Fn(&MemberSpec) -> bool,
) -> Option<usize> {
    let (start, depth) = match parent {
        Some(index) => (index + 1, members.get(index)?.depth + 1),
        None => (0, 0),
    };
    let inside = members.iter().enumerate().skip(start).take_while(|(_, m)| m.depth >= depth);
    inside.filter(|(_, m)| m.depth == depth).find(|(_, m)| fits(m)).map(|(index, _)| index)
}

/// Query parameters of the protocol itself: presigning, and the name of the operation that some
/// clients add, which never decides anything.
fn is_protocol_query(name: &str) -> bool {
    name == "x-id" || PROTOCOL_QUERY.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// Conditions of HTTP: no operation may pass over one that it does not have.
const CONDITIONS: [&str; 4] =
    ["if-match", "if-modified-since", "if-none-match", "if-unmodified-since"];

const UNKNOWN_IN_BODY_MAX: usize = 16; // enough for a message
const PROTOCOL_QUERY: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Content-Sha256",
];
/// Headers of the protocol itself, which are judged by the signature and payload layers.
const PROTOCOL_HEADERS: [&str; 18] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-md5",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-sha512",
    "x-amz-checksum-xxhash128",
    "x-amz-checksum-xxhash3",
    "x-amz-checksum-xxhash64",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];
