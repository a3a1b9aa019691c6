//! What operators may have done, performed on the services themselves: by the running server for
//! its admin socket, or by a command that opened the data directory.

use std::sync::Arc;
use std::time::Duration;

use strongroom_identity::Identity;
use strongroom_store::BoxFuture;
use tokio::sync::mpsc;

use crate::admin::{
    AccountsAnswer, Admin, EndpointAnswer, NewAccountAnswer, Progress, ScrubAnswer, SessionAnswer,
};
use crate::commands::Failure;
use crate::engine::Engine;

/// The operator's hands.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) engine: Arc<Engine>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) endpoint: EndpointAnswer,
}

impl Admin for Operator {
    fn endpoint(&self) -> EndpointAnswer {
        self.endpoint.clone()
    }

    fn session(&self, account: String) -> BoxFuture<'_, Result<SessionAnswer, String>> {
        Box::pin(async move {
            let name = account.parse().map_err(told)?;
            let session = self.identity.mint_session(&name, SESSION_LIFETIME).await;
            session.map(SessionAnswer::from).map_err(told)
        })
    }

    fn create_account(&self, name: String) -> BoxFuture<'_, Result<NewAccountAnswer, String>> {
        Box::pin(async move {
            let name = name.parse().map_err(told)?;
            self.identity.create_account(name).await.map(NewAccountAnswer::from).map_err(told)
        })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<AccountsAnswer, String>> {
        Box::pin(
            async move { self.identity.accounts().await.map(AccountsAnswer::from).map_err(told) },
        )
    }

    fn scrub(
        &self,
        progress: mpsc::Sender<Progress>,
    ) -> BoxFuture<'_, Result<ScrubAnswer, String>> {
        Box::pin(
            async move { self.engine.scrub(progress).await.map_err(|error| error.to_string()) },
        )
    }
}

fn told<E: std::error::Error + 'static>(error: E) -> String {
    Failure::from(error).to_string()
}

/// Of the sessions that `strongroom env` prints. DESIGN, 4.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
