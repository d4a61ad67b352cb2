//! Settings as a whole: which source wins, and what the errors say.
