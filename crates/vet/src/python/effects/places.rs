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
        "site-packages",
    ];
    PARTS.iter().any(|part| path.contains(part)) && !path.ends_with(".pth.tar") && !is_weights(path)
}

/// `.pth` is also what people call PyTorch's weights.
fn is_weights(path: &str) -> bool {
    path.ends_with(".pth") && !path.contains("site-packages")
}
