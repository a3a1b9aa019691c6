//! The commands' end of the admin socket. Blocking: a command does one thing and ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::de::DeserializeOwned;
use strongroom_crypto::SecretBytes;

use super::protocol::{Command, LINE_BYTES_MAX, Line, Progress};

/// A connection to the running server.
#[derive(Debug)]
pub(crate) struct AdminClient {
    stream: UnixStream,
}

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The server says no, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The socket is not to be used.
    #[error("the admin socket cannot be used")]
    Io(#[from] io::Error),
    /// The server hung up before it was done.
    #[error("the server ended before it answered")]
    Ended,
    /// Another version speaks there.
    #[error("the server's answer is not understood; is it of another version?")]
    Strange(#[source] serde_json::Error),
}

impl AdminClient {
    /// Connects to the server of a data directory; `None` if none is running.
    ///
    /// # Errors
    /// If the socket is there and may not be used.
    pub(crate) fn connect(data: &Path) -> Result<Option<Self>, ClientError> {
        match super::socket::connect(&crate::place::admin_socket(data)) {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives one command and waits for its answer.
    ///
    /// # Errors
    /// If the server refuses, or no answer comes.
    pub(crate) fn ask<T: DeserializeOwned>(
        mut self,
        command: &Command,
        mut progress: impl FnMut(Progress),
    ) -> Result<T, ClientError> {
        let mut request = serde_json::to_vec(command).map_err(ClientError::Strange)?;
        request.push(b'\n');
        self.stream.write_all(&request)?;
        let mut reader = BufReader::new(self.stream);
        loop {
            let mut line = Vec::with_capacity(LINE_CAPACITY);
            reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
            let line = SecretBytes::new(line);
            if line.danger_expose().is_empty() {
                return Err(ClientError::Ended);
            }
            match serde_json::from_slice(line.danger_expose()).map_err(ClientError::Strange)? {
                Line::Progress(step) => progress(step),
                Line::Done(answer) => return Ok(answer),
                Line::Refused(reason) => return Err(ClientError::Refused(reason)),
            }
        }
    }
}

const LINE_CAPACITY: usize = 4 * 1024; // an answer with a secret fits without growing
