//! The control socket: a line of JSON asks, a line of JSON answers.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// The names that are answered for.
    Names,
    /// The links and what became of the frames on them.
    Status,
}

/// A request and where its answer goes.
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Takes the answer: one JSON value, or why there is none.
    pub answer: oneshot::Sender<Result<String, String>>,
}

/// How long a client may take to send its line.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest request in bytes.
const REQUEST_MAX: u64 = 4096;
/// Requests that wait for the agent.
const WAITING_MAX: usize = 16;

/// The listening socket; its file is removed when this is dropped.
pub struct Control {
    path: PathBuf,
    asked: mpsc::Receiver<Asked>,
}

impl Control {
    /// Listens. The caller holds the instance's lock, so a file that is there is a dead agent's.
    pub fn open(path: PathBuf) -> anyhow::Result<Self> {
        let what = || format!("open the control socket {}", path.display());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(what);
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(what)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).with_context(what)?;
        let (sender, asked) = mpsc::channel(WAITING_MAX);
        tokio::spawn(accept(listener, sender));
        Ok(Self { path, asked })
    }

    /// The next request. Cancelling loses none.
    pub async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            // Accepting has failed for good; everything else goes on.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A file that stays is removed by the next agent.
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, sender: mpsc::Sender<Asked>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, sender).await {
                        debug!("control client: {error:#}");
                    }
                });
            }
            Err(error) => {
                debug!("accept a control client: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(mut stream: UnixStream, sender: mpsc::Sender<Asked>) -> anyhow::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(REQUEST_MAX));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => {
            let (answer, answered) = oneshot::channel();
            sender.send(Asked { request, answer }).await?;
            answered.await?
        }
        Err(error) => Err(format!("request {:?}: {error}", line.trim_end())),
    };
    let reply = match answer {
        Ok(value) => format!("{{\"ok\":{value}}}\n"),
        Err(reason) => format!("{}\n", serde_json::json!({ "error": reason })),
    };
    writer.write_all(reply.as_bytes()).await?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reply<T> {
    Ok(T),
    Error(String),
}

/// Asks the agent at a socket; `None` if there is none.
pub fn ask<T: DeserializeOwned>(path: &Path, request: Request) -> anyhow::Result<Option<T>> {
    let what = || format!("ask the agent at {}", path.display());
    let mut stream = match BlockingStream::connect(path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(error).with_context(|| format!("{}; only root may (try sudo)", what()));
        }
        Err(error) => return Err(error).with_context(what),
    };
    stream.set_read_timeout(Some(PATIENCE)).with_context(what)?;
    let line = serde_json::to_string(&request)?;
    writeln!(stream, "{line}").with_context(what)?;
    let mut reply = String::new();
    BufReader::new(stream)
        .read_line(&mut reply)
        .with_context(what)?;
    match serde_json::from_str(&reply).with_context(what)? {
        Reply::Ok(value) => Ok(Some(value)),
        Reply::Error(reason) => bail!("{}: {reason}", what()),
    }
}
