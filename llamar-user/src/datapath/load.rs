//! Loading the object: on the maps that are pinned or on new ones, and only if it is of this version's layout.

use aya::EbpfLoader;
use llamar_common::abi::map;

use super::bpf::Access;
use super::error::DatapathError;
use super::globals::Globals;
use super::marked::Marked;
use super::pins::{Found, Pins, remove_file};

/// Loads the object, whose programs the kernel has not seen yet: those can be loaded as long as the maps that come with
/// it live.
pub fn load(
    pins: &Pins,
    capacity: u32,
    object: &[u8],
) -> Result<(aya::Ebpf, Marked), DatapathError> {
    let marked = Marked::prepare(pins, capacity)?;
    let mut object = object.to_vec();
    marked.write(&mut object)?;
    let globals = Globals::prepare(pins)?;
    let paths = map::ALL.map(|name| (name, pins.map(name)));
    let mut loader = EbpfLoader::new();
    globals.hand_over(&mut loader);
    loader.map_max_entries(map::NAMES, capacity);
    for (name, path) in &paths {
        loader.map_pin_path(name, path.as_path());
    }
    let ebpf = loader
        .load(&object)
        .map_err(|error| DatapathError::Load(Box::new(error)))?;
    check_object(pins)?;
    Ok((ebpf, marked))
}

/// Fails if the object has not made what this version does. What was pinned before, was judged before.
fn check_object(pins: &Pins) -> Result<(), DatapathError> {
    let shapes = pins.check_shapes(Access::Write);
    shapes.map_err(DatapathError::of_object)?;
    match pins.lacking() {
        Some(map) => Err(DatapathError::OtherObject(format!("it has no {map}"))),
        None => Ok(()),
    }
}

/// Capacity of the names' map, and what to say if it is not the one that is asked for. Makes way for a new map.
pub fn capacity(
    pins: &Pins,
    found: Found,
    max_names: u32,
) -> Result<(u32, Option<String>), DatapathError> {
    match found.max_names {
        Some(pinned) if pinned != max_names && found.live => {
            let warning = format!(
                "the kernel path is in use with room for {pinned} names and keeps it: for max-names = {max_names} run `llamar detach` between stop and start"
            );
            Ok((pinned, Some(warning)))
        }
        Some(pinned) if pinned != max_names => {
            for name in [map::NAMES, map::INDEX, map::INDEX6] {
                remove_file(&pins.map(name))?;
            }
            Ok((max_names, None))
        }
        _ => Ok((max_names, None)),
    }
}
