//! One bounded HTTP client.
