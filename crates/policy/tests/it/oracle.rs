//! The specification, executable: a slow evaluator written from section 2 of the document on access
//! control, over the raw JSON, with matching by plain recursion. It shares no code with the crate and
//! is as literal as can be; nobody should want to run it.

use std::net::IpAddr;

use serde_json::Value;

use super::world::{Given, Who, World, canonical};

/// What the oracle says: allowed, or a reason and, if a statement denies, its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) reason: &'static str,
    pub(crate) set: &'static str,
}

fn allow() -> Verdict {
    Verdict { allowed: true, reason: "", set: "" }
}

fn deny(reason: &'static str, set: &'static str) -> Verdict {
    Verdict { allowed: false, reason, set }
}

/// Section 2.11, line by line.
pub(crate) fn decide(w: &World) -> Verdict {
    let request = w.resource.as_str();
    let bucket = w.access_point.as_ref().map_or(request, |(_, behind)| behind.as_str());
    let through_access_point = w.access_point.is_some();
    let account = account_of(&w.who);
    let of_owner = account == Some(w.owner.as_str());
    let is_root = matches!(w.who, Who::Root { .. });
    let is_service = matches!(w.who, Who::Service(_));
    let lower = w.action.to_lowercase();
    let policy_action =
        ["s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"].contains(&&*lower);
    // SCPs do not apply to services, nor to those who are no principals of an account.
    let scp = if account.is_some() { w.scp.as_ref() } else { None };
    let endpoint: Vec<&Value> = w.endpoint.iter().collect();
    let resource_policy: Vec<&Value> = w.resource_policy.iter().collect();
    let point: Vec<&Value> = w.access_point.iter().flat_map(|(policy, _)| policy).collect();
    let identity: Vec<&Value> = w.identity.iter().collect();
    let boundary: Vec<&Value> = w.boundary.iter().collect();
    let session: Vec<&Value> = w.session.iter().flatten().collect();
    let rcp: Vec<&Value> = w.rcp.iter().flatten().flatten().collect();
    let scps: Vec<&Value> = scp.into_iter().flatten().flatten().collect();

    // Explicit denies, in the order of 2.10.
    let denies =
        |policies: &[&Value], resource: &str| !applies(w, policies, "Deny", resource).is_empty();
    let denies_either = |policies: &[&Value]| denies(policies, request) || denies(policies, bucket);
    if denies_either(&rcp) {
        return deny("explicit-deny", "rcp");
    }
    if denies(&scps, request) {
        return deny("explicit-deny", "scp");
    }
    if denies_either(&endpoint) {
        return deny("explicit-deny", "endpoint");
    }
    if denies(&point, request) {
        return deny("explicit-deny", "access-point");
    }
    let unlocked = is_root && of_owner && policy_action;
    if !unlocked && denies(&resource_policy, bucket) {
        return deny("explicit-deny", "resource");
    }
    if denies(&identity, request) {
        return deny("explicit-deny", "identity");
    }
    if denies(&boundary, request) {
        return deny("explicit-deny", "boundary");
    }
    if denies(&session, request) {
        return deny("explicit-deny", "session");
    }

    // Guards: at every level.
    let allows =
        |policies: &[&Value], resource: &str| !applies(w, policies, "Allow", resource).is_empty();
    for level in scp.into_iter().flatten() {
        if !allows(&level.iter().collect::<Vec<_>>(), request) {
            return deny("scp", "");
        }
    }
    for level in w.rcp.iter().flatten() {
        let level: Vec<&Value> = level.iter().collect();
        if !allows(&level, request) || !allows(&level, bucket) {
            return deny("rcp", "");
        }
    }
    if w.endpoint.is_some() && (!allows(&endpoint, request) || !allows(&endpoint, bucket)) {
        return deny("endpoint", "");
    }

    // RestrictPublicBuckets.
    let public = resource_policy.iter().any(|policy| is_public(policy, false))
        || point.iter().any(|policy| is_public(policy, true));
    if w.restrict_public && public && !is_service && !of_owner {
        return deny("public-access-block", "");
    }

    let verdict = grants(w, &resource_policy, &point, bucket, through_access_point, &allows);
    let owner_only = policy_action
        || ["s3:getbucketownershipcontrols", "s3:putbucketownershipcontrols"].contains(&&*lower);
    if verdict.allowed && owner_only && !of_owner {
        return deny("owner-only", "");
    }
    verdict
}

fn grants(
    w: &World,
    resource_policy: &[&Value],
    point: &[&Value],
    bucket: &str,
    through_access_point: bool,
    allows: &dyn Fn(&[&Value], &str) -> bool,
) -> Verdict {
    let request = w.resource.as_str();
    // Who owns what the action is about.
    let on_object = [
        "getobject",
        "getobjectversion",
        "getobjectacl",
        "getobjectversionacl",
        "putobjectacl",
        "putobjectversionacl",
        "getobjecttagging",
        "putobjecttagging",
    ];
    let name = w.action.to_lowercase();
    let is_objects = name.strip_prefix("s3:").is_some_and(|name| on_object.contains(&name));
    let object_owner = if is_objects { w.object_owner.clone() } else { None };
    let owner: Option<String> = match object_owner {
        Some(owner) => owner,
        None => Some(w.owner.clone()),
    };
    let foreign = owner.as_deref() != Some(&w.owner);

    let mut res: Vec<&str> = applies(w, resource_policy, "Allow", bucket);
    if through_access_point {
        // Both must grant; the narrower way of being named counts.
        let of_point = applies(w, point, "Allow", request);
        let mut both = Vec::new();
        for one in &of_point {
            for other in &res {
                both.push(if rank(one) < rank(other) { *one } else { *other });
            }
        }
        res = both;
    }
    if foreign {
        res.clear();
    }
    let has = |how: &str| res.contains(&how);

    match &w.who {
        Who::Anonymous => {
            let by_acl = w.acl_everyone && !through_access_point;
            let by_policy = has("ANYONE") && !through_access_point;
            return if by_policy || by_acl { allow() } else { deny("no-resource-allow", "") };
        }
        Who::Service(_) => {
            let named = has("DIRECT") || has("ANYONE");
            return if named || w.acl_log_delivery {
                allow()
            } else {
                deny("no-resource-allow", "")
            };
        }
        _ => {}
    }
    let account = account_of(&w.who).unwrap();
    let identity: Vec<&Value> = w.identity.iter().collect();
    let boundary: Vec<&Value> = w.boundary.iter().collect();
    let session: Vec<&Value> = w.session.iter().flatten().collect();
    let idn = matches!(w.who, Who::Root { .. }) || allows(&identity, request);
    let bnd = w.boundary.is_none() || allows(&boundary, request);
    let mut ses = w.session.is_none() || allows(&session, request);
    if matches!(w.who, Who::Federated { .. }) && w.session.is_none() {
        ses = false;
    }
    let allowed = if owner.as_deref() == Some(account) {
        let mut allowed = has("DIRECT") || has("ANYONE");
        allowed |= w.acl_authenticated || w.acl_everyone;
        allowed |= (has("ROLE_OF_SESSION") || has("USER_OF_FEDERATED")) && bnd && ses;
        if w.delegated {
            allowed |= has("ACCOUNT") && idn && bnd && ses;
        } else {
            allowed |= idn && bnd && ses;
        }
        allowed
    } else {
        let acl = w.acl_account || w.acl_authenticated || w.acl_everyone;
        (!res.is_empty() || acl) && idn && bnd && ses
    };
    if allowed {
        return allow();
    }
    if !bnd {
        return deny("boundary", "");
    }
    if !ses {
        return deny("session", "");
    }
    if !idn {
        return deny("no-identity-allow", "");
    }
    deny("no-resource-allow", "")
}

fn rank(how: &str) -> usize {
    ["ACCOUNT", "ROLE_OF_SESSION", "USER_OF_FEDERATED", "DIRECT", "ANYONE"]
        .iter()
        .position(|known| *known == how)
        .unwrap()
}

fn account_of(who: &Who) -> Option<&str> {
    match who {
        Who::Anonymous | Who::Service(_) => None,
        Who::Root { account }
        | Who::User { account, .. }
        | Who::Session { account, .. }
        | Who::Federated { account, .. } => Some(account),
    }
}

/// `principal_ok` of every statement of this effect that applies.
fn applies<'s>(w: &World, policies: &[&Value], effect: &str, resource: &str) -> Vec<&'s str> {
    let mut results = Vec::new();
    for policy in policies {
        let variables = policy["Version"] == "2012-10-17";
        for statement in list(&policy["Statement"]) {
            if statement["Effect"] == effect
                && action_ok(statement, &w.action)
                && resource_ok(w, statement, resource, variables)
                && conditions_true(w, statement, variables)
            {
                results.extend(principal_ok(w, statement));
            }
        }
    }
    results
}

/// A scalar is a list of one.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        other => vec![other],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().map(|value| value.as_str().unwrap()).collect()
}

fn action_ok(statement: &Value, action: &str) -> bool {
    let matches = |pattern: &str| {
        let wild = |c| match c {
            '*' => Element::Star,
            '?' => Element::Any,
            c => Element::Char(c, false),
        };
        let pattern: Vec<Element> = pattern.to_lowercase().chars().map(wild).collect();
        glob(&pattern, &action.to_lowercase().chars().collect::<Vec<_>>())
    };
    match &statement["NotAction"] {
        Value::Null => texts(&statement["Action"]).into_iter().any(matches),
        not => !texts(not).into_iter().any(matches),
    }
}

fn resource_ok(w: &World, statement: &Value, resource: &str, variables: bool) -> bool {
    // What S3 does without a resource is done to all buckets.
    let all_buckets = resource == "*" && w.action.starts_with("s3:");
    let resource = if all_buckets { "arn:aws:s3:::*" } else { resource };
    let matches = |pattern: &str| {
        if pattern == "*" {
            return true;
        }
        match substitute(w, pattern, variables, true) {
            Some(pattern) => arn_matches(&pattern, resource),
            None => false,
        }
    };
    match &statement["NotResource"] {
        Value::Null => texts(&statement["Resource"]).into_iter().any(matches),
        not => !texts(not).into_iter().any(matches),
    }
}

/// How a statement names the caller, all ways; for policies without principals, as itself.
fn principal_ok(w: &World, statement: &Value) -> Vec<&'static str> {
    let of = |principal: &Value| -> Vec<&'static str> {
        if principal == "*" {
            return vec!["ANYONE"];
        }
        let mut found = Vec::new();
        for text in texts(&principal["AWS"]) {
            found.extend(aws_principal_ok(&w.who, text));
        }
        for text in texts(&principal["CanonicalUser"]) {
            if account_of(&w.who).is_some_and(|account| canonical(account) == text) {
                found.push("ACCOUNT");
            }
        }
        for text in texts(&principal["Service"]) {
            if w.who == Who::Service(text.to_owned()) {
                found.push("DIRECT");
            }
        }
        found
    };
    if let Value::Null = statement["NotPrincipal"] {
        return match &statement["Principal"] {
            Value::Null => vec!["DIRECT"],
            principal => of(principal),
        };
    }
    // NotPrincipal: left out only who is listed with all that it is, and has no boundary.
    let listed = of(&statement["NotPrincipal"]);
    let has = |how| listed.contains(&how);
    let complete = match &w.who {
        Who::Anonymous => false,
        Who::Service(_) => has("DIRECT"),
        Who::Root { .. } => has("ACCOUNT"),
        Who::User { .. } | Who::Federated { .. } => has("DIRECT") && has("ACCOUNT"),
        Who::Session { .. } => has("DIRECT") && has("ROLE_OF_SESSION") && has("ACCOUNT"),
    };
    let left_out = w.boundary.is_none() && (has("ANYONE") || complete);
    if left_out { Vec::new() } else { vec!["ANYONE"] }
}

fn aws_principal_ok(who: &Who, text: &str) -> Option<&'static str> {
    if text == "*" {
        return Some("ANYONE");
    }
    let account = account_of(who)?;
    if text == account || text == format!("arn:aws:iam::{account}:root") {
        return Some("ACCOUNT");
    }
    match who {
        Who::User { arn, id, .. } if text == arn || text == id => Some("DIRECT"),
        Who::Session { session, .. } if text == session => Some("DIRECT"),
        Who::Session { role, id, .. } if text == role || text == id => Some("ROLE_OF_SESSION"),
        Who::Federated { arn, .. } if text == arn => Some("DIRECT"),
        Who::Federated { user, id, .. } if text == user || text == id => Some("USER_OF_FEDERATED"),
        _ => None,
    }
}

/// Operators AND, keys AND.
fn conditions_true(w: &World, statement: &Value, variables: bool) -> bool {
    let Some(operators) = statement["Condition"].as_object() else {
        return true;
    };
    operators.iter().all(|(operator, keys)| {
        keys.as_object()
            .unwrap()
            .iter()
            .all(|(key, values)| condition_true(w, operator, key, &texts(values), variables))
    })
}

/// The table of section 1.5.
fn condition_true(w: &World, operator: &str, key: &str, policy: &[&str], variables: bool) -> bool {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (set, rest),
        None => ("", operator),
    };
    let if_exists = rest.ends_with("IfExists");
    let name = rest.trim_end_matches("IfExists");
    let values: Option<Vec<&str>> = request_values(w, key).filter(|values| !values.is_empty());
    let empty = values.as_ref().is_none_or(|values| values.iter().all(|value| value.is_empty()));
    if name == "Null" {
        return match set {
            "ForAllValues" => true,
            "ForAnyValue" => false,
            _ => policy.iter().any(|wanted| wanted.to_lowercase() == empty.to_string()),
        };
    }
    let negated = name.contains("Not");
    let positive = name.replacen("Not", "", 1);
    let Some(values) = values else {
        return match (if_exists, set) {
            (true, _) => true,
            (_, "ForAllValues") => true,
            (_, "ForAnyValue") => false,
            _ => negated,
        };
    };
    let matches = |r: &str| policy.iter().any(|p| value_matches(w, &positive, p, r, variables));
    match (set, negated) {
        ("ForAllValues", false) => empty || values.iter().all(|r| matches(r)),
        ("ForAllValues", true) => empty || values.iter().all(|r| !matches(r)),
        ("ForAnyValue", false) => !empty && values.iter().any(|r| matches(r)),
        ("ForAnyValue", true) => !empty && values.iter().any(|r| !matches(r)),
        (_, false) => values.iter().any(|r| matches(r)),
        (_, true) => !values.iter().any(|r| matches(r)),
    }
}

fn request_values<'w>(w: &'w World, key: &str) -> Option<Vec<&'w str>> {
    let found = w.context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase())?;
    Some(match &found.1 {
        Given::One(value) => vec![value],
        Given::Many(values) => values.iter().map(String::as_str).collect(),
    })
}

fn value_matches(w: &World, operator: &str, policy: &str, request: &str, variables: bool) -> bool {
    let chars: Vec<char> = request.chars().collect();
    match operator {
        "StringEquals" => substitute(w, policy, variables, false)
            .is_some_and(|pattern| plain(&pattern) == request),
        "StringEqualsIgnoreCase" => substitute(w, policy, variables, false)
            .is_some_and(|pattern| plain(&pattern).to_lowercase() == request.to_lowercase()),
        "StringLike" => {
            substitute(w, policy, variables, true).is_some_and(|pattern| glob(&pattern, &chars))
        }
        "ArnEquals" | "ArnLike" => {
            let parts = request.splitn(6, ':').count();
            if policy == "*" {
                return parts == 6 && request.starts_with("arn:");
            }
            let Some(pattern) = substitute(w, policy, variables, true) else {
                return false;
            };
            let lone =
                variables && policy.starts_with("${") && policy.find('}') == Some(policy.len() - 1);
            if lone {
                return parts == 6 && request.starts_with("arn:") && plain(&pattern) == request;
            }
            arn_matches(&pattern, request)
        }
        "Bool" => policy.to_lowercase() == request.to_lowercase(),
        "IpAddress" => address_matches(policy, request),
        _ if operator.starts_with("Numeric") => {
            let Ok(request) = request.parse::<f64>() else {
                return false;
            };
            let policy: f64 = policy.parse().unwrap();
            compare(operator.trim_start_matches("Numeric"), request.partial_cmp(&policy).unwrap())
        }
        _ if operator.starts_with("Date") => {
            let Some(request) = seconds(request) else {
                return false;
            };
            let policy = seconds(policy).unwrap();
            compare(operator.trim_start_matches("Date"), request.cmp(&policy))
        }
        other => panic!("{other}"),
    }
}

fn compare(how: &str, order: std::cmp::Ordering) -> bool {
    match how {
        "Equals" => order.is_eq(),
        "LessThan" => order.is_lt(),
        "LessThanEquals" => order.is_le(),
        "GreaterThan" => order.is_gt(),
        "GreaterThanEquals" => order.is_ge(),
        other => panic!("{other}"),
    }
}

/// Seconds since 1970, counting days one by one.
fn seconds(text: &str) -> Option<i64> {
    if text.len() != 4 && text.parse::<i64>().is_ok() {
        return text.parse().ok();
    }
    if text.len() < 4 || !text.bytes().all(|b| b.is_ascii_digit() || b"-:TZ".contains(&b)) {
        return None;
    }
    let number = |from: usize, to: usize, otherwise: i64| match text.get(from..to) {
        Some(digits) => digits.parse::<i64>().ok(),
        None => Some(otherwise),
    };
    let (year, month, day) = (number(0, 4, 0)?, number(5, 7, 1)?, number(8, 10, 1)?);
    let (hour, minute, second) = (number(11, 13, 0)?, number(14, 16, 0)?, number(17, 19, 0)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days = 0;
    for earlier in 1970..year {
        days += if leap(earlier) { 366 } else { 365 };
    }
    for earlier in 1..month {
        days += match earlier {
            2 => 28 + i64::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
    }
    Some((days + day - 1) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn address_matches(policy: &str, request: &str) -> bool {
    let bits = |text: &str| -> Option<Vec<u8>> {
        let address = match text.parse::<IpAddr>().ok()? {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
            four => four,
        };
        let bytes: Vec<u8> = match address {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        Some(bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect())
    };
    let (network, prefix) = match policy.split_once('/') {
        Some((network, prefix)) => (network, Some(prefix.parse::<usize>().unwrap())),
        None => (policy, None),
    };
    let network = bits(network).unwrap();
    let Some(address) = bits(request) else {
        return false;
    };
    let prefix = prefix.unwrap_or(network.len());
    network.len() == address.len() && network[..prefix] == address[..prefix]
}

/// An element of a pattern, and whether it came out of a variable.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Char(char, bool),
    Any,
    Star,
}

/// Section 1.4: `None` if a variable has no value.
fn substitute(w: &World, text: &str, variables: bool, wildcards: bool) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if variables && rest.starts_with("${") {
            let end = rest.find('}').unwrap();
            let inner = &rest[2..end];
            rest = &rest[end + 1..];
            if ["*", "?", "$"].contains(&inner) {
                elements.push(Element::Char(inner.chars().next().unwrap(), true));
                continue;
            }
            let (key, default) = match inner.split_once(',') {
                Some((key, default)) => (key, Some(default.trim().trim_matches('\''))),
                None => (inner, None),
            };
            let found =
                w.context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase());
            let value = match found {
                Some((_, Given::One(value))) => value,
                Some((_, Given::Many(_))) => return None,
                None => default?,
            };
            elements.extend(value.chars().map(|c| Element::Char(c, true)));
            continue;
        }
        let c = rest.chars().next().unwrap();
        rest = &rest[c.len_utf8()..];
        elements.push(match c {
            '*' if wildcards => Element::Star,
            '?' if wildcards => Element::Any,
            c => Element::Char(c, false),
        });
    }
    Some(elements)
}

fn plain(elements: &[Element]) -> String {
    let char = |element: &Element| match element {
        Element::Char(c, _) => *c,
        Element::Any => '?',
        Element::Star => '*',
    };
    elements.iter().map(char).collect()
}

/// Six segments, each for itself.
fn arn_matches(pattern: &[Element], arn: &str) -> bool {
    let mut segments: Vec<Vec<Element>> = vec![Vec::new()];
    for element in pattern {
        if *element == Element::Char(':', false) && segments.len() < 6 {
            segments.push(Vec::new());
        } else {
            segments.last_mut().unwrap().push(*element);
        }
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    segments.len() == 6
        && parts.len() == 6
        && parts[0] == "arn"
        && segments
            .iter()
            .zip(parts)
            .all(|(pattern, part)| glob(pattern, &part.chars().collect::<Vec<_>>()))
}

/// From the definition.
fn glob(pattern: &[Element], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((Element::Star, rest)), _) => (0..=text.len()).any(|n| glob(rest, &text[n..])),
        (Some((Element::Any, rest)), Some((_, others))) => glob(rest, others),
        (Some((Element::Char(wanted, _), rest)), Some((found, others))) => {
            wanted == found && glob(rest, others)
        }
        _ => false,
    }
}

/// Section 4.3.1, as far as generated conditions can make a statement anything but public.
fn is_public(policy: &Value, _access_point: bool) -> bool {
    let known_to_s3 = |pattern: &str| {
        let action = pattern.to_lowercase();
        action == "*" || action == "*:*" || action.starts_with("s3:") || action == "s*:*e*"
    };
    list(&policy["Statement"]).into_iter().any(|statement| {
        if statement["Effect"] != "Allow" {
            return false;
        }
        if !texts(&statement["Action"]).into_iter().all(known_to_s3) {
            return true;
        }
        let principal = &statement["Principal"];
        if principal.get("Federated").is_some() {
            return true;
        }
        let everyone = principal == "*" || texts(&principal["AWS"]).contains(&"*");
        everyone && !is_limited(statement)
    })
}

fn is_limited(statement: &Value) -> bool {
    let Some(operators) = statement["Condition"].as_object() else {
        return false;
    };
    let fixed = |value: &str| !value.is_empty() && !value.contains(['*', '?', '$']);
    operators.iter().any(|(operator, keys)| {
        keys.as_object().unwrap().iter().any(|(key, values)| {
            let name = operator.trim_start_matches("ForAnyValue:");
            let values = texts(values);
            let all = |fits: &dyn Fn(&str) -> bool| values.iter().all(|value| fits(value));
            let account = |value: &str| value.len() == 12 && value.parse::<u64>().is_ok();
            let arn = |value: &str| {
                let parts: Vec<&str> = value.splitn(6, ':').collect();
                parts.len() == 6
                    && account(parts[4])
                    && parts[1..4].iter().all(|part| fixed(part) || part.is_empty())
            };
            match (key.as_str(), name) {
                ("aws:SourceIp", "IpAddress") => all(&|value| !value.ends_with("/0")),
                ("aws:PrincipalArn", "ArnEquals" | "ArnLike") => all(&arn),
                ("aws:PrincipalArn", "StringEquals") => all(&|value| arn(value) && fixed(value)),
                (
                    "aws:PrincipalAccount",
                    "StringEquals" | "StringEqualsIgnoreCase" | "StringLike",
                ) => all(&account),
                _ => false,
            }
        })
    })
}
