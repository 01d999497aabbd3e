//! What records say, in little room.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::dns::Rdata;

/// A number that stands for data: the same for the same, whatever the case of its ASCII letters, and hardly ever for
/// other data. Data may have thousands of bytes, and thousands of records are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print(u64);

impl Print {
    pub(super) fn of(data: &Rdata) -> Self {
        let mut hasher = DefaultHasher::new();
        data.to_string().to_ascii_lowercase().hash(&mut hasher);
        Self(hasher.finish())
    }
}
