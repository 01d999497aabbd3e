//! A packet socket of an interface whose frames come to the agent by a channel.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use libc::sock_filter;
use llamar_common::wire::{ethernet, ip, udp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use crate::net::PacketSocket;

/// Largest frame that is looked at: the longest LLMNR message behind an Ethernet header, a tag, IPv6 and UDP.
const FRAME_MAX: usize =
    ethernet::HEADER + ethernet::TAG + ip::v6::HEADER + udp::HEADER + udp::LLMNR_MAX;

/// A frame that a socket received.
pub struct Received {
    /// Index of the interface.
    pub device: u32,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A packet socket and the task that reads it.
pub struct Tap {
    socket: Arc<PacketSocket>,
    reader: JoinHandle<()>,
}

impl Tap {
    /// Opens a socket for the frames of an interface that pass a filter, and sends them on.
    pub fn open(
        device: u32,
        filter: &[sock_filter],
        sender: mpsc::Sender<Received>,
    ) -> io::Result<Self> {
        let socket = Arc::new(PacketSocket::open(device, filter)?);
        let reader = tokio::spawn(read(device, Arc::clone(&socket), sender));
        Ok(Self { socket, reader })
    }

    /// Puts another filter in the place of the one there is.
    pub fn refilter(&self, filter: &[sock_filter]) -> io::Result<()> {
        self.socket.refilter(filter)
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.send(frame)
    }

    /// Whether the interface of the socket was deleted, be there another of its index by now. Receiving does not tell:
    /// it fails once, as when the interface goes down. Sending does, and no frame of no bytes is ever sent.
    pub fn is_lost(&self) -> bool {
        let refused = self.socket.send(&[]);
        self.reader.is_finished() || refused.is_err_and(|error| is_final(&error))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(device: u32, socket: Arc<PacketSocket>, sender: mpsc::Sender<Received>) {
    let mut buffer = vec![0; FRAME_MAX];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(received) => {
                let Some(frame) = buffer.get(..received.length) else {
                    continue;
                };
                // A full channel drops the frame: whoever asked will ask again.
                let _ = sender.try_send(Received {
                    device,
                    frame: frame.to_vec(),
                });
            }
            Err(error) if is_final(&error) => {
                debug!(
                    "packet socket of interface {device}: {error}; opened anew at the next pass"
                );
                return;
            }
            Err(error) => {
                debug!("receive on the packet socket of interface {device}: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether a socket has lost its interface; one that only went down comes back.
fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_interface_ends_a_socket() {
        let ends = |number| is_final(&io::Error::from_raw_os_error(number));
        assert!(ends(libc::ENODEV) && ends(libc::ENXIO));
        assert!(!ends(libc::ENETDOWN) && !ends(libc::ENOBUFS));
    }
}
