//! What interfaces do to frames before the kernel path sees them, and what that means for it.

use tracing::{debug, warn};

use crate::config::{Config, XdpMode};
use crate::datapath::{Attached, Datapath, XdpKind};
use crate::link::ethtool::rx_vlan_offload;
use crate::link::{Link, Links};

/// Attaches to an interface and says what should be known of it, or gives the reason why it is left to userspace.
pub fn attach(
    datapath: &mut Datapath,
    link: &Link,
    mode: XdpMode,
    config: &Config,
    links: &Links,
) -> Result<(), String> {
    if let Some(reason) = reason_against(link, mode, config, links) {
        return Err(reason);
    }
    let attached = datapath.attach(link, mode).map_err(|error| {
        let reason = anyhow::Error::from(error);
        format!("{reason:#}; {} is served from userspace", link.name)
    })?;
    tell(&attached, link, config, links);
    Ok(())
}

/// Says what the administrator should know of an interface that the kernel path is on.
pub fn tell(attached: &Attached, link: &Link, config: &Config, links: &Links) {
    if let Some(warning) = &attached.warning {
        warn!("{warning}");
    }
    let name = &link.name;
    // What the driver sends to the other end lies there until an XDP program, which cannot be seen from here, takes it.
    if attached.kind == XdpKind::Native && link.kind.as_deref() == Some("veth") {
        warn!(
            "{name} is a veth: answers of native mode arrive only where an XDP program runs at its other end too; where none does use --xdp generic, which auto takes"
        );
    }
    // Frames come to a bridge when its ports have taken their tags off. The program sees them as frames of the
    // untagged link, and nothing that it can read tells.
    if link.kind.as_deref() == Some("bridge") {
        warn!(
            "{name} is a bridge: a tagged query that crosses it reaches the kernel path without its tag and is answered as an untagged one; where that matters use --xdp off or serve the ports"
        );
    } else if hides_known_tags(link, config, links) {
        warn!("{}", about_hidden_tags(name));
    } else if rx_vlan_offload(name) == Some(true) {
        debug!(
            "{name} takes VLAN tags off before the kernel path sees frames: tagged queries are answered as untagged ones until `ethtool -K {name} rxvlan off`"
        );
    }
}

/// Why `auto` leaves an interface to userspace, if it does: its frames would be answered for the wrong link.
pub fn reason_against(
    link: &Link,
    mode: XdpMode,
    config: &Config,
    links: &Links,
) -> Option<String> {
    let against = mode == XdpMode::Auto && hides_known_tags(link, config, links);
    against.then(|| about_hidden_tags(&link.name))
}

/// Whether an interface with VLANs takes their tags off before the program sees frames.
fn hides_known_tags(link: &Link, config: &Config, links: &Links) -> bool {
    has_vlans(link, config, links) && rx_vlan_offload(&link.name) == Some(true)
}

fn about_hidden_tags(name: &str) -> String {
    format!(
        "{name} has VLANs and takes their tags off before the kernel path sees frames, which it would answer as untagged ones: served from userspace unless --xdp native or generic insists; `ethtool -K {name} rxvlan off` mends it"
    )
}

/// Whether VLANs are known to be on an interface.
fn has_vlans(link: &Link, config: &Config, links: &Links) -> bool {
    let configured = config.interfaces.get(&link.name);
    let is_vlan_of_it = |other: &Link| other.vlan.is_some_and(|(parent, _)| parent == link.index);
    configured.is_some_and(|interface| !interface.vlans.is_empty())
        || links.by_index.values().any(is_vlan_of_it)
}
