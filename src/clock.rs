//! Time, as everything but the edge sees it.
