//! Values that lie side by side in a map of one value: each is read with all others, and written alone, through memory.

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{Ordering, fence};

use llamar_common::abi::Plain;

use super::bpf::{Access, Map, Words};

/// The values of a map.
#[derive(Debug)]
pub struct Cells<V> {
    map: Map,
    /// The map as memory, for who writes.
    words: Option<Words>,
    values: PhantomData<V>,
}

impl<V: Plain> Cells<V> {
    /// The values of an open map.
    pub fn new(map: Map, access: Access) -> io::Result<Self> {
        let words = match access {
            Access::Read => None,
            Access::Write => Some(map.words()?),
        };
        Ok(Self {
            map,
            words,
            values: PhantomData,
        })
    }

    /// Every value.
    pub fn all(&self) -> io::Result<Vec<V>> {
        let mut bytes = vec![0; self.map.value_size()];
        self.map.lookup(&0u32.to_ne_bytes(), &mut bytes)?;
        let values = bytes.chunks_exact(size_of::<V>());
        Ok(values.filter_map(V::from_bytes).collect())
    }

    /// Replaces a value, word by word. A reader sees nothing of it before what was written earlier.
    pub fn set(&self, place: u32, value: &V) -> io::Result<()> {
        let words = self.words.as_ref().ok_or(io::ErrorKind::PermissionDenied)?;
        let (new, _) = value.bytes().as_chunks();
        let cell = words.chunks_exact(new.len()).nth(place as usize);
        let cell = cell.ok_or_else(|| io::Error::other(format!("no value {place}")))?;
        fence(Ordering::Release);
        for (word, bytes) in cell.iter().zip(new) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        Ok(())
    }
}
