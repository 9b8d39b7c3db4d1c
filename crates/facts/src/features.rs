//! Features that no model may have (red line RL17): belief, health, union, emotion and their kin.

/// Words that name a protected class. A feature named after one is refused; a harmless one that
/// only sounds like it is to be renamed.
const PROTECTED: &[&str] = &[
    "belief",
    "beliefs",
    "biometric",
    "biometrics",
    "diagnosis",
    "disability",
    "emotion",
    "emotional",
    "emotions",
    "ethnic",
    "ethnicity",
    "faith",
    "gender",
    "health",
    "medication",
    "mood",
    "nationality",
    "philosophy",
    "politics",
    "political",
    "pregnancy",
    "pregnant",
    "race",
    "racial",
    "religion",
    "religious",
    "sentiment",
    "sex",
    "sexual",
    "sexuality",
    "sickness",
    "strike",
    "union",
    "unionist",
    "unions",
];

/// Whether the name of a feature or score has a word for a protected class in it, whether written
/// `snake_case`, `kebab-case`, `dotted.path` or `camelCase`.
pub fn is_protected_feature(name: &str) -> bool {
    let mut words = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if character.is_uppercase() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    let joined: String = name.to_lowercase();
    let in_words =
        |text: &str| text.split(|c: char| !c.is_alphabetic()).any(|word| PROTECTED.contains(&word));
    in_words(&words) || in_words(&joined)
}

#[cfg(test)]
mod tests {
    use super::is_protected_feature;

    #[test]
    fn words_are_found_in_every_way_of_writing() {
        for name in ["user_religion", "unionMember", "Union.member", "HEALTH-score", "emotion2"] {
            assert!(is_protected_feature(name), "{name}");
        }
        for name in ["bytes_out", "traceId", "communion_hosts", "logins_per_hour"] {
            assert!(!is_protected_feature(name), "{name}");
        }
    }
}
