//! Waiting until the programs that run now have ended.

use std::io;

use super::Map;

/// A map of maps: the kernel returns from a write to one when every program that ran at that time has ended, so that none
/// still uses the map that was there before. That is all that it is for.
#[derive(Debug)]
pub struct Grace {
    outer: Map,
    inner: Map,
}

impl Grace {
    /// Makes it, while there is the privilege to: who waits needs none.
    pub fn new() -> io::Result<Self> {
        let (outer, inner) = Map::create_outer("llamar_grace")?;
        Ok(Self { outer, inner })
    }

    /// Waits, some hundredths of a second.
    pub fn wait(&self) -> io::Result<()> {
        let inner = self.inner.descriptor().to_ne_bytes();
        self.outer.update(&0u32.to_ne_bytes(), &inner)
    }
}
