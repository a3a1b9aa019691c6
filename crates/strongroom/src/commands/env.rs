//! `strongroom env`: what a shell needs for AWS clients.

use strongroom_crypto::SecretText;
use strongroom_identity::AccountName;

use super::{Failure, print};
use crate::admin::{AdminClient, Command, EndpointAnswer, SessionAnswer};
use crate::cli::EnvFlags;
use crate::config::Settings;
use crate::place::data_dir;
use crate::shell::{export, unset};

/// Prints exports for `eval`.
pub(crate) fn env(settings: Settings, flags: &EnvFlags) -> Result<(), Failure> {
    let name = match &flags.account {
        Some(name) => name.parse()?,
        None => AccountName::first(),
    };
    let data = data_dir(&settings.data)?;
    let connect = || {
        AdminClient::connect(&data)?.ok_or_else(|| {
            let data = data.display();
            Failure::new(format!("no server runs on `{data}`; start one with `strongroom serve`"))
        })
    };
    let endpoint: EndpointAnswer = connect()?.ask(&Command::Endpoint {}, |_| {})?;
    let endpoint = Endpoint::chosen(endpoint, flags.tls);
    let is_first = name.as_str().eq_ignore_ascii_case(AccountName::first().as_str());
    let keys = match settings.given_root_key {
        // DESIGN, 7: a key that was given in the environment is repeated.
        Some(given) if is_first => {
            let (access_key_id, secret_access_key) = given.danger_into_parts();
            Keys {
                access_key_id: access_key_id.to_string(),
                secret_access_key,
                session_token: None,
            }
        }
        _ => {
            let command = Command::Session { account: name.to_string() };
            connect()?.ask::<SessionAnswer>(&command, |_| {})?.into()
        }
    };
    let text = SecretText::new(lines(&endpoint, &keys));
    Ok(print(text.danger_expose())?)
}

/// Where clients shall connect.
#[derive(Debug)]
struct Endpoint {
    url: String,
    region: String,
    authority: Authority,
}

/// What clients check a certificate against.
#[derive(Debug)]
enum Authority {
    /// Plain HTTP: nothing to check.
    None,
    /// The server's own authority.
    File(String),
    /// Whom clients trust anyway.
    Public,
}

/// What clients sign with.
#[derive(Debug)]
struct Keys {
    access_key_id: String,
    secret_access_key: SecretText,
    session_token: Option<SecretText>,
}

impl Endpoint {
    fn chosen(answer: EndpointAnswer, tls: bool) -> Self {
        let (url, authority) = match (tls, answer.ca_file) {
            (false, _) => (answer.http, Authority::None),
            (true, Some(file)) => (answer.https, Authority::File(file)),
            (true, None) => (answer.https, Authority::Public),
        };
        Self { url, region: answer.region, authority }
    }
}

impl From<SessionAnswer> for Keys {
    fn from(answer: SessionAnswer) -> Self {
        Self {
            access_key_id: answer.access_key_id,
            secret_access_key: answer.secret_access_key,
            session_token: Some(answer.session_token),
        }
    }
}

fn lines(endpoint: &Endpoint, keys: &Keys) -> String {
    // Sized at once, so that growing leaves no copy of a secret behind.
    let mut out = String::with_capacity(4 * 1024);
    // SECURITY: what an earlier shell session left must not lead the new keys elsewhere: a
    // profile, or an endpoint of one service, would win over what is set here.
    out.push_str(&unset(&STRAYS));
    if keys.session_token.is_none() {
        out.push_str(&unset(&["AWS_SESSION_TOKEN"]));
    }
    out.push_str(&export("AWS_ENDPOINT_URL", &endpoint.url));
    out.push_str(&export("AWS_REGION", &endpoint.region));
    out.push_str(&export("AWS_DEFAULT_REGION", &endpoint.region));
    match &endpoint.authority {
        Authority::None => {}
        Authority::File(file) => out.push_str(&export("AWS_CA_BUNDLE", file)),
        Authority::Public => out.push_str(&unset(&["AWS_CA_BUNDLE"])),
    }
    out.push_str(&export("AWS_ACCESS_KEY_ID", &keys.access_key_id));
    out.push_str(&export("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.danger_expose()));
    if let Some(session_token) = &keys.session_token {
        out.push_str(&export("AWS_SESSION_TOKEN", session_token.danger_expose()));
    }
    out
}

const STRAYS: [&str; 5] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn answer(ca_file: Option<&str>) -> EndpointAnswer {
        EndpointAnswer {
            http: "http://127.0.0.1:9000".to_owned(),
            https: "https://127.0.0.1:9443".to_owned(),
            ca_file: ca_file.map(str::to_owned),
            region: "eu-central-1".to_owned(),
        }
    }

    fn keys(session_token: Option<&str>) -> Keys {
        Keys {
            access_key_id: "0123456789abcdef".to_owned(),
            secret_access_key: SecretText::new("it's $(a) `secret`".to_owned()),
            session_token: session_token.map(|token| SecretText::new(token.to_owned())),
        }
    }

    /// The AWS variables of a shell that had these and ran the lines.
    fn evaluated(lines: &str, before: &[(&str, &str)]) -> Vec<String> {
        let mut shell = Command::new("sh");
        shell.env_clear().env("PATH", "/usr/bin:/bin").envs(before.iter().copied());
        let script = format!("set -eu\n{lines}env | grep ^AWS_ | sort");
        let done = shell.args(["-c", &script]).output().unwrap();
        assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_gets_a_session_over_plain_http() {
        let endpoint = Endpoint::chosen(answer(Some("/d/ca.pem")), false);
        let found = evaluated(&lines(&endpoint, &keys(Some("token"))), &[]);
        assert_eq!(
            found,
            [
                "AWS_ACCESS_KEY_ID=0123456789abcdef",
                "AWS_DEFAULT_REGION=eu-central-1",
                "AWS_ENDPOINT_URL=http://127.0.0.1:9000",
                "AWS_REGION=eu-central-1",
                "AWS_SECRET_ACCESS_KEY=it's $(a) `secret`",
                "AWS_SESSION_TOKEN=token",
            ]
        );
    }

    #[test]
    fn what_an_earlier_session_left_does_not_stray() {
        let before = [
            ("AWS_PROFILE", "work"),
            ("AWS_SESSION_TOKEN", "old"),
            ("AWS_ENDPOINT_URL_S3", "http://elsewhere"),
        ];
        let endpoint = Endpoint::chosen(answer(None), false);
        let found = evaluated(&lines(&endpoint, &keys(None)), &before);
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(!found.iter().any(|line| line.contains("old") || line.contains("elsewhere")));
    }

    #[test]
    fn https_comes_with_its_authority_or_with_the_public_ones() {
        let own = Endpoint::chosen(answer(Some("/a b/ca.pem")), true);
        let found = evaluated(&lines(&own, &keys(None)), &[("AWS_CA_BUNDLE", "/old")]);
        assert!(found.contains(&"AWS_ENDPOINT_URL=https://127.0.0.1:9443".to_owned()));
        assert!(found.contains(&"AWS_CA_BUNDLE=/a b/ca.pem".to_owned()));
        let public = Endpoint::chosen(answer(None), true);
        let found = evaluated(&lines(&public, &keys(None)), &[("AWS_CA_BUNDLE", "/old")]);
        assert!(!found.iter().any(|line| line.contains("AWS_CA_BUNDLE")));
    }
}
