//! Paths that matter: files that hold secrets, and places from which code runs by itself.

/// Files that hold secrets, or that run by themselves.
pub fn is_sensitive(path: &str) -> bool {
    const PARTS: &[&str] = &[
        "/etc/passwd",
        "/etc/shadow",
        ".ssh",
        "id_rsa",
        "id_ed25519",
        ".aws",
        "credentials",
        ".kube/config",
        ".docker/config",
        ".netrc",
        ".git-credentials",
        ".npmrc",
        ".pypirc",
        "huggingface/token",
        ".bash_history",
        "Login Data",
        "Cookies",
        "keychain",
        "wallet",
        "/proc/self/environ",
        ".env",
        ".cache/huggingface/stored_tokens",
        ".config/gcloud",
        ".azure",
        ".gnupg",
        ".password-store",
        ".mozilla/firefox",
        ".config/google-chrome",
        "Local State",
        "known_hosts",
        "/proc/1/environ",
        "/var/run/secrets",
        "/run/secrets",
        ".zsh_history",
        ".python_history",
        ".config/gh/hosts",
        "/etc/sudoers",
        ".mysql_history",
        ".pgpass",
        ".boto",
        ".s3cfg",
        "docker.sock",
        "metamask",
        "Keychains",
    ];
    PARTS.iter().any(|part| {
        path.contains(part)
            && (part.len() > 4
                || path.ends_with(part)
                || path.contains(".ssh")
                || path.contains(".aws"))
    })
}

/// Places from which code runs by itself, later.
pub fn is_persistent(path: &str) -> bool {
    const PARTS: &[&str] = &[
        ".bashrc",
        ".bash_profile",
        ".zshrc",
        ".profile",
        "/etc/",
        "crontab",
        "cron.d",
        "authorized_keys",
        "autostart",
        "systemd",
        "LaunchAgents",
        "Startup",
        "sitecustomize",
        "usercustomize",
        ".pth",
        "rc.local",
        "init.d",
        "/usr/bin",
        "/usr/local/bin",
        "/usr/lib",
        "/usr/sbin",
        "/sbin/",
        ".local/bin",
        ".config/fish",
        ".zprofile",
        ".zshenv",
        ".bash_login",
        ".bash_logout",
        ".inputrc",
        ".vimrc",
        ".pythonrc",
        ".pythonstartup",
        ".ipython/profile_default",
        "ipython_config",
        "jupyter_notebook_config",
        ".gitconfig",
        ".git/hooks",
        "pip.conf",
        "pip.ini",
        ".condarc",
        ".xinitrc",
        ".xprofile",
        "LaunchDaemons",
        "CurrentVersion/Run",
        "CurrentVersion\\Run",
        "ld.so.preload",
        "sudoers",
        "site-packages",
    ];
    PARTS.iter().any(|part| path.contains(part)) && !path.ends_with(".pth.tar") && !is_weights(path)
}

/// `.pth` is also what people call PyTorch's weights.
fn is_weights(path: &str) -> bool {
    path.ends_with(".pth") && !path.contains("site-packages")
}

/// Whether a path is somebody's home folder itself, or the root of everything.
pub fn is_home(path: &str) -> bool {
    let path = path.trim_end_matches(['/', '\\', '*']);
    matches!(path, "~" | "" | "/home" | "/root" | "/Users" | "C:\\Users" | "C:" | "$HOME" | "/etc")
}

/// Whether a file is code that something runs by its name.
pub fn is_code_file(path: &str) -> bool {
    let lower = path.to_lowercase();
    let file = lower.rsplit(['/', '\\']).next().unwrap_or(&lower);
    [
        ".py", ".pyc", ".so", ".sh", ".dll", ".dylib", ".bat", ".ps1", ".vbs", ".service",
        ".plist", ".desktop", ".exe", ".timer",
    ]
    .iter()
    .any(|ending| file.ends_with(ending))
}
