//! Commands without a server: the data directory is opened under its lock, and closed again.

use std::sync::Arc;

use strongroom_crypto::SystemEntropy;
use strongroom_identity::Identity;

use crate::admin::{Admin, EndpointAnswer};
use crate::clock::SystemClock;
use crate::commands::Failure;
use crate::config::Settings;
use crate::engine::Engine;
use crate::operator::Operator;
use crate::place::{Contents, PlaceError, Places};
use crate::runtime;

/// Opens the data directory, does the work, and closes it.
pub(crate) fn run<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&dyn Admin) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let places = Places::of(settings)?;
    if places.check_keys()? == Contents::Nothing {
        return Err(PlaceError::NoData(places.data).into());
    }
    runtime::start()?.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let entropy = Arc::new(SystemEntropy);
        let engine = Arc::new(Engine::open(&places, clock.clone(), entropy.clone()).await?);
        let done = async {
            let identity = Identity::open(engine.store(), clock, entropy).await?;
            let operator = Operator { engine: Arc::clone(&engine), identity, endpoint: nowhere() };
            work(&operator).await
        };
        let done = done.await;
        // The work's own failure is the one to tell.
        let closed = engine.close().await;
        let done = done?;
        closed?;
        Ok(done)
    })
}

/// No server runs: there is nothing to connect to.
fn nowhere() -> EndpointAnswer {
    EndpointAnswer {
        http: String::new(),
        https: String::new(),
        ca_file: None,
        region: String::new(),
    }
}
