//! Asks the crate about a world.

use std::net::IpAddr;

use serde_json::Value as Json;
use strongroom_policy::{
    AccessPointSide, Account, AclMatch, Action, Attached, Context, Decision, Delegation,
    ObjectOwner, Policy, PolicyKind, PolicySets, Question, RequestPrincipal, ResourceSide, Value,
    decide, explain,
};
use strongroom_types::{Arn, CanonicalUserId};

use super::oracle::Verdict;
use super::world::{Given, Who, World, canonical};

fn account(id: &str) -> Account {
    let byte = u8::from_str_radix(&canonical(id)[..2], 16).unwrap();
    Account { id: id.parse().unwrap(), canonical: CanonicalUserId::from_bytes([byte; 32]) }
}

fn principal(who: &Who) -> RequestPrincipal {
    let arn = |text: &String| text.parse::<Arn>().unwrap();
    match who {
        Who::Anonymous => RequestPrincipal::Anonymous,
        Who::Service(name) => RequestPrincipal::Service(name.as_str().into()),
        Who::Root { account: id } => RequestPrincipal::Root(account(id)),
        Who::User { account: of, arn: text, id } => RequestPrincipal::User {
            account: account(of),
            arn: arn(text),
            unique_id: id.as_str().into(),
        },
        Who::Session { account: of, session, role, id } => RequestPrincipal::RoleSession {
            account: account(of),
            session_arn: arn(session),
            role_arn: arn(role),
            role_id: id.as_str().into(),
        },
        Who::Federated { account: of, arn: text, user, id } => RequestPrincipal::FederatedUser {
            account: account(of),
            arn: arn(text),
            user_arn: Some(arn(user)),
            user_id: id.as_str().into(),
        },
    }
}

/// Values in the type of their key half of the time, as text otherwise.
fn context(world: &World) -> Context<'_> {
    let mut context = Context::new();
    for (index, (key, given)) in world.context.iter().enumerate() {
        let value = match given {
            Given::Many(values) => Value::from(values.clone()),
            Given::One(text) => {
                typed(text).filter(|_| index % 2 == 0).unwrap_or(text.as_str().into())
            }
        };
        context.set(key.as_str(), value);
    }
    context
}

fn typed(text: &str) -> Option<Value<'static>> {
    match text {
        "true" => return Some(true.into()),
        "false" => return Some(false.into()),
        "::ffff:10.1.2.3" => return None,
        _ => {}
    }
    // A number of four digits means a year to one side and seconds to the other.
    let number = text.parse::<i64>().ok().filter(|number| number.to_string().len() != 4);
    let address = text.parse::<IpAddr>().ok().filter(|address| address.to_string() == text);
    number.map(Value::from).or(address.map(Value::from))
}

fn parse(kind: PolicyKind, document: &Json) -> Policy {
    let text = document.to_string();
    Policy::parse(kind, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn parse_levels(kind: PolicyKind, levels: &Option<Vec<Vec<Json>>>) -> Option<Vec<Vec<Policy>>> {
    let level = |level: &Vec<Json>| level.iter().map(|document| parse(kind, document)).collect();
    levels.as_ref().map(|levels| levels.iter().map(level).collect())
}

fn attach(policies: &[Policy]) -> Vec<Attached<'_>> {
    policies.iter().map(|policy| Attached { policy, name: "p" }).collect()
}

fn attach_levels(levels: &Option<Vec<Vec<Policy>>>) -> Option<Vec<Vec<Attached<'_>>>> {
    levels.as_ref().map(|levels| levels.iter().map(|level| attach(level)).collect())
}

/// The decision of the crate, in the words of the oracle.
pub(crate) fn judge(world: &World) -> Verdict {
    let all = |kind, documents: &[Json]| -> Vec<Policy> {
        documents.iter().map(|document| parse(kind, document)).collect()
    };
    let one = |kind, document: &Option<Json>| document.as_ref().map(|d| parse(kind, d));
    let identity = all(PolicyKind::Identity, &world.identity);
    let session = world.session.as_ref().map(|documents| all(PolicyKind::Session, documents));
    let boundary = one(PolicyKind::Boundary, &world.boundary);
    // As keys, which may say anything about any resource, with canonical ids and short of S3's checks.
    let resource_policy = one(PolicyKind::Bucket, &world.resource_policy);
    let endpoint = one(PolicyKind::VpcEndpoint, &world.endpoint);
    let rcp = parse_levels(PolicyKind::ResourceControl, &world.rcp);
    let scp = parse_levels(PolicyKind::ServiceControl, &world.scp);
    let point = world.access_point.as_ref().and_then(|(p, _)| one(PolicyKind::AccessPoint, p));

    let identity = attach(&identity);
    let session = session.as_deref().map(attach);
    let (rcp, scp) = (attach_levels(&rcp), attach_levels(&scp));
    let slices = |levels: &'_ Option<Vec<Vec<Attached<'_>>>>| -> Option<usize> {
        levels.as_ref().map(Vec::len)
    };
    assert_eq!(slices(&rcp), world.rcp.as_ref().map(Vec::len));
    let rcp: Option<Vec<&[Attached<'_>]>> =
        rcp.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
    let scp: Option<Vec<&[Attached<'_>]>> =
        scp.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());

    let parse_arn = |text: &str| match text {
        "*" => Arn::any(),
        text => text.parse().unwrap(),
    };
    let action: Action = world.action.parse().unwrap();
    let resource = parse_arn(&world.resource);
    let behind = world.access_point.as_ref().map(|(_, behind)| parse_arn(behind));
    let principal = principal(&world.who);
    let context = context(world);
    let question =
        Question { principal: &principal, action: &action, resource: &resource, context: &context };
    let named = |policy| Attached { policy, name: "p" };
    let sets = PolicySets {
        resource_control: rcp.as_deref(),
        service_control: scp.as_deref(),
        endpoint: endpoint.as_ref().map(named),
        identity: &identity,
        boundary: boundary.as_ref().map(named),
        session: session.as_deref(),
        ..PolicySets::new(ResourceSide {
            object_owner: world.object_owner.as_ref().map(|owner| match owner {
                Some(owner) => ObjectOwner::Account(owner.parse().unwrap()),
                None => ObjectOwner::Anonymous,
            }),
            policy: resource_policy.as_ref().map(named),
            delegation: match world.delegated {
                true => Delegation::Required,
                false => Delegation::Optional,
            },
            access_point: behind.as_ref().map(|bucket_resource| AccessPointSide {
                policy: point.as_ref().map(named),
                bucket_resource,
            }),
            acl: AclMatch {
                account: world.acl_account,
                authenticated: world.acl_authenticated,
                everyone: world.acl_everyone,
                log_delivery: world.acl_log_delivery,
            },
            restrict_public: world.restrict_public,
            ..ResourceSide::of(world.owner.parse().unwrap())
        })
    };
    let decision = decide(&question, &sets);
    let (explained, trace) = explain(&question, &sets);
    assert_eq!(decision, explained, "whoever looks on changes nothing");
    match decision {
        Decision::Allow(_) => Verdict { allowed: true, reason: "", set: "" },
        Decision::Deny(denial) => {
            let set = denial.statement.map_or("", |statement| statement.set.as_str());
            if let Some(statement) = denial.statement {
                let entry = trace.entries.iter().find(|entry| {
                    entry.set == statement.set && entry.index == statement.index && entry.applies()
                });
                assert!(entry.is_some(), "the trace shows the statement that denies");
            }
            Verdict { allowed: false, reason: denial.reason.as_str(), set }
        }
    }
}
