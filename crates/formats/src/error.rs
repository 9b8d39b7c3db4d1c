//! Why an input was not read.

/// Why an input was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The input is larger than the written limit.
    #[error("the {format} input has more than {limit} bytes")]
    TooLarge {
        /// The standard that was expected.
        format: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The input has more of something than the written limit.
    #[error("the {format} input has more than {limit} {what}")]
    TooMany {
        /// The standard that was expected.
        format: &'static str,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The input is not what the standard says.
    #[error("not a valid {format} input: {reason}")]
    Malformed {
        /// The standard that was expected.
        format: &'static str,
        /// What is wrong, in one line.
        reason: String,
    },
}

impl FormatError {
    /// The input breaks the standard; the reason is kept to one line of 200 characters.
    pub(crate) fn malformed(format: &'static str, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        let line = reason.lines().next().unwrap_or_default();
        Self::Malformed { format, reason: line.chars().take(200).collect() }
    }

    /// Refuses an input of more than `limit` bytes.
    pub(crate) fn check_size(
        format: &'static str,
        bytes: &[u8],
        limit: u64,
    ) -> Result<(), FormatError> {
        if u64::try_from(bytes.len()).is_ok_and(|len| len <= limit) {
            Ok(())
        } else {
            Err(Self::TooLarge { format, limit })
        }
    }

    /// Refuses more than `limit` of something.
    pub(crate) fn check_count(
        format: &'static str,
        what: &'static str,
        count: usize,
        limit: usize,
    ) -> Result<(), FormatError> {
        if count <= limit { Ok(()) } else { Err(Self::TooMany { format, what, limit }) }
    }
}

/// The text of an input that must be UTF-8.
pub(crate) fn text<'a>(format: &'static str, bytes: &'a [u8]) -> Result<&'a str, FormatError> {
    std::str::from_utf8(bytes).map_err(|error| FormatError::malformed(format, error))
}
