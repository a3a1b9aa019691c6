//! The routing table as a whole.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use strongroom_model::s3;
use strongroom_wire::{HostRules, OperationSpec, PathShape, RequestHead, RouteError, parse_target};

use crate::vectors;

fn path(shape: PathShape) -> &'static str {
    match shape {
        PathShape::Service => "/",
        PathShape::Bucket => "/bucket",
        PathShape::Object => "/bucket/key",
        PathShape::Fixed(path) => path,
    }
}

fn route(
    method: &str,
    path: &str,
    query: &str,
    headers: &[&str],
) -> Result<&'static str, RouteError> {
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static("localhost"));
    for name in headers {
        let name = HeaderName::try_from(*name).unwrap();
        map.insert(name, HeaderValue::from_static("value"));
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let head = RequestHead::new(method, path, query, map).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    let router = vectors::router();
    router.route(&head, &target).map(|index| router.spec(index).unwrap().name)
}

/// Query of the smallest request of an operation.
fn query(spec: &OperationSpec) -> Vec<String> {
    let own = spec.query.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => (*name).to_owned(),
    });
    own.chain(spec.required_query().map(|name| format!("{name}=x"))).collect()
}

#[test]
fn there_are_111_operations_in_order() {
    let names: Vec<_> = s3::OPERATIONS.iter().map(|spec| spec.name).collect();
    assert_eq!(names.len(), 111);
    assert!(names.is_sorted());
    macro_rules! names {
        ($($name:ident,)*) => { [$(stringify!($name)),*] };
    }
    assert_eq!(strongroom_model::s3_operations!(names), names.as_slice());
}

#[test]
fn the_smallest_request_of_each_operation_reaches_it() {
    for spec in s3::OPERATIONS {
        let headers: Vec<_> = spec.required_headers().collect();
        let found = route(spec.method, path(spec.path), &query(spec).join("&"), &headers);
        assert_eq!(found, Ok(spec.name));
    }
}

#[test]
fn the_order_of_parameters_decides_nothing() {
    for spec in s3::OPERATIONS {
        let headers: Vec<_> = spec.required_headers().collect();
        let mut query = query(spec);
        query.push("x-id=GetObject".to_owned());
        query.reverse();
        let found = route(spec.method, path(spec.path), &query.join("&"), &headers);
        assert_eq!(found, Ok(spec.name));
    }
}

#[test]
fn each_request_of_botocore_reaches_its_operation() {
    let router = vectors::router();
    let mut seen = BTreeSet::new();
    for vector in vectors::all() {
        assert_eq!(vector.route(&router), vector.operation);
        seen.insert(vector.operation);
    }
    assert_eq!(seen.len(), 111);
}

#[test]
fn requests_for_two_operations_are_refused() {
    for (method, path, query, headers) in [
        ("GET", "/bucket", "acl&policy", &[][..]),
        ("GET", "/bucket", "policy&policyStatus", &[]),
        ("GET", "/bucket", "list-type=2&versions", &[]),
        ("PUT", "/bucket", "versioning&object-lock", &[]),
        ("GET", "/bucket/key", "uploadId=u&acl", &[]),
        ("PUT", "/bucket/key", "tagging", &["x-amz-copy-source"]),
        ("PUT", "/bucket/key", "retention&legal-hold", &[]),
        ("DELETE", "/bucket/key", "tagging&uploadId=u", &[]),
        ("POST", "/bucket/key", "uploads&uploadId=u", &[]),
        ("PUT", "/bucket/key", "uploadId=u&acl", &["x-amz-copy-source"]),
    ] {
        let refused = route(method, path, query, headers);
        assert!(matches!(refused, Err(RouteError::Ambiguous { .. })), "{query}: {refused:?}");
    }
}

#[test]
fn sub_resources_of_another_method_or_shape_are_refused() {
    for (method, path, query) in [
        ("DELETE", "/bucket/key", "acl"),
        ("HEAD", "/bucket/key", "tagging"),
        ("PUT", "/bucket/key", "torrent"),
        ("PUT", "/bucket/key", "uploadId=u"),
        ("GET", "/bucket/key", "versioning"),
        ("GET", "/bucket", "select"),
        ("GET", "/", "acl"),
        ("POST", "/bucket", "policy"),
        ("PUT", "/bucket", "delete"),
        ("POST", "/bucket/key", ""),
        ("PUT", "/", ""),
        ("PATCH", "/bucket/key", ""),
    ] {
        let refused = route(method, path, query, &[]);
        let refused_method = matches!(refused, Err(RouteError::MethodNotAllowed { .. }));
        assert!(refused_method, "{method} {path}?{query} {refused:?}");
    }
}

#[test]
fn deleting_part_of_an_object_never_deletes_the_object() {
    let mut parameters: BTreeSet<&str> = BTreeSet::new();
    for spec in s3::OPERATIONS {
        parameters.extend(spec.query.iter().map(|(name, _)| *name));
        parameters.extend(spec.required_query());
    }
    for (shape, whole) in [("/bucket/key", "DeleteObject"), ("/bucket", "DeleteBucket")] {
        for parameter in &parameters {
            let found = route("DELETE", shape, parameter, &[]);
            assert_ne!(found, Ok(whole), "{parameter}");
        }
    }
}

/// All parameters that decide an operation, and some that do not.
fn parameters() -> Vec<String> {
    let mut all: BTreeSet<String> = s3::OPERATIONS.iter().flat_map(|spec| query(spec)).collect();
    all.extend(
        ["x-id=PutObject", "versionId=x", "prefix=p", "foo", "acl=", "list-type=1"]
            .map(String::from),
    );
    all.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever is combined: no panic, and what is found has all that it requires, and no
    /// parameter of the request decides another operation.
    #[test]
    fn what_is_found_explains_every_parameter(
        method in select(vec!["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
        path in select(vec!["/", "/bucket", "/bucket/key", "/WriteGetObjectResponse"]),
        query in subsequence(parameters(), 0..4),
        headers in subsequence(vec!["x-amz-copy-source", "x-amz-object-attributes", "x-amz-rename-source"], 0..2),
    ) {
        let Ok(name) = route(method, path, &query.join("&"), &headers) else { return Ok(()) };
        let spec = s3::OPERATIONS.iter().find(|spec| spec.name == name).unwrap();
        prop_assert_eq!(spec.method, method);
        let names: Vec<&str> = query.iter().map(|q| q.split('=').next().unwrap()).collect();
        for (required, _) in spec.query {
            prop_assert!(names.contains(required));
        }
        let deciding = |name: &str| {
            let mut specs = s3::OPERATIONS.iter();
            specs.any(|s| s.query.iter().any(|(n, _)| *n == name) || s.required_query().any(|n| n == name))
        };
        for name in names {
            prop_assert!(spec.takes_query(name) || !deciding(name), "{} takes no {}", spec.name, name);
        }
    }
}
