//! What a person may do on the page. None of it lets anybody act on a machine: for that each
//! executor asks for a signature of a key that it enrolled.

use std::fmt;
use std::str::FromStr;

/// What a person may do on the page, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look and comment.
    Viewer,
    /// Also set cases aside, have fixes prepared, and hand in signatures.
    Approver,
    /// Also people, settings and tokens.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Approver, Self::Admin];

    /// The name that is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// What it means, in plain words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Viewer => "can look and comment",
            Self::Approver => "can also set cases aside, have fixes prepared and approve them",
            Self::Admin => "can also change people, messages and tokens",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |role: &Self| role.name() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| format!("`{text}` is no role"))
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::Viewer < Role::Approver && Role::Approver < Role::Admin);
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
