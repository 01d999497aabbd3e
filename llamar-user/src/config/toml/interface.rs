//! The tables of interfaces and VLANs.

use std::collections::BTreeMap;

use super::{INTERFACE_KEYS, Reader, VLAN_KEYS, Value};
use crate::config::file::{InterfaceTable, VlanTable};
use crate::config::value;

impl Reader<'_> {
    pub(super) fn interfaces(&mut self, value: &Value) -> BTreeMap<String, InterfaceTable> {
        let mut interfaces = BTreeMap::new();
        for (key, value) in self.table("interface", "[interface.NAME]", value) {
            let name = match value::interface_name(key.get_ref()) {
                Ok(name) => name,
                Err(message) => {
                    self.problem(key.span().start, message);
                    continue;
                }
            };
            let form = format!("[interface.{name}]");
            let table = self.interface(&name, &form, value);
            interfaces.insert(name, table);
        }
        interfaces
    }

    fn interface(&mut self, name: &str, form: &str, value: &Value) -> InterfaceTable {
        let mut interface = InterfaceTable::default();
        for (key, value) in self.table(name, form, value) {
            match &**key.get_ref() {
                "ttl" => interface.ttl = self.ttl(value),
                "xdp" => interface.xdp = self.xdp(value),
                "limit" => interface.limit = self.limit(value),
                "on-conflict" => {
                    interface.on_conflict = self.on_conflict("on-conflict", value);
                }
                "mdns" => interface.mdns = self.boolean("mdns", value),
                "mdns-on-conflict" => {
                    interface.mdns_on_conflict = self.on_conflict("mdns-on-conflict", value);
                }
                key if self.presence(key, value, &mut interface.presence) => {}
                "names" => interface.names = self.names(value),
                "hosts" => interface.hosts = self.hosts(value, true),
                "proxy-arp" => interface.proxy_arp = self.proxy_arp(value),
                "vlan" => interface.vlans = self.vlans(value),
                id if value::vlan_id(id).is_ok() => self.problem(
                    key.span().start,
                    format!(
                        "unknown key {id:?}, expected [interface.{name}.vlan.{id}] for the VLAN or \
                         [interface.\"{name}.{id}\"] for an interface of that name"
                    ),
                ),
                _ => self.unknown(key, INTERFACE_KEYS),
            }
        }
        interface
    }

    fn vlans(&mut self, value: &Value) -> BTreeMap<u16, VlanTable> {
        let mut vlans = BTreeMap::new();
        for (key, value) in self.table("vlan", "[interface.NAME.vlan.ID]", value) {
            match value::vlan_id(key.get_ref()) {
                Ok(id) => {
                    let vlan = self.vlan(key.get_ref(), value);
                    vlans.insert(id, vlan);
                }
                Err(message) => self.problem(key.span().start, message),
            }
        }
        vlans
    }

    fn vlan(&mut self, id: &str, value: &Value) -> VlanTable {
        let mut vlan = VlanTable::default();
        for (key, value) in self.table(id, "a table of the VLAN", value) {
            match &**key.get_ref() {
                "names" => vlan.names = self.names(value),
                "addresses" => vlan.addresses = self.addresses(value),
                "hosts" => vlan.hosts = self.hosts(value, true),
                "proxy-arp" => vlan.proxy_arp = self.proxy_arp(value),
                _ => self.unknown(key, VLAN_KEYS),
            }
        }
        vlan
    }
}
