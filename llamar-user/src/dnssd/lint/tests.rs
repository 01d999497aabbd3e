//! Breaches of each rule, and the same without it.
