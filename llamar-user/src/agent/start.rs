//! What is checked before anything is served.

use anyhow::bail;

use crate::config::Config;
use crate::link::Links;

/// Every interface exists, unless it is waited for, and is one that can be served.
pub fn check_interfaces(config: &Config, links: &Links, wait: bool) -> anyhow::Result<()> {
    for name in config.interfaces.keys() {
        match links.by_name(name) {
            None if wait => {}
            None => bail!(
                "interface {name} does not exist (there are: {}); --wait waits for it",
                links.names()
            ),
            Some(link) if !link.ethernet => {
                bail!(
                    "interface {name} is not an Ethernet interface: neither ARP nor LLMNR can be answered there"
                )
            }
            Some(_) => {}
        }
    }
    Ok(())
}
