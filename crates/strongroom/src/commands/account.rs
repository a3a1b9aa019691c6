//! `strongroom account`: making and listing accounts.

use serde::Serialize;
use serde::de::DeserializeOwned;
use strongroom_crypto::SecretText;

use super::{Failure, print};
use crate::admin::{AccountsAnswer, Admin, AdminClient, Command, NewAccountAnswer};
use crate::config::Settings;
use crate::offline;
use crate::place::data_dir;

/// Makes an account and prints it with its root key.
pub(crate) fn create(settings: &Settings, name: &str) -> Result<(), Failure> {
    let command = Command::AccountCreate { name: name.to_owned() };
    let new: NewAccountAnswer =
        answer(settings, &command, async |admin| admin.create_account(name.to_owned()).await)?;
    print_json(&new)
}

/// Prints all accounts.
pub(crate) fn list(settings: &Settings) -> Result<(), Failure> {
    let accounts: AccountsAnswer =
        answer(settings, &Command::AccountList {}, async |admin| admin.accounts().await)?;
    print_json(&accounts)
}

/// The running server's answer, or, where none runs, our own.
fn answer<T: DeserializeOwned>(
    settings: &Settings,
    command: &Command,
    own: impl AsyncFnOnce(&dyn Admin) -> Result<T, String>,
) -> Result<T, Failure> {
    match AdminClient::connect(&data_dir(&settings.data)?)? {
        Some(client) => Ok(client.ask(command, |_| {})?),
        None => offline::run(settings, async |admin| own(admin).await.map_err(Failure::new)),
    }
}

fn print_json<T: Serialize>(answer: &T) -> Result<(), Failure> {
    // Roomy, so that growing leaves no copy of a secret behind.
    let mut bytes = Vec::with_capacity(4 * 1024);
    serde_json::to_writer_pretty(&mut bytes, answer)?;
    bytes.push(b'\n');
    let text = String::from_utf8(bytes).map(SecretText::new)?;
    Ok(print(text.danger_expose())?)
}
