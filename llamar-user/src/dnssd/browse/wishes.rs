//! What a browser wants to be asked, each question once however many want it.

use std::collections::{BTreeMap, VecDeque};

use super::{is_of_link, question};
use crate::dns::{Name, Question};

/// What is to be asked from now on, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A question is to be asked by an interface until it is ceased.
    Ask(u32, Question),
    /// It is not any more.
    Cease(u32, Question),
}

/// The questions that are wanted, and what is yet to be told of them.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// How many want each.
    wanted: BTreeMap<(u32, Name, u16), usize>,
    untold: VecDeque<Wish>,
    /// Whether nothing is wanted of instances.
    pub leaves_unresolved: bool,
}

impl Wishes {
    /// One more wants a question. RFC 6762 3, 13: names that are not of the link are not asked for, whoever points to
    /// them.
    pub fn add(&mut self, device: u32, name: Name, kind: u16) {
        if !is_of_link(&name) {
            return;
        }
        let count = self.wanted.entry((device, name.clone(), kind)).or_default();
        *count += 1;
        if *count == 1 {
            let asked = question(name, kind);
            self.untold.push_back(Wish::Ask(device, asked));
        }
    }

    /// One that wanted it does no more.
    pub fn remove(&mut self, device: u32, name: &Name, kind: u16) {
        let key = (device, name.clone(), kind);
        let Some(count) = self.wanted.get_mut(&key) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.wanted.remove(&key);
            let ceased = question(name.clone(), kind);
            self.untold.push_back(Wish::Cease(device, ceased));
        }
    }

    /// Nobody wants anything of an interface any more.
    pub fn forget(&mut self, device: u32) {
        let of_device = self.wanted.keys().filter(|(on, ..)| *on == device);
        let gone: Vec<_> = of_device.cloned().collect();
        for key in gone {
            self.wanted.remove(&key);
            let (_, name, kind) = key;
            self.untold
                .push_back(Wish::Cease(device, question(name, kind)));
        }
    }

    /// What is to be told next.
    pub fn pop(&mut self) -> Option<Wish> {
        self.untold.pop_front()
    }
}
