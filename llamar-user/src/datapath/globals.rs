//! The globals: maps of one value, which the programs reach by its address instead of by a look-up.
//!
//! The loader makes such maps under the names of their sections, and writes every one of them when it loads. So they are
//! made here before, where a former agent has not left them, and the loader is told to write what they hold.

use std::path::PathBuf;

use aya::EbpfLoader;
use llamar_common::abi::{GLOBALS, Global};

use super::bpf::{Access, Map, Shape};
use super::error::DatapathError;
use super::pins::{Pins, shapes};

/// The globals of an instance, pinned.
pub struct Globals(Vec<Pinned>);

struct Pinned {
    global: Global,
    pin: PathBuf,
    held: Vec<u8>,
}

impl Globals {
    /// Makes and pins those that are not there, and reads what the others hold.
    ///
    /// What a program writes between this and the load, which are senders and the limiter's buckets, is undone by it.
    pub fn prepare(pins: &Pins) -> Result<Self, DatapathError> {
        let globals = shapes().into_iter().filter_map(|(name, shape)| {
            let global = GLOBALS.iter().find(|global| global.map == name)?;
            Some(Pinned::prepare(*global, shape, pins.map(name)))
        });
        globals.collect::<Result<_, _>>().map(Self)
    }

    /// Has the loader use them as they are.
    pub fn hand_over<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        for Pinned { global, pin, held } in &self.0 {
            loader.map_pin_path(global.section, pin.as_path());
            loader.override_global(global.symbol, held.as_slice(), true);
        }
    }
}

impl Pinned {
    fn prepare(global: Global, shape: Shape, pin: PathBuf) -> Result<Self, DatapathError> {
        let (what, map) = match pin.exists() {
            true => ("open the pinned map", Map::open(&pin, Access::Read)),
            false => ("make the map", Map::create(global.map, shape, &pin)),
        };
        let map = map.map_err(DatapathError::io(what, &pin))?;
        let mut held = vec![0; map.value_size()];
        map.lookup(&0u32.to_ne_bytes(), &mut held)
            .map_err(DatapathError::io("read the pinned map", &pin))?;
        Ok(Self { global, pin, held })
    }
}
