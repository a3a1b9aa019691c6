//! Tests of the router on a small table; the model tests the whole one.

use http::{HeaderMap, HeaderName, Method};

use super::*;
use crate::{HostRules, InputKind, parse_target};

const fn spec(
    name: &'static str,
    method: &'static str,
    path: PathShape,
    query: &'static [(&'static str, Option<&'static str>)],
    members: &'static [crate::MemberSpec],
) -> OperationSpec {
    let (status, input, checksum_required) = (200, InputKind::None, false);
    OperationSpec { name, method, path, query, status, input, checksum_required, members }
}

static LIST: OperationSpec = spec("List", "GET", PathShape::Bucket, &[], crate::members! {});
static LIST_V2: OperationSpec =
    spec("ListV2", "GET", PathShape::Bucket, &[("list-type", Some("2"))], crate::members! {});
static GET: OperationSpec = spec(
    "Get",
    "GET",
    PathShape::Object,
    &[],
    crate::members! {
        0 "PartNumber" Query("partNumber") Integer optional,
    },
);
static GET_ACL: OperationSpec =
    spec("GetAcl", "GET", PathShape::Object, &[("acl", None)], crate::members! {});
static GET_TAGGING: OperationSpec =
    spec("GetTagging", "GET", PathShape::Object, &[("tagging", None)], crate::members! {});
static PUT: OperationSpec = spec("Put", "PUT", PathShape::Object, &[], crate::members! {});
static COPY: OperationSpec = spec(
    "Copy",
    "PUT",
    PathShape::Object,
    &[],
    crate::members! {
        0 "CopySource" Header("x-amz-copy-source") Text required,
    },
);
static PART: OperationSpec = spec(
    "Part",
    "PUT",
    PathShape::Object,
    &[],
    crate::members! {
        0 "PartNumber" Query("partNumber") Integer required,
        0 "UploadId" Query("uploadId") Text required,
    },
);
static PARTS: OperationSpec = OF_UPLOAD;
static ABORT: OperationSpec = OperationSpec { name: "Abort", method: "DELETE", ..OF_UPLOAD };
const OF_UPLOAD: OperationSpec = spec(
    "Parts",
    "GET",
    PathShape::Object,
    &[],
    crate::members! {
        0 "UploadId" Query("uploadId") Text required,
    },
);
static PUT_REPORT: OperationSpec = spec(
    "PutReport",
    "PUT",
    PathShape::Bucket,
    &[("report", None)],
    crate::members! {
        0 "Id" Query("id") Text required,
    },
);

fn route(
    method: Method,
    path: &str,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<&'static str, RouteError> {
    let entries: [RouteEntry; 11] = [
        &LIST,
        &LIST_V2,
        &GET,
        &GET_ACL,
        &GET_TAGGING,
        &PUT,
        &COPY,
        &PART,
        &PARTS,
        &ABORT,
        &PUT_REPORT,
    ];
    let router = Router::new(&entries);
    let mut map = HeaderMap::new();
    map.insert("host", "localhost".parse().unwrap());
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    let head = RequestHead::new(method, path, query, map).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    router.route(&head, &target).map(|index| router.spec(index).unwrap().name)
}

#[test]
fn the_most_specific_route_wins() {
    assert_eq!(route(Method::GET, "/bucket", "", &[]), Ok("List"));
    assert_eq!(route(Method::GET, "/bucket", "list-type=2&prefix=a", &[]), Ok("ListV2"));
    assert_eq!(route(Method::GET, "/bucket/k", "", &[]), Ok("Get"));
    assert_eq!(route(Method::GET, "/bucket/k", "acl", &[]), Ok("GetAcl"));
    assert_eq!(route(Method::GET, "/bucket/k", "acl=", &[]), Ok("GetAcl"));
    let copy = [("x-amz-copy-source", "b/k")];
    assert_eq!(route(Method::PUT, "/bucket/k", "", &copy), Ok("Copy"));
    assert_eq!(route(Method::PUT, "/bucket/k", "partNumber=1&uploadId=u", &[]), Ok("Part"));
    assert_eq!(route(Method::GET, "/bucket/k", "partNumber=1", &[]), Ok("Get"));
}

#[test]
fn the_name_that_some_clients_add_never_routes() {
    assert_eq!(route(Method::GET, "/bucket/k", "x-id=GetAcl", &[]), Ok("Get"));
    assert_eq!(route(Method::GET, "/bucket/k", "acl&x-id=Put", &[]), Ok("GetAcl"));
}

#[test]
fn a_request_for_two_operations_is_refused() {
    for (method, query, headers) in [
        (Method::GET, "acl&tagging", &[][..]),
        (Method::GET, "tagging&acl", &[]),
        (Method::GET, "partNumber=1&acl&tagging", &[]),
        (Method::PUT, "partNumber=1&uploadId=u", &[("x-amz-copy-source", "b/k")]),
    ] {
        let refused = route(method, "/bucket/k", query, headers);
        assert!(matches!(refused, Err(RouteError::Ambiguous { .. })), "{query} {refused:?}");
    }
}

#[test]
fn half_of_a_pair_is_no_operation() {
    let copy = [("x-amz-copy-source", "b/k")];
    for headers in [&[][..], &copy] {
        let refused = route(Method::PUT, "/bucket/k", "partNumber=1", headers).unwrap_err();
        let (name, missing) = ("partNumber", "uploadId");
        assert_eq!(refused, RouteError::Incomplete { name, missing });
        let refused = refused.s3();
        assert_eq!((&*refused.code, refused.status), ("InvalidArgument", 400));
        // Other methods have uploads, so that this one names one.
        let refused = route(Method::PUT, "/bucket/k", "uploadId=u", headers).unwrap_err().s3();
        let elements = [("Method", "PUT".to_owned()), ("ResourceType", "UPLOAD".to_owned())];
        assert_eq!((refused.status, &refused.elements[..]), (405, &elements[..]));
        assert_eq!(refused.headers, [(ALLOW, "DELETE, GET".parse().unwrap())]);
    }
}

#[test]
fn a_parameter_that_decides_and_is_there_twice_is_refused() {
    for query in ["acl&acl", "acl=1&acl=2", "partNumber=1&partNumber=2"] {
        let refused = route(Method::GET, "/bucket/k", query, &[]);
        assert!(matches!(refused, Err(RouteError::DuplicateQuery { .. })), "{query}");
    }
}

#[test]
fn a_known_parameter_that_no_operation_of_the_method_takes_is_refused() {
    for (method, path, query) in [
        (Method::PUT, "/bucket/k", "acl"),
        (Method::GET, "/bucket", "acl"),
        (Method::PATCH, "/bucket/k", "uploadId=u"),
        (Method::DELETE, "/bucket/k", ""),
        (Method::POST, "/", ""),
        (Method::TRACE, "/bucket", ""),
    ] {
        let refused = route(method, path, query, &[]);
        assert!(
            matches!(refused, Err(RouteError::MethodNotAllowed { .. })),
            "{path}?{query} {refused:?}"
        );
    }
}

#[test]
fn a_refused_method_hears_which_ones_there_are() {
    let refused = |method, path, query| route(method, path, query, &[]).unwrap_err().s3();
    let post = refused(Method::DELETE, "/bucket/k", "");
    let elements = [("Method", "DELETE".to_owned()), ("ResourceType", "OBJECT".to_owned())];
    assert_eq!((post.status, &post.elements[..]), (405, &elements[..]));
    assert_eq!(post.headers, [(ALLOW, "GET, PUT".parse().unwrap())]);
    let acl = refused(Method::PUT, "/bucket/k", "acl");
    let elements = [("Method", "PUT".to_owned()), ("ResourceType", "ACL".to_owned())];
    assert_eq!((acl.status, &acl.elements[..]), (405, &elements[..]));
    assert_eq!(acl.headers, [(ALLOW, "GET".parse().unwrap())]);
}

#[test]
fn a_fixed_value_must_be_that_value() {
    let (name, value) = ("list-type", "3".to_owned());
    let refused = route(Method::GET, "/bucket", "list-type=3", &[]);
    assert_eq!(refused, Err(RouteError::UnknownValue { name, value }));
}

#[test]
fn a_route_without_its_required_member_is_still_found() {
    assert_eq!(route(Method::PUT, "/bucket", "report", &[]), Ok("PutReport"));
}

#[test]
fn forms_and_preflights_have_their_place() {
    let form = [("content-type", "Multipart/Form-Data; boundary=x")];
    assert_eq!(route(Method::POST, "/bucket", "", &form), Err(RouteError::FormUpload));
    let refused = route(Method::POST, "/bucket/k", "", &form);
    assert!(matches!(refused, Err(RouteError::MethodNotAllowed { .. })));
    let preflight = route(Method::OPTIONS, "/bucket/k", "", &[]);
    assert_eq!(preflight, Err(RouteError::Preflight));
}
