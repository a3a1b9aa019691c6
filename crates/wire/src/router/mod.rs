//! From a request to its operation.
//!
//! The route with the most specific query wins. A request that fits two routes neither of which
//! contains the other is refused: one layer must never see another operation than the next.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{ALLOW, CONTENT_TYPE};

use crate::cors::resource_type;
use crate::{ErrorResponse, OperationSpec, PathShape, RequestHead, Target};

/// A row of a routing table.
pub type RouteEntry = &'static OperationSpec;

/// The place of an operation in the table that the router was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationIndex(pub usize);

/// Why a request reaches no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two operations fit, or a parameter belongs to another operation than the rest.
    #[error("the request names more than one operation")]
    Ambiguous {
        /// A parameter or header that contradicts the others.
        name: &'static str,
    },
    /// Nothing of this method fits.
    #[error("the specified method is not allowed against this resource")]
    MethodNotAllowed {
        /// The method.
        method: String,
        /// What the path names, or the parameter that names more.
        resource_type: String,
        /// The methods that the resource has.
        allowed: Vec<&'static str>,
    },
    /// A query parameter that decides the operation is present twice.
    #[error("a query parameter is present more than once")]
    DuplicateQuery {
        /// The parameter.
        name: &'static str,
    },
    /// A query parameter that decides the operation has a value that no operation has.
    #[error("a query parameter has an unknown value")]
    UnknownValue {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A query parameter means something beside another one only, which is not there.
    #[error("this operation does not accept {name} without {missing}")]
    Incomplete {
        /// The parameter that is there.
        name: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// An upload by an HTML form: authenticated from its fields, so not routed here.
    #[error("the request is an upload by form")]
    FormUpload,
    /// A CORS preflight: answered from the bucket's CORS rules, so not routed here.
    #[error("the request is a CORS preflight")]
    Preflight,
}

impl RouteError {
    /// The answer in S3's terms. A form upload or preflight that nobody serves is refused.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        let message = self.to_string();
        match self {
            Self::Ambiguous { name } => {
                ErrorResponse::new("InvalidRequest", 400, message).element("ArgumentName", *name)
            }
            Self::MethodNotAllowed { method, resource_type, allowed } => {
                ErrorResponse::new("MethodNotAllowed", 405, message)
                    .element("Method", method)
                    .element("ResourceType", resource_type)
                    .header(ALLOW, &allowed.join(", "))
            }
            Self::DuplicateQuery { name } => {
                ErrorResponse::new("InvalidArgument", 400, message).element("ArgumentName", *name)
            }
            Self::UnknownValue { name, value } => {
                ErrorResponse::new("InvalidArgument", 400, message)
                    .element("ArgumentName", *name)
                    .element("ArgumentValue", value)
            }
            // COMPAT: S3 itself gives the name as the value.
            Self::Incomplete { name, .. } => ErrorResponse::new("InvalidArgument", 400, message)
                .element("ArgumentName", *name)
                .element("ArgumentValue", *name),
            Self::FormUpload | Self::Preflight => ErrorResponse::new(
                "NotImplemented",
                501,
                "a header or query you provided implies functionality that is not implemented",
            ),
        }
    }
}

/// A routing table, ready for lookups.
#[derive(Debug)]
pub struct Router {
    entries: Vec<RouteEntry>,
    /// The entries of one path shape and method, with their indexes.
    groups: BTreeMap<(PathShape, &'static str), Vec<(usize, RouteEntry)>>,
    /// Every query parameter that decides an operation anywhere.
    deciding: BTreeSet<&'static str>,
}

impl Router {
    /// A router for these operations.
    #[must_use]
    pub fn new(entries: &[RouteEntry]) -> Self {
        let mut groups: BTreeMap<_, Vec<(usize, RouteEntry)>> = BTreeMap::new();
        let mut deciding = BTreeSet::new();
        for (index, spec) in entries.iter().enumerate() {
            groups.entry((spec.path, spec.method)).or_default().push((index, *spec));
            deciding.extend(spec.query.iter().map(|(name, _)| *name));
            deciding.extend(spec.required_query());
        }
        Self { entries: entries.to_vec(), groups, deciding }
    }

    /// The operation at an index.
    #[must_use]
    pub fn spec(&self, index: OperationIndex) -> Option<RouteEntry> {
        self.entries.get(index.0).copied()
    }

    /// Finds the operation that a request asks for.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn route(&self, head: &RequestHead, target: &Target) -> Result<OperationIndex, RouteError> {
        if head.method == http::Method::OPTIONS {
            return Err(RouteError::Preflight);
        }
        let present = self.deciding_parameters(head)?;
        if present.is_empty() && is_form_upload(head, target) {
            return Err(RouteError::FormUpload);
        }
        let group = self.groups.get(&(target.shape, head.method.as_str()));
        let candidates = group.map(Vec::as_slice).unwrap_or_default();
        let refusal = || self.not_allowed(head, target, &present);
        let (index, winner) = best(head, candidates)?.ok_or_else(refusal)?;
        let mut present_names = present.iter().copied();
        if let Some(name) = present_names.find(|name| !winner.takes_query(name)) {
            return Err(match foreign_parameter(head, name, winner, candidates) {
                Foreign::Other(error) => error,
                Foreign::OtherMethod => refusal(),
                // What other methods take alone is a resource that this method does not have.
                Foreign::Incomplete(error) => match self.names_a_resource(target, name) {
                    true => refusal(),
                    false => error,
                },
            });
        }
        check_headers(head, winner, candidates)?;
        Ok(OperationIndex(index))
    }

    /// Query parameters of the request that decide an operation somewhere.
    fn deciding_parameters(&self, head: &RequestHead) -> Result<Vec<&'static str>, RouteError> {
        let mut present = Vec::new();
        for (name, _) in head.query.iter() {
            let Some(name) = self.deciding.get(name).copied() else {
                continue;
            };
            if present.contains(&name) {
                return Err(RouteError::DuplicateQuery { name });
            }
            present.push(name);
        }
        Ok(present)
    }

    /// Whether some method takes this parameter without another one.
    fn names_a_resource(&self, target: &Target, name: &str) -> bool {
        let mut of_shape = self.entries.iter().filter(|spec| spec.path == target.shape);
        of_shape.any(|spec| decides(spec, name) && spec.required_query().all(|other| other == name))
    }

    /// The refusal of a method, with the methods that there are.
    fn not_allowed(
        &self,
        head: &RequestHead,
        target: &Target,
        present: &[&'static str],
    ) -> RouteError {
        let of_shape = || self.entries.iter().filter(|spec| spec.path == target.shape);
        let named = present.iter().find(|name| of_shape().any(|spec| decides(spec, name)));
        let fits = |spec: &&RouteEntry| match named {
            Some(name) => decides(spec, name) && spec.method != head.method.as_str(),
            None => spec.query.is_empty() && spec.required_query().next().is_none(),
        };
        let allowed: BTreeSet<_> = of_shape().filter(fits).map(|spec| spec.method).collect();
        let resource_type = match named {
            Some(&"uploadId") => "UPLOAD".to_owned(),
            Some(name) => name.to_ascii_uppercase(),
            None => resource_type(target.shape).to_owned(),
        };
        let (method, allowed) = (head.method.to_string(), allowed.into_iter().collect());
        RouteError::MethodNotAllowed { method, resource_type, allowed }
    }
}

/// What a parameter does that decides another operation than the one found.
enum Foreign {
    /// It contradicts the operation, or has a value that means none.
    Other(RouteError),
    /// It belongs to another method.
    OtherMethod,
    /// It belongs to another operation of the method, beside a parameter that is not there.
    Incomplete(RouteError),
}

fn foreign_parameter(
    head: &RequestHead,
    name: &'static str,
    winner: RouteEntry,
    candidates: &[(usize, RouteEntry)],
) -> Foreign {
    let mut specs = candidates.iter().map(|(_, spec)| *spec);
    let fixed = specs.clone().flat_map(|spec| spec.query).any(|(other, value)| {
        *other == name && value.is_some_and(|value| head.query.get(name) != Some(value))
    });
    if fixed {
        let value = head.query.get(name).unwrap_or_default().to_owned();
        return Foreign::Other(RouteError::UnknownValue { name, value });
    }
    let Some(spec) = specs.find(|spec| decides(spec, name)) else {
        return Foreign::OtherMethod;
    };
    let is_plain = winner.query.is_empty() && winner.required_query().next().is_none();
    match spec.required_query().find(|other| !head.query.contains(other)) {
        Some(missing) if is_plain => Foreign::Incomplete(RouteError::Incomplete { name, missing }),
        Some(_) | None => Foreign::Other(RouteError::Ambiguous { name }),
    }
}

/// The most specific candidate that fits.
fn best(
    head: &RequestHead,
    candidates: &[(usize, RouteEntry)],
) -> Result<Option<(usize, RouteEntry)>, RouteError> {
    let fitting = candidates.iter().filter(|(_, spec)| fits(head, spec));
    let fitting: Vec<_> = fitting.copied().collect();
    let Some((_, longest)) = fitting.iter().max_by_key(|(_, spec)| spec.query.len()) else {
        return Ok(None);
    };
    // The route's own parameters first: `?acl&tagging` fits two routes, and neither contains the
    // other.
    for (name, _) in fitting.iter().flat_map(|(_, spec)| spec.query) {
        if !longest.query.iter().any(|(other, _)| other == name) {
            return Err(RouteError::Ambiguous { name });
        }
    }
    let same_route = |spec: &RouteEntry| spec.query.len() == longest.query.len();
    let same: Vec<_> = fitting.iter().filter(|(_, spec)| same_route(spec)).collect();
    // Then the members that must be present: `PutObject` and `CopyObject` differ by a header.
    let whole: Vec<_> = same.iter().filter(|(_, spec)| has_required(head, spec)).collect();
    let Some((index, winner)) = whole.iter().max_by_key(|(_, spec)| required_count(spec)) else {
        // Nothing is whole. If the route's own parameters name an operation, it is taken all the
        // same, so that the answer says what is missing.
        let named =
            |spec: RouteEntry| !spec.query.is_empty() || matches!(spec.path, PathShape::Fixed(_));
        return Ok(same.first().filter(|(_, spec)| named(spec)).map(|found| **found));
    };
    for (_, spec) in &whole {
        let query = spec.required_query().find(|name| !winner.takes_query(name));
        let header = spec.required_headers().find(|name| !winner.takes_header(name));
        if let Some(name) = query.or(header) {
            return Err(RouteError::Ambiguous { name });
        }
    }
    Ok(Some((*index, winner)))
}

/// Refuses headers that decide another operation than the one found.
fn check_headers(
    head: &RequestHead,
    winner: RouteEntry,
    candidates: &[(usize, RouteEntry)],
) -> Result<(), RouteError> {
    let deciding = candidates.iter().flat_map(|(_, spec)| spec.required_headers());
    for name in deciding {
        if head.headers.contains_key(name) && !winner.takes_header(name) {
            return Err(RouteError::Ambiguous { name });
        }
    }
    Ok(())
}

/// Whether the request has all parameters of the route, with their fixed values.
fn fits(head: &RequestHead, spec: RouteEntry) -> bool {
    spec.query.iter().all(|(name, fixed)| match fixed {
        Some(value) => head.query.get(name) == Some(value),
        None => head.query.contains(name),
    })
}

fn has_required(head: &RequestHead, spec: RouteEntry) -> bool {
    spec.required_query().all(|name| head.query.contains(name))
        && spec.required_headers().all(|name| head.headers.contains_key(name))
}

fn required_count(spec: RouteEntry) -> usize {
    spec.required_query().count() + spec.required_headers().count()
}

fn decides(spec: RouteEntry, name: &str) -> bool {
    spec.query.iter().any(|(other, _)| *other == name)
        || spec.required_query().any(|other| other == name)
}

fn is_form_upload(head: &RequestHead, target: &Target) -> bool {
    let value = head.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let form = |value: &[u8]| {
        let start = value.get(..FORM_TYPE.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(FORM_TYPE))
    };
    head.method == http::Method::POST
        && target.shape == PathShape::Bucket
        && value.is_some_and(form)
}

const FORM_TYPE: &[u8] = b"multipart/form-data";

#[cfg(test)]
mod tests;
