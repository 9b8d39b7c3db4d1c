//! Configuration in layers: `/etc/ringfort/ringfort.toml`, then the user's
//! `$XDG_CONFIG_HOME/ringfort/ringfort.toml`, then `RINGFORT_*`, then flags. Later layers win, key
//! by key; an unknown key is an error; [`Layers::origin`] says where each value came from.
//!
//! An environment variable names a key in upper case with `__` for `.`: `RINGFORT_SITE__PROFILE`.
//!
//! The executor reads the system's file only, and only while nobody but root can write it: what a
//! user's own file or environment says never reaches the process that acts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spine::SiteConfig;
use toml::{Table, Value};

use crate::failure::{Failure, OrHint as _};

/// Everything that can be configured. `docs/` and `ringfort config show` list the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where ringfort keeps its state.
    pub data_dir: PathBuf,
    /// Seconds between two scans of `up`.
    pub scan_interval_s: u64,
    /// Package metadata older than this is refreshed before a scan, seconds.
    pub metadata_age_max_s: u64,
    /// The most bytes of events kept on disk.
    pub events_bytes_max: u64,
    /// The most days that events are kept.
    pub events_days_max: u32,
    /// Whom to tell what must not happen quietly, such as `mailto:ann@clinic.example`: everybody,
    /// for instance, when somebody breaks the glass.
    pub contacts: Vec<String>,
    /// What the owner says of the site.
    pub site: SiteConfig,
    /// The page.
    pub page: PageConfig,
    /// Machines that report here.
    pub machines: MachinesConfig,
    /// Models on this machine.
    pub models: ModelsConfig,
    /// Feeds, by name: where the owner wants them from. Unlisted feeds come from their official
    /// address.
    pub feeds: BTreeMap<String, FeedConfig>,
}

/// The owner's wishes for the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageConfig {
    /// Where it listens. Anywhere but on this machine it speaks TLS.
    pub listen: std::net::SocketAddr,
    /// The name it is reached by; passkeys belong to it.
    pub name: String,
    /// Whether it speaks TLS on this machine too.
    pub tls: bool,
    /// Its certificate, PEM; without one it makes its own.
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM.
    pub tls_key: Option<PathBuf>,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 7_117)),
            name: "localhost".into(),
            tls: false,
            tls_cert: None,
            tls_key: None,
        }
    }
}

/// Whether and where other machines report to this one's hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MachinesConfig {
    /// Where it listens for machines, such as `0.0.0.0:7118`; without it, it does not.
    pub listen: Option<std::net::SocketAddr>,
    /// How machines reach it, such as `hub.clinic.example:7118`.
    pub at: Option<String>,
}

/// Where `ringfort up` looks for models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// The folders; none, and it does not look.
    pub folders: Vec<PathBuf>,
    /// Seconds between two looks at what is new or changed.
    pub interval_s: u64,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        let folders = ["/home", "/root", "/srv", "/opt", "/data", "/usr/local", "/var/lib"];
        Self { folders: folders.map(PathBuf::from).into(), interval_s: 1_800 }
    }
}

/// The owner's wishes for one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedConfig {
    /// The address to fetch it from, in place of the official one.
    pub url: Option<String>,
    /// `false` leaves the feed out.
    pub enabled: Option<bool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: default_data_dir(),
            scan_interval_s: 6 * 3_600,
            metadata_age_max_s: 6 * 3_600,
            events_bytes_max: 2 << 30,
            events_days_max: 90,
            contacts: Vec::new(),
            site: SiteConfig { fleet_size: 1, ..SiteConfig::default() },
            page: PageConfig::default(),
            machines: MachinesConfig::default(),
            models: ModelsConfig::default(),
            feeds: BTreeMap::new(),
        }
    }
}

fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/ringfort");
    }
    xdg("XDG_DATA_HOME", ".local/share").join("ringfort")
}

/// The folder of the user's own configuration and key.
pub fn user_config_dir() -> PathBuf {
    xdg("XDG_CONFIG_HOME", ".config").join("ringfort")
}

fn xdg(variable: &str, below_home: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os(variable).filter(|dir| Path::new(dir).is_absolute()) {
        return PathBuf::from(dir);
    }
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    Path::new(&home).join(below_home)
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "origin", content = "at", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Values by dotted key, each with its origin.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

const SYSTEM_FILE: &str = "/etc/ringfort/ringfort.toml";

impl Layers {
    /// The layers for a process of the user: system file, user file (or the one named by
    /// `--config`, which replaces both), environment.
    pub fn for_user(
        explicit: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let mut layers = Self::default();
        if let Some(path) = explicit {
            layers.add_file(path, true)?;
        } else {
            layers.add_file(Path::new(SYSTEM_FILE), false)?;
            layers.add_file(&user_config_dir().join("ringfort.toml"), false)?;
        }
        layers.add_environment(environment)?;
        Ok(layers)
    }

    /// The layers for the executor: the system's file (or one given by whoever started it as
    /// root), which nobody but root may be able to write.
    pub fn for_executor(explicit: Option<&Path>) -> Result<Self, Failure> {
        let path = explicit.unwrap_or_else(|| Path::new(SYSTEM_FILE));
        let mut layers = Self::default();
        if path.exists() {
            check_only_root_writes(path)?;
        }
        layers.add_file(path, explicit.is_some())?;
        Ok(layers)
    }

    fn add_file(&mut self, path: &Path, required: bool) -> Result<(), Failure> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
                return Ok(());
            }
            other => other.or_hint(
                format!("cannot read the configuration `{}`", path.display()),
                "check the path and its permissions",
            )?,
        };
        let table: Table = toml::from_str(&text).map_err(|error| {
            Failure::usage(
                format!("`{}` is not valid TOML: {error}", path.display()),
                "mend the line that is named, then run `ringfort config show`",
            )
        })?;
        let origin = Origin::File(path.to_path_buf());
        flatten("", &Value::Table(table), &mut |key, value| {
            self.values.insert(key, (value, origin.clone()));
        });
        self.build().map(|_| ())
    }

    fn add_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(), Failure> {
        // These name other things: test data, key material, the child role of a process.
        const OTHERS: [&str; 6] = [
            "RINGFORT_CORPUS",
            "RINGFORT_TEST_ROOTS",
            "RINGFORT_KILL_ROUNDS",
            "RINGFORT_PASSPHRASE_FILE",
            "RINGFORT_CONFIG",
            "RINGFORT_LOG",
        ];
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix("RINGFORT_") else { continue };
            if OTHERS.contains(&name.as_str()) || rest.starts_with("TEST_") {
                continue;
            }
            let key = rest.to_lowercase().replace("__", ".");
            self.set(&key, &text, Origin::Environment(name))?;
        }
        Ok(())
    }

    /// Sets one key from text, reading it as TOML where that gives the right type.
    pub fn set(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), Failure> {
        let as_text = Value::String(text.to_owned());
        let as_toml = toml::from_str::<Table>(&format!("v = {text}"))
            .ok()
            .and_then(|mut table| table.remove("v"));
        let before = self.values.clone();
        let mut last = None;
        for value in as_toml.into_iter().chain([as_text]) {
            self.values.insert(key.to_owned(), (value, origin.clone()));
            match self.build() {
                Ok(_) => return Ok(()),
                Err(failure) => last = Some(failure),
            }
            self.values.clone_from(&before);
        }
        Err(last.unwrap_or_else(|| Failure::usage(format!("`{key}` cannot be set"), "")))
    }

    /// The typed configuration.
    pub fn build(&self) -> Result<Config, Failure> {
        let mut root = Table::new();
        for (key, (value, _)) in &self.values {
            insert(&mut root, key, value.clone());
        }
        let mut merged = Value::try_from(Config::default())
            .or_hint("the default configuration does not serialise", "report this as a defect")?;
        merge(&mut merged, Value::Table(root));
        merged.try_into::<Config>().map_err(|error| {
            let text = error.to_string();
            let culprit = self.culprit(&text);
            Failure::usage(
                format!("the configuration is wrong{culprit}: {}", text.trim()),
                "`ringfort config show --origin` lists every key with its value and origin",
            )
        })
    }

    fn culprit(&self, error: &str) -> String {
        let named = |key: &&String| {
            let last = key.rsplit('.').next().unwrap_or(key);
            error.contains(&format!("`{last}`"))
        };
        self.values
            .keys()
            .find(named)
            .map_or_else(String::new, |key| format!(" at `{key}` ({})", self.origin(key)))
    }

    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.values.get(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// Every key of a configuration with its value, dotted and sorted.
pub fn keys(config: &Config) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    if let Ok(value) = Value::try_from(config) {
        flatten("", &value, &mut |key, value| {
            keys.insert(key, value);
        });
    }
    keys
}

fn flatten(prefix: &str, value: &Value, out: &mut dyn FnMut(String, Value)) {
    match value {
        Value::Table(table) => {
            for (name, inner) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, inner, out);
            }
        }
        other => out(prefix.to_owned(), other.clone()),
    }
}

fn insert(root: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            root.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = root.entry(head.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(table) = inner {
                insert(table, rest, value);
            }
        }
    }
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Table(base), Value::Table(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(inner) => merge(inner, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn check_only_root_writes(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;
    let help = format!("run `chown root:root {0} && chmod 644 {0}`", path.display());
    let meta =
        std::fs::metadata(path).or_hint("cannot read the executor's configuration", &help)?;
    let root_process = rustix::process::geteuid().is_root();
    if root_process && (meta.uid() != 0 || meta.mode() & 0o022 != 0) {
        let message = format!("`{}` can be written by others than root", path.display());
        return Err(Failure::new(message, help));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        pairs.into_iter()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ringfort.toml");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn later_layers_win_and_origins_are_kept() {
        let (_dir, path) = file("scan_interval_s = 60\n[site]\nprofile = \"clinic\"\n");
        let variables = environment(&[("RINGFORT_SCAN_INTERVAL_S", "90")]);
        let mut layers = Layers::for_user(Some(&path), variables).unwrap();
        layers.set("data_dir", "/srv/ringfort", Origin::Flag("--data-dir".into())).unwrap();
        let config = layers.build().unwrap();
        assert_eq!(config.scan_interval_s, 90);
        assert_eq!(config.site.profile, spine::Profile::Clinic);
        assert_eq!(config.data_dir, PathBuf::from("/srv/ringfort"));
        let origin = layers.origin("scan_interval_s");
        assert_eq!(origin, Origin::Environment("RINGFORT_SCAN_INTERVAL_S".into()));
        assert_eq!(layers.origin("site.profile"), Origin::File(path));
        assert_eq!(layers.origin("site.fleet_size"), Origin::Default);
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_errors_that_name_the_key() {
        for text in ["scan_intervall_s = 1", "[site]\nprofil = \"x\"", "scan_interval_s = \"x\""] {
            let (_dir, path) = file(text);
            let failure = Layers::for_user(Some(&path), environment(&[])).unwrap_err();
            assert_eq!(failure.exit, crate::failure::Exit::Usage, "{text}");
            assert!(!failure.help.is_empty());
        }
        let failure =
            Layers::for_user(None, environment(&[("RINGFORT_NONSENSE", "1")])).unwrap_err();
        assert!(failure.message.contains("nonsense"), "{}", failure.message);
    }

    #[test]
    fn the_executor_takes_nothing_from_a_file_that_others_can_write() {
        use std::os::unix::fs::PermissionsExt as _;
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: needs root");
            return;
        }
        let (_dir, path) = file("scan_interval_s = 60\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Layers::for_executor(Some(&path)).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Layers::for_executor(Some(&path)).is_ok());
    }
}
