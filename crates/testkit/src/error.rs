//! Why a test cannot go on.

use strongroom_sigv4::AuthError;

/// Why a test cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// The server could not be started, or its store not be read.
    #[error("the server cannot be used")]
    Server(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The socket failed, or the server was silent.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Signing(#[source] AuthError),
    /// What came back is not HTTP.
    #[error("the answer is not valid: {0}")]
    BadReply(&'static str),
}

impl TestkitError {
    pub(crate) fn server(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Server(Box::new(error))
    }
}
