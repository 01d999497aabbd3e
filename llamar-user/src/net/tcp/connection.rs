//! One connection: its messages go to the agent one after the other, and the answers back in that order.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, id};
use tokio::time::timeout;
use tracing::debug;

use super::StreamMessage;
use super::framing::{Inbox, frame};
use super::places::Limits;

/// Longest message that is taken in: what RFC 4795 2.1 asks for over UDP; no query needs more.
const LONGEST: usize = llamar_common::wire::udp::LLMNR_MAX;
/// Bytes that are read at a time. They lie on the stack while nothing is waited for, so a silent client has none.
const PIECE: usize = 2048;

/// A message and the connection by which it came.
pub(super) struct Incoming {
    pub connection: Id,
    pub message: StreamMessage,
}

/// What a connection's task has.
pub(super) struct Connection {
    pub stream: TcpStream,
    pub device: u32,
    pub from: SocketAddr,
    pub limits: Limits,
    pub messages: mpsc::Sender<Incoming>,
}

impl Connection {
    /// Serves until the client closes, is idle for too long, or does what no client should.
    ///
    /// A connection whose task is aborted is reset: the listener's sockets linger for no time.
    pub async fn serve(mut self) {
        if let Err(error) = self.talk().await {
            debug!("TCP connection of {} reset: {error}", self.from);
        }
    }

    async fn talk(&mut self) -> io::Result<()> {
        let Limits { idle, patience, .. } = self.limits;
        let mut inbox = Inbox::new(LONGEST);
        // RFC 1035 4.2.2: closing is left to the client, and an idle connection is closed in the end. One that sends
        // no whole message is idle.
        while let Ok(received) = timeout(idle, receive(&self.stream, &mut inbox)).await {
            let Some(message) = received? else {
                break;
            };
            debug!("Received TCP packet.");
            let Some(answer) = self.ask(message).await? else {
                continue;
            };
            let Some(framed) = frame(&answer) else {
                let length = answer.len();
                debug!("an answer of {length} bytes is longer than a TCP message can be");
                continue;
            };
            let written = timeout(patience, self.stream.write_all(&framed)).await;
            written.map_err(|_| io::Error::other("the client does not read its answers"))??;
        }
        // What was written goes out; else the socket lingers for no time.
        socket2::SockRef::from(&self.stream).set_linger(None)
    }

    /// Has the agent answer a message; none is silence.
    async fn ask(&self, message: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let (answer, answered) = oneshot::channel();
        let message = StreamMessage {
            device: self.device,
            local: self.stream.local_addr()?.ip(),
            from: self.from,
            message,
            answer,
        };
        let connection = id();
        let incoming = Incoming {
            connection,
            message,
        };
        // Waits while the agent has as many as it wants at a time.
        let sent = self.messages.send(incoming).await;
        sent.map_err(|_| io::Error::other("the agent ends"))?;
        Ok(answered.await.unwrap_or_default())
    }
}

/// The next message; none at the end of what the client sends, which may still be waiting for answers.
async fn receive(stream: &TcpStream, inbox: &mut Inbox) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(message) = inbox.message()? {
            return Ok(Some(message));
        }
        stream.readable().await?;
        match read(stream, inbox) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn read(stream: &TcpStream, inbox: &mut Inbox) -> io::Result<usize> {
    let mut piece = [0; PIECE];
    let length = stream.try_read(&mut piece)?;
    inbox.put(piece.get(..length).unwrap_or_default());
    Ok(length)
}
