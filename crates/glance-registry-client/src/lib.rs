//! How the API daemon talks to the registry.
