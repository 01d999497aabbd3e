//! The mdns-sd crate as another host: its threads live in a namespace.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mdns_sd::{
    DaemonEvent, HostnameResolutionEvent, Receiver, ResolvedService, ServiceDaemon, ServiceEvent,
    ServiceInfo,
};

use super::DEADLINE;
use super::net::Namespace;

/// A running daemon; on drop it takes its leave and ends.
pub struct MdnsSd {
    daemon: ServiceDaemon,
    events: Receiver<DaemonEvent>,
}

impl MdnsSd {
    /// Starts the daemon in a namespace.
    #[track_caller]
    pub fn start(namespace: &Namespace) -> Self {
        let daemon = namespace
            .inside(ServiceDaemon::new)
            .expect("start the daemon of mdns-sd");
        daemon
            .set_ip_check_interval(1)
            .expect("look at addresses every second");
        let events = daemon.monitor().expect("watch the daemon of mdns-sd");
        Self { daemon, events }
    }

    /// Offers a service of a host, `x.local.`, at all addresses it has.
    #[track_caller]
    pub fn register(&self, kind: &str, name: &str, host: &str, port: u16, txt: &[(&str, &str)]) {
        let info = ServiceInfo::new(kind, name, host, "", port, txt).expect("a service");
        self.daemon
            .register(info.enable_addr_auto())
            .expect("register a service");
    }

    /// Offers "Crate", a web server at port 8080 of crate.local, which says `a=` and this.
    #[track_caller]
    pub fn register_crate(&self, a: &str) {
        self.register(
            "_http._tcp.local.",
            "Crate",
            "crate.local.",
            8080,
            &[("a", a)],
        );
    }

    /// Withdraws a service by its whole name.
    #[track_caller]
    pub fn unregister(&self, name: &str) {
        let status = self.daemon.unregister(name).expect("unregister a service");
        status.recv_timeout(DEADLINE).expect("it is unregistered");
    }

    /// Waits until one of its names was changed; the new one.
    #[track_caller]
    pub fn renamed(&self, original: &str) -> String {
        receive(
            &self.events,
            &format!("a new name for {original}"),
            |event| match event {
                DaemonEvent::NameChange(change) if change.original == original => {
                    Some(change.new_name)
                }
                _ => None,
            },
        )
    }

    /// Waits until a service was announced.
    #[track_caller]
    pub fn announced(&self, name: &str) {
        receive(&self.events, &format!("{name} to be announced"), |event| {
            matches!(event, DaemonEvent::Announce(announced, _) if announced.contains(name))
                .then_some(())
        });
    }

    /// Begins to look for services of a type, `_http._tcp.local.` or a subtype of it.
    #[track_caller]
    pub fn browse(&self, kind: &str) -> Browsing {
        Browsing {
            events: self.daemon.browse(kind).expect("browse"),
            seen: RefCell::default(),
        }
    }

    /// Waits until a host's addresses are these.
    #[track_caller]
    pub fn resolve(&self, host: &str, wanted: &[IpAddr]) {
        let patience = DEADLINE.as_millis() as u64;
        let events = self
            .daemon
            .resolve_hostname(host, Some(patience))
            .expect("resolve a host's name");
        let (mut found, wanted) = (BTreeSet::new(), BTreeSet::from_iter(wanted.iter().copied()));
        receive(&events, &format!("{host} at {wanted:?}"), |event| {
            match event {
                HostnameResolutionEvent::AddressesFound(_, addresses) => {
                    found.extend(addresses.iter().map(|address| address.to_ip_addr()));
                }
                HostnameResolutionEvent::AddressesRemoved(_, addresses) => {
                    for address in addresses {
                        found.remove(&address.to_ip_addr());
                    }
                }
                _ => {}
            }
            (found == wanted).then_some(())
        });
        // What is stopped already is not worth a word.
        let _ = self.daemon.stop_resolve_hostname(host);
    }
}

impl Drop for MdnsSd {
    fn drop(&mut self) {
        if let Ok(status) = self.daemon.shutdown() {
            let _ = status.recv_timeout(Duration::from_secs(2));
        }
    }
}

/// A look for services that goes on.
pub struct Browsing {
    events: Receiver<ServiceEvent>,
    /// What came and was not waited for.
    seen: RefCell<Vec<ServiceEvent>>,
}

impl Browsing {
    /// Waits until an instance was resolved to something that is wanted.
    #[track_caller]
    pub fn resolved(
        &self,
        name: &str,
        wanted: impl Fn(&ResolvedService) -> bool,
    ) -> Box<ResolvedService> {
        let matches = |event: &ServiceEvent| match event {
            ServiceEvent::ServiceResolved(service)
                if service.get_fullname() == name && wanted(service) =>
            {
                Some(service.clone())
            }
            _ => None,
        };
        let seen = self.seen.borrow().iter().find_map(matches);
        seen.unwrap_or_else(|| {
            receive(&self.events, &format!("{name} to be resolved"), |event| {
                let found = matches(&event);
                self.seen.borrow_mut().push(event);
                found
            })
        })
    }

    /// Waits until an instance went.
    #[track_caller]
    pub fn removed(&self, name: &str) {
        receive(&self.events, &format!("the end of {name}"), |event| {
            matches!(event, ServiceEvent::ServiceRemoved(_, gone) if gone == name).then_some(())
        });
    }
}

/// Waits for an event of which something can be made; panics with all that came instead after [`DEADLINE`].
#[track_caller]
fn receive<E: Clone + std::fmt::Debug, T>(
    events: &Receiver<E>,
    what: &str,
    mut wanted: impl FnMut(E) -> Option<T>,
) -> T {
    let (end, mut seen) = (Instant::now() + DEADLINE, Vec::new());
    while let Ok(event) = events.recv_deadline(end) {
        if let Some(found) = wanted(event.clone()) {
            return found;
        }
        seen.push(event);
    }
    panic!("waited {DEADLINE:?} in vain for {what}; there came {seen:#?}");
}
