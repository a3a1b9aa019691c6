use http::{HeaderMap, Method};

use super::*;
use crate::{ErrorResponse, HostRules, parse_target};

const ORIGIN: &str = "origin";
const METHOD: &str = "access-control-request-method";
const HEADERS: &str = "access-control-request-headers";

fn head(method: Method, path: &str, headers: &[(&str, &str)]) -> RequestHead {
    let mut map = HeaderMap::new();
    map.insert("host", "127.0.0.1:9000".parse().unwrap());
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    RequestHead::new(method, path, "", map).unwrap()
}

fn preflight(
    rules: Option<&CorsRules>,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<HeaderMap, ErrorResponse> {
    let head = head(Method::OPTIONS, path, headers);
    let target = parse_target(&head, &HostRules::default()).unwrap();
    let preflight = Preflight::parse(&head, &target).map_err(|error| error.s3())?;
    let answer = preflight.answer(rules).map_err(|error| error.s3())?;
    assert_eq!((answer.status().as_u16(), answer.body().content_length()), (200, 0));
    Ok(answer.headers().clone())
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn rule(origins: &[&str], methods: &[CorsMethod]) -> CorsRule {
    CorsRule {
        id: None,
        allowed_headers: Vec::new(),
        allowed_methods: methods.to_vec(),
        allowed_origins: texts(origins),
        expose_headers: Vec::new(),
        max_age_seconds: None,
    }
}

fn rules(rules: Vec<CorsRule>) -> CorsRules {
    CorsRules::new(rules).unwrap()
}

fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut shown: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    shown.sort_unstable();
    shown
}

#[test]
fn a_preflight_of_a_bucket_without_rules_is_forbidden() {
    for (path, resource_type) in [("/bucket", "BUCKET"), ("/bucket/k", "OBJECT")] {
        for method in CorsMethod::ALL {
            let method = method.as_str();
            let headers = [(ORIGIN, "https://example.com"), (METHOD, method)];
            let refused = preflight(None, path, &headers).unwrap_err();
            assert_eq!((refused.code.as_ref(), refused.status), ("AccessForbidden", 403));
            assert_eq!(refused.message, "CORSResponse: CORS is not enabled for this bucket.");
            let elements =
                [("Method", method.to_owned()), ("ResourceType", resource_type.to_owned())];
            assert_eq!(refused.elements, elements);
        }
    }
}

#[test]
fn a_preflight_says_who_asks_and_for_what() {
    let any = rules(vec![rule(&["*"], &CorsMethod::ALL)]);
    let refused = |headers: &[(&str, &str)]| preflight(Some(&any), "/bucket", headers).unwrap_err();
    let origin = (ORIGIN, "null");
    for headers in [vec![], vec![(METHOD, "GET")], vec![(ORIGIN, ""), (METHOD, "GET")]] {
        let refused = refused(&headers);
        assert_eq!((refused.code.as_ref(), refused.status), ("BadRequest", 400));
        assert_eq!(refused.message, "Insufficient information. Origin request header needed.");
    }
    let long = "X".repeat(1000);
    let cut = "X".repeat(64);
    for (headers, shown) in [
        (vec![origin], "null"),
        (vec![origin, (METHOD, "get")], "get"),
        (vec![origin, (METHOD, "PATCH")], "PATCH"),
        (vec![origin, (METHOD, long.as_str())], cut.as_str()),
    ] {
        let refused = refused(&headers);
        assert_eq!((refused.code.as_ref(), refused.status), ("BadRequest", 400));
        assert_eq!(refused.message, format!("Invalid Access-Control-Request-Method: {shown}"));
    }
}

#[test]
fn the_first_rule_that_fits_answers() {
    let first = CorsRule {
        allowed_headers: texts(&["x-amz-*", "Content-Type"]),
        expose_headers: texts(&["ETag", "x-amz-version-id"]),
        max_age_seconds: Some(3000),
        ..rule(&["https://a.example", "https://*.b.example"], &[CorsMethod::Put, CorsMethod::Get])
    };
    let rules = rules(vec![first, rule(&["*"], &[CorsMethod::Get])]);
    let ask = |headers: &[(&str, &str)]| preflight(Some(&rules), "/bucket/k", headers);
    let allowed = ask(&[
        (ORIGIN, "https://x.b.example"),
        (METHOD, "GET"),
        (HEADERS, "X-AMZ-Date, content-type,"),
    ]);
    let expected = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "x-amz-date, content-type"),
        ("access-control-allow-methods", "PUT, GET"),
        ("access-control-allow-origin", "https://x.b.example"),
        ("access-control-expose-headers", "ETag, x-amz-version-id"),
        ("access-control-max-age", "3000"),
        ("vary", VARIES_BY),
    ];
    assert_eq!(shown(&allowed.unwrap()), expected);
    let any = [
        ("access-control-allow-methods", "GET"),
        ("access-control-allow-origin", "*"),
        ("vary", VARIES_BY),
    ];
    assert_eq!(shown(&ask(&[(ORIGIN, "https://c"), (METHOD, "GET")]).unwrap()), any);
    // The first rule has the origin and the method, but not the header; the second has no headers.
    for headers in [
        vec![(ORIGIN, "https://a.example"), (METHOD, "GET"), (HEADERS, "x-other")],
        vec![(ORIGIN, "https://a.example"), (METHOD, "DELETE")],
        vec![(ORIGIN, "https://c"), (METHOD, "PUT")],
    ] {
        let refused = ask(&headers).unwrap_err();
        assert_eq!((refused.code.as_ref(), refused.status), ("AccessForbidden", 403));
        assert!(refused.message.starts_with("CORSResponse: This CORS request is not allowed. "));
    }
}

#[test]
fn a_wildcard_stands_for_any_text_and_letters_of_origins_count() {
    let allows = |pattern: &str, origin: &str| {
        let rules = rules(vec![rule(&[pattern], &[CorsMethod::Get])]);
        preflight(Some(&rules), "/bucket", &[(ORIGIN, origin), (METHOD, "GET")]).is_ok()
    };
    for (pattern, origin) in [
        ("*", "null"),
        ("*suffix", "foo.suffix"),
        ("*suffix", "suffix"),
        ("start*end", "startend"),
        ("start*end", "start12end"),
        ("prefix*", "prefix"),
        ("https://a.example", "https://a.example"),
    ] {
        assert!(allows(pattern, origin), "{pattern} {origin}");
    }
    for (pattern, origin) in [
        ("*suffix", "foo.suffix.get"),
        ("start*end", "0start12end"),
        ("start*end", "star"),
        ("aba*aba", "aba"),
        ("aba*aba", "ababa"),
        ("prefix*", "bla.prefix"),
        ("https://a.example", "https://A.example"),
        ("https://a.example", "https://a.example.evil"),
        ("https://a.example", "http://a.example"),
        ("https://*.a.example", "https://a.example"),
    ] {
        assert!(!allows(pattern, origin), "{pattern} {origin}");
    }
}

#[test]
fn a_request_says_one_origin_and_one_method() {
    let any =
        rules(vec![CorsRule { allowed_headers: texts(&["*"]), ..rule(&["*"], &CorsMethod::ALL) }]);
    let many = vec!["x"; 101].join(",");
    for headers in [
        vec![(ORIGIN, "a"), (ORIGIN, "b"), (METHOD, "GET")],
        vec![(ORIGIN, "a"), (METHOD, "GET"), (METHOD, "PUT")],
        vec![(ORIGIN, "a"), (METHOD, "GET"), (HEADERS, "a b")],
        vec![(ORIGIN, "a"), (METHOD, "GET"), (HEADERS, "a\tb")],
        vec![(ORIGIN, "a"), (METHOD, "GET"), (HEADERS, "x-ü")],
        vec![(ORIGIN, "a"), (METHOD, "GET"), (HEADERS, many.as_str())],
    ] {
        let refused = preflight(Some(&any), "/bucket", &headers).unwrap_err();
        assert_eq!((refused.code.as_ref(), refused.status), ("AccessForbidden", 403));
        let actual = CorsRequest::of(&head(Method::GET, "/bucket", &headers));
        assert_eq!(actual.and_then(|request| any.answer(&request)), None, "{headers:?}");
    }
    let hundred = vec!["x"; 100].join(",");
    let headers = [(ORIGIN, "a"), (METHOD, "GET"), (HEADERS, hundred.as_str())];
    assert!(preflight(Some(&any), "/bucket", &headers).is_ok());
}

#[test]
fn a_request_is_judged_by_its_method_or_the_one_it_asks_for() {
    let rules = rules(vec![rule(&["a"], &[CorsMethod::Get])]);
    let fits = |method: Method, headers: &[(&str, &str)]| {
        let request = CorsRequest::of(&head(method, "/bucket", headers));
        request.and_then(|request| rules.answer(&request)).is_some()
    };
    assert!(fits(Method::GET, &[(ORIGIN, "a")]));
    assert!(fits(Method::PUT, &[(ORIGIN, "a"), (METHOD, "GET")]));
    assert!(!fits(Method::GET, &[]));
    assert!(!fits(Method::GET, &[(ORIGIN, "b")]));
    assert!(!fits(Method::HEAD, &[(ORIGIN, "a")]));
    assert!(!fits(Method::PATCH, &[(ORIGIN, "a")]));
    assert!(!fits(Method::GET, &[(ORIGIN, "a"), (METHOD, "PUT")]));
    assert!(!fits(Method::GET, &[(ORIGIN, "a"), (HEADERS, "x-amz-date")]));
}

#[test]
fn rules_have_limits() {
    let good = || rule(&["a"], &[CorsMethod::Get]);
    let judged = |rules| CorsRules::new(rules).map(|_| ());
    assert_eq!(judged(Vec::new()), Err(CorsRuleError::Missing));
    assert_eq!(judged(vec![good(); 100]), Ok(()));
    assert_eq!(judged(vec![good(); 101]), Err(CorsRuleError::TooMany));
    assert_eq!(judged(vec![rule(&[], &[CorsMethod::Get])]), Err(CorsRuleError::Missing));
    assert_eq!(judged(vec![rule(&["a"], &[])]), Err(CorsRuleError::Missing));
    let named = |chars| CorsRule { id: Some("ü".repeat(chars)), ..good() };
    assert_eq!(judged(vec![named(255)]), Ok(()));
    assert_eq!(judged(vec![named(256)]), Err(CorsRuleError::IdTooLong));
    // 49 for the rule with its tags and method, 31 for the tags of the origin.
    let around = "<CORSRule></CORSRule><AllowedMethod>GET</AllowedMethod>".len();
    let room = 64 * 1024 - around - "<AllowedOrigin></AllowedOrigin>".len();
    let long = |bytes: usize| vec![rule(&["o".repeat(bytes).as_str()], &[CorsMethod::Get])];
    assert_eq!(judged(long(room)), Ok(()));
    assert_eq!(judged(long(room + 1)), Err(CorsRuleError::TooLarge));
}

#[test]
fn texts_of_rules_can_stand_in_headers() {
    let judged = |change: fn(&mut CorsRule, String), value: &str| {
        let mut rule = rule(&["a"], &[CorsMethod::Get]);
        change(&mut rule, value.to_owned());
        CorsRules::new(vec![rule]).map(|_| ())
    };
    let origin: fn(&mut CorsRule, String) = |rule, value| rule.allowed_origins.push(value);
    let header: fn(&mut CorsRule, String) = |rule, value| rule.allowed_headers.push(value);
    let expose: fn(&mut CorsRule, String) = |rule, value| rule.expose_headers.push(value);
    for (element, change) in
        [("AllowedOrigin", origin), ("AllowedHeader", header), ("ExposeHeader", expose)]
    {
        assert_eq!(judged(change, "x-a b"), Ok(()));
        for bad in ["", "a\r\nx-evil: 1", "a\n", "\0", "ü", "\u{7f}", "a\tb"] {
            assert_eq!(judged(change, bad), Err(CorsRuleError::Text { element }), "{bad:?}");
        }
    }
    for (element, change) in [("AllowedOrigin", origin), ("AllowedHeader", header)] {
        assert_eq!(judged(change, "*"), Ok(()));
        let value = "http://*.*".to_owned();
        let refused = Err(CorsRuleError::Wildcards { element, value });
        assert_eq!(judged(change, "http://*.*"), refused);
    }
    assert_eq!(judged(expose, "x-*"), Err(CorsRuleError::ExposedWildcard("x-*".to_owned())));
}
