//! Starts, stops, restarts and reloads the daemons.
