//! Files and frames made by hand.
