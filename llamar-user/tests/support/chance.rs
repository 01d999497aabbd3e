//! What tests draw by chance beside numbers.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Draws from a source of chance, which a seed makes the same in every run.
pub trait Draw {
    /// One of these, of which there is at least one.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T;
    /// Bytes, fewer than so many.
    fn bytes(&mut self, most: usize) -> Vec<u8>;
}

impl Draw for StdRng {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random_range(0..of.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.random_range(0..most);
        (0..length).map(|_| self.random()).collect()
    }
}
