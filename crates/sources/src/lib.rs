//! Package ecosystems and log sources: bytes in, packages and events out.
