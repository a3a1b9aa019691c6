//! The crate against an executable specification, and properties of all decisions.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]
#![expect(clippy::string_slice, reason = "tests cut text where they know it")]

mod judge;
mod oracle;
mod world;

use judge::judge;
use serde_json::json;
use world::{Dice, Who, World};

/// Cases of one run of the tests.
const CASES: u64 = 10_000;

/// Cases that the operator of a long run asks for, from a seed that no short run uses:
/// `STRONGROOM_POLICY_CASES=10000000 cargo test --release -p strongroom-policy --test it decisions`.
#[expect(clippy::disallowed_methods, reason = "only a long run sets it")]
fn cases() -> std::ops::Range<u64> {
    let asked: Option<u64> =
        std::env::var("STRONGROOM_POLICY_CASES").ok().and_then(|text| text.parse().ok());
    match asked {
        Some(cases) => 1 << 32..(1 << 32) + cases,
        None => 0..CASES,
    }
}

fn check(seed: u64) -> bool {
    let world = World::random(&mut Dice::new(seed));
    let (expected, found) = (oracle::decide(&world), judge(&world));
    assert_eq!(found, expected, "seed {seed}: {world:#?}");
    found.allowed
}

#[test]
fn decisions_are_those_of_the_specification() {
    let (cases, mut allowed) = (cases(), 0);
    for seed in cases.clone() {
        allowed += u64::from(check(seed));
    }
    let count = cases.end - cases.start;
    println!("{count} cases agree, {allowed} of them allowed");
    // Worlds in which everything is refused would test little.
    assert!(allowed > count / 20, "{allowed} of {count} are allowed");
}

#[test]
fn another_seed_each_day_of_development_finds_nothing_either() {
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    for _ in 0..2000 {
        let world = World::random(&mut dice);
        assert_eq!(judge(&world), oracle::decide(&world), "seed {seed}: {world:#?}");
    }
}

#[test]
fn adding_a_deny_never_allows() {
    for seed in 0..CASES / 5 {
        let mut dice = Dice::new(seed);
        let world = World::random(&mut dice);
        if judge(&world).allowed {
            continue;
        }
        let deny = World::random_deny(&mut dice);
        let mut stricter = world.clone();
        stricter.identity.push(deny.clone());
        assert!(!judge(&stricter).allowed, "seed {seed}, identity");
        let mut stricter = world.clone();
        if let Some(policies) = &mut stricter.session {
            policies.push(deny.clone());
            assert!(!judge(&stricter).allowed, "seed {seed}, session");
        }
        let mut stricter = world;
        let mut statement = deny["Statement"].clone();
        statement["Principal"] = json!("*");
        // A variable in the new statement is read in the version of the policy.
        let current = |policy: &&mut serde_json::Value| policy["Version"] == "2012-10-17";
        if let Some(policy) = stricter.resource_policy.as_mut().filter(current) {
            let mut statements = match policy["Statement"].take() {
                serde_json::Value::Array(statements) => statements,
                one => vec![one],
            };
            statements.push(statement);
            policy["Statement"] = json!(statements);
            assert!(!judge(&stricter).allowed, "seed {seed}, resource");
        }
    }
}

#[test]
fn a_boundary_or_a_session_policy_never_gives_anything() {
    for seed in 0..CASES / 5 {
        let mut dice = Dice::new(seed);
        let world = World::random(&mut dice);
        if judge(&world).allowed {
            continue;
        }
        let limit = World::random_limit(&mut dice);
        if world.boundary.is_none() {
            let limited = World { boundary: Some(limit.clone()), ..world.clone() };
            assert!(!judge(&limited).allowed, "seed {seed}, boundary");
        }
        // A federated user has nothing without one.
        if world.session.is_none() && !matches!(world.who, Who::Federated { .. }) {
            let limited = World { session: Some(vec![limit]), ..world };
            assert!(!judge(&limited).allowed, "seed {seed}, session");
        }
    }
}

/// A session of a user's own credentials never exceeds the user: with a session policy as without.
#[test]
fn a_federated_user_never_exceeds_its_user_unless_a_resource_names_it() {
    for seed in 0..CASES / 5 {
        let mut dice = Dice::new(seed);
        let mut world = World::random(&mut dice);
        let Who::Federated { account, user, id, .. } = world.who.clone() else {
            continue;
        };
        world.resource_policy = None;
        world.access_point = None;
        if !judge(&world).allowed {
            continue;
        }
        let as_user = Who::User { account, arn: user, id };
        let parent = World { who: as_user, session: None, ..world };
        assert!(judge(&parent).allowed, "seed {seed}");
    }
}
