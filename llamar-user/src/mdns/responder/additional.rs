//! The records that an asker will want next (RFC 6762 6.2, RFC 6763 12).

use super::zone::{Id, Role, Zone};
use crate::dns::{Name, Rdata, kind};

impl Zone {
    /// What may stand in the additional section of a message with these answers, in sets that go whole, the most useful first.
    pub(super) fn additionals(&self, answers: &[Id]) -> Vec<Vec<Id>> {
        let mut sets = Vec::new();
        for id in answers {
            let Some(entry) = self.entry(*id) else {
                continue;
            };
            let record = &entry.record;
            match &record.data {
                // RFC 6763 12.1: of a service or a subtype.
                Rdata::Ptr(target) if entry.role == Role::Shared => {
                    sets.push(self.set(target, kind::SRV));
                    sets.push(self.set(target, kind::TXT));
                    self.of_targets(target, &mut sets);
                }
                // RFC 6763 12.2
                Rdata::Srv(srv) => self.of_addresses(&srv.target, &mut sets),
                // RFC 6762 6.2: the other family.
                Rdata::A(_) | Rdata::Aaaa(_) => self.of_addresses(&record.owner, &mut sets),
                // RFC 6763 12.3: a TXT record needs no others.
                _ => {}
            }
        }
        sets
    }

    /// The addresses of the hosts that a service is on.
    fn of_targets(&self, service: &Name, sets: &mut Vec<Vec<Id>>) {
        for id in self.set(service, kind::SRV) {
            let entry = self.entry(id);
            if let Some(Rdata::Srv(srv)) = entry.map(|entry| &entry.record.data) {
                self.of_addresses(&srv.target, sets);
            }
        }
    }

    fn of_addresses(&self, host: &Name, sets: &mut Vec<Vec<Id>>) {
        let families = [kind::A, kind::AAAA].map(|kind| self.set(host, kind));
        let missing = families.iter().filter(|set| set.is_empty()).count();
        sets.extend(families.into_iter().filter(|set| !set.is_empty()));
        // RFC 6762 6.2: that there are none of the other family is worth telling too.
        if missing == 1 {
            sets.extend(self.absent(host).map(|id| vec![id]));
        }
    }
}
