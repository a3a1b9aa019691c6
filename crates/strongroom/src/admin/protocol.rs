//! What goes over the admin socket.

use serde::{Deserialize, Serialize};
use strongroom_crypto::SecretText;
use strongroom_identity::{Account, NewAccount, SessionCredentials};

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Where the server listens: answered with an [`EndpointAnswer`].
    Endpoint {},
    /// A session for an account's root: answered with a [`SessionAnswer`].
    Session {
        /// The account's name.
        account: String,
    },
    /// A new account: answered with a [`NewAccountAnswer`].
    AccountCreate {
        /// Its name.
        name: String,
    },
    /// All accounts: answered with an [`AccountsAnswer`].
    AccountList {},
    /// Reads everything back: progress, then a [`ScrubAnswer`].
    Scrub {},
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Line<T> {
    /// The command goes on.
    Progress(Progress),
    /// The command is done.
    Done(T),
    /// The command was refused, in words for the operator.
    Refused(String),
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// Bytes looked at.
    pub(crate) done_bytes: u64,
    /// Bytes to look at in all, as far as is known.
    pub(crate) total_bytes: u64,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointAnswer {
    /// `http://127.0.0.1:9000`.
    pub(crate) http: String,
    /// `https://127.0.0.1:9443`.
    pub(crate) https: String,
    /// The certificate file that HTTPS clients need, where the certificate is the server's own.
    pub(crate) ca_file: Option<String>,
    /// The server's region.
    pub(crate) region: String,
}

/// Temporary credentials.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionAnswer {
    pub(crate) access_key_id: String,
    #[serde(with = "danger_secret_text")]
    pub(crate) secret_access_key: SecretText,
    #[serde(with = "danger_secret_text")]
    pub(crate) session_token: SecretText,
    /// ISO 8601.
    pub(crate) expires: String,
}

/// An account and its root key, as AWS's own commands spell such fields.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct NewAccountAnswer {
    pub(crate) name: String,
    pub(crate) account_id: String,
    pub(crate) canonical_user_id: String,
    pub(crate) access_key_id: String,
    #[serde(with = "danger_secret_text")]
    pub(crate) secret_access_key: SecretText,
}

/// An account without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AccountAnswer {
    pub(crate) name: String,
    pub(crate) account_id: String,
    pub(crate) canonical_user_id: String,
    pub(crate) access_key_ids: Vec<String>,
    /// ISO 8601.
    pub(crate) created: String,
}

/// All accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AccountsAnswer {
    pub(crate) accounts: Vec<AccountAnswer>,
}

/// What a scrub found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScrubAnswer {
    /// Named counts, for example of frames, blobs and bytes.
    pub(crate) counts: Vec<(String, u64)>,
    /// One line for each thing that is damaged; empty = everything is as it was written.
    pub(crate) damage: Vec<String>,
}

impl From<SessionCredentials> for SessionAnswer {
    fn from(session: SessionCredentials) -> Self {
        Self {
            access_key_id: session.access_key_id.to_string(),
            secret_access_key: session.secret_access_key,
            session_token: session.session_token,
            expires: session.expires.to_string(),
        }
    }
}

impl From<NewAccount> for NewAccountAnswer {
    fn from(new: NewAccount) -> Self {
        Self {
            name: new.account.name.to_string(),
            account_id: new.account.id.to_string(),
            canonical_user_id: new.account.canonical_user_id.to_string(),
            access_key_id: new.root_key.access_key_id.to_string(),
            secret_access_key: new.root_key.secret_access_key,
        }
    }
}

impl From<Vec<Account>> for AccountsAnswer {
    fn from(accounts: Vec<Account>) -> Self {
        Self { accounts: accounts.into_iter().map(AccountAnswer::from).collect() }
    }
}

impl From<Account> for AccountAnswer {
    fn from(account: Account) -> Self {
        Self {
            name: account.name.to_string(),
            account_id: account.id.to_string(),
            canonical_user_id: account.canonical_user_id.to_string(),
            access_key_ids: account.root_access_key_ids.iter().map(ToString::to_string).collect(),
            created: account.created.to_string(),
        }
    }
}

/// Secrets cross the socket in the clear: it is the operator's own, and they are shown once.
mod danger_secret_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use strongroom_crypto::SecretText;

    pub(super) fn serialize<S: Serializer>(
        secret: &SecretText,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.danger_expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(SecretText::new)
    }
}

/// Longest line either way. An account in a list takes about 250 bytes.
pub(crate) const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest command.
pub(crate) const COMMAND_BYTES_MAX: u64 = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_back_and_unknown_ones_are_refused() {
        let commands = [
            Command::Endpoint {},
            Command::Session { account: "main".to_owned() },
            Command::AccountCreate { name: "x".to_owned() },
            Command::AccountList {},
            Command::Scrub {},
        ];
        for command in commands {
            let text = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
        }
        for bad in [
            "{}",
            "{\"command\":\"erase\"}",
            "{\"command\":\"scrub\",\"fast\":true}",
            "{\"command\":\"session\"}",
            "[]",
            "",
        ] {
            assert!(serde_json::from_str::<Command>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_print_no_secret_but_carry_it() {
        let answer = SessionAnswer {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: SecretText::new("hunter2".to_owned()),
            session_token: SecretText::new("hunter3".to_owned()),
            expires: String::new(),
        };
        assert!(!format!("{answer:?}").contains("hunter"));
        let text = serde_json::to_string(&Line::Done(answer)).unwrap();
        let Line::Done(read) = serde_json::from_str::<Line<SessionAnswer>>(&text).unwrap() else {
            panic!("done stays done")
        };
        assert_eq!(read.secret_access_key.danger_expose(), "hunter2");
        assert_eq!(read.session_token.danger_expose(), "hunter3");
    }
}
