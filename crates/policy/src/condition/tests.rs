use super::*;

fn condition(operator: &str, values: &[&str]) -> Condition {
    let parsed = Operator::parse(operator).unwrap();
    let values = values.iter().map(|value| (*value).into()).collect();
    Condition::new(parsed, operator, "k", values, true).unwrap()
}

fn holds<'a>(operator: &str, values: &[&str], request: impl Into<Value<'a>>) -> bool {
    let mut context = Context::new();
    context.set("k", request);
    condition(operator, values).holds(&context)
}

fn holds_absent(operator: &str, values: &[&str]) -> bool {
    let absent = condition(operator, values).holds(&Context::new());
    assert_eq!(holds(operator, values, Vec::<&str>::new()), absent, "no value is no key");
    absent
}

#[test]
fn rows_of_single_values() {
    for form in ["StringEquals", "StringEqualsIfExists", "ForAllValues:StringEquals"] {
        assert!(holds(form, &["a", "b"], "b"), "{form}: values are alternatives");
        assert!(!holds(form, &["a", "b"], "c"), "{form}");
    }
    for form in ["StringNotEquals", "StringNotEqualsIfExists", "ForAnyValue:StringNotEquals"] {
        assert!(!holds(form, &["a", "b"], "b"), "{form}: matching any one is too many");
        assert!(holds(form, &["a", "b"], "c"), "{form}");
    }
}

#[test]
fn rows_of_absent_keys() {
    assert!(!holds_absent("StringEquals", &["a"]));
    assert!(holds_absent("StringNotEquals", &["a"]));
    assert!(holds_absent("StringEqualsIfExists", &["a"]));
    assert!(holds_absent("StringNotEqualsIfExists", &["a"]));
    assert!(holds_absent("ForAllValues:StringEquals", &["a"]));
    assert!(!holds_absent("ForAnyValue:StringEquals", &["a"]));
    assert!(holds_absent("ForAllValues:StringNotEquals", &["a"]));
    assert!(!holds_absent("ForAnyValue:StringNotEquals", &["a"]));
    assert!(!holds_absent("IpAddress", &["0.0.0.0/0"]));
    assert!(holds_absent("NotIpAddress", &["0.0.0.0/0"]));
    assert!(!holds_absent("NumericLessThan", &["1"]));
    assert!(holds_absent("NumericNotEquals", &["1"]));
}

#[test]
fn rows_of_several_values() {
    let policy = &["a", "b"];
    assert!(holds("StringEquals", policy, vec!["a", "x"]), "as ForAnyValue");
    assert!(!holds("StringNotEquals", policy, vec!["a", "x"]), "no value may match");
    assert!(holds("StringNotEquals", policy, vec!["x", "y"]));
    assert!(holds("ForAllValues:StringEquals", policy, vec!["a", "b"]));
    assert!(!holds("ForAllValues:StringEquals", policy, vec!["a", "x"]));
    assert!(holds("ForAnyValue:StringEquals", policy, vec!["a", "x"]));
    assert!(!holds("ForAnyValue:StringEquals", policy, vec!["x", "y"]));
    assert!(holds("ForAllValues:StringNotEquals", policy, vec!["x", "y"]));
    assert!(!holds("ForAllValues:StringNotEquals", policy, vec!["a", "x"]));
    assert!(holds("ForAnyValue:StringNotEquals", policy, vec!["a", "x"]));
    assert!(!holds("ForAnyValue:StringNotEquals", policy, vec!["a", "b"]));
}

#[test]
fn empty_text_is_a_null_set_for_the_set_operators_only() {
    assert!(holds("StringEquals", &[""], ""));
    assert!(holds("ForAllValues:StringEquals", &["a"], ""));
    assert!(!holds("ForAnyValue:StringEquals", &[""], ""));
    assert!(!holds("ForAnyValue:StringNotEquals", &["a"], vec![""]));
    assert!(!holds("ForAllValues:StringEquals", &["a"], vec!["a", ""]));
    assert!(!holds("ForAnyValue:StringEqualsIfExists", &["a"], ""), "the key is there");
}

#[test]
fn null_asks_whether_the_key_is_there() {
    assert!(holds_absent("Null", &["true"]) && !holds_absent("Null", &["false"]));
    assert!(holds("Null", &["false"], "x") && !holds("Null", &["true"], "x"));
    assert!(holds("Null", &["true"], ""), "empty counts as absent");
    assert!(
        holds("ForAllValues:Null", &["false"], "") && holds_absent("ForAllValues:Null", &["false"])
    );
    assert!(!holds("ForAnyValue:Null", &["false"], "x"));
}

#[test]
fn strings() {
    assert!(!holds("StringEquals", &["A"], "a"));
    assert!(!holds("StringEquals", &["home/*"], "home/x"), "no wildcards");
    assert!(holds("StringEquals", &["home/*"], "home/*"));
    assert!(holds("StringEqualsIgnoreCase", &["Ab"], "aB"));
    assert!(holds("StringEqualsIgnoreCase", &["É"], "é"));
    assert!(!holds("StringNotEqualsIgnoreCase", &["Ab"], "aB"));
    assert!(holds("StringLike", &["home/*"], "home/x/y"));
    assert!(!holds("StringLike", &["home/?"], "home/xy"));
    assert!(!holds("StringNotLike", &["home/*"], "home/x"));
}

#[test]
fn numbers() {
    assert!(holds("NumericEquals", &["10"], "10.0") && holds("NumericEquals", &["10"], 10));
    assert!(holds("NumericLessThanEquals", &["10"], 10) && !holds("NumericLessThan", &["10"], 10));
    assert!(holds("NumericGreaterThanEquals", &["10"], 10));
    assert!(
        !holds("NumericGreaterThan", &["10"], 10) && holds("NumericGreaterThan", &["1.2"], "1.3")
    );
    assert!(!holds("NumericLessThan", &["10"], "x"), "what is no number matches nothing");
    assert!(holds("NumericNotEquals", &["10"], "x"));
    assert!(!holds("NumericNotEquals", &["10", "11"], 11));
}

#[test]
fn dates() {
    let now = strongroom_types::Timestamp::from_seconds(1_767_323_045).unwrap();
    assert!(holds("DateLessThan", &["2026-01-02T03:04:06Z"], now));
    assert!(!holds("DateLessThan", &["2026-01-02T03:04:05Z"], now));
    assert!(holds("DateLessThanEquals", &["1767323045"], now));
    assert!(
        holds("DateGreaterThan", &["2026"], now) && holds("DateGreaterThanEquals", &["2026"], now)
    );
    assert!(holds("DateEquals", &["2026-01-02T03:04:05Z"], "1767323045"));
    assert!(holds("DateEquals", &["2026-01-02T03:04:05Z"], 1_767_323_045));
    assert!(!holds("DateNotEquals", &["2026-01-02T03:04:05Z"], now));
}

#[test]
fn booleans_addresses_bytes_and_arns() {
    assert!(holds("Bool", &["TRUE"], true) && holds("Bool", &["true"], "True"));
    assert!(!holds("Bool", &["false"], true) && !holds("Bool", &["false"], "0"));
    let address: IpAddr = "10.1.2.3".parse().unwrap();
    assert!(holds("IpAddress", &["192.168.0.0/16", "10.0.0.0/8"], address));
    assert!(!holds("NotIpAddress", &["10.0.0.0/8"], "10.1.2.3"));
    assert!(!holds("IpAddress", &["0.0.0.0/0"], "nonsense"));
    assert!(holds("BinaryEquals", &["aGk="], "hi") && !holds("BinaryEquals", &["aGk="], "aGk="));
    let user = "arn:aws:iam::111111111111:user/alice";
    for form in ["ArnEquals", "ArnLike"] {
        assert!(holds(form, &["arn:aws:iam::*:user/*"], user), "{form} knows wildcards");
        assert!(!holds(form, &["arn:aws:iam::*:role/*"], user));
        assert!(!holds(form, &["arn:*:*:*:*:*"], "alice"));
    }
    assert!(!holds("ArnNotLike", &["arn:aws:iam::*:user/*"], user));
    assert!(holds("ArnNotEquals", &["arn:aws:iam::*:role/*"], user));
}

#[test]
fn variables_are_resolved_and_without_value_match_nothing() {
    let mut context = Context::new();
    context.set("k", "alice");
    assert!(!condition("StringEquals", &["${aws:username}"]).holds(&context));
    assert!(condition("StringNotEquals", &["${aws:username}"]).holds(&context));
    context.set("aws:username", "alice");
    assert!(condition("StringEquals", &["${aws:username}"]).holds(&context));
    assert!(condition("StringEqualsIgnoreCase", &["${AWS:username}"]).holds(&context));
    context.set("aws:username", "*");
    assert!(!condition("StringLike", &["${aws:username}"]).holds(&context), "values are literal");
    context.set("k", "*");
    assert!(condition("StringLike", &["${aws:username}"]).holds(&context));
}

#[test]
fn values_that_the_operator_cannot_read_are_refused() {
    let fault = |operator: &str, value: &str| {
        let parsed = Operator::parse(operator).unwrap();
        Condition::new(parsed, operator, "k", vec![value.into()], true).unwrap_err()
    };
    assert_eq!(fault("NumericEquals", "ten"), OperandFault::Number);
    assert_eq!(fault("NumericEquals", "${aws:EpochTime}"), OperandFault::VariableForOperator);
    assert_eq!(fault("DateLessThan", "tomorrow"), OperandFault::Date);
    assert_eq!(fault("Bool", "yes"), OperandFault::Bool);
    assert_eq!(fault("Null", "yes"), OperandFault::Bool);
    assert_eq!(fault("BinaryEquals", "?"), OperandFault::Binary);
    assert_eq!(fault("IpAddress", "300.1.1.1/8"), OperandFault::Range);
    assert_eq!(fault("ArnLike", "user/alice"), OperandFault::Arn(ArnFault::NotAnArn));
    assert_eq!(fault("StringLike", "${"), OperandFault::Variable(VariableFault::MissingBrace));
}
