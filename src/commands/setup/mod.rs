//! The steps of set-up, in their order.

mod git;
