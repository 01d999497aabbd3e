//! What a map of the kernel path is to those that read and write it: entries in no order, of which some may be refused.

/// Entries that are read or collected before they are written.
pub const BATCH: usize = 4096;

/// Gives entries, one after the other, to who takes them.
pub type Each<'a, K, V> = dyn FnMut(&mut dyn FnMut(K, V)) + 'a;

/// A map of the kernel path.
pub trait Table<K, V> {
    /// Where reading goes on.
    type Cursor;

    /// How many entries it can hold.
    fn capacity(&self) -> usize;

    /// Appends about `at_most` entries to `entries`, none of them twice in one walk, and says where to go on; `None`
    /// behind the last. Entries may be changed and removed while one walks.
    fn read(
        &mut self,
        cursor: Option<Self::Cursor>,
        at_most: usize,
        entries: &mut Vec<(K, V)>,
    ) -> Result<Option<Self::Cursor>, String>;

    /// The same, of a table of which everything is known: nothing is forgotten.
    fn look(
        &mut self,
        cursor: Option<Self::Cursor>,
        at_most: usize,
        entries: &mut Vec<(K, V)>,
    ) -> Result<Option<Self::Cursor>, String> {
        self.read(cursor, at_most, entries)
    }

    /// Is told before so many entries are inserted.
    fn expect(&mut self, _entries: usize) {}

    /// Inserts or replaces entries; gives back which were not written, and why.
    fn write(&mut self, entries: &[(K, V)]) -> Vec<(K, Refusal)>;

    /// The same for entries that are not there, as far as is known. They may be very many: `each` gives one after the
    /// other.
    fn insert(&mut self, each: &mut Each<'_, K, V>) -> Vec<(K, Refusal)> {
        let mut refused = Vec::new();
        let mut batch = Vec::new();
        each(&mut |key, value| {
            batch.push((key, value));
            if batch.len() == BATCH {
                refused.extend(self.write(&batch));
                batch.clear();
            }
        });
        if !batch.is_empty() {
            refused.extend(self.write(&batch));
        }
        refused
    }

    /// Removes entries, of which some may be absent; gives back which are still there, and why.
    fn remove(&mut self, keys: &[K]) -> Vec<(K, Refusal)>;
}

/// Why a table did not take an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is full.
    Full,
    /// Anything else, for people.
    Failed(String),
}
