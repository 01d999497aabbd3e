//! Browsing (RFC 6763 4, 5, 9): from records that come and go to types of service, instances, and where these are.
//!
//! Records of mDNS go in, each with its interface; what there is to tell comes out, and what is to be asked. Without
//! anybody who asks, as in a capture, it tells of what others have asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::dns::{Name, Question, kind};
use crate::mdns::Held;

mod found;
mod hosts;
mod known;
mod place;
mod scope;
mod wishes;

pub use found::{Found, Service, Target, What};
pub use scope::{Scope, is_of_link};
pub use wishes::Wish;

use place::{Place, View};
use wishes::Wishes;

/// Follows the services of some interfaces.
#[derive(Debug)]
pub struct Browser {
    scope: Scope,
    /// Whether questions are asked for it.
    asks: bool,
    /// When something happened last.
    now: Instant,
    places: BTreeMap<u32, Place>,
    wishes: Wishes,
    events: VecDeque<Found>,
}

impl Browser {
    /// One for which is asked what it wishes.
    pub fn new(now: Instant, scope: Scope) -> Self {
        Self {
            scope,
            asks: true,
            now,
            places: BTreeMap::new(),
            wishes: Wishes::default(),
            events: VecDeque::new(),
        }
    }

    /// One that takes what it gets, and wishes nothing.
    pub fn passive(now: Instant, scope: Scope) -> Self {
        Self {
            asks: false,
            ..Self::new(now, scope)
        }
    }

    /// From now on only tells which services there are, and not where.
    pub fn leave_unresolved(&mut self) {
        self.wishes.leaves_unresolved = true;
    }

    /// Browses on these interfaces and no others. RFC 6763 F: what came over one that is gone is gone.
    pub fn follow(&mut self, now: Instant, devices: &BTreeSet<u32>) {
        self.now = now;
        let gone = self
            .places
            .keys()
            .filter(|device| !devices.contains(device));
        let gone: Vec<u32> = gone.copied().collect();
        for device in gone {
            if let Some(place) = self.places.remove(&device) {
                place.end(&mut self.events);
            }
            self.wishes.forget(device);
        }
        for &device in devices {
            if !self.places.contains_key(&device) {
                self.begin(device);
            }
        }
    }

    fn begin(&mut self, device: u32) {
        self.places.insert(device, Place::new(device));
        if self.asks {
            for (name, kind) in self.scope.questions() {
                self.wishes.add(device, name, kind);
            }
        }
    }

    /// Takes in that a record came or went.
    pub fn handle(&mut self, now: Instant, held: &Held) {
        self.now = now;
        if !self.places.contains_key(&held.device) {
            if self.asks {
                return;
            }
            self.begin(held.device);
        }
        let Some(place) = self.places.get_mut(&held.device) else {
            return;
        };
        if self.wishes.leaves_unresolved && held.record.kind != kind::PTR {
            return;
        }
        let mut wishes = self.asks.then_some(&mut self.wishes);
        place.hear(&self.scope, held, &mut wishes, &mut self.events);
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for place in self.places.values_mut() {
            place.handle_timeout(now);
        }
    }

    /// When time is to pass next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.places.values().filter_map(Place::poll_timeout).min()
    }

    /// Nothing more will come: tells also of services of which something is missing.
    pub fn finish(&mut self) {
        self.settle(true);
    }

    /// What there is to tell. What was heard at once is told at once: this is best asked after all records of a message
    /// are in.
    pub fn poll_event(&mut self) -> Option<Found> {
        self.settle(false);
        self.events.pop_front()
    }

    fn settle(&mut self, is_last: bool) {
        let view = View {
            now: self.now,
            scope: &self.scope,
            is_passive: !self.asks,
            is_last,
        };
        for place in self.places.values_mut() {
            place.settle(&view, &mut self.events);
        }
    }

    /// What is to be asked from now on, or no more.
    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop()
    }
}

/// A question of class IN.
fn question(name: Name, kind: u16) -> Question {
    Question {
        name,
        kind,
        class: kind::IN,
    }
}

#[cfg(test)]
mod tests;
