//! Decision records are numbered `docs/adr/NNNN-title.md`, from 0001, without gaps or doubles.

use super::{Failure, Repository, repository::has_extension};

const FOLDER: &str = "docs/adr/";

/// Checks the numbers.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut expected = 1_usize;
    for path in repository.files().filter(|path| path.starts_with(FOLDER)) {
        let name = path.strip_prefix(FOLDER).unwrap_or(path);
        let number = name.split_once('-').and_then(|(digits, _)| {
            (digits.len() == 4 && has_extension(name, "md"))
                .then(|| digits.parse::<usize>().ok())?
        });
        match number {
            None => failures.push(Failure::new(
                path,
                "is not named `NNNN-title.md`",
                format!("rename it; the next free number is {expected:04}"),
            )),
            Some(number) if number == expected => expected += 1,
            Some(number) => {
                failures.push(Failure::new(
                    path,
                    format!("has the number {number:04} where {expected:04} was expected"),
                    "number the records in one row, without gaps or doubles",
                ));
                expected = number + 1;
            }
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(names: &[&str]) -> usize {
        let files: Vec<String> = names.iter().map(|name| format!("{FOLDER}{name}")).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|path| (path.as_str(), "")).collect();
        check(&Repository::of(&files)).len()
    }

    #[test]
    fn numbers_run_on() {
        assert_eq!(count(&["0001-a.md", "0002-b.md"]), 0);
        assert_eq!(count(&["0001-a.md", "0003-b.md"]), 1);
        assert_eq!(count(&["0001-a.md", "0001-b.md", "0002-c.md"]), 1);
        assert_eq!(count(&["1-a.md"]), 1);
        assert_eq!(count(&["0001-a.txt"]), 1);
    }
}
