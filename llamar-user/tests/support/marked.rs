//! The maps of an index that belong to one test, or to `cargo xtask verify`, and the object whose programs find them.

use std::os::fd::{AsFd, AsRawFd};

use aya::maps::{MapData, MapError};
use aya_obj::generated::bpf_map_type;
use aya_obj::maps::{LegacyMap, bpf_map_def};
use aya_obj::{EbpfSectionKind, Map};
use llamar_common::abi::{Bucket, map, marks};

/// The maps of an index.
pub struct Index {
    /// Offset of the last bucket.
    last: u64,
    /// The buckets.
    pub buckets: MapData,
    /// Their IPv6 addresses.
    pub addresses: MapData,
}

impl Index {
    /// Maps with so many buckets, which are all empty. The last one is not to be used: the programs compare where a slot
    /// begins with where that bucket does.
    pub fn new(buckets: u32) -> Result<Self, MapError> {
        Ok(Self {
            last: u64::from(buckets - 1) * size_of::<Bucket>() as u64,
            buckets: array(map::INDEX, buckets)?,
            addresses: array(map::INDEX6, buckets)?,
        })
    }

    /// An object with its marks written; `None` if it lacks one. Its programs can be loaded as long as this lives.
    pub fn written(&self, object: &[u8]) -> Option<Vec<u8>> {
        let mut object = object.to_vec();
        let maps = [&self.buckets, &self.addresses].map(|map| map.fd().as_fd().as_raw_fd());
        marks::write_index(&mut object, maps, self.last).then_some(object)
    }
}

/// An array of one value, which is so many buckets.
fn array(name: &str, buckets: u32) -> Result<MapData, MapError> {
    let def = bpf_map_def {
        map_type: bpf_map_type::BPF_MAP_TYPE_ARRAY as u32,
        key_size: size_of::<u32>() as u32,
        value_size: buckets * size_of::<Bucket>() as u32,
        max_entries: 1,
        ..bpf_map_def::default()
    };
    let map = LegacyMap {
        def,
        inner_def: None,
        section_index: 0,
        section_kind: EbpfSectionKind::Undefined,
        symbol_index: None,
        data: Vec::new(),
    };
    MapData::create(Map::Legacy(map), name, None)
}
