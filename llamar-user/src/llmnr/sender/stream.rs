//! One query over TCP to one host (RFC 4795 2.4).

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long a host is waited for. A lost SYN is repeated after a second (RFC 6298 2), which leaves as much for the rest.
const TCP_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an address has to answer for itself before the group is asked about it too: a host that answers takes a few
/// milliseconds, and one behind a filter that drops TCP sends not even the ICMP message of RFC 4795 2.4.
const DIRECT_TIMEOUT: Duration = Duration::from_millis(300);

/// A query over TCP.
#[derive(Debug)]
pub(super) struct Stream {
    /// Index of the path.
    pub path: usize,
    /// Who is asked.
    pub to: IpAddr,
    /// The query's id.
    pub id: u16,
    /// Why.
    pub purpose: Purpose,
    state: State,
}

/// Why a host is asked over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its response by UDP was cut.
    Retry,
    /// The question is about its own address; if it does not answer, the group is asked.
    Direct,
    /// The asker named it.
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due(Instant),
    /// Until this time; the group is asked at that time.
    Open(Instant, Option<Instant>),
    Over,
}

/// What is to be done about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    AskGroup,
    Close,
}

impl Stream {
    pub fn new(path: usize, to: IpAddr, id: u16, purpose: Purpose, begin: Instant) -> Self {
        Self {
            path,
            to,
            id,
            purpose,
            state: State::Due(begin),
        }
    }

    /// Whether it is answered or given up.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether a message may be taken from it.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(..))
    }

    /// Ends it; whether there is a connection to close.
    pub fn stop(&mut self) -> bool {
        let was_open = self.is_open();
        self.state = State::Over;
        was_open
    }

    /// What is to be done now. `patience` is when the asker gives up, if it said so.
    pub fn handle_timeout(&mut self, now: Instant, patience: Option<Instant>) -> Option<Step> {
        match self.state {
            State::Due(at) if at <= now => {
                let until = patience.unwrap_or(now + TCP_TIMEOUT);
                let group = (self.purpose == Purpose::Direct).then_some(now + DIRECT_TIMEOUT);
                self.state = State::Open(until, group);
                Some(Step::Connect)
            }
            State::Open(until, _) if until <= now => {
                self.state = State::Over;
                Some(Step::Close)
            }
            State::Open(until, Some(at)) if at <= now => {
                self.state = State::Open(until, None);
                Some(Step::AskGroup)
            }
            _ => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::Open(until, group) => Some(group.map_or(until, |at| at.min(until))),
            State::Over => None,
        }
    }
}
