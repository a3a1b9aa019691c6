//! Which condition keys a policy asks for, so that a request need not fill others.

use std::collections::BTreeSet;

use super::{Policy, PolicyVersion};
use crate::context::fold_name;

impl Policy {
    /// The names of all condition keys that an evaluation of this policy can ask for, in lower case:
    /// those of its conditions and those of its variables. A context may lack all others.
    #[must_use]
    pub fn condition_keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for statement in self.statements() {
            let conditions = statement.conditions.iter();
            keys.extend(conditions.clone().map(|condition| condition.key.to_string()));
            if self.version() == PolicyVersion::V2012 {
                let values = conditions.flat_map(|condition| &condition.values);
                let resources = statement.resource.iter().flat_map(|clause| &clause.entries);
                let texts = resources.map(|entry| &entry.text).chain(values);
                keys.extend(texts.flat_map(|text| variables(text)));
            }
        }
        keys
    }
}

/// The names behind each `${` of a value. It may find more than the evaluation will: literals such
/// as `${*}` are names of nothing.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).map(|rest| {
        let name = rest.split([',', '}']).next().unwrap_or_default();
        fold_name(name.trim()).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use crate::{Policy, PolicyKind};

    #[test]
    fn a_policy_names_the_keys_of_its_conditions_and_of_its_variables() {
        let policy = |version: &str| {
            let text = format!(
                r#"{{"Version":"{version}","Statement":{{"Effect":"Allow","Action":"s3:*",
                "Resource":"arn:aws:s3:::b/${{aws:UserName}}/${{aws:PrincipalTag/Team, 'x'}}/${{*}}",
                "Condition":{{"StringEquals":{{"s3:Prefix":"${{aws:userid}}"}},
                "Null":{{"aws:TokenIssueTime":"true"}}}}}}}}"#
            );
            let policy = Policy::parse(PolicyKind::Identity, text.as_bytes()).unwrap();
            policy.condition_keys().into_iter().collect::<Vec<_>>()
        };
        let expected = [
            "*",
            "aws:principaltag/team",
            "aws:tokenissuetime",
            "aws:userid",
            "aws:username",
            "s3:prefix",
        ];
        assert_eq!(policy("2012-10-17"), expected);
        assert_eq!(policy("2008-10-17"), ["aws:tokenissuetime", "s3:prefix"]);
    }
}
