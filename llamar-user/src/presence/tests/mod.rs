//! The engine on links of the tests' making, with their own clock.

mod announcing;
mod conflicts;
mod proxied;
mod records;
mod scene;
