//! The control socket: a line of JSON asks, a line of JSON answers.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The names that are answered for.
    Names,
    /// The links and what became of the frames on them.
    Status,
    /// The hosts and services that are told of over mDNS.
    Mdns,
    /// How a name stands on every link.
    Why {
        /// The name or address as it was typed.
        name: String,
    },
    /// A name is to be answered for from now on; the answer is `null`.
    Add {
        /// The name as it was typed.
        name: String,
        /// The one interface on which it is; all, if none is given.
        #[serde(default)]
        interface: Option<String>,
        /// The addresses of the host for which it is held; it is this host's, if none is given.
        #[serde(default)]
        addresses: Vec<IpAddr>,
    },
    /// A name is no longer to be answered for; the answer is `null`.
    Remove {
        /// The name as it was typed.
        name: String,
        /// The one interface from which it goes; all, if none is given.
        #[serde(default)]
        interface: Option<String>,
    },
}

/// A request and where its answer goes.
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Takes the answer: one JSON value, or why there is none.
    pub answer: oneshot::Sender<Result<String, String>>,
}

/// How long a client may take to send its line, and again to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client waits for an agent that may be busy.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);
/// Clients that are served at a time; each may hold an answer of a million names.
const CLIENTS_MAX: usize = 8;
/// Longest request in bytes: a name of any length and some hundreds of addresses.
const REQUEST_MAX: u64 = 16 << 10;
/// How much more of one that is longer is taken in, and thrown away.
const REST_MAX: u64 = 1 << 20;
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
        Self::listen(path, PATIENCE)
    }

    fn listen(path: PathBuf, patience: Duration) -> anyhow::Result<Self> {
        let what = || format!("open the control socket {}", path.display());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(what);
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(what)?;
        let (sender, asked) = mpsc::channel(WAITING_MAX);
        // From here on the file goes with this value, on failure too.
        let control = Self { path, asked };
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&control.path, mode)
            .with_context(|| format!("open the control socket {}", control.path.display()))?;
        tokio::spawn(accept(listener, sender, patience));
        Ok(control)
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

async fn accept(listener: UnixListener, sender: mpsc::Sender<Asked>, patience: Duration) {
    let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
    // Nobody closes the semaphore. Clients beyond it wait in the socket's backlog.
    while let Ok(place) = Arc::clone(&clients).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, sender, patience).await {
                        debug!("control client: {error:#}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                debug!("accept a control client: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    mut stream: UnixStream,
    sender: mpsc::Sender<Asked>,
    patience: Duration,
) -> anyhow::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(REQUEST_MAX));
    let asking = timeout(patience, reader.read_line(&mut line)).await;
    asking.context("receive the request")??;
    let is_too_long = line.len() as u64 == REQUEST_MAX;
    let answer = match serde_json::from_str(&line) {
        _ if is_too_long => Err(format!("the request is longer than {REQUEST_MAX} bytes")),
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
    // A client that does not read must not hold a long answer for good.
    let answering = timeout(patience, writer.write_all(reply.as_bytes())).await;
    answering.context("send the answer")??;
    if is_too_long {
        // Closed with something unread, the connection would break before the client has its answer.
        reader.get_mut().set_limit(REST_MAX);
        let rest = timeout(patience, copy(&mut reader, &mut sink())).await;
        rest.context("receive the rest")??;
    }
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
    let line = serde_json::to_string(&request)?;
    ask_within(path, &line, CLIENT_PATIENCE)
}

fn ask_within<T: DeserializeOwned>(
    path: &Path,
    line: &str,
    patience: Duration,
) -> anyhow::Result<Option<T>> {
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
    stream.set_read_timeout(Some(patience)).with_context(what)?;
    stream
        .set_write_timeout(Some(patience))
        .with_context(what)?;
    let mut reply = String::new();
    let exchange =
        writeln!(stream, "{line}").and_then(|()| BufReader::new(stream).read_line(&mut reply));
    match exchange {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            bail!("{}: the agent does not answer", what())
        }
        Err(error) => return Err(error).with_context(what),
        Ok(0) => bail!("{}: the agent ended without an answer", what()),
        Ok(_) => {}
    }
    match serde_json::from_str(&reply).with_context(what)? {
        Reply::Ok(value) => Ok(Some(value)),
        Reply::Error(reason) => bail!("{reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(20);

    /// Answers every request with `value` while a client does its work.
    async fn with_agent<T: Send + 'static>(
        value: &str,
        client: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> T {
        with_patient_agent(value, LONG, client).await
    }

    /// The same with so much time for a client to ask and to read.
    async fn with_patient_agent<T: Send + 'static>(
        value: &str,
        patience: Duration,
        client: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> T {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut control = Control::listen(path.clone(), patience).unwrap();
        let mut client = tokio::task::spawn_blocking(move || client(&path));
        loop {
            tokio::select! {
                done = &mut client => return done.unwrap(),
                asked = control.next() => {
                    let _ = asked.answer.send(Ok(value.to_owned()));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_request_gets_its_answer() {
        let answer = with_agent("[1,2]", |path| ask::<Vec<u8>>(path, Request::Names)).await;
        assert_eq!(answer.unwrap(), Some(vec![1, 2]));
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        let line = |request: &Request| serde_json::to_string(request).unwrap();
        let add = Request::Add {
            name: "ñandú\n".to_owned(),
            interface: Some("eth0".to_owned()),
            addresses: vec![[10, 0, 0, 9].into(), "fe80::9".parse().unwrap()],
        };
        let remove = Request::Remove {
            name: "nas".to_owned(),
            interface: None,
        };
        assert_eq!(line(&Request::Names), "\"names\"");
        assert_eq!(line(&Request::Status), "\"status\"");
        assert_eq!(
            line(&add),
            r#"{"add":{"name":"ñandú\n","interface":"eth0","addresses":["10.0.0.9","fe80::9"]}}"#
        );
        for request in [add, remove.clone()] {
            let read: Request = serde_json::from_str(&line(&request)).unwrap();
            assert_eq!(read, request);
        }
        let short: Request = serde_json::from_str(r#"{"remove":{"name":"nas"}}"#).unwrap();
        assert_eq!(short, remove);
        let wrong = r#"{"remove":{"name":"nas","iface":"eth0"}}"#;
        let told = serde_json::from_str::<Request>(wrong).unwrap_err();
        assert!(told.to_string().contains("unknown field `iface`"), "{told}");
    }

    #[tokio::test]
    async fn what_is_done_without_a_word_is_answered_with_null() {
        let remove = Request::Remove {
            name: "nas".to_owned(),
            interface: None,
        };
        let answer = with_agent("null", |path| ask::<()>(path, remove)).await;
        assert_eq!(answer.unwrap(), Some(()));
    }

    #[tokio::test]
    async fn a_request_that_is_too_long_is_told_so() {
        let long = format!("\"{}\"", "x".repeat(20 << 10));
        let answer = with_agent("[]", move |path| ask_within::<()>(path, &long, LONG)).await;
        let reason = format!("{:#}", answer.unwrap_err());
        assert_eq!(reason, "the request is longer than 16384 bytes");
    }

    #[tokio::test]
    async fn a_bad_request_is_told_so() {
        let answer = with_agent("[]", |path| ask_within::<Vec<u8>>(path, "what", LONG)).await;
        let reason = format!("{:#}", answer.unwrap_err());
        assert!(reason.contains("request \"what\": "), "{reason}");
    }

    #[tokio::test]
    async fn clients_that_never_read_do_not_keep_others_waiting() {
        let long = format!("\"{}\"", "x".repeat(8 << 20));
        let length = long.len() - 2;
        let patience = Duration::from_secs(3);
        let answer = with_patient_agent(&long, patience, |path| {
            let silent: Vec<BlockingStream> = (0..CLIENTS_MAX)
                .map(|_| {
                    let mut stream = BlockingStream::connect(path).unwrap();
                    writeln!(stream, "\"names\"").unwrap();
                    stream
                })
                .collect();
            let answer = ask_within::<String>(path, "\"names\"", LONG);
            drop(silent);
            answer
        });
        assert_eq!(answer.await.unwrap().unwrap().len(), length);
    }

    #[tokio::test]
    async fn an_agent_that_does_not_answer_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _control = Control::open(path.clone()).unwrap();
        let client =
            tokio::task::spawn_blocking(move || ask_within::<String>(&path, "\"names\"", SOON));
        let reason = format!("{:#}", client.await.unwrap().unwrap_err());
        assert!(reason.ends_with(": the agent does not answer"), "{reason}");
    }

    /// The file of a socket on which nobody has ever listened: one that was, what another test starts would keep open
    /// for a moment.
    fn leave(path: &Path) {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let address = socket2::SockAddr::unix(path).unwrap();
        socket.unwrap().bind(&address).unwrap();
    }

    #[test]
    fn where_no_agent_runs_there_is_no_answer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        assert_eq!(ask::<String>(&path, Request::Status).unwrap(), None);
        // Stale: whoever listened is gone, its file is not.
        leave(&path);
        assert!(path.exists());
        assert_eq!(ask::<String>(&path, Request::Status).unwrap(), None);
    }

    #[tokio::test]
    async fn a_dead_agents_file_is_replaced_and_ours_goes_with_us() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        leave(&path);
        let control = Control::open(path.clone()).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        drop(control);
        assert!(!path.exists());
    }
}
