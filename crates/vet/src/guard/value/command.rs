//! A program with its options and paths: no shell would find anything in it to do.

use std::collections::BTreeMap;

use super::{Wrong, path};

/// Bytes of a command.
const COMMAND_BYTES_MAX: usize = 1024;

/// Whether a text is one listed program, with listed options, numbers, plain words and paths below
/// the roots.
pub fn command(
    text: &str,
    programs: &BTreeMap<String, Vec<String>>,
    roots: &[String],
) -> Result<(), Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _./-=+".contains(c);
    if text.len() > COMMAND_BYTES_MAX || !text.chars().all(plain) {
        return Err("it holds characters that mean something to a shell");
    }
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let program = words.next().ok_or("it is empty")?;
    let options = programs.get(program).ok_or("the program is not listed")?;
    for word in words {
        let number = word.chars().all(|c| c.is_ascii_digit());
        let plain_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if word.starts_with('-') {
            if !options.iter().any(|option| option == word) {
                return Err("an option is not listed");
            }
        } else if !number && !plain_word {
            path::path(word, roots)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_does_one_listed_thing() {
        let programs = BTreeMap::from([
            ("grep".to_owned(), vec!["-i".to_owned()]),
            ("head".to_owned(), vec!["-n".to_owned()]),
        ]);
        let roots = ["/srv/a".to_owned()];
        let good = |text: &str| command(text, &programs, &roots).is_ok();
        assert!(good("grep -i flu /srv/a/x") && good("head -n 20 /srv/a/x"));
        for bad in [
            "grep -i flu /etc/passwd",
            "grep -f /srv/a/x",
            "grep flu /srv/a/x; id",
            "grep $(id)",
            "head ../x",
            "head /srv/a/../x",
            "/bin/grep x",
            "bash",
            "",
            "X=1 grep x",
            "grep x > /srv/a/y",
            "grep\u{a0}x",
        ] {
            assert!(!good(bad), "{bad}");
        }
    }
}
