//! Questions by ordinary sockets: one after the other, many at a time, or at a steady pace.

use std::net::{SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use llamar_common::testing::wire_name;

use super::scene::{ASKER_V4, HOST_V4, Namespace};

/// Answers that a lost one is waited for.
const PATIENCE: Duration = Duration::from_millis(20);
/// Type A, class IN.
const A_IN: [u8; 4] = [0, 1, 0, 1];

/// An asker: its socket, where it asks, and for what.
pub struct Asker {
    socket: UdpSocket,
    to: SocketAddr,
}

/// What came of asking.
#[derive(Clone, Debug)]
pub struct Answers {
    /// How many there were.
    pub count: u64,
    /// How long it took.
    pub time: Duration,
    /// From each question to its answer, sorted.
    pub latencies: Vec<Duration>,
}

impl Answers {
    /// A percentile of the latencies in microseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let place =
            (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies
            .get(place)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }
}

impl Asker {
    /// An asker in a namespace. Its address decides by which interface questions to a group leave.
    pub fn new(namespace: &Namespace, to: SocketAddr) -> Result<Self> {
        namespace.inside(|| {
            let socket = UdpSocket::bind((ASKER_V4, 0)).context("bind a socket to ask from")?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(Self { socket, to })
        })
    }

    /// Keeps so many questions for a name under way for so long. Each answer has to name an address of the host.
    pub fn answers(&self, name: &str, window: usize, time: Duration) -> Result<Answers> {
        let mut query = query(name);
        let mut sent = vec![None; 1 << 16];
        let (mut id, mut under_way, mut latencies) = (0_u16, 0, Vec::new());
        let began = Instant::now();
        let mut buffer = [0; 512];
        while began.elapsed() < time {
            while under_way < window {
                id = id.wrapping_add(1);
                query[..2].copy_from_slice(&id.to_be_bytes());
                sent[usize::from(id)] = Some(Instant::now());
                self.send(&query)?;
                under_way += 1;
            }
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let id = check(&buffer[..length], &query)?;
                    if let Some(then) = sent[usize::from(id)].take() {
                        latencies.push(then.elapsed());
                        under_way = under_way.saturating_sub(1);
                    }
                }
                // Lost, or not answered by a daemon that answers so many a second only.
                Err(error) if lost(&error) => under_way = 0,
                Err(error) => return Err(error).context("receive an answer"),
            }
        }
        let time = began.elapsed();
        latencies.sort();
        Ok(Answers {
            count: latencies.len() as u64,
            time,
            latencies,
        })
    }

    /// Asks for a name over and over, in steps, until the first answer, and gives the time of it.
    pub fn first(&self, name: &str, limit: Duration, step: Duration) -> Result<Instant> {
        let query = query(name);
        let began = Instant::now();
        self.socket.set_nonblocking(true)?;
        let mut buffer = [0; 512];
        while began.elapsed() < limit {
            self.send(&query)?;
            // A wait by the socket would be one of whole ticks, of up to 10 ms.
            sleep(step);
            while let Ok(length) = self.socket.recv(&mut buffer) {
                // A late answer to the name before is none.
                if buffer[..length].get(12..query.len()) == query.get(12..) {
                    return Ok(Instant::now());
                }
            }
        }
        bail!("nobody answers for {name} within {limit:?}")
    }

    /// Asks for a name at a steady pace and expects no answer.
    pub fn pace(&self, name: &str, count: u32, every: Duration) -> Result<()> {
        let query = query(name);
        let began = Instant::now();
        for number in 0..count {
            self.send(&query)?;
            let due = began + every * number;
            if number % 5 == 4 {
                sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        let mut buffer = [0; 512];
        ensure!(
            self.socket.recv(&mut buffer).is_err(),
            "a name of nobody was answered for"
        );
        Ok(())
    }

    fn send(&self, query: &[u8]) -> Result<()> {
        match self.socket.send_to(query, self.to) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error).context("send a question"),
        }
    }
}

fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(wire_name(name));
    query.extend(A_IN);
    query
}

/// The id of an answer, which has to repeat the question and end in the host's address.
fn check(answer: &[u8], query: &[u8]) -> Result<u16> {
    let (id, count) = match answer {
        [a, b, flags, _, _, _, high, low, ..] if flags & 0x80 != 0 => (
            u16::from_be_bytes([*a, *b]),
            u16::from_be_bytes([*high, *low]),
        ),
        _ => bail!("no answer: {answer:02x?}"),
    };
    let address = answer.windows(4).any(|window| window == HOST_V4.octets());
    ensure!(
        count >= 1 && address,
        "an answer without the host's address: {answer:02x?}"
    );
    let question = answer.get(12..query.len());
    ensure!(
        question == query.get(12..),
        "an answer to another question: {answer:02x?}"
    );
    Ok(id)
}

fn lost(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}
